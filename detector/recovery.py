"""Finds the release a clip is a copy of, reads the credential kept for it, and compares the pictures."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.canonical import sha256_hex
from detector.alignment import is_cut_out, laid_back
from detector.edits import edits_of
from detector.findings import Comparison, MarkReading, ReleaseMatch
from detector.pictures import Pictures
from detector.ports import ReleaseLookup
from detector.sandbox.credential import read_store_sandboxed
from provenance.fingerprint import Similarity, fingerprint_clip, similarity
from provenance.records import Fingerprint, ManifestReport, Release
from provenance.trust import TrustStore
from watermark.extraction import Geometry
from watermark.pixel.geometry import on_marked

_MARK_SOURCES = ("pixel_watermark", "noise_watermark")


@dataclass(frozen=True)
class Recovery:
    """Looks one clip up. `now` is the instant at which kept credentials are judged; `keeps_credential` says that
    the file still has one of its own.
    """

    repository: ReleaseLookup
    trust: TrustStore
    now: datetime
    keeps_credential: bool = False

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

    def _compared(
        self, release: Release, found_by: tuple[str, ...], pictures: Pictures, readings: dict[str, MarkReading]
    ) -> ReleaseMatch:
        released = release.facts.get("file") or {}
        extraction = pictures.pixel.extraction
        geometry = (
            _on_release(pictures, extraction.geometry, released) if extraction and pictures.pixel.found else None
        )
        alike = _similarity(pictures, release.fingerprint, geometry, released)
        credential = read_store_sandboxed(release.manifest_store, self.trust, now=self.now)
        match = ReleaseMatch(
            release,
            found_by,
            credential,
            alike,
            _differing(release, credential, readings),
            same_bytes=pictures.file.get("sha256") == release.sha256,
        )
        if match.same_bytes or match.comparison is Comparison.DIFFERS:
            return match  # the release itself, or no copy of it: nothing was done to it
        return replace(match, edits=self._edits(pictures, released, geometry, alike))

    def _edits(
        self, pictures: Pictures, released: dict[str, Any], geometry: Geometry | None, alike: Similarity | None
    ) -> tuple[str, ...]:
        keeps = self.keeps_credential
        return edits_of(pictures.file, released, geometry, alike, keeps_credential=keeps)


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


def _similarity(
    pictures: Pictures, reference: Fingerprint, geometry: Geometry | None, released: dict[str, Any]
) -> Similarity | None:
    """How alike, with the clip also laid back where the mark says it was cut out; the better of both."""
    if pictures.fingerprint is None or pictures.clip is None:
        return None
    plain = similarity(pictures.fingerprint, reference)
    size = (int(released.get("width_px") or 0), int(released.get("height_px") or 0))
    if plain.agrees or geometry is None or min(size) == 0:
        return plain
    if not is_cut_out(pictures.clip.clip, geometry, size):
        return plain
    placed = similarity(fingerprint_clip(laid_back(pictures.clip.clip, geometry, size)), reference)
    return max(plain, placed, key=lambda one: (one.agrees, one.score))


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
