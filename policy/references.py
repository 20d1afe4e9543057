"""Looks for human faces: in what a request brings along, and in what the generator made.

The detectors are the Haar cascades that ship with OpenCV (Viola and Jones 2001; Lienhart and Maydt 2002): upright
frontal faces and profiles to both sides. They say that there is a face, never whose: nothing is recognised,
compared or kept. Pictures come in decoded; this module opens no file. Recall and false alarms: bench/references.py.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from core.clip import RGB, Clip
from core.pictures import sampled
from policy.decision import ReferenceFacts

FRAMES_LOOKED_AT = 8
"""How many frames of a video are looked at, evenly spread."""
FRAMES_NEEDED = 2
"""In how many of them a finished clip must show a face to be held: one frame alone is chance more often."""
_REFERENCE_SIDE_PX, _FRAME_SIDE_PX, _MIN_SIDE_PX, _SMALLEST_FACE_PX = 640, 480, 240, 22
_SCALE_STEP = 1.15


_SURE_SECONDS = 2
"""How many other detectors must agree with one for a face beyond doubt."""
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Sighting:
    """How many faces one picture may show, and whether one of them is there beyond doubt."""

    faces: int
    is_sure: bool


@dataclass(frozen=True)
class Cascade:
    """One detector: its file, and how many neighbouring windows must agree for a hit, and for a sure one.

    A hit counts where another detector has one at the same place; a sure one counts by itself.
    """

    file: str
    hit: int
    sure: int
    mirrored: bool = False


WATCHFUL = (
    Cascade("haarcascade_frontalface_alt.xml", 3, 6),
    Cascade("haarcascade_frontalface_alt2.xml", 3, 6),
    Cascade("haarcascade_frontalface_default.xml", 4, 14),
    Cascade("haarcascade_profileface.xml", 4, 10, mirrored=True),
)
"""For references. Chosen on half of the clear clips of the bench and on its clips without faces."""
_NEVER_ALONE = 1_000_000
CALM = (
    Cascade("haarcascade_frontalface_alt.xml", 4, _NEVER_ALONE),
    Cascade("haarcascade_frontalface_alt2.xml", 4, _NEVER_ALONE),
)
"""For finished frames: both must see a face at the same place. A false alarm costs a person's time."""


class FaceFinder:
    """Counts faces in pictures. Thread-safe; each thread loads the cascades for itself (0.1 s)."""

    def __init__(self) -> None:
        self._kept = threading.local()

    def in_reference(self, picture: RGB) -> Sighting:
        """Which faces a reference picture (H, W, 3) uint8 may show: overlapping hits count once."""
        return self._faces(_prepared(picture, _REFERENCE_SIDE_PX), WATCHFUL)

    def in_frame(self, frame: RGB) -> int:
        """How many faces a finished frame surely shows."""
        return self._faces(_prepared(frame, _FRAME_SIDE_PX), CALM).faces

    def reference(
        self, kind: str, pictures: Iterable[RGB], *, sha256: str, is_camera_origin: bool = False
    ) -> ReferenceFacts:
        """What a reference of a kind ("image", "video") shows: the most faces in any one of its pictures.

        A face is beyond doubt where one picture says so, or two pictures show one.
        """
        seen = [self.in_reference(picture) for picture in pictures]
        most = max((one.faces for one in seen), default=0)
        is_sure = any(one.is_sure for one in seen) or sum(one.faces > 0 for one in seen) >= FRAMES_NEEDED
        return ReferenceFacts(kind, sha256, most, bool(seen), is_camera_origin, is_sure or not most)

    def frames_with_faces(self, clip: Clip) -> int:
        """In how many of up to eight evenly spread frames of a finished clip a face is seen."""
        return sum(self.in_frame(frame) > 0 for frame in sampled(clip, FRAMES_LOOKED_AT))

    def _faces(self, grey: Any, cascades: tuple[Cascade, ...]) -> Sighting:
        hits = [self._hits(grey, cascade) for cascade in cascades]
        counted: list[Box] = []
        is_sure = False
        for place, cascade in enumerate(cascades):
            for box, agreeing in hits[place]:
                others = (found for other, found in enumerate(hits) if other != place)
                second = sum(any(_overlap(box, one) for one, _ in found) for found in others)
                if agreeing >= cascade.sure or second:
                    counted.append(box)
                    is_sure |= agreeing >= cascade.sure or second >= _SURE_SECONDS
        return Sighting(len(_merged(counted)), is_sure)

    def _hits(self, grey: Any, cascade: Cascade) -> list[tuple[Box, int]]:
        """Boxes (x, y, width, height) in which a cascade sees a face, and how many windows agree on each."""
        classifier, smallest = self._classifier(cascade.file), (_SMALLEST_FACE_PX, _SMALLEST_FACE_PX)

        def found(picture: Any) -> list[tuple[Box, int]]:
            boxes, agreeing = classifier.detectMultiScale2(picture, _SCALE_STEP, cascade.hit, minSize=smallest)
            return [
                ((int(x), int(y), int(w), int(h)), int(n)) for (x, y, w, h), n in zip(boxes, agreeing, strict=True)
            ]

        hits = found(grey)
        if cascade.mirrored:
            width = grey.shape[1]
            hits += [((width - x - w, y, w, h), n) for (x, y, w, h), n in found(cv2.flip(grey, 1))]
        return hits

    def _classifier(self, file: str) -> Any:
        loaded: dict[str, Any] = self._kept.__dict__.setdefault("loaded", {})
        if file not in loaded:
            classifier = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / file))
            if classifier.empty():
                raise RuntimeError(f"OpenCV came without {file}: install opencv-python-headless 4.14 or later of 4")
            loaded[file] = classifier
        return loaded[file]


def _prepared(picture: RGB, side_px: int) -> Any:
    """The picture in grey, its longer side at most `side_px` and at least 240 pixels, its contrast spread."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    side = max(grey.shape)
    share = side_px / side if side > side_px else max(1.0, _MIN_SIDE_PX / side)
    if share != 1.0:
        filter_kind = cv2.INTER_AREA if share < 1 else cv2.INTER_LINEAR
        size = (max(1, round(grey.shape[1] * share)), max(1, round(grey.shape[0] * share)))
        grey = cv2.resize(grey, size, interpolation=filter_kind)
    return cv2.equalizeHist(np.ascontiguousarray(grey))


def _overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share at least a third of the smaller one."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    smaller = min(one[2] * one[3], other[2] * other[3])
    return width > 0 and height > 0 and 3 * width * height >= smaller


def _merged(boxes: list[Box]) -> list[Box]:
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda each: -each[2] * each[3]):
        if not any(_overlap(box, one) for one in kept):
            kept.append(box)
    return kept
