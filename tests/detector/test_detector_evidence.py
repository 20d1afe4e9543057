"""Single findings: what each says, weighs and shows."""

import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clip import Clip
from detector.alignment import laid_back
from detector.edits import edits_of
from detector.evidence import evidence_of
from detector.evidence.context import aigc_label
from detector.evidence.strength import MAX_STRENGTH_LOG10, chance, from_false_match_rate, from_p_value
from detector.fusion import fuse
from detector.plaintext import plain, plain_json
from detector.report import render_html
from detector.timeline import regions_of, timeline_of
from provenance.records import ByteCoverage, ByteRange
from watermark.extraction import Geometry

SOURCES = [
    "manifest", "signature", "hard_binding", "trust", "time", "ingredients", "pixel_watermark", "noise_watermark",
    "soft_binding", "fingerprint", "tamper", "classifier", "disclosure_tags", "policy_log",
]  # fmt: skip
#: A busy machine is no fault of the law that is tested.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
RELEASED = {"width_px": 1280, "height_px": 720, "duration_s": 10.0}


def test_every_source_speaks_once_in_order(make: SimpleNamespace) -> None:
    """All fourteen sources of the contract stand in every verdict, each with a technique and a sentence."""
    for found in (
        make.findings(),
        make.findings(manifest=make.credential(), pixel=make.mark(), marked=make.match()),
    ):
        evidence = evidence_of(found)
        assert [one.source for one in evidence] == SOURCES
        assert all(one.technique and one.detail["says"] for one in evidence)


@patient
@given(p=st.floats(0, 1), q=st.floats(0, 1))
def test_strength_falls_with_the_p_value(p: float, q: float) -> None:
    """A smaller p-value never weighs less, nothing weighs less than nothing, and no weight passes the cap."""
    small, large = sorted((p, q))
    assert 0 <= from_p_value(large) <= from_p_value(small) <= MAX_STRENGTH_LOG10


def test_strength_is_below_the_naive_ratio() -> None:
    """The bound stays below 1/p, and says nothing from 1/e on (Sellke, Bayarri and Berger, table 1)."""
    assert from_p_value(1e-6) < 6
    assert from_p_value(0.05) == pytest.approx(math.log10(2.456), abs=1e-3)
    assert from_p_value(0.5) == 0
    assert from_false_match_rate(1e-3) == pytest.approx(3)


def test_silence_weighs_nothing(make: SimpleNamespace) -> None:
    """A clip in which nothing was found has no evidence with weight, for or against."""
    assert all(one.strength_log10 == 0 for one in evidence_of(make.findings()))


def test_a_tag_weighs_at_most_three_to_one(make: SimpleNamespace) -> None:
    """Anybody can write a tag, so it hardly counts."""
    found = make.findings(tags={"AIGC": '{"Label":"1","ContentProducer":"Somebody"}'})
    tag = next(one for one in evidence_of(found) if one.source == "disclosure_tags")
    assert tag.outcome == "found"
    assert 10**tag.strength_log10 == pytest.approx(3)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '"x"', "[" * 100_000, "{}" * 5])
def test_a_garbled_tag_is_no_tag(text: str) -> None:
    """Whatever stands in the AIGC tag, reading it gives fields or nothing."""
    assert aigc_label({"AIGC": text}) is None


@patient
@given(st.text(max_size=3000))
def test_plain_text_is_one_short_visible_line(text: str) -> None:
    """No control, direction or line characters survive, the length is bounded, and once is enough."""
    shown = plain(text)
    assert len(shown) <= 200
    assert all(one.isprintable() or one == " " for one in shown)
    assert plain(shown) == shown


def test_direction_marks_are_dropped() -> None:
    """A name can't turn the text around it (Trojan Source)."""
    assert plain("Go\u202eelgo\u2066o\u200b LLC\x00\n") == "Goelgoo LLC"


def test_deep_and_wide_values_are_cut() -> None:
    """A manifest's own JSON is bounded in depth, width and length before it is shown."""
    deep: object = "x" * 10_000
    for _ in range(50):
        deep = {"a": deep, "list": list(range(1000))}
    cut = plain_json(deep)
    assert len(cut["list"]) == 64
    assert len(str(cut)) < 100_000
    wide: object = "x" * 10_000
    for _ in range(12):
        wide = [wide] * 64
    assert len(str(plain_json(wide))) < 2_000_000


def test_however_much_a_stranger_asserts_our_own_findings_stay(make: SimpleNamespace) -> None:
    """Thousands of assertions use up their own room, not that of the byte map or the bindings."""
    asserted = {str(i): {str(j): ["x" * 5_000] * 60 for j in range(60)} for i in range(60)}
    covered = ByteCoverage(10, 5, 3, 2, (ByteRange(0, 10, "hashed", "mdat"),))
    verdict = fuse(make.findings(manifest=make.credential(assertions=asserted, coverage=covered)))
    assert verdict.manifest is not None
    assert verdict.manifest["coverage"]["hashed_bytes"] == 5
    assert len(render_html(verdict)) < 5_000_000


def test_edits_name_scale_crop_and_trim(make: SimpleNamespace) -> None:
    """Half size, a crop, a mirror and a trim are each named with their figures."""
    half = {"width_px": 640, "height_px": 360, "duration_s": 10.0}
    assert any("scaled to 50 %" in one for one in edits_of(half, RELEASED, Geometry(2.0, 2.0), make.likeness()))
    cut = {"width_px": 640, "height_px": 720, "duration_s": 10.0}
    cropped = edits_of(cut, RELEASED, Geometry(shift_x_px=100), make.likeness())
    assert any("cropped to about 50 %" in one for one in cropped)
    assert not any("scaled" in one for one in cropped)
    assert "mirrored left to right" in edits_of(half, RELEASED, Geometry(2, 2, flipped=True), make.likeness())
    short = {"width_px": 1280, "height_px": 720, "duration_s": 4.0}
    trimmed = edits_of(short, RELEASED, Geometry(), make.likeness(offset_s=3.0))
    assert "trimmed: 3.0-7.0 s of 10.0 s" in trimmed


def test_sizes_alone_tell_scaling_from_cutting(make: SimpleNamespace) -> None:
    """Without a mark's geometry, the same shape at another size was scaled; another shape is only named."""
    small = {"width_px": 640, "height_px": 360, "duration_s": 10.0}
    square = {"width_px": 720, "height_px": 720, "duration_s": 10.0}
    assert "scaled to 50 % (640×360)" in edits_of(small, RELEASED, None, make.likeness())
    assert "size changed from 1280×720 to 720×720" in edits_of(square, RELEASED, None, make.likeness())
    assert edits_of(RELEASED, RELEASED, None, None, keeps_credential=True) == ("bytes changed in place",)


def test_chances_are_said_in_words() -> None:
    """A p-value reads as people say it, down to those too small for a float."""
    assert chance(0.0025) == "1 time in 400"
    assert chance(2e-31) == "1 time in 10^30"
    assert chance(0.0) == "less than 1 time in 10^300"


def test_a_plain_copy_is_only_reencoded(make: SimpleNamespace) -> None:
    """Where sizes, times and geometry agree, nothing is claimed but the new file."""
    same = {"width_px": 1280, "height_px": 720, "duration_s": 10.04}
    assert edits_of(same, RELEASED, Geometry(), make.likeness()) == ("re-encoded or put into another file",)


def test_a_crop_is_laid_back_where_it_was() -> None:
    """A cut-out picture returns to its place on the canvas of the whole."""
    rng = np.random.default_rng(3)
    whole = np.repeat(np.repeat(rng.integers(0, 255, (1, 8, 8, 3), dtype=np.uint8), 64, 1), 64, 2)
    cut = Clip.from_array(np.ascontiguousarray(whole[:, 128:384, 64:320]), 1)
    placed = laid_back(cut, lying(1, 0, 64, 0, 1, 128), (512, 512))
    assert placed is not None
    placed = placed.to_array()[0]
    expected = whole[0, ::2, ::2]
    difference = np.abs(placed[70:186, 38:154].astype(int) - expected[70:186, 38:154])
    assert np.median(difference) == 0
    assert laid_back(Clip.from_array(whole, 1), lying(1, 0, 0, 0, 1, 0), (512, 512)) is None
    assert laid_back(cut, Geometry(), (512, 512)) is None


def lying(*affine: float) -> Geometry:
    """How a copy of a 512 px square lies on it, as the mark tells it: by its own grid of 480 px."""
    return Geometry(homography=(*(480 / 512 * value for value in affine), 0.0, 0.0, 1.0))


@pytest.mark.parametrize("degrees", [4.0, 90.0, -7.5])
def test_a_turned_copy_is_laid_back_upright(degrees: float) -> None:
    """Whatever the turn, the copy lies upright on the canvas again, to within what resampling blurs."""
    rng = np.random.default_rng(4)
    whole = cv2.GaussianBlur(rng.integers(0, 255, (512, 512, 3), dtype=np.uint8), (0, 0), 6)
    whole = cv2.normalize(whole, None, 0, 255, cv2.NORM_MINMAX)
    turn = cv2.getRotationMatrix2D((256, 256), degrees, 1.0)
    turned = cv2.warpAffine(whole, turn, (512, 512))
    back = cv2.invertAffineTransform(turn)
    placed = laid_back(Clip.from_array(turned[None], 1), lying(*back.ravel()), (512, 512))
    assert placed is not None
    expected = cv2.resize(whole, (256, 256), interpolation=cv2.INTER_AREA)
    difference = np.abs(placed.to_array()[0].astype(int) - expected)[80:176, 80:176]
    assert difference.mean() < 3


def test_a_timeline_calls_foreign_only_what_mark_and_pictures_deny(make: SimpleNamespace) -> None:
    """A stretch is foreign where the mark is missing amid a strong one and the pictures differ too."""

    def segment(second: int, z: float, p: float) -> object:
        return make.segment(float(second), second + 1.0, z, p)

    segments = (segment(0, 20, 1e-60), segment(1, 0.3, 0.4), segment(2, 18, 1e-50), segment(3, 1.9, 0.03))
    extraction = make.mark(segments=segments).extraction
    alike = make.match(similarity=make.likeness(per_second=(0.9, 0.9, 0.9, 0.9)))
    differs = make.match(similarity=make.likeness(per_second=(0.9, 0.02, 0.02, 0.9)))
    assert [one["state"] for one in timeline_of(extraction, alike)] == ["marked", "unmarked", "marked", "unclear"]
    assert [one["state"] for one in timeline_of(extraction, differs)][1] == "foreign"
    weak = make.mark(segments=tuple(segment(i, 2.0, 0.2) for i in range(4))).extraction
    assert {one["state"] for one in timeline_of(weak, differs)} == {"unclear"}
    assert timeline_of(make.no_mark().extraction, alike) == ()


def test_regions_carry_the_map(make: SimpleNamespace) -> None:
    """The map of the mark over the picture comes through as plain numbers."""
    grid = np.arange(6, dtype=np.float32).reshape(2, 3)
    extraction = make.mark(segments=(make.segment(0.0, 0.5, 9.0, 1e-9, grid),)).extraction
    regions = regions_of(extraction)
    assert regions is not None
    assert (regions["rows"], regions["columns"]) == (2, 3)
    assert regions["segments"][0]["z"] == grid.tolist()
    assert regions_of(make.mark().extraction) is None
