"""The two invisible marks as evidence."""

from typing import Any

from detector.evidence.strength import chance, from_p_value
from detector.findings import Findings, MarkReading
from detector.verdict import Evidence, Outcome

_TECHNIQUES = {
    "pixel_watermark": "keyed spread-spectrum watermark in the pictures' brightness",
    "noise_watermark": "keyed watermark in the generator's initial noise, read by running the model backwards",
}


def mark_evidence(findings: Findings) -> tuple[Evidence, ...]:
    """`pixel_watermark` and `noise_watermark`."""
    return (
        _mark("pixel_watermark", "pixel mark", findings.pixel),
        _mark("noise_watermark", "noise mark", findings.noise),
    )


def mark_json(reading: MarkReading) -> dict[str, Any]:
    """One mark as `reelproof.verdict/1` shows it; the same keys whether or not anybody looked."""
    extraction = reading.extraction
    if extraction is None:
        return {
            "found": False,
            "content_id": None,
            "p_value": None,
            "false_positive_rate": None,
            "geometry": None,
            "alg": None,
            "examined": False,
            "reason": reading.not_examined,
        }
    geometry = vars(extraction.geometry) if reading.found else None
    return {
        "found": reading.found,
        "content_id": reading.content_hex,
        "p_value": extraction.p_value,
        "false_positive_rate": extraction.false_positive_rate,
        "geometry": geometry,
        "alg": extraction.alg,
        "examined": True,
        "looks": extraction.looks,
        "key_id": extraction.key_id if reading.found else None,
    }


def _mark(source: str, name: str, reading: MarkReading) -> Evidence:
    technique = _TECHNIQUES[source]
    extraction = reading.extraction
    if extraction is None:
        says = f"Not examined: {reading.not_examined or 'nobody looked'}."
        return Evidence(source, Outcome.NOT_EXAMINED, technique, detail={"says": says})
    detail: dict[str, Any] = {
        "p_value": extraction.p_value,
        "looks": extraction.looks,
        "false_positive_rate": extraction.false_positive_rate,
        "alg": extraction.alg,
    }
    if not reading.found:
        says = f"No {name} of ours. A mark can also be lost, or be somebody else's, which we can't read."
        return Evidence(source, Outcome.NOT_FOUND, technique, detail={"says": says, **detail})
    says = (
        f"Our {name} is there and names clip {reading.content_hex}. By chance an unmarked clip would look so "
        f"{chance(extraction.p_value)}, every position and size tried being counted."
    )
    return Evidence(
        source,
        Outcome.FOUND,
        technique,
        strength_log10=from_p_value(extraction.p_value),
        detail={"says": says, "content_id": reading.content_hex, **detail},
    )
