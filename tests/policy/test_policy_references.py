"""Rules of looking for faces: a drawn face is seen wherever it looks from, a plain scene shows none."""

import threading
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.clip import RGB, Clip
from policy.decision import ReferenceFacts
from policy.references import FaceFinder, Sighting

NOBODY = Sighting(0, is_sure=False)


def drawn_face(size_px: int = 160, pad_px: int = 60) -> RGB:
    """A face of simple shapes, of nobody, that is enough of one for the detectors."""
    s, middle = size_px, size_px // 2 + pad_px
    picture = np.full((s + 2 * pad_px, s + 2 * pad_px, 3), (150, 160, 170), np.uint8)

    def ellipse(
        x: float, y: float, width: float, height: float, colour: tuple[int, int, int], half: int = 360
    ) -> None:
        centre, axes = (middle + int(x * s), middle + int(y * s)), (int(width * s), int(height * s))
        start = 180 if half == 180 else 0
        cv2.ellipse(picture, centre, axes, 0, start, 360, colour, -1, cv2.LINE_AA)

    ellipse(0, 0, 0.40, 0.52, (224, 190, 165))
    ellipse(0, -0.40, 0.42, 0.22, (60, 40, 30), half=180)
    for side in (-0.17, 0.17):
        ellipse(side, -0.10, 0.12, 0.085, (160, 120, 100))
        ellipse(side, -0.08, 0.08, 0.04, (245, 245, 245))
        ellipse(side, -0.08, 0.035, 0.035, (40, 25, 20))
        ellipse(side, -0.18, 0.10, 0.0175, (70, 45, 35))
    ellipse(0, 0.13, 0.07, 0.03, (170, 130, 110))
    ellipse(0, 0.27, 0.14, 0.04, (150, 70, 70))
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), s / 60), np.uint8)


def shapes() -> RGB:
    """What the shipped model draws: a disc and a square on a plain ground."""
    picture = np.full((256, 256, 3), (90, 120, 150), np.uint8)
    cv2.circle(picture, (90, 120), 40, (220, 40, 40), -1, cv2.LINE_AA)
    cv2.rectangle(picture, (150, 60), (210, 120), (240, 220, 60), -1)
    return picture


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.mark.parametrize("size_px", [80, 160, 240])
def test_a_face_is_seen_at_any_size(finder: FaceFinder, size_px: int) -> None:
    """Small and large, by the watchful and by the calm rule, counted once."""
    assert finder.in_reference(drawn_face(size_px)) == Sighting(1, is_sure=True)
    assert finder.in_frame(drawn_face(size_px)) == 1


def test_two_faces_are_two(finder: FaceFinder) -> None:
    """Side by side they are counted apart."""
    assert finder.in_reference(np.hstack([drawn_face(120), drawn_face(120)])).faces == 2


def test_the_mirror_image_shows_the_same(finder: FaceFinder) -> None:
    """Left and right make no difference."""
    face = drawn_face()
    assert finder.in_reference(np.ascontiguousarray(face[:, ::-1])) == finder.in_reference(face)


def test_shapes_are_no_faces(finder: FaceFinder) -> None:
    """A disc and a square, a plain ground and noise give no alarm."""
    noise = np.random.default_rng(3).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    for picture in (shapes(), np.zeros((64, 64, 3), np.uint8), noise):
        assert finder.in_reference(picture) == NOBODY
        assert finder.in_frame(picture) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (3, 7)])
def test_odd_shapes_are_looked_at_without_a_fault(finder: FaceFinder, shape: tuple[int, int]) -> None:
    """A picture of one pixel or one line shows nobody."""
    assert finder.in_reference(np.zeros((*shape, 3), np.uint8)) == NOBODY


def test_a_clip_counts_the_frames_with_a_face(finder: FaceFinder) -> None:
    """A face in half of the frames is found in half of those looked at."""
    plain = np.full_like(drawn_face(), 128)
    clip = Clip.from_array(np.stack([drawn_face()] * 8 + [plain] * 8), Fraction(8))
    assert finder.frames_with_faces(clip) == 4


def test_a_reference_without_pictures_is_unreadable(finder: FaceFinder) -> None:
    """Nothing decoded is not the same as nobody seen."""
    assert not finder.reference("image", [], sha256="ab").is_readable
    facts = finder.reference("image", [shapes(), drawn_face()], sha256="ab")
    assert (facts.is_readable, facts.faces) == (True, 1)


def test_doubt_is_passed_on() -> None:
    """A face in doubt is another subject of the table than a sure one; nobody is none."""
    assert ReferenceFacts("video", faces=1, is_sure=False).subjects() == ("maybe_face",)
    assert ReferenceFacts("video", faces=1).subjects() == ("face",)
    assert ReferenceFacts("video").subjects() == ()


def test_threads_may_look_at_once(finder: FaceFinder) -> None:
    """The detectors are not shared between threads, so that counts don't mix."""
    counts: list[int] = []
    face, plain = drawn_face(), shapes()
    threads = [
        threading.Thread(target=lambda picture=picture: counts.append(finder.in_reference(picture).faces))
        for picture in (face, plain) * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == [0] * 4 + [1] * 4


def test_the_portrait_of_scikit_image_is_a_face(finder: FaceFinder) -> None:
    """A real photograph, where scikit-image is installed."""
    skimage = pytest.importorskip("skimage", reason="scikit-image is not installed: no photograph was looked at")
    path = Path(skimage.__file__).parent / "data" / "astronaut.png"
    picture = np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])
    assert finder.in_reference(picture).is_sure
    assert finder.in_frame(picture) >= 1
