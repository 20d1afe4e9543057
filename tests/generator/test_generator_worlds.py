"""One model, either world: shapes draw what they drew, and the wide world trains, lays out and plans as they do."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from core.errors import ConfigurationError
from generator import train as training
from generator.embedded.backend import EmbeddedBackend
from generator.embedded.config import LARGE, NANO, SMOKE, ModelConfig, VAEConfig
from generator.embedded.directing import directed
from generator.embedded.layout import INSTANTS, instants_of, layout_of
from generator.embedded.text import PAD, WordTokenizer
from generator.embedded.weights import load_model
from generator.guide import CameraPose, Guide, Stroke
from generator.port import GenerationRequest
from generator.scenes import world
from generator.scenes.world import WorldSpec
from generator.scenes.world.spec import COLOURS
from generator.scenes.worlds import WIDE, WORLDS, world_named
from generator.training.latents import make_pools
from generator.training.pool import CROP_FRAMES, CROPS_PER_SCENE, crops_for, rendered_batches
from generator.training.run import Run

_GOLDEN = Path(__file__).resolve().parents[1] / "golden"
_TINY = replace(SMOKE, name="large", world="wide", size_px=32, frames=5, fps=24)
_WORDS = WordTokenizer(WIDE.vocabulary())


def _made_again() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_shapes_vectors", _GOLDEN / "make_shapes_vectors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_world_of_shapes_is_what_it_was() -> None:
    """Its draws, captions and vocabulary to the letter, its pixels to a last bit: shipped weights rest on them."""
    kept, again = json.loads((_GOLDEN / "shapes_vectors.json").read_text()), _made_again().vectors()
    assert again["specs_and_captions_sha256"] == kept["specs_and_captions_sha256"]
    assert again["vocabulary_sha256"] == kept["vocabulary_sha256"]
    away = np.abs(np.array(again["frames"]) - np.array(kept["frames"]))
    assert away.max() <= 1
    assert away.mean() < 0.01


def test_a_config_from_before_means_shapes(tmp_path: Path) -> None:
    """Weights from before there were two worlds were trained on shapes; only the large preset learns the wide."""
    values = NANO.to_json()
    del values["world"]
    assert ModelConfig.from_json(values) == NANO
    assert (NANO.world, SMOKE.world, LARGE.world) == ("shapes", "shapes", "wide")
    assert ModelConfig.from_json(json.loads(json.dumps(LARGE.to_json()))) == LARGE


def test_a_world_that_does_not_exist_is_refused() -> None:
    """An unknown world is named, with those there are."""
    with pytest.raises(ConfigurationError, match="no world") as refused:
        world_named("flat")
    assert all(name in (refused.value.hint or "") for name in WORLDS)


def test_small_is_another_name_of_large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both names train the same config with the same budget."""
    asked = []

    def stages(config: ModelConfig, budget: training.Budget, *_: object) -> str:
        asked.append((config, budget))
        return ""

    monkeypatch.setattr(training, "_stages", stages)
    for name in ("small", "large"):
        training.train(name, tmp_path)
    assert asked[0] == asked[1] == (LARGE, training.BUDGETS["large"])


def test_a_trial_renders_its_share_of_the_scenes() -> None:
    """Under a tenth of the minutes the scenes shrink with them; from there on a preset has all of its own."""
    budget = training.BUDGETS["large"]
    assert budget.scenes_for(0.5) is budget
    assert budget.scenes_for(0.01).clips == round(budget.clips * 0.01)
    assert budget.scenes_for(1e-6).stills == 8


def test_the_layout_is_what_the_pixels_show() -> None:
    """A wide scene's places in the layout are those that the truth projects, its camera's those it moves by."""
    config = replace(SMOKE, world="wide")
    pair = world.held_out_pairs(1)[0]
    specs = [pair, replace(world.held_out_specs(1)[0], camera="truck_left", camera_speed="normal")]
    layout = layout_of(specs, config, _WORDS)
    times = instants_of(config)
    assert layout.things.shape == (2, 2, *times.shape, 3)
    assert times.shape[1] == INSTANTS
    assert layout.has_thing.tolist() == [[True, True], [True, False]]
    truth = world.truth_of(pair, times.reshape(-1))
    for index, thing in enumerate(truth.things):
        assert np.allclose(layout.things[0, index].reshape(-1, 3), thing.seen, atol=1e-5)
    assert (layout.phrases[0] != PAD).all()
    along = layout.camera[1, ..., 0].flatten()
    assert along.diff().max() <= 0
    assert along[0] == -along[-1] > 0.2
    assert float(layout.behind[1]) < 1


def test_every_thing_has_its_words_in_the_vocabulary() -> None:
    """Colour and shape of every thing the wide world draws are words of its own tokenizer."""
    rng = np.random.default_rng(0)
    specs = [world.draw_spec(rng) for _ in range(60)]
    layout = layout_of(specs, replace(SMOKE, world="wide"), _WORDS)
    assert ((layout.phrases != PAD).all(2) == layout.has_thing).all()


def test_a_wide_model_is_directed_by_words_and_strokes() -> None:
    """A prompt is planned in the model's own world; strokes and a camera path stand in the layout; words it does
    not know lower the coverage."""
    config = replace(SMOKE, world="wide")
    layout = directed(GenerationRequest("a teal glass cylinder behind a pink cone, orbit left"), config, _WORDS)
    assert layout is not None
    assert layout.has_thing.tolist() == [[True, True]]
    assert float(layout.behind[0]) == 2.0
    guide = Guide(
        camera=(CameraPose(0.0), CameraPose(1.0, x=0.3)),
        strokes=(Stroke(((0.0, -0.5, 0.0), (1.0, 0.5, -0.2))),),
    )
    guided = directed(GenerationRequest("a red ball", guide=guide), config, _WORDS)
    assert guided is not None
    assert float(guided.things[0, 0, 0, 0, 0]) == pytest.approx(-0.5)
    assert float(guided.camera[0, -1, -1, 0]) == pytest.approx(0.3)
    bare = directed(GenerationRequest("fog of war", guide=replace(guide, strokes=())), config, _WORDS)
    assert bare is not None
    assert bool(bare.has_camera[0])
    assert _WORDS.coverage("a glass giraffe on a beach", 32).unknown == ("giraffe",)


@pytest.mark.parametrize("name", [pytest.param("shapes", marks=pytest.mark.slow), "wide"])
def test_material_comes_from_the_model_s_world(name: str) -> None:
    """Clips and crops for either world have one form, and a seed decides them."""
    config = replace(_TINY, world=name)
    parts = list(rendered_batches(config, range(5, 8), 3, 2))
    assert [tuple(clips.shape) for _, clips in parts] == [(2, 3, 32, 32, 3), (1, 3, 32, 32, 3)]
    assert [spec for specs, _ in parts for spec in specs] == [
        WORLDS[name].draw(np.random.default_rng(seed)) for seed in range(5, 8)
    ]
    cut = list(crops_for(config, range(2), 16))
    assert [one.shape for one in cut] == [(CROPS_PER_SCENE, CROP_FRAMES, 16, 16, 3)] * 2
    assert np.array_equal(cut[1], list(crops_for(config, range(2), 16))[1])


@pytest.mark.parametrize("name", [pytest.param("shapes", marks=pytest.mark.slow), "wide"])
def test_kept_latents_come_back_with_their_scenes(name: str, tmp_path: Path, tiny_vae: object) -> None:
    """What was encoded is found again in the run's folder, with specs of the right world that can be captioned."""
    config = replace(_TINY, world=name)
    run = Run(tmp_path, quiet=True)
    first = make_pools(config, tiny_vae, run, 2, 3)  # type: ignore[arg-type]
    again = make_pools(config, tiny_vae, run, 2, 3)  # type: ignore[arg-type]
    for one, other in zip(first, again, strict=True):
        assert one.specs == other.specs
        assert torch.equal(one.latents, other.latents)
        assert one.captions([0, 1], np.random.default_rng(0)) == other.captions([0, 1], np.random.default_rng(0))


@pytest.fixture
def tiny_vae() -> object:
    from generator.embedded.vae import CausalVAE

    torch.manual_seed(0)
    return CausalVAE(_TINY.vae)


@pytest.mark.slow
def test_the_large_preset_trains_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With networks of toy size, every stage of `--preset small` runs on the wide world, and its int8 weights load
    and make a clip of its words."""
    toy = replace(_TINY, vae=VAEConfig(8, 4, 8, (16, 24), (0, 1), (16, 24), (1, 1)))
    monkeypatch.setitem(training.PRESETS, "large", toy)
    monkeypatch.setitem(training.BUDGETS, "large", training.Budget(0.05, 0.03, 0.08, 8, 8, 8))
    # Compiling takes minutes on a processor, longer than all the rest.
    monkeypatch.setattr(Run, "_can_compile", lambda run: False)
    digest = training.train("small", tmp_path, quiet=True, device="cpu")
    model, found = load_model(tmp_path / "weights")
    assert found == digest
    assert model.config == toy
    backend = EmbeddedBackend.load(folder=tmp_path / "weights")
    request = GenerationRequest("a navy glass cube in the snow, as a watercolour painting, orbit left", seed=1)
    made = backend.generate(request, np.zeros(backend.latent_spec(request).shape, np.float32))
    assert made.clip.to_array().shape == (5, 32, 32, 3)
    assert made.coverage == 1.0


def test_colours_are_words_of_one_world_each() -> None:
    """The wide world knows every colour of shapes, so that a prompt for the small model also works on the large."""
    from generator.scenes.spec import COLOURS as SHAPE_COLOURS

    assert set(SHAPE_COLOURS) <= set(COLOURS)
    assert isinstance(WIDE.nobody, WorldSpec)
