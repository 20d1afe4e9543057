"""Rules of a clip that the trained model made: what `make demo` shows, held as tests."""

import json
from pathlib import Path

import cv2
import pytest

from core.clip import Clip
from core.video import open_clip, transcode, write_clip
from generator.port import GenerationRequest, Shot
from reelproof.demo.story import PROMPT
from reelproof.pages import STATIC
from reelproof.releases import ReleaseReport
from reelproof.settings import Settings
from reelproof.wiring import Services, build
from watermark.payload import Payload

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Services, Path, ReleaseReport]:
    folder = tmp_path_factory.mktemp("embedded")
    services = build(Settings(home=folder / "home"))
    clip = folder / "clip.mp4"
    return services, clip, services.pipeline.generate(GenerationRequest(PROMPT, seed=1), clip)


Released = tuple[Services, Path, ReleaseReport]


def test_the_model_makes_a_clip_of_the_promised_size(released: Released) -> None:
    """At least 256 by 256 pixels and two seconds, from words the model knows."""
    _, clip, report = released
    info = open_clip(clip).info
    assert min(info.width_px, info.height_px) >= 256
    assert 2.0 <= info.duration_s <= 3.0
    assert report.coverage == {"score": 1.0, "warnings": []}


def test_the_fidelity_of_the_mark_is_as_asked(released: Released) -> None:
    """The pixel mark stays at 42 dB or better on the model's smooth pictures."""
    assert released[2].watermark["pixel"]["psnr_db"] >= 42.0


def test_both_marks_name_the_clip_after_crf_30(released: Released, tmp_path: Path) -> None:
    """Stripped and re-encoded at CRF 30, the pixels give the exact ID, and the initial noise its short form."""
    services, clip, report = released
    copy = tmp_path / "copy.mp4"
    transcode(clip, copy, crf=30)
    payload = Payload(services.keys.watermark_key_id, int(report.content_id, 16))
    pixel = services.pipeline.pixel.extract(open_clip(copy), services.keys.watermark_keys)
    assert pixel.payload == payload
    latents = services.backends.inverter("embedded").invert(open_clip(copy))
    noise = services.pipeline.noise.extract(latents, services.keys.watermark_keys)
    assert noise.found
    assert noise.payload == payload or noise.short_id == payload.short_id


def test_a_clip_of_several_shots_is_marked_from_end_to_end(released: Released, tmp_path: Path) -> None:
    """Six seconds in three shots: its ID is read from the last shot alone, and the initial noise from the first."""
    services, _, _ = released
    clip, tail = tmp_path / "shots.mp4", tmp_path / "tail.mp4"
    shots = (Shot("a blue cube moves to the left", 2.0), Shot("a green cube spins", 2.0))
    request = GenerationRequest("a blue cube moves to the right", seed=3, shots=shots)
    report = services.pipeline.generate(request, clip)
    whole = open_clip(clip)
    assert whole.info.duration_s == pytest.approx(25 / 12 + 4.0, abs=0.1)
    payload = Payload(services.keys.watermark_key_id, int(report.content_id, 16))
    frames = whole.to_array()
    write_clip(Clip.from_array(frames[-24:], whole.info.fps), tail, crf=23)
    assert services.pipeline.pixel.extract(open_clip(tail), services.keys.watermark_keys).payload == payload
    latents = services.backends.inverter("embedded").invert(whole)
    assert services.pipeline.noise.extract(latents, services.keys.watermark_keys).found


def test_the_gallery_shows_these_weights(released: Released) -> None:
    """The studio's pictures were made by the weights that are shipped, one for each prompt."""
    gallery = json.loads((STATIC / "gallery" / "gallery.json").read_text())
    model = released[0].backends["embedded"].model
    assert (gallery["model"], gallery["weights_sha256"]) == (model.name, model.digest)
    for clip in gallery["clips"]:
        picture = cv2.imread(str(STATIC / "gallery" / clip["picture"]))
        assert picture is not None
        assert picture.std() > 10


def test_another_key_finds_nothing(released: Released) -> None:
    """Without the key there is no mark to see, in the pixels or in the noise."""
    services, clip, _ = released
    strangers = {1: bytes(range(32))}
    assert not services.pipeline.pixel.extract(open_clip(clip), strangers, blind=False).found
    latents = services.backends.inverter("embedded").invert(open_clip(clip))
    assert not services.pipeline.noise.extract(latents, strangers).found


def test_an_independent_reader_agrees(released: Released, tmp_path: Path) -> None:
    """`encypher-c2pa`, another implementation, finds the demo clip intact and a changed one broken."""
    encypher = pytest.importorskip("encypher_c2pa")
    from reelproof.demo.story import picture_byte

    services, clip, report = released
    changed = bytearray(clip.read_bytes())
    changed[picture_byte(bytes(changed))] ^= 1
    (tmp_path / "changed.mp4").write_bytes(bytes(changed))
    whole, broken = (
        encypher.verify(
            path,
            "video/mp4",
            trust_pem=services.keys.root_pem,
            no_default_trust=True,
            telemetry=False,
            online=False,
        )
        for path in (clip, tmp_path / "changed.mp4")
    )
    assert (whole["integrity"], whole["signature"], whole["hard_binding"]) == ("valid", "valid", "match")
    assert whole["validation_results"]["failure"] == []
    assert report.manifest_id in str(whole)
    assert broken["hard_binding"] != "match"
