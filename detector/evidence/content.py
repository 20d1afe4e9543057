"""The repository's answer as evidence: the credential found again, the pictures compared, tampering."""

from typing import Any

from detector.evidence.strength import from_false_match_rate
from detector.findings import Comparison, Findings, ReleaseMatch, SoundReading
from detector.sounds import SoundComparison
from detector.verdict import Evidence, Outcome

_LOOKUP = "look-up of the mark's value in this repository; every soft binding of the credential must match"
_FINGERPRINT = "perceptual fingerprint: eight hashes of 256 bits a second, and local features where those miss"
_TOUCHING_S = 0.1
_TAMPER = (
    "presence of the mark and comparison with the released pictures and sound, second by second, place by place"
)
_MAX_LINES = 6
_SOUND_SAYS = {
    "replaced": "is not the release's",
    "removed": "is gone",
    "added": "stands where the release has none",
    "shifted": "is the release's, shifted",
}


def content_evidence(findings: Findings) -> tuple[Evidence, ...]:
    """`soft_binding`, `fingerprint` and `tamper`."""
    return (_soft_binding(findings), _fingerprint(findings), _tamper(findings))


def match_json(match: ReleaseMatch | None) -> dict[str, Any] | None:
    """The compared release as `reelproof.verdict/1` shows it."""
    if match is None:
        return None
    return {
        "manifest_id": match.release.manifest_id,
        "content_agrees": match.content_agrees,
        "similarity": round(match.similarity.score, 3) if match.similarity is not None else None,
        "edits": list(match.edits),
        "comparison": str(match.comparison),
        "found_by": list(match.found_by),
        "changes": [dict(one) for one in match.changes],
        "places_fit": _rounded(match.inspection.fit) if match.inspection is not None else None,
        "offset_s": match.similarity.offset_s if match.similarity is not None else None,
        "released_at": match.release.created_at,
    }


def sound_limit(sound: SoundReading) -> str:
    """What a verdict says of the sound among its limits."""
    found = sound.comparison
    if found is None:
        return f"The sound was not studied: {sound.not_studied}."
    beside = [found.note] if found.note else []
    if not found.release_has_sound and all(one.state == "same" for one in found.stretches):
        beside.append("neither has any")
    unclear_s = sum(one.length_s for one in found.stretches if one.state == "unclear")
    if unclear_s >= 0.1:
        beside.append(
            f"for {unclear_s:.1f} s nothing can be told, the sound being too quiet or too disturbed there"
        )
    return f"The sound was compared with the release's{': ' if beside else ''}{'; '.join(beside)}."


def _sound_lines(sound: SoundComparison | None) -> list[str]:
    """What was done to the sound, one sentence for each kind."""
    lines = []
    for state, says in _SOUND_SAYS.items():
        found = [one for one in sound.stretches if one.state == state] if sound is not None else []
        if found:
            spans = ", ".join(f"{one.start_s:.1f}-{one.end_s:.1f} s" for one in found[:_MAX_LINES])
            lines.append(f"The sound {says} at {spans}.")
    return lines


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _soft_binding(findings: Findings) -> Evidence:
    source = "soft_binding"
    if not (findings.pixel.found or findings.noise.found):
        return Evidence(source, Outcome.NOT_FOUND, _LOOKUP, detail={"says": "No mark to look up."})
    match = findings.marked
    if match is None:
        says = "The mark's value stands in no record of this repository."
        return Evidence(source, Outcome.NOT_FOUND, _LOOKUP, detail={"says": says})
    detail = {"manifest_id": match.release.manifest_id, "found_by": list(match.found_by)}
    if match.differing_bindings:
        says = "The mark leads to a credential whose other bindings contradict this clip."
        codes = tuple(match.differing_bindings)
        return Evidence(source, Outcome.FAILED, _LOOKUP, codes=codes, detail={"says": says, **detail})
    if not match.credential_holds:
        says = "The mark leads to a record whose kept credential does not hold."
        return Evidence(source, Outcome.FAILED, _LOOKUP, detail={"says": says, **detail})
    says = f"The mark leads to a credential released on {match.release.created_at[:10]}."
    return Evidence(source, Outcome.FOUND, _LOOKUP, detail={"says": says, **detail})


def _fingerprint(findings: Findings) -> Evidence:
    source = "fingerprint"
    if not findings.fingerprint_searched:
        says = "Not examined: no picture could be decoded."
        return Evidence(source, Outcome.NOT_EXAMINED, _FINGERPRINT, detail={"says": says})
    match = findings.match
    if match is None:
        says = "Nothing in this repository looks like this clip."
        return Evidence(source, Outcome.NOT_FOUND, _FINGERPRINT, detail={"says": says})
    return _compared(source, match)


def _compared(source: str, match: ReleaseMatch) -> Evidence:
    similarity = match.similarity
    detail: dict[str, Any] = {"comparison": str(match.comparison)}
    if similarity is not None:
        detail |= {
            "similarity": round(similarity.score, 3),
            "false_match_rate": similarity.false_match_rate,
            "offset_s": similarity.offset_s,
        }
    if match.comparison is Comparison.AGREES:
        strength = from_false_match_rate(similarity.false_match_rate) if similarity is not None else 0.0
        says = "The pictures agree with those of the released clip."
        return Evidence(source, Outcome.FOUND, _FINGERPRINT, strength, detail={"says": says, **detail})
    if match.comparison is Comparison.DIFFERS:
        says = "The pictures are not those of the released clip that the mark names."
        return Evidence(source, Outcome.FAILED, _FINGERPRINT, detail={"says": says, **detail})
    close = "it is like it, but not close enough to count by itself"
    too_far = close if similarity is not None and similarity.agrees else "too much was changed"
    reason = similarity.reason if similarity is not None and similarity.reason else too_far
    says = f"No answer from comparing the pictures with the released clip: {reason}."
    return Evidence(source, Outcome.WARNING, _FINGERPRINT, detail={"says": says, **detail})


def _tamper(findings: Findings) -> Evidence:
    source = "tamper"
    if not findings.tamper_searched:
        says = "Not examined: only for a clip that we recognise, by a mark or by its likeness."
        return Evidence(source, Outcome.NOT_EXAMINED, _TAMPER, detail={"says": says})
    detail: dict[str, Any] = {}
    lines = []
    if findings.parts:
        detail["parts"] = [vars(one) for one in findings.parts]
        cuts = ", ".join(f"{one.start_s:.2f} s" for one in findings.parts[1:])
        what = "marks" if findings.parts[0].found_by == "mark" else "released clips"
        lines.append(f"Different {what} meet at {cuts}: the clip was joined there.")
    if foreign := foreign_stretches(findings):
        spans = ", ".join(f"{one['start_s']:.1f}-{one['end_s']:.1f} s" for one in _joined(foreign))
        detail["stretches"] = foreign
        lines.append(f"The mark is missing and the pictures differ at {spans}.")
    match = findings.match
    regions = match.inspection.regions if match is not None and match.inspection is not None else ()
    for kind, words in (
        ("replaced", "replaced"),
        ("caption", "covered by a caption or bar"),
        ("overlay", "covered"),
    ):
        for one in (region for region in regions if region.kind == kind):
            lines.append(
                f"{100 * one.area:.0f} % of the picture is {words} at {one.start_s:.1f}-{one.end_s:.1f} s."
            )
    sound = findings.sound.comparison
    lines += _sound_lines(sound)
    if lines:
        detail["says"] = " ".join(lines[:_MAX_LINES])
        kinds = {region.kind for region in regions}
        is_grave = (
            bool(foreign or findings.parts) or "replaced" in kinds or (sound is not None and sound.is_replaced)
        )
        return Evidence(source, Outcome.FAILED if is_grave else Outcome.WARNING, _TAMPER, detail=detail)
    says = "No stretch of the clip and no part of the picture stands out from the released clip."
    if match is None or match.inspection is None or match.inspection.differences is None:
        says = "No stretch of the clip stands out: where the mark can be measured, it is there."
    if sound is not None and any(one.state == "same" for one in sound.stretches):
        says += " Where the sound can be compared, it is the release's."
    return Evidence(source, Outcome.PASSED, _TAMPER, detail={"says": says})


def _joined(stretches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Stretches that touch, as one."""
    joined: list[dict[str, Any]] = []
    for one in stretches:
        if joined and one["start_s"] - joined[-1]["end_s"] < _TOUCHING_S:
            joined[-1] = joined[-1] | {"end_s": one["end_s"]}
        else:
            joined.append(one)
    return joined


def foreign_stretches(findings: Findings) -> list[dict[str, Any]]:
    """The stretches of the timeline that are not the released clip's."""
    return [dict(one) for one in findings.timeline if one["state"] == "foreign"]
