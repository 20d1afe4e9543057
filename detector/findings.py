"""Everything that was read from one clip, before anybody judges it. Values only; nothing here decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from detector.classifier.reading import ClassifierReading
from detector.history import History
from detector.inspection import Inspection
from detector.leads import Lead
from detector.sounds import SoundComparison
from provenance.fingerprint import CLOSE_SCORE, Similarity
from provenance.records import CredentialState, ManifestReport, Release, SoftBinding
from watermark.extraction import Extraction


@dataclass(frozen=True)
class ReadingFault:
    """Why no picture, or not every picture, could be decoded. `after_s` is None when none could."""

    code: str
    message: str
    hint: str
    after_s: float | None = None


@dataclass(frozen=True)
class MarkReading:
    """One mark's reading, or the reason why nobody looked. `narrowed` says why the search was not a full one."""

    extraction: Extraction | None = None
    not_examined: str = ""
    narrowed: str = ""

    @property
    def found(self) -> bool:
        """Whether a mark stands in the clip under one of our keys, with an ID that can be looked up."""
        return self.extraction is not None and self.extraction.found and self.content_hex is not None

    @property
    def content_hex(self) -> str | None:
        """The content ID that the mark says: 14 hex digits, or the first 8 of them from a mark with little room."""
        extraction = self.extraction
        if extraction is None or not extraction.found:
            return None
        if extraction.payload is not None:
            return extraction.payload.content_hex
        return f"{extraction.short_id:08x}" if extraction.short_id is not None else None

    @property
    def binding(self) -> SoftBinding | None:
        """The mark as a credential names it: its algorithm and value."""
        extraction = self.extraction
        if extraction is None or not extraction.found:
            return None
        if extraction.payload is not None:
            return SoftBinding(extraction.alg, extraction.payload.to_bytes())
        if extraction.short_id is not None:
            return SoftBinding(extraction.alg, extraction.short_id.to_bytes(4, "big"))
        return None

    def contradicts(self, other: "MarkReading") -> bool:
        """Whether both marks were found and name different clips."""
        ours, theirs = self.content_hex, other.content_hex
        if ours is None or theirs is None:
            return False
        return not (ours.startswith(theirs) or theirs.startswith(ours))


@dataclass(frozen=True)
class SoundReading:
    """How the sound compares with that of the release which the clip is a copy of, or why nobody compared it."""

    comparison: SoundComparison | None = None
    not_studied: str = "there is no release here to compare it with"


class Comparison(StrEnum):
    """How a clip's pictures compare with those of a release."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNCLEAR = "unclear"


#: Below this score two clips show different things; between it and agreement nothing is claimed. From few clips:
#: a foreign clip scored .04, a copy cropped by 10 % .81 (tests/detector); no sweep over pairs has been run.
FOREIGN_SCORE = 0.25
#: Laid on the release's kept pictures where the mark says, other clips fit by .01 to .02 (drawn scenes whose hashes
#: are alike, `python -m bench.detector_verdicts`), copies by .75 and more.
FOREIGN_FIT = 0.2


#: From this score on a likeness alone, without a mark, makes a copy. It is compared with every release there is, so
#: agreement (measured false-match rate 1e-3 a pair) is not enough; hard re-encodes score .97, mirrored copies .89.
LIKENESS_ALONE_SCORE = CLOSE_SCORE


@dataclass(frozen=True)
class ReleaseMatch:
    """A release that the repository named for this clip, and how the clip compares with it.

    `found_by` lists what led to it (`pixel_watermark`, `noise_watermark`, `fingerprint`). `credential` is our
    reading of the kept manifest store. `differing_bindings` names soft bindings of that credential that contradict
    what was read from the clip: one is enough to take the match away. `inspection` tells what was done to the
    copy, `changes` the same as values: `{"kind", "start_s", "end_s", …}`, in order of time. With `shares_nothing` a
    mark led here, both are rich in local features, and not ten of them are the same.
    """

    release: Release
    found_by: tuple[str, ...]
    credential: ManifestReport
    similarity: Similarity | None = None
    differing_bindings: tuple[str, ...] = ()
    same_bytes: bool = False
    edits: tuple[str, ...] = ()
    inspection: Inspection | None = None
    changes: tuple[dict[str, Any], ...] = ()
    shares_nothing: bool = False

    @property
    def comparison(self) -> Comparison:
        """Whether the clip shows what the release shows; a binding that contradicts it settles that it doesn't."""
        if self.same_bytes:
            return Comparison.AGREES
        if self.differing_bindings:
            return Comparison.DIFFERS
        if self.inspection is not None and self.inspection.agrees and self.found_by != ("fingerprint",):
            # A mark led here, and place by place the pictures are the release's: a paste or a caption upsets the
            # fingerprint of the whole picture long before that.
            return Comparison.AGREES
        if self.similarity is None or not self.similarity.is_conclusive:
            return Comparison.UNCLEAR
        if self._lies_on_others:
            return Comparison.DIFFERS
        if self._agrees_only_in_part and not (self.inspection is not None and self.inspection.foreign):
            return Comparison.UNCLEAR  # what stands in between was not told from the release
        if self.similarity.agrees:
            is_close = self.similarity.score >= LIKENESS_ALONE_SCORE or self.found_by != ("fingerprint",)
            return Comparison.AGREES if is_close else Comparison.UNCLEAR
        return Comparison.DIFFERS if self.similarity.score < FOREIGN_SCORE else Comparison.UNCLEAR

    @property
    def _agrees_only_in_part(self) -> bool:
        placement = self.similarity.placement if self.similarity is not None else None
        return placement is not None and not placement.agrees_all_along and placement.agrees_in_part

    @property
    def _lies_on_others(self) -> bool:
        """Whether the clip, laid on the release as the mark says, fits nowhere, and shares no feature with it."""
        fit = self.inspection.fit if self.inspection is not None else None
        return self.shares_nothing and fit is not None and fit < FOREIGN_FIT

    @property
    def content_agrees(self) -> bool:
        """Whether the comparison came out in favour."""
        return self.comparison is Comparison.AGREES

    @property
    def shows_it_all(self) -> bool:
        """Whether the clip shows this release and, as far as it could be followed, nothing else.

        Two takes in one setting differ in a part of the picture only: a replaced region may be another release.
        """
        found = self.inspection
        differs = found is not None and (bool(found.foreign) or found.has_replaced_region)
        return self.same_bytes or (self.content_agrees and not differs)

    @property
    def credential_holds(self) -> bool:
        """Whether the kept credential is whole and rightly signed. Says nothing of trust."""
        return self.credential.signature_valid and self.credential.assertions_intact


@dataclass(frozen=True)
class ReleasedPart:
    """A stretch of the clip from one release. `content_hex` is the ID of its mark, `manifest_id` the release (None
    where this repository holds none). `found_by` says whether the mark was read there or the pictures looked up."""

    start_s: float
    end_s: float
    content_hex: str
    manifest_id: str | None = None
    found_by: Literal["mark", "pictures"] = "mark"


@dataclass(frozen=True)
class Findings:
    """One clip's readings. The defaults are those of a clip in which nothing was found.

    `marked` is the release that a mark led to, `alike` the most alike one by fingerprint; often the same.
    `fingerprint_searched` tells "nothing looks like it" from "nobody looked". `parts` has two or more entries where
    stretches of the clip come from different releases: it was joined from them. `leads` weigh nothing.
    `provisos` are sentences on how the file came here, for the limits of the verdict. `history` is what a
    credential tells of the files that the clip was made from. `classifier` is None where none is set up. `sound` is
    compared only for a copy of one of ours.
    """

    file: Mapping[str, Any] = field(default_factory=dict)
    fault: ReadingFault | None = None
    manifest: ManifestReport = field(default_factory=lambda: ManifestReport(CredentialState.ABSENT))
    pixel: MarkReading = field(default_factory=MarkReading)
    noise: MarkReading = field(default_factory=MarkReading)
    marked: ReleaseMatch | None = None
    alike: ReleaseMatch | None = None
    fingerprint_searched: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    policy: Mapping[str, Any] | None = None
    timeline: tuple[dict[str, Any], ...] = ()
    regions: Mapping[str, Any] | None = None
    tamper_searched: bool = False
    parts: tuple[ReleasedPart, ...] = ()
    leads: tuple[Lead, ...] = ()
    provisos: tuple[str, ...] = ()
    history: History | None = None
    classifier: ClassifierReading | None = None
    sound: SoundReading = field(default_factory=SoundReading)

    @property
    def match(self) -> ReleaseMatch | None:
        """The release this clip is compared with: the mark's own, else the most alike."""
        return self.marked or self.alike

    @property
    def is_decodable(self) -> bool:
        """Whether at least some pictures could be looked at."""
        return self.fault is None or self.fault.after_s is not None
