"""Finds a C2PA manifest store in a file, and reads the parts of it that trust rests on.

Containers: BMFF (MP4, MOV, fragmented MP4), RIFF (AVI) and a bare store. Only box headers are walked: a file of any
size costs a few reads. From the store: the active manifest's label, its claim bytes and the COSE signature with
its certificate chain (C2PA 2.4 §11 and §13.2, ISO 19566-5 for the boxes).

Knows nothing of validity: the C2PA library checks hashes; `provenance.trust` checks the chain.
"""

import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.utils import CryptographyDeprecationWarning

from provenance.bmff import header_at

# A certificate with a serial number that RFC 5280 forbids comes from a garbled file; its chain fails by itself, and
# a person verifying a clip has no use for the library's warning to its programmers.
warnings.filterwarnings("ignore", "Parsed a serial number", CryptographyDeprecationWarning)

C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_STORE_UUID = bytes.fromhex("63327061 00110010 800000aa 00389b71")
_UUID_SUFFIX = bytes.fromhex("00110010800000aa00389b71")
_MANIFEST_KINDS = {b"c2ma": False, b"c2um": False, b"c2cm": True}  # standard, update, compressed
_UNUSED_TOGGLES = 0xE0  # covered by no hash, so they must be what ISO 19566-5 says: nought
_LABEL_TOGGLES = 0x03  # requestable, labelled: what every C2PA box is
_X5CHAIN = 33  # RFC 9360
_COSE_SIGN1_TAG = 18
_PADDING = ("pad", "pad2")  # C2PA 2.4 §13.2.3: zeros
_UNPROTECTED = {*_PADDING, "sigTst", "sigTst2", "rVals", "x5chain", 33}
_EDDSA = -8  # COSE algorithm numbers, RFC 9053
_ECDSA_HASHES: dict[int, hashes.HashAlgorithm] = {-7: hashes.SHA256(), -35: hashes.SHA384(), -36: hashes.SHA512()}
_PSS_HASHES: dict[int, hashes.HashAlgorithm] = {-37: hashes.SHA256(), -38: hashes.SHA384(), -39: hashes.SHA512()}
_HARD_BINDINGS = ("c2pa.hash.bmff", "c2pa.hash.data")
_REMOTE_REFERENCE = b"dcterms:provenance"  # the XMP field that names a remote store (C2PA 2.4 §11.4)

EBML_HEAD = b"\x1aE\xdf\xa3"  # WebM and Matroska, which hold no store
MAX_STORE_BYTES = 64 << 20
_MAX_TOP_BOXES = 100_000
_MAX_STORE_BOXES = 100_000
_MAX_CERTIFICATES = 16
_SCAN_BYTES = 1 << 20
_OVERLAP_BYTES = 32


class StoreFault(ValueError):
    """A C2PA store is there, and its bytes are not a store, or more than one could be meant."""


@dataclass(frozen=True)
class Jumbf:
    """One JUMBF superbox: the kind (first four bytes of its UUID), its label, and where its content lies."""

    kind: bytes
    label: str
    content: memoryview


@dataclass(frozen=True)
class Trace:
    """Remains of a store (`is_embedded`), or a reference to a store kept elsewhere."""

    is_embedded: bool
    description: str


@dataclass(frozen=True)
class ClaimSignature:
    """The active manifest's claim and the COSE signature over it. `chain` is leaf first, as it stands there.

    `is_tight` is False where the signature's unprotected header, which nothing covers, hides bytes: padding that is
    not empty, or an entry that C2PA doesn't know.
    """

    manifest_id: str
    claim: bytes
    protected: bytes
    algorithm: int
    signature: bytes
    chain: tuple[x509.Certificate, ...]
    is_tight: bool = True

    @property
    def verifies(self) -> bool:
        """Whether the leaf's key made this signature over this claim (RFC 9052 §4.4)."""
        signed = cbor2.dumps(["Signature1", self.protected, b"", self.claim])
        key = self.chain[0].public_key()
        try:
            _verify_cose(key, self.algorithm, self.signature, signed)
        except (InvalidSignature, ValueError, TypeError, KeyError):
            return False
        return True


def find_store(file: BinaryIO) -> bytes | None:
    """The bytes of the manifest store embedded in a file, or None where there is none. Moves the file's position.

    Raises:
        StoreFault: two stores, a store over 64 MiB, or a store box that is cut off.
    """
    file.seek(0, 2)
    size = file.tell()
    file.seek(0)
    head = file.read(32)
    if head[:4] == b"RIFF":
        found = list(_riff_stores(file, size))
    elif head[4:8] == b"jumb" and head[16:32] == _STORE_UUID:
        found = [_read_exactly(file, 0, size)]
    else:
        found = list(_bmff_stores(file, size))
    if len(found) > 1:
        raise StoreFault(f"{len(found)} manifest stores in one file; a reader could pick either")
    return found[0] if found else None


def is_cut_off(file: BinaryIO) -> bool:
    """Whether a BMFF file ends before its last top-level box does: the rest of a broken download."""
    file.seek(0, 2)
    size = file.tell()
    return max((end for _, _, end in bmff_boxes(file, size)), default=0) != size


def traces_of_store(file: BinaryIO) -> "Trace | None":
    """What a file without a readable store still shows of one, by its raw bytes; None for nothing at all."""
    file.seek(0)
    tail = b""
    while chunk := file.read(_SCAN_BYTES):
        window = tail + chunk
        if _STORE_UUID in window or C2PA_UUID in window:
            return Trace(
                is_embedded=True, description="the file holds remains of a C2PA store where none can stand"
            )
        if _REMOTE_REFERENCE in window:
            return Trace(
                is_embedded=False, description="the file names a credential kept elsewhere; it was not fetched"
            )
        tail = chunk[-_OVERLAP_BYTES:]
    return None


def active_signature(store: bytes) -> ClaimSignature:
    """The claim and signature of a store's active (last) manifest.

    Raises:
        StoreFault: the store's bytes can't be read as the specification says, or the manifest is compressed.
    """
    manifests = list(_superboxes(_open_superbox(memoryview(store), b"c2pa").content))
    if not manifests or manifests[-1].kind not in _MANIFEST_KINDS:
        raise StoreFault("the store holds no manifest")
    active = manifests[-1]
    if _MANIFEST_KINDS[active.kind]:
        raise StoreFault("the active manifest is compressed; its certificate chain was not read")
    parts = {box.label: box for box in _superboxes(active.content)}
    claim = parts.get("c2pa.claim.v2") or parts.get("c2pa.claim")
    signature = parts.get("c2pa.signature")
    assertions = parts.get("c2pa.assertions")
    if claim is None or signature is None or assertions is None:
        raise StoreFault("the active manifest lacks its claim, its signature or its assertions")
    for _ in _superboxes(assertions.content):
        pass  # walking them checks their descriptions, which no hash covers
    return _claim_signature(active.label, _cbor_bytes(claim), _cbor_bytes(signature))


def hard_binding(store: bytes) -> tuple[str, dict[str, Any]] | None:
    """The label and content of the assertion that binds the active manifest to the file; None where there is none.

    An update manifest binds through the manifest it updates, which stands before it.

    Raises:
        StoreFault: the store's bytes can't be read as the specification says.
    """
    manifests = list(_superboxes(_open_superbox(memoryview(store), b"c2pa").content))
    for manifest in reversed(manifests):
        parts = {box.label: box for box in _superboxes(manifest.content)}
        assertions = parts.get("c2pa.assertions")
        for box in _superboxes(assertions.content) if assertions is not None else ():
            if box.label.startswith(_HARD_BINDINGS):
                return box.label, _cbor_map(box)
        if manifest.kind != b"c2um":
            return None
    return None


def _claim_signature(label: str, claim: bytes, cose: bytes) -> ClaimSignature:
    try:
        tagged = cbor2.loads(cose)
        value = tagged.value if isinstance(tagged, cbor2.CBORTag) and tagged.tag == _COSE_SIGN1_TAG else tagged
        protected, unprotected, _, signature = value
        header = cbor2.loads(protected)
        chain = header.get(_X5CHAIN) or unprotected.get(_X5CHAIN) or unprotected.get("x5chain")
        certificates = [chain] if isinstance(chain, bytes) else list(chain)[:_MAX_CERTIFICATES]
        parsed = tuple(x509.load_der_x509_certificate(bytes(one)) for one in certificates)
        algorithm = int(header[1])
        is_tight = set(unprotected) <= _UNPROTECTED and not any(
            any(unprotected.get(name, b"")) for name in _PADDING
        )
    except (cbor2.CBORDecodeError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StoreFault(f"the signature box cannot be read: {error}") from error
    if not parsed or not isinstance(signature, bytes):
        raise StoreFault("the signature box holds no certificate or no signature")
    return ClaimSignature(label, claim, bytes(protected), algorithm, signature, parsed, is_tight)


def _verify_cose(key: object, algorithm: int, signature: bytes, signed: bytes) -> None:
    if isinstance(key, ec.EllipticCurvePublicKey):
        half = len(signature) // 2
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(_ECDSA_HASHES[algorithm]))
    elif isinstance(key, rsa.RSAPublicKey):
        digest = _PSS_HASHES[algorithm]
        key.verify(signature, signed, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    elif isinstance(key, ed25519.Ed25519PublicKey) and algorithm == _EDDSA:
        key.verify(signature, signed)
    else:
        raise TypeError("a key and an algorithm that don't belong together")


def _bmff_stores(file: BinaryIO, size: int) -> Iterator[bytes]:
    for kind, start, end in bmff_boxes(file, size):
        if kind != b"uuid" or end - start < 16:
            continue
        file.seek(start)
        head = file.read(16 + 4 + 64)
        if head[:16] != C2PA_UUID:
            continue
        purpose, separator, _ = head[20:].partition(b"\0")
        if separator and purpose in (b"manifest", b"original", b"update"):
            if any(head[16:20]):
                raise StoreFault("the C2PA box is of an unknown version")
            offset = 20 + len(purpose) + 1 + 8  # version and flags, purpose, then the merkle offset
            yield _read_store(file, start + offset, end)


def bmff_boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Top-level boxes as (type, content start, content end)."""
    position = 0
    for _ in range(_MAX_TOP_BOXES):
        header = header_at(file, position, size)
        if header is None:
            return
        if not header.is_whole(size):
            if header.kind == b"uuid":
                raise StoreFault("a uuid box is cut off")
            return
        end = size if header.end is None else header.end
        yield header.kind, header.body, end
        position = end


def _riff_stores(file: BinaryIO, size: int) -> Iterator[bytes]:
    position = 12
    while position + 8 <= size:
        file.seek(position)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind == b"C2PA":
            yield _read_store(file, position + 8, position + 8 + length)
        position += 8 + length + (length & 1)


def _read_store(file: BinaryIO, start: int, end: int) -> bytes:
    """The store between two places, without padding after the superbox."""
    head = _read_exactly(file, start, min(end, start + 8))
    if len(head) < 8 or head[4:8] != b"jumb":
        raise StoreFault("the C2PA box holds no JUMBF superbox")
    length = struct.unpack(">I", head[:4])[0]
    if length < 8 or start + length > end:
        raise StoreFault("the C2PA box is shorter than its store")
    return _read_exactly(file, start, start + length)


def _read_exactly(file: BinaryIO, start: int, end: int) -> bytes:
    if end - start > MAX_STORE_BYTES:
        raise StoreFault(f"the manifest store has {end - start} bytes, more than {MAX_STORE_BYTES}")
    file.seek(start)
    content = file.read(end - start)
    if len(content) != end - start:
        raise StoreFault("the manifest store is cut off")
    return content


def _open_superbox(box: memoryview, kind: bytes) -> Jumbf:
    found = next(_superboxes(box), None)
    if found is None or found.kind != kind or found.label != kind.decode():
        raise StoreFault(f"expected a JUMBF superbox of kind {kind.decode()}")
    return found


def _superboxes(content: memoryview) -> Iterator[Jumbf]:
    for kind, body in _boxes(content):
        if kind == b"jumb":
            yield _superbox(body)


def _superbox(body: memoryview) -> Jumbf:
    first = next(_boxes(body), None)
    if first is None or first[0] != b"jumd" or len(first[1]) < 17:
        raise StoreFault("a JUMBF superbox does not start with its description")
    description = bytes(first[1])
    if description[16] & _UNUSED_TOGGLES:
        raise StoreFault("a JUMBF description has bits set that mean nothing")
    if description[4:16] != _UUID_SUFFIX or description[16] & _LABEL_TOGGLES != _LABEL_TOGGLES:
        return Jumbf(b"", "", body[len(description) + 8 :])
    label = description[17:].partition(b"\0")[0].decode("utf-8", "replace")
    return Jumbf(description[:4], label, body[len(description) + 8 :])


def _boxes(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    position = 0
    for _ in range(_MAX_STORE_BOXES):
        if position == len(content):
            return
        if position + 8 > len(content):
            raise StoreFault("a box header is cut off")
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        if length < 8 or position + length > len(content):
            raise StoreFault("a box is longer than what holds it")
        yield kind, content[position + 8 : position + length]
        position += length


def _cbor_map(box: Jumbf) -> dict[str, Any]:
    try:
        content = cbor2.loads(_cbor_bytes(box))
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise StoreFault(f"{box.label} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise StoreFault(f"{box.label} holds no map")
    return content


def _cbor_bytes(box: Jumbf) -> bytes:
    found = [bytes(body) for kind, body in _boxes(box.content) if kind == b"cbor"]
    if len(found) != 1:
        raise StoreFault(f"expected one CBOR box in {box.label}, got {len(found)}")
    return found[0]
