"""Reads colour and shape of the main object off a clip's pixels, knowing nothing of the prompt.

The object is the largest patch of strong chroma; its colour the palette entry nearest in hue; its shape the
silhouette with the best overlap (intersection over union) over position, size and turn, over several frames.
"""

import colorsys
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB
from generator.scenes.shapes import DISTANCES
from generator.scenes.spec import COLOURS

CHROMA = 0.27
"""Between the palest object in shade (0.33) and the most colourful background (the sky, 0.20)."""
SMALLEST_SHARE = 0.004
"""Share of the picture an object must cover to be read at all."""
FRAMES_READ, PAIR_FRAMES_READ = 9, 5
_SIDE = 48
_TURNS = {"ball": 1, "ring": 1, "cube": 9, "triangle": 12, "star": 8, "heart": 24}
_PERIOD = {"ball": 1.0, "ring": 1.0, "cube": 1 / 4, "triangle": 1 / 3, "star": 1 / 5, "heart": 1.0}
"""Share of a full turn after which a shape looks the same; `_TURNS` divides it."""
ROUNDINGS = (0.0, 0.13, 0.26)
"""How far corners may be rounded, in radii: a soft decoder rounds every silhouette."""
TURN_COST = 0.03
"""Overlap that a turned silhouette must gain over an upright one to be believed: most objects stand upright.
Roundings and cost were chosen on 60 training scenes through the autoencoder, not on sampled clips."""


@dataclass(frozen=True)
class Reading:
    """What was seen: None where no object was. `overlap` is the best shape's mean intersection over union."""

    colour: str | None
    shape: str | None
    overlap: float


def read_clip(frames: RGB) -> Reading:
    """Colour and shape of the main object of a clip (F, H, W, 3)."""
    votes: dict[str, list[float]] = {}
    overlaps: dict[str, list[float]] = {shape: [] for shape in DISTANCES}
    for frame in frames[np.linspace(0, len(frames) - 1, FRAMES_READ).astype(int)]:
        mask = object_mask(frame)
        if mask is None:
            continue
        named, weight = _colour(frame, mask)
        votes.setdefault(named, []).append(weight)
        if not _touches_border(mask):
            seen = _normalised(mask)
            for kind, found in overlaps.items():
                found.append(max(_overlap(seen, drawn) - cost for drawn, cost in silhouettes(kind)))
    colour = max(votes, key=lambda name: sum(votes[name])) if votes else None
    means = {shape: float(np.mean(values)) for shape, values in overlaps.items() if values}
    shape = max(means, key=lambda name: means[name]) if means else None
    return Reading(colour, shape, means[shape] if shape else 0.0)


@dataclass(frozen=True)
class Placed:
    """One of two objects: what was seen, and where, in pixels."""

    colour: str
    shape: str
    x_px: float
    y_px: float


def read_pair(frames: RGB) -> list[Placed]:
    """The two largest objects of a clip (F, H, W, 3) by five frames; fewer if fewer are seen."""
    votes: dict[str, list[tuple[float, float, dict[str, float]]]] = {}
    for frame in frames[np.linspace(2, len(frames) - 3, PAIR_FRAMES_READ).astype(int)]:
        for mask in object_masks(frame, 2):
            rows, columns = np.nonzero(mask)
            seen = _normalised(mask)
            fits = {
                kind: max(_overlap(seen, drawn) - cost for drawn, cost in silhouettes(kind)) for kind in DISTANCES
            }
            votes.setdefault(_colour(frame, mask)[0], []).append((columns.mean(), rows.mean(), fits))
    most = sorted(votes, key=lambda colour: -len(votes[colour]))[:2]
    return [
        Placed(
            colour,
            max(DISTANCES, key=lambda kind: sum(fits[kind] for *_, fits in votes[colour])),
            float(np.mean([x for x, *_ in votes[colour]])),
            float(np.mean([y for _, y, _ in votes[colour]])),
        )
        for colour in most
    ]


def object_mask(frame: RGB) -> NDArray[np.bool_] | None:
    """The largest connected patch of strong chroma (H, W), or None."""
    found = object_masks(frame, 1)
    return found[0] if found else None


def object_masks(frame: RGB, most: int) -> list[NDArray[np.bool_]]:
    """Up to `most` connected patches of strong chroma (H, W), the largest first."""
    smooth = cv2.GaussianBlur(frame, (0, 0), frame.shape[0] / 170)
    strong = (smooth.max(axis=2).astype(int) - smooth.min(axis=2) > CHROMA * 255).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(strong)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    largest = [n for n in np.argsort(-areas)[:most] if areas[n] >= SMALLEST_SHARE * strong.size]
    return [np.asarray(labels == n + 1) for n in largest]


@lru_cache
def silhouettes(shape: str) -> tuple[tuple[NDArray[np.bool_], float], ...]:
    """The shape's normalised silhouettes, turned and rounded in every way that looks different, and their cost."""
    at = ((np.arange(256, dtype=np.float32) + 0.5) / 128 - 1) * 1.5
    x, y = np.meshgrid(at, at)
    found = []
    for index in range(_TURNS[shape]):
        turn = 2 * np.pi * _PERIOD[shape] * index / _TURNS[shape]
        turned_x, turned_y = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        distance = DISTANCES[shape](turned_x.astype(np.float32), turned_y.astype(np.float32))
        # A turn and its counter-turn by one step stay within what upright objects lean.
        is_upright = index in (0, 1, _TURNS[shape] - 1)
        for rounding in ROUNDINGS:
            drawn = (distance < 0).astype(np.float32)
            if rounding:
                drawn = np.asarray(cv2.GaussianBlur(drawn, (0, 0), rounding * 256 / 3), np.float32)
            found.append((_normalised(drawn > 0.5), 0.0 if is_upright else TURN_COST))
    return tuple(found)


def _normalised(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask moved to the middle and scaled to a fixed area of a 48 × 48 picture."""
    rows, columns = np.nonzero(mask)
    scale = np.sqrt(len(rows)) / (0.5 * _SIDE)
    centre = (_SIDE - 1) / 2
    matrix = np.array([[scale, 0, columns.mean() - centre * scale], [0, scale, rows.mean() - centre * scale]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(mask.astype(np.float32), matrix, (_SIDE, _SIDE), flags=flags) > 0.5)


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


def _touches_border(mask: NDArray[np.bool_]) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _colour(frame: RGB, mask: NDArray[np.bool_]) -> tuple[str, float]:
    core = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    pixels = frame[core if core.any() else mask]
    hue, _, _ = colorsys.rgb_to_hsv(*(np.median(pixels, axis=0) / 255))
    distances = {}
    for name, albedo in COLOURS.items():
        away = abs(hue - colorsys.rgb_to_hsv(*albedo)[0])
        distances[name] = min(away, 1 - away)
    return min(distances, key=lambda name: distances[name]), float(mask.sum())
