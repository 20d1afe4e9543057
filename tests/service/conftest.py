"""A running server, and clips to send to it."""

import os
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright

from core.clip import Clip
from core.video import write_clip
from generator.fake import FakeBackend
from generator.port import GenerationRequest
from tests.service.running import RunningServer

CHROMIUM = os.environ.get("REELPROOF_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one the test is skipped. One a module: an open one holds the event loop."""
    if not Path(CHROMIUM).exists():
        pytest.skip("no chromium here: the pages were not tried in a browser")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all tests that don't end it."""
    running = RunningServer(tmp_path_factory.mktemp("service") / "home")
    running.start()
    yield running
    running.end()


@pytest.fixture(scope="session")
def plain_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small clip that nobody marked or signed."""
    path = tmp_path_factory.mktemp("clips") / "plain.mp4"
    y, x = np.mgrid[:128, :160].astype(np.float32)
    frames = np.stack([np.stack([x + 3 * i, y + i, x / 2 + y / 2], -1) % 256 for i in range(25)]).astype(np.uint8)
    write_clip(Clip.from_array(frames, Fraction(12)), path)
    return path


@pytest.fixture(scope="session")
def large_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 256×256 pixels and 2 seconds, large enough to be sealed."""
    path = tmp_path_factory.mktemp("clips") / "large.mp4"
    backend = FakeBackend()
    request = GenerationRequest(prompt="a grey field", width_px=256, height_px=256, seed=5)
    shape = backend.latent_spec(request).shape
    latents = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
    write_clip(backend.generate(request, latents).clip, path)
    return path
