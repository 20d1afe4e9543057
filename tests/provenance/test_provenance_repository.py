"""One contract over every repository and every blob store; and what a database adds to it."""

import multiprocessing
import os
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from core.errors import ConfigurationError, ServiceUnreachable
from provenance import fingerprint as fp
from provenance.blobs import BlobStore, FolderBlobStore, MemoryBlobStore
from provenance.database import open_engine
from provenance.object_blobs import ObjectBlobStore
from provenance.records import Fingerprint, Release, SoftBinding
from provenance.repository import (
    ManifestRepository,
    MemoryManifestRepository,
    ReleaseConflict,
    SqlManifestRepository,
    content_digest,
)


def some_fingerprint(seed: int, seconds: int = 2) -> Fingerprint:
    count = seconds * fp.SAMPLES_PER_S
    hashes = np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)
    return Fingerprint(fp.ALGORITHM, hashes, np.full(count, 80, np.uint8), float(seconds))


def release(number: int, **changes: object) -> Release:
    mark = SoftBinding("org.reelproof.wm.test", number.to_bytes(8, "big"), 0, 2000, "pixel")
    shared = SoftBinding("org.reelproof.wm.test", b"shared", 0, None, "")
    made = Release(
        manifest_id=f"urn:c2pa:{number:08d}",
        sha256=f"{number:064x}",
        manifest_store=b"store" + bytes([number % 256]) * 100,
        bindings=(mark, shared),
        fingerprint=some_fingerprint(number),
        created_at="2026-11-20T23:14:46Z",
        facts={"title": f"clip {number}", "nested": {"list": [1, 2.5, None]}},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def same(first: Release | None, second: Release) -> bool:
    return first is not None and content_digest(first) == content_digest(second)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ManifestRepository]:
    if request.param == "memory":
        yield MemoryManifestRepository()
        return
    url = f"sqlite:///{tmp_path}/home/repository.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    opened = SqlManifestRepository(url, FolderBlobStore(tmp_path / "blobs"))
    yield opened
    opened.close()


def test_what_was_put_comes_back_whole(repository: ManifestRepository) -> None:
    """Every field, byte for byte."""
    repository.put(release(1))
    assert same(repository.get("urn:c2pa:00000001"), release(1))
    assert repository.count() == 1


def test_an_unknown_id_is_no_error(repository: ManifestRepository) -> None:
    """Nothing found is an empty answer."""
    assert repository.get("urn:c2pa:none") is None
    assert repository.find_by_binding(SoftBinding("x", b"y")) == []
    assert repository.find_by_fingerprint(some_fingerprint(9)) == []


def test_putting_twice_is_putting_once(repository: ManifestRepository) -> None:
    """Idempotent: a retry after a lost answer does no harm."""
    for _ in range(3):
        repository.put(release(1))
    assert repository.count() == 1
    assert len(repository.find_by_binding(release(1).bindings[0])) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "f" * 64},
        {"manifest_store": b"other"},
        {"bindings": ()},
        {"facts": {}},
        {"created_at": "2026-11-21T00:00:00Z"},
        {"fingerprint": some_fingerprint(99)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_different_release_under_a_taken_id_is_refused(
    repository: ManifestRepository, changes: dict[str, object]
) -> None:
    """Append-only: the stored release stays as it was."""
    repository.put(release(1))
    with pytest.raises(ReleaseConflict) as caught:
        repository.put(release(1, **changes))
    assert caught.value.code == "release_conflict"
    assert same(repository.get("urn:c2pa:00000001"), release(1))


def test_a_mark_finds_its_release(repository: ManifestRepository) -> None:
    """By algorithm and value; name and scope don't matter; the oldest first."""
    for number in (3, 1, 2):
        repository.put(release(number))
    mark = SoftBinding("org.reelproof.wm.test", (2).to_bytes(8, "big"))
    assert [one.manifest_id for one in repository.find_by_binding(mark)] == ["urn:c2pa:00000002"]
    shared = SoftBinding("org.reelproof.wm.test", b"shared", 5, 6, "other")
    assert [one.manifest_id[-1] for one in repository.find_by_binding(shared)] == ["3", "1", "2"]
    assert repository.find_by_binding(replace(mark, alg="org.reelproof.wm.other")) == []


def noisy(one: Fingerprint, bits: int, seed: int = 0) -> Fingerprint:
    """The fingerprint with this many random bits of each hash turned over."""
    rng = np.random.default_rng(seed)
    flips = np.zeros((len(one.hashes), 256), np.uint8)
    for row in flips:
        row[rng.choice(256, bits, replace=False)] = 1
    return replace(one, hashes=one.hashes ^ np.packbits(flips, axis=1))


def test_a_copy_is_found_by_how_it_looks(repository: ManifestRepository) -> None:
    """Among others, with its similarity; a mirrored copy and an excerpt too."""
    for number in range(1, 8):
        repository.put(release(number, fingerprint=some_fingerprint(number, seconds=4)))
    whole = some_fingerprint(5, seconds=4)
    excerpt = replace(whole, hashes=whole.hashes[9:23], quality=whole.quality[9:23])
    for query in (whole, noisy(whole, 30), fp.mirrored(whole), noisy(excerpt, 20)):
        found = repository.find_by_fingerprint(query, limit=3)
        assert [one.manifest_id for one, _ in found] == ["urn:c2pa:00000005"]
        assert 0.7 < found[0][1] <= 1.0


def test_unlike_clips_are_not_found(repository: ManifestRepository) -> None:
    """The nearest of unrelated clips is no match."""
    for number in range(1, 30):
        repository.put(release(number))
    assert repository.find_by_fingerprint(some_fingerprint(1000)) == []


def test_a_plain_clip_finds_nothing(repository: ManifestRepository) -> None:
    """Blank pictures all look alike, so they match nothing, not everything."""
    blank = Fingerprint(fp.ALGORITHM, np.zeros((16, 32), np.uint8), np.zeros(16, np.uint8), 2.0)
    repository.put(release(1, fingerprint=blank))
    assert repository.find_by_fingerprint(blank) == []


def test_threads_may_put_at_once(repository: ManifestRepository) -> None:
    """Eight threads, overlapping releases: each stands once."""

    def work(first: int) -> None:
        for number in range(first, first + 6):
            repository.put(release(number))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert repository.count() == 13
    assert all(same(repository.get(f"urn:c2pa:{number:08d}"), release(number)) for number in range(13))


NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_an_erased_release_is_found_by_nothing_and_its_digests_stay(repository: ManifestRepository) -> None:
    """Not by its ID, its mark or its looks; what is left tells that a file or a log entry speaks of it."""
    repository.put(release(1))
    repository.put(release(2))
    assert repository.find_by_fingerprint(some_fingerprint(1)) != []
    assert repository.erase("urn:c2pa:00000001", NOW)
    assert repository.get("urn:c2pa:00000001") is None
    assert repository.find_by_binding(release(1).bindings[0]) == []
    assert [one.manifest_id for one in repository.find_by_binding(release(1).bindings[1])] == ["urn:c2pa:00000002"]
    assert repository.find_by_fingerprint(some_fingerprint(1)) == []
    assert repository.count() == 1
    left = repository.erasure("urn:c2pa:00000001")
    assert left is not None
    assert (left.sha256, left.content_sha256) == (release(1).sha256, content_digest(release(1)))
    assert left.erased_at == "2026-11-21T00:00:00Z"
    assert repository.erasure("urn:c2pa:00000002") is None


def test_what_was_erased_does_not_come_back(repository: ManifestRepository) -> None:
    """Putting it again is refused; erasing twice or what never was is no error."""
    repository.put(release(1))
    assert repository.erase("urn:c2pa:00000001", NOW)
    assert repository.erase("urn:c2pa:00000001", NOW)
    assert not repository.erase("urn:c2pa:none", NOW)
    with pytest.raises(ReleaseConflict) as caught:
        repository.put(release(1))
    assert caught.value.code == "release_erased"
    assert repository.get("urn:c2pa:00000001") is None


def test_erasing_leaves_no_byte_in_the_files(tmp_path: Path) -> None:
    """Neither the database with its log nor the blob folder still holds the title, the mark or the store."""
    blobs = FolderBlobStore(tmp_path / "blobs")
    kept = {"reference": blobs.put(b"pictures of Jeanne Baret"), "sound": blobs.put(b"the voice of Jeanne Baret")}
    facts = {"title": "Jeanne Baret at sea", **kept}
    told = release(1, facts=facts, manifest_store=b"Jeanne Baret's manifest")
    repository = SqlManifestRepository(f"sqlite:///{tmp_path}/repository.db", blobs)
    repository.put(told)
    repository.put(release(2, manifest_store=b"shared"))
    repository.put(release(3, manifest_store=b"shared"))
    repository.erase(told.manifest_id, NOW)
    repository.erase("urn:c2pa:00000002", NOW)
    assert same(repository.get("urn:c2pa:00000003"), release(3, manifest_store=b"shared"))
    repository.close()
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"Jeanne" not in held
    assert told.bindings[0].value not in held.replace(bytes(8), b"")


def test_a_release_that_had_no_sound_is_erased_like_any_other(tmp_path: Path) -> None:
    """A fact that names nothing kept stands in no erasure's way."""
    repository = SqlManifestRepository(f"sqlite:///{tmp_path}/repository.db")
    repository.put(release(1, facts={"sound": None}))
    assert repository.erase("urn:c2pa:00000001", NOW)
    assert repository.get("urn:c2pa:00000001") is None


# -- what a database adds ---------------------------------------------------------------------------------


def _put_in_another_process(url: str, first: int) -> None:
    repository = SqlManifestRepository(url)
    for number in range(first, first + 5):
        repository.put(release(number))
    repository.close()


def test_processes_may_open_and_put_at_once(tmp_path: Path) -> None:
    """Two processes make the database at once and put overlapping releases; a third sees all of them."""
    url = f"sqlite:///{tmp_path}/repository.db"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_put_in_another_process, args=(url, first)) for first in (0, 3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    repository = SqlManifestRepository(url)
    assert repository.count() == 8
    assert repository.find_by_fingerprint(some_fingerprint(7))[0][0].manifest_id == "urn:c2pa:00000007"


def test_the_index_follows_what_others_add(tmp_path: Path) -> None:
    """A clip put by another process is found without opening anew."""
    url = f"sqlite:///{tmp_path}/repository.db"
    reader, writer = SqlManifestRepository(url), SqlManifestRepository(url)
    assert reader.find_by_fingerprint(some_fingerprint(4)) == []
    writer.put(release(4))
    assert len(reader.find_by_fingerprint(some_fingerprint(4))) == 1


def test_sqlite_is_durable_and_its_schema_versioned(tmp_path: Path) -> None:
    """WAL, `synchronous=FULL`, and Alembic's version table."""
    engine = open_engine(f"sqlite:///{tmp_path}/repository.db")
    with engine.begin() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(sa.text("SELECT version_num FROM provenance_version")).scalars().all() == ["0003"]


def test_the_migrations_make_the_tables_the_code_uses(tmp_path: Path) -> None:
    """Every column that the repository names is there."""
    from provenance.database import bindings, releases

    found = sa.inspect(open_engine(f"sqlite:///{tmp_path}/repository.db"))
    for table in (releases, bindings):
        assert {one["name"] for one in found.get_columns(table.name)} == set(table.columns.keys())


def test_a_failed_put_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the bindings can't be written the release isn't either; putting again works."""
    from provenance import repository as module

    repository = SqlManifestRepository(f"sqlite:///{tmp_path}/repository.db")
    with monkeypatch.context() as patched:
        patched.setattr(module, "_binding_row", lambda *_: {"nonsense": 1})
        with pytest.raises(ServiceUnreachable):
            repository.put(release(1))
    assert repository.count() == 0
    repository.put(release(1))
    assert same(repository.get("urn:c2pa:00000001"), release(1))


@pytest.mark.parametrize("url", ["nonsense", "nosuch:///x.db", "sqlite:////proc/none/x.db"])
def test_an_unusable_url_is_a_configuration_error(url: str) -> None:
    """With a hint, not a traceback."""
    with pytest.raises(ConfigurationError) as caught:
        SqlManifestRepository(url)
    assert caught.value.hint


def test_a_damaged_database_is_a_configuration_error(tmp_path: Path) -> None:
    """A file that is no database."""
    (tmp_path / "repository.db").write_bytes(b"not a database" * 100)
    with pytest.raises(ConfigurationError) as caught:
        SqlManifestRepository(f"sqlite:///{tmp_path}/repository.db")
    assert caught.value.code == "database_unusable"


def test_a_lost_blob_is_said_and_not_made_up(tmp_path: Path) -> None:
    """A manifest store gone from the folder: the look-up fails clearly."""
    blobs = FolderBlobStore(tmp_path / "blobs")
    repository = SqlManifestRepository(f"sqlite:///{tmp_path}/repository.db", blobs)
    repository.put(release(1))
    for path in (tmp_path / "blobs").glob("*/*"):
        path.unlink()
    with pytest.raises(ServiceUnreachable) as caught:
        repository.get("urn:c2pa:00000001")
    assert caught.value.code == "blob_missing"


# -- blob stores --------------------------------------------------------------------------------------------

BLOBS: dict[str, Callable[[Path], BlobStore]] = {
    "memory": lambda folder: MemoryBlobStore(),
    "folder": lambda folder: FolderBlobStore(folder / "blobs"),
    "object store": lambda folder: ObjectBlobStore("memory:///"),
}


@pytest.fixture(params=BLOBS)
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return BLOBS[request.param](tmp_path)


def test_a_blob_lies_under_its_digest(blobs: BlobStore) -> None:
    """The same bytes are the same digest, as often as they are put."""
    digest = blobs.put(b"content")
    assert digest == blobs.put(b"content")
    assert len(digest) == 64
    assert blobs.get(digest) == b"content"
    assert blobs.get(blobs.put(b"")) == b""


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc/passwd", "", "Z" * 64])
def test_an_unknown_or_odd_digest_is_a_clear_error(blobs: BlobStore, digest: str) -> None:
    """A digest is never a path."""
    with pytest.raises(ServiceUnreachable) as caught:
        blobs.get(digest)
    assert caught.value.code == "blob_missing"


def test_an_erased_blob_is_gone(blobs: BlobStore) -> None:
    """Erasing again, or what never was, is no error; the same bytes may be put anew."""
    digest = blobs.put(b"content")
    blobs.erase(digest)
    blobs.erase(digest)
    with pytest.raises(ServiceUnreachable):
        blobs.get(digest)
    assert blobs.get(blobs.put(b"content")) == b"content"


@pytest.mark.parametrize("url", ["nonsense", "s3:bucket", "gopher://x/y"])
def test_an_object_stores_address_is_checked(url: str) -> None:
    """At start-up, with a hint."""
    with pytest.raises(ConfigurationError) as caught:
        ObjectBlobStore(url)
    assert caught.value.code == "bad_blob_url"


def test_a_damaged_blob_is_never_returned(tmp_path: Path) -> None:
    """Bit rot raises; putting the bytes again heals it."""
    store = FolderBlobStore(tmp_path)
    digest = store.put(b"content")
    path = tmp_path / digest[:2] / digest[2:]
    os.chmod(path, 0o644)
    path.write_bytes(b"c0ntent")
    with pytest.raises(ServiceUnreachable) as caught:
        store.get(digest)
    assert caught.value.code == "blob_damaged"
    store.put(b"content")
    assert store.get(digest) == b"content"


def test_blobs_are_read_only_and_leave_no_rest(tmp_path: Path) -> None:
    """0444, and no staging folder stays."""
    store = FolderBlobStore(tmp_path / "blobs")
    digest = store.put(b"content")
    path = tmp_path / "blobs" / digest[:2] / digest[2:]
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "blobs").write_text("x")
    with pytest.raises(ServiceUnreachable) as caught:
        FolderBlobStore(tmp_path / "blobs").put(b"content")
    assert caught.value.code == "blob_store_unavailable"
