"""Rules of the further opinions on harm: MiniLM in numpy, Llama Guard and ShieldGemma through transformers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigurationError
from policy.decision import Outcome, PolicyInput
from policy.filter import PolicyFilter
from policy.minilm import SentenceEncoder, encoder_digest
from policy.minilm_heads import HEADS_FILE, EmbeddingHeads
from reelproof.guard_model import ShieldGemma, folder_digest, hazards_of, load_guard

WORDS = ["[PAD]", "[UNK]", "Yes", "No", "a", "cat", "on", "the", "sofa", "safe", "unsafe", "red", "ball", "rolls"]


def _save_tokenizer(folder: Path) -> Any:
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]")
    fast.chat_template = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
    fast.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return fast


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("bert")
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=32,
    )
    transformers.BertModel(config).save_pretrained(folder)
    _save_tokenizer(folder)
    return folder


@pytest.mark.parametrize("text", ["a cat on the sofa", "red ball", "a " * 60])
def test_the_numpy_pass_equals_transformers(encoder_folder: Path, text: str) -> None:
    """The encoder gives what the reference implementation gives, mean-pooled and of unit length."""
    import torch
    from transformers import BertModel

    encoder = SentenceEncoder.load(encoder_folder)
    numbers = [WORDS.index(word) for word in text.split()][:32]
    with torch.inference_mode():
        rows = BertModel.from_pretrained(encoder_folder)(torch.tensor([numbers])).last_hidden_state[0]
    wanted = rows.mean(dim=0).numpy()
    assert encoder.embed(text) == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-5)


def test_an_encoder_of_another_digest_is_refused(encoder_folder: Path) -> None:
    """Heads work on the encoder they were trained on and on no other."""
    with pytest.raises(ConfigurationError, match="trained on"):
        SentenceEncoder.load(encoder_folder, "0" * 64)


def _heads(folder: Path, threshold: float) -> None:
    heads = {
        "encoder_sha256": encoder_digest(folder),
        "classes": ["sexual", "minors"],
        "weights": [[0.0] * 24, [0.0] * 24],
        "biases": [-9.0, 1.0],
        "thresholds": [0.5, threshold],
    }
    (folder / HEADS_FILE).write_text(json.dumps(heads))


def test_embedding_heads_add_to_a_decision(encoder_folder: Path, policy_filter: PolicyFilter) -> None:
    """A class that the encoder's heads hear decides like one of the rules, and changes the rule set's digest."""
    _heads(encoder_folder, 0.5)
    heard = policy_filter.listening_to(EmbeddingHeads.load(encoder_folder))
    decision = heard.decide(PolicyInput({"prompt": "a cat on the sofa"}))
    assert decision.outcome is Outcome.REFUSE
    assert "minilm:minors" in decision.rules
    assert heard.ruleset != policy_filter.ruleset
    _heads(encoder_folder, 2.0)
    quiet = policy_filter.listening_to(EmbeddingHeads.load(encoder_folder))
    assert quiet.decide(PolicyInput({"prompt": "a cat on the sofa"})).outcome is Outcome.ALLOW


@pytest.mark.parametrize("content", ["{}", "rubbish", '{"encoder_sha256": 3}'])
def test_damaged_heads_are_a_configuration_error(encoder_folder: Path, content: str) -> None:
    """No half-read model decides."""
    (encoder_folder / HEADS_FILE).write_text(content)
    with pytest.raises(ConfigurationError):
        EmbeddingHeads.load(encoder_folder)


@pytest.mark.parametrize(
    ("answer", "flags"),
    [
        ("safe", []),
        ("\n\nsafe", []),
        ("unsafe\nS12", ["sexual"]),
        ("unsafe\nS4,S10", ["minors", "sexual", "hate"]),
        ("unsafe\nS13", ["political"]),
        ("unsafe\nS6", []),
    ],
)
def test_an_answer_of_llama_guard_is_read(answer: str, flags: list[str]) -> None:
    """Hazard codes become the flags of the context table."""
    assert [flag for _, flag in hazards_of(answer)] == flags


@pytest.mark.parametrize("answer", ["", "I can't say", "sa fe", "probably unsafe"])
def test_a_guard_that_shrugs_is_an_error(answer: str) -> None:
    """An answer that is neither safe nor unsafe never counts as safe."""
    with pytest.raises(ValueError, match="neither"):
        hazards_of(answer)


def test_shieldgemma_is_loaded_and_asked(tmp_path: Path) -> None:
    """A Gemma 2 from a local folder answers each question with a likelihood; the same text gets the same answer."""
    transformers = pytest.importorskip("transformers")
    config = transformers.Gemma2Config(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    transformers.Gemma2ForCausalLM(config).save_pretrained(tmp_path)
    _save_tokenizer(tmp_path)
    guard = load_guard(tmp_path)
    assert isinstance(guard, ShieldGemma)
    found = guard.violates("a cat on the sofa<end_of_turn>", "hate")
    assert 0.0 < found < 1.0
    assert guard.violates("a cat on the sofa<end_of_turn>", "hate") == found
    assert guard.digest == folder_digest(tmp_path)


def test_llama_guard_is_loaded_and_fails_closed(tmp_path: Path, policy_filter: PolicyFilter) -> None:
    """An untrained Llama writes rubbish: that is an error, which the gate turns into a refusal."""
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        eos_token_id=None,
        bos_token_id=None,
    )
    model = transformers.LlamaForCausalLM(config)
    model.lm_head.weight.data.zero_()
    model.save_pretrained(tmp_path)
    _save_tokenizer(tmp_path)
    with pytest.raises(ValueError, match="neither"):
        policy_filter.listening_to(load_guard(tmp_path)).decide(PolicyInput({"prompt": "a cat on the sofa"}))


@pytest.mark.parametrize("config", [None, "rubbish", '{"model_type": "bert"}', "[]"])
def test_a_folder_without_a_guard_is_told_so(tmp_path: Path, config: str | None) -> None:
    """A missing or foreign model keeps the filter from loading, with a hint."""
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(ConfigurationError) as caught:
        load_guard(tmp_path)
    assert "REELPROOF_GUARD_MODEL" in caught.value.hint
