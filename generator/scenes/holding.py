"""Which combinations training never sees: one in eight, spread so that every pair of names is seen."""

from collections.abc import Sequence

_HELD_OUT_OF = 8
_WEIGHTS = (3, 5, 7, 11)


def is_held_out_at(*named: tuple[str, Sequence[str]]) -> bool:
    """Whether these names, each with the tuple that it stands in, are held out together. Up to four of them."""
    places = (weight * among.index(name) for weight, (name, among) in zip(_WEIGHTS, named, strict=False))
    return sum(places) % _HELD_OUT_OF == 0
