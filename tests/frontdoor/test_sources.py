"""Clips made from pictures and clips: what may be given together, who sees it, and what the credential says."""

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.clip import Clip
from core.errors import RequestRefused, UsageError
from core.progress import Progress, silent
from core.video import open_clip, write_clip
from generator.fake import FakeBackend, FakeInverter
from generator.port import Capabilities, GeneratedClip, GenerationRequest, GivenMedia, Latents
from provenance.reading import read_manifest
from provenance.trust import TrustStore
from reelproof.backends import Backends
from reelproof.settings import Settings
from reelproof.sources import NO_SOURCES, Sources
from reelproof.wiring import Services, build

REQUEST = GenerationRequest("a red ball on a green floor", seed=3)
PICTURE, OTHER, CLIP = Path("a.png"), Path("b.png"), Path("c.mp4")


class MediaBackend(FakeBackend):
    """The procedural generator as one that takes pictures and clips; keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = dataclasses.replace(
            self.capabilities, image=True, last_frame=True, extend=True, video=True
        )
        self.given: list[GivenMedia | None] = []

    def generate(self, request: GenerationRequest, latents: Latents, progress: Progress = silent) -> GeneratedClip:
        self.given.append(request.media)
        return super().generate(request, latents, progress)


@pytest.fixture
def backend() -> MediaBackend:
    return MediaBackend()


@pytest.fixture
def able(settings: Settings, backend: MediaBackend) -> Services:
    made = build(settings, backends=Backends({"embedded": lambda: backend}, {"embedded": lambda _: FakeInverter()}))
    return dataclasses.replace(made, made_keys=False)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "start.png"
    cv2.imwrite(str(path), np.full((48, 64, 3), (10, 200, 30), np.uint8))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "before.mp4"
    frames = np.random.default_rng(0).integers(0, 255, (13, 64, 64, 3), dtype=np.uint8)
    write_clip(Clip.from_array(frames, Fraction(12)), path)
    return path


@pytest.mark.parametrize(
    "given",
    [
        {"first_frame": PICTURE, "clip": CLIP},
        {"last_frame": PICTURE, "clip": CLIP, "is_extended": True},
        {"is_extended": True},
        {"strength": 0.5},
        {"clip": CLIP, "is_extended": True, "strength": 0.5},
    ],
)
def test_what_contradicts_is_refused(given: dict[str, object]) -> None:
    """Pictures beside a clip, an extension of nothing, an extension with a strength."""
    with pytest.raises(UsageError) as told:
        Sources(**given)  # type: ignore[arg-type]
    assert told.value.code == "media_conflict"


@pytest.mark.parametrize(
    "sources",
    [
        NO_SOURCES,
        Sources(PICTURE),
        Sources(PICTURE, OTHER),
        Sources(clip=CLIP, strength=0.4),
        Sources(clip=CLIP, is_extended=True),
    ],
)
def test_sources_survive_json(sources: Sources) -> None:
    """A job's JSON gives back the very sources, and an empty one gives none."""
    assert Sources.from_json(sources.to_json()) == sources
    assert Sources.from_json({}) == NO_SOURCES


def test_a_backend_says_what_it_does_not_take() -> None:
    """Each kind of source needs its own capability; none needs none."""
    able_to_nothing = Capabilities(True, True, True, True)
    NO_SOURCES.use.require(able_to_nothing, "x")
    wanted = {"image": Sources(PICTURE), "last_frame": Sources(last_frame=PICTURE)}
    wanted |= {"video": Sources(clip=CLIP), "extend": Sources(clip=CLIP, is_extended=True)}
    for capability, sources in wanted.items():
        with pytest.raises(UsageError, match="does not take"):
            sources.use.require(able_to_nothing, "x")
        sources.use.require(dataclasses.replace(able_to_nothing, **{capability: True}), "x")


def test_a_picture_reaches_the_model_and_the_credential(
    able: Services, backend: MediaBackend, picture: Path, tmp_path: Path
) -> None:
    """The decoded picture begins the clip; the manifest names it as an input, the log as a reference."""
    out = tmp_path / "out.mp4"
    report = able.pipeline.generate(REQUEST, out, sources=Sources(first_frame=picture))
    media = backend.given[0]
    assert media is not None
    assert media.first_frame is not None
    assert np.abs(media.first_frame.astype(int) - (30, 200, 10)).max() <= 3
    manifest = read_manifest(out, TrustStore.default(able.keys.root_pem))
    assert manifest.origin == "generated"
    assert [one["relationship"] for one in manifest.ingredients] == ["inputTo"]
    entry = able.pipeline.log.entry(report.log["index"])
    assert entry["outcome"] == "allow"


def test_an_extension_opens_its_parent(able: Services, backend: MediaBackend, clip: Path, tmp_path: Path) -> None:
    """A clip that was gone on from is the parent of the new one, whose credential says that it was extended."""
    out = tmp_path / "out.mp4"
    able.pipeline.generate(REQUEST, out, sources=Sources(clip=clip, is_extended=True))
    media = backend.given[0]
    assert media is not None
    assert media.is_extended
    assert media.clip is not None
    assert len(media.clip.to_array()) == len(open_clip(clip).to_array())
    manifest = read_manifest(out, TrustStore.default(able.keys.root_pem))
    assert [one["relationship"] for one in manifest.ingredients] == ["parentOf"]
    done = manifest.assertions["c2pa.actions.v2"]["actions"]
    assert [one["action"] for one in done[:2]] == ["c2pa.opened", "c2pa.edited"]
    assert done[1]["description"].startswith("extended")


def test_an_unreadable_picture_is_refused_by_the_policy(
    able: Services, backend: MediaBackend, tmp_path: Path
) -> None:
    """Bytes that are no picture never reach the model."""
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(RequestRefused):
        able.pipeline.generate(REQUEST, tmp_path / "out.mp4", sources=Sources(first_frame=broken))
    assert backend.given == []
    assert not (tmp_path / "out.mp4").exists()


def test_a_backend_that_takes_no_pictures_is_not_given_any(
    services: Services, picture: Path, tmp_path: Path
) -> None:
    """What a backend can't use is refused, never dropped."""
    with pytest.raises(UsageError) as told:
        services.pipeline.generate(REQUEST, tmp_path / "out.mp4", sources=Sources(first_frame=picture))
    assert told.value.code == "unsupported_media"


def test_the_command_takes_files(
    command: Callable[..., tuple[int, str, str]], picture: Path, clip: Path, tmp_path: Path
) -> None:
    """Contradicting options and missing files are told apart, each with a hint and without a traceback."""
    out = tmp_path / "out.mp4"
    code, _, told = command("generate", "a ball", "-o", out, "--image", picture, "--video", clip)
    assert (code, "can't both be given" in told) == (2, True)
    code, _, told = command("generate", "a ball", "-o", out, "--image", tmp_path / "none.png")
    assert code != 0
    assert "none.png" in told
    assert not out.exists()
