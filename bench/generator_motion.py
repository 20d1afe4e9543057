"""Reads motion off a clip's pixels: how the camera moved, and how things fall. Knows nothing of the prompt.

The camera is told by what the background and the object do between the first frame and the last: the background
aligned frame by frame (enhanced correlation, cv2.findTransformECC) with the object masked out, the object by its
silhouette. Trees over these few numbers, fitted on rendered training scenes, name the move.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from sklearn.ensemble import ExtraTreesClassifier

from bench.generator_reading import object_mask
from core.clip import RGB
from generator.scenes.motion import GRAVITY
from generator.scenes.render import render_scene
from generator.scenes.spec import CAMERAS, SceneSpec, draw_spec, held_out_specs

SCENES_PER_MOVE = 20
_SIDE = 96
_STEPS = 8
_SMOOTHED_FRAMES, _FIT_FRAMES = 4, 8
_FIT_ERROR = 0.016


@dataclass(frozen=True)
class CameraReader:
    """Names camera moves. Fitted on renders of training scenes, never on sampled clips."""

    trees: ExtraTreesClassifier

    @classmethod
    def fitted(cls, per_move: int = SCENES_PER_MOVE, seed: int = 5, *, quiet: bool = True) -> "CameraReader":
        """Fitted on `per_move` training scenes of each move."""
        rng = np.random.default_rng(seed)
        scenes = [training_scene(rng, camera) for camera in CAMERAS for _ in range(per_move)]
        seen = track(scenes, "learn camera moves from renders", disable=quiet)
        rows = np.stack([camera_features(render_scene(spec).frames) for spec in seen])
        trees = ExtraTreesClassifier(400, random_state=seed, n_jobs=1)
        return cls(trees.fit(rows, [spec.camera for spec in scenes]))

    def read(self, frames: RGB) -> str:
        """The move of a clip (F, H, W, 3), one of `CAMERAS`."""
        return str(self.trees.predict(camera_features(frames)[None])[0])


def training_scene(rng: np.random.Generator, camera: str) -> SceneSpec:
    """A training scene whose object stands still under a camera move."""
    while True:
        spec = draw_spec(rng)
        if not spec.is_pair and spec.motion == "still":
            return replace(spec, camera=camera)


def held_out_moves(count: int) -> list[SceneSpec]:
    """`count` scenes of objects that training never sees standing still, under every camera move in turn."""
    still = [spec for spec in held_out_specs(40 * count) if spec.motion == "still"][:count]
    return [replace(spec, camera=CAMERAS[i % len(CAMERAS)]) for i, spec in enumerate(still)]


def camera_features(frames: RGB) -> NDArray[np.float64]:
    """What background and object do over a clip: shift, growth and turn of both, their difference, unsteadiness."""
    picked = frames[np.linspace(0, len(frames) - 1, _STEPS + 1).astype(int)]
    steps: list[NDArray[np.float64]] = []
    before = np.eye(2, 3, dtype=np.float32)
    for one, other in pairwise(picked):
        before = _aligned(one, other, before)
        steps.append(_read_off(before))
    background = np.array(steps)
    placed = np.array([_placed(frame) for frame in frames])
    totals, middles = background.sum(0), _STEPS * np.median(background, axis=0)
    own = placed[-1] - placed[0]
    shakes = [
        np.abs(np.diff(placed[:, :2], 2, axis=0)).sum(),
        np.abs(np.diff(background[:, [0, 1, 3]], axis=0)).sum(),
    ]
    return np.array([*totals, *middles, *own, *(own - totals[:3]), *(own - middles[:3]), *shakes])


def _aligned(one: RGB, other: RGB, start: NDArray[np.float32]) -> NDArray[np.float32]:
    """The affine map (2, 3) of the background from one frame to another, at `_SIDE` px, sought from `start` on."""
    size = (_SIDE, _SIDE)
    first, second = (
        cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA).astype(np.float32)
        for frame in (one, other)
    )
    seen = (_background(one) & _background(other)).astype(np.uint8)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-5)
    for guess in (start, np.eye(2, 3, dtype=np.float32)):
        try:
            _, found = cv2.findTransformECC(first, second, guess.copy(), cv2.MOTION_AFFINE, criteria, seen, 5)
        except cv2.error:  # nothing to hold on to from there
            continue
        return np.asarray(found, np.float32)
    return np.eye(2, 3, dtype=np.float32)  # a plain backdrop


def _read_off(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """Right and down in half frame heights, log growth, turn."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    middle = (_SIDE - 1) / 2
    shift = (matrix @ (middle, middle, 1.0) - middle) * 2 / _SIDE
    turn = np.arctan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1])
    return np.array([*shift, np.log(max(scale, 1e-3)), turn])


def _background(frame: RGB) -> NDArray[np.bool_]:
    """True where neither the object nor its shadow is seen, (side, side)."""
    mask = object_mask(frame)
    seen = np.ones((_SIDE, _SIDE), bool)
    if mask is None:
        return seen
    rows, columns = np.nonzero(cv2.resize(mask.astype(np.uint8), (_SIDE, _SIDE)))
    if len(rows):
        seen[max(rows.min() - 5, 0) :, max(columns.min() - 8, 0) : columns.max() + 9] = False
    return seen if seen.mean() > 0.15 else np.ones((_SIDE, _SIDE), bool)


def _placed(frame: RGB) -> tuple[float, float, float]:
    """The object's place (half frame heights from the middle) and log size; the middle where there is none."""
    mask = object_mask(frame)
    if mask is None:
        return 0.0, 0.0, 0.0
    rows, columns = np.nonzero(mask)
    half = len(frame) / 2
    return columns.mean() / half - 1, rows.mean() / half - 1, float(np.log(np.sqrt(len(rows)) / half))


def gravity_error(frames: RGB) -> float | None:
    """How far off `GRAVITY` the object's free fall is, as a share of it; None where no flight was seen.

    Heights are means over four frames (a parabola stays one), since a decoder may draw what flies in steps of its
    own. Parabolas are fitted to every eight of them; those that fit to 1.6 % of half a frame height are flights.
    """
    seen = [_placed(frame)[1] if object_mask(frame) is not None else np.nan for frame in frames]
    even = np.ones(_SMOOTHED_FRAMES) / _SMOOTHED_FRAMES
    heights = np.convolve(seen, even, "valid")
    times = np.convolve(np.linspace(0, 1, len(frames)), even, "valid")
    found: list[float] = []
    for start in range(len(heights) - _FIT_FRAMES + 1):
        stretch, at = heights[start : start + _FIT_FRAMES], times[start : start + _FIT_FRAMES]
        if np.isnan(stretch).any():
            continue
        fit = np.polyfit(at, stretch, 2)
        if np.sqrt(np.mean((np.polyval(fit, at) - stretch) ** 2)) < _FIT_ERROR and fit[0] > 1.0:
            found.append(2 * float(fit[0]))
    return abs(float(np.median(found)) - GRAVITY) / GRAVITY if found else None


def median_of(errors: Sequence[float | None]) -> float:
    """The median error; what showed no flight counts as wholly wrong."""
    return float(np.median([1.0 if error is None else error for error in errors]))
