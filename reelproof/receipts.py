"""Receipts of the Soft Binding Resolution API (C2PA 2.5): proof that this repository took a manifest in.

A receipt wraps a proof of the decision log (C2SP tlog-proof): that an entry naming the manifest stands under a
signed root. Anybody can check it with the log's key; `checked` does so for those who can't.
"""

from collections.abc import Mapping
from typing import Any

from core.errors import UsageError
from policy.log import DecisionLog, ProofInvalid
from policy.log.proof import parse_receipt, verify_receipt
from reelproof.log_desk import EntryFilter, find_entries

RECEIPT_KIND = "org.c2pa.manifest-receipt"
PROOF_ALG = "c2sp.org/tlog-proof@v1"
_CONTEXT = {"c2pa": "https://c2pa.org/ns/", "receipt": "https://c2pa.org/ns/manifest-receipt#"}
_STAGES = ("release", "register")
_MAX_RECEIPTS, _MAX_PROOF_CHARACTERS = 10, 16_384


def receipts_of(log: DecisionLog, manifest_id: str, base_url: str) -> list[dict[str, Any]]:
    """Receipts of every entry by which the log took a manifest in, newest first; none where it never did."""
    found: list[dict[str, Any]] = []
    for stage in _STAGES:
        wanted = EntryFilter(stage=stage, named=manifest_id)
        entries, _ = find_entries(log.reader, wanted, limit=_MAX_RECEIPTS)
        found += [_receipt(log, index, manifest_id, base_url) for index, _ in entries]
    return found


def checked(log: DecisionLog, manifest_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A receipt as it was given, with `verified`, and why not in `error`.

    Raises:
        UsageError: `invalid_parameter`: no receipt of this form.
    """
    proof = _part(_part(given, "anchor"), "proof")
    value = proof.get("value")
    if given.get("@type") != RECEIPT_KIND or not isinstance(value, str) or len(value) > _MAX_PROOF_CHARACTERS:
        raise _wrong()
    problem = _fault(log, manifest_id, _part(given, "repository").get("manifestId"), proof.get("alg"), value)
    told = {
        "@context": _CONTEXT,
        "@type": RECEIPT_KIND,
        "repository": given["repository"],
        "anchor": given["anchor"],
    }
    return told | ({"verified": False, "error": problem} if problem else {"verified": True})


def _receipt(log: DecisionLog, index: int, manifest_id: str, base_url: str) -> dict[str, Any]:
    made = {
        "@context": _CONTEXT,
        "@type": RECEIPT_KIND,
        "repository": {"uri": base_url, "manifestId": manifest_id},
        "anchor": {
            "uri": f"{base_url}/manifests/{manifest_id}/receipts",
            "parameters": {"index": index, "logKey": log.verifier_key},
            "proof": {"alg": PROOF_ALG, "value": log.receipt(index)},
        },
    }
    return checked(log, manifest_id, made)


def _fault(log: DecisionLog, manifest_id: str, named: object, alg: object, proof: str) -> str:
    """What is wrong with a receipt; empty for nothing."""
    if named != manifest_id:
        return "the receipt names another manifest"
    if alg != PROOF_ALG:
        return f"only proofs of the form {PROOF_ALG} can be checked here"
    try:
        index = parse_receipt(proof).index
        if index >= log.size:
            return "the proof names an entry that this log does not have"
        verify_receipt(proof, log.entry_bytes(index), log.verifier_key)
        entry = log.entry(index)
    except (ProofInvalid, ValueError) as fault:
        return f"the proof does not hold: {fault}"
    facts = entry.get("facts") or {}
    if entry.get("stage") not in _STAGES or facts.get("manifest_id") != manifest_id:
        return "the proof is of an entry that does not take this manifest in"
    return ""


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = value.get(name)
    if not isinstance(part, Mapping):
        raise _wrong()
    return part


def _wrong() -> UsageError:
    return UsageError(
        f"a receipt has @type {RECEIPT_KIND!r}, a repository and an anchor with its proof",
        code="invalid_parameter",
        hint="GET the receipts of this manifest to see one.",
    )
