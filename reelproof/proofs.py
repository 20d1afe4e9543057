"""Checks the decision proof that a credential carries, against this home's own log."""

from collections.abc import Mapping
from typing import Any

from core.errors import ReelproofError
from policy.log import DecisionLog, ProofInvalid
from policy.log.proof import parse_receipt, verify_receipt
from provenance.manifest import POLICY_DECISION_LABEL
from provenance.records import ManifestReport


class DecisionProofChecker:
    """Called with a credential; tells whether its policy decision stands in the log. Thread-safe."""

    def __init__(self, log: DecisionLog) -> None:
        self._log = log

    def __call__(self, report: ManifestReport) -> dict[str, Any] | None:
        """`{"holds", "says", "index"}`, or None where the credential names no decision of a log we know."""
        assertion = report.assertions.get(POLICY_DECISION_LABEL)
        named = assertion.get("log") if isinstance(assertion, Mapping) else None
        proof = named.get("proof") if isinstance(named, Mapping) else None
        if not isinstance(proof, str) or self._log.verifier_key.split("+")[0] not in proof:
            return None
        try:
            index = parse_receipt(proof).index
            entry = self._log.entry_bytes(index)
            checkpoint = verify_receipt(proof, entry, self._log.verifier_key)
        except (ProofInvalid, ReelproofError, ValueError, IndexError) as fault:
            return {"holds": False, "says": f"The proof of the policy decision does not hold: {fault}."}
        outcome = self._log.entry(index).get("outcome")
        return {
            "holds": outcome == "allow",
            "says": f"The policy decision ({outcome}) stands in the log as entry {index}, "
            f"under a signed root over {checkpoint.size} entries.",
            "index": index,
        }
