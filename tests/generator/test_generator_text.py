"""Words, coverage and the tokenizer's file."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from generator.embedded.text import END, START, UNKNOWN, WordTokenizer
from generator.scenes import caption, draw_spec
from generator.scenes.captions import vocabulary

TOKENIZER = WordTokenizer(vocabulary())


@given(seed=st.integers(0, 10_000))
def test_captions_come_back(seed: int) -> None:
    """Every caption of the grammar is tokenized and decoded without loss, and covered whole."""
    rng = np.random.default_rng(seed)
    text = caption(draw_spec(rng), rng)
    ids = TOKENIZER.encode(text, 40)
    assert TOKENIZER.decode(ids) == text.replace(",", "")
    assert TOKENIZER.coverage(text, 40).score == 1.0
    assert len(ids) <= 24


@given(text=st.text(max_size=200), limit=st.integers(2, 30))
def test_any_text_gives_valid_tokens(text: str, limit: int) -> None:
    """Whatever is typed becomes ids of the vocabulary, between start and end, within the limit."""
    ids = TOKENIZER.encode(text, limit)
    assert ids[0] == START
    assert ids[-1] == END
    assert len(ids) <= limit
    assert all(0 <= i < len(TOKENIZER) for i in ids)
    assert 0.0 <= TOKENIZER.coverage(text, limit).score <= 1.0


def test_unknown_words_lower_the_coverage() -> None:
    """A word the model has never seen is named, and the score is the share of known words."""
    found = TOKENIZER.coverage("a red giraffe slides left", 24)
    assert found.unknown == ("giraffe",)
    assert found.score == 0.8
    assert UNKNOWN in TOKENIZER.encode("a red giraffe", 24)


def test_words_beyond_the_limit_are_not_covered() -> None:
    """Words the encoder has no room for count as missed."""
    assert TOKENIZER.coverage("red " * 44, 24).score == 0.5


def test_inflections_of_known_words_are_known() -> None:
    """`sliding` is taken for `slides`, `balls` for `ball`; case and punctuation do not matter."""
    assert TOKENIZER.encode("Red BALLS, sliding!", 24) == TOKENIZER.encode("red ball slides", 24)


def test_the_file_gives_the_same_tokenizer() -> None:
    """Saved and loaded, the tokenizer gives the same ids."""
    again = WordTokenizer.from_json(TOKENIZER.to_json())
    assert again.encode("a purple heart at night", 24) == TOKENIZER.encode("a purple heart at night", 24)
