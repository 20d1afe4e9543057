"""Thirty-one rules for the credential of a generated clip, each checked on the bytes that were signed.

The official Asset Conformance 0.2 evaluators can't be had from a package registry. These rules are our own, made
from C2PA 2.4 and from what is known to score full marks there; a full score here is not the official one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import cbor2

from provenance.reading import read_manifest
from provenance.records import ManifestReport
from provenance.store import active_signature, find_store
from provenance.trust import TrustStore

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_KNOWN_EKU = "1.3.6.1.4.1.62558.2.1"


@dataclass(frozen=True)
class Subject:
    """A signed file read once: our report, the claim's own map, the certificate's purposes."""

    report: ManifestReport
    claim: Mapping[str, Any]
    leaf_days: float
    purposes: frozenset[str]

    @property
    def actions(self) -> list[Mapping[str, Any]]:
        """The actions, in order."""
        return list(self.assertion("c2pa.actions.v2").get("actions") or ())

    @property
    def marks(self) -> list[Mapping[str, Any]]:
        """The soft-binding assertions."""
        return [one for label, one in self.report.assertions.items() if label.startswith("c2pa.soft-binding")]

    @property
    def generator(self) -> Mapping[str, Any]:
        """The claim's generator info."""
        info = self.claim.get("claim_generator_info") or {}
        return info[0] if isinstance(info, list) else info

    def assertion(self, label: str) -> Mapping[str, Any]:
        """The first assertion of a label, or an empty one."""
        return self.report.assertions.get(label) or {}


def subject_of(path: Path, trust: TrustStore) -> Subject:
    """Read a signed file. Raises ValueError where it holds no readable store."""
    with path.open("rb") as opened:
        store = find_store(opened)
    if store is None:
        raise ValueError(f"{path.name} holds no manifest store")
    signature = active_signature(store)
    leaf = signature.chain[0]
    usages = leaf.extensions.get_extension_for_class(_eku()).value
    lasts = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    purposes = frozenset(one.dotted_string for one in usages)
    return Subject(read_manifest(path, trust), cbor2.loads(signature.claim), lasts.days, purposes)


def _eku() -> Any:
    from cryptography.x509 import ExtendedKeyUsage

    return ExtendedKeyUsage


Rule = tuple[str, Callable[[Subject], bool]]
RULES: tuple[Rule, ...] = (
    ("the claim's signature verifies", lambda s: s.report.signature_valid),
    ("every assertion hash matches", lambda s: s.report.assertions_intact),
    ("the hard binding matches", lambda s: s.report.binding_intact),
    ("the signer's chain ends at a known list", lambda s: s.report.trust_list is not None),
    ("the certificate was valid when it signed", lambda s: not s.report.certificate_expired),
    ("the certificate lasts 366 days at most", lambda s: s.leaf_days <= 366),
    ("the certificate is for claim signing", lambda s: _KNOWN_EKU in s.purposes),
    ("nothing fails in the active manifest", lambda s: not s.report.failure_codes),
    ("nothing fails in an ingredient", lambda s: not s.report.ingredient_failures),
    ("a trusted time-stamp stands in the signature", lambda s: s.report.time_stamped),
    ("the claim is of version 2: created_assertions", lambda s: bool(s.claim.get("created_assertions"))),
    ("the claim names an instance ID", lambda s: bool(s.claim.get("instanceID"))),
    ("the manifest's label is a c2pa URN", lambda s: str(s.report.manifest_id).startswith("urn:c2pa:")),
    ("the generator has a name", lambda s: bool(s.generator.get("name"))),
    ("the generator has a version", lambda s: bool(s.generator.get("version"))),
    ("the generator names the specification", lambda s: s.generator.get("specVersion") == "2.4.0"),
    ("there is one actions assertion of version 2", lambda s: bool(s.actions)),
    ("all actions are said to be included",
     lambda s: s.assertion("c2pa.actions.v2").get("allActionsIncluded") is True),
    ("the first action is created or opened", lambda s: s.actions[0]["action"] in ("c2pa.created", "c2pa.opened")),
    ("created stands nowhere else", lambda s: all(one["action"] != "c2pa.created" for one in s.actions[1:])),
    ("the first action has an IPTC source type",
     lambda s: str(s.actions[0].get("digitalSourceType")).startswith(_SOURCE_TYPES)),
    ("the source type says that a model made it",
     lambda s: str(s.actions[0].get("digitalSourceType")).endswith("trainedAlgorithmicMedia")),
    ("every action says when", lambda s: all(datetime.fromisoformat(str(one["when"])) for one in s.actions)),
    ("every action names its software", lambda s: all(one["softwareAgent"]["name"] for one in s.actions)),
    ("there is a soft binding", lambda s: bool(s.marks)),
    ("every soft binding names its algorithm", lambda s: all(one.get("alg") for one in s.marks)),
    ("every soft binding has a value and a time span",
     lambda s: all(block["value"] and block["scope"]["timespan"]["end"] > 0
                   for one in s.marks for block in one["blocks"])),
    ("a bound mark has its action", lambda s: any(one["action"] == "c2pa.watermarked.bound" for one in s.actions)),
    ("the model is disclosed", lambda s: bool(s.assertion("c2pa.ai-disclosure").get("modelName"))),
    ("human oversight is disclosed",
     lambda s: bool(s.assertion("c2pa.ai-disclosure").get("contentProfile", {}).get("humanOversightLevel"))),
    ("training and mining are answered",
     lambda s: len(s.assertion("cawg.training-mining").get("entries") or {}) == 4),
)  # fmt: skip


def score(subject: Subject) -> dict[str, bool]:
    """Each rule and whether it holds; a rule that meets a missing part does not hold."""
    return {text: _holds(test, subject) for text, test in RULES}


def _holds(test: Callable[[Subject], bool], subject: Subject) -> bool:
    try:
        return bool(test(subject))
    except (KeyError, IndexError, TypeError, ValueError):
        return False
