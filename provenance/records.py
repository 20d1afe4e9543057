"""The values this room hands out: bindings, signed clips, stored releases, and what a manifest says."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SoftBinding:
    """A value found in the content itself (a mark's payload, a fingerprint) under an algorithm's name."""

    alg: str
    value: bytes
    start_ms: int = 0
    end_ms: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Fingerprint:
    """A perceptual fingerprint: a 256-bit hash per second of video, uint8 (N, 32), each with a quality 0-100."""

    alg: str
    hashes: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    duration_s: float

    def to_bytes(self) -> bytes:
        """The stored form: hashes and quality interleaved, 33 bytes a second of video."""
        return np.hstack([self.hashes, self.quality[:, None]]).astype(np.uint8).tobytes()


@dataclass(frozen=True)
class SignedClip:
    """A finished, signed file. `manifest_store` is the C2PA store exactly as embedded."""

    path: Path
    sha256: str
    manifest_id: str
    manifest_store: bytes


@dataclass(frozen=True)
class Release:
    """What the repository keeps of a released clip: enough to recognise any copy of it."""

    manifest_id: str
    sha256: str
    manifest_store: bytes
    bindings: tuple[SoftBinding, ...]
    fingerprint: Fingerprint
    created_at: str
    facts: dict[str, Any] = field(default_factory=dict)


class CredentialState(StrEnum):
    """Whether a C2PA credential is there and can be read at all."""

    ABSENT = "absent"
    PRESENT = "present"
    BROKEN = "broken"


@dataclass(frozen=True)
class ManifestReport:
    """Our own reading of a file's C2PA store, from status codes, never from `validation_state`.

    `signature_valid` and `binding_intact` speak of the active manifest; `ingredient_failures` lists failure
    codes found in ingredients at any depth. `trust_list` names the list that holds the signer's root, or is
    None; `origin` is what the manifest attests (generated, captured, edited, unknown).
    """

    state: CredentialState
    manifest_id: str | None = None
    signature_valid: bool = False
    binding_intact: bool = False
    assertions_intact: bool = False
    trust_list: str | None = None
    trust_list_date: str | None = None
    signer: str | None = None
    issuer: str | None = None
    signed_at: str | None = None
    time_stamped: bool = False
    certificate_expired: bool = False
    origin: str = "unknown"
    claim_generator: str | None = None
    success_codes: tuple[str, ...] = ()
    failure_codes: tuple[str, ...] = ()
    informational_codes: tuple[str, ...] = ()
    ingredient_failures: tuple[str, ...] = ()
    bindings: tuple[SoftBinding, ...] = ()
    assertions: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None
