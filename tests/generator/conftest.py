"""Small real backends for the generator's tests: the fake, a tiny embedded model, a tiny Wan pipeline."""

from fractions import Fraction
from typing import Any

import pytest
import torch

from generator.embedded.backend import EmbeddedBackend
from generator.embedded.config import SMOKE
from generator.embedded.model import EmbeddedModel
from generator.embedded.text import WordTokenizer
from generator.fake import FakeBackend
from generator.limits import Limits
from generator.port import GeneratorBackend
from generator.scenes.captions import vocabulary

WAN_TEST_LIMITS = Limits(((16, 16), (32, 16)), (Fraction(8),), 5, 9, 9, 20, 3, 10.0, 3.0)


@pytest.fixture(scope="session")
def tiny_model() -> EmbeddedModel:
    """The smoke preset with random weights, heads included, so that every part has an effect."""
    torch.manual_seed(0)
    model = EmbeddedModel(SMOKE, WordTokenizer(vocabulary())).eval().requires_grad_(False)
    for parameter in model.parameters():
        if float(parameter.abs().sum()) == 0 and parameter.ndim > 1:
            parameter.normal_(std=0.05)
    return model


@pytest.fixture(scope="session")
def tiny_embedded(tiny_model: EmbeddedModel) -> EmbeddedBackend:
    return EmbeddedBackend(tiny_model, "0" * 64)


@pytest.fixture(scope="session")
def wan_parts() -> dict[str, Any]:
    """A Wan pipeline of a few thousand random weights, made in memory: no download."""
    diffusers = pytest.importorskip("diffusers", reason="the extra [diffusers] is not installed")
    transformers = pytest.importorskip("transformers", reason="the extra [diffusers] is not installed")
    pytest.importorskip("ftfy", reason="the extra [diffusers] is not installed")
    torch.manual_seed(0)
    encoder = transformers.UMT5EncoderModel(
        transformers.UMT5Config(
            vocab_size=400, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, dropout_rate=0.0
        )
    ).eval()
    vae = diffusers.AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    transformer = diffusers.WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=32,
        freq_dim=256,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
    )
    return {
        "transformer": transformer.eval(),
        "vae": vae.eval(),
        "text_encoder": encoder,
        "tokenizer": transformers.ByT5Tokenizer(),
        "transformer_2": None,
    }


@pytest.fixture(scope="session")
def wan_pipeline(wan_parts: dict[str, Any]) -> Any:
    import diffusers

    pipeline = diffusers.WanPipeline(**wan_parts, scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="session", params=["fake", "embedded", "wan"])
def backend(request: pytest.FixtureRequest) -> GeneratorBackend:
    """Every implementation of the port, one after the other."""
    if request.param == "fake":
        return FakeBackend()
    if request.param == "embedded":
        return request.getfixturevalue("tiny_embedded")  # type: ignore[no-any-return]
    from generator.diffusers_wan import WanBackend

    return WanBackend(request.getfixturevalue("wan_pipeline"), model_name="tiny-wan", limits=WAN_TEST_LIMITS)
