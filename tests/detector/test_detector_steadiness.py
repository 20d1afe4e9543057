"""The classifier that comes with the detector: off unless named, careful where it speaks, never the last word."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.clip import Clip
from core.video import write_clip
from detector.classifier.reading import CAP_LOG10
from detector.classifier.steadiness import SteadinessClassifier, steadiness_classifier
from detector.report import render_html
from detector.service import Detector
from detector.verdict import Conclusion
from provenance.repository import MemoryManifestRepository
from provenance.trust import TrustStore
from reelproof.settings import Settings
from reelproof.wiring import classifier_of
from watermark.pixel import PixelWatermark

FACTS: dict[str, Any] = {"width_px": 288, "height_px": 256, "duration_s": 2.5, "fps": 8.0, "size_bytes": 200_000}


@pytest.fixture(scope="module")
def classifier() -> SteadinessClassifier:
    return steadiness_classifier()


def seen(places: NDArray[np.float64]) -> Clip:
    """A soft texture at 8 pictures a second, seen through a window at each of `places` (N, 2), in pixels."""
    rows, columns = np.indices((256, 288)).astype(np.float64)
    waves = [(0.06, 0.03, 0.3), (0.02, -0.07, 1.1), (0.09, 0.05, 2.0), (-0.04, 0.08, 0.7), (0.01, 0.11, 1.9)]
    pictures = []
    for down, right in places:
        total = sum(np.sin(a * (rows + down) + b * (columns + right) + c) for a, b, c in waves)
        pictures.append(np.repeat((127 + 20 * np.asarray(total))[..., None], 3, axis=2).astype(np.uint8))
    return Clip.from_array(np.array(pictures), 8)


def path(shake_px: float, count: int = 20) -> NDArray[np.float64]:
    """A straight way of six pixels a picture, shaken."""
    straight = np.stack([np.zeros(count), 6.0 * np.arange(count)], axis=1)
    return straight + np.random.default_rng(1).normal(scale=shake_px, size=straight.shape)


def test_what_glides_looks_more_generated_than_what_shakes(classifier: SteadinessClassifier) -> None:
    """The same texture on the same way: steady is estimated higher than shaken."""
    steady, shaken = (classifier.judge(seen(path(shake)), FACTS) for shake in (0.0, 4.0))
    assert steady.p_generated is not None
    assert shaken.p_generated is not None
    assert steady.p_generated > shaken.p_generated + 0.2


@given(st.floats(0, 1))
def test_no_estimate_concludes_anything(p_generated: float) -> None:
    """Its card bounds false alarms by no 2 %: whatever the estimate, nothing is called; the ratio is capped."""
    reading = steadiness_classifier().weighed(p_generated)
    assert not reading.calls_generated
    assert abs(reading.likelihood_log10) <= CAP_LOG10
    assert reading.false_alarm_bound is not None
    assert reading.false_alarm_bound > 0.02


@pytest.mark.parametrize(
    ("places", "facts", "why"),
    [
        (path(0.0), {"height_px": 200}, "short side"),
        (path(0.0), {"duration_s": 1.0}, "shorter than"),
        (path(0.0), {"size_bytes": 100}, "bits a pixel"),
        (path(0.0, 6), {}, "too few of its pictures"),
        (np.zeros((20, 2)), {}, "hardly anything moves"),
    ],
)
def test_it_abstains_outside_its_range(
    classifier: SteadinessClassifier, places: NDArray[np.float64], facts: dict[str, Any], why: str
) -> None:
    """Too small, too short, too squeezed, cut short, or still: no estimate, and the reason."""
    reading = classifier.judge(seen(places), FACTS | facts)
    assert reading.abstains
    assert why in reading.reason


def test_it_abstains_on_motion_that_it_was_not_calibrated_on(classifier: SteadinessClassifier) -> None:
    """A clip that rushes past faster than all calibration clips is no clip to judge."""
    reading = classifier.judge(seen(path(0.0) * 6), FACTS)
    assert reading.abstains


def test_it_is_off_unless_named_and_needs_no_digest(tmp_path: Any) -> None:
    """Unset there is none; `steadiness` is the one that comes with the package."""
    assert classifier_of(Settings(home=tmp_path)) is None
    assert isinstance(classifier_of(Settings(home=tmp_path, classifier="steadiness")), SteadinessClassifier)


def test_its_card_says_what_the_verdict_shows(classifier: SteadinessClassifier) -> None:
    """Every reading carries its limits and test; classes weighed alike, so the ratio is the estimate's own odds."""
    reading = classifier.weighed(0.6)
    assert reading.likelihood_log10 == pytest.approx(math.log10(0.6 / 0.4))
    assert any("steady camera" in limit for limit in reading.card["limits"])
    assert reading.card["evaluation"]["generators_unseen"]
    assert len(reading.card["sha256"]) == 64


def test_a_verdict_with_it_is_still_no_evidence(classifier: SteadinessClassifier, tmp_path: Any) -> None:
    """A gliding clip without mark or credential: the estimate is shown, and nothing is concluded."""
    file = tmp_path / "gliding.mp4"
    write_clip(seen(path(0.0)), file, crf=20, preset="veryfast")
    detector = Detector(
        TrustStore(()),
        MemoryManifestRepository(),
        PixelWatermark(),
        {},
        invert_noise="never",
        classifier=classifier,
    )
    verdict = detector.verify(file)
    assert verdict.conclusion is Conclusion.NO_EVIDENCE
    assert verdict.classifier is not None
    assert verdict.classifier["p_generated"] is not None
    assert "steady camera work" in render_html(verdict)
