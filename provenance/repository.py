"""What was released: by manifest ID, by what a mark says, and by what a clip looks like.

Append-only but for erasure. `put` is durable on return and safe to repeat; a second, different release under one
manifest ID is refused, and so is one that was erased: its digests stay, so that proofs over them still hold.
Knows nothing of how marks are read or verdicts made.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from core.canonical import canonical_json, digest_of, sha256_hex
from core.clock import rfc3339
from core.errors import ConfigurationError, ReelproofError, ServiceUnreachable
from provenance.blobs import BlobStore, FolderBlobStore, MemoryBlobStore
from provenance.database import bindings, open_engine, releases, writing
from provenance.fingerprint import similarity
from provenance.landmarks import Landmarks
from provenance.records import Fingerprint, Release, SoftBinding
from provenance.search import FingerprintIndex, LandmarkIndex, indexed_features

DEFAULT_MATCHES = 10
_PLACED_CANDIDATES = 5  # each is compared frame by frame, for about a tenth of a second
KEPT_FACTS = ("reference", "sound")  # the facts that name small pictures and sound, kept in the same blob store


class ReleaseConflict(ReelproofError):
    """Another release already stands under this manifest ID. The stored one is unchanged."""


@dataclass(frozen=True)
class Erasure:
    """What is left of an erased release: enough to see that a file or a log entry speaks of it."""

    manifest_id: str
    sha256: str
    content_sha256: str
    erased_at: str


class ManifestRepository(Protocol):
    """Keeps releases. The contract (`tests/provenance/test_provenance_repository.py` runs it over every one):

    - `put` is durable on return, idempotent, and append-only: nothing is changed, and only `erase` removes.
    - An erased release is found by nothing, and putting it again is refused.
    - After a failed `put` the release is either there whole or not at all; putting again is safe.
    - Thread-safe; implementations over a database are process-safe too.
    - Look-ups that find nothing return an empty answer, not an error.
    """

    def put(self, release: Release) -> None:
        """Keep a release.

        Raises:
            ReleaseConflict: `release_conflict`: the manifest ID is taken by different content.
            ServiceUnreachable: `repository_unavailable`; try again.
        """
        ...

    def get(self, manifest_id: str) -> Release | None:
        """The release under a manifest ID."""
        ...

    def find_by_binding(self, binding: SoftBinding) -> list[Release]:
        """Releases that carry this algorithm and value, oldest first. Name and scope don't matter."""
        ...

    def find_by_fingerprint(
        self, fingerprint: Fingerprint, limit: int = DEFAULT_MATCHES
    ) -> list[tuple[Release, float]]:
        """Releases that look like the clip, most alike first, each with its similarity 0 to 1.

        Only those that `provenance.fingerprint.similarity` says agree. Mirrored copies are found too. Where the
        hashes lead nowhere and the fingerprint comes with landmarks, those are asked: for what was cut out, turned
        or captioned, of releases that were put with landmarks.
        """
        ...

    def count(self) -> int:
        """How many releases are kept, erased ones not counted."""
        ...

    def erase(self, manifest_id: str, at: datetime) -> bool:
        """Destroy what a release holds (store, facts, fingerprint, values of marks); False if there is none.

        What stays: its ID, the digests of file, store and content, and when it was erased. Safe to repeat.
        """
        ...

    def erasure(self, manifest_id: str) -> Erasure | None:
        """What is left of an erased release, or None."""
        ...

    def bind(self, manifest_id: str, binding: SoftBinding) -> bool:
        """Let a further value lead to a release; False if there is no such release. Safe to repeat.

        The release itself and its content digest stay as they are.
        """
        ...


class MemoryManifestRepository:
    """The shipped fake: releases in this process's memory."""

    def __init__(self) -> None:
        self._releases: dict[str, Release] = {}
        self._erased: dict[str, Erasure] = {}
        self._added: dict[str, list[SoftBinding]] = {}
        self._index, self._landmarks = FingerprintIndex(), LandmarkIndex()
        self._lock = Lock()

    def put(self, release: Release) -> None:
        """Keep a release."""
        with self._lock:
            if release.manifest_id in self._erased:
                raise _erased(release.manifest_id)
            known = self._releases.get(release.manifest_id)
            if known is None:
                landmarks = release.fingerprint.landmarks
                if landmarks is not None:
                    release = replace(release, fingerprint=release.fingerprint.with_landmarks(landmarks.kept()))
                self._releases[release.manifest_id] = release
                self._index.add(release.manifest_id, release.fingerprint)
                self._landmarks.add(release.manifest_id, indexed_features(landmarks))
            elif content_digest(known) != content_digest(release):
                raise _conflict(release.manifest_id)

    def get(self, manifest_id: str) -> Release | None:
        """The release under a manifest ID."""
        return self._releases.get(manifest_id)

    def find_by_binding(self, binding: SoftBinding) -> list[Release]:
        """Releases that carry this algorithm and value."""
        return [
            one
            for one in self._releases.values()
            if any(_same(held, binding) for held in (*one.bindings, *self._added.get(one.manifest_id, ())))
        ]

    def find_by_fingerprint(
        self, fingerprint: Fingerprint, limit: int = DEFAULT_MATCHES
    ) -> list[tuple[Release, float]]:
        """Releases that look like the clip."""
        found = _agreeing(fingerprint, self._index.candidates(fingerprint, limit), self.get, limit)
        if found or not len(self._landmarks) or fingerprint.landmarks is None:
            return found
        candidates = self._landmarks.candidates(fingerprint.landmarks, _PLACED_CANDIDATES)
        return _agreeing(fingerprint, candidates, self.get, limit)

    def count(self) -> int:
        """How many releases are kept."""
        return len(self._releases)

    def erase(self, manifest_id: str, at: datetime) -> bool:
        """Destroy what a release holds."""
        with self._lock:
            release = self._releases.pop(manifest_id, None)
            if release is not None:
                left = Erasure(manifest_id, release.sha256, content_digest(release), rfc3339(at))
                self._erased[manifest_id] = left
            return manifest_id in self._erased

    def erasure(self, manifest_id: str) -> Erasure | None:
        """What is left of an erased release."""
        return self._erased.get(manifest_id)

    def bind(self, manifest_id: str, binding: SoftBinding) -> bool:
        """Let a further value lead to a release."""
        with self._lock:
            release = self._releases.get(manifest_id)
            if release is None:
                return False
            if not any(_same(held, binding) for held in (*release.bindings, *self._added.get(manifest_id, ()))):
                self._added.setdefault(manifest_id, []).append(binding)
            return True


class SqlManifestRepository:
    """Releases in a SQL database (SQLite, or PostgreSQL by URL), their manifest stores in a `BlobStore`.

    Without `blobs` the stores lie in a folder beside the SQLite file. The fingerprint index is held in memory
    (about 200 bytes a second of video), is made at the first search, and follows what others add. The index of
    landmarks (about 900 bytes a second) is made when the first is of no help. Landmarks are kept as blobs.
    """

    def __init__(self, url: str, blobs: BlobStore | None = None) -> None:
        self._engine = open_engine(url)
        self._blobs = blobs or _blobs_beside(url)
        self._index, self._landmarks = FingerprintIndex(), LandmarkIndex()
        self._indexed_to = self._landmarks_to = 0
        self._lock = Lock()

    def put(self, release: Release) -> None:
        """Keep a release: its manifest store first, then one transaction with all else."""
        if self.erasure(release.manifest_id) is not None:
            raise _erased(release.manifest_id)
        row = _row_of(release, self._blobs.put(release.manifest_store)) | self._kept_landmarks(release)
        try:
            with _available(), writing(self._engine).begin() as connection:
                if self._is_new(connection, release.manifest_id, row["content_sha256"]):
                    connection.execute(releases.insert().values(**row))
                    if release.bindings:
                        held = [_binding_row(release.manifest_id, one) for one in release.bindings]
                        connection.execute(bindings.insert(), held)
        except _PutMeanwhile as fault:
            # PostgreSQL lets two look first and one insert; the other meets the row now.
            with _available(), self._engine.begin() as connection:
                if self._is_new(connection, release.manifest_id, row["content_sha256"]):
                    raise _unavailable(fault.__cause__) from fault

    def _kept_landmarks(self, release: Release) -> dict[str, Any]:
        landmarks = release.fingerprint.landmarks
        if landmarks is None:
            return {}
        kept = landmarks.kept()
        features = indexed_features(kept).tobytes()
        return {"landmarks_sha256": self._blobs.put(kept.to_bytes()), "landmark_features": features}

    def _is_new(self, connection: Connection, manifest_id: str, content_sha256: str) -> bool:
        found = sa.select(releases.c.content_sha256, releases.c.erased_at)
        known = connection.execute(found.where(releases.c.manifest_id == manifest_id)).one_or_none()
        if known is not None and known.erased_at is not None:
            raise _erased(manifest_id)
        if known is not None and known.content_sha256 != content_sha256:
            raise _conflict(manifest_id)
        return known is None

    def get(self, manifest_id: str) -> Release | None:
        """The release under a manifest ID."""
        with _available(), self._engine.begin() as connection:
            return self._get(connection, manifest_id)

    def find_by_binding(self, binding: SoftBinding) -> list[Release]:
        """Releases that carry this algorithm and value, oldest first."""
        query = (
            sa.select(bindings.c.manifest_id)
            .where(bindings.c.alg == binding.alg, bindings.c.value_sha256 == sha256_hex(binding.value))
            .group_by(bindings.c.manifest_id)
            .order_by(sa.func.min(bindings.c.position))
        )
        with _available(), self._engine.begin() as connection:
            found = [self._get(connection, manifest_id) for manifest_id in connection.execute(query).scalars()]
        return [one for one in found if one is not None]

    def find_by_fingerprint(
        self, fingerprint: Fingerprint, limit: int = DEFAULT_MATCHES
    ) -> list[tuple[Release, float]]:
        """Releases that look like the clip."""
        with self._lock:
            self._catch_up()
            candidates = self._index.candidates(fingerprint, limit)
        found = _agreeing(fingerprint, candidates, self.get, limit)
        if found:
            return found
        with self._lock:
            self._catch_up_landmarks()
        # Working out the query's own costs far more than asking whether there are any to compare them with.
        if not len(self._landmarks) or fingerprint.landmarks is None:
            return found
        with self._lock:
            candidates = self._landmarks.candidates(fingerprint.landmarks, _PLACED_CANDIDATES)
        return _agreeing(fingerprint, candidates, self.get, limit)

    def count(self) -> int:
        """How many releases are kept."""
        query = sa.select(sa.func.count()).select_from(releases).where(releases.c.erased_at.is_(None))
        with _available(), self._engine.begin() as connection:
            return int(connection.execute(query).scalar_one())

    def erase(self, manifest_id: str, at: datetime) -> bool:
        """Destroy what a release holds: rows first, in one transaction, then the manifest store.

        The store stays where another release has the very same one. SQLite is told to overwrite what it frees.
        """
        with _available(), writing(self._engine).begin() as connection:
            row = connection.execute(sa.select(releases).where(releases.c.manifest_id == manifest_id)).one_or_none()
            if row is None:
                return False
            same = sa.select(sa.func.count()).where(releases.c.store_sha256 == row.store_sha256)
            is_shared = connection.execute(same.where(releases.c.erased_at.is_(None))).scalar_one() > 1
            facts = json.loads(row.facts)
            for digest in (facts.get(name) for name in KEPT_FACTS):
                if isinstance(digest, str):
                    self._blobs.erase(digest)  # first: afterwards nothing would name them any more
            if row.landmarks_sha256 and not self._is_held_elsewhere(connection, row):
                self._blobs.erase(row.landmarks_sha256)
            if row.erased_at is None:
                blank = {"fingerprint": b"", "facts": "{}", "duration_s": 0.0, "erased_at": rfc3339(at)}
                blank |= {"landmark_features": None}
                connection.execute(releases.update().where(releases.c.manifest_id == manifest_id).values(**blank))
                of_it = bindings.c.manifest_id == manifest_id
                connection.execute(bindings.update().where(of_it).values(value=b"", name="", value_sha256=""))
        if not is_shared:
            self._blobs.erase(row.store_sha256)
        return True

    def _is_held_elsewhere(self, connection: Connection, row: Any) -> bool:
        same = (releases.c.landmarks_sha256 == row.landmarks_sha256, releases.c.manifest_id != row.manifest_id)
        others = sa.select(sa.func.count()).select_from(releases).where(*same, releases.c.erased_at.is_(None))
        return bool(connection.execute(others).scalar_one())

    def erasure(self, manifest_id: str) -> Erasure | None:
        """What is left of an erased release."""
        query = sa.select(releases).where(releases.c.manifest_id == manifest_id, releases.c.erased_at.is_not(None))
        with _available(), self._engine.begin() as connection:
            row = connection.execute(query).one_or_none()
        return Erasure(row.manifest_id, row.sha256, row.content_sha256, row.erased_at) if row else None

    def bind(self, manifest_id: str, binding: SoftBinding) -> bool:
        """Let a further value lead to a release."""
        row = {"added": True} | _binding_row(manifest_id, binding)
        with _available(), writing(self._engine).begin() as connection:
            if self._get(connection, manifest_id) is None:
                return False
            held = sa.select(sa.func.count()).where(
                *(bindings.c[name] == row[name] for name in ("manifest_id", "alg", "value_sha256"))
            )
            if not connection.execute(held).scalar_one():
                connection.execute(bindings.insert().values(**row))
        return True

    def close(self) -> None:
        """Give the database connections back."""
        self._engine.dispose()

    def _catch_up(self) -> None:
        query = (
            sa.select(
                releases.c.position,
                releases.c.manifest_id,
                releases.c.fingerprint_alg,
                releases.c.fingerprint,
                releases.c.duration_s,
            )
            .where(releases.c.position > self._indexed_to, releases.c.erased_at.is_(None))
            .order_by(releases.c.position)
        )
        with _available(), self._engine.begin() as connection:
            for position, manifest_id, alg, content, duration_s in connection.execute(query):
                self._index.add(manifest_id, Fingerprint.from_bytes(alg, content, duration_s))
                self._indexed_to = position

    def _catch_up_landmarks(self) -> None:
        query = (
            sa.select(releases.c.position, releases.c.manifest_id, releases.c.landmark_features)
            .where(releases.c.position > self._landmarks_to, releases.c.landmark_features.is_not(None))
            .order_by(releases.c.position)
        )
        with _available(), self._engine.begin() as connection:
            for position, manifest_id, features in connection.execute(query):
                self._landmarks.add(manifest_id, np.frombuffer(features, np.uint8).reshape(-1, 32))
                self._landmarks_to = position

    def _landmarks_of(self, digest: str | None) -> Landmarks | None:
        """What was kept; None where nothing was, or it can't be read: without it the hashes decide."""
        try:
            return Landmarks.from_bytes(self._blobs.get(digest)) if digest else None
        except (ServiceUnreachable, ValueError):
            return None

    def _get(self, connection: Connection, manifest_id: str) -> Release | None:
        query = sa.select(releases).where(releases.c.manifest_id == manifest_id, releases.c.erased_at.is_(None))
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        held = connection.execute(
            sa.select(bindings)
            .where(bindings.c.manifest_id == manifest_id, bindings.c.added.is_not(True))
            .order_by(bindings.c.position)
        )
        return Release(
            manifest_id=row.manifest_id,
            sha256=row.sha256,
            manifest_store=self._blobs.get(row.store_sha256),
            bindings=tuple(SoftBinding(one.alg, one.value, one.start_ms, one.end_ms, one.name) for one in held),
            fingerprint=replace(
                Fingerprint.from_bytes(row.fingerprint_alg, row.fingerprint, row.duration_s),
                taken=self._landmarks_of(row.landmarks_sha256),
            ),
            created_at=row.created_at,
            facts=json.loads(row.facts),
        )


def content_digest(release: Release) -> str:
    """One digest over everything a release holds: equal for equal releases."""
    return digest_of(
        {
            "manifest_id": release.manifest_id,
            "sha256": release.sha256,
            "store": sha256_hex(release.manifest_store),
            "bindings": [
                [one.alg, one.value.hex(), one.start_ms, one.end_ms, one.name] for one in release.bindings
            ],
            "fingerprint": [
                release.fingerprint.alg,
                release.fingerprint.to_bytes().hex(),
                release.fingerprint.duration_s,
            ],
            "created_at": release.created_at,
            "facts": release.facts,
        }
    )


def _row_of(release: Release, store_sha256: str) -> dict[str, Any]:
    return {
        "manifest_id": release.manifest_id,
        "sha256": release.sha256,
        "store_sha256": store_sha256,
        "fingerprint_alg": release.fingerprint.alg,
        "fingerprint": release.fingerprint.to_bytes(),
        "duration_s": release.fingerprint.duration_s,
        "created_at": release.created_at,
        "facts": canonical_json(release.facts).decode(),
        "content_sha256": content_digest(release),
    }


def _binding_row(manifest_id: str, binding: SoftBinding) -> dict[str, Any]:
    return {
        "manifest_id": manifest_id,
        "alg": binding.alg,
        "value_sha256": sha256_hex(binding.value),
        "value": binding.value,
        "start_ms": binding.start_ms,
        "end_ms": binding.end_ms,
        "name": binding.name,
    }


def _agreeing(
    query: Fingerprint, candidates: list[str], get: Callable[[str], Release | None], limit: int
) -> list[tuple[Release, float]]:
    found = []
    for manifest_id in candidates:
        release = get(manifest_id)
        if release is not None:
            compared = similarity(query, release.fingerprint)
            if compared.agrees:
                found.append((release, compared.score))
    return sorted(found, key=lambda pair: -pair[1])[:limit]


def _same(held: SoftBinding, wanted: SoftBinding) -> bool:
    return held.alg == wanted.alg and held.value == wanted.value


def _blobs_beside(url: str) -> BlobStore:
    database = make_url(url).database
    if make_url(url).get_backend_name() != "sqlite":
        raise ConfigurationError(
            "a database server needs a place for manifest stores named beside it",
            code="no_blob_store",
            hint="set the blob folder in the settings",
        )
    if not database or database == ":memory:":
        return MemoryBlobStore()
    return FolderBlobStore(Path(database).with_suffix(".blobs"))


class _PutMeanwhile(Exception):
    """Somebody else inserted the same manifest ID between our looking and inserting."""


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise _PutMeanwhile from error
    except SQLAlchemyError as error:
        raise _unavailable(error) from error


def _unavailable(error: BaseException | None) -> ServiceUnreachable:
    return ServiceUnreachable(
        f"the manifest repository cannot be used: {error}",
        code="repository_unavailable",
        hint="check the database, free space and permissions, then try again",
    )


def _erased(manifest_id: str) -> ReleaseConflict:
    return ReleaseConflict(
        f"the release {manifest_id} was erased",
        code="release_erased",
        hint="what was erased does not come back; sign the clip anew",
    )


def _conflict(manifest_id: str) -> ReleaseConflict:
    return ReleaseConflict(
        f"a different release already stands under {manifest_id}",
        code="release_conflict",
        hint="a manifest ID is used once; sign the clip anew",
    )
