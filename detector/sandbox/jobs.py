"""What runs inside a confined child. Imported there before the fences go up; it has no use elsewhere."""

import importlib
import os
import pkgutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.clip import ClipInfo
from core.errors import UnreadableInput
from core.video import DecodeLimits, container_tags, open_clip, sparse_frames
from detector.sandbox import wire
from detector.sandbox.child import Bench
from detector.sandbox.limits import SandboxLimits

_MAX_TAGS, _MAX_TAG_CHARACTERS = 64, 4_000


def _load_the_rest_of(package: str) -> None:
    """Import every module of a package that loads its parts on first use: behind the fences it no longer can."""
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def rehearse() -> None:
    """Decode four small frames of our own, so that everything that loads on first use is loaded."""
    _load_the_rest_of("av")
    with Path(__file__).with_name("rehearsal.mp4").open("rb") as file:
        for _ in open_clip(file).timed_frames():
            pass


def _decode_limits(limits: SandboxLimits, input_bytes: int) -> DecodeLimits:
    return DecodeLimits(
        max_side_px=max(limits.max_width_px, limits.max_height_px),
        max_frame_pixels=limits.max_frame_pixels,
        max_frames=limits.max_frames,
        max_total_pixels=limits.decoded_bytes_allowed(input_bytes) // 3,
    )


def _info_json(info: ClipInfo) -> dict[str, Any]:
    return {**vars(info), "fps": [info.fps.numerator, info.fps.denominator]}


def _tags(bench: Bench) -> dict[str, str]:
    """The container's own tags, cut to a sane number and length."""
    tags = container_tags(bench.file)
    cut = {key[:_MAX_TAG_CHARACTERS]: text[:_MAX_TAG_CHARACTERS] for key, text in tags.items()}
    return dict(list(cut.items())[:_MAX_TAGS])


def stream_video(bench: Bench) -> None:
    """Send the clip's info and tags, then as raw RGB every frame, or so many a second as the parent then tells."""
    limits = _decode_limits(bench.limits, os.fstat(bench.file.fileno()).st_size)
    clip = open_clip(bench.file, limits)
    bench.reply({"info": _info_json(clip.info), "tags": _tags(bench)})
    expected = (clip.info.height_px, clip.info.width_px, 3)
    per_s = bench.next_number()
    for frame in sparse_frames(bench.file, clip.info, per_s, limits) if per_s else clip.timed_frames():
        if frame.rgb.shape != expected:
            raise UnreadableInput(
                f"the picture changes its size in the middle, at {frame.time_s:.2f} s",
                code="not_a_video",
                hint="Encode the clip again at one size.",
            )
        head = wire.FRAME_HEADER.pack(frame.time_s, *frame.rgb.shape[:2])
        wire.send(bench.output, wire.FRAME, head, frame.rgb.data)


def _is_refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return True
    return False


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def test_fences(bench: Bench) -> None:
    """Try what a confined child must not be able to do, and report which fences were granted and held."""
    attempts: dict[str, Callable[[], object]] = {
        "reading_files": lambda: os.open("/etc/hostname", os.O_RDONLY),
        "writing_files": lambda: os.open("/tmp/reelproof-fence", os.O_WRONLY | os.O_CREAT),
        "listing_folders": lambda: os.listdir("/"),
        "network": lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
        "network_datagrams": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "starting_programs": lambda: os.execv("/bin/true", ["true"]),
        "starting_processes": _fork,
        "signalling_others": lambda: os.kill(os.getppid(), 0),
    }
    refused = {name: _is_refused(attempt) for name, attempt in attempts.items()}
    bench.reply({"granted": bench.confinement.to_json(), "refused": refused})
