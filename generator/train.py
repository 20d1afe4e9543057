"""`python -m generator.train --preset nano --out DIR`: from nothing to a weights folder, on a CPU, resumably.

Stages, each kept in DIR as it is reached: rendered crops, autoencoder, latent pool, the decoder once more,
text encoder and transformer, `DIR/weights`. Started again with the same DIR it goes on where it was. Losses are
logged in `DIR/log.jsonl` and drawn in `DIR/losses.svg`.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from core.errors import UsageError
from generator.embedded.config import PRESETS, ModelConfig
from generator.embedded.model import Denoiser, EmbeddedModel
from generator.embedded.text import WordTokenizer
from generator.embedded.vae import CausalVAE
from generator.embedded.weights import load_model, save_model
from generator.scenes.worlds import world_named
from generator.training.dit_stage import train_denoiser
from generator.training.latents import make_pools
from generator.training.plots import draw_losses
from generator.training.run import Paused, Run
from generator.training.vae_stage import train_decoder, train_vae

_TRIAL_SHARE = 0.1
"""Under this share of its minutes a run is a trial, which renders the same share of its preset's scenes."""


@dataclass(frozen=True)
class Budget:
    """How much of everything a preset's training takes. Minutes of steps; rendering comes on top."""

    vae_minutes: float
    decoder_minutes: float
    denoiser_minutes: float
    crop_scenes: int
    clips: int
    stills: int

    def scenes_for(self, share: float) -> "Budget":
        """The same with the scenes of a run that takes `share` of the minutes."""
        if share >= _TRIAL_SHARE:
            return self
        few = {name: max(8, round(getattr(self, name) * share)) for name in ("crop_scenes", "clips", "stills")}
        return replace(self, **few)


ALIASES = {"small": "large"}
"""Other names of presets."""

BUDGETS = {
    "nano": Budget(12.5, 6.0, 40.0, 900, 2000, 5000),
    "smoke": Budget(0.3, 0.1, 0.4, 24, 48, 96),
    "large": Budget(7.0, 2.0, 13.0, 6_000, 16_000, 16_000),
}


def train(
    preset: str,
    out: Path,
    *,
    minutes: float | None = None,
    seed: int = 0,
    quiet: bool = False,
    start: Path | None = None,
    retrain_vae: bool = False,
    device: str = "cpu",
    pause_after_s: float | None = None,
) -> str:
    """Train `preset` into `out`/weights; returns the model's digest. `minutes` scales the stages' budgets.

    `start` is a weights folder of the same widths to go on from: its words keep their meaning, words it never heard
    and blocks it never had are added. Its autoencoder's encoder and scale are kept unless `retrain_vae`. Raises
    `generator.training.run.Paused` after `pause_after_s` of wall time; the same call goes on from there. The preset
    "large" is also called "small".
    """
    preset = ALIASES.get(preset, preset)
    if preset not in PRESETS:
        known = ", ".join([*PRESETS, *ALIASES])
        raise UsageError(f"no preset named {preset!r}", code="unknown_preset", hint=f"one of: {known}")
    config, budget = PRESETS[preset], BUDGETS[preset]
    share = (
        1.0
        if minutes is None
        else minutes / (budget.vae_minutes + budget.decoder_minutes + budget.denoiser_minutes)
    )
    # Compiling costs minutes, which a small preset's whole training does not take.
    run = Run(out, seed, compiled=preset != "smoke", quiet=quiet, device=device, pause_after_s=pause_after_s)
    try:
        return _stages(
            config, budget.scenes_for(share), share, run, load_model(start)[0] if start else None, retrain_vae
        )
    finally:
        draw_losses(out)


def _stages(
    config: ModelConfig, budget: Budget, share: float, run: Run, start: EmbeddedModel | None, retrain_vae: bool
) -> str:
    vae = grown_vae(config, start) if start else None
    keeps_latents = vae is not None and not retrain_vae
    if vae is None or retrain_vae:
        vae = train_vae(config, run, budget.vae_minutes * share, budget.crop_scenes, vae)
    pools = make_pools(config, vae, run, budget.clips, budget.stills, has_scale=keeps_latents)
    train_decoder(config, run, vae, budget.decoder_minutes * share, budget.crop_scenes)
    tokenizer = WordTokenizer(world_named(config.world).vocabulary())
    known = grown(config, start, tokenizer) if start else None
    denoiser = train_denoiser(config, pools, tokenizer, run, budget.denoiser_minutes * share, known)
    model = EmbeddedModel(config, tokenizer)
    model.vae.load_state_dict(vae.state_dict())
    model.denoiser.load_state_dict(denoiser.state_dict())
    return save_model(model, run.folder / "weights", is_small=config.name == "large")


def grown_vae(config: ModelConfig, start: EmbeddedModel) -> CausalVAE:
    """The autoencoder of a trained model with the preset's further blocks, which change nothing until they learn.

    Raises UsageError where the two differ in width.
    """
    vae = CausalVAE(config.vae)
    try:
        _, unknown = vae.load_state_dict(start.vae.state_dict(), strict=False)
    except RuntimeError as error:
        raise _other_sizes(config) from error
    if unknown:
        raise _other_sizes(config)
    return vae


def _other_sizes(config: ModelConfig) -> UsageError:
    return UsageError(
        f"the weights to start from have other sizes than the preset {config.name!r}",
        code="other_sizes",
        hint="start from weights of the same preset",
    )


def grown(config: ModelConfig, start: EmbeddedModel, tokenizer: WordTokenizer) -> Denoiser:
    """The denoiser of a trained model with more words and the preset's further parts.

    Known words keep their vectors, new ones are drawn; a layout changes nothing until it is learned. Raises
    UsageError where the two differ in width.
    """
    net = Denoiser(config, len(tokenizer))
    fresh = net.text.embed.weight.detach().clone()
    state = {**start.denoiser.state_dict()}
    old = state.pop("text.embed.weight")
    try:
        missing, unknown = net.load_state_dict({**state, "text.embed.weight": fresh}, strict=False)
    except RuntimeError as error:
        raise _other_sizes(config) from error
    if unknown or any(not name.startswith("dit.layout.") for name in missing):
        raise _other_sizes(config)
    with torch.no_grad():
        for index, row in enumerate(old):
            word = start.tokenizer.word(index)
            place = tokenizer.index(word)
            if place is not None:
                net.text.embed.weight[place] = row
    return net


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="generator.train", description=__doc__)
    parser.add_argument(
        "--preset",
        choices=sorted([*PRESETS, *ALIASES]),
        default="nano",
        help="nano: a CPU, scenes of shapes; large (or small, the same): a GPU, the wide world; smoke: two minutes",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and weights")
    parser.add_argument("--minutes", type=float, help="minutes of training steps in all, instead of the preset's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="a weights folder of the same sizes to go on from")
    parser.add_argument(
        "--retrain-vae", action="store_true", help="with --start: go on with the autoencoder as well"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--pause-after", type=float, help="wall minutes before it stops, to go on another time")
    parser.add_argument("--threads", type=int, default=0, help="torch threads; 0 leaves torch's choice")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    try:
        train(
            arguments.preset,
            arguments.out,
            minutes=arguments.minutes,
            seed=arguments.seed,
            start=arguments.start,
            retrain_vae=arguments.retrain_vae,
            device=arguments.device,
            pause_after_s=arguments.pause_after and arguments.pause_after * 60,
        )
    except Paused:
        sys.stdout.write(f"paused; the same command goes on from {arguments.out}\n")


if __name__ == "__main__":
    main()
