"""The values this room hands out: bindings, signed clips, stored releases, and what a manifest says."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from provenance.landmarks import Landmarks

#: Our own fingerprints, and ISCC, the fingerprint of the C2PA algorithm list. Every other name is a mark.
_FINGERPRINT_ALGORITHMS = ("org.reelproof.fp.", "io.iscc.")


@dataclass(frozen=True)
class SoftBinding:
    """A value found in the content itself (a mark's payload, a fingerprint) under an algorithm's name."""

    alg: str
    value: bytes
    start_ms: int = 0
    end_ms: int | None = None
    name: str = ""

    @property
    def is_fingerprint(self) -> bool:
        """Whether the value is computed from the content rather than embedded in it."""
        return self.alg.startswith(_FINGERPRINT_ALGORITHMS)


@dataclass(frozen=True)
class Fingerprint:
    """A perceptual fingerprint: 256-bit hashes in order of time, uint8 (N, 32), each with a quality 0-100.

    How many stand for a second of video is part of the algorithm, and so of its name. `landmarks` are no part of
    the value: a fingerprint read from a credential or asked with over HTTP has none. `taken` gives them, or
    works them out when they are first asked for: most copies are known by their hashes.
    """

    alg: str
    hashes: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    duration_s: float
    taken: Landmarks | Callable[[], Landmarks | None] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def landmarks(self) -> Landmarks | None:
        """The landmarks of the same clip, if there are any. The first look takes some 50 ms a second of video."""
        return self.taken() if callable(self.taken) else self.taken

    def with_landmarks(self, landmarks: Landmarks | None) -> "Fingerprint":
        """The same fingerprint with these landmarks."""
        return replace(self, taken=landmarks)

    def to_bytes(self) -> bytes:
        """The stored form: each hash followed by its quality, 33 bytes a sample."""
        return np.hstack([self.hashes, self.quality[:, None]]).astype(np.uint8).tobytes()

    @classmethod
    def from_bytes(cls, alg: str, content: bytes, duration_s: float) -> "Fingerprint":
        """The fingerprint that `to_bytes` wrote.

        Raises:
            ValueError: the length is no multiple of 33.
        """
        if len(content) % 33:
            raise ValueError(f"a fingerprint has 33 bytes a sample, got {len(content)} bytes")
        rows = np.frombuffer(content, np.uint8).reshape(-1, 33)
        return cls(alg, rows[:, :32].copy(), rows[:, 32].copy(), duration_s)


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
class ByteRange:
    """Bytes of a file, `end` not among them. `what` says what stands there and why it counts as it does."""

    start: int
    end: int
    cover: str
    what: str


@dataclass(frozen=True)
class ByteCoverage:
    """Which bytes of a file its credential vouches for. `ranges` has every byte once, in order; each is

    - `hashed`: the hard binding's hash covers it;
    - `credential`: the manifest store, which its signature and its own hashes cover;
    - `unhashed`: the hash leaves it out, or no box holds it.

    It says what the hash reaches, not that it matches: that is `binding_intact`. `hidden` lists places that hold
    bytes which no player shows: filled padding, boxes of unknown kind, media data that no track points to, bytes
    behind the last box. They may be hashed all the same. A map of very many pieces ends early: `is_complete`.
    """

    size_bytes: int
    hashed_bytes: int
    credential_bytes: int
    unhashed_bytes: int
    ranges: tuple[ByteRange, ...]
    hidden: tuple[ByteRange, ...] = ()
    is_complete: bool = True


@dataclass(frozen=True)
class SegmentBinding:
    """Which of a stream's segments a credential is bound to: `bound` has their places from 1 among the `count` that
    were looked at; `first` is the number of the first in the stream from 1, `total` how many that has."""

    count: int
    bound: tuple[int, ...]
    first: int | None = None
    total: int | None = None


@dataclass(frozen=True)
class ManifestReport:
    """Our own reading of a file's C2PA store, from status codes, never from `validation_state`.

    `signature_valid`, `assertions_intact` and `binding_intact` speak of the active manifest; a detached store
    (`is_detached`) has no bytes to be bound to, so its `binding_intact` is always False. `ingredient_failures`
    lists failure codes found in ingredients at any depth, without those that only speak of trust or time, which
    stand in `ingredient_trust_codes`.

    `trust_list` names the list that holds the signer's root *and* held it when it counts: at the trusted
    time-stamp, or now where there is none. A signer that only lapsed is named in `lapsed_trust_list` instead.
    `signer` is the leaf's common name, `issuer` the organisation it was issued to, `signed_at` the trusted
    time-stamp where `time_stamped`, else the time the claim states of itself. `origin` is what the manifest
    attests (generated, captured, edited, unknown). `problem` says in words what kept a credential from counting.
    `revoked_by` names the trust list whose issuer had taken the signer's certificate back by then; such a signer is
    on no list. `ingredients` has one mapping each, and in it those of that one in turn (`provenance.history`), and
    `ingredients_left_out` says how many more there are. `thumbnail` names the claim's small picture in the store.
    `is_sidecar`: the store was kept
    beside the file; `fetched_from`: it was fetched from this address. `coverage` is the map of the file's bytes;
    None without a credential, and for a detached store. `segments` says which segments of a stream are bound to it;
    `binding_intact` is then about all of those that were looked at.
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
    lapsed_trust_list: str | None = None
    ingredient_trust_codes: tuple[str, ...] = ()
    ingredients: tuple[dict[str, Any], ...] = ()
    is_detached: bool = False
    revoked_by: str | None = None
    coverage: ByteCoverage | None = None
    has_thumbnail: bool = False
    is_sidecar: bool = False
    fetched_from: str | None = None
    thumbnail: str | None = None
    ingredients_left_out: int = 0
    segments: SegmentBinding | None = None

    @property
    def is_intact(self) -> bool:
        """Whether signature, assertions and the binding to the bytes all hold. Says nothing of trust."""
        return self.signature_valid and self.assertions_intact and self.binding_intact

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values; binding values in hexadecimal."""
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        content["state"] = str(self.state)
        content["bindings"] = [asdict(one) | {"value": one.value.hex()} for one in self.bindings]
        content["coverage"] = asdict(self.coverage) if self.coverage is not None else None
        content["segments"] = asdict(self.segments) if self.segments is not None else None
        return {name: list(value) if isinstance(value, tuple) else value for name, value in content.items()}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "ManifestReport":
        """The report that `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: not such a value.
        """
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
        }
        values["state"] = CredentialState(content["state"])
        values["bindings"] = tuple(
            SoftBinding(**(one | {"value": bytes.fromhex(one["value"])})) for one in content["bindings"]
        )
        if (coverage := content.get("coverage")) is not None:
            pieces = {name: tuple(ByteRange(**one) for one in coverage[name]) for name in ("ranges", "hidden")}
            values["coverage"] = ByteCoverage(**(coverage | pieces))
        if (segments := content.get("segments")) is not None:
            values["segments"] = SegmentBinding(**(segments | {"bound": tuple(segments["bound"])}))
        return cls(**values)
