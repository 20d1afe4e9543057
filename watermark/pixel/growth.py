"""From a patch that fits to the whole picture: block by block, how far the pilot lies from where a placement puts
it, then an affine map or a homography through those displacements, again and again until nothing gets better.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from watermark.pixel.field import (
    FIRST_PX,
    OVERSAMPLING,
    STEP_PX,
    Matrix,
    Plane,
    Region,
    Sums,
    footprint,
    lay_out,
    window,
)
from watermark.pixel.layout import PITCH_PX

_REACH = 4
"""Half chips that a block may lie off its predicted place, each way."""

_ROUNDS = 12
_BLOCKS_CHIPS = (14, 20, 28, 40, 64)
_BLOCK_Z = 4.5
_BLOCKS_MIN, _BLOCKS_WANTED = 3, 8
_HOMOGRAPHY_BLOCKS = 10
_ROBUST_PX = 2.0
_NUDGES = (0.9925, 0.995, 0.9975, 1.0, 1.0025, 1.005, 1.0075)

GROWTH_LOOKS = 48.0**8
"""What growing may multiply the looks by: eight corner coordinates, each within 36 canonical px, 1.5 apart."""

NUDGE_LOOKS = float(len(_NUDGES) * (2 * _REACH + 1) ** 2)
"""Looks of a nudge."""


@dataclass(frozen=True)
class Grown:
    """A placement and the single-look score of its pilots there."""

    matrix: Matrix
    z: float


@dataclass(frozen=True)
class _Blocks:
    """Blocks that found their place: centres and displacements in canonical px, (n, 2) as (x, y); scores (n,)."""

    centres: NDArray[np.float64]
    displacements: NDArray[np.float64]
    scores: NDArray[np.float64]


def grow(sums: Sequence[Sequence[Sums]], signs: Sequence[NDArray[np.int8]], start: Matrix) -> Grown:
    """The best placement reachable from `start`. `signs[j]`, (256, 256), are the pilot signs in `sums[j]`."""
    best = Grown(start, -np.inf)
    matrix, stale = start, 0
    for _ in range(_ROUNDS):
        region = footprint(matrix, 2)
        if min(region.rows, region.columns) < 8:
            break
        z, blocks = _measure(sums, signs, matrix, region)
        if z > best.z * 1.002:
            best, stale = Grown(matrix, z), 0
        else:
            stale += 1
        if stale >= 3 or len(blocks.scores) < _BLOCKS_MIN:
            break
        matrix = best.matrix if z < 0.5 * best.z else matrix
        matrix = matrix @ _fitted(blocks)
        if not _sensible(matrix):
            break
    return best


def nudge(sums: Sequence[Sequence[Sums]], signs: Sequence[NDArray[np.int8]], start: Matrix) -> Grown:
    """The best scale and shift near a placement by the whole picture's score: where no block stands out alone."""
    best = Grown(start, -np.inf)
    for scale in _NUDGES:
        region = footprint(start, 2)
        middle = PITCH_PX * np.array([region.column + region.columns / 2, region.row + region.rows / 2])
        change = np.diag([scale, scale, 1.0])
        change[:2, 2] = (1.0 - scale) * middle
        matrix = start @ change
        stack, power = _shifts(sums, signs, matrix, region)
        surface = stack.sum((1, 2), dtype=np.float64) / max(float(np.sqrt(power.sum(dtype=np.float64))), 1e-12)
        n = int(surface.argmax())
        if surface[n] > best.z:
            down, across = divmod(n, 2 * _REACH + 1)
            shift = np.eye(3)
            shift[:2, 2] = STEP_PX * (across - _REACH), STEP_PX * (down - _REACH)
            best = Grown(matrix @ shift, float(surface[n]))
    return best


def _measure(
    sums: Sequence[Sequence[Sums]], signs: Sequence[NDArray[np.int8]], matrix: Matrix, region: Region
) -> tuple[float, _Blocks]:
    """The whole picture's score, and the displacement of every block that stands out."""
    stack, power = _shifts(sums, signs, matrix, region)
    middle = len(stack) // 2
    z = float(stack[middle].sum(dtype=np.float64)) / max(float(np.sqrt(power.sum(dtype=np.float64))), 1e-12)
    for side in _BLOCKS_CHIPS:
        blocks = _standing_out(stack, power, region, min(side, region.rows, region.columns))
        if len(blocks.scores) >= _BLOCKS_WANTED:
            return z, blocks
    return z, blocks


def _shifts(
    sums: Sequence[Sequence[Sums]], signs: Sequence[NDArray[np.int8]], matrix: Matrix, region: Region
) -> tuple[Plane, Plane]:
    """Values times pilot signs under every shift of up to `_REACH` half chips, (81, rows, columns), row by row, and
    the values' squares, (rows, columns)."""
    span = 2 * _REACH + 1
    stack = np.zeros((span * span, region.rows, region.columns), np.float32)
    power = np.zeros((region.rows, region.columns), np.float32)
    for levels, plane in zip(sums, signs, strict=True):
        values = lay_out(levels, matrix, region).values
        pilot = window(plane, region).astype(np.float32)
        padded = np.pad(values, _REACH)
        power += values[::OVERSAMPLING, ::OVERSAMPLING] ** 2
        for n in range(span * span):
            down, across = divmod(n, span)
            moved = padded[
                down : down + values.shape[0] : OVERSAMPLING, across : across + values.shape[1] : OVERSAMPLING
            ]
            stack[n] += moved * pilot
    return stack, power


def _standing_out(stack: Plane, power: Plane, region: Region, side: int) -> _Blocks:
    span = 2 * _REACH + 1
    window, step = (side, side), max(1, side // 2)
    energy = cv2.boxFilter(power, cv2.CV_32F, window, normalize=False, borderType=cv2.BORDER_CONSTANT)
    picked = np.s_[
        side // 2 : region.rows - side // 2 + 1 : step, side // 2 : region.columns - side // 2 + 1 : step
    ]
    energy = energy[picked]
    scores = np.stack([_boxed(moved, side)[picked] / np.sqrt(energy + 1e-9) for moved in stack])
    best = scores.argmax(0)
    centres, moved, heights = [], [], []
    for i, j in np.ndindex(best.shape):
        n = int(best[i, j])
        height = float(scores[n, i, j])
        if height < _BLOCK_Z or energy[i, j] < 0.2 * side * side:
            continue
        down, across = divmod(n, span)
        surface = scores[:, i, j].reshape(span, span)
        moved.append(
            (
                STEP_PX * (across - _REACH + _peak(surface[down], across)),
                STEP_PX * (down - _REACH + _peak(surface[:, across], down)),
            )
        )
        row, column = region.row + side // 2 + i * step, region.column + side // 2 + j * step
        centres.append((PITCH_PX * column + FIRST_PX, PITCH_PX * row + FIRST_PX))
        heights.append(height)
    return _Blocks(np.array(centres).reshape(-1, 2), np.array(moved).reshape(-1, 2), np.array(heights))


def _boxed(plane: Plane, side: int) -> Plane:
    summed = cv2.boxFilter(plane, cv2.CV_32F, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(summed, np.float32)


def _peak(line: NDArray[np.float32], at: int) -> float:
    """Where between samples a parabola through a peak and its neighbours has its top, -0.5 to 0.5."""
    if not 0 < at < len(line) - 1:
        return 0.0
    before, here, after = (float(v) for v in line[at - 1 : at + 2])
    bend = before - 2.0 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0.0 else 0.0


def _fitted(blocks: _Blocks) -> Matrix:
    """The map of canonical px that moves block centres by their displacements, robust, by squared scores."""
    weights = blocks.scores**2
    for _ in range(4):
        change = _affine(blocks, weights)
        off = np.linalg.norm(_moved(change, blocks.centres) - blocks.centres - blocks.displacements, axis=1)
        weights = blocks.scores**2 / (1.0 + (off / _ROBUST_PX) ** 2)
    spread = np.ptp(blocks.centres, axis=0)
    if len(blocks.scores) < _HOMOGRAPHY_BLOCKS or spread.min() < 10 * PITCH_PX:
        return change
    for _ in range(4):
        curved = _homography(blocks, weights)
        off = np.linalg.norm(_moved(curved, blocks.centres) - blocks.centres - blocks.displacements, axis=1)
        weights = blocks.scores**2 / (1.0 + (off / _ROBUST_PX) ** 2)
    return curved


def _affine(blocks: _Blocks, weights: NDArray[np.float64]) -> Matrix:
    middle = np.average(blocks.centres, axis=0, weights=weights)
    # A weak pull towards no change keeps three blocks in a row from tilting everything else.
    pull = 0.02 * weights.sum() * (PITCH_PX * 12.0) ** 2
    x = blocks.centres - middle
    gram = (x * weights[:, None]).T @ x + pull * np.eye(2)
    mean = np.average(blocks.displacements, axis=0, weights=weights)
    slope = np.linalg.solve(gram, (x * weights[:, None]).T @ (blocks.displacements - mean)).T
    change = np.eye(3)
    change[:2, :2] += slope
    change[:2, 2] = mean - slope @ middle
    return change


def _homography(blocks: _Blocks, weights: NDArray[np.float64]) -> Matrix:
    """Weighted linear fit of a homography near the identity (eight parameters, ridge on the two of perspective)."""
    middle, size = blocks.centres.mean(0), float(np.ptp(blocks.centres, axis=0).max()) / 2
    x, y = ((blocks.centres - middle) / size).T
    u, v = ((blocks.centres + blocks.displacements - middle) / size).T
    zero, one = np.zeros_like(x), np.ones_like(x)
    equations = np.concatenate(
        [
            np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], 1),
            np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], 1),
        ]
    )
    both = np.tile(weights, 2)
    gram = (equations * both[:, None]).T @ equations
    gram[6, 6] += 0.02 * weights.sum()
    gram[7, 7] += 0.02 * weights.sum()
    solved = np.linalg.solve(gram + 1e-9 * np.eye(8), (equations * both[:, None]).T @ np.concatenate([u, v]))
    local = np.append(solved, 1.0).reshape(3, 3)
    into = np.array([[1 / size, 0, -middle[0] / size], [0, 1 / size, -middle[1] / size], [0, 0, 1.0]])
    return np.asarray(np.linalg.inv(into) @ local @ into)


def _moved(change: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    mapped = np.column_stack([points, np.ones(len(points))]) @ change.T
    return np.asarray(mapped[:, :2] / mapped[:, 2:])


def _sensible(matrix: Matrix) -> bool:
    """Whether the map can be inverted and keeps the picture's corners in front of the viewer."""
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
        return False
    depths = (np.linalg.inv(matrix) @ np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1.0]]))[2]
    return bool((depths > 0).all() or (depths < 0).all())
