"""Fixtures of the detector's tests: small clips, and files made to do harm."""

import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.clip import Clip
from core.video import write_clip

HERE = Path(__file__).parent


def moving_picture(frames: int = 24, height: int = 96, width: int = 128, seed: int = 7) -> Clip:
    """A small clip with texture and motion: a noise field drifting sideways behind a bright square."""
    rng = np.random.default_rng(seed)
    field = rng.integers(40, 200, (height, width * 2, 3), dtype=np.uint8)
    pictures = np.stack([np.roll(field, 2 * i, axis=1)[:, :width] for i in range(frames)])
    pictures[:, 10:30, 10:30] = 255
    return Clip.from_array(pictures, Fraction(12))


@pytest.fixture(scope="session")
def small_mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of 128x96 H.264."""
    path = tmp_path_factory.mktemp("clips") / "small.mp4"
    write_clip(moving_picture(), path, crf=20, preset="veryfast")
    return path


def vp9_bomb(keyframe: bytes, width: int, height: int, repeats: int) -> bytes:
    """An IVF file that shows one picture again and again: one byte (`show_existing_frame`) a frame."""
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"VP90", width, height, 30, 1, 0, 0)
    packets = [keyframe, *[b"\x88"] * repeats]
    return header + b"".join(struct.pack("<IQ", len(packet), i) + packet for i, packet in enumerate(packets))


@pytest.fixture(scope="session")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 20 KB that decode to 37 GB of 3840x2160, named as an MP4; its header announces no frame count."""
    folder = tmp_path_factory.mktemp("bombs")
    black = np.zeros((1, 2160, 3840, 3), np.uint8)
    write_clip(Clip.from_array(black, 30), folder / "one.webm", crf=60, codec="libvpx-vp9")
    with av.open(str(folder / "one.webm")) as source:
        keyframe = next(bytes(packet) for packet in source.demux(video=0) if packet.size)
    path = folder / "bomb.mp4"
    path.write_bytes(vp9_bomb(keyframe, 3840, 2160, 1500))
    return path


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> str:
    """The module name of the confinement hooks, importable by children."""
    monkeypatch.syspath_prepend(str(HERE))
    return "sandbox_hooks"


@pytest.fixture
def shared_folder() -> Path:
    """The folder of real clips beside the repository; skips where there is none."""
    folder = Path(os.environ.get("REELPROOF_SHARED", HERE.parents[1].parent / "shared"))
    if not (folder / "clips").is_dir():
        pytest.skip("the real clips are not beside the repository (REELPROOF_SHARED)")
    return folder
