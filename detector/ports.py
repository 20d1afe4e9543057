"""What the detector is handed: readers of marks, a latent inverter, a place to look releases up.

The shapes only; the rooms below (or a fake in a test) fill them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.clip import Clip
from core.progress import Progress, silent
from detector.classifier.reading import ClassifierReading
from provenance.records import Fingerprint, ManifestReport, Release, SoftBinding
from watermark.extraction import Extraction

Latents = NDArray[np.float32]


class PixelReader(Protocol):
    """Reads the pixel mark. Stateless and thread-safe; never raises for what a clip shows."""

    def extract(
        self, clip: Clip, keys: Mapping[int, bytes], *, blind: bool = True, progress: Progress = silent
    ) -> Extraction:
        """The mark's reading under every given key (key ID to key bytes), every look counted.

        `blind` adds the costly search over cut and freely scaled copies.
        """
        ...


class NoiseReader(Protocol):
    """Reads the initial-noise mark from inverted latents. Stateless and thread-safe."""

    def extract(self, latents: Latents, keys: Mapping[int, bytes]) -> Extraction:
        """The mark's reading under every given key, every look counted."""
        ...


class LatentInverter(Protocol):
    """Takes a clip back to the latents it may have been sampled from. Slow: tens of model evaluations."""

    def invert(self, clip: Clip, progress: Progress = silent) -> Latents:
        """Estimated initial latents (1, C, F, H, W), float32."""
        ...


class ClipClassifier(Protocol):
    """Estimates whether an unmarked clip was generated. Thread-safe; never raises for what a clip shows."""

    def judge(self, clip: Clip, file: Mapping[str, Any]) -> ClassifierReading:
        """The reading of a clip, whose facts (`file` of the verdict) only tell whether it is in range."""
        ...

    def abstaining(self, why: str) -> ClassifierReading:
        """A reading that says nothing, and why."""
        ...


class ReleaseLookup(Protocol):
    """The part of the manifest repository that a detector needs: it only reads."""

    def get(self, manifest_id: str) -> Release | None:
        """The release under a manifest ID."""
        ...

    def find_by_binding(self, binding: SoftBinding) -> list[Release]:
        """Releases that carry this algorithm and value, oldest first."""
        ...

    def find_by_fingerprint(self, fingerprint: Fingerprint, limit: int = 10) -> list[tuple[Release, float]]:
        """Releases that look like the clip, most alike first."""
        ...


#: What is kept of a release beside its fingerprint, by the digests that its facts name: small pictures
#: (`detector.reference`) and its sound (`provenance.sound`).
#: Raises ServiceUnreachable where they can't be had.
ReferenceLookup = Callable[[str], bytes]

#: Checks the policy proof that stands in a manifest's assertions; returns `{"holds": bool, "says": str, …}`, or
#: None where the manifest carries none.
PolicyChecker = Callable[[ManifestReport], dict[str, Any] | None]
