"""Files whose right conclusion is known because they were made here: releases, copies, edits, forgeries, rubbish.

Scenes are drawn or taken from the real clips beside the repository (development half); every fourth is never
released and serves as foreign footage. Releases are marked, signed and registered by the real rooms; a partner on
the operator's own trust list and a stranger on none sign too.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from bench.detector_changes import excerpt, is_sealed, shared_clips
from core.clip import RGB, Clip
from core.clock import rfc3339
from core.packets import remux
from core.video import open_clip, transcode, write_clip
from detector.reference import reference_of
from detector.service import Detector
from detector.verdict import Conclusion
from provenance.blobs import MemoryBlobStore
from provenance.fingerprint import fingerprint_clip
from provenance.keys import KeyStore
from provenance.manifest import ManifestFacts
from provenance.records import Release, SoftBinding
from provenance.repository import MemoryManifestRepository
from provenance.signers import LocalSigner, ephemeral_signer
from provenance.signing import sign_clip
from provenance.trust import TrustStore
from watermark.payload import Payload
from watermark.pixel import PixelWatermark

CAMERA = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
SIDE_PX, FRAMES = 320, 48
C = Conclusion


@dataclass(frozen=True)
class FileCase:
    """A file and the one conclusion that is right about it; `others` are as right (see docs/detector.md)."""

    name: str
    expected: Conclusion
    make: Callable[[Path], None]
    others: tuple[Conclusion, ...] = ()


@dataclass(frozen=True)
class Scene:
    """Frames and their rate; a released scene also has its file and payload."""

    name: str
    frames: RGB
    fps: Fraction
    clip: Path | None = None
    payload: Payload | None = None


@dataclass(frozen=True)
class Studio:
    """One installation, a partner that it trusts, and a stranger."""

    folder: Path
    keys: KeyStore
    partner: LocalSigner
    stranger: LocalSigner
    pixel: PixelWatermark
    detector: Detector
    repository: MemoryManifestRepository
    blobs: MemoryBlobStore
    scenes: list[Scene] = field(default_factory=list)
    foreign: list[Scene] = field(default_factory=list)

    @classmethod
    def opened(cls, folder: Path) -> "Studio":
        """A new installation, nothing released yet."""
        now = datetime.now(UTC)
        keys = KeyStore.create(folder / "keys", "a passphrase", organisation="Bench Studio")
        partner, stranger = ephemeral_signer(now, "Partner"), ephemeral_signer(now, "Stranger")
        repository, blobs, pixel = MemoryManifestRepository(), MemoryBlobStore(), PixelWatermark()
        trust = TrustStore.default(own_root_pem=keys.root_pem, custom_pem=partner.root_pem)
        detector = Detector(
            trust, repository, pixel, keys.watermark_keys, invert_noise="never", references=blobs.get
        )
        return cls(folder, keys, partner, stranger, pixel, detector, repository, blobs)

    def marked(self, scene: Scene, payload: Payload) -> Clip:
        """A scene's frames under a mark."""
        key = self.keys.watermark_keys[payload.key_id]
        return self.pixel.embed(Clip.from_array(scene.frames, scene.fps), payload, key, psnr_db=43.0)

    def released(self, scene: Scene) -> Scene:
        """The scene marked, signed and registered."""
        payload = Payload.fresh(self.keys.watermark_key_id)
        plain, out = self.folder / f"{scene.name}-marked.mp4", self.folder / f"{scene.name}.mp4"
        write_clip(self.marked(scene, payload), plain, crf=16, preset="veryfast")
        fingerprint = fingerprint_clip(open_clip(plain))
        bindings = (
            SoftBinding(self.pixel.alg, payload.to_bytes(), name="pixel watermark"),
            SoftBinding(fingerprint.alg, fingerprint.to_bytes(), name="fingerprint"),
        )
        facts = self._facts(scene, bindings)
        signed = sign_clip(plain, out, facts, self.keys.signer())
        described = {
            "file": {"width_px": facts.width_px, "height_px": facts.height_px, "fps": str(scene.fps),
                     "duration_s": facts.duration_s},
            "reference": self.blobs.put(reference_of(open_clip(plain))),
        }  # fmt: skip
        at = rfc3339(facts.created_at)
        self.repository.put(
            Release(signed.manifest_id, signed.sha256, signed.manifest_store, bindings, fingerprint, at, described)
        )
        return Scene(scene.name, scene.frames, scene.fps, out, payload)

    def signed_by(self, signer: LocalSigner, scene: Scene, source: Path, target: Path, kind: str = "") -> None:
        """The file at `source` signed by somebody else, as generated or as the source type `kind`."""
        facts = self._facts(scene, ())
        sign_clip(source, target, facts if not kind else _with_kind(facts, kind), signer)

    def _facts(self, scene: Scene, bindings: tuple[SoftBinding, ...]) -> ManifestFacts:
        count, height, width = scene.frames.shape[:3]
        seconds = count / float(scene.fps)
        return ManifestFacts("Clip", datetime.now(UTC), width, height, scene.fps, seconds, bindings, "model")


def _with_kind(facts: ManifestFacts, kind: str) -> ManifestFacts:
    from dataclasses import replace

    return replace(facts, source_type=kind)


def drawn(seed: int) -> Scene:
    """Two seconds of a textured landscape sliding by with a disc on it."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 255, (SIDE_PX + 80, SIDE_PX * 2, 3), dtype=np.uint8)
    ground = cv2.addWeighted(
        cv2.GaussianBlur(noise, (0, 0), 6 + seed % 5), 0.7, cv2.GaussianBlur(noise, (0, 0), 1.2), 0.3, 0
    )
    ground = cv2.normalize(ground, None, 10, 245, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    frames = np.stack([ground[i : i + SIDE_PX, 2 * i : 2 * i + SIDE_PX] for i in range(FRAMES)])
    for number, frame in enumerate(frames):
        cv2.circle(frame, (60 + 3 * number, 150), 36, (220, 40 + 7 * seed % 200, 40), -1)
    return Scene(f"drawn-{seed}", frames, Fraction(24))


def scenes(count: int) -> Iterator[Scene]:
    """Real clips where there are any (three seconds at most), drawn ones for the rest."""
    made = 0
    try:
        real = sorted((one for one in shared_clips() if not is_sealed(one)), key=lambda one: one.stem[-6:])
    except SystemExit:
        real = []
    for path in real:
        found = excerpt(path) if made < count // 2 else None
        if found is not None:
            frames, fps = found
            side = 2 * (min(frames.shape[1:3]) // 2)
            if side >= 240:
                yield Scene(path.stem, frames[: round(3 * fps)], fps)
                made += 1
    for seed in range(count - made):
        yield drawn(seed + 1)


def cases(studio: Studio, count: int) -> Iterator[FileCase]:
    """Every case over `count` scenes."""
    for number, scene in enumerate(scenes(count)):
        if number % 4 == 3:
            studio.foreign.append(scene)
        else:
            studio.scenes.append(studio.released(scene))
    # The short kinds first, so that a run that is cut off has seen every conclusion.
    yield from _rubbish(studio)
    for scene in studio.foreign:
        yield from _unknown(studio, scene)
    for number, scene in enumerate(studio.scenes):
        other = studio.scenes[(number + 1) % len(studio.scenes)]
        foreign = studio.foreign[number % len(studio.foreign)]
        yield from _copies(scene)
        yield from _changed(scene, foreign)
        yield from _forged(studio, scene, other, foreign)


def _encoded(scene: Scene, change: Callable[[RGB], RGB], crf: int = 23) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        frames = np.ascontiguousarray(change(open_clip(_clip(scene)).to_array()))
        write_clip(Clip.from_array(frames, scene.fps), path, crf=crf, preset="veryfast")

    return make


def _clip(scene: Scene) -> Path:
    if scene.clip is None:
        raise ValueError(f"{scene.name} was not released")
    return scene.clip


def _copies(scene: Scene) -> Iterator[FileCase]:
    clip = _clip(scene)
    height, width = scene.frames.shape[1:3]
    yield FileCase("as released", C.VERIFIED, lambda path: path.write_bytes(clip.read_bytes()) and None)
    ways: dict[str, Callable[[Path], None]] = {
        "remuxed": lambda path: remux(clip, path),
        "x264 CRF 23": lambda path: transcode(clip, path, crf=23),
        "x264 CRF 28": lambda path: transcode(clip, path, crf=28),
        "x264 CRF 33": lambda path: transcode(clip, path, crf=33),
        "half size": lambda path: transcode(clip, path, crf=23, width_px=width // 4 * 2, height_px=height // 4 * 2),
        "brighter": _encoded(scene, lambda f: np.clip(f * 1.15 + 6.0, 0, 255).astype(np.uint8)),
        "captioned": _encoded(scene, _captioned),
        "cropped 5 %": _encoded(scene, lambda f: _cropped(f, 0.05)),
        "cropped 10 %": _encoded(scene, lambda f: _cropped(f, 0.10)),
        "letterboxed": _encoded(scene, lambda f: np.pad(f, ((0, 0), (height // 8, height // 8), (0, 0), (0, 0)))),
        "mirrored": _encoded(scene, lambda f: f[:, :, ::-1]),
        "trimmed": _encoded(scene, lambda f: f[len(f) // 4 :]),
    }
    for name, make in ways.items():
        yield FileCase(name, C.RECOVERED, make)


def _cropped(frames: RGB, share: float) -> RGB:
    height, width = frames.shape[1:3]
    down, across = (2 * round(side * share / 4) for side in (height, width))
    return frames[:, down : height // 2 * 2 - down, across : width // 2 * 2 - across]


def _captioned(frames: RGB) -> RGB:
    changed = frames.copy()
    height, width = frames.shape[1:3]
    changed[:, round(0.86 * height) : round(0.95 * height), width // 8 : -width // 8] = 0
    for frame in changed:
        cv2.putText(frame, "A CAPTION", (width // 6, round(0.93 * height)), 0, width / 480, (255, 255, 255), 1)
    return changed


def _changed(scene: Scene, foreign: Scene) -> Iterator[FileCase]:
    height, width = scene.frames.shape[1:3]
    lent = np.stack(
        [cv2.resize(foreign.frames[i % len(foreign.frames)], (width, height)) for i in range(len(scene.frames))]
    )
    for share in (0.1, 0.2):
        yield FileCase(f"region of {share:.0%} replaced", C.ALTERED, _encoded(scene, _pasting(lent, share)))
    yield FileCase("a second replaced", C.ALTERED, _encoded(scene, _replacing(lent, float(scene.fps))))
    content = _clip(scene).read_bytes()
    media = content.rfind(b"mdat")
    store = content.find(b"jumb")
    for name, place in (("a bit of the pictures", media + 400), ("the last byte", len(content) - 2)):
        yield FileCase(f"{name} flipped", C.ALTERED, _flipped(content, place))
    yield FileCase("a box appended", C.ALTERED, _written(content + struct.pack(">I4s", 24, b"mdat") + b"x" * 16))
    # A changed credential either loses its signature (the mark then finds the kept one) or a statement.
    yield FileCase("a statement changed", C.ALTERED, _flipped(content, content.find(b"c2pa.actions", store) + 60),
                   (C.RECOVERED,))  # fmt: skip


def _flipped(content: bytes, place: int) -> Callable[[Path], None]:
    changed = bytearray(content)
    changed[place] ^= 0x10
    return _written(bytes(changed))


def _written(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def _pasting(lent: RGB, share: float) -> Callable[[RGB], RGB]:
    def change(frames: RGB) -> RGB:
        height, width = frames.shape[1:3]
        tall, wide = (round(side * share**0.5) for side in (height, width))
        changed = frames.copy()
        inside = np.s_[:, height // 3 : height // 3 + tall, width // 4 : width // 4 + wide]
        changed[inside] = lent[: len(frames)][inside]
        return changed

    return change


def _replacing(lent: RGB, fps: float) -> Callable[[RGB], RGB]:
    def change(frames: RGB) -> RGB:
        changed, first = frames.copy(), round(0.5 * fps)
        changed[first : first + round(fps)] = lent[first : first + round(fps)]
        return changed

    return change


def _forged(studio: Studio, scene: Scene, other: Scene, foreign: Scene) -> Iterator[FileCase]:
    payload = scene.payload or Payload.fresh(1)

    def copied_mark(path: Path) -> None:
        write_clip(studio.marked(foreign, payload), path, crf=18, preset="veryfast")

    def joined(path: Path) -> None:
        first, second = (open_clip(_clip(one)).to_array() for one in (scene, other))
        size = (first.shape[2], first.shape[1])
        half = np.stack([cv2.resize(one, size) for one in second[len(second) // 2 :]])
        both = np.concatenate([first[: len(first) // 2], half])
        write_clip(Clip.from_array(both, scene.fps), path, crf=20, preset="veryfast")

    def resigned(kind: str) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            stripped = path.with_name("stripped.mp4")
            transcode(_clip(scene), stripped, crf=20)
            studio.signed_by(studio.partner, scene, stripped, path, kind)

        return make

    def unregistered(path: Path) -> None:
        write_clip(studio.marked(foreign, Payload.fresh(1)), path, crf=18, preset="veryfast")

    def by_stranger(path: Path) -> None:
        stripped = path.with_name("stripped.mp4")
        transcode(_clip(scene), stripped, crf=20)
        studio.signed_by(studio.stranger, scene, stripped, path)

    yield FileCase("our mark on other pictures", C.CONFLICT, copied_mark)
    yield FileCase("two of ours joined", C.CONFLICT, joined)
    yield FileCase("partner's camera credential on our copy", C.CONFLICT, resigned(CAMERA))
    yield FileCase("partner's generator credential on our copy", C.CONFLICT, resigned(""))
    yield FileCase("our copy signed by a stranger", C.RECOVERED, by_stranger)
    yield FileCase("our mark without a record", C.NO_EVIDENCE, unregistered)


def _unknown(studio: Studio, scene: Scene) -> Iterator[FileCase]:
    def plain(path: Path) -> None:
        write_clip(Clip.from_array(scene.frames, scene.fps), path, crf=20, preset="veryfast")

    def signed(signer: LocalSigner, kind: str) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            plain(path.with_name("plain.mp4"))
            studio.signed_by(signer, scene, path.with_name("plain.mp4"), path, kind)

        return make

    yield FileCase("nobody's clip", C.NO_EVIDENCE, plain)
    yield FileCase("a partner's camera clip", C.VERIFIED, signed(studio.partner, CAMERA))
    yield FileCase("a partner's generated clip", C.VERIFIED, signed(studio.partner, ""))
    yield FileCase("a stranger's camera clip", C.SIGNED_UNTRUSTED, signed(studio.stranger, CAMERA))
    yield FileCase("a stranger's generated clip", C.SIGNED_UNTRUSTED, signed(studio.stranger, ""))


def _rubbish(studio: Studio) -> Iterator[FileCase]:
    clip = _clip(studio.scenes[0]).read_bytes()
    rng = np.random.default_rng(3)
    kinds: dict[str, bytes] = {
        "empty": b"",
        "zeros": bytes(4096),
        "noise": rng.bytes(20_000),
        "text": b"hello, this is no clip\n" * 40,
        "a web page": b"<!doctype html><title>404</title><p>not found</p>",
        "JSON": b'{"error": "not found"}',
        "a zip": b"PK\x05\x06" + bytes(18),
        "a PDF": b"%PDF-1.7\n%%EOF",
        "a playlist": b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:2,\nsegment.ts\n",
        "ffconcat": b"ffconcat version 1.0\nfile clip.mp4\n",
        "ftyp alone": clip[:32],
        "no media": clip[: clip.find(b"mdat") - 4],
        "nested boxes": struct.pack(">I4s", 8, b"moov") * 2_000,
        "a box of 8 GB": struct.pack(">I4sQ", 1, b"mdat", 8 << 30) + bytes(64),
    }
    for name, content in kinds.items():
        yield FileCase(f"rubbish: {name}", C.UNREADABLE, _written(content), _also(name))


def _also(name: str) -> tuple[Conclusion, ...]:
    """A file cut before its media still carries its whole credential: its bytes are not those that were signed."""
    return (C.ALTERED,) if name in ("no media", "ftyp alone") else ()
