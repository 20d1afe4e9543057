"""A real server for the tests, in a process of its own: real policy, log, keys, marks, credentials and detector;
only the generator is the small procedural one, which can be slowed down and told to kill its process.

Usage: python serving.py HOME PORT
"""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from core.clip import Clip
from core.progress import Progress, silent
from detector.ports import PixelReader
from generator.fake import FakeBackend
from generator.port import GeneratedClip, GenerationRequest, Latents
from reelproof.api.server import run_server
from reelproof.backends import Backends
from reelproof.settings import load_settings
from reelproof.wiring import Services, build
from watermark.extraction import Extraction

STEP_S = float(os.environ.get("SERVING_STEP_S", "0"))


class PacedBackend(FakeBackend):
    """The procedural generator at a chosen pace. A prompt with `poison` kills the server while sampling.

    It takes guides and draws no otherwise for them: they are written down beside the prompts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = replace(self.capabilities, guide=True)

    def generate(self, request: GenerationRequest, latents: Latents, progress: Progress = silent) -> GeneratedClip:
        """Sample, writing one line a call into the home's `samplings` file, and its guide into `guides`."""
        if request.guide is not None:
            with (Path(os.environ["REELPROOF_HOME"]) / "guides").open("a") as drawn:
                drawn.write(json.dumps(request.guide.to_json()) + "\n")
        with (Path(os.environ["REELPROOF_HOME"]) / "samplings").open("a") as counted:
            counted.write(request.prompt + "\n")

        def paced(fraction: float, /) -> None:
            time.sleep(STEP_S)
            progress(fraction)

        if "poison" in request.prompt:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().generate(request, latents, paced)


class UncutReader:
    """The real pixel mark, looked for only where an uncut copy carries it: the long search has tests of its own."""

    def __init__(self, pixel: PixelReader) -> None:
        self._pixel = pixel

    def extract(self, clip: Clip, keys: Mapping[int, bytes], *, blind: bool = False, **more: Any) -> Extraction:
        """The mark's reading, never blind."""
        return self._pixel.extract(clip, keys, blind=False, **more)


def small_services() -> Services:
    """The real services around the paced generator."""
    services = build(load_settings(invert_noise="never"))
    backends = Backends({"embedded": PacedBackend})
    return replace(
        services,
        backends=backends,
        pipeline=replace(services.pipeline, backends=backends),
        detector=replace(services.detector, pixel=UncutReader(services.detector.pixel)),
    )


if __name__ == "__main__":
    os.environ["REELPROOF_HOME"] = sys.argv[1]
    run_server(small_services(), "127.0.0.1", int(sys.argv[2]))
