"""Normalising views: the same text as a reader might take it, each under a name. Never destructive.

A view is an addition: the plain text is always the first. Work is bounded whatever the input: at most
`MAX_VIEWS` views, `MAX_VIEW_CHARS` characters in all, nesting to depth `MAX_DEPTH`.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from policy import decodings
from policy.confusables import has_confusables, skeleton, unleet

MAX_VIEWS = 48
MAX_VIEW_CHARS = 400_000
MAX_DEPTH = 3

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LONG_RUN = re.compile(r"([^\W\d_])\1{2,}")
# Four and more single letters with whatever between them: "T a y l o r", "T.a.y.l.o.r", "t-a-y-l-o-r".
_SPACED = re.compile(r"(?<![^\W_])[^\W\d_](?:[\W_]{1,8}[^\W\d_]){3,}(?![^\W_])")
_INSIDE_WORD = re.compile(r"(?<=[^\W_])[*~^`|\\•·\"“”«»(){}\[\]<>#=+_-]+(?=[^\W_])")


@dataclass(frozen=True)
class View:
    """One reading of a field's text.

    `is_reading` tells that it reads as prose, so that word rules apply to it; `is_composed` that two disguises were
    taken off, so that only names spelled right count in it.
    """

    name: str
    text: str
    is_reading: bool = True
    is_composed: bool = False


def views_of(text: str, is_everyday: Callable[[str], bool] = lambda text: False) -> list[View]:
    """All views of a text, the plain one first. Deterministic; bounded as the module says.

    Where `is_everyday` says that a text is made of everyday words only, nothing is turned around in it: that is
    most of the work, and everyday words hide no name.
    """
    plain = cleaned(text)
    budget = _Budget()
    found = [View("plain", plain)]
    seen = {plain}
    found += _decoded(text, budget, seen)
    for base in list(found):
        is_turned = not is_everyday(base.text)
        firsts = _kept(base, _variants(base.text, is_turned=is_turned), budget, seen)
        found += firsts
        for view in firsts if is_turned else ():
            step = view.name.rpartition("+")[2]
            found += _kept(view, _second_variants(step, view.text), budget, seen, is_composed=True)
    return found


def _kept(
    base: View,
    variants: list[tuple[str, str, bool]],
    budget: "_Budget",
    seen: set[str],
    *,
    is_composed: bool = False,
) -> list[View]:
    """The variants that are new and within the budget."""
    kept = []
    for name, variant, is_reading in variants:
        if variant not in seen and budget.allows(variant):
            seen.add(variant)
            kept.append(View(_named(base, name), variant, is_reading, is_composed))
    return kept


def cleaned(text: str) -> str:
    """NFKC, format characters dropped, control characters and lone surrogates replaced by spaces."""
    if text.isascii() and not _CONTROL.search(text):
        return text
    whole = _SURROGATE.sub(" ", text)
    normal = unicodedata.normalize("NFKC", _CONTROL.sub(" ", whole))
    return "".join(c for c in normal if unicodedata.category(c) not in ("Cf", "Cc", "Co", "Cn") or c in "\n\t")


class _Budget:
    """Counts views and characters; says no once either bound is reached."""

    def __init__(self) -> None:
        self._views = 0
        self._chars = 0

    def allows(self, text: str) -> bool:
        if self._views >= MAX_VIEWS or self._chars + len(text) > MAX_VIEW_CHARS:
            return False
        self._views += 1
        self._chars += len(text)
        return True


def _decoded(text: str, budget: _Budget, seen: set[str]) -> list[View]:
    """What nested encodings hold, breadth first."""
    found: list[View] = []
    layer = [View("", _SURROGATE.sub(" ", text))]
    for _ in range(MAX_DEPTH):
        following: list[View] = []
        for view in layer:
            for name, decode in decodings.NESTED.items():
                decoded = decode(view.text)
                if decoded is None or (clean := cleaned(decoded)) in seen or not budget.allows(clean):
                    continue
                seen.add(clean)
                following.append(View(f"{view.name}+{name}" if view.name else name, clean))
        found += following
        layer = following
    return found


def _variants(text: str, *, is_turned: bool) -> list[tuple[str, str, bool]]:
    """The one-step variants of a readable text: (name, text, whether it still reads as prose)."""
    variants: list[tuple[str, str | None, bool]] = []
    if has_confusables(text):
        variants.append(("confusables", skeleton(unicodedata.normalize("NFKD", text)), True))
    base = skeleton(text) if not text.isascii() else text
    variants += [
        ("leet", unleet(base), True),
        ("leet", unleet(base, one_is_l=True), True),
        ("spaced-letters", _SPACED.sub(_joined, base), True),
        ("split-words", _INSIDE_WORD.sub("", base), True),
        ("long-runs", _LONG_RUN.sub(r"\1", base), True),
        ("long-runs", _LONG_RUN.sub(r"\1\1", base), True),
    ]
    if not text.isascii():
        variants += [
            ("greek", decodings.decode_greek(text), True),
            ("keyboard", decodings.decode_keyboard(text), False),
        ]
    turned = decodings.SPELLED | (decodings.ONCE if is_turned else {})
    variants += [(name, decode(base), False) for name, decode in turned.items()]
    return [(name, variant, is_reading) for name, variant, is_reading in variants if variant and variant != text]


_SECOND_STEPS: dict[str, Callable[[str], str | None]] = {
    "reversed": decodings.decode_reversed,
    "rot13": decodings.decode_rot13,
    "leet": unleet,
    "long-runs": lambda text: _LONG_RUN.sub(r"\1", text),
    "split-words": lambda text: _INSIDE_WORD.sub("", text),
}
# Which disguises are sought under which: each pair once, and only those that don't undo each other.
_UNDER = {
    "rot13": ("reversed", "leet", "long-runs"),
    "reversed": ("leet", "long-runs", "split-words"),
    "spaced-letters": ("reversed", "rot13", "leet", "long-runs"),
    "long-runs": ("rot13",),
    "leet": ("long-runs", "split-words"),
}


def _second_variants(step: str, text: str) -> list[tuple[str, str, bool]]:
    """What a second disguise under the first would hide; read for names only."""
    variants = [(name, _SECOND_STEPS[name](text)) for name in _UNDER.get(step, ())]
    return [(name, variant, False) for name, variant in variants if variant and variant != text]


def _joined(match: re.Match[str]) -> str:
    """Spaced letters joined: the narrowest gap is no gap, wider ones are spaces between words."""
    gaps = re.findall(r"[\W_]+", match[0])
    narrow = min(map(len, gaps))
    return re.sub(r"[\W_]+", lambda gap: "" if len(gap[0]) <= narrow else " ", match[0])


def _named(base: View, name: str) -> str:
    return name if base.name == "plain" else f"{base.name}+{name}"
