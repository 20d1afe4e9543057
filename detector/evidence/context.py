"""What stands beside the clip: a classifier (none is on), unsigned tags, a policy decision's proof."""

import json
from typing import Any

from detector.classifier.reading import ClassifierReading
from detector.evidence.strength import TAG_STRENGTH_LOG10
from detector.findings import Findings
from detector.plaintext import plain
from detector.verdict import Evidence, Outcome

CLASSIFIER_ABSTAINS = (
    "No classifier judges clips without marks here: measured on new generators and new cameras, none that we could "
    "train is right often enough."
)
_TAGS = "unsigned tags in the file, among them AIGC of GB 45438-2025; anybody can write or remove them"
_POLICY = "inclusion proof of the policy decision in a signed transparency log"
_MAX_TAG_CHARACTERS, _MAX_TAG_FIELDS = 400, 32


def context_evidence(findings: Findings) -> tuple[Evidence, ...]:
    """`classifier`, `disclosure_tags` and `policy_log`."""
    return (_classifier(findings.classifier), _disclosure(findings), _policy(findings))


def classifier_limit(reading: ClassifierReading | None) -> str:
    """What a verdict's limits say of the classifier, asked or not."""
    if reading is None:
        return CLASSIFIER_ABSTAINS
    name = plain(reading.name)
    if reading.abstains:
        return f"The classifier “{name}” of this installation abstains: {reason_of(reading)}."
    return (
        f"The classifier “{name}” is this installation's own; its error rates are those that its card states, on "
        "the generators and cameras it was tested on."
    )


def classifier_rate(reading: ClassifierReading | None) -> str:
    """How often the classifier was wrong where it was tested, in a sentence; empty without one."""
    tested = reading.card.get("evaluation") if reading is not None else None
    if reading is None or not tested or reading.false_alarm_bound is None:
        return ""
    return (
        f"Of {tested['real_clips']:,} camera clips from {tested['real_sources']:,} sources it had never seen it "
        f"called {tested['false_alarms']:,} generated (so at most {100 * reading.false_alarm_bound:.1f} %, at 95 % "
        f"confidence), of {tested['generated_clips']:,} generated ones {tested['detected']:,}."
    )


def reason_of(reading: ClassifierReading) -> str:
    """The reading's reason on one line, without a full stop."""
    return plain(reading.reason, _MAX_TAG_CHARACTERS).rstrip(".")


def aigc_label(tags: Any) -> dict[str, str] | None:
    """The AIGC tag's fields (GB 45438-2025), or None where there is none that can be read."""
    text = next((value for key, value in tags.items() if key.upper() == "AIGC"), None)
    if text is None:
        return None
    try:
        label = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(label, dict):
        return None
    return {plain(key): plain(value, _MAX_TAG_CHARACTERS) for key, value in list(label.items())[:_MAX_TAG_FIELDS]}


def _classifier(reading: ClassifierReading | None) -> Evidence:
    source = "classifier"
    if reading is None:
        how = "no classifier is on in this release"
        return Evidence(source, Outcome.NOT_EXAMINED, how, detail={"says": CLASSIFIER_ABSTAINS})
    how = f"the installation's own classifier “{plain(reading.name)}”, on pictures made alike first"
    if reading.p_generated is None:
        says = f"Abstains: {reason_of(reading)}."
        return Evidence(source, Outcome.NOT_EXAMINED, how, detail={"says": says})
    detail: dict[str, Any] = {
        "p_generated": round(reading.p_generated, 3),
        "false_alarm_bound": reading.false_alarm_bound,
    }
    estimate = f"{100 * reading.p_generated:.0f} % generated"
    if not reading.calls_generated:
        says = f"Its estimate is {estimate}, {reason_of(reading)}."
        return Evidence(source, Outcome.NOT_FOUND, how, detail={"says": says, **detail})
    says = f"Its estimate is {estimate}, {reason_of(reading)}. {classifier_rate(reading)}"
    return Evidence(source, Outcome.FOUND, how, reading.likelihood_log10, detail={"says": says, **detail})


def _disclosure(findings: Findings) -> Evidence:
    label = aigc_label(findings.tags)
    if label is None:
        return Evidence("disclosure_tags", Outcome.NOT_FOUND, _TAGS, detail={"says": "No disclosure tag."})
    is_declared = label.get("Label") == "1"
    producer = f" by {label['ContentProducer']}" if label.get("ContentProducer") else ""
    says = (
        f"An unsigned tag declares the clip to be generated{producer}. It weighs little: anybody can write it."
        if is_declared
        else "An unsigned disclosure tag is there, but does not declare the clip to be generated."
    )
    strength = TAG_STRENGTH_LOG10 if is_declared else 0.0
    return Evidence("disclosure_tags", Outcome.FOUND, _TAGS, strength, detail={"says": says, "AIGC": label})


def _policy(findings: Findings) -> Evidence:
    if findings.policy is None:
        says = "No policy decision is named by a credential, or its log is not known here."
        return Evidence("policy_log", Outcome.NOT_FOUND, _POLICY, detail={"says": says})
    holds = bool(findings.policy.get("holds"))
    says = str(
        findings.policy.get(
            "says",
            "The policy decision stands in the log." if holds else "The policy decision's proof does not hold.",
        )
    )
    outcome = Outcome.PASSED if holds else Outcome.WARNING
    detail = {key: value for key, value in findings.policy.items() if key != "holds"} | {"says": says}
    return Evidence("policy_log", outcome, _POLICY, detail=detail)
