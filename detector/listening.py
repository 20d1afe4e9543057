"""Compares a copy's sound with that of its release, or says why it was not compared. Never raises for a file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.errors import ServiceUnreachable, UnreadableInput
from core.sound import MAX_SOUND_S
from detector.edits import sound_changes_of, sound_edits_of
from detector.findings import ReleasedPart, ReleaseMatch, SoundReading
from detector.matching import Stretch
from detector.pictures import Pictures
from detector.plaintext import plain
from detector.ports import ReferenceLookup
from detector.sandbox.sound import read_sound_sandboxed
from detector.sounds import Fits, compared_sound
from provenance.fingerprint import AGREE_BITS, SAMPLES_PER_S
from provenance.records import Fingerprint, Release
from provenance.sound import SoundFingerprint, fingerprint_sound, kept_sound, read_kept_sound

_NOT_KEPT = "nothing is kept of the release's"
_HASH_BITS = 256
#: What an encoder moves a hash of a still picture by: in such a scene, places this near are one.
_AS_NEAR_BITS = 6.0
_FIRST_MINUTES = "only the first five minutes were compared"


def sound_reading(
    path: Path,
    pictures: Pictures,
    match: ReleaseMatch | None,
    references: ReferenceLookup | None,
    *,
    is_segment: bool = False,
    parts: Sequence[ReleasedPart] = (),
) -> SoundReading:
    """The comparison, where the clip is a copy of one of ours whose sound was kept and that can be followed.

    A child that decodes the sound is started only then.
    """
    if match is None or not match.content_agrees or pictures.clip is None:
        return SoundReading()
    if reason := _why_not(match, is_segment=is_segment, is_joined=bool(parts)):
        return SoundReading(not_studied=reason)
    try:
        released = _kept(match.release, references)
    except (ServiceUnreachable, ValueError):
        return SoundReading(not_studied=_NOT_KEPT)
    stretches = match.inspection.stretches if match.inspection is not None else ()
    try:
        sound = read_sound_sandboxed(path) if pictures.clip.clip.info.has_audio else None
    except UnreadableInput as error:
        return SoundReading(not_studied=f"it could not be decoded ({plain(error)})")
    if sound is None:
        return SoundReading(compared_sound(None, released, stretches))
    if sound.is_damaged and not len(sound.samples):
        return SoundReading(not_studied="nothing of it could be decoded")
    fits = (
        placed_as_well(pictures.fingerprint, match.release.fingerprint, stretches) if pictures.fingerprint else None
    )
    found = compared_sound(
        fingerprint_sound(sound), released, stretches, is_damaged=sound.is_damaged, is_cut=sound.is_cut, fits=fits
    )
    is_long = sound.is_cut or (pictures.file.get("duration_s") or 0.0) > MAX_SOUND_S
    notes = [found.note, _FIRST_MINUTES if is_long else ""]
    return SoundReading(replace(found, note="; ".join(one for one in notes if one)))


def kept_sound_of(path: Path, manifest_id: str) -> bytes | None:
    """What is kept of the sound of a clip that is released under this ID; None where it has no sound track.

    Raises:
        UnreadableInput: the track can't be decoded. It was copied from the file that was given, so a confined child
            decodes it.
    """
    sound = read_sound_sandboxed(path)
    return kept_sound(fingerprint_sound(sound), manifest_id) if sound is not None else None


def placed_as_well(query: Fingerprint, released: Fingerprint, lies: Sequence[Stretch]) -> Fits:
    """Asks the pictures whether a stretch lies as well elsewhere in the release: as near as where it was found."""

    def apart(one: Stretch) -> float:
        start, end = round(one.start_s * SAMPLES_PER_S), round(one.end_s * SAMPLES_PER_S)
        place = round(one.reference_s * SAMPLES_PER_S)
        ours, theirs = query.hashes[start:end], released.hashes[place : place + end - start]
        if not len(ours) or len(theirs) < len(ours) - 1:
            return float(_HASH_BITS)
        return float(np.median(np.bitwise_count(ours[: len(theirs)] ^ theirs).sum(axis=1)))

    def fits(moved: Stretch) -> bool:
        found = next((one for one in lies if one.release == 0 and one.start_s <= moved.start_s < one.end_s), None)
        if found is None or query.alg != released.alg:
            return False
        here = apart(replace(moved, reference_s=found.reference_s + moved.start_s - found.start_s))
        return here <= AGREE_BITS and apart(moved) <= here + _AS_NEAR_BITS

    return fits


def with_sound(match: ReleaseMatch | None, reading: SoundReading) -> ReleaseMatch | None:
    """The match with what was done to the sound among its edits and changes."""
    if match is None or reading.comparison is None:
        return match
    changes = sound_changes_of(reading.comparison)
    # The last edit is that of the file as a whole: encoded anew, or changed in place.
    edits = (*match.edits[:-1], *sound_edits_of(changes), *match.edits[-1:])
    in_order = sorted((*match.changes, *changes), key=lambda one: (one["start_s"], one["kind"]))
    return replace(match, edits=edits, changes=tuple(in_order))


def _why_not(match: ReleaseMatch, *, is_segment: bool, is_joined: bool) -> str:
    if match.same_bytes:
        return "every byte is as it was released"
    if is_segment:
        return "that of streams is not compared"
    if is_joined:
        return "the clip was joined from several"
    if "sound" not in match.release.facts:
        return _NOT_KEPT
    if match.inspection is None or all(one.release is None for one in match.inspection.stretches):
        return "its pictures could not be laid along the release's"
    return ""


def _kept(release: Release, references: ReferenceLookup | None) -> SoundFingerprint | None:
    """What was kept of a release's sound; None where it had none.

    Raises:
        ServiceUnreachable, ValueError: it can't be had, or can't be read.
    """
    digest = release.facts["sound"]
    if digest is None:
        return None
    if references is None or not isinstance(digest, str):
        raise ValueError("there is no place to look kept sounds up")
    return read_kept_sound(references(digest))
