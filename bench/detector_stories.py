"""Findings made up from stories whose right conclusion is plain, with everything beside the point left to chance.

A story is what happened to a clip ("a copy of one of ours, re-encoded"); from it follow the readings that a
detector without reading errors would take, and one right conclusion, written down by hand and not taken from the
rules. Scores, p-values, times, tags, names, looks that found nothing vary at random within what the story allows.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from detector.findings import Findings, MarkReading, ReadingFault, ReleasedPart, ReleaseMatch
from detector.verdict import Conclusion
from provenance.fingerprint import Similarity
from provenance.records import CredentialState, Fingerprint, ManifestReport, Release, SoftBinding
from watermark.extraction import Extraction
from watermark.payload import Payload

ALG, NOISE_ALG = "org.example.pixel.1", "org.example.noise.1"
Random = np.random.Generator
Story = tuple[str, Conclusion, Callable[[Random], dict[str, Any]]]


def credential(rng: Random, **changes: Any) -> ManifestReport:
    """A whole credential of a trusted signer, unless changed."""
    stamped = bool(rng.random() < 0.5)
    whole = ManifestReport(
        CredentialState.PRESENT,
        manifest_id=f"urn:c2pa:{rng.integers(1 << 30):x}",
        signature_valid=True,
        binding_intact=True,
        assertions_intact=True,
        trust_list=str(rng.choice(["c2pa", "c2pa-interim", "reelproof", "custom"])),
        trust_list_date="2026-08",
        signer="Leaf",
        issuer=str(rng.choice(["Example Studio", "Évènement SARL", "影像", "<b>x</b>", 'O\'Neil "& Sons"'])),
        origin="generated",
        claim_generator=str(rng.choice(["Example 1.0", "", "x" * 300])) or None,
        signed_at="2026-05-04T03:02:01Z" if stamped else None,
        time_stamped=stamped,
        ingredient_trust_codes=("signingCredential.untrusted",) if rng.random() < 0.2 else (),
    )
    return replace(whole, **changes)


def _id(rng: Random) -> int:
    return int(rng.integers(1, 1 << 32)) << 24 | int(rng.integers(1 << 24))


def mark(rng: Random, content_id: int, alg: str = ALG) -> MarkReading:
    """A mark that was found, anywhere between barely and beyond doubt."""
    p_value = float(10.0 ** -rng.uniform(9, 200))
    looks = int(rng.integers(1, 10**6))
    return MarkReading(Extraction(alg, True, Payload(1, content_id), p_value, 12.0, looks, 1e-9, 1))


def no_mark(rng: Random, alg: str = ALG) -> MarkReading:
    """A look that found nothing, or none that was taken."""
    if rng.random() < 0.2:
        return MarkReading(not_examined="nobody looked")
    return MarkReading(Extraction(alg, False, None, float(rng.uniform(0.001, 1)), 1.0, 1000, 1e-9))


def kept(rng: Random, content_id: int, low: float, high: float, *by: str, **changes: Any) -> ReleaseMatch:
    """A release that was looked up, whose pictures compare with a score between two bounds."""
    binding = SoftBinding(ALG, Payload(1, content_id).to_bytes())
    count = int(rng.integers(4, 80))
    prints = Fingerprint(
        "org.reelproof.fp.test", np.zeros((count, 32), np.uint8), np.full(count, 90, np.uint8), 1.0
    )
    held = credential(
        rng, manifest_id="urn:c2pa:kept", binding_intact=False, is_detached=True, issuer="Kept Studio"
    )
    release = Release("urn:c2pa:kept", "0" * 64, b"store", (binding,), prints, "2026-11-20T12:00:00Z")
    score = float(rng.uniform(low, high))
    alike = Similarity(score, score >= 0.6, float(rng.uniform(0, 3)), 1e-3, (score,) * int(rng.integers(2, 6)))
    found = ReleaseMatch(release, by or ("pixel_watermark",), held, alike, edits=("re-encoded",))
    return replace(found, **changes)


def _copy(rng: Random, **more: Any) -> dict[str, Any]:
    content_id = _id(rng)
    by_noise = rng.random() < 0.3
    reading = {"noise": mark(rng, content_id, NOISE_ALG)} if by_noise else {"pixel": mark(rng, content_id)}
    source = "noise_watermark" if by_noise else "pixel_watermark"
    return reading | {"marked": kept(rng, content_id, 0.62, 1.0, source)} | more


def _ours(rng: Random) -> dict[str, Any]:
    content_id = _id(rng)
    match = kept(rng, content_id, 0.0, 1.0)
    binding = SoftBinding(ALG, Payload(1, content_id).to_bytes())
    own = credential(rng, manifest_id="urn:c2pa:kept", bindings=(binding,))
    return {"manifest": own, "pixel": mark(rng, content_id), "marked": match}


def _marked_under(rng: Random, **changes: Any) -> dict[str, Any]:
    content_id = _id(rng)
    match = {"marked": kept(rng, content_id, 0.62, 1.0)} if rng.random() < 0.7 else {}
    return {"manifest": credential(rng, **changes), "pixel": mark(rng, content_id)} | match


def _joined(rng: Random) -> dict[str, Any]:
    first, second = _id(rng), _id(rng)
    cut = float(rng.uniform(0.5, 1.5))
    parts = (
        ReleasedPart(0.0, cut, f"{first:014x}", "urn:c2pa:kept"),
        ReleasedPart(cut, 2.0, f"{second:014x}", None if rng.random() < 0.5 else "urn:c2pa:other"),
    )
    return {"pixel": mark(rng, first), "marked": kept(rng, first, 0.3, 0.9), "parts": parts}


def _foreign(rng: Random) -> dict[str, Any]:
    start = float(rng.uniform(0, 1.5))
    stretch = {"start_s": start, "end_s": start + 0.5, "state": "foreign", "p_value": 0.6}
    return _copy(rng, timeline=(stretch,))


def _unreadable(rng: Random) -> dict[str, Any]:
    code = str(rng.choice(["not_a_video", "too_large", "decode_budget", "decoder_crashed", "decoder_timeout"]))
    why = MarkReading(not_examined="no picture could be decoded")
    return {"fault": ReadingFault(code, "it can't be read", "Check it."), "pixel": why, "noise": why,
            "fingerprint_searched": False}  # fmt: skip


def _broken(rng: Random) -> ManifestReport:
    return ManifestReport(CredentialState.BROKEN, problem=str(rng.choice(["cut off", "no JUMBF", ""])))


C = Conclusion
STORIES: tuple[Story, ...] = (
    ("signed by a trusted generator", C.VERIFIED, lambda r: {"manifest": credential(r)}),
    ("signed by a trusted camera", C.VERIFIED, lambda r: {"manifest": credential(r, origin="captured")}),
    ("our release as it was", C.VERIFIED, _ours),
    ("our clip after a trusted editor", C.VERIFIED, lambda r: _marked_under(r, origin="edited")),
    ("copy without credential", C.RECOVERED, _copy),
    ("copy with a broken credential", C.RECOVERED, lambda r: _copy(r, manifest=_broken(r))),
    ("copy under a broken signature", C.RECOVERED,
     lambda r: _copy(r, manifest=credential(r, signature_valid=False))),
    ("copy signed by a stranger", C.RECOVERED, lambda r: _copy(r, manifest=credential(r, trust_list=None))),
    ("copy without mark, very alike", C.RECOVERED, lambda r: {"alike": kept(r, 1, 0.81, 1.0, "fingerprint")}),
    ("bytes changed after signing", C.ALTERED, lambda r: {"manifest": credential(r, binding_intact=False)}),
    ("bytes changed, signer unknown", C.ALTERED,
     lambda r: {"manifest": credential(r, binding_intact=False, trust_list=None)}),
    ("bytes changed, the rest decodes not", C.ALTERED,
     lambda r: _unreadable(r) | {"manifest": credential(r, binding_intact=False)}),
    ("signature broken", C.ALTERED, lambda r: {"manifest": credential(r, signature_valid=False)}),
    ("statements changed", C.ALTERED, lambda r: {"manifest": credential(r, assertions_intact=False)}),
    ("a source file was tampered with", C.ALTERED,
     lambda r: {"manifest": credential(r, ingredient_failures=("assertion.bmffHash.mismatch",))}),
    ("copy with foreign stretches", C.ALTERED, _foreign),
    ("camera credential over our mark", C.CONFLICT, lambda r: _marked_under(r, origin="captured")),
    ("another generator over our mark", C.CONFLICT, lambda r: _marked_under(r, origin="generated")),
    ("two marks name two clips", C.CONFLICT,
     lambda r: {"pixel": mark(r, _id(r)), "noise": mark(r, _id(r), NOISE_ALG)}),
    ("credential of another marked clip", C.CONFLICT,
     lambda r: _marked_under(r, bindings=(SoftBinding(ALG, Payload(1, _id(r)).to_bytes()),), binding_intact=False)),
    ("two of our clips joined", C.CONFLICT, _joined),
    ("our mark on other pictures", C.CONFLICT,
     lambda r: {"pixel": mark(r, 7), "marked": kept(r, 7, 0.0, 0.24)}),
    ("signed by a stranger", C.SIGNED_UNTRUSTED, lambda r: {"manifest": credential(r, trust_list=None)}),
    ("signed, certificate lapsed", C.SIGNED_UNTRUSTED,
     lambda r: {"manifest": credential(r, trust_list=None, lapsed_trust_list="c2pa", time_stamped=False)}),
    ("signed, certificate taken back", C.SIGNED_UNTRUSTED,
     lambda r: {"manifest": credential(r, trust_list=None, revoked_by="reelproof", time_stamped=False)}),
    ("nothing anywhere", C.NO_EVIDENCE, lambda r: {}),
    ("credential can't be parsed", C.NO_EVIDENCE, lambda r: {"manifest": _broken(r)}),
    ("mark without a record", C.NO_EVIDENCE, lambda r: {"pixel": mark(r, _id(r))}),
    ("mark, pictures can't be compared", C.NO_EVIDENCE,
     lambda r: {"pixel": mark(r, 7), "marked": kept(r, 7, 0.26, 0.59)}),
    ("looks alike, not closely", C.NO_EVIDENCE, lambda r: {"alike": kept(r, 1, 0.3, 0.79, "fingerprint")}),
    ("no picture decodes", C.UNREADABLE, _unreadable),
)  # fmt: skip


def findings_of(story: Story, rng: Random) -> Findings:
    """One clip's findings under a story; what the story doesn't speak of is left to chance."""
    tags = {"AIGC": '{"Label":"1","ContentProducer":"x"}'} if rng.random() < 0.3 else {}
    size = {
        "sha256": "a" * 64,
        "size_bytes": int(rng.integers(1, 1 << 31)),
        "duration_s": float(rng.uniform(0.1, 600)),
    }
    picture = {"width_px": int(rng.integers(16, 4096)), "height_px": int(rng.integers(16, 4096)), "fps": 24.0}
    beside = {
        "file": size | picture | {"codec": str(rng.choice(["h264", "hevc", "av1", "vp9"]))},
        "pixel": no_mark(rng),
        "noise": no_mark(rng, NOISE_ALG),
        "fingerprint_searched": bool(rng.random() < 0.8),
        "tags": tags,
        "policy": {"holds": bool(rng.random() < 0.5)} if rng.random() < 0.3 else None,
        "tamper_searched": bool(rng.random() < 0.5),
    }
    return Findings(**(beside | story[2](rng)))
