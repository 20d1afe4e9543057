"""Trains the autoencoder: reconstruction, and the promise that a decoded latent can be read back.

Loss = L1 + 2·MSE of the reconstruction from noisy latents + L1 of its changes from frame to frame, plus a
consistency term: the encoder, given the
reconstruction after imitated codec damage, must return the very latents, noise included. The consistency
term is what lets an initial-noise watermark survive the way to pixels and back. A second stage goes on with
the decoder alone, at the final normalisation: the latents the transformer learns on stay as they are. It gives
more of the noise back and draws a stronger grain for it; `KEPT_SHARE` of the weights before it are averaged in.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor, nn

from generator.embedded.config import ModelConfig
from generator.embedded.vae import CausalVAE
from generator.scenes.worlds import world_named
from generator.training.pool import CROP_FRAMES, CROPS_PER_SCENE, crops_for
from generator.training.run import Run, Stopwatch

CONSISTENCY_WEIGHT = 0.02
DECODER_CONSISTENCY_WEIGHT = 0.06
SIZE_WEIGHT = 0.003
CHANGE_WEIGHT = 1.0
PEAK_RATE = 1.2e-3
FURTHER_PEAK_RATE = 8e-4
DECODER_PEAK_RATE = 6e-4
STATISTICS_MOMENTUM = 0.02
KEPT_SHARE = 0.2
"""Of the decoder before its own stage in the one after (weights averaged, arXiv 2203.05482). Of the shipped model,
40 clips: warp error 4 % lower at .25, 7 % at .5; signs of the noise read back 57.1, 56.3, 55.4 % at 0, .25, .5."""
BATCH = 8

Losses = dict[str, Tensor]


def train_vae(
    config: ModelConfig, run: Run, minutes: float, scenes: int, start: CausalVAE | None = None
) -> CausalVAE:
    """A trained VAE after `minutes` of steps, from the run's checkpoint if there is one, else from `start`."""
    torch.manual_seed(run.seed)
    begun = CausalVAE(config.vae) if start is None else start.requires_grad_(True)
    vae: CausalVAE = begun.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    encoder, decoder = run.compile(vae.encoder), run.compile(vae.decoder)

    def losses(clip: Tensor, fraction: float) -> Losses:
        # One that has learned to see takes noise and read-back whole from its first step.
        return _autoencoder_losses(vae, encoder, decoder, clip, fraction if start is None else 1.0)

    rate = PEAK_RATE if start is None else FURTHER_PEAK_RATE
    _optimise(config, run, "vae", vae, vae, losses, rate, minutes, scenes)
    return vae


def train_decoder(config: ModelConfig, run: Run, vae: CausalVAE, minutes: float, scenes: int) -> None:
    """Go on with `vae`'s decoder for `minutes`, the encoder and so the latents held; average it with the old."""
    torch.manual_seed(run.seed + 1)
    before = [weight.detach().clone() for weight in vae.decoder.parameters()]
    vae.encoder.requires_grad_(False)
    # The encoder is not compiled again: it is the smaller half, and its two new graphs cost more than they save.
    encoder, decoder = vae.encoder, run.compile(vae.decoder)

    def losses(clip: Tensor, fraction: float) -> Losses:
        return _decoder_losses(vae, encoder, decoder, clip)

    _optimise(config, run, "decoder", vae, vae.decoder, losses, DECODER_PEAK_RATE, minutes, scenes)
    vae.encoder.requires_grad_(True)
    with torch.no_grad():
        for weight, old in zip(vae.decoder.parameters(), before, strict=True):
            weight.lerp_(old.to(weight.device), KEPT_SHARE)


def held_out_psnr(vae: CausalVAE, config: ModelConfig, count: int = 8) -> float:
    """Mean PSNR in dB of `count` clips of held-out scenes through encoder and decoder, at the noise floor."""
    total = 0.0
    draw = torch.Generator().manual_seed(0)
    world = world_named(config.world)
    for spec in world.held_out(count):
        frames = torch.from_numpy(world.clip(spec, config.frames, config.size_px))[None]
        with torch.no_grad():
            clip = to_unit(frames)
            z = vae.encode(clip)
            decoded = vae.decode(z + config.vae.noise_floor * torch.randn(z.shape, generator=draw))
        total += float(-10 * torch.log10(F.mse_loss(decoded, clip) / 4))
    return total / count


def to_unit(frames: Tensor) -> Tensor:
    """uint8 (B, F, H, W, 3) to float (B, 3, F, H, W) in -1..1."""
    return frames.permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def codec_damage(clip: Tensor) -> Tensor:
    """What a codec takes away, differentiably: fine detail of some clips, and a few grey levels everywhere."""
    blurred = F.interpolate(F.avg_pool3d(clip, (1, 2, 2)), scale_factor=(1, 2, 2), mode="nearest")
    keep, level = (torch.rand(clip.shape[0], 1, 1, 1, 1, device=clip.device) for _ in "kl")
    level = level * (5 / 127.5)
    mixed = clip * keep + blurred * (1 - keep)
    return mixed.clamp(-1, 1) + level * torch.randn_like(clip)


def _optimise(
    config: ModelConfig,
    run: Run,
    name: str,
    vae: CausalVAE,
    learner: nn.Module,
    losses: Callable[[Tensor, float], Losses],
    peak_rate: float,
    minutes: float,
    scenes: int,
) -> None:
    """Step `learner` (the VAE or a part of it) for `minutes`, with checkpoints of the whole VAE under `name`."""
    optimizer = torch.optim.AdamW(learner.parameters(), lr=peak_rate, betas=(0.9, 0.97), fused=True)
    spent, step = 0.0, 0
    vae.to(run.device)
    state = run.load(name)
    if state:
        vae.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        spent, step = state["spent_s"], state["step"]
    if spent >= minutes * 60:
        vae.to("cpu")
        return
    pool = _crop_pool(config, scenes, run)
    draw = torch.Generator().manual_seed(run.seed + step)
    watch = Stopwatch(run, name, minutes * 60, spent)
    going, is_first = True, True
    while going:
        for group in optimizer.param_groups:
            group["lr"] = peak_rate * _rate(watch.fraction, step)
        clip = to_unit(pool[torch.randint(len(pool), (BATCH,), generator=draw)].to(run.device))
        with run.mixed():
            found = losses(clip, watch.fraction)
        optimizer.zero_grad(set_to_none=True)
        found["loss"].backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        if is_first:
            watch.restart()
        step, is_first = step + 1, False
        going = watch.tick(f"{name} {step}: {found['psnr'].item():.1f} dB")
        if step % 20 == 0 or step == 1:
            run.log(name, step=step, spent_s=watch.spent_s, **{k: v.item() for k, v in found.items()})
        if step % 250 == 0 or not going:
            state = {"model": vae.state_dict(), "optimizer": optimizer.state_dict()}
            run.save(name, {**state, "spent_s": watch.spent_s, "step": step})
    vae.to("cpu")
    watch.stop()
    run.log(f"{name}_check", step=step, psnr_db=held_out_psnr(vae, config))


def _autoencoder_losses(
    vae: CausalVAE,
    encoder: Callable[[Tensor], Tensor],
    decoder: Callable[[Tensor], Tensor],
    clip: Tensor,
    fraction: float,
) -> Losses:
    raw = encoder(clip)
    _follow_statistics(vae, raw.detach().float())
    clean = vae.normalised(raw)
    # Both the noise and the promise to read it back come in slowly: first the codec must learn to see.
    floor = vae.config.noise_floor * min(0.2 + 2.5 * fraction, 1.0)
    z = clean + floor * torch.randn_like(clean)
    found = _reconstruction(vae.decoded(z, decoder), clip)
    found["loss"] = found["loss"] + SIZE_WEIGHT * clean.square().mean()
    weight = CONSISTENCY_WEIGHT * min(max(4 * fraction - 0.8, 0.0), 1.0)
    return _with_consistency(found, vae, encoder, z, weight)


def _decoder_losses(
    vae: CausalVAE, encoder: Callable[[Tensor], Tensor], decoder: Callable[[Tensor], Tensor], clip: Tensor
) -> Losses:
    with torch.no_grad():
        clean = vae.normalised(encoder(clip))
    z = clean + vae.config.noise_floor * torch.randn_like(clean)
    # The change from frame to frame is left out here: it would have the grain, which carries the noise, fade.
    found = _reconstruction(vae.decoded(z, decoder), clip, change_weight=0.0)
    return _with_consistency(found, vae, encoder, z, DECODER_CONSISTENCY_WEIGHT)


def _reconstruction(decoded: Tensor, clip: Tensor, change_weight: float = CHANGE_WEIGHT) -> Losses:
    squared = F.mse_loss(decoded, clip)
    # Without a word for change, what flies within a group of frames is drawn as if it stood.
    change = F.l1_loss(decoded.diff(dim=2), clip.diff(dim=2))
    loss = F.l1_loss(decoded, clip) + 2 * squared + change_weight * change
    return {"loss": loss, "psnr": -10 * torch.log10(squared.detach() / 4), "decoded": decoded}


def _with_consistency(
    found: Losses, vae: CausalVAE, encoder: Callable[[Tensor], Tensor], z: Tensor, weight: float
) -> Losses:
    """Adds the read-back term, over half the batch to save time; 1.0 is an error as large as the noise floor."""
    decoded = found.pop("decoded")
    if weight <= 0:
        return found
    half = max(len(z) // 2, 1)
    again = vae.normalised(encoder(codec_damage(decoded[:half])))
    consistency = F.mse_loss(again, z[:half]) / vae.config.noise_floor**2
    return {**found, "loss": found["loss"] + weight * consistency, "consistency": consistency.detach()}


def _follow_statistics(vae: CausalVAE, raw: Tensor) -> None:
    """Slow averages, not a batch's own: eight crops are too few to tell a dark night from a dim channel."""
    mean = raw.mean((0, 2, 3, 4))
    square = (raw - vae.mean.view(1, -1, 1, 1, 1)).square().mean((0, 2, 3, 4))
    vae.mean.lerp_(mean, STATISTICS_MOMENTUM)
    vae.std.copy_((vae.std.square().lerp(square, STATISTICS_MOMENTUM)).sqrt())


def _crop_pool(config: ModelConfig, scenes: int, run: Run) -> Tensor:
    """Rendered crops (N, 5, crop, crop, 3) uint8, kept in the run's folder."""
    crop_px = min(128, config.size_px)
    kept = run.folder / "crops.npy"
    if kept.exists():
        return torch.from_numpy(np.load(kept))
    pool = torch.empty((scenes * CROPS_PER_SCENE, CROP_FRAMES, crop_px, crop_px, 3), dtype=torch.uint8)
    seeds = range(run.seed * 10_000_000, run.seed * 10_000_000 + scenes)
    cut = crops_for(config, seeds, crop_px, run.device)
    for index, few in enumerate(track(cut, "render crops", total=scenes, disable=run.quiet)):
        pool[index * CROPS_PER_SCENE : (index + 1) * CROPS_PER_SCENE] = torch.from_numpy(few)
    run.folder.mkdir(parents=True, exist_ok=True)
    np.save(kept, pool.numpy())
    return pool


def _rate(fraction: float, step: int) -> float:
    """Share of the peak rate: warm up over 60 steps, then a cosine down to a fiftieth."""
    return min((step + 1) / 60, 1.0) * (0.02 + 0.49 * (1 + math.cos(math.pi * fraction)))
