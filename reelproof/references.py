"""Looks at the references of a request: decoded in the sandbox, their own credential read first.

Whatever can't be read is a finding ("unreadable"), not an error: the policy refuses it by its code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.canonical import file_sha256
from core.clip import RGB, Clip
from core.errors import ReelproofError, UsageError
from core.pictures import sampled
from detector.sandbox import read_manifest_sandboxed
from detector.sandbox.parent import MissingInput
from detector.sandbox.picture import read_picture_sandboxed
from policy.decision import ReferenceFacts
from policy.references import FRAMES_LOOKED_AT, FaceFinder
from provenance.trust import TrustStore

KINDS = ("image", "video")


@dataclass(frozen=True)
class Reference:
    """A file that came with a request: an image or a video to work from."""

    kind: str
    path: Path


@dataclass(frozen=True)
class ReferenceLooker:
    """Turns references into facts. Thread-safe."""

    finder: FaceFinder
    trust: TrustStore
    open_untrusted: Callable[[Path], Clip]

    def look(self, reference: Reference) -> ReferenceFacts:
        """What a reference shows.

        Raises:
            UsageError: there is no such kind. MissingInput: there is no such file.
        """
        if reference.kind not in KINDS:
            raise UsageError(
                f"{reference.kind[:40]!r} is no kind of reference", code="reference_kind", hint="image or video"
            )
        try:
            digest = file_sha256(reference.path)
        except OSError as fault:
            raise MissingInput(
                f"no such file: {reference.path.name}", code="no_such_file", hint="Check the path."
            ) from fault
        try:
            is_camera = self._is_camera_origin(reference.path)
            pictures = self._pictures(reference)
        except ReelproofError:
            return ReferenceFacts(reference.kind, digest, is_readable=False)
        return self.finder.reference(reference.kind, pictures, sha256=digest, is_camera_origin=is_camera)

    def _pictures(self, reference: Reference) -> list[RGB]:
        if reference.kind == "image":
            return [read_picture_sandboxed(reference.path)]
        return sampled(self.open_untrusted(reference.path), FRAMES_LOOKED_AT)

    def _is_camera_origin(self, path: Path) -> bool:
        """Whether its own credential attests a camera. One that is broken is believed in this: it can only add."""
        return read_manifest_sandboxed(path, self.trust).origin in ("captured", "edited")
