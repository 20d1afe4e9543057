"""With the real rooms: a clip marked, signed and registered, then handed on the ways people hand clips on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from core.clip import RGB, Clip
from core.clock import rfc3339
from core.packets import remux
from core.progress import Progress, silent
from core.video import open_clip, transcode, write_clip
from detector import recovery
from detector.reference import reference_of
from detector.report import render_html, summary_lines
from detector.sandbox.credential import read_manifest_sandboxed
from detector.service import Detector
from detector.verdict import Conclusion
from provenance.blobs import MemoryBlobStore
from provenance.fingerprint import fingerprint_clip
from provenance.keys import KeyStore
from provenance.manifest import ManifestFacts
from provenance.records import CredentialState, Release, SoftBinding
from provenance.repository import MemoryManifestRepository
from provenance.signing import sign_clip
from provenance.trust import TrustStore
from watermark.extraction import Extraction
from watermark.payload import Payload
from watermark.pixel import PixelWatermark

pytestmark = pytest.mark.slow
SIZE, FRAMES = 320, 48


def scenery(seed: int) -> RGB:
    """Two seconds of a textured landscape sliding by with a disc on it."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 255, (SIZE + 80, SIZE * 2, 3), dtype=np.uint8)
    ground = cv2.addWeighted(cv2.GaussianBlur(noise, (0, 0), 9), 0.7, cv2.GaussianBlur(noise, (0, 0), 1.2), 0.3, 0)
    ground = cv2.normalize(ground, None, 10, 245, cv2.NORM_MINMAX)
    frames = np.stack([ground[i : i + SIZE, 2 * i : 2 * i + SIZE] for i in range(FRAMES)])
    for number, frame in enumerate(frames):
        cv2.circle(frame, (60 + 3 * number, 150), 36, (220, 40 + seed, 40), -1)
    return frames


@dataclass(frozen=True)
class Studio:
    """One installation with one released clip."""

    folder: Path
    clip: Path
    frames: RGB
    payload: Payload
    keys: KeyStore
    detector: Detector
    pixel: PixelWatermark


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    folder = tmp_path_factory.mktemp("studio")
    keys = KeyStore.create(folder / "keys", "a passphrase", organisation="Test Studio")
    payload = Payload.fresh(keys.watermark_key_id)
    pixel = PixelWatermark()
    frames = scenery(1)
    marked = folder / "marked.mp4"
    clip = Clip.from_array(frames, 24)
    write_clip(pixel.embed(clip, payload, keys.watermark_keys[payload.key_id], psnr_db=42.0), marked, crf=16)
    fingerprint = fingerprint_clip(open_clip(marked))
    bindings = (
        SoftBinding(pixel.alg, payload.to_bytes(), 0, 2000, "pixel watermark"),
        SoftBinding(fingerprint.alg, fingerprint.to_bytes(), 0, 2000, "fingerprint"),
    )
    now = datetime.now(UTC)
    facts = ManifestFacts("Clip", now, SIZE, SIZE, Fraction(24), FRAMES / 24, bindings, "test model")
    signed = sign_clip(marked, folder / "clip.mp4", facts, keys.signer())
    repository = MemoryManifestRepository()
    kept = MemoryBlobStore()
    described = {
        "file": {"width_px": SIZE, "height_px": SIZE, "fps": "24", "duration_s": FRAMES / 24},
        "reference": kept.put(reference_of(open_clip(marked))),
    }
    repository.put(
        Release(
            signed.manifest_id,
            signed.sha256,
            signed.manifest_store,
            bindings,
            fingerprint,
            rfc3339(now),
            described,
        )
    )
    trust = TrustStore.default(own_root_pem=keys.root_pem)
    detector = Detector(trust, repository, pixel, keys.watermark_keys, references=kept.get)
    return Studio(folder, signed.path, frames, payload, keys, detector, pixel)


def test_an_untouched_clip_is_verified(studio: Studio) -> None:
    """The released file: verified, generated, by us, with its own mark found and its page drawn."""
    verdict = studio.detector.verify(studio.clip)
    assert verdict.conclusion is Conclusion.VERIFIED
    assert (verdict.origin, verdict.issuer) == ("generated", "Test Studio")
    assert verdict.manifest is not None
    assert verdict.manifest["trust_list"] == "reelproof"
    assert verdict.watermark["pixel"]["content_id"] == studio.payload.content_hex
    assert "Test Studio" in render_html(verdict)
    assert summary_lines(verdict)[0] == "VERIFIED"


def test_of_an_intact_clip_of_ours_a_part_of_the_pictures_is_enough(studio: Studio) -> None:
    """Every byte is vouched for: eight pictures a second show the mark, and the verdict says what was left out."""
    verdict = studio.detector.verify(studio.clip)
    assert any("Of each second 8 pictures were looked at" in line for line in verdict.limits)
    assert (verdict.file["fps"], verdict.file["duration_s"]) == (24.0, 2.0)
    assert verdict.watermark["pixel"]["found"]
    assert verdict.match is not None
    assert verdict.match["content_agrees"]


def test_a_kept_credential_is_read_once(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read ahead while the pictures are looked at, and not once more when the mark leads there."""
    stores: list[bytes] = []
    read = recovery.read_store_sandboxed
    monkeypatch.setattr(
        recovery,
        "read_store_sandboxed",
        lambda store, *given, **how: stores.append(store) or read(store, *given, **how),
    )
    verdict = studio.detector.verify(studio.clip)
    assert verdict.match is not None
    assert verdict.match["credential"]["issuer"] == "Test Studio"
    assert len(stores) == 1


def test_all_pictures_are_looked_at_where_the_credential_does_not_settle_it(studio: Studio, tmp_path: Path) -> None:
    """Without its credential, or with one byte changed, nothing is left out."""
    bare, changed = tmp_path / "bare.mp4", tmp_path / "changed.mp4"
    remux(studio.clip, bare)
    content = bytearray(studio.clip.read_bytes())
    content[content.index(b"mdat") + 2_000] ^= 1
    changed.write_bytes(content)
    for path in (bare, changed):
        assert not any("Of each second" in line for line in studio.detector.verify(path).limits)


def test_all_pictures_are_looked_at_where_a_part_shows_no_mark(studio: Studio) -> None:
    """A mark that the credential announces and a part of the pictures doesn't show is looked for in all of them."""

    class Weak(PixelWatermark):
        """Reads nothing from fewer than twelve frames a second."""

        rates: ClassVar[list[Fraction]] = []

        def extract(
            self, clip: Clip, keys: Mapping[int, bytes], *, blind: bool = True, progress: Progress = silent
        ) -> Extraction:
            self.rates.append(clip.info.fps)
            return super().extract(clip, keys if clip.info.fps >= 12 else {}, blind=blind, progress=progress)

    verdict = replace(studio.detector, pixel=Weak()).verify(studio.clip)
    assert Weak.rates == [8, 24]
    assert verdict.watermark["pixel"]["found"]
    assert not any("Of each second" in line for line in verdict.limits)


def copied(change: Callable[[RGB], RGB], crf: int = 20) -> Callable[[Studio, Path], None]:
    """A copy made by changing the decoded frames and encoding them anew."""

    def make(studio: Studio, path: Path) -> None:
        frames = change(open_clip(studio.clip).to_array())
        write_clip(Clip.from_array(np.ascontiguousarray(frames), 24), path, crf=crf)

    return make


COPIES: dict[str, tuple[Callable[[Studio, Path], None], str]] = {
    "re-encoded": (lambda s, path: transcode(s.clip, path, crf=18), "re-encoded"),
    "re-encoded hard": (lambda s, path: transcode(s.clip, path, crf=32), "re-encoded"),
    "half size": (lambda s, path: transcode(s.clip, path, crf=20, width_px=SIZE // 2), "scaled to 50 %"),
    "cropped": (copied(lambda f: f[:, 16:304, 16:304]), "cropped to about 81 %"),
    "trimmed": (copied(lambda f: f[12:]), "trimmed: 0.5-2.0 s of 2.0 s"),
    "mirrored": (copied(lambda f: f[:, :, ::-1]), "mirrored left to right"),
}


def test_a_copy_half_of_which_was_replaced_is_altered_even_without_a_mark(studio: Studio, tmp_path: Path) -> None:
    """A second of two, from the middle, is foreign, and no mark is left: the rest still leads to the release."""
    frames = open_clip(studio.clip).to_array()
    frames[12:36] = 255 - scenery(9)[12:36, ::-1]
    copy = tmp_path / "copy.mp4"
    write_clip(Clip.from_array(frames, 24), copy, crf=30)
    verdict = replace(studio.detector, watermark_keys={}).verify(copy)
    assert verdict.conclusion is Conclusion.ALTERED
    assert verdict.match is not None
    assert any(one["kind"] == "replaced_time" and 0.3 < one["start_s"] < 0.7 for one in verdict.match["changes"])


#: Copies gentle enough that this small clip keeps its mark; the others are known by their likeness alone.
MARK_SURVIVES = {"re-encoded", "cropped", "trimmed", "mirrored"}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_without_credential_is_recovered(studio: Studio, tmp_path: Path, name: str) -> None:
    """Its credential gone, the copy still leads back to it, and what was done to it is named."""
    make, edit = COPIES[name]
    make(studio, tmp_path / "copy.mp4")
    verdict = studio.detector.verify(tmp_path / "copy.mp4")
    assert verdict.conclusion is Conclusion.RECOVERED
    assert (verdict.origin, verdict.issuer) == ("generated", "Test Studio")
    assert verdict.manifest is None
    assert verdict.match is not None
    assert verdict.match["content_agrees"]
    assert any(edit in one for one in verdict.match["edits"])
    # Where the likeness alone settled it, the mark's dear search was left out, and the verdict says so.
    is_settled = any("not looked for in cut-out copies" in line for line in verdict.limits)
    assert verdict.watermark["pixel"]["found"] or is_settled or name not in MARK_SURVIVES


def turned(frames: RGB) -> RGB:
    """Turned by a quarter."""
    return np.rot90(frames, axes=(1, 2))


def test_a_turned_copy_is_recovered_and_said_to_be_turned(studio: Studio, tmp_path: Path) -> None:
    """A turned copy is laid back upright before it is compared."""
    copied(turned)(studio, tmp_path / "turned.mp4")
    verdict = studio.detector.verify(tmp_path / "turned.mp4")
    assert verdict.conclusion is Conclusion.RECOVERED
    assert verdict.match is not None
    assert any(one.startswith(("turned by 90", "turned by -90")) for one in verdict.match["edits"])


def pasted(frames: RGB) -> RGB:
    """A twelfth of the picture shows another scene."""
    changed = frames.copy()
    changed[:, 90:182, 170:262] = scenery(5)[: len(frames), 90:182, 170:262]
    return changed


def test_a_replaced_region_is_altered_and_outlined(studio: Studio, tmp_path: Path) -> None:
    """The mark leads back to the release; the part that shows something else is outlined."""
    copied(pasted)(studio, tmp_path / "pasted.mp4")
    verdict = studio.detector.verify(tmp_path / "pasted.mp4")
    assert verdict.conclusion is Conclusion.ALTERED
    assert verdict.origin == "edited"
    assert verdict.regions is not None
    part = verdict.regions["changed"]["parts"][0]
    assert part["kind"] == "replaced"
    left, top, right, bottom = (SIZE * value for value in part["box"])
    assert (left, top, right, bottom) == pytest.approx((170, 90, 262, 182), abs=14)


def test_a_likeness_alone_recovers(studio: Studio, tmp_path: Path) -> None:
    """The same pictures without any mark are known by what they look like."""
    write_clip(Clip.from_array(studio.frames, 24), tmp_path / "unmarked.mp4", crf=20)
    verdict = studio.detector.verify(tmp_path / "unmarked.mp4")
    assert verdict.conclusion is Conclusion.RECOVERED
    assert verdict.match is not None
    assert verdict.match["found_by"] == ["fingerprint"]


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_one_changed_byte_of_the_pictures_is_altered(studio: Studio, tmp_path: Path, place: float) -> None:
    """The mark is there and the frames look alike: the hard binding decides."""
    content = bytearray(studio.clip.read_bytes())
    media = content.rfind(b"mdat")
    content[media + 4 + int(place * (len(content) - media - 5))] ^= 0x01
    (tmp_path / "altered.mp4").write_bytes(content)
    verdict = studio.detector.verify(tmp_path / "altered.mp4")
    assert verdict.conclusion is Conclusion.ALTERED
    assert verdict.issuer == "Test Studio"


def test_a_changed_byte_of_the_credential_never_verifies(studio: Studio, tmp_path: Path) -> None:
    """Whatever byte of the credential changes, the clip is not verified, and nothing crashes."""
    content = studio.clip.read_bytes()
    start = content.find(b"jumb")
    end = content.rfind(b"mdat")
    quick = replace(studio.detector, watermark_keys={})
    for number, place in enumerate(np.linspace(start, end - 40, 6).astype(int)):
        changed = bytearray(content)
        changed[place] ^= 0x10
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(changed)
        assert quick.verify(path).conclusion in (Conclusion.ALTERED, Conclusion.RECOVERED, Conclusion.NO_EVIDENCE)


def test_a_mark_on_foreign_content_is_a_conflict(studio: Studio, tmp_path: Path) -> None:
    """Our mark over other pictures: a conflict that names nobody."""
    key = studio.keys.watermark_keys[studio.payload.key_id]
    foreign = Clip.from_array(scenery(9)[:, ::-1], 24)
    write_clip(studio.pixel.embed(foreign, studio.payload, key), tmp_path / "forged.mp4", crf=16)
    verdict = studio.detector.verify(tmp_path / "forged.mp4")
    assert verdict.conclusion is Conclusion.CONFLICT
    assert verdict.issuer is None
    assert verdict.match is not None
    assert verdict.match["credential"] is None


def test_a_stranger_s_installation_calls_it_untrusted_not_fake(studio: Studio) -> None:
    """Elsewhere, where our root is on no list, the intact clip is signed by somebody unknown."""
    elsewhere = replace(studio.detector, trust=TrustStore.default(), repository=MemoryManifestRepository())
    verdict = replace(elsewhere, watermark_keys={}).verify(studio.clip)
    assert verdict.conclusion is Conclusion.SIGNED_UNTRUSTED
    assert verdict.issuer is None


def test_a_mark_without_record_is_said_so(studio: Studio, tmp_path: Path) -> None:
    """Our mark, but another repository: marked by one of our keys, credential not here."""
    transcode(studio.clip, tmp_path / "copy.mp4", crf=23)
    verdict = replace(studio.detector, repository=MemoryManifestRepository()).verify(tmp_path / "copy.mp4")
    assert verdict.conclusion is Conclusion.NO_EVIDENCE
    assert "not in this repository" in verdict.headline


@pytest.mark.clips
def test_vendor_credentials_are_read_with_the_right_issuer(shared_folder: Path) -> None:
    """Google's and OpenAI's credentials: intact, trusted by the right list, generated; in the confined child."""
    trust = TrustStore.default()
    expected = {"Veo": ("Google LLC", "c2pa"), "Sora": ("OpenAI", "c2pa-interim")}
    for path in sorted((shared_folder / "c2pa" / "vendor").glob("*.mp4")):
        report = read_manifest_sandboxed(path, trust)
        issuer, listed = next(value for name, value in expected.items() if name in path.name)
        assert report.state is CredentialState.PRESENT
        assert report.is_intact
        assert (report.issuer, report.trust_list, report.origin) == (issuer, listed, "generated")
