"""Our reading of C2PA status codes (C2PA 2.4 §15.2.2): which family a failure belongs to, and what actions attest.

`validation_state` is never read: "Trusted" was seen on a tampered parent that a trusted signer signed again.
A code of no known family counts against the assertions, so a new failure fails closed.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any


class Family(Enum):
    """What a failure code speaks of."""

    SIGNATURE = "signature"
    TRUST = "trust"
    TIME = "time"
    BINDING = "binding"
    INGREDIENT = "ingredient"
    ASSERTION = "assertion"


_BINDING_HASHES = ("bmffHash", "dataHash", "boxesHash", "collectionHash", "multiAssetHash")
_PREFIXES = (
    *((f"assertion.{name}.", Family.BINDING) for name in _BINDING_HASHES),
    ("claim.hardBindings.", Family.BINDING),
    ("claimSignature.", Family.SIGNATURE),
    ("signingCredential.", Family.TRUST),
    ("timeStamp.", Family.TIME),
    ("timeOfSigning.", Family.TIME),
    ("ingredient.", Family.INGREDIENT),
)
#: A credential that is merely on no list, or has run out; any other credential failure bars trust altogether.
MERELY_UNTRUSTED = frozenset({"signingCredential.untrusted", "signingCredential.expired"})
SIGNATURE_VALID = "claimSignature.validated"
TIME_STAMP_VALID = "timeStamp.validated"
TIME_STAMP_TRUSTED = "timeStamp.trusted"
BINDING_MATCHES = frozenset(f"assertion.{name}.match" for name in _BINDING_HASHES)

#: Boxes that a BMFF hash may leave out without leaving out any of the content (C2PA 2.4 §18.7 and the boxes that
#: vendors exclude). Anything else excluded, such as /mdat, means that the hash does not bind the pictures.
HARMLESS_EXCLUSIONS = frozenset({"/uuid", "/ftyp", "/mfra", "/mfra/tfra", "/free", "/skip", "/emsg"})
#: Where content lies, which hashes of version 2 and before left out by the specification of their time. The samples
#: are covered, their order is not: it is said, in `UNCOVERED_OFFSETS`, and does not break the binding.
OFFSET_EXCLUSIONS = frozenset(
    {
        "/meta/iloc",
        "/moov/trak/mdia/minf/stbl/stco",
        "/moov/trak/mdia/minf/stbl/co64",
        "/moof/traf/tfhd",
        "/moof/traf/trun",
    }
)
HIDDEN_IN_SIGNATURE = "org.reelproof.signature.hiddenBytes"
UNCOVERED_OFFSETS = "org.reelproof.binding.chunkOffsetsUncovered"

_GENERATED = {
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "algorithmicMedia",
    "compositeSynthetic",
}
_CAPTURED = {"digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print"}
_EDITED = {"composite", "compositeCapture", "humanEdits", "minorHumanEdits", "algorithmicallyEnhanced"}
#: Actions that leave what is seen as it was; any other action on a capture makes it an edit.
_UNCHANGING = {
    "c2pa.created", "c2pa.opened", "c2pa.published", "c2pa.repackaged", "c2pa.transcoded", "c2pa.converted",
    "c2pa.watermarked", "c2pa.watermarked.bound", "c2pa.watermarked.unbound", "c2pa.resized", "c2pa.unknown",
    "c2pa.edited.metadata", "c2pa.changedTimeStamp",
}  # fmt: skip


def family_of(code: str) -> Family:
    """The family of a failure code."""
    return next((family for prefix, family in _PREFIXES if code.startswith(prefix)), Family.ASSERTION)


def split_by_family(codes: Iterable[str]) -> dict[Family, tuple[str, ...]]:
    """Codes by family, every family present, in their order."""
    listed = list(codes)
    return {family: tuple(code for code in listed if family_of(code) is family) for family in Family}


def origin_of(actions: Iterable[Mapping[str, Any]], parent_origin: str | None) -> str:
    """What a manifest's actions attest: generated, captured, edited or unknown.

    `parent_origin` is what the manifest of the opened ingredient attests, or None where it has none. Any action
    that says that trained or algorithmic media went in makes the clip generated, wherever in the list it stands.
    """
    listed = [one for one in actions if isinstance(one, Mapping)]
    types = {_source_type(one) for one in listed}
    if types & _GENERATED:
        return "generated"
    names = {str(one.get("action")) for one in listed}
    if "c2pa.opened" in names:
        unchanged = names <= _UNCHANGING
        return parent_origin if parent_origin and (unchanged or parent_origin == "generated") else "edited"
    if types & _EDITED or (types & _CAPTURED and not names <= _UNCHANGING):
        return "edited"
    return "captured" if types & _CAPTURED else "unknown"


def uncovered_boxes(assertions: Mapping[str, Any]) -> frozenset[str]:
    """The boxes that a manifest's BMFF hash leaves out, beyond those that never hold content."""
    return frozenset(
        str(one.get("xpath"))
        for label, content in assertions.items()
        if label.startswith("c2pa.hash.bmff") and isinstance(content, Mapping)
        for one in content.get("exclusions") or ()
        if isinstance(one, Mapping) and str(one.get("xpath")) not in HARMLESS_EXCLUSIONS
    )


def _source_type(action: Mapping[str, Any]) -> str:
    parameters = action.get("parameters")
    nested = parameters.get("digitalSourceType") if isinstance(parameters, Mapping) else None
    return str(action.get("digitalSourceType") or nested or "").rsplit("/", 1)[-1]
