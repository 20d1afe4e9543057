"""Rules of a release that sounds: what is kept of it, and what is told of its copies."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from bench.sounds import RATE_HZ, Samples, music, sound_of, speech, with_sound
from core.clip import Clip
from core.video import transcode, write_clip
from detector.verdict import Conclusion, Verdict
from generator.fake import FakeBackend, FakeInverter
from provenance.blobs import FolderBlobStore
from provenance.sound import read_kept_sound
from reelproof.backends import Backends
from reelproof.releases import ReleaseReport, SealFacts
from reelproof.settings import Settings
from reelproof.wiring import Services, build

pytestmark = pytest.mark.slow
SECONDS = 6.0


def scenery(seconds: float, side: int = 256) -> Clip:
    """A textured ground sliding by at 12 frames a second."""
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 255, (side, side + round(36 * seconds), 3), dtype=np.uint8)
    ground = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), noise, 10, 245, cv2.NORM_MINMAX)
    return Clip.from_array(np.stack([ground[:, 3 * i : 3 * i + side] for i in range(round(12 * seconds))]), 12)


@dataclasses.dataclass(frozen=True)
class Sealed:
    """A home with one sealed clip that sounds and one that doesn't."""

    folder: Path
    services: Services
    sounding: tuple[Path, ReleaseReport]
    silent: tuple[Path, ReleaseReport]

    def copy(self, name: str, sound: Samples | None, *, of: str = "sounding") -> Path:
        """The release's pictures encoded anew, beside this sound."""
        pictures, path = self.folder / f"{of}-pictures.mp4", self.folder / f"{name}.mp4"
        if not pictures.exists():
            transcode(getattr(self, of)[0], pictures, crf=26)
        return pictures if sound is None else with_sound(pictures, sound, path)

    def verdict(self, path: Path) -> Verdict:
        """What is said of a copy."""
        return self.services.detector.verify(path)

    @property
    def released(self) -> Samples:
        """The release's own sound."""
        return sound_of(self.sounding[0])[: round(SECONDS * RATE_HZ)]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    folder = tmp_path_factory.mktemp("sound")
    backends = Backends({"embedded": FakeBackend}, {"embedded": lambda _: FakeInverter()})
    services = build(Settings(home=folder / "home"), backends=backends)
    write_clip(scenery(SECONDS), folder / "mute.mp4", crf=16, preset="veryfast")
    with_sound(folder / "mute.mp4", speech(SECONDS, 31), folder / "given.mp4", kbits=128)
    made = []
    for given, out in (("given", "a"), ("mute", "b")):
        path = folder / f"{out}.mp4"
        made.append((path, services.pipeline.seal(folder / f"{given}.mp4", path, SealFacts())))
    return Sealed(folder, services, *made)


def facts_of(sealed: Sealed, report: ReleaseReport) -> dict[str, object]:
    release = sealed.services.repository.get(report.manifest_id)
    assert release is not None
    return release.facts


def kept_in(services: Services) -> FolderBlobStore:
    store = services.pipeline.references
    assert isinstance(store, FolderBlobStore)
    return store


def said_of_sound(verdict: Verdict) -> str:
    (said,) = (one for one in verdict.limits if one.startswith("The sound was"))
    return said


def test_a_release_keeps_its_sound_as_a_fingerprint(sealed: Sealed) -> None:
    """Its facts name it in the blob store; of a clip without a track they say that it had none."""
    digest = facts_of(sealed, sealed.sounding[1])["sound"]
    assert isinstance(digest, str)
    assert read_kept_sound(kept_in(sealed.services).get(digest)).duration_s == pytest.approx(SECONDS, abs=0.1)
    assert facts_of(sealed, sealed.silent[1])["sound"] is None


def test_of_the_release_itself_nothing_is_compared(sealed: Sealed) -> None:
    """Intact bytes need no comparison, and the limits say why there was none."""
    verdict = sealed.verdict(sealed.sounding[0])
    assert verdict.conclusion is Conclusion.VERIFIED
    assert said_of_sound(verdict) == "The sound was not studied: every byte is as it was released."
    assert verdict.sound is None


Change = Callable[[Samples], Samples | None]


def _dubbed(sound: Samples) -> Samples:
    changed = sound.copy()
    changed[2 * RATE_HZ : 4 * RATE_HZ] = music(SECONDS, 32)[2 * RATE_HZ : 4 * RATE_HZ]
    return changed


@pytest.mark.parametrize(
    ("name", "change", "conclusion", "edit"),
    [
        ("same", lambda sound: sound, Conclusion.RECOVERED, ""),
        ("dubbed", _dubbed, Conclusion.ALTERED, "sound replaced at "),
        ("other", lambda sound: music(SECONDS, 33), Conclusion.ALTERED, "sound replaced"),
        ("removed", lambda sound: None, Conclusion.RECOVERED, "sound removed"),
        (
            "late",
            lambda sound: np.concatenate([0 * sound[: RATE_HZ // 2], sound]),
            Conclusion.RECOVERED,
            "sound 0.5",
        ),
    ],
)
def test_a_copy_is_told_what_happened_to_its_sound(
    sealed: Sealed, name: str, change: Change, conclusion: Conclusion, edit: str
) -> None:
    """Other sound alters it; the same, none or a late one does not, and each is told among the edits."""
    verdict = sealed.verdict(sealed.copy(name, change(sealed.released)))
    assert verdict.conclusion is conclusion
    assert verdict.match is not None
    told = [one for one in verdict.match["edits"] if "sound" in one]
    assert [one.startswith(edit) for one in told] == ([True] if edit else [])
    assert said_of_sound(verdict).startswith("The sound was compared with the release's")
    assert verdict.sound is not None
    kinds = {one["kind"] for one in verdict.match["changes"] if one["kind"].startswith("sound_")}
    assert bool(kinds) == bool(edit)


def test_a_dubbed_copy_says_where(sealed: Sealed) -> None:
    """The headline names the sound, the evidence the seconds, and the pictures stay the release's."""
    verdict = sealed.verdict(sealed.copy("dubbed", _dubbed(sealed.released)))
    assert "with other sound than it was released with" in verdict.headline
    assert (verdict.origin, verdict.match and verdict.match["content_agrees"]) == ("edited", True)
    (change,) = (one for one in (verdict.match or {})["changes"] if one["kind"] == "sound_replaced")
    assert (change["start_s"], change["end_s"]) == (pytest.approx(2.0, abs=0.25), pytest.approx(4.0, abs=0.25))
    (tamper,) = (one for one in verdict.evidence if one.source == "tamper")
    assert tamper.outcome == "failed"
    assert "The sound is not the release's at" in tamper.detail["says"]


def test_sound_under_a_silent_release_is_told_and_alters_nothing(sealed: Sealed) -> None:
    """Most people put music under a silent clip: it is named, with the words that the release had none."""
    verdict = sealed.verdict(sealed.copy("scored", music(SECONDS, 34), of="silent"))
    assert verdict.conclusion is Conclusion.RECOVERED
    assert "sound added, where the release had none, throughout" in (verdict.match or {})["edits"]
    plain = sealed.verdict(sealed.copy("plain", None, of="silent"))
    assert not [one for one in (plain.match or {})["edits"] if "sound" in one]


def test_a_damaged_sound_track_takes_nothing_from_the_verdict(sealed: Sealed) -> None:
    """Pictures are recognised as ever; that the sound can't be decoded is a limit, told in words."""
    path = sealed.copy("whole", sealed.released)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as opened:
        places = [(packet.pos, packet.size) for packet in opened.demux(audio=0) if packet.size]
    for place, size in places:
        content[place : place + size] = b"\xff" * size
    (sealed.folder / "damaged.mp4").write_bytes(content)
    verdict = sealed.verdict(sealed.folder / "damaged.mp4")
    assert verdict.conclusion is Conclusion.RECOVERED
    assert said_of_sound(verdict) == "The sound was not studied: nothing of it could be decoded."
