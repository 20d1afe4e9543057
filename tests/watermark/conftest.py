"""Small synthetic clips like those of the embedded model, and a keyed codec to mark them with."""

import numpy as np
import pytest

from core.clip import Clip
from watermark.payload import Payload

KEY = bytes(range(32))
PAYLOAD = Payload(1, 0x2468ACE13579BD)


def moving_discs(frames: int = 24, side_px: int = 256, seed: int = 1, width_px: int | None = None) -> np.ndarray:
    """Coloured discs moving over a plain gradient, uint8 (frames, side_px, width_px, 3)."""
    rng, width = np.random.default_rng(seed), width_px or side_px
    rows, columns = np.mgrid[0:side_px, 0:width].astype(np.float32)
    top, bottom = rng.uniform(40, 200, (2, 3))
    discs = [
        (rng.uniform(0.2, 0.8, 2), rng.uniform(-3, 3, 2), rng.uniform(0.08, 0.2), rng.uniform(20, 240, 3))
        for _ in "ab"
    ]
    pictures = []
    for t in range(frames):
        share = (rows / side_px)[..., None]
        picture = top * (1 - share) + bottom * share
        for (y, x), (down, across), radius, colour in discs:
            distance = np.hypot(rows - y * side_px - down * t, columns - x * width - across * t)
            inside = np.clip(radius * side_px - distance + 0.5, 0, 1)[..., None]
            picture = picture * (1 - inside) + colour * inside
        pictures.append(np.rint(picture).clip(0, 255).astype(np.uint8))
    return np.stack(pictures)


@pytest.fixture(scope="session")
def discs() -> Clip:
    """A clip of the demo's size: 256 x 256, 24 frames at 12 fps."""
    return Clip.from_array(moving_discs(), 12)


@pytest.fixture
def key() -> bytes:
    return KEY


@pytest.fixture
def payload() -> Payload:
    return PAYLOAD
