"""Manifest stores in an object store (S3 and what speaks like it), under their SHA-256.

`obstore` speaks to it; its settings (endpoint, region, keys) come from the usual AWS_… environment variables. An
object store is durable when it answers; the folder store stays our own, since `obstore` doesn't sync local files.
"""

from typing import Any

from core.canonical import sha256_hex
from core.errors import ConfigurationError, ServiceUnreachable
from provenance.blobs import blob_missing

_DIGEST = set("0123456789abcdef")


class ObjectBlobStore:
    """Blobs in an object store: the first two hex digits name a folder, as in `FolderBlobStore`.

    `url` is `s3://bucket/prefix`; `memory:///` is kept in this process, for tests. Further keyword arguments go to
    `obstore.store.from_url`.
    """

    def __init__(self, url: str, **options: Any) -> None:
        try:
            import obstore
            from obstore.store import from_url
        except ImportError as error:
            raise ConfigurationError(
                "an object store needs the package obstore",
                code="obstore_missing",
                hint="install reelproof[s3], or unset REELPROOF_BLOB_URL",
            ) from error
        self._obstore: Any = obstore
        self._error: type[Exception] = obstore.exceptions.BaseError
        try:
            self._store: Any = from_url(url, **options)
        except (self._error, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"the blob store's address cannot be used: {_said(error)}",
                code="bad_blob_url",
                hint="use s3://bucket/prefix, with region and keys in the AWS_… variables",
            ) from error

    def put(self, content: bytes) -> str:
        """Store the content; its SHA-256. What stands there already is not written again."""
        digest = sha256_hex(content)
        try:
            self._obstore.put(self._store, _path(digest), content, mode="create")
        except self._obstore.exceptions.AlreadyExistsError:
            self.get(digest)  # a damaged object is said now, while the good bytes are still at hand
        except self._error as error:
            raise _unavailable(error) from error
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes stored under a digest, checked."""
        if len(digest) != 64 or not set(digest) <= _DIGEST:
            raise blob_missing(digest[:64])
        try:
            content = bytes(self._obstore.get(self._store, _path(digest)).bytes())
        except (self._obstore.exceptions.NotFoundError, FileNotFoundError) as error:
            raise blob_missing(digest) from error
        except self._error as error:
            raise _unavailable(error) from error
        if sha256_hex(content) != digest:
            raise ServiceUnreachable(
                f"the stored blob {digest[:16]}… is damaged",
                code="blob_damaged",
                hint="restore it from the bucket's earlier version or its backup",
            )
        return content

    def erase(self, digest: str) -> None:
        """Remove the object under a digest. Earlier versions that a bucket keeps are the operator's to remove."""
        if len(digest) != 64 or not set(digest) <= _DIGEST:
            raise blob_missing(digest[:64])
        try:
            self._obstore.delete(self._store, _path(digest))
        except (self._obstore.exceptions.NotFoundError, FileNotFoundError):
            return
        except self._error as error:
            raise _unavailable(error) from error


def _path(digest: str) -> str:
    return f"{digest[:2]}/{digest[2:]}"


def _unavailable(error: Exception) -> ServiceUnreachable:
    return ServiceUnreachable(
        f"the blob store does not answer as it should: {_said(error)}",
        code="blob_store_unavailable",
        hint="check address, keys and network, then try again",
    )


def _said(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
