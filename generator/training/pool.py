"""Rendered training material: small crops for the autoencoder, whole clips for the latent pool.

Workers are separate processes that only render; a scene's seed decides everything about it.
"""

import multiprocessing
import os
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from generator.scenes import RenderedScene, draw_spec, render_scene
from generator.scenes.spec import FALLING, SceneSpec

CROPS_PER_SCENE = 6
WORKERS = max(2, len(os.sched_getaffinity(0)) - 1)
"""Rendering processes."""

CROP_FRAMES = 5
FLIGHTS_SHARE = 0.5


def rendered_scenes(seeds: range, frames: int, size_px: int, workers: int = WORKERS) -> Iterator[RenderedScene]:
    """Scenes for `seeds`, in order, rendered ahead by worker processes."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        yield from pool.imap(_scene, ((seed, frames, size_px) for seed in seeds), chunksize=4)


def crops(
    seeds: range, frames: int, size_px: int, crop_px: int, workers: int = WORKERS
) -> Iterator[NDArray[np.uint8]]:
    """For each seed `CROPS_PER_SCENE` crops, uint8 (6, 5, crop, crop, 3), mostly about the object."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        yield from pool.imap(_crops, ((seed, frames, size_px, crop_px) for seed in seeds), chunksize=4)


def _scene(job: tuple[int, int, int]) -> RenderedScene:
    seed, frames, size_px = job
    return render_scene(draw_spec(np.random.default_rng(seed)), frames, size_px)


def _crops(job: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    seed, frames, size_px, crop_px = job
    rng = np.random.default_rng(seed)
    scene = render_scene(_crops_spec(rng), frames, size_px)
    cut = []
    for _ in range(CROPS_PER_SCENE):
        start = int(rng.integers(frames - CROP_FRAMES + 1))
        pose = scene.trajectory[start + CROP_FRAMES // 2]
        left, top = rng.integers(0, size_px - crop_px + 1, 2)
        if rng.random() < 0.7:
            left, top = np.array([pose.x_px, pose.y_px]) - crop_px / 2 + rng.normal(0, crop_px / 4, 2)
        left, top = (int(np.clip(at, 0, size_px - crop_px)) for at in (left, top))
        cut.append(scene.frames[start : start + CROP_FRAMES, top : top + crop_px, left : left + crop_px])
    return np.stack(cut)


def _crops_spec(rng: np.random.Generator) -> SceneSpec:
    """A training scene for the autoencoder: flights, the fastest motion, stand in for half of what does not fly."""
    spec = draw_spec(rng)
    while spec.motion not in FALLING and rng.random() < FLIGHTS_SHARE:
        spec = draw_spec(rng)
    return spec
