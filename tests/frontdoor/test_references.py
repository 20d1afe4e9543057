"""References of a request: decoded in the sandbox, refused where they show a face or can't be read."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.clip import Clip
from core.errors import UnreadableInput, UsageError
from core.video import write_clip
from detector.sandbox.picture import read_picture_sandboxed
from policy.codes import Code
from reelproof.references import Reference
from reelproof.wiring import Services
from tests.policy.test_policy_references import drawn_face, shapes

Command = Callable[..., tuple[int, str, str]]


def written(path: Path, picture: np.ndarray) -> Path:
    cv2.imwrite(str(path), picture[:, :, ::-1])
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_picture_comes_out_of_the_sandbox_as_it_is(tmp_path: Path, suffix: str) -> None:
    """PNG exactly, the others nearly; a large one at 1,280 pixels."""
    original = shapes()
    read = read_picture_sandboxed(written(tmp_path / f"p{suffix}", original))
    assert read.shape == original.shape
    assert np.abs(read.astype(int) - original).mean() < (0.001 if suffix == ".png" else 6)
    large = read_picture_sandboxed(written(tmp_path / "large.png", np.zeros((1500, 3000, 3), np.uint8)))
    assert large.shape == (640, 1280, 3)


@pytest.mark.parametrize(
    "content", [b"x", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b"\xff\xd8\xff" + b"\1" * 999, b"BM" + b"\0" * 60]
)
def test_what_is_no_picture_is_told_so(tmp_path: Path, content: bytes) -> None:
    """Rubbish, cut-off pictures and kinds that aren't taken are unreadable input, never a crash."""
    path = tmp_path / "p.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableInput) as refused:
        read_picture_sandboxed(path)
    assert refused.value.hint


def test_a_picture_bomb_is_stopped(tmp_path: Path) -> None:
    """A small file that would decode to 400 megapixels is refused, not decoded."""
    path = tmp_path / "bomb.png"
    cv2.imwrite(str(path), np.zeros((20_000, 20_000), np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    with pytest.raises(UnreadableInput):
        read_picture_sandboxed(path)


def test_facts_of_references(services: Services, tmp_path: Path) -> None:
    """Faces are counted in pictures and clips; what can't be decoded is unreadable; kinds and files are checked."""
    look = services.pipeline.looker.look
    face = written(tmp_path / "face.png", drawn_face())
    assert look(Reference("image", face)).faces == 1
    video = tmp_path / "face.mp4"
    write_clip(Clip.from_array(np.stack([drawn_face()] * 6), Fraction(6)), video)
    facts = look(Reference("video", video))
    assert (facts.faces, facts.is_readable, facts.is_camera_origin) == (1, True, False)
    rubbish = tmp_path / "rubbish.png"
    rubbish.write_bytes(b"nothing")
    assert not look(Reference("image", rubbish)).is_readable
    with pytest.raises(UsageError):
        look(Reference("audio", face))
    with pytest.raises(UnreadableInput):
        look(Reference("image", tmp_path / "none.png"))


def test_policy_check_looks_at_references(command: Command, tmp_path: Path) -> None:
    """A face without a token is refused by its code, with one allowed; a plain picture is allowed."""
    face, plain = written(tmp_path / "face.png", drawn_face()), written(tmp_path / "plain.png", shapes())
    code, said, _ = command("policy", "check", "a person waves", "--image", face, "--json")
    assert (code, json.loads(said)["codes"]) == (3, [int(Code.REFERENCE_FACE)])
    assert command("policy", "check", "a ball rolls", "--image", plain)[0] == 0
    token = json.loads(command("consent", "grant", "Marlene Oberhauser", "--json")[1])["token"]
    assert command("policy", "check", "a person waves", "--image", face, "--consent", token)[0] == 0
    rubbish = tmp_path / "rubbish.mp4"
    rubbish.write_bytes(b"nothing")
    code, said, _ = command("policy", "check", "waves", "--video", rubbish, "--json")
    assert (code, json.loads(said)["codes"]) == (3, [int(Code.REFERENCE_UNREADABLE)])


def test_a_camera_clip_is_told_by_its_credential(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A video whose credential attests a capture needs consent even where no face is seen."""
    from provenance.records import CredentialState, ManifestReport

    # The credential's reading has rules of its own in tests/provenance; here only what follows from it counts.
    report = ManifestReport(CredentialState.PRESENT, origin="captured")
    monkeypatch.setattr("reelproof.references.read_manifest_sandboxed", lambda *_: report)
    video = tmp_path / "plain.mp4"
    write_clip(Clip.from_array(np.stack([shapes()] * 6), Fraction(6)), video)
    facts = services.pipeline.looker.look(Reference("video", video))
    assert facts.subjects() == ("camera_capture",)
