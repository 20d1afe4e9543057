"""Whether segments of a stream are those that the credential in its initialisation was made for.

Such a credential (C2PA 2.4 §18.6, `merkle` in `c2pa.hash.bmff`) binds the initialisation by one hash and every
segment by a place in a tree of hashes; the path to its root stands in the segment. The C2PA library checks both,
one segment at a time. It does not ask whether the segments stand in their order: that is asked here.

Refuses to know: segments that were left out at the end of what it is shown, and segments signed each by itself
(live video, C2PA 2.3), which the library (0.91.3) does not read.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, BinaryIO, NamedTuple

import c2pa
import cbor2

from provenance.reading import broken_report, report_of
from provenance.records import CredentialState, ManifestReport, SegmentBinding
from provenance.settings import context_with
from provenance.store import (
    C2PA_UUID,
    ClaimSignature,
    StoreFault,
    active_signature,
    bmff_boxes,
    find_store,
    hard_binding,
)
from provenance.trust import TrustStore

NOT_CHECKED = "binding of segments not checked"
_MIME = "video/mp4"
_NAMED = 8


class Place(NamedTuple):
    """Where a segment stands: the tree that it belongs to, and its number there from 0."""

    tree: tuple[int, int]
    number: int


def read_segments(
    file: BinaryIO, lengths: Sequence[int], trust: TrustStore, *, now: datetime | None = None
) -> ManifestReport:
    """What the credential in an initialisation says, and whether the segments after it are bound to it, in order.

    `file` holds the initialisation and then the segments; `lengths` has the bytes of each. `binding_intact` holds
    only where every segment is bound and each follows the one before. Never raises for what the bytes are.
    """
    try:
        return _read(file, lengths, trust, now or datetime.now(UTC))
    except Exception as error:
        # As in `provenance.reading`: parsers of strangers' bytes have errors that share no base.
        return broken_report(error)


def _read(file: BinaryIO, lengths: Sequence[int], trust: TrustStore, now: datetime) -> ManifestReport:
    file.seek(0)
    init = file.read(lengths[0])
    store = find_store(io.BytesIO(init))
    if store is None:
        says = "the stream's initialisation carries none"
        return ManifestReport(CredentialState.ABSENT, problem=says)
    claim = active_signature(store)
    trees = _trees(store)
    if not trees:
        return _unchecked(init, claim, trust, now)
    contents, places = [], []
    for length in lengths[1:]:
        segment = file.read(length)
        contents.append(_content(init, segment, claim, trust))
        places.append(_place(segment))
    reports = [report_of(one, claim, trust, now) for one in contents]
    bound = tuple(number for number, one in enumerate(reports, 1) if one.binding_intact)
    problem = _problem(len(reports), bound, places)
    first = places[0] if places else None
    told = SegmentBinding(
        len(reports),
        bound,
        first.number + 1 if first is not None and 1 in bound else None,
        trees.get(first.tree) if first is not None else None,
    )
    worst = next((one for one in reports if not one.binding_intact), reports[0])
    return replace(worst, binding_intact=not problem, problem=problem or None, segments=told)


def _content(init: bytes, segment: bytes, claim: ClaimSignature, trust: TrustStore) -> Mapping[str, Any]:
    """What the library says of one segment behind its initialisation."""
    context = context_with(trust.time_stamp_anchors())
    with c2pa.Reader(_MIME, io.BytesIO(init), context=context) as reader:
        reader.with_fragment(_MIME, io.BytesIO(init), io.BytesIO(segment))
        content: Mapping[str, Any] = json.loads(reader.json())
    if content.get("active_manifest") != claim.manifest_id:
        raise StoreFault("the library and our own reading disagree on which manifest is active")
    return content


def _unchecked(init: bytes, claim: ClaimSignature, trust: TrustStore, now: datetime) -> ManifestReport:
    """A credential that is bound to a whole file, of which these segments are pieces: shown, and nothing more."""
    with c2pa.Reader(_MIME, io.BytesIO(init), context=context_with(trust.time_stamp_anchors())) as reader:
        found = report_of(json.loads(reader.json()), claim, trust, now)
    valid = "with a valid signature" if found.signature_valid else "whose signature does not hold"
    signer = found.issuer or found.signer or "an unnamed signer"
    says = f"the initialisation carries one of {signer}, {valid}, made for a whole file: {NOT_CHECKED}"
    return ManifestReport(CredentialState.ABSENT, problem=says)


def _problem(count: int, bound: Sequence[int], places: Sequence[Place | None]) -> str:
    """What keeps the segments from being those that were signed; empty where nothing does."""
    loose = [str(number) for number in range(1, count + 1) if number not in bound]
    if loose:
        more = " …" if len(loose) > _NAMED else ""
        named = ", ".join(loose[:_NAMED]) + more
        return (
            f"of {count} segments, number {named} is not one that was signed"
            if len(loose) == 1
            else (f"of {count} segments, numbers {named} are none that were signed")
        )
    follows = all(
        a is not None and b is not None and a.tree == b.tree and b.number == a.number + 1
        for a, b in pairwise(places)
    )
    return "" if follows else "its segments are signed, but do not follow each other as they were signed"


def _trees(store: bytes) -> dict[tuple[int, int], int]:
    """How many segments each tree of the hard binding has. Empty where it binds a whole file: then no tree has the
    hash of an initialisation."""
    found = hard_binding(store)
    listed = found[1].get("merkle") if found is not None else None
    trees = {}
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, Mapping) and "initHash" in one:
            trees[int(one["uniqueId"]), int(one["localId"])] = int(one["count"])
    return trees


def _place(segment: bytes) -> Place | None:
    """The place that a segment claims, proven where it is bound by its hash; None where it claims none, or two."""
    found = list(_proofs(segment))
    if len(found) != 1 or not isinstance(found[0], Mapping):
        return None
    told = found[0]
    return Place((int(told["uniqueId"]), int(told["localId"])), int(told["location"]))


def _proofs(segment: bytes) -> Iterator[Any]:
    file = io.BytesIO(segment)
    for kind, start, end in bmff_boxes(file, len(segment)):
        if kind != b"uuid" or segment[start : start + 16] != C2PA_UUID:
            continue
        purpose, _, rest = segment[start + 20 : end].partition(b"\0")
        if purpose == b"merkle":
            yield cbor2.load(io.BytesIO(rest))
