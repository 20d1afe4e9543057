"""The transformer's laws: rotary positions, patches, per-token times, padding."""

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.embedded.config import SMOKE
from generator.embedded.dit import grid_places, patchify, rotary_turns, rotate, unpatchify
from generator.embedded.model import EmbeddedModel

HEAD = 32


@settings(max_examples=30, deadline=None)
@given(
    at=st.tuples(*[st.integers(0, 9)] * 3),
    other=st.tuples(*[st.integers(0, 9)] * 3),
    moved=st.tuples(*[st.integers(0, 9)] * 3),
)
def test_rotary_scores_depend_on_distance_alone(
    at: tuple[int, ...], other: tuple[int, ...], moved: tuple[int, ...]
) -> None:
    """Moving two tokens together in frame, row and column leaves their attention score as it was."""
    draw = torch.Generator().manual_seed(0)
    q, k = torch.randn(1, HEAD, generator=draw), torch.randn(1, HEAD, generator=draw)

    def score(a: torch.Tensor, b: torch.Tensor) -> float:
        return float((rotate(q, rotary_turns(a, HEAD)) * rotate(k, rotary_turns(b, HEAD))).sum())

    a, b, shift = (torch.tensor([p], dtype=torch.float32) for p in (at, other, moved))
    assert score(a, b) == pytest.approx(score(a + shift, b + shift), abs=1e-4)


def test_rotary_keeps_lengths_and_tells_axes_apart() -> None:
    """Rotation changes no length, and a step in time is not a step in space."""
    x = torch.randn(3, HEAD)
    places = torch.eye(3)
    turned = rotate(x, rotary_turns(places, HEAD))
    assert torch.allclose(turned.norm(dim=1), x.norm(dim=1), atol=1e-5)
    same = rotate(x[:1].expand(3, -1), rotary_turns(places, HEAD))
    assert not torch.allclose(same[0], same[1])
    assert not torch.allclose(same[1], same[2])


@given(frames=st.integers(1, 5), height=st.integers(1, 3), width=st.integers(1, 3), by_frame=st.integers(1, 3))
def test_patches_come_back(frames: int, height: int, width: int, by_frame: int) -> None:
    """unpatchify undoes patchify, after the zeros that fill the first token."""
    x = torch.randn(2, 3, frames, 2 * height, 2 * width)
    tokens, grid = patchify(x, (by_frame, 2, 2))
    assert tokens.shape == (2, grid[0] * height * width, 3 * 4 * by_frame)
    assert torch.equal(unpatchify(tokens, (by_frame, 2, 2), grid)[:, :, -frames:], x)


def test_tokens_are_in_row_major_order() -> None:
    """Token places run over columns first, then rows, then frames: the order of `patchify`."""
    assert grid_places((2, 1, 2)).tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 0, 1]]
    x = torch.arange(8.0).view(1, 1, 2, 2, 2)
    assert patchify(x, (1, 1, 1))[0].flatten().tolist() == list(range(8))


def test_one_time_per_token_or_per_clip(tiny_model: EmbeddedModel) -> None:
    """A time per token, all the same, is a time per clip; a clean token among noisy ones is not."""
    shape = (1, *SMOKE.latent_shape)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    ids = tiny_model.token_ids(["a red ball"])
    tokens = shape[2] * shape[3] * shape[4]
    single = tiny_model.denoiser(x, torch.tensor([0.7]), ids)
    each = tiny_model.denoiser(x, torch.full((1, tokens), 0.7), ids)
    assert torch.allclose(single, each, atol=1e-5)
    mixed = torch.full((1, tokens), 0.7)
    mixed[:, : tokens // shape[2]] = 0.0
    assert not torch.allclose(single, tiny_model.denoiser(x, mixed, ids), atol=1e-4)


def test_padding_says_nothing(tiny_model: EmbeddedModel) -> None:
    """Padding tokens after the prompt do not change the prediction; other words do."""
    x = torch.randn((1, *SMOKE.latent_shape), generator=torch.Generator().manual_seed(0))
    t = torch.tensor([0.5])
    ids = tiny_model.token_ids(["a red ball"])
    length = len(tiny_model.tokenizer.encode("a red ball", 24))
    padded, cut = tiny_model.denoiser(x, t, ids), tiny_model.denoiser(x, t, ids[:, :length])
    assert torch.allclose(padded, cut, atol=1e-5)
    other = tiny_model.denoiser(x, t, tiny_model.token_ids(["a blue star"]))
    assert not torch.allclose(padded, other, atol=1e-4)


def test_guidance_of_one_is_no_guidance(tiny_model: EmbeddedModel) -> None:
    """Scale 1 gives the conditional prediction, 0 the unconditional, and others extrapolate."""
    x = torch.randn((1, *SMOKE.latent_shape), generator=torch.Generator().manual_seed(0))
    ids, null = tiny_model.token_ids(["a red ball"]), tiny_model.token_ids([""])
    plain = _holding(tiny_model, 1.0)
    guided = {w: plain.predict_guided(x, 0.5, ids, null, w) for w in (0.0, 1.0, 3.0)}
    assert torch.allclose(guided[1.0], plain.predict(x, 0.5, ids), atol=1e-5)
    assert torch.allclose(guided[0.0], plain.predict(x, 0.5, null), atol=1e-5)
    assert torch.allclose(guided[3.0], guided[0.0] + 3 * (guided[1.0] - guided[0.0]), atol=1e-4)


@pytest.mark.parametrize("negative", ["", "a blue star"])
def test_guidance_that_is_held_is_taken_out_and_put_in(tiny_model: EmbeddedModel, negative: str) -> None:
    """Answers that hold guidance h give, at any scale, what answers without it would give at that scale."""
    x = torch.randn((1, *SMOKE.latent_shape), generator=torch.Generator().manual_seed(0))
    ids, null = tiny_model.token_ids(["a red ball"]), tiny_model.token_ids([negative])
    holding, nothing = _holding(tiny_model, 2.0), tiny_model.token_ids([""])
    bare = {
        key: holding.predict(x, 0.5, ids_of) for key, ids_of in (("text", ids), ("null", null), ("none", nothing))
    }
    text, away = (bare["none"] + (bare[key] - bare["none"]) / 2 for key in ("text", "null"))
    for scale in (1.0, 2.0, 3.5):
        told = holding.predict_guided(x, 0.5, ids, null, scale)
        assert torch.allclose(told, away + scale * (text - away), atol=1e-4)


def _holding(model: EmbeddedModel, guidance: float) -> EmbeddedModel:
    """The same weights, taken to hold this guidance by training."""
    held = copy.copy(model)
    held.config = replace(model.config, sampling=replace(model.config.sampling, held_guidance=guidance))
    return held
