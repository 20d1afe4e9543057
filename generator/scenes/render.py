"""Draws a scene: frames, and the truth of where the object was. A pure function of its arguments."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB
from generator.scenes.backgrounds import BACKGROUNDS, FLOOR_Y, Picture
from generator.scenes.motion import View, camera_at, object_at, seen_at
from generator.scenes.shapes import DISTANCES
from generator.scenes.spec import COLOURS, SceneSpec

_LIGHT = np.array([-0.45, -0.68, 0.58], np.float32)
_CANVAS = 1.5
"""Half height of the painted background: room for pans and for zooming out."""


@dataclass(frozen=True)
class Pose:
    """Where the object is in one frame, in pixels of that frame and radians. `radius_px` is its unit length."""

    x_px: float
    y_px: float
    radius_px: float
    angle: float


@dataclass(frozen=True)
class RenderedScene:
    """Frames (F, H, W, 3) uint8 and the poses of the main object, and of the other one if there is one, in each."""

    spec: SceneSpec
    frames: RGB
    trajectory: tuple[Pose, ...]
    other_trajectory: tuple[Pose, ...] = ()


def render_scene(spec: SceneSpec, frame_count: int = 25, size_px: int = 256) -> RenderedScene:
    """The scene as a square clip. One clip of 25 frames at 256 pixels takes some 30-60 ms on one core."""
    canvas = _background(spec, size_px)
    things = (spec.other(), spec) if spec.is_pair else (spec,)
    times = np.linspace(0, 1, frame_count) if frame_count > 1 else np.zeros(1)
    frames = np.empty((frame_count, size_px, size_px, 3), np.uint8)
    still = _view(canvas, View(), size_px) if spec.camera == "static" else None
    poses: list[list[Pose]] = []
    for index, time in enumerate(times):
        view = camera_at(spec, float(time))
        picture = still.copy() if still is not None else _view(canvas, view.of_background(), size_px)
        poses.append([])
        for thing in things:
            x, y, radius, angle = object_at(thing, float(time))
            pose = Pose(*_seen(x, y, view, size_px), radius * view.zoom * size_px / 2, angle + view.roll)
            _cast_shadow(picture, pose, _seen(x, FLOOR_Y, view, size_px)[1])
            _paint_object(picture, thing, pose)
            poses[-1].append(pose)
        frames[index] = np.rint(np.clip(picture, 0, 1) * 255)
    others = tuple(both[0] for both in poses) if spec.is_pair else ()
    return RenderedScene(spec, frames, tuple(both[-1] for both in poses), others)


def _seen(x: float, y: float, view: View, size_px: int) -> tuple[float, float]:
    """Where a place stands in the picture, in pixels."""
    across, down = seen_at(x, y, view)
    return (1 + across) * size_px / 2, (1 + down) * size_px / 2


def _background(spec: SceneSpec, size_px: int) -> Picture:
    reach = 1.0 if spec.camera == "static" else _CANVAS
    count = round(size_px * reach)
    at = ((np.arange(count, dtype=np.float32) + 0.5) / count * 2 - 1) * np.float32(reach)
    x, y = (plane.astype(np.float32) for plane in np.meshgrid(at, at))
    return BACKGROUNDS[spec.background](x, y, spec.tint, spec.variant)


def _view(canvas: Picture, view: View, size_px: int) -> Picture:
    if canvas.shape[0] == size_px:
        return canvas.copy()
    cos, sin = np.cos(view.roll) / view.zoom, np.sin(view.roll) / view.zoom
    centre, half = (canvas.shape[0] - 1) / 2, (size_px - 1) / 2
    turned = np.array([[cos, sin], [-sin, cos]])
    corner = centre + np.array([view.x, view.y]) * size_px / 2 - turned @ (half, half)
    matrix = np.column_stack([turned, corner])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(canvas, matrix, (size_px, size_px), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)


def _window(low: float, high: float, size_px: int) -> slice:
    return slice(max(int(np.floor(low)), 0), min(max(int(np.ceil(high)), 0), size_px))


def _cast_shadow(picture: Picture, pose: Pose, floor_px: float) -> None:
    wide, flat = pose.radius_px * 1.05, pose.radius_px * 0.22
    rows = _window(floor_px - 2.6 * flat, floor_px + 2.6 * flat, picture.shape[0])
    columns = _window(pose.x_px - 2.6 * wide, pose.x_px + 2.6 * wide, picture.shape[1])
    y = ((np.arange(rows.start, rows.stop) - floor_px) / flat)[:, None]
    x = ((np.arange(columns.start, columns.stop) - pose.x_px) / wide)[None]
    lift = max(floor_px - pose.y_px - pose.radius_px, 0) / picture.shape[0]
    strength = 0.62 * np.exp(-2.2 * lift)
    shade = 1 - strength * np.exp(-1.1 * (x * x + y * y))
    picture[rows, columns] *= shade[..., None].astype(np.float32)


def _paint_object(picture: Picture, spec: SceneSpec, pose: Pose) -> None:
    reach = pose.radius_px * 1.2 + 2
    rows = _window(pose.y_px - reach, pose.y_px + reach, picture.shape[0])
    columns = _window(pose.x_px - reach, pose.x_px + reach, picture.shape[1])
    if rows.stop - rows.start < 3 or columns.stop - columns.start < 3:
        return
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5 - pose.y_px)[:, None] / pose.radius_px
    x = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5 - pose.x_px)[None] / pose.radius_px
    cos, sin = np.float32(np.cos(pose.angle)), np.float32(np.sin(pose.angle))
    turned_x, turned_y = (x * cos + y * sin).astype(np.float32), (y * cos - x * sin).astype(np.float32)
    distance = DISTANCES[spec.shape](turned_x, turned_y)
    cover = np.clip(0.5 - distance * pose.radius_px, 0, 1)[..., None]
    colour = _shaded(distance, np.float32(pose.radius_px), spec)
    picture[rows, columns] = picture[rows, columns] * (1 - cover) + colour * cover


def _shaded(distance: NDArray[np.float32], radius_px: np.float32, spec: SceneSpec) -> Picture:
    """Colour of each pixel, lit from the upper left; the rim is rounded, the middle flat (a ball all round)."""
    down, across = np.gradient(distance * radius_px)
    rim = 1.0 if spec.shape == "ball" else 0.26
    depth = np.clip(-distance / rim, 0, 1)
    slope = 1 - depth if spec.shape == "ball" else 0.8 * (1 - depth) ** 1.5
    facing = np.sqrt(np.maximum(1 - slope * slope, 0))
    light = np.maximum(across * slope * _LIGHT[0] + down * slope * _LIGHT[1] + facing * _LIGHT[2], 0)
    albedo = np.asarray(COLOURS[spec.colour], np.float32)
    glint = np.clip((light - 0.84) / 0.16, 0, 1) ** 2
    lit: Picture = albedo * (0.5 + 0.72 * light[..., None]) + 0.25 * glint[..., None]
    return lit.astype(np.float32)
