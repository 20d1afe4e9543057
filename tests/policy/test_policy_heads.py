"""Rules of the learned heads on what is harmless: ordinary words, groups and nations, names of files."""

import tomllib

import pytest

from policy.decision import Outcome, PolicyInput
from policy.filter import PolicyFilter
from policy.harm_heads import Heads, words_in
from policy.lists import DATA, load_lists

# Offset and step differ from the words that the heads were trained on.
WORDS = [word for word in sorted(load_lists().words)[5::16] if len(word) > 2]
SLOTS = tomllib.loads((DATA / "harm_seeds.toml").read_text(encoding="utf-8"))["slots"]
GROUP_FRAMES = (
    "{nation} neighbours share bread",
    "three {nation} painters in a studio",
    "{folk} watch a solar eclipse",
    "{folk} repair an old tractor",
    "a choir of {folk} rehearses",
    "{folk} vote in a school gym",
    "interview with {folk} about the harvest",
    "{nation} grandmothers knit by a stove",
)


@pytest.fixture(scope="module")
def heads() -> Heads:
    return Heads.load(DATA)


@pytest.mark.parametrize("frame", ["{}", "a clip of {}", "{} next to a lamp"])
def test_no_head_hears_harm_in_an_ordinary_word(heads: Heads, frame: str) -> None:
    """Thousands of dictionary words, alone and in harmless phrases: not one is refused by a head."""
    heard = [word for word in WORDS if heads.flags(frame.format(word))]
    assert not heard, heard


def test_no_head_hears_harm_in_a_group_or_nation(heads: Heads) -> None:
    """People who share bread are no hate, whoever they are."""
    texts = [
        frame.replace("{nation}", nation).replace("{folk}", folk)
        for frame in GROUP_FRAMES
        for nation, folk in zip(SLOTS["nation"], SLOTS["folk"] * 2, strict=False)
    ]
    assert len(texts) > 500
    heard = [text for text in texts if heads.flags(text)]
    assert not heard, heard


@pytest.mark.parametrize("name", ["foreign", "immigrants", "black", "hot take", "gay wedding", "kill bill trailer"])
def test_a_file_name_alone_is_not_harm(policy_filter: PolicyFilter, name: str) -> None:
    """What a file is called asks for nothing."""
    assert policy_filter.decide(PolicyInput({"file_name": name})).outcome is Outcome.ALLOW


def test_a_name_of_a_file_has_to_be_clearer_than_a_prompt(heads: Heads) -> None:
    """Whatever a head hears in a label it hears in a prompt too, but not the other way round."""
    text, label = "a rally chanting that foreigners must be wiped out", "immigrants are a problem"
    assert heads.flags(text, is_label=True)
    assert set(heads.flags(label, is_label=True)) <= set(heads.flags(label))


def test_one_or_two_words_are_no_evidence(heads: Heads) -> None:
    """Below three words the heads are not asked; the rules of harm.toml are."""
    assert (heads.scores("naked murder") == float("-inf")).all()
    assert len(words_in("naked murder")) == 2
