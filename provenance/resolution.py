"""The C2PA Soft Binding Resolution API (C2PA 2.5) seen from both ends: how our algorithms are described, and a
client that asks other repositories."""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from core.errors import ServiceUnreachable
from provenance.fetching import Fetched, FetchLimits, fetch
from provenance.fingerprint import ALGORITHM as FINGERPRINT_ALGORITHM
from provenance.records import SoftBinding

STORE_MIME = "application/c2pa"
_MAX_ANSWER_BYTES = 1 << 20
_MAX_STORE_BYTES = 64 << 20
_MAX_MATCHES = 100


@dataclass(frozen=True)
class Match:
    """One manifest that another repository names. `similarity` is 0 to 1 where it says one."""

    manifest_id: str
    endpoint: str = ""
    similarity: float | None = None


@dataclass(frozen=True)
class ResolutionClient:
    """Asks one repository. `base_url` is what `/matches/…` stands under, such as `https://host/sbr/v1`.

    The address is the operator's, so a private one is allowed; an `endpoint` that an answer names is not followed.
    """

    base_url: str
    limits: FetchLimits = field(default_factory=lambda: FetchLimits(_MAX_ANSWER_BYTES, 15.0, allows_private=True))

    def algorithms(self) -> dict[str, list[str]]:
        """The names of the marks and fingerprints that it can look up: `{"watermarks": […], "fingerprints": […]}`.

        Raises:
            ServiceUnreachable: no answer, or none of this form.
        """
        answer = self._json(fetch(self._at("/services/supportedAlgorithms"), self.limits))
        return {
            kind: [str(one.get("alg")) for one in answer.get(kind) or () if isinstance(one, dict)]
            for kind in ("watermarks", "fingerprints")
        }

    def by_binding(self, binding: SoftBinding, *, max_results: int = 10) -> list[Match]:
        """The manifests it knows under a value, best first; none is an empty list.

        Raises:
            ServiceUnreachable: no answer, or none of this form.
        """
        asked = {"alg": binding.alg, "value": b64encode(binding.value).decode(), "maxResults": max_results}
        answer = fetch(
            self._at("/matches/byBinding"),
            self.limits,
            method="POST",
            body=json.dumps(asked).encode(),
            media_type="application/json",
        )
        if answer.status == 404:
            return []
        return _matches(self._json(answer))

    def manifest(self, manifest_id: str) -> bytes | None:
        """The manifest store under an ID, unread and unjudged, or None.

        Raises:
            ServiceUnreachable: no answer, or none of this form.
        """
        limits = FetchLimits(_MAX_STORE_BYTES, self.limits.wall_s, allows_private=self.limits.allows_private)
        answer = fetch(self._at(f"/manifests/{quote(manifest_id, safe='')}"), limits)
        if answer.status in (404, 410):
            return None
        if answer.status != 200 or answer.media_type != STORE_MIME:
            raise _odd(f"status {answer.status}, {answer.media_type}")
        return answer.body

    def receipt(self, manifest_id: str) -> dict[str, Any] | None:
        """The newest receipt of a manifest, as the repository tells it and not checked here, or None.

        Raises:
            ServiceUnreachable: no answer, or none of this form.
        """
        answer = fetch(self._at(f"/manifests/{quote(manifest_id, safe='')}/receipts"), self.limits)
        return None if answer.status in (404, 410) else self._json(answer)

    def by_content(self, content: bytes, media_type: str = "video/mp4", *, max_results: int = 10) -> list[Match]:
        """The manifests that a repository finds in a clip's own bytes; it may take minutes.

        Raises:
            ServiceUnreachable: no answer, or none of this form.
        """
        address = self._at(f"/matches/byContent?maxResults={max_results}")
        answer = fetch(address, self.limits, method="POST", body=content, media_type=media_type)
        return [] if answer.status == 404 else _matches(self._json(answer))

    def _at(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    def _json(self, answer: Fetched) -> dict[str, Any]:
        try:
            content = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise _odd(f"status {answer.status}, no JSON") from error
        if answer.status != 200 or not isinstance(content, dict):
            raise _odd(f"status {answer.status}")
        return content


def algorithm_entry(alg: str, kind: str, description: str, public_url: str) -> dict[str, Any]:
    """An algorithm of ours in the form of an entry of the C2PA soft binding algorithm list.

    `kind` is "watermark" or "fingerprint". The identifier is assigned by C2PA, so none stands here.
    """
    entry: dict[str, Any] = {
        "deprecated": False,
        "alg": alg,
        "type": kind,
        "decodedMediaTypes": ["video"],
        "entryMetadata": {"description": description, "dateEntered": "2026-11-21"},
    }
    if public_url:
        entry["entryMetadata"]["informationalUrl"] = public_url
        entry["softBindingResolutionApis"] = [f"{public_url.rstrip('/')}/sbr/v1"]
    return entry


def fingerprint_entry(public_url: str) -> dict[str, Any]:
    """The entry of our fingerprint."""
    said = (
        "256-bit perceptual hashes, eight a second: signs of low DCT coefficients of luma and colour differences."
    )
    return algorithm_entry(FINGERPRINT_ALGORITHM, "fingerprint", said, public_url)


def _matches(answer: dict[str, Any]) -> list[Match]:
    listed = answer.get("matches")
    if not isinstance(listed, list):
        raise _odd("no matches in it")
    found = []
    for one in listed[:_MAX_MATCHES]:
        if isinstance(one, dict) and isinstance(one.get("manifestId"), str):
            score = one.get("similarityScore")
            known = float(score) / 100 if isinstance(score, int | float) and 0 <= score <= 100 else None
            found.append(Match(one["manifestId"], str(one.get("endpoint") or ""), known))
    return found


def _odd(problem: str) -> ServiceUnreachable:
    return ServiceUnreachable(
        f"the repository's answer can't be used: {problem}",
        code="odd_answer",
        hint="check that the address is that of a C2PA soft-binding resolution API",
    )
