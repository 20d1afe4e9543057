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


@dataclass(frozen=True)
class Cascade:
    """One detector: its file, how many neighbouring hits it needs, and whether it looks at the mirror image too."""

    file: str
    neighbours: int
    mirrored: bool = False


WATCHFUL = (
    Cascade("haarcascade_frontalface_alt2.xml", 3),
    Cascade("haarcascade_frontalface_alt.xml", 3),
    Cascade("haarcascade_frontalface_default.xml", 5),
    Cascade("haarcascade_profileface.xml", 4, mirrored=True),
)
"""For references: any one of them is enough. A missed face costs more than a refused landscape."""
CALM = (Cascade("haarcascade_frontalface_alt2.xml", 4), Cascade("haarcascade_frontalface_alt.xml", 4))
"""For finished frames: both must see a face at the same place. A false alarm costs a person's time."""


class FaceFinder:
    """Counts faces in pictures. Thread-safe; each thread loads the cascades for itself (0.1 s)."""

    def __init__(self) -> None:
        self._kept = threading.local()

    def in_reference(self, picture: RGB) -> int:
        """How many faces a reference picture (H, W, 3) uint8 may show: overlapping hits count once."""
        grey = _prepared(picture, _REFERENCE_SIDE_PX)
        return len(_merged([box for cascade in WATCHFUL for box in self._hits(grey, cascade)]))

    def in_frame(self, frame: RGB) -> int:
        """How many faces a finished frame surely shows: places at which every calm detector sees one."""
        grey = _prepared(frame, _FRAME_SIDE_PX)
        first, *others = (self._hits(grey, cascade) for cascade in CALM)
        agreed = [box for box in first if all(any(_overlap(box, one) for one in hits) for hits in others)]
        return len(_merged(agreed))

    def reference(
        self, kind: str, pictures: Iterable[RGB], *, sha256: str, is_camera_origin: bool = False
    ) -> ReferenceFacts:
        """What a reference of a kind ("image", "video") shows: the most faces in any one of its pictures."""
        counts = [self.in_reference(picture) for picture in pictures]
        return ReferenceFacts(kind, sha256, max(counts, default=0), bool(counts), is_camera_origin)

    def frames_with_faces(self, clip: Clip) -> int:
        """In how many of up to eight evenly spread frames of a finished clip a face is seen."""
        return sum(self.in_frame(frame) > 0 for frame in sampled(clip, FRAMES_LOOKED_AT))

    def _hits(self, grey: Any, cascade: Cascade) -> list[tuple[int, int, int, int]]:
        classifier = self._classifier(cascade.file)
        smallest = (_SMALLEST_FACE_PX, _SMALLEST_FACE_PX)

        def hits(picture: Any) -> list[tuple[int, int, int, int]]:
            found = classifier.detectMultiScale(picture, _SCALE_STEP, cascade.neighbours, minSize=smallest)
            return [(int(x), int(y), int(w), int(h)) for x, y, w, h in found]

        boxes = hits(grey)
        if cascade.mirrored:
            width = grey.shape[1]
            boxes += [(width - x - w, y, w, h) for x, y, w, h in hits(cv2.flip(grey, 1))]
        return boxes

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


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    """Whether two boxes share at least a third of the smaller one."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    smaller = min(one[2] * one[3], other[2] * other[3])
    return width > 0 and height > 0 and 3 * width * height >= smaller


def _merged(boxes: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    kept: list[tuple[int, int, int, int]] = []
    for box in sorted(boxes, key=lambda each: -each[2] * each[3]):
        if not any(_overlap(box, one) for one in kept):
            kept.append(box)
    return kept
