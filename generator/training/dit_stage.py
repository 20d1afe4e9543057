"""Trains text encoder and transformer on the latent pool: first frames alone, then whole clips.

The loss compares the predicted clean latents with the encoder's own mean, so the noise floor's variance
never enters; its weight t / spread² stands between plain and velocity weighting.

Where the preset's sampling holds a guidance h, a prompt's target is moved on by (1 - 1/h)·(text - nothing) of the
network's own answers, whose fixed point is nothing + h·(text - nothing): sampling then takes one pass for a step
instead of two (model guidance, arXiv 2502.12154).
"""

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from generator.embedded.conditioning import draw_known, latent_frames_of, token_frames, token_times
from generator.embedded.config import ModelConfig
from generator.embedded.flow import draw_times, spread
from generator.embedded.layout import Layout, drawn_from
from generator.embedded.model import Denoiser
from generator.embedded.text import WordTokenizer
from generator.training.latents import LatentPool
from generator.training.run import Run, Stopwatch

TRAINING_SHIFT = 8.0
GUIDANCE_DROPOUT = 0.1
EMA_DECAY = 0.995
PEAK_RATE = 1.2e-3

Forward = Callable[[Tensor, Tensor, Tensor, Layout | None], Tensor]
Stage = tuple[float, int, int]
"""(share of the time, latent frames, batch)."""


def stages_for(config: ModelConfig) -> tuple[Stage, ...]:
    """Growing lengths: what a word means is learned on single frames, at a seventh of a clip's cost."""
    frames = config.latent_shape[1]
    return ((0.25, 1, 64), (0.75, frames, 16))


def train_denoiser(
    config: ModelConfig,
    pools: tuple[LatentPool, LatentPool],
    tokenizer: WordTokenizer,
    run: Run,
    minutes: float,
    start: Denoiser | None = None,
) -> Denoiser:
    """The weights' moving average after `minutes`; goes on from the run's checkpoint if there is one, else from
    `start`.

    `pools` are stills and clips, as `make_pools` gives them.
    """
    torch.manual_seed(run.seed)
    net = copy.deepcopy(start).requires_grad_(True) if start else Denoiser(config, len(tokenizer))
    net = net.to(run.device)
    stages = stages_for(config)
    average = copy.deepcopy(net).requires_grad_(False)
    optimizer = torch.optim.AdamW(_groups(net), lr=PEAK_RATE, betas=(0.9, 0.97), fused=True)
    spent, step = _resumed(run, net, average, optimizer)
    for block in net.dit.blocks:
        run.compile_in_place(block)
    watch = Stopwatch(run, "transformer", minutes * 60, spent)
    rng = np.random.default_rng(run.seed + step)
    draw = torch.Generator().manual_seed(run.seed + step)
    mean_loss, previous = 0.0, -1
    going = watch.spent_s < watch.budget_s
    while going:
        frames, batch = _stage_at(stages, watch.fraction)
        rate = PEAK_RATE * _schedule(watch.fraction, step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with run.mixed():
            loss = _loss(config, net, pools[frames > 1], tokenizer, frames, batch, rng, draw, run.device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        _follow(average, net, min(EMA_DECAY, (step + 1) / (step + 10)))
        if frames != previous and previous < 0:
            watch.restart()
        step += 1
        mean_loss = loss.item() if frames != previous else 0.98 * mean_loss + 0.02 * loss.item()
        previous = frames
        going = watch.tick(f"transformer {step}, {frames} frames: {mean_loss:.4f}")
        if step % 10 == 0 or step == 1:
            run.log("denoiser", step=step, spent_s=watch.spent_s, frames=frames, loss=mean_loss, rate=rate)
        if step % 250 == 0 or not going:
            model = {
                "model": net.state_dict(),
                "average": average.state_dict(),
                "optimizer": optimizer.state_dict(),
            }
            run.save("denoiser", {**model, "spent_s": watch.spent_s, "step": step})
    watch.stop()
    return average.to("cpu")


def _resumed(run: Run, net: Denoiser, average: Denoiser, optimizer: torch.optim.Optimizer) -> tuple[float, int]:
    """Take up the run's checkpoint, if there is one: seconds spent, and steps done."""
    state = run.load("denoiser")
    if state is None:
        return 0.0, 0
    net.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return state["spent_s"], state["step"]


def _loss(
    config: ModelConfig,
    forward: Forward,
    pool: LatentPool,
    tokenizer: WordTokenizer,
    frames: int,
    batch: int,
    rng: np.random.Generator,
    draw: torch.Generator,
    device: str = "cpu",
) -> Tensor:
    rows = rng.integers(len(pool.specs), size=batch).tolist()
    clean = pool.latents[rows, :, :frames].float().to(device)
    texts = ["" if rng.random() < GUIDANCE_DROPOUT else text for text in pool.captions(rows, rng)]
    ids = tokenizer.batch(texts, config.text.max_tokens).to(device)
    layout = _given_layout(config, pool, tokenizer, rows, texts, draw, device)
    floor = config.vae.noise_floor
    t = draw_times(batch, TRAINING_SHIFT, draw).to(device)
    wide = t.view(-1, 1, 1, 1, 1)
    noisy = (1 - wide) * clean + spread(wide, floor) * torch.randn(clean.shape, generator=draw).to(device)
    weight = t / spread(t, floor) ** 2
    nothing = tokenizer.batch([""] * batch, config.text.max_tokens).to(device)
    if frames == 1:
        told = forward(noisy, t, ids, layout)
        wanted = clean + _guided(config, forward, told, noisy, t, nothing)
        return (weight * (told - wanted).square().mean((1, 2, 3, 4))).mean()
    known = draw_known(batch, token_frames(config), draw).to(device)
    given = latent_frames_of(known, config)
    noisy = torch.where(given[:, None, :, None, None], clean, noisy)
    times = token_times(t, known, config)
    told = forward(noisy, times, ids, layout)
    wanted = clean + _guided(config, forward, told, noisy, times, nothing)
    squared = (told - wanted).square().mean((1, 3, 4))
    sampled = (~given).float()
    return (weight * (squared * sampled).sum(1) / sampled.sum(1)).mean()


@torch.no_grad()
def _guided(
    config: ModelConfig, forward: Forward, told: Tensor, noisy: Tensor, times: Tensor, nothing: Tensor
) -> Tensor:
    """What a target is moved by so that the answers hold the preset's guidance. Nothing's own answer is not moved:
    there both are the same."""
    share = 1 - 1 / config.sampling.held_guidance
    return share * (told - forward(noisy, times, nothing, None)) if share else torch.zeros_like(told)


def _given_layout(
    config: ModelConfig,
    pool: LatentPool,
    tokenizer: WordTokenizer,
    rows: list[int],
    texts: list[str],
    draw: torch.Generator,
    device: str,
) -> Layout | None:
    """Some of the truth about the rows; nothing beside an empty text, which is what guidance steers away from."""
    if not config.takes_layout:
        return None
    layout = drawn_from(pool.layouts(rows, config, tokenizer), draw)
    is_told = torch.tensor([bool(text) for text in texts])
    return layout.without(is_told[:, None].expand(-1, layout.has_thing.shape[1]), is_told).to(device)


def _groups(net: nn.Module) -> list[dict[str, object]]:
    """Weight decay on matrices only."""
    named = list(net.named_parameters())
    matrices = [p for name, p in named if p.ndim == 2 and "embed.weight" not in name and "table" not in name]
    chosen = {id(p) for p in matrices}
    rest = [p for _, p in named if id(p) not in chosen]
    return [{"params": matrices, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0.0}]


def _stage_at(stages: tuple[Stage, ...], fraction: float) -> tuple[int, int]:
    for share, frames, batch in stages:
        if fraction < share:
            return frames, batch
        fraction -= share
    return stages[-1][1:]


def _schedule(fraction: float, step: int) -> float:
    """Warm up over 100 steps, hold, and fall linearly over the last 40 % of the time."""
    return min((step + 1) / 100, 1.0) * min((1.02 - fraction) / 0.4, 1.0)


def _follow(average: nn.Module, net: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for kept, new in zip(average.parameters(), net.parameters(), strict=True):
            kept.lerp_(new, 1 - decay)
