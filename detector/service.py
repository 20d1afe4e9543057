"""One clip in, one verdict out: gathers every reading, hands them to the fusion.

`Detector.verify`, step by step:

1. Hash the file. 2. Read its credential in a confined child, while 3. another child decodes the pictures and 4. the
pixel mark is read from them as in an uncut copy; 5. the fingerprint is taken from the same frames and looked up.
6. Where nothing has settled the clip, the mark is searched in cut-out copies too, and 7. the generator is run
backwards for the noise mark (or always, as set). 8. Marks are looked up in the repository, the kept credential is
read and the pictures are compared, and along them the sound. 9. Fuse. What a step leaves out stands in the
verdict's limits.
"""

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from core.clock import Clock, SystemClock
from core.errors import UnreadableInput
from core.pictures import jpeg
from core.progress import Progress, silent
from detector.classifier.reading import ClassifierReading
from detector.findings import Comparison, Findings, MarkReading, ReadingFault, ReleasedPart, ReleaseMatch
from detector.fusion import fuse
from detector.history import History
from detector.joining import Shown
from detector.listening import sound_reading, with_sound
from detector.pictures import NO_PICTURES, Pictures, look_at, video_facts
from detector.plaintext import plain
from detector.ports import (
    ClipClassifier,
    LatentInverter,
    NoiseReader,
    PixelReader,
    PolicyChecker,
    ReferenceLookup,
    ReleaseLookup,
)
from detector.recovery import KeptCredentials, Recovery, kept_reference
from detector.sandbox.credential import CREDENTIAL_LIMITS, read_manifest_sandboxed, read_segments_sandboxed
from detector.sandbox.history import pictures_of_file, pictures_of_store
from detector.sandbox.limits import MIB, SandboxLimits
from detector.sandbox.parent import MissingInput, opened_input
from detector.sandbox.video import SandboxedVideo
from detector.timeline import regions_of, timeline_of, timeline_of_joined
from detector.verdict import Verdict
from provenance.fingerprint import SAMPLES_PER_S
from provenance.records import CredentialState, ManifestReport
from provenance.trust import TrustStore
from watermark.extraction import Extraction

_CHUNK_BYTES = 1 << 20
#: Re-encoded and scaled copies score .95 and more; a crop of 10 % scores .81. Below this the copy may be cut out,
#: and without kept pictures only the mark tells from where.
CLEAR_LIKENESS_SCORE = 0.93
_OF_A_PIECE = ManifestReport(
    CredentialState.ABSENT,
    problem="this is a piece of something longer, which came without an initialisation that could carry one",
)
_BY_WINDOW = "the pictures of this long file are judged window by window"
_C2PA = b"c2pa"
_SPARSE = (
    f"Of each second {SAMPLES_PER_S} pictures were looked at, and no leads were looked for: a trusted credential "
    "vouches for every byte of the file."
)
_JOINED = "the pictures already lead to the released clips that it was joined from"


@dataclass(frozen=True)
class Detector:
    """Says where a clip comes from. Thread-safe; every call starts and ends children of its own.

    `watermark_keys` maps key IDs to key bytes. The noise mark is read only where `noise` and `inverter` are both
    given: `fallback` looks for it when neither the credential nor the pixel mark settles anything, `always` every
    time. `kept_frame_bytes` bounds the decoded frames held in memory so that several readers share one decode.
    `policy_checker` checks the decision proof that a trusted credential carries against the log it names.
    `references` gives the small pictures and the sound kept of releases: with them a copy is compared place by
    place and second by second.
    `classifier` is asked last, and only about clips on which everything else is silent.
    """

    trust: TrustStore
    repository: ReleaseLookup
    pixel: PixelReader
    watermark_keys: Mapping[int, bytes]
    noise: NoiseReader | None = None
    inverter: LatentInverter | None = None
    invert_noise: Literal["never", "fallback", "always"] = "fallback"
    limits: SandboxLimits = field(default_factory=SandboxLimits)
    clock: Clock = field(default_factory=SystemClock)
    policy_checker: PolicyChecker | None = None
    kept_frame_bytes: int = 384 * MIB
    references: ReferenceLookup | None = None
    classifier: ClipClassifier | None = None

    def verify(
        self,
        path: Path,
        *,
        progress: Progress = silent,
        is_segment: bool = False,
        parts: tuple[int, ...] = (),
        provisos: tuple[str, ...] = (),
        narrow: str = "",
    ) -> Verdict:
        """The verdict on the file at `path`. Whatever the file holds ends in a verdict, never in an error.

        A piece of a stream (`is_segment`, `detector.streams`) was put together here: its credential lies in the
        initialisation and is bound to each segment. `parts` says how many bytes the initialisation and then each
        segment has; without it only the pictures are judged. `provisos` are sentences for the verdict's limits:
        what the caller knows of how the file came to be. `narrow` is a reason, in
        words, to leave out the dear searches.

        Raises:
            MissingInput: there is no such file, or it may not be read.
            ServiceUnreachable: the repository can't be asked.
        """
        findings = self.gather(path, progress=progress, is_segment=is_segment, parts=parts, narrow=narrow)
        return fuse(replace(findings, provisos=(*findings.provisos, *provisos)))

    def vouched(self, path: Path) -> Verdict:
        """What the credential of a long file says of all its bytes; no picture is looked at. Raises as `verify`."""
        try:
            facts, _ = self._hashed(path)
        except MissingInput:
            raise
        except UnreadableInput as error:
            return fuse(self._unopened(path, error))
        report = self._credential(path, is_segment=False, parts=())
        pictures = pictures_of_file(path, report)
        unseen = MarkReading(not_examined=_BY_WINDOW)
        findings = Findings(file=video_facts(None) | facts, manifest=report, pixel=unseen, noise=unseen)
        findings = replace(findings, policy=self._policy(report, None))
        return fuse(replace(findings, history=_history(findings, pictures)))

    def gather(
        self,
        path: Path,
        *,
        progress: Progress = silent,
        is_segment: bool = False,
        parts: tuple[int, ...] = (),
        narrow: str = "",
    ) -> Findings:
        """Everything that can be read from the file, unjudged. Raises as `verify` does."""
        progress(0.0)
        try:
            facts, may_be_signed = self._hashed(path)
        except MissingInput:
            raise
        except UnreadableInput as error:
            return self._unopened(path, error)
        kept_credentials = KeptCredentials(self.trust, self.clock.now())
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="credential") as pool:
            credential = pool.submit(lambda: self._credential(path, is_segment, parts))
            kept = pool.submit(lambda: pictures_of_file(path, credential.result()))
            is_ours = partial(self._is_ours, credential) if may_be_signed and not is_segment else None
            foreseen = pool.submit(lambda: self._foresee(kept_credentials, credential.result()))
            pictures = self._pictures(path, facts, progress, is_segment, is_ours)
            report, kept_pictures, _ = credential.result(), kept.result(), foreseen.result()
        keeps = report.state is CredentialState.PRESENT
        recovery = Recovery(self.repository, kept_credentials, keeps, self.references)
        alike = None if pictures.pixel.found else recovery.by_likeness(pictures)
        settled = _settled_by(pictures, report, alike)
        is_one = pictures.pixel.found or _shows_one(report, alike)
        shown = Shown() if is_one else recovery.shown(pictures, alike.release if alike is not None else None)
        joined = shown.parts
        if shown.alone is not None and not pictures.pixel.found and (alike is None or not alike.content_agrees):
            alike = recovery.by_stretch(pictures, shown.alone) or alike
            settled = settled or _settled_by(pictures, report, alike)
        settled = settled or (_JOINED if joined else "")
        progress(0.4)
        pictures = self._searched(pictures, settled or narrow, progress)
        progress(0.8)
        noise = self._noise_reading(pictures, settled or narrow, progress)
        progress(0.95)
        findings = self._findings(pictures, noise, report, recovery, alike, joined)
        findings = self._with_sound(findings, path, pictures, is_segment)
        progress(1.0)
        reading = self._classified(findings, pictures, settled)
        return replace(findings, history=_history(findings, kept_pictures), classifier=reading)

    def kept_pictures(self, verdict: Verdict, count: int = 6) -> list[bytes]:
        """JPEG pictures kept of the release that the clip is a copy of, evenly spread; none where it is no copy."""
        match = verdict.match
        if match is None or not match["content_agrees"] or self.references is None:
            return []
        release = self.repository.get(match["manifest_id"])
        reference = kept_reference(release, self.references) if release is not None else None
        if reference is None or not len(reference.pictures):
            return []
        last = len(reference.pictures) - 1
        chosen = sorted({round(i * last / max(1, count - 1)) for i in range(count)})
        return [jpeg(reference.pictures[i]) for i in chosen]

    def _hashed(self, path: Path) -> tuple[dict[str, Any], bool]:
        """Digest and size, and whether a credential of C2PA may stand in it at all."""
        digest, size, may_be_signed, end = hashlib.sha256(), 0, False, b""
        with opened_input(path, self.limits) as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                may_be_signed = may_be_signed or _C2PA in end + chunk
                end = chunk[-len(_C2PA) :]
        return {"sha256": digest.hexdigest(), "size_bytes": size}, may_be_signed

    def _foresee(self, kept: KeptCredentials, report: ManifestReport) -> None:
        """Read the kept credential ahead where a trusted one leads to it: no stranger's word starts a child."""
        if _is_vouched_for(report):
            kept.foresee(self.repository, report)

    def _is_ours(self, credential: "Future[ManifestReport]") -> bool:
        """Whether a trusted credential vouches for every byte and announces a mark: enough to look less."""
        report = credential.result()
        is_announced = any(not one.is_fingerprint for one in report.bindings)
        return _is_vouched_for(report) and is_announced and self.invert_noise != "always"

    def _unopened(self, path: Path, error: UnreadableInput) -> Findings:
        """An empty file, one over the size limit, a folder, a device: nothing is started for it."""
        size = path.stat().st_size if path.is_file() else None
        return Findings(
            file={"sha256": None, "size_bytes": size} | video_facts(None),
            fault=ReadingFault(error.code, str(error), error.hint),
            pixel=MarkReading(not_examined=NO_PICTURES),
            noise=MarkReading(not_examined=NO_PICTURES),
        )

    def _credential(self, path: Path, is_segment: bool, parts: tuple[int, ...]) -> ManifestReport:
        if is_segment:
            now = self.clock.now()
            is_split = len(parts) > 1
            return read_segments_sandboxed(path, parts, self.trust, now=now) if is_split else _OF_A_PIECE
        return read_manifest_sandboxed(path, self.trust, CREDENTIAL_LIMITS, now=self.clock.now())

    def _pictures(
        self,
        path: Path,
        facts: dict[str, Any],
        progress: Progress,
        is_segment: bool,
        is_ours: Callable[[], bool] | None,
    ) -> Pictures:
        """The pictures as looked at: of an intact clip of ours only some, if its mark shows in those."""
        look = partial(
            look_at,
            SandboxedVideo(path, self.limits),
            self.pixel,
            self.watermark_keys,
            keep_bytes=self.kept_frame_bytes,
            progress=progress,
            is_segment=is_segment,
        )
        looked = look(pace=(lambda: SAMPLES_PER_S if is_ours() else 0) if is_ours is not None else None)
        if looked.is_sparse and not looked.pixel.found:
            looked = look()
        return replace(looked, file=facts | dict(looked.file))

    def _searched(self, pictures: Pictures, settled: str, progress: Progress) -> Pictures:
        """The pictures with the pixel mark also looked for in cut-out copies, unless something settles the clip."""
        if pictures.clip is None or pictures.pixel.found or pictures.pixel.extraction is None:
            return pictures
        if settled:
            return replace(pictures, pixel=replace(pictures.pixel, narrowed=settled))
        extraction = self.pixel.extract(
            pictures.clip.clip,
            self.watermark_keys,
            blind=True,
            progress=lambda share: progress(0.4 + 0.4 * share),
        )
        return replace(pictures, pixel=MarkReading(extraction))

    def _noise_reading(self, pictures: Pictures, settled: str, progress: Progress) -> MarkReading:
        if pictures.clip is None:
            return MarkReading(not_examined=NO_PICTURES)
        if self.noise is None or self.inverter is None:
            return MarkReading(not_examined="no generator to run backwards is set up here")
        if self.invert_noise == "never":
            return MarkReading(not_examined="running the generator backwards is switched off")
        if self.invert_noise == "fallback" and (settled or pictures.pixel.found):
            return MarkReading(not_examined=settled or "the mark in the pictures already names the clip")
        try:
            latents = self.inverter.invert(pictures.clip.clip, lambda share: progress(0.8 + 0.15 * share))
            return MarkReading(self.noise.extract(latents, self.watermark_keys))
        except ValueError as error:
            # A clip too short or too small for the model has no latents that could carry a mark.
            return MarkReading(not_examined=f"the generator can't be run backwards on this clip: {plain(error)}")

    def _findings(
        self,
        pictures: Pictures,
        noise: MarkReading,
        report: ManifestReport,
        recovery: Recovery,
        alike: ReleaseMatch | None,
        joined: tuple[ReleasedPart, ...],
    ) -> Findings:
        marked = recovery.by_mark(pictures, noise)
        parts = recovery.parts_of(pictures)
        if not (parts or joined) and marked is not None and not _shows_one(report, marked):
            # One of the clips lost its mark, or lies where its mark can't be read: its pictures may be known.
            joined = recovery.shown(pictures, marked.release).parts
        match = marked or alike
        extraction = pictures.pixel.extraction if pictures.pixel.found else None
        return Findings(
            file=pictures.file,
            fault=pictures.fault,
            manifest=report,
            pixel=pictures.pixel,
            noise=noise,
            marked=marked,
            alike=alike if marked is None else None,
            fingerprint_searched=pictures.fingerprint is not None,
            tags=pictures.tags,
            policy=self._policy(report, match.credential if match is not None and match.content_agrees else None),
            timeline=timeline_of_joined(parts or joined, timeline_of(extraction, match), _content_hex(extraction)),
            regions=regions_of(extraction, match),
            tamper_searched=extraction is not None or (match is not None and match.inspection is not None),
            parts=parts or joined,
            leads=pictures.leads,
            provisos=(_SPARSE,) if pictures.is_sparse else (),
        )

    def _with_sound(self, findings: Findings, path: Path, pictures: Pictures, is_segment: bool) -> Findings:
        """The findings with the sound compared, and what was done to it among the edits."""
        read = sound_reading(
            path, pictures, findings.match, self.references, is_segment=is_segment, parts=findings.parts
        )
        marked, alike = with_sound(findings.marked, read), with_sound(findings.alike, read)
        return replace(findings, sound=read, marked=marked, alike=alike)

    def _classified(self, findings: Findings, pictures: Pictures, settled: str) -> ClassifierReading | None:
        """What the classifier says of a clip of which nothing else does; else why it was not asked."""
        if self.classifier is None:
            return None
        if pictures.clip is None:
            return self.classifier.abstaining(NO_PICTURES)
        is_silent = findings.manifest.state is CredentialState.ABSENT and (
            findings.match is None or findings.match.comparison is Comparison.DIFFERS
        )
        if settled or not is_silent or findings.pixel.found or findings.noise.found or findings.parts:
            return self.classifier.abstaining("a credential, a mark or a likeness speaks of this clip already")
        return self.classifier.judge(pictures.clip.clip, findings.file)

    def _policy(self, report: ManifestReport, kept: ManifestReport | None) -> Mapping[str, Any] | None:
        """The check of the policy proof in the credential that stands behind the clip, its own or the kept one."""
        if self.policy_checker is None:
            return None
        own = report if report.signature_valid and report.assertions_intact else None
        credential = own or kept
        return self.policy_checker(credential) if credential is not None else None


def _history(findings: Findings, pictures: Mapping[str, bytes]) -> History | None:
    """The account of the file's own credential where that holds, else of the one found again, else of its own."""
    report, match = findings.manifest, findings.match
    holds = report.signature_valid and report.assertions_intact
    if not holds and match is not None and match.content_agrees and match.credential_holds:
        kept = pictures_of_store(match.release.manifest_store, match.credential)
        return History("release", match.credential, kept)
    return History("file", report, pictures) if report.state is CredentialState.PRESENT else None


def _is_vouched_for(report: ManifestReport) -> bool:
    """Whether a signer on a trust list vouches for every byte of the file."""
    return report.is_intact and report.trust_list is not None


def _shows_one(report: ManifestReport, match: ReleaseMatch | None) -> bool:
    """Whether the clip is one whole thing: vouched for by a trusted signer, or one release and nothing else."""
    if _is_vouched_for(report):
        return True
    return match is not None and match.shows_it_all


def _content_hex(extraction: Extraction | None) -> str | None:
    return extraction.payload.content_hex if extraction is not None and extraction.payload is not None else None


def _settled_by(pictures: Pictures, report: ManifestReport, alike: ReleaseMatch | None) -> str:
    """Why the dear searches are left out, in words; empty where they are needed."""
    if _is_vouched_for(report):
        return "a trusted credential with intact bytes already settles where the file comes from"
    if alike is not None and alike.content_agrees and alike.credential_holds and _tells_all(alike):
        return "the likeness already leads to the released clip"
    return ""


def _tells_all(alike: ReleaseMatch) -> bool:
    """Whether the pictures alone tell how the copy lies on the release; else the mark is asked, which knows."""
    if alike.inspection is not None and alike.inspection.placed is not None:
        return True
    return alike.similarity is not None and alike.similarity.score >= CLEAR_LIKENESS_SCORE
