"""Training from nothing: the smoke preset learns, resumes, and its weights load."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import UsageError
from generator.embedded.backend import EmbeddedBackend
from generator.embedded.config import SMOKE
from generator.embedded.model import EmbeddedModel
from generator.embedded.text import WordTokenizer
from generator.port import GenerationRequest
from generator.train import grown, grown_vae, train
from generator.training.dit_stage import stages_for
from generator.training.plots import draw_losses, losses
from generator.training.run import Paused, Run, Stopwatch
from generator.training.vae_stage import KEPT_SHARE, codec_damage, train_decoder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Two threads of so small a network wait for each other more than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_the_decoders_own_stage_keeps_a_share_of_what_it_was(tmp_path: Path, tiny_model: EmbeddedModel) -> None:
    """What comes out lies between the decoder before and the one that the stage's checkpoint holds."""
    vae, run = copy.deepcopy(tiny_model.vae).requires_grad_(True), Run(tmp_path, compiled=False, quiet=True)
    before = copy.deepcopy(vae.decoder.state_dict())
    train_decoder(SMOKE, run, vae, 0.01, 4)
    learnt = torch.load(tmp_path / "decoder.pt", weights_only=True)["model"]
    for name, weight in vae.decoder.state_dict().items():
        mixed = KEPT_SHARE * before[name] + (1 - KEPT_SHARE) * learnt[f"decoder.{name}"]
        assert torch.allclose(weight, mixed, atol=1e-6)
    assert not torch.allclose(vae.decoder.head.weight, before["head.weight"])


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_smoke_training_learns_and_resumes(tmp_path: Path) -> None:
    """Under two minutes: both stages' losses fall, the weights load, and a second call finds nothing left to do."""
    digest = train("smoke", tmp_path, minutes=0.7, quiet=True)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    psnr = [line["psnr"] for line in lines if line["stage"] == "vae"]
    fallen = [line["loss"] for line in lines if line["stage"] == "denoiser" and line["frames"] > 1]
    assert psnr[-1] > psnr[0] + 1
    assert fallen[-1] < 0.9 * fallen[0]
    assert "denoiser, clips" in (tmp_path / "losses.svg").read_text()

    backend = EmbeddedBackend.load(folder=tmp_path / "weights")
    assert backend.model.digest == digest
    request = GenerationRequest("a red ball")
    noise = np.zeros(backend.latent_spec(request).shape, np.float32)
    assert backend.generate(request, noise).clip.to_array().shape == (9, 64, 64, 3)

    assert train("smoke", tmp_path, minutes=0.7, quiet=True) == digest


def test_losses_are_drawn_by_stage(tmp_path: Path) -> None:
    """A panel for each stage, stills and clips apart; a torn line, or no log at all, is no failure."""
    assert draw_losses(tmp_path) is None
    run = Run(tmp_path, quiet=True)
    run.log("vae", spent_s=60.0, loss=0.5, psnr=20.0)
    run.log("vae_check", psnr_db=27.0)
    for frames in (1, 7):
        run.log("denoiser", spent_s=30.0, loss=0.4, frames=frames)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"stage": "deno')
    assert losses(tmp_path / "log.jsonl") == {
        "vae": [(1.0, 0.5)],
        "denoiser, stills": [(0.5, 0.4)],
        "denoiser, clips": [(0.5, 0.4)],
    }
    picture = draw_losses(tmp_path)
    assert picture is not None
    assert picture.read_text().count("loss over minutes") == 3


def test_stages_fill_the_time() -> None:
    """The shares of the transformer's stages add up to one, and the last is whole clips."""
    stages = stages_for(SMOKE)
    assert sum(share for share, _, _ in stages) == pytest.approx(1.0)
    assert stages[-1][1] == SMOKE.latent_shape[1]


def test_codec_damage_is_small_and_differentiable() -> None:
    """The imitated codec keeps flat pictures within a few grey levels and lets gradients through."""
    torch.manual_seed(0)
    clip = torch.full((2, 3, 2, 16, 16), 0.25, requires_grad=True)
    damaged = codec_damage(clip)
    assert float((damaged - clip).detach().abs().mean()) < 5 / 127.5
    damaged.sum().backward()
    assert clip.grad is not None
    assert float(clip.grad.abs().sum()) > 0


def test_an_unknown_preset_is_refused(tmp_path: Path) -> None:
    """A preset that does not exist is refused before anything is written."""
    with pytest.raises(UsageError):
        train("enormous", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_had_its_time_pauses(tmp_path: Path) -> None:
    """Past its wall time a stage stops ticking, and ending it unfinished raises what is shown as a pause."""
    watch = Stopwatch(Run(tmp_path, quiet=True, pause_after_s=0.0), "stage", 100.0)
    assert not watch.tick("first step")
    with pytest.raises(Paused):
        watch.stop()
    finished = Stopwatch(Run(tmp_path, quiet=True), "stage", 0.0)
    finished.stop()


def test_words_keep_their_meaning_when_more_are_learned(tiny_model: EmbeddedModel) -> None:
    """A model that goes on with more words gives the same for a prompt of old ones."""
    words = [*reversed(tiny_model.tokenizer.words), "zebra"]
    tokenizer = WordTokenizer(words)
    more = grown(SMOKE, tiny_model, tokenizer).eval()
    x = torch.randn(1, *SMOKE.latent_shape, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([0.5])
    prompt = ["a red ball bounces"]
    with torch.no_grad():
        before = tiny_model.denoiser(x, t, tiny_model.token_ids(prompt))
        after = more(x, t, tokenizer.batch(prompt, SMOKE.text.max_tokens))
    assert torch.allclose(before, after, atol=1e-5)


def test_further_blocks_change_nothing_until_they_learn(tiny_model: EmbeddedModel) -> None:
    """A grown autoencoder encodes and decodes as before; one of other widths is refused."""
    wider = replace(SMOKE, vae=replace(SMOKE.vae, encoder_blocks=(1, 2), decoder_blocks=(2, 2)))
    vae = grown_vae(wider, tiny_model).eval()
    clip = torch.rand(1, 3, SMOKE.frames, SMOKE.size_px, SMOKE.size_px) * 2 - 1
    with torch.no_grad():
        z = tiny_model.vae.encode(clip)
        assert torch.allclose(vae.encode(clip), z, atol=1e-5)
        assert torch.allclose(vae.decode(z), tiny_model.vae.decode(z), atol=1e-5)
    for other in (replace(SMOKE.vae, channels=4), replace(SMOKE.vae, encoder_blocks=(0, 0))):
        with pytest.raises(UsageError, match="other sizes"):
            grown_vae(replace(SMOKE, vae=other), tiny_model)
