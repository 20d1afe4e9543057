"""Clips joined from several of ours, told from the pictures alone: each shot is looked up by itself.

Where clips of two sizes are joined, only one mark lies as it was marked, and a second of a small clip
is too little for any. The pictures still are those of the releases: the clip is cut where its pictures jump, and
where they don't, into stretches that follow one release each.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np

from core.clip import Clip, Frame
from detector.boundaries import sharpened
from detector.findings import LIKENESS_ALONE_SCORE, ReleasedPart
from detector.matching import stretches_of
from detector.ports import ReleaseLookup
from detector.shots import by_shot, shots_of
from provenance.fingerprint import AGREE_BITS, SAMPLES_PER_S, fingerprint_clip, similarity
from provenance.records import Fingerprint, Release
from watermark.payload import Payload

#: Six samples of the fingerprint, the fewest that it compares.
MIN_SHOT_S = 0.75
_MAX_SHOTS = 120
_MAX_WINDOWS = 48
_WINDOW_SAMPLES = 8
_MAX_SAMPLES = 300 * SAMPLES_PER_S
_MAX_RELEASES = 4

_Shown = tuple[float, float, Release]


@dataclass(frozen=True)
class Shown:
    """What stretches of a clip show: `parts` in order where they show different releases, else none of them, and
    `alone` is the release that some of the clip shows, if any does."""

    parts: tuple[ReleasedPart, ...] = ()
    alone: Release | None = None


def shown_in(
    clip: Clip, fingerprint: Fingerprint, repository: ReleaseLookup, known: Release | None = None
) -> Shown:
    """The releases that stretches of a clip show by themselves.

    `known` is the release that a mark led to, asked first. Only the first five minutes are looked at; a shot of
    less than 0.75 s names no release by itself. Two or three passes over the clip.
    """
    in_shots = _shown_in_shots(clip, repository, known)
    if by_shots := _joined(in_shots):
        return Shown(by_shots)
    releases = _shown_in_windows(fingerprint, repository, known)
    if len(releases) < 2:
        longest = max(in_shots, key=lambda one: one[1] - one[0], default=None)
        return Shown(alone=longest[2] if longest is not None else next(iter(releases), None))
    stretches = sharpened(clip, stretches_of(fingerprint, [one.fingerprint for one in releases]))
    parts = _joined(
        (one.start_s, one.end_s, releases[one.release])
        for one in stretches
        if one.release is not None and one.length_s >= MIN_SHOT_S and one.score >= LIKENESS_ALONE_SCORE
    )
    return Shown(parts, None if parts else releases[0])


def _joined(shown: Iterable[_Shown]) -> tuple[ReleasedPart, ...]:
    """Neighbouring stretches of one release as one part; nothing unless two releases differ from each other: the
    same clip may well be released twice."""
    held = list(shown)
    first = held[0][2] if held else None
    if first is None or all(_is_twin(one[2], first) for one in held):
        return ()
    parts = []
    for manifest_id, group in groupby(held, key=lambda one: one[2].manifest_id):
        run = list(group)
        parts.append(ReleasedPart(run[0][0], run[-1][1], _content_hex(run[0][2]), manifest_id, found_by="pictures"))
    return tuple(parts)


def _is_twin(one: Release, other: Release) -> bool:
    return one.manifest_id == other.manifest_id or similarity(one.fingerprint, other.fingerprint).agrees


def _shown_in_shots(clip: Clip, repository: ReleaseLookup, known: Release | None) -> list[_Shown]:
    shots = shots_of(clip)[:_MAX_SHOTS]
    if len(shots) < 2:
        return []
    # A shot alone, so that black bars around another one don't shift what is compared. Still one pass for all.
    prints = {
        number: fingerprint_clip(_from_zero(clip, frames, shots[number][0]))
        for number, frames in by_shot(clip, shots)
    }
    long = {n: one for n, one in prints.items() if shots[n][1] - shots[n][0] >= MIN_SHOT_S - 1e-6}
    shown = {n: found for n, one in long.items() if (found := _closest(one, repository, known)) is not None}
    releases = list({one.manifest_id: one for one in shown.values()}.values())
    for number, one in prints.items():
        # Too short to be looked up; between two releases that are known, it is still nearer to one of them.
        if number not in long and (nearest := _nearest(one, releases)) is not None:
            shown[number] = nearest
    return [(*shots[number], shown[number]) for number in sorted(shown)]


def _nearest(fingerprint: Fingerprint, releases: Sequence[Release]) -> Release | None:
    """Of some releases the one with the most alike pictures anywhere; None where none is near."""
    ours = np.ascontiguousarray(fingerprint.hashes).view(np.uint64)
    near: list[tuple[float, Release]] = []
    for one in releases:
        theirs = np.ascontiguousarray(one.fingerprint.hashes).view(np.uint64)
        if len(ours) and len(theirs) and one.fingerprint.alg == fingerprint.alg:
            apart = np.bitwise_count(ours[:, None] ^ theirs[None]).sum(axis=2).min(axis=1)
            near.append((float(np.median(apart)), one))
    bits, found = min(near, key=lambda one: one[0], default=(256.0, None))
    return found if bits <= AGREE_BITS else None


def _from_zero(clip: Clip, frames: Iterator[Frame], start_s: float) -> Clip:
    """The frames of a shot, read once, from time 0 on."""
    moved = (Frame(max(0.0, one.time_s - start_s), one.rgb) for one in frames)
    return Clip(clip.info, lambda: moved)


def _shown_in_windows(fingerprint: Fingerprint, repository: ReleaseLookup, known: Release | None) -> list[Release]:
    """The releases that single seconds of the clip show, most seconds first, each only once."""
    count = min(len(fingerprint.hashes), _MAX_SAMPLES)
    step = max(_WINDOW_SAMPLES // 2, count // _MAX_WINDOWS)
    seen: dict[str, tuple[Release, int]] = {}
    for start in range(0, count - _WINDOW_SAMPLES + 1, step):
        inside = slice(start, start + _WINDOW_SAMPLES)
        window = Fingerprint(fingerprint.alg, fingerprint.hashes[inside], fingerprint.quality[inside], 1.0)
        found = _closest(window, repository, known)
        if found is not None:
            seen[found.manifest_id] = found, seen.get(found.manifest_id, (found, 0))[1] + 1
    ordered = sorted(seen.values(), key=lambda one: -one[1])
    return [release for release, _ in islice(ordered, _MAX_RELEASES)]


def _closest(fingerprint: Fingerprint, repository: ReleaseLookup, known: Release | None) -> Release | None:
    """The release that some pictures clearly show; the known one before its like."""
    if known is not None:
        alike = similarity(fingerprint, known.fingerprint)
        if alike.agrees and alike.score >= LIKENESS_ALONE_SCORE:
            return known
    found = repository.find_by_fingerprint(fingerprint, 1)
    return found[0][0] if found and found[0][1] >= LIKENESS_ALONE_SCORE else None


def _content_hex(release: Release) -> str:
    """The ID that the release's own mark says; its credential's ID where it has none."""
    for binding in release.bindings:
        if not binding.is_fingerprint and len(binding.value) == 8:
            return Payload.from_bytes(binding.value).content_hex
    return release.manifest_id
