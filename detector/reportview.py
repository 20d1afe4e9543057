"""What the report's templates draw: a verdict in words and coordinates, nothing of HTML."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from detector.disclosure import Duty, duties_of
from detector.evidence.strength import MAX_STRENGTH_LOG10
from detector.plaintext import plain
from detector.reporthistory import history
from detector.reportmaps import (
    NOT_SAID,
    SOUND_STATES,
    changes_lane,
    parts_lane,
    picture_map,
    sound_lane,
    sound_words,
)
from detector.verdict import SCHEMA, Conclusion, Evidence, Outcome, Verdict

CONCLUSION_WORDS = {
    Conclusion.VERIFIED: "Verified",
    Conclusion.RECOVERED: "Recovered",
    Conclusion.ALTERED: "Altered",
    Conclusion.CONFLICT: "Contradiction",
    Conclusion.SIGNED_UNTRUSTED: "Signed by someone unknown",
    Conclusion.LIKELY_GENERATED: "Likely generated",
    Conclusion.NO_EVIDENCE: "No evidence",
    Conclusion.UNREADABLE: "Unreadable",
}
OUTCOME_WORDS = {
    Outcome.PASSED: "holds",
    Outcome.FAILED: "fails",
    Outcome.WARNING: "open",
    Outcome.FOUND: "found",
    Outcome.NOT_FOUND: "nothing found",
    Outcome.NOT_EXAMINED: "not examined",
}
EVIDENCE_TITLES = {
    "manifest": "Credential",
    "signature": "Signature",
    "hard_binding": "Bytes",
    "trust": "Signer",
    "time": "Time",
    "ingredients": "Source files",
    "pixel_watermark": "Mark in the pictures",
    "noise_watermark": "Mark in the noise",
    "soft_binding": "Credential by the mark",
    "fingerprint": "Likeness",
    "tamper": "Tampering",
    "classifier": "Classifier",
    "disclosure_tags": "Disclosure tags",
    "policy_log": "Policy log",
}
_ORIGINS = {"generated": "generated with AI", "captured": "captured with a camera", "edited": "edited footage"}
_STATES = {
    "marked": "our mark is there",
    "unmarked": "our mark is missing",
    "alike": "the released pictures",
    "foreign": "not from the released clip",
    "unclear": "can't tell",
}
_TIMELINE_WIDTH, _TICKS = 800, 5
_SHOWN_CODES, _SHOWN_RANGES = 6, 6
_BAR_WIDTH = 96
_CARD_CHARACTERS = 2_000


def view_of(verdict: Verdict) -> dict[str, Any]:
    """Everything the templates show of a verdict, in the order of the page."""
    return {
        "conclusion": str(verdict.conclusion),
        "conclusion_words": CONCLUSION_WORDS[verdict.conclusion],
        "headline": verdict.headline,
        "chips": _chips(verdict),
        "explanation": verdict.explanation,
        "timeline": _timeline(verdict),
        "map": picture_map(verdict),
        "edits": _edits(verdict),
        "leads": [_lead(one) for one in verdict.leads],
        "history": history(verdict),
        "duties": [_duty(one) for one in duties_of(verdict)],
        "cards": [_card(one) for one in sorted(verdict.evidence, key=_quietness)],
        "groups": [
            group
            for group in (_match(verdict), _credential(verdict), _bytes(verdict), _card_of(verdict), _file(verdict))
            if group
        ],
        "limits": verdict.limits,
        "schema": SCHEMA,
    }


def _chips(verdict: Verdict) -> list[tuple[str, str]]:
    chips = []
    if verdict.origin in _ORIGINS:
        chips.append(("Attested as", _ORIGINS[verdict.origin]))
    if verdict.issuer:
        chips.append(("Signed by", verdict.issuer))
    file = verdict.file
    if file.get("duration_s"):
        chips.append(("Length", f"{file['duration_s']:.1f} s"))
    if file.get("width_px"):
        chips.append(("Picture", f"{file['width_px']}×{file['height_px']}"))
    return chips


def _quietness(one: Evidence) -> int:
    """What says something first, what was not examined last; the contract's order within each."""
    return {Outcome.NOT_FOUND: 1, Outcome.NOT_EXAMINED: 2}.get(Outcome(one.outcome), 0)


def _card(one: Evidence) -> dict[str, Any]:
    outcome = Outcome(one.outcome)
    shown = ", ".join(one.codes[:_SHOWN_CODES]) + (" …" if len(one.codes) > _SHOWN_CODES else "")
    return {
        "title": EVIDENCE_TITLES.get(one.source, one.source),
        "outcome": str(outcome),
        "words": OUTCOME_WORDS[outcome],
        "is_quiet": outcome in (Outcome.NOT_FOUND, Outcome.NOT_EXAMINED),
        "says": one.detail.get("says", ""),
        "technique": one.technique,
        "not_said": "" if outcome in (Outcome.NOT_FOUND, Outcome.NOT_EXAMINED) else NOT_SAID.get(one.source, ""),
        "codes": shown,
        "weight": _weight(one.strength_log10),
    }


def _weight(strength_log10: float) -> dict[str, Any] | None:
    if strength_log10 <= 0:
        return None
    share = min(1.0, strength_log10 / MAX_STRENGTH_LOG10)
    odds = f"10^{strength_log10:.0f} to 1" if strength_log10 >= 3 else f"{10**strength_log10:.0f} to 1"
    limit = "at least " if strength_log10 >= MAX_STRENGTH_LOG10 else ""
    return {"bar": round(max(4.0, _BAR_WIDTH * share), 1), "words": f"weighs {limit}{odds}"}


def _edits(verdict: Verdict) -> list[str]:
    """What was done to a recognised copy; empty where the release itself lies here or nothing was recognised."""
    match = verdict.match
    is_one = match is not None and match.get("content_agrees") and not verdict.parts
    return list(match.get("edits") or ()) if match is not None and is_one else []


def _lead(one: Mapping[str, Any]) -> dict[str, str]:
    """A lead in words, and how far that kind can be trusted."""
    rates = (
        f"found in {100 * one['found_rate']:.0f} % of {one['found_of']} files changed so; told of "
        f"{100 * one['false_rate']:.0f} % of {one['measured_on']} untouched"
    )
    return {"says": one["says"][:1].upper() + one["says"][1:] + ".", "rates": rates}


def _duty(duty: Duty) -> dict[str, Any]:
    words = {"met": "met", "partly": "met in part", "missing": "not met by this file"}[duty.outcome]
    icon = {"met": "passed", "partly": "warning", "missing": "not_found"}[duty.outcome]
    return {"law": duty.law, "outcome": icon, "words": words, "fields": duty.fields}


def _timeline(verdict: Verdict) -> dict[str, Any] | None:
    listed = list(verdict.timeline)
    end_s = max((one["end_s"] for one in listed), default=0.0)
    if end_s <= 0:
        return None
    scale = _TIMELINE_WIDTH / end_s
    states = [state for state in _STATES if any(one["state"] == state for one in listed)]
    sound = sound_lane(verdict, end_s, _TIMELINE_WIDTH)
    return {
        "blocks": [_block(one, scale) for one in listed],
        "ticks": [_tick(i, end_s) for i in range(_TICKS)],
        "legend": [(state, _STATES[state]) for state in states],
        "words": "; ".join(_summed(listed, state) for state in states),
        "sound": sound,
        "sound_words": sound_words(sound),
        "sound_legend": [
            (one, words) for one, words in SOUND_STATES.items() if any(p["state"] == one for p in sound)
        ],
        "lane": changes_lane(verdict, end_s, _TIMELINE_WIDTH),
        "parts": parts_lane(verdict),
    }


def _block(one: dict[str, Any], scale: float) -> dict[str, Any]:
    width = max(1.0, (one["end_s"] - one["start_s"]) * scale - 1.5)
    title = f"{one['start_s']:.1f}-{one['end_s']:.1f} s: {_STATES[one['state']]}"
    return {"state": one["state"], "x": round(one["start_s"] * scale, 1), "width": round(width, 1), "title": title}


def _tick(number: int, end_s: float) -> dict[str, Any]:
    share = number / (_TICKS - 1)
    return {"label": f"{share * end_s:.1f} s"}


def _summed(listed: list[dict[str, Any]], state: str) -> str:
    seconds = sum(one["end_s"] - one["start_s"] for one in listed if one["state"] == state)
    return f"{_STATES[state]} for {seconds:.1f} s"


def _fact(name: str, value: object, *, is_code: bool = False) -> dict[str, Any] | None:
    return None if value in (None, "", []) else {"name": name, "value": str(value), "is_code": is_code}


def _group(title: str, facts: Iterable[dict[str, Any] | None], note: str = "") -> dict[str, Any] | None:
    kept = [fact for fact in facts if fact is not None]
    return {"title": title, "note": note, "facts": kept} if kept else None


def _match(verdict: Verdict) -> dict[str, Any] | None:
    match = verdict.match
    if match is None:
        return None
    kept = match.get("credential") or {}
    agreement = {"agrees": "they agree", "differs": "they differ", "unclear": "can't be compared"}
    return _group(
        "The released clip it was compared with",
        (
            _fact("Pictures", agreement.get(str(match.get("comparison")))),
            _fact("Done to it since", ", ".join(match.get("edits") or ())),
            _fact("Signed by", kept.get("issuer")),
            _fact("Attested as", _ORIGINS.get(str(kept.get("origin")))),
            _fact("Released", match.get("released_at")),
            _fact("Credential ID", match.get("manifest_id"), is_code=True),
        ),
    )


def _credential(verdict: Verdict) -> dict[str, Any] | None:
    manifest = verdict.manifest
    if manifest is None:
        return None
    listed = manifest.get("trust_list") or manifest.get("lapsed_trust_list")
    dated = f", published {manifest['trust_list_date']}" if manifest.get("trust_list_date") else ""
    return _group(
        "The credential in the file",
        (
            _fact("State", manifest.get("problem") or manifest.get("state")),
            _fact("Name in the certificate", manifest.get("issuer") or manifest.get("signer")),
            _fact("Trust list", f"{listed}{dated}" if listed else "none of ours"),
            _fact("Taken back", manifest.get("revoked_by") and f"yes, says the list {manifest['revoked_by']}"),
            _fact("Says of itself", _ORIGINS.get(str(manifest.get("origin")), "nothing about its origin")),
            _fact("Written by", manifest.get("claim_generator")),
            _fact("Signed", manifest.get("signed_at")),
            _fact("Time-stamped", "yes, by a trusted service" if manifest.get("time_stamped") else "no"),
            _fact("Credential ID", manifest.get("manifest_id"), is_code=True),
        ),
    )


def _bytes(verdict: Verdict) -> dict[str, Any] | None:
    """Which bytes the credential vouches for, and those that no player shows."""
    coverage = (verdict.manifest or {}).get("coverage")
    if not coverage or not coverage.get("size_bytes"):
        return None
    hidden = coverage.get("hidden") or ()
    unhashed = [one for one in coverage.get("ranges") or () if one["cover"] == "unhashed"]
    return _group(
        "The bytes that the credential vouches for",
        (
            _fact("Hashed", _share_of(coverage["hashed_bytes"], coverage["size_bytes"])),
            _fact("The credential itself", _share_of(coverage["credential_bytes"], coverage["size_bytes"])),
            _fact("Left out by the hash", _share_of(coverage["unhashed_bytes"], coverage["size_bytes"])),
            _fact("What is left out", _listed_ranges(unhashed)),
            _fact("Shown by no player", _listed_ranges(hidden) or "nothing found"),
            _fact("Map", "" if coverage.get("is_complete", True) else "too many pieces: the end is missing"),
        ),
    )


def _share_of(count: int, size: int) -> str:
    return f"{count:,} bytes ({100 * count / size:.1f} %)"


def _listed_ranges(ranges: Sequence[Mapping[str, Any]]) -> str:
    told = [f"{one['end'] - one['start']:,} bytes at {one['start']:,}: {plain(one['what'])}" for one in ranges]
    more = [f"{len(told) - _SHOWN_RANGES} more"] if len(told) > _SHOWN_RANGES else []
    return "; ".join(told[:_SHOWN_RANGES] + more)


def _card_of(verdict: Verdict) -> dict[str, Any] | None:
    """The classifier's card, where an installation has one: its maker's word."""
    classifier = verdict.classifier
    if classifier is None:
        return None
    card, tested = classifier["card"], classifier["card"]["evaluation"]
    trained, bounds = card["training"], card["range"]
    p = classifier["p_generated"]
    return _group(
        "The card of this installation's classifier",
        (
            _fact("Name", plain(f"{card['name']} {card['version']}, by {card['made_by']}")),
            _fact("Estimate for this clip", f"{100 * p:.0f} % generated" if p is not None else "abstains"),
            _fact("Because", plain(classifier["reason"])),
            _fact(
                "Trained on",
                f"{trained['real_clips']:,} camera clips from {trained['real_sources']:,} sources, "
                f"{trained['generated_clips']:,} clips of {plain(', '.join(trained['generators']))}",
            ),
            _fact(
                "Tested on",
                f"{tested['real_clips']:,} camera clips, {tested['false_alarms']:,} called generated; "
                f"{tested['generated_clips']:,} generated ones, {tested['detected']:,} found",
            ),
            _fact("In range", f"from {bounds['short_side_px']} pixels and {bounds['seconds']:g} s on"),
            _fact("Its limits", plain(" ".join(card["limits"]), _CARD_CHARACTERS)),
            _fact("SHA-256 of the card", card["sha256"], is_code=True),
        ),
    )


def _file(verdict: Verdict) -> dict[str, Any] | None:
    file = verdict.file
    fps = file.get("fps")
    return _group(
        "The file",
        (
            _fact("SHA-256", file.get("sha256"), is_code=True),
            _fact("Size", f"{file['size_bytes']:,} bytes" if file.get("size_bytes") is not None else None),
            _fact("Length", f"{file['duration_s']:.2f} s" if file.get("duration_s") else None),
            _fact("Picture", f"{file['width_px']}×{file['height_px']}" if file.get("width_px") else None),
            _fact("Frames a second", f"{fps:g}" if fps else None),
            _fact("Codec", file.get("codec")),
        ),
    )
