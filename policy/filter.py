"""The policy filter: one request in, one decision out. Pure after loading: no files, no clock, no log.

texts -> views -> readings -> subjects (who is meant) and flags (what else is asked) -> table -> decision
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from core.canonical import digest_of
from core.errors import UsageError
from policy.codes import Code, meaning
from policy.context import ContextTable, Ruling
from policy.decision import Decision, PolicyInput
from policy.deeds import KIND, Deeds
from policy.gazetteer import Gazetteer
from policy.harm_heads import HarmListener, Heads
from policy.lists import DATA, load_lists
from policy.name_shape import NameShapes
from policy.near_names import NearNames
from policy.reading import Reading, read_view
from policy.rulebook import Rulebook
from policy.split_names import SplitNames
from policy.subjects import Subject, SubjectFinder
from policy.views import View, views_of

# Video prompts run to a few hundred words; 32,000 characters is the longest prompt that the known services take.
MAX_REQUEST_CHARS = 32_000
_HANDLE = re.compile(r"(?<![\w@.])@[A-Za-z_][\w.]{2,29}(?![\w@])")
# Beside these a name need be less clear.
_STRICT_FLAGS = frozenset({"minors", "sexual", "suggestive", "provocative"})
_CUE_SUBJECTS = frozenset({"lookalike", "lookalike_weak", "voice", "office", "adapter"})
_ASCII_WORD = re.compile(r"[a-z0-9]+")
# Fields that name things and ask for nothing: harm heads take them less by their word.
_LABEL_FIELDS = frozenset({"file_name", "system", "model"})
_CUE_SCORE, _DEED_SCORE, _SPLIT_SCORE = 0.9, 0.9, 0.85
# What is kept of a session: enough for a name that is split over turns, bounded whatever comes.
_MAX_EARLIER_TURNS, _MAX_EARLIER_CHARS = 20, 2000
# Flags found only by turning a text around would fire on chance words.
_THRESHOLD = 0.5


@dataclass
class _Findings:
    subjects: list[Subject] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    rules: set[str] = field(default_factory=set)
    views: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)

    def add(self, view: View, subjects: Iterable[Subject], rules: Iterable[tuple[str, str]]) -> None:
        """Note what a view showed: subjects, and (rule name, flag) pairs."""
        for subject in subjects:
            self.subjects.append(subject)
            self.rules.add(subject.rule)
            self.views.add(view.name)
        for name, flag in rules:
            self.rules.add(name)
            self.views.add(view.name)
            self.flags.add(flag)
            if flag in _CUE_SUBJECTS:
                self.subjects.append(Subject(flag, name, _CUE_SCORE))


@dataclass(frozen=True)
class _Matchers:
    """What reads a request: subjects in readings, rules over words, deeds, names split over texts."""

    finder: SubjectFinder
    rulebook: Rulebook
    deeds: Deeds
    split_names: SplitNames
    heads: Heads
    words: frozenset[str]

    def is_everyday(self, text: str) -> bool:
        """Whether a text is made of everyday words only, so that turning it around can't show a name."""
        return text.isascii() and all(word in self.words for word in _ASCII_WORD.findall(text.lower()))


class PolicyFilter:
    """Decides requests by fixed lists and rules. Thread-safe; the same input always gives the same decision."""

    def __init__(
        self, matchers: _Matchers, table: ContextTable, ruleset: str, listeners: tuple[HarmListener, ...] = ()
    ) -> None:
        self._matchers = matchers
        self._table = table
        self._lists_ruleset = ruleset
        self._listeners = listeners
        heard = {"lists": ruleset, "listeners": [each.digest for each in listeners]}
        self._ruleset = digest_of(heard) if listeners else ruleset

    @classmethod
    @cache
    def default(cls) -> "PolicyFilter":
        """The filter over the lists that ship with it, loaded once. Raises `ConfigurationError` where damaged."""
        return cls.load(DATA)

    @classmethod
    def load(cls, folder: Path, lists_folder: Path | None = None, removed: Path | None = None) -> "PolicyFilter":
        """A filter over the lists and rules in a folder. Raises `ConfigurationError` where they are damaged.

        `lists_folder` holds lists to take instead, `removed` further digests of names that are taken out.
        """
        lists = load_lists(folder, lists_folder, removed)
        shapes = NameShapes(lists.name_statistics, lists.name_trigrams, lists.words)
        gazetteer = Gazetteer(lists.gazetteer, lists.words, shapes.kinds)
        near = NearNames(lists.gazetteer, lists.words, shapes.kinds)
        rulebook = Rulebook.load(folder)
        cleared = dict(line.split("\t") for line in lists.clearing)
        finder = SubjectFinder(gazetteer, near, shapes, cleared, rulebook, lists.words)
        split_names, deeds = SplitNames(near, lists.words), Deeds.load(folder, lists.words)
        matchers = _Matchers(finder, rulebook, deeds, split_names, Heads.load(folder), lists.words)
        return cls(matchers, ContextTable.load(folder / "context_table.toml"), lists.ruleset)

    def listening_to(self, *listeners: HarmListener) -> "PolicyFilter":
        """This filter with further opinions on harm; they add to what is found and clear nothing."""
        return PolicyFilter(self._matchers, self._table, self._lists_ruleset, (*self._listeners, *listeners))

    @property
    def ruleset(self) -> str:
        """The digest over every list, rule and deciding module, 64 hex digits."""
        return self._ruleset

    def decide(self, request: PolicyInput) -> Decision:
        """The decision on everything the request carries.

        Raises:
            UsageError: the texts have more than `MAX_REQUEST_CHARS` characters together.
        """
        _check_length(request)
        findings = _Findings()
        given = [(text, field in _LABEL_FIELDS) for field, text in request.texts.items() if text]
        texts = [text for text, _ in given]
        self._find_split(texts, request.earlier_turns[-_MAX_EARLIER_TURNS:], findings)
        if len(given) > 1:
            # A name may be split over fields; what each says by itself is found in the joined text too.
            given.append((" ".join(texts), any(is_label for _, is_label in given)))
        for text, is_label in dict.fromkeys(given):
            for view in views_of(text, self._matchers.is_everyday):
                self._read(view, findings, is_label=is_label)
        for listener in self._listeners:
            findings.add(View("plain", ""), [], listener.flags("\n".join(texts)))
        if request.reference_kinds:
            findings.flags.add("reference")
        for reference in request.references:
            # The facts are handed in: this filter opens no file.
            findings.subjects += [Subject(kind, "reference", 1.0) for kind in reference.subjects()]
        if request.consent_token:
            findings.flags.add("consent")
        ruling = self._table.rule((subject.kind for subject in findings.subjects), findings.flags)
        return self._decision(ruling, findings)

    def _find_split(self, texts: list[str], earlier: tuple[str, ...], findings: _Findings) -> None:
        turns = [text[:_MAX_EARLIER_CHARS] for text in earlier]
        for status, rule in self._matchers.split_names.find(texts, turns):
            findings.add(View("joined", ""), [Subject(KIND[status], rule, _SPLIT_SCORE)], [])
        for text in texts:
            for pair in self._matchers.split_names.stated_pairs(text):
                self._read(View("stated-name", pair), findings)

    def _read(self, view: View, findings: _Findings, *, is_label: bool = False) -> None:
        reading = read_view(view)
        rules: list[tuple[str, str]] = []
        deeds: list[Subject] = []
        if view.is_reading and reading.text not in findings.read:
            findings.read.add(reading.text)
            rules = [(rule.name, rule.flag) for rule in self._matchers.rulebook.firing(reading.text)]
            rules += self._heard(view, reading, is_label)
            deeds = [Subject(kind, rule, _DEED_SCORE) for kind, rule in self._matchers.deeds.find(reading)]
            if _HANDLE.search(view.text):
                deeds.append(Subject("handle", "handle", _CUE_SCORE))
        is_strict = any(flag in _STRICT_FLAGS for _, flag in rules)
        findings.add(view, self._matchers.finder.find(reading, is_strict=is_strict) + deeds, rules)

    def _heard(self, view: View, reading: Reading, is_label: bool) -> list[tuple[str, str]]:
        """What the harm heads say of a view."""
        heads, rulebook = self._matchers.heads, self._matchers.rulebook
        if not heads.flags(view.text, is_label=is_label):
            return []
        return heads.flags(view.text, rulebook.excused(reading.text), is_label=is_label)

    def _decision(self, ruling: Ruling, findings: _Findings) -> Decision:
        codes = list(dict.fromkeys(row.code for row in ruling.rows if row.outcome == ruling.outcome))
        says = [meaning(code) for code in codes]
        return Decision(
            outcome=ruling.outcome,
            codes=tuple(int(code) for code in codes),
            categories=tuple(dict.fromkeys(each.category for each in says)),
            reasons=tuple(dict.fromkeys(each.reason for each in says)),
            ruleset=self._ruleset,
            views=tuple(sorted(findings.views)),
            rules=tuple(sorted(findings.rules | {f"row:{row.name}" for row in ruling.rows})),
            spans=tuple(sorted({subject.kind for subject in findings.subjects})),
            score=max((subject.score for subject in findings.subjects), default=float(bool(ruling.rows))),
            threshold=_THRESHOLD,
        )


def _check_length(request: PolicyInput) -> None:
    length = sum(map(len, request.texts.values()))
    if length > MAX_REQUEST_CHARS:
        raise UsageError(
            f"the request's texts have {length} characters together, {MAX_REQUEST_CHARS} are the limit",
            code="prompt_too_long",
            hint=f"shorten the prompt to {MAX_REQUEST_CHARS} characters",
        )


__all__ = ["MAX_REQUEST_CHARS", "Code", "PolicyFilter"]
