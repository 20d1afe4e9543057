"""Where manifest stores lie: content-addressed, written whole, never changed.

Knows nothing of what the bytes mean. The folder store is our own: object-store libraries don't fsync local files.
"""

from pathlib import Path
from threading import Lock
from typing import Protocol

from core.canonical import sha256_hex
from core.errors import ServiceUnreachable
from core.files import fsync_folder, write_atomically


class BlobStore(Protocol):
    """Keeps bytes under their SHA-256. The contract (`tests/provenance/test_provenance_repository.py`):

    - Durable on return of `put`; a crash before leaves nothing under the digest.
    - Idempotent: the same bytes again are the same digest and no second copy.
    - Thread- and process-safe. What is stored is never overwritten.
    - `get` checks the digest: damaged bytes raise, they are never returned.
    """

    def put(self, content: bytes) -> str:
        """The SHA-256 of the content, in hexadecimal, once it is stored.

        Raises:
            ServiceUnreachable: `blob_store_unavailable`; nothing was stored, or it was: putting again is safe.
        """
        ...

    def get(self, digest: str) -> bytes:
        """The bytes stored under a digest.

        Raises:
            ServiceUnreachable: `blob_missing`, `blob_damaged`, `blob_store_unavailable`.
        """
        ...

    def erase(self, digest: str) -> None:
        """Remove the bytes under a digest for good; nothing there is no error.

        Raises:
            ServiceUnreachable: `blob_store_unavailable`; erasing again is safe.
        """
        ...


class MemoryBlobStore:
    """The shipped fake: blobs in this process's memory."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._lock = Lock()

    def put(self, content: bytes) -> str:
        """Store the content; its SHA-256."""
        digest = sha256_hex(content)
        with self._lock:
            self._blobs.setdefault(digest, bytes(content))
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes stored under a digest."""
        try:
            return self._blobs[digest]
        except KeyError as error:
            raise blob_missing(digest) from error

    def erase(self, digest: str) -> None:
        """Remove the bytes under a digest."""
        with self._lock:
            self._blobs.pop(digest, None)


class FolderBlobStore:
    """Blobs as files: the first two hex digits name a folder, the rest the file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, content: bytes) -> str:
        """Store the content durably; its SHA-256."""
        digest = sha256_hex(content)
        path = self._path(digest)
        try:
            if path.is_file() and sha256_hex(path.read_bytes()) == digest:
                return digest
            self._make_shelf(path.parent)
            write_atomically(path, content, mode=0o444)
        except OSError as error:
            raise _unavailable(self.folder, error) from error
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes stored under a digest, checked."""
        try:
            content = self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise blob_missing(digest) from error
        except OSError as error:
            raise _unavailable(self.folder, error) from error
        if sha256_hex(content) != digest:
            raise ServiceUnreachable(
                f"the stored blob {digest[:16]}… is damaged",
                code="blob_damaged",
                hint="restore the blob folder from its backup",
            )
        return content

    def erase(self, digest: str) -> None:
        """Remove the file under a digest, durably."""
        path = self._path(digest)
        try:
            if path.is_file():
                path.unlink()
                fsync_folder(path.parent)
        except OSError as error:
            raise _unavailable(self.folder, error) from error

    def _path(self, digest: str) -> Path:
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise blob_missing(digest[:64])
        return self.folder / digest[:2] / digest[2:]

    def _make_shelf(self, shelf: Path) -> None:
        if not shelf.is_dir():
            shelf.mkdir(parents=True, exist_ok=True)
            fsync_folder(self.folder)
            fsync_folder(self.folder.parent)


def blob_missing(digest: str) -> ServiceUnreachable:
    """The error for a digest under which nothing is stored."""
    return ServiceUnreachable(
        f"no blob {digest[:16]}… is stored", code="blob_missing", hint="restore the blob folder from its backup"
    )


def _unavailable(folder: Path, error: OSError) -> ServiceUnreachable:
    return ServiceUnreachable(
        f"the blob folder {folder} cannot be used: {error.strerror}",
        code="blob_store_unavailable",
        hint="check free space and permissions, then try again",
    )
