"""The gallery: what the model makes of prompts that a visitor may try, as strips of frames beside the prompt."""

import json
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from core.files import write_atomically
from generator.embedded.backend import EmbeddedBackend
from generator.port import GenerationRequest, Shot

#: Prompt, seed, and the shots that follow. Chosen to show each thing once, before any was looked at.
SHOWN: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("a red ball bounces in a studio", 1, ()),
    ("a golden star spins at night", 1, ()),
    ("a cyan cube moves to the right on a checkered floor", 1, ()),
    ("a green cone grows under a pale sky", 1, ()),
    ("a purple ring circles in a studio", 1, ()),
    ("an orange pyramid stands still on a checkered floor, the camera pans left", 1, ()),
    ("a red ball left of a blue cube in a studio", 1, ()),
    ("a green star above a yellow ball at night", 1, ()),
    (
        "a blue cube moves to the right on a checkered floor",
        3,
        ("a blue cube moves to the left on a checkered floor", "a green cube spins on a checkered floor"),
    ),
)
_SIDE, _FRAMES, _QUALITY = 128, 6, 70


def make_gallery(backend: EmbeddedBackend, folder: Path, *, quiet: bool) -> dict[str, int]:
    """Write a WebP strip a prompt and `gallery.json` into a folder; counts what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for index, (prompt, seed, shots) in enumerate(track(SHOWN, "gallery", disable=quiet), start=1):
        request = GenerationRequest(prompt, seed=seed, shots=tuple(Shot(text) for text in shots))
        noise = np.random.default_rng(seed).standard_normal(backend.latent_spec(request).shape).astype(np.float32)
        frames = backend.generate(request, noise).clip.to_array()
        picked = frames[np.linspace(0, len(frames) - 1, _FRAMES).round().astype(int)]
        tiles = [cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for frame in picked]
        strip = np.concatenate(tiles, axis=1)[..., ::-1]
        _, packed = cv2.imencode(".webp", strip, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
        write_atomically(folder / f"{index:02}.webp", packed.tobytes())
        rows.append({"picture": f"{index:02}.webp", "prompt": prompt, "seed": seed, "shots": shots})
    about = {"model": backend.model.name, "weights_sha256": backend.model.digest, "clips": rows}
    write_atomically(folder / "gallery.json", (json.dumps(about, indent=1) + "\n").encode())
    return {"gallery_clips": len(rows)}
