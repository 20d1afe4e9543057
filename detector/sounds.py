"""A copy's sound laid along its release's, where the pictures lie: the same, replaced, removed, added or shifted.

Bits of two fingerprints are compared instant by instant (`provenance.sound`). The cheapest path says where the copy
follows the release in place, follows it shifted by up to two seconds, or follows nothing; then levels tell what was
removed or added from what was replaced. A p-value says how often unrelated sounds have so few bits apart.

It refuses to know what is said or who speaks, and does not tell what it cannot: where the release is quiet, where
the pictures are not the release's, and where something loud lies over the release's sound.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from detector.matching import Stretch
from provenance.sound import INSTANT_S, SoundFingerprint

SoundState = Literal["same", "replaced", "removed", "added", "shifted", "unclear"]

_BITS = 32
#: Unrelated sounds: the mean share of bits apart, and how many bits weigh as much as one independent one.
#: Neighbours in time and pitch hang together: 2.0 to 4.7 for a second of most kinds, 6.6 for music beside music of
#: the same instruments, which is the worst (`python -m bench.detector_sound --null`).
NULL_ERROR_RATE, DEPENDENT_BITS = 0.496, 7.5
#: A stretch is called replaced only from here on. Encoders leave .02 to .24, a sound under other sound .2 to .4.
REPLACED_ERROR_RATE = 0.4
SAME_P_VALUE = 1e-4
_LEAST_P_VALUE = 1e-300
#: dB of full scale between 300 and 2,000 Hz. Below it a release's bits are an encoder's noise.
_AUDIBLE_DB, _LOUD_DB, _SILENT_DB, _APART_DB = -55, -50, -60, 20
_IN_PLACE = round(0.25 / INSTANT_S)
_FARTHEST = round(2.0 / INSTANT_S)
_BLOCK, _QUIET = round(0.5 / INSTANT_S), round(1.0 / INSTANT_S)
#: How many bits of an instant weigh as one; in nats, what leaving a state costs, and what a shift must explain.
_PATH_BITS, _CHANGE_COST, _SHIFT_GAIN = 4.0, 8.0, 20.0
_MIN_TOLD, _LONG_PAUSE = round(0.3 / INSTANT_S), round(2.0 / INSTANT_S)
#: Half a window and a little: how far a sound's level reaches beyond its end.
_SMEAR = round(0.22 / INSTANT_S)
#: Of a stretch that is called replaced or removed, the release's sound must be audible for so long.
_MIN_AUDIBLE_S = 0.4
_MATCH, _SHIFTED, _OTHER = 0, 1, 2

#: Whether a stretch of pictures shows the release as well when it begins elsewhere in it.
Fits = Callable[[Stretch], bool]
_Errors = NDArray[np.float32]
_Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class SoundStretch:
    """`start_s` to `end_s` of the clip and how its sound compares. `p_value` is how often unrelated sounds compare
    so well, None where no bits were compared; `shift_s` how much later than in the release it sounds."""

    start_s: float
    end_s: float
    state: SoundState
    p_value: float | None = None
    shift_s: float = 0.0

    @property
    def length_s(self) -> float:
        """How long the stretch lasts."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class SoundComparison:
    """A copy's sound against its release's, in stretches without gaps. `error_rate` is the share of bits apart
    where the copy follows the release, None where it nowhere does; `note` what could not be compared, in words."""

    stretches: tuple[SoundStretch, ...]
    error_rate: float | None = None
    release_has_sound: bool = True
    note: str = ""

    @property
    def is_replaced(self) -> bool:
        """Whether a stretch of the release's own sound is another now."""
        return any(one.state == "replaced" for one in self.stretches)

    def to_json(self) -> dict[str, Any]:
        """The comparison as `reelproof.verdict/1` shows it."""
        return {
            "release_has_sound": self.release_has_sound,
            "error_rate": None if self.error_rate is None else round(self.error_rate, 3),
            "note": self.note,
            "stretches": [
                {
                    "start_s": round(one.start_s, 3),
                    "end_s": round(one.end_s, 3),
                    "state": one.state,
                    "p_value": one.p_value,
                    "shift_s": round(one.shift_s, 2),
                }
                for one in self.stretches
            ],
        }


def p_value_of(error_rate: float, bits: int, looks: int = 1) -> float:
    """How often unrelated sounds have at most this share of so many bits apart, at the best of so many looks."""
    if bits <= 0:
        return 1.0
    deviation = math.sqrt(0.25 * DEPENDENT_BITS / bits)
    p_value = looks * 0.5 * math.erfc((NULL_ERROR_RATE - error_rate) / deviation / math.sqrt(2))
    return min(1.0, max(_LEAST_P_VALUE, p_value))


def compared_sound(
    copy: SoundFingerprint | None,
    released: SoundFingerprint | None,
    stretches: Sequence[Stretch],
    *,
    is_damaged: bool = False,
    is_cut: bool = False,
    fits: Fits | None = None,
) -> SoundComparison:
    """How the copy's sound compares. `stretches` say which of its pictures show the release (0) and from where.

    Where the picture stands still nobody sees where in the release it is taken from: there the sound says it, if
    the pictures fit as well (`fits`). None stands for a clip without a sound track. Of a damaged track silence says
    nothing; one that `is_cut` was read in its beginning only.
    """
    end_s = stretches[-1].end_s if stretches else 0.0
    count = round(end_s / INSTANT_S)
    if copy is not None and is_cut:
        count = min(count, len(copy.bits))
    ours = _padded(copy, count)
    if released is None or not (released.level_db >= _AUDIBLE_DB).any():
        return _beside_silence(ours, count)
    lines = [_laid(ours, released, one, count, fits) for one in stretches if one.release == 0]
    found = [piece for line in lines for piece in line.stretches(silence_counts=not is_damaged)]
    if fits is not None:
        leads = {round(one.reference_s - one.start_s, 3) for one in stretches if one.release == 0}
        found = [better for one in found for better in _reconsidered(one, ours, released, leads, fits)]
    whole = _without_gaps(found, count * INSTANT_S)
    errors = [line.matched_error_rate() for line in lines]
    known = [one for one in errors if one is not None]
    note = "some of the sound could not be decoded" if is_damaged else ""
    return SoundComparison(whole, float(np.median(known)) if known else None, True, note)


def _laid(
    ours: SoundFingerprint, released: SoundFingerprint, shown: Stretch, count: int, fits: Fits | None
) -> "_Line":
    """The sound along one stretch; where it lies better elsewhere and the pictures would as well, there."""
    line = _Line(ours, released, shown, count)
    if fits is None or not line.is_doubtful:
        return line
    moved = replace(shown, reference_s=max(0.0, line.best_place(ours, released) * INSTANT_S))
    return _Line(ours, released, moved, count) if fits(moved) else line


def _reconsidered(
    one: SoundStretch, ours: SoundFingerprint, released: SoundFingerprint, leads: set[float], fits: Fits
) -> list[SoundStretch]:
    """A stretch of which something is told, unless its pictures lie as well where nothing is: in a calm scene a cut
    is told too late, or not at all, and the sound beside it lies with the other stretch (`leads`), or shifted."""
    if one.state in ("same", "unclear"):
        return [one]
    for lead in sorted({*leads, *(lead - one.shift_s for lead in leads)}):
        place = Stretch(one.start_s, one.end_s, 0, one.start_s + lead)
        if place.reference_s < 0 or not fits(place):
            continue
        found = list(_Line(ours, released, place, len(ours.bits)).stretches(silence_counts=True))
        if all(other.state in ("same", "unclear") for other in found):
            return found
    return [one]


def _padded(sound: SoundFingerprint | None, count: int) -> SoundFingerprint:
    """The sound for as long as the pictures last; where there is none, silence."""
    if sound is None:
        return SoundFingerprint(np.zeros(count, np.uint32), np.full(count, -128, np.int16))
    missing = max(0, count - len(sound.bits))
    level = np.pad(sound.level_db, (0, missing), constant_values=-128)
    return SoundFingerprint(np.pad(sound.bits, (0, missing))[:count], level[:count])


def _beside_silence(ours: SoundFingerprint, count: int) -> SoundComparison:
    loud = _runs(ours.level_db >= _LOUD_DB, _MIN_TOLD, _BLOCK)
    found = [SoundStretch(start * INSTANT_S, end * INSTANT_S, "added") for start, end in loud]
    return SoundComparison(_without_gaps(found, count * INSTANT_S, "same"), None, False)


class _Line:
    """One stretch of the release's pictures in the copy, and the sound of both along it."""

    def __init__(self, ours: SoundFingerprint, released: SoundFingerprint, shown: Stretch, count: int) -> None:
        self._start = min(count, max(0, round(shown.start_s / INSTANT_S)))
        end = max(self._start, min(count, round(shown.end_s / INSTANT_S)))
        place = np.arange(end - self._start) + round(shown.reference_s / INSTANT_S)
        self._level = ours.level_db[self._start : end]
        shifts = np.arange(-_FARTHEST, _FARTHEST + 1)
        columns = place[:, None] + shifts[None]
        inside = (columns >= 0) & (columns < len(released.bits))
        columns = np.clip(columns, 0, max(0, len(released.bits) - 1))
        theirs = released.level_db[columns] if len(released.bits) else np.full(columns.shape, -128, np.int16)
        self._theirs = np.where(inside, theirs, -128)
        bits = released.bits[columns] if len(released.bits) else np.zeros(columns.shape, np.uint32)
        apart = np.bitwise_count(bits ^ ours.bits[self._start : end, None]).astype(np.float32)
        self._errors: _Errors = np.where(self._theirs >= _AUDIBLE_DB, apart, np.nan).astype(np.float32)
        self._columns = self._chosen()
        self._path = self._cheapest_path()

    def _chosen(self) -> tuple[int, int]:
        """The columns of the two best shifts: in place, and beyond; the first twice where none lies beyond."""
        gain = _gain(self._errors, 0.3)
        blocks = [gain[at : at + _BLOCK].sum(axis=0) for at in range(0, len(gain), _BLOCK)]
        score = np.maximum(np.array(blocks), 0).sum(axis=0) if blocks else np.zeros(gain.shape[1])
        middle = slice(_FARTHEST - _IN_PLACE, _FARTHEST + _IN_PLACE + 1)
        near = score[middle]
        place = _FARTHEST - _IN_PLACE + int(near.argmax()) if near.max(initial=0.0) > 0 else _FARTHEST
        beyond = score.copy()
        beyond[middle] = 0.0
        far = int(beyond.argmax())
        return place, far if beyond[far] >= _SHIFT_GAIN else place

    def _cheapest_path(self) -> NDArray[np.intp]:
        """For each instant which of the three states explains it best, changes being dear (Viterbi)."""
        errors = self._errors[:, list(self._columns)]
        known = errors[~np.isnan(errors).any(axis=1)]
        base = float(np.quantile(known.min(axis=1), 0.35)) / _BITS if len(known) else 0.1
        gain = np.zeros((len(errors), 3))
        gain[:, :_OTHER] = _gain(errors, float(np.clip(1.5 * base + 0.05, 0.12, 0.3)))
        for state in (_MATCH, _SHIFTED):
            theirs = self._theirs[:, self._columns[state]]
            came_in = (theirs < _AUDIBLE_DB) & (self._level >= _LOUD_DB) & (self._level >= theirs + _APART_DB)
            both_quiet = (theirs < _AUDIBLE_DB) & (self._level < _AUDIBLE_DB)
            gain[:, state] += np.where(came_in, -1.0, np.where(both_quiet, 0.4, 0.0))
        if self._columns[_SHIFTED] == self._columns[_MATCH]:
            gain[:, _SHIFTED] = -np.inf
        return _best_path(gain, _CHANGE_COST)

    @property
    def is_doubtful(self) -> bool:
        """Whether a second and more of the sound does not lie where the pictures do."""
        return int((self._path != _MATCH).sum()) >= _QUIET

    def best_place(self, ours: SoundFingerprint, released: SoundFingerprint) -> int:
        """The instant of the release from which on the most of this stretch's sound is the release's."""
        bits = ours.bits[self._start : self._start + len(self._path)]
        errors = np.full(len(bits), np.nan, np.float32)
        scores = []
        for place in range(max(1, len(released.bits))):
            errors[:] = np.nan
            theirs = released.bits[place : place + len(bits)]
            heard = released.level_db[place : place + len(bits)] >= _AUDIBLE_DB
            apart = np.bitwise_count(theirs ^ bits[: len(theirs)]).astype(np.float32)
            errors[: len(theirs)] = np.where(heard, apart, np.nan)
            sums = np.add.reduceat(_gain(errors, 0.3), np.arange(0, len(bits), _BLOCK))
            scores.append(float(np.maximum(sums, 0).sum()))
        return int(np.argmax(scores))

    def matched_error_rate(self) -> float | None:
        """The share of bits apart where the copy follows the release; None where it nowhere does."""
        told = [self._error_rate(state, self._path == state) for state in (_MATCH, _SHIFTED)]
        told = [one for one in told if p_value_of(*one) <= SAME_P_VALUE]
        bits = sum(one[1] for one in told)
        return sum(one[0] * one[1] for one in told) / bits if bits else None

    def _error_rate(self, state: int, instants: _Flags) -> tuple[float, int]:
        """The share of bits apart in some instants, and how many bits were compared."""
        errors = self._errors[instants, self._columns[state]]
        known = errors[~np.isnan(errors)]
        return (float(known.mean()) / _BITS, _BITS * len(known)) if len(known) else (0.0, 0)

    def stretches(self, *, silence_counts: bool) -> Iterator[SoundStretch]:
        """What is told of this stretch, in order and without gaps."""
        for start, end in _constant(self._path):
            state = int(self._path[start])
            pieces = self._followed(start, end) if state != _OTHER else self._left(start, end, silence_counts)
            yield from pieces

    def _followed(self, start: int, end: int) -> Iterator[SoundStretch]:
        """A run along the release; where that is quiet for a second, nothing is claimed."""
        state = int(self._path[start])
        column = self._columns[state]
        quiet = np.zeros(len(self._path), np.bool_)
        for first, last in _runs(self._theirs[start:end, column] < _AUDIBLE_DB, _QUIET, 0):
            quiet[start + first : start + last] = True
        looks = 2 * (_IN_PLACE if state == _MATCH else _FARTHEST) + 1
        rate, bits = self._error_rate(state, _between(start, end, len(quiet)) & ~quiet)
        p_value = p_value_of(rate, bits, looks)
        is_known = p_value <= SAME_P_VALUE
        shift_s = (_FARTHEST - column) * INSTANT_S
        for first, last in _constant(quiet[start:end]):
            if quiet[start + first] or not is_known:
                yield self._told(start + first, start + last, "unclear", None if quiet[start + first] else p_value)
            elif state == _MATCH:
                yield self._told(start + first, start + last, "same", p_value)
            else:
                yield self._told(start + first, start + last, "shifted", p_value, shift_s)

    def _left(self, start: int, end: int, silence_counts: bool) -> Iterator[SoundStretch]:
        """A run that follows nothing of the release: removed where the copy is silent, else added or replaced."""
        theirs = self._theirs[:, self._columns[_MATCH]]
        is_silent = (self._level < _SILENT_DB) & ((theirs < _AUDIBLE_DB) | (self._level <= theirs - _APART_DB))
        # At both ends a window holds some of what the copy still has.
        margin = min(_SMEAR, (end - start - 1) // 2)
        inner = is_silent[start + margin : end - margin]
        is_mute = len(inner) - int(inner.sum()) < min(_MIN_TOLD, (len(inner) + 1) // 2)
        # What replaces a sound has pauses of its own: only a long one, or nothing else, counts as removed.
        silent = np.zeros(len(self._path), np.bool_)
        for first, last in [(0, end - start)] if is_mute else _runs(is_silent[start:end], _LONG_PAUSE, 0):
            silent[start + first : start + last] = True
        for first, last in _constant(silent[start:end]):
            yield self._other(start + first, start + last, bool(silent[start + first]), silence_counts)

    def _other(self, start: int, end: int, is_silent: bool, silence_counts: bool) -> SoundStretch:
        rate, bits = self._error_rate(_MATCH, _between(start, end, len(self._path)))
        audible_s = bits / _BITS * INSTANT_S
        state: SoundState = "unclear"
        if end - start < _MIN_TOLD:
            return self._told(start, end, state)
        if is_silent:
            state = "removed" if silence_counts and audible_s >= _MIN_AUDIBLE_S else "unclear"
            return self._told(start, end, state)
        if audible_s < _MIN_AUDIBLE_S:
            is_quiet = audible_s < 0.5 * (end - start) * INSTANT_S
            return self._told(start, end, "added" if is_quiet else "unclear")
        state = "replaced" if rate >= REPLACED_ERROR_RATE else "unclear"
        return self._told(start, end, state, p_value_of(rate, bits))

    def _told(
        self, start: int, end: int, state: SoundState, p_value: float | None = None, shift_s: float = 0.0
    ) -> SoundStretch:
        first, last = (self._start + start) * INSTANT_S, (self._start + end) * INSTANT_S
        return SoundStretch(first, last, state, p_value, shift_s)


def _gain(errors: _Errors, error_rate: float) -> NDArray[np.float64]:
    """Nats for "follows, with this share of bits apart" against "unrelated"; 0 where no bits could be compared."""
    wrong, right = math.log(error_rate / 0.5), math.log((1 - error_rate) / 0.5)
    gain = (errors * wrong + (_BITS - errors) * right) / _PATH_BITS
    return np.asarray(np.nan_to_num(gain, nan=0.0), np.float64)


def _best_path(gain: NDArray[np.float64], change: float) -> NDArray[np.intp]:
    count, states = gain.shape
    path = np.zeros(count, np.intp)
    if not count:
        return path
    came = np.zeros((count, states), np.intp)
    best = gain[0].copy()
    for row in range(1, count):
        leader = int(best.argmax())
        stays = best >= best[leader] - change
        came[row] = np.where(stays, np.arange(states), leader)
        best = np.where(stays, best, best[leader] - change) + gain[row]
    path[-1] = int(best.argmax())
    for row in range(count - 1, 0, -1):
        path[row - 1] = came[row, path[row]]
    return path


def _constant(values: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """The runs of equal values, as start and end."""
    if len(values):
        changes = np.flatnonzero(values[1:] != values[:-1]) + 1
        yield from pairwise([0, *(int(one) for one in changes), len(values)])


def _runs(flags: _Flags, shortest: int, bridged: int) -> list[tuple[int, int]]:
    """The runs of true that last long enough, shorter breaks than `bridged` passed over."""
    found: list[tuple[int, int]] = []
    for start, end in _constant(flags):
        if not flags[start]:
            continue
        if found and start - found[-1][1] < bridged:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return [one for one in found if one[1] - one[0] >= shortest]


def _between(start: int, end: int, count: int) -> _Flags:
    place = np.arange(count)
    return np.asarray((place >= start) & (place < end))


def _without_gaps(
    found: Sequence[SoundStretch], end_s: float, filled: SoundState = "unclear"
) -> tuple[SoundStretch, ...]:
    """The stretches in order, what lies between them told as `filled`, neighbours alike put together."""
    whole: list[SoundStretch] = []
    at = 0.0
    for one in [*sorted(found, key=lambda one: one.start_s), SoundStretch(end_s, end_s, filled)]:
        if one.start_s > at + 1e-6:
            _put(whole, SoundStretch(at, one.start_s, filled))
        if one.end_s > one.start_s:
            _put(whole, one)
        at = max(at, one.end_s)
    return _without_slivers(whole)


def _without_slivers(whole: Sequence[SoundStretch]) -> tuple[SoundStretch, ...]:
    """The stretches without the moments at a cut of which nothing can be told, the same standing on either side."""
    kept: list[SoundStretch] = []
    for number, one in enumerate(whole):
        after = whole[number + 1] if number + 1 < len(whole) else None
        is_sliver = one.state == "unclear" and one.length_s < _MIN_TOLD * INSTANT_S
        if is_sliver and kept and after is not None and kept[-1].state == after.state:
            kept[-1] = replace(kept[-1], end_s=one.end_s)
        else:
            _put(kept, one)
    return tuple(kept)


def _put(whole: list[SoundStretch], one: SoundStretch) -> None:
    last = whole[-1] if whole else None
    if last is None or last.state != one.state or abs(last.shift_s - one.shift_s) > 0.05:
        whole.append(one)
        return
    known = [p for p in (last.p_value, one.p_value) if p is not None]
    whole[-1] = SoundStretch(last.start_s, one.end_s, one.state, max(known, default=None), one.shift_s)
