"""Finds the release a clip is a copy of, reads the credential kept for it, and compares the pictures."""

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, pairwise
from threading import Lock
from typing import Any

from core.canonical import sha256_hex
from core.errors import ServiceUnreachable
from detector.alignment import laid_back, placement
from detector.boundaries import sharpened
from detector.edits import changes_of, edits_of
from detector.findings import FOREIGN_FIT, Comparison, MarkReading, ReleasedPart, ReleaseMatch
from detector.inspection import Inspection, inspect
from detector.joining import Shown, shown_in
from detector.matching import stretches_of
from detector.pictures import Pictures
from detector.ports import ReferenceLookup, ReleaseLookup
from detector.reference import Reference, read_reference
from detector.sandbox.credential import read_store_sandboxed
from provenance.fingerprint import Similarity, fingerprint_clip, similarity
from provenance.placing import have_nothing_in_common
from provenance.records import Fingerprint, ManifestReport, Release, SoftBinding
from provenance.trust import TrustStore
from watermark.extraction import Geometry, MarkedPart
from watermark.pixel.geometry import on_marked

_BY_STRETCH = "fingerprint_of_a_stretch"
_MARK_SOURCES = ("pixel_watermark", "noise_watermark")


class KeptCredentials:
    """Our reading of kept manifest stores at one instant, each store read once. Thread-safe: who asks for one that
    is being read waits for it."""

    def __init__(self, trust: TrustStore, now: datetime) -> None:
        self._trust, self._now = trust, now
        self._read: dict[bytes, Future[ManifestReport]] = {}
        self._lock = Lock()

    def read(self, store: bytes) -> ManifestReport:
        """What stands in a store. Never raises for what it holds."""
        with self._lock:
            known = self._read.get(store)
            told = self._read[store] = known or Future()
        if known is None:
            try:
                told.set_result(read_store_sandboxed(store, self._trust, now=self._now))
            except BaseException as error:
                told.set_exception(error)
                raise
        return told.result()

    def foresee(self, repository: ReleaseLookup, report: ManifestReport) -> None:
        """Read the kept store that an announced mark will lead to, while somebody else still looks for the mark."""
        marks = [one for one in report.bindings if not one.is_fingerprint]
        for release in repository.find_by_binding(marks[0])[:1] if marks else ():
            self.read(release.manifest_store)


@dataclass(frozen=True)
class Recovery:
    """Looks one clip up. `credentials` reads kept ones; `keeps_credential` says that the file still has one of its
    own. `references` gives the small pictures kept of a release.
    """

    repository: ReleaseLookup
    credentials: KeptCredentials
    keeps_credential: bool = False
    references: ReferenceLookup | None = None

    def by_mark(self, pictures: Pictures, noise: MarkReading) -> ReleaseMatch | None:
        """The release that a found mark leads to; where several carry it, an agreeing one first."""
        readings = dict(zip(_MARK_SOURCES, (pictures.pixel, noise), strict=True))
        found: dict[str, tuple[Release, list[str]]] = {}
        for source, reading in readings.items():
            for release in self.repository.find_by_binding(reading.binding) if reading.binding else ():
                found.setdefault(release.manifest_id, (release, []))[1].append(source)
        matches = (
            self._compared(release, tuple(by), pictures, readings) for release, by in list(found.values())[:8]
        )
        return _first_agreeing(matches)

    def by_likeness(self, pictures: Pictures) -> ReleaseMatch | None:
        """The release that looks most like the clip, if any agrees; one that a found mark contradicts does not."""
        if pictures.fingerprint is None:
            return None
        readings = {"pixel_watermark": pictures.pixel}
        alike = self.repository.find_by_fingerprint(pictures.fingerprint, 3)
        return _first_agreeing(
            self._compared(release, ("fingerprint",), pictures, readings) for release, _ in alike
        )

    def parts_of(self, pictures: Pictures) -> tuple[ReleasedPart, ...]:
        """The stretches under different marks, with the releases they lead to; empty where one mark is all.

        Where both releases are known the cuts are placed by comparing the pictures with both.
        """
        extraction = pictures.pixel.extraction
        marked = _joined(extraction.parts) if extraction is not None and pictures.pixel.found else ()
        if extraction is None or len({one.payload for one in marked}) < 2:
            return ()
        releases = [self._released(extraction.alg, one) for one in marked]
        parts = tuple(
            ReleasedPart(one.start_s, one.end_s, one.payload.content_hex, release.manifest_id if release else None)
            for one, release in zip(marked, releases, strict=True)
        )
        known = {one.manifest_id: one for one in releases if one is not None}
        if len(known) < 2 or pictures.fingerprint is None or pictures.clip is None:
            return parts
        return _cut_by_pictures(parts, list(known.values()), pictures)

    def shown(self, pictures: Pictures, known: Release | None = None) -> Shown:
        """What stretches of the clip show by their pictures alone: several releases, one, or none."""
        if pictures.fingerprint is None or pictures.clip is None:
            return Shown()
        return shown_in(pictures.clip.clip, pictures.fingerprint, self.repository, known)

    def by_stretch(self, pictures: Pictures, release: Release) -> ReleaseMatch | None:
        """The release that a stretch of the clip shows, if the whole agrees with it place by place; else nothing is
        said: one second that looks like one of a release is no copy of it."""
        match = self._compared(release, (_BY_STRETCH,), pictures, {"pixel_watermark": pictures.pixel})
        return match if match.comparison is Comparison.AGREES else None

    def _released(self, alg: str, part: MarkedPart) -> Release | None:
        found = self.repository.find_by_binding(SoftBinding(alg, part.payload.to_bytes()))
        return found[0] if found else None

    def _compared(
        self, release: Release, found_by: tuple[str, ...], pictures: Pictures, readings: dict[str, MarkReading]
    ) -> ReleaseMatch:
        released = release.facts.get("file") or {}
        extraction = pictures.pixel.extraction
        geometry = (
            _on_release(pictures, extraction.geometry, released) if extraction and pictures.pixel.found else None
        )
        placed = _laid_back_fingerprint(pictures, geometry, released)
        alike = _similarity(pictures, placed, release.fingerprint)
        credential = self.credentials.read(release.manifest_store)
        same_bytes = pictures.file.get("sha256") == release.sha256
        differing = _differing(release, credential, readings)
        # A look-alike that doesn't even look alike is not worth the seconds of a comparison place by place.
        is_likely = found_by != ("fingerprint",) or (alike is not None and alike.agrees)
        is_compared = is_likely and not (same_bytes or differing)
        inspection = self._inspected(release, pictures, geometry, placed, alike) if is_compared else None
        match = ReleaseMatch(
            release,
            found_by,
            credential,
            alike,
            differing,
            same_bytes=same_bytes,
            inspection=inspection,
            shares_nothing=_shares_nothing(pictures, release, found_by, inspection),
        )
        if match.same_bytes or match.comparison is Comparison.DIFFERS:
            return match  # the release itself, or no copy of it: nothing was done to it
        edits = edits_of(
            pictures.file,
            released,
            geometry,
            alike,
            keeps_credential=self.keeps_credential,
            inspection=inspection,
        )
        return replace(match, edits=edits, changes=changes_of(inspection, released))

    def _inspected(
        self,
        release: Release,
        pictures: Pictures,
        geometry: Geometry | None,
        placed: Fingerprint | None,
        alike: Similarity | None,
    ) -> Inspection | None:
        if pictures.clip is None or pictures.fingerprint is None:
            return None
        reference = kept_reference(release, self.references)
        size = _size_of(release.facts.get("file") or {})
        marked = None
        if geometry is not None and reference is not None and len(reference.pictures):
            height, width = reference.pictures.shape[1:3]
            marked = placement(geometry, size, (width, height))
        if placed is not None:
            # What is followed is the clip laid back: how the clip as it came compares (mirrored, say) is not asked.
            alike = similarity(placed, release.fingerprint)
        return inspect(
            pictures.clip.clip,
            placed or pictures.fingerprint,
            release.fingerprint,
            alike,
            reference,
            marked,
            size,
        )


def kept_reference(release: Release, references: ReferenceLookup | None) -> Reference | None:
    """The small pictures kept of a release; None where none were kept, or what was kept can't be read."""
    digest = release.facts.get("reference")
    if references is None or not isinstance(digest, str):
        return None
    try:
        return read_reference(references(digest))
    except (ServiceUnreachable, ValueError):
        # The pictures only refine the comparison: without them the fingerprint decides.
        return None


def _joined(parts: tuple[MarkedPart, ...]) -> tuple[MarkedPart, ...]:
    """Parts in order of time; under two marks at once, as sealing a marked clip leaves it, nothing was joined."""
    ordered = sorted(parts, key=lambda one: one.start_s)
    for before, after in pairwise(ordered):
        if before.payload != after.payload and after.start_s < before.end_s - 1.0:
            return ()
    return tuple(ordered)


def _cut_by_pictures(
    parts: tuple[ReleasedPart, ...], releases: list[Release], pictures: Pictures
) -> tuple[ReleasedPart, ...]:
    """The parts as the pictures show them, if they show the same releases in the same order."""
    if pictures.fingerprint is None or pictures.clip is None:
        return parts
    found = stretches_of(pictures.fingerprint, [one.fingerprint for one in releases])
    found = sharpened(pictures.clip.clip, found)
    shown = [(one, releases[one.release].manifest_id) for one in found if one.release is not None]
    runs = [list(group) for _, group in groupby(shown, key=lambda one: one[1])]
    marked = [list(group) for _, group in groupby(parts, key=lambda one: one.manifest_id)]
    if [run[0][1] for run in runs] != [group[0].manifest_id for group in marked]:
        return parts
    return tuple(
        replace(group[0], start_s=run[0][0].start_s, end_s=run[-1][0].end_s)
        for run, group in zip(runs, marked, strict=True)
    )


def _shares_nothing(
    pictures: Pictures, release: Release, found_by: tuple[str, ...], inspection: Inspection | None
) -> bool:
    """Whether the pictures under a mark share no feature with its release; asked only where they don't fit."""
    is_led_by_mark = any(one in found_by for one in _MARK_SOURCES)
    if not is_led_by_mark or inspection is None or inspection.fit is None or inspection.fit >= FOREIGN_FIT:
        return False
    ours = pictures.fingerprint.landmarks if pictures.fingerprint is not None else None
    theirs = release.fingerprint.landmarks
    return ours is not None and theirs is not None and have_nothing_in_common(ours, theirs)


def _size_of(released: dict[str, Any]) -> tuple[int, int]:
    return int(released.get("width_px") or 0), int(released.get("height_px") or 0)


def _on_release(pictures: Pictures, geometry: Geometry, released: dict[str, Any]) -> Geometry:
    """The geometry in pixels of the released clip, whose size the mark alone cannot tell."""
    marked = (int(released.get("width_px") or 0), int(released.get("height_px") or 0))
    if pictures.clip is None or min(marked) == 0:
        return geometry
    info = pictures.clip.clip.info
    return on_marked(geometry, (info.width_px, info.height_px), marked)


def _first_agreeing(matches: Iterator[ReleaseMatch]) -> ReleaseMatch | None:
    first: ReleaseMatch | None = None
    for match in matches:
        if match.comparison is Comparison.AGREES:
            return match
        first = first or match
    return first


def _laid_back_fingerprint(
    pictures: Pictures, geometry: Geometry | None, released: dict[str, Any]
) -> Fingerprint | None:
    """The fingerprint of the clip laid back where the mark says that it lay; None where it lies there already."""
    size = _size_of(released)
    if pictures.clip is None or geometry is None or min(size) == 0:
        return None
    placed = laid_back(pictures.clip.clip, geometry, size)
    return fingerprint_clip(placed) if placed is not None else None


def _similarity(pictures: Pictures, placed: Fingerprint | None, reference: Fingerprint) -> Similarity | None:
    """How alike, as the clip is and laid back; the better of both."""
    if pictures.fingerprint is None or pictures.clip is None:
        return None
    plain = similarity(pictures.fingerprint, reference)
    if plain.agrees or placed is None:
        return plain
    return max(plain, similarity(placed, reference), key=lambda one: (one.agrees, one.score))


def _differing(release: Release, credential: ManifestReport, readings: dict[str, MarkReading]) -> tuple[str, ...]:
    """The soft bindings of the kept credential that contradict what was read, or the record itself."""
    bindings = credential.bindings or release.bindings
    differing = []
    for reading in readings.values():
        if reading.binding is not None:
            values = {one.value for one in bindings if one.alg == reading.binding.alg}
            if values and reading.binding.value not in values:
                differing.append(reading.binding.alg)
    fingerprint = sha256_hex(release.fingerprint.to_bytes())
    signed = {sha256_hex(one.value) for one in bindings if one.alg == release.fingerprint.alg}
    if signed and fingerprint not in signed:
        differing.append(release.fingerprint.alg)
    if credential.manifest_id is not None and credential.manifest_id != release.manifest_id:
        differing.append("manifest_id")
    return tuple(differing)
