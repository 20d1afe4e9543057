"""Clips joined from several of ours, told from the pictures alone: each shot is looked up by itself.

Where clips of two sizes are joined, only one mark lies as it was marked, and a second of a small clip
is too little for any. The pictures still are those of the releases: the clip is cut where its pictures jump, and
where they don't, into stretches that follow one release each.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby, islice, pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import Clip, Frame
from detector.boundaries import sharpened
from detector.findings import LIKENESS_ALONE_SCORE, ReleasedPart
from detector.matching import stretches_of
from detector.ports import ReleaseLookup
from provenance.fingerprint import SAMPLES_PER_S, fingerprint_clip, similarity
from provenance.records import Fingerprint, Release
from watermark.payload import Payload

#: Six samples of the fingerprint, the fewest that it compares.
MIN_SHOT_S = 0.75
_MAX_SHOTS = 40
_MAX_WINDOWS = 48
_WINDOW_SAMPLES = 8
_MAX_SAMPLES = 300 * SAMPLES_PER_S
_MAX_RELEASES = 4
_SIDE_PX = 24
#: A jump changes the small picture by this many levels, and this many times as much as the half second around it.
_JUMP_LEVELS, _JUMP_TIMES, _AROUND_S = 6.0, 3.0, 0.5

_Shown = tuple[float, float, Release]


def joined_from(
    clip: Clip, fingerprint: Fingerprint, repository: ReleaseLookup, known: Release | None = None
) -> tuple[ReleasedPart, ...]:
    """The stretches of a clip that show different releases, in order; empty where it shows one or none.

    `known` is the release that a mark led to, asked first. Only the first five minutes are looked at; shots of
    less than 0.75 s are left out. Two or three passes over the clip.
    """
    by_shots = _joined(_shown_in_shots(clip, repository, known))
    if by_shots:
        return by_shots
    releases = _shown_in_windows(fingerprint, repository, known)
    if len(releases) < 2:
        return ()
    stretches = sharpened(clip, stretches_of(fingerprint, [one.fingerprint for one in releases]))
    return _joined(
        (one.start_s, one.end_s, releases[one.release])
        for one in stretches
        if one.release is not None and one.length_s >= MIN_SHOT_S and one.score >= LIKENESS_ALONE_SCORE
    )


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


def shots_of(clip: Clip) -> list[tuple[float, float]]:
    """Start and end (seconds) of every shot of the first five minutes that lasts 0.75 s, by the jumps of the
    picture. One pass."""
    times, changes = _changes(clip)
    if len(times) < 2:
        return []
    frame_s = float(np.median(np.diff(times)))
    cuts = [0.0]
    for number, change in enumerate(changes, 1):
        near = np.abs(times[1:] - times[number]) <= _AROUND_S
        near[number - 1] = False
        usual = float(np.median(changes[near])) if near.any() else 0.0
        if change > _JUMP_LEVELS and change > _JUMP_TIMES * usual:
            cuts.append(float(times[number]))
    cuts.append(float(times[-1]) + frame_s)
    return [(start, end) for start, end in pairwise(cuts) if end - start >= MIN_SHOT_S - 1e-6]


def _changes(clip: Clip) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    times, changes = [], []
    before: NDArray[np.float32] | None = None
    for frame in clip.timed_frames():
        if frame.time_s > _MAX_SAMPLES / SAMPLES_PER_S:
            break
        small = cv2.resize(frame.rgb, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
        times.append(frame.time_s)
        if before is not None:
            changes.append(float(np.abs(small - before).mean()))
        before = small
    return np.array(times), np.array(changes)


def _shown_in_shots(clip: Clip, repository: ReleaseLookup, known: Release | None) -> Iterator[_Shown]:
    shots = shots_of(clip)[:_MAX_SHOTS]
    if len(shots) < 2:
        return
    # A shot alone, so that black bars around another one don't shift what is compared. Still one pass for all.
    starts = np.array([start for start, _ in shots])
    frames = clip.timed_frames()
    for number, group in groupby(frames, key=lambda frame: int(np.searchsorted(starts, frame.time_s + 1e-6)) - 1):
        if number < 0:
            continue
        start, end = shots[number]
        found = _closest(fingerprint_clip(_excerpt(clip, group, start, end)), repository, known)
        if found is not None:
            yield start, end, found
        if number == len(shots) - 1:
            return


def _excerpt(clip: Clip, frames: Iterable[Frame], start_s: float, end_s: float) -> Clip:
    """The frames of a shot, read once, from time 0 on; those after its end belong to none."""
    inside = (Frame(max(0.0, one.time_s - start_s), one.rgb) for one in frames if one.time_s < end_s - 1e-6)
    return Clip(clip.info, lambda: inside)


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
