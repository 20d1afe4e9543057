"""Rendered training material: small crops for the autoencoder, whole clips for the latent pool.

A scene's seed decides everything about it. The world of shapes is drawn by worker processes that only render; the
wide world in batches on the training's own device.
"""

import multiprocessing
import os
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.embedded.config import ModelConfig
from generator.scenes import RenderedScene, draw_spec, render_scene, world
from generator.scenes.spec import FALLING, SceneSpec
from generator.scenes.worlds import WIDE

CROPS_PER_SCENE = 6
WORKERS = max(2, len(os.sched_getaffinity(0)) - 1)
"""Rendering processes."""

CROP_FRAMES = 5
FLIGHTS_SHARE = 0.5
_WINDOWS = 2
"""Stretches of a wide scene's clip that its crops are cut from."""
_SCENES_AT_ONCE = {"cpu": 4, "cuda": 64}


def rendered_batches(
    config: ModelConfig, seeds: range, frames: int, batch: int, device: str = "cpu"
) -> Iterator[tuple[list[Any], Tensor]]:
    """Scenes of the model's world for `seeds`, in order, `batch` at a time, with clips (B, F, H, W, 3) uint8."""
    if config.world == WIDE.name:
        for some in _portions(seeds, max(batch, _SCENES_AT_ONCE.get(device, 64))):
            specs = [world.draw_spec(np.random.default_rng(seed)) for seed in some]
            clips = world.render_batch(specs, frames, config.size_px, device)
            for start in range(0, len(specs), batch):
                yield specs[start : start + batch], clips[start : start + batch]
        return
    waiting: list[RenderedScene] = []
    for index, scene in enumerate(rendered_scenes(seeds, frames, config.size_px)):
        waiting.append(scene)
        if len(waiting) == batch or index == len(seeds) - 1:
            yield [one.spec for one in waiting], torch.from_numpy(np.stack([one.frames for one in waiting]))
            waiting = []


def crops_for(config: ModelConfig, seeds: range, crop_px: int, device: str = "cpu") -> Iterator[NDArray[np.uint8]]:
    """`crops` of the model's world."""
    if config.world != WIDE.name:
        yield from crops(seeds, config.frames, config.size_px, crop_px)
        return
    for some in _portions(seeds, _SCENES_AT_ONCE.get(device, 64)):
        yield from _wide_crops(some, config.frames, config.size_px, crop_px, device)


def rendered_scenes(seeds: range, frames: int, size_px: int, workers: int = WORKERS) -> Iterator[RenderedScene]:
    """Scenes of shapes for `seeds`, in order, rendered ahead by worker processes."""
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


def _portions(seeds: range, size: int) -> Iterator[range]:
    for start in range(0, len(seeds), size):
        yield seeds[start : start + size]


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


def _wide_crops(seeds: range, frames: int, size_px: int, crop_px: int, device: str) -> Iterator[NDArray[np.uint8]]:
    """As `crops`; of each clip only the stretches that are cut from are drawn."""
    rngs = [np.random.default_rng(seed) for seed in seeds]
    specs = [world.draw_spec(rng) for rng in rngs]
    starts = np.array([rng.integers(frames - CROP_FRAMES + 1, size=_WINDOWS) for rng in rngs])
    times = (starts[:, :, None] + np.arange(CROP_FRAMES)).reshape(len(specs), -1) / max(frames - 1, 1)
    clips = world.render_at(specs, times, size_px, device).cpu().numpy()
    for rng, spec, clip, own in zip(rngs, specs, clips, times, strict=True):
        seen = (1 + world.truth_of(spec, own).things[0].seen[:, :2]) * size_px / 2
        cut = []
        for index in range(CROPS_PER_SCENE):
            first = index % _WINDOWS * CROP_FRAMES
            left, top = rng.integers(0, size_px - crop_px + 1, 2)
            if rng.random() < 0.7:
                left, top = seen[first + CROP_FRAMES // 2] - crop_px / 2 + rng.normal(0, crop_px / 4, 2)
            left, top = (int(np.clip(at, 0, size_px - crop_px)) for at in (left, top))
            cut.append(clip[first : first + CROP_FRAMES, top : top + crop_px, left : left + crop_px])
        yield np.stack(cut)
