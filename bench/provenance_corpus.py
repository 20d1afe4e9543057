"""Files to read credentials from: our own outputs in three containers, mutations of every box and every class of
byte, and third parties' samples where they lie beside the repository. The same seed gives the same mutations."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from core.clip import Clip
from core.video import write_clip
from provenance.manifest import ClipOrigin, Ingredient, ManifestFacts, PolicyProof, Relationship
from provenance.records import SoftBinding
from provenance.signers import LocalSigner
from provenance.signing import sign_clip

ROOT = Path(__file__).resolve().parents[1]
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"jumb", b"edts", b"dinf"}
_RANDOM_FLIPS = 120


@dataclass(frozen=True)
class Sample:
    """One file of the corpus. `kind` is what was done to it, `origin` where it comes from."""

    name: str
    origin: str
    kind: str
    mime: str
    content: bytes


def corpus(folder: Path, signer: LocalSigner, *, quick: bool) -> Iterator[Sample]:
    """Every sample, own outputs first."""
    rng = np.random.default_rng(20261121)
    own = own_outputs(folder, signer)
    yield from own
    for sample in own[:3]:
        yield from mutations(sample, rng, quick=quick)
    for sample in third_party():
        yield sample
        if len(sample.content) < 1_000_000 and not quick:
            yield from _flips(sample, rng, 12)


def own_outputs(folder: Path, signer: LocalSigner) -> list[Sample]:
    """Signed MP4, MOV, AVI and fragmented MP4; a clip that seals the first; and unsigned files."""
    plain = folder / "plain.mp4"
    write_clip(_panning(), plain, crf=30, preset="veryfast")
    samples = []
    forms = (("mp4", "mp4", {}), ("mov", "mov", {}), ("avi", "avi", {}), ("fragmented.mp4", "mp4", _FRAGMENTED))
    for suffix, container, options in forms:
        unsigned, signed = folder / f"unsigned.{suffix}", folder / f"signed.{suffix}"
        if container == "avi":
            _avi(unsigned)
        else:
            _remuxed(plain, unsigned, container, options)
        sign_clip(unsigned, signed, facts(f"clip.{suffix}"), signer)
        samples.append(Sample(f"own.{suffix}", "own", "signed", _mime(signed), signed.read_bytes()))
        samples.append(Sample(f"plain.{suffix}", "own", "unsigned", _mime(unsigned), unsigned.read_bytes()))
    sealed = folder / "sealed.mp4"
    sign_clip(folder / "unsigned.mp4", sealed, facts("sealed.mp4", folder / "signed.mp4"), signer)
    samples.append(Sample("own.sealed.mp4", "own", "signed", "video/mp4", sealed.read_bytes()))
    samples.sort(key=lambda one: one.name not in ("own.mp4", "own.mov", "own.avi"))
    return samples


def facts(title: str, parent: Path | None = None) -> ManifestFacts:
    """Complete facts of a generated clip, or of one that seals `parent`."""
    sealed = {"origin": ClipOrigin.SEALED, "ingredients": (Ingredient(parent, "parent", Relationship.PARENT),)}
    return ManifestFacts(
        title=title,
        created_at=datetime.now(UTC),
        width_px=96,
        height_px=96,
        fps=Fraction(12),
        duration_s=1.0,
        bindings=(SoftBinding("org.reelproof.wm.bench", b"12345678", name="pixel"),),
        model_name="bench-model",
        model_version="1",
        policy=PolicyProof({"outcome": "allow", "codes": [0], "ruleset": "cd" * 32}, 17, log_root="ef" * 32),
        provider="Reelproof bench",
        **(sealed if parent is not None else {}),  # type: ignore[arg-type]
    )


def third_party() -> Iterator[Sample]:
    """Samples of others beside the repository; none where they are not there."""
    shared = Path(os.environ.get("REELPROOF_SHARED", ROOT.parent / "shared")) / "c2pa"
    for path in sorted(shared.rglob("*")) if shared.is_dir() else ():
        if path.suffix in (".mp4", ".mov", ".avi", ".m4s"):
            yield Sample(path.name, "third party", "as published", _mime(path), path.read_bytes())


def mutations(sample: Sample, rng: np.random.Generator, *, quick: bool) -> Iterator[Sample]:
    """One sample changed in every box and every class of byte; `kind` says how."""
    content = sample.content
    boxes = list(_riff_boxes(content) if content[:4] == b"RIFF" else _boxes(content, 0, len(content), 0))
    for label, start, end in boxes[:: 2 if quick else 1]:
        places = {start - 8: "its length", start - 2: "its type", start: "first byte", end - 1: "last byte"}
        places[(start + end) // 2] = "middle byte"
        for place, what in places.items():
            if 0 <= place < len(content):
                yield _changed(sample, f"bit in {label}: {what}", place, content[place] ^ 1 << int(rng.integers(8)))
    for label, start, end in boxes:
        if "/" not in label:
            yield _with(sample, f"{label} removed", content[: start - 8] + content[end:])
            yield _with(sample, f"{label} doubled", content[:end] + content[start - 8 : end] + content[end:])
    for kind in (b"free", b"skip", b"uuid", b"mdat"):
        box = struct.pack(">I4s", 40, kind) + bytes(32)
        yield _with(sample, f"{kind.decode()} appended", content + box)
    for keep in (0, 7, 100, len(content) // 2, len(content) - 1):
        yield _with(sample, "cut off", content[:keep])
    yield from _flips(sample, rng, _RANDOM_FLIPS // (4 if quick else 1))


def _flips(sample: Sample, rng: np.random.Generator, count: int) -> Iterator[Sample]:
    """Random bytes of each class: nought, 255, letters, the rest; each turned in one bit, to nought or to 255."""
    content = np.frombuffer(sample.content, np.uint8)
    is_text = (content >= 32) & (content < 127)
    classes = {"zero": content == 0, "255": content == 255, "text": is_text, "binary": ~is_text & (content > 0)}
    for name, chosen in classes.items():
        places = np.flatnonzero(chosen)
        for place in rng.choice(places, min(len(places), count // 4), replace=False):
            old = int(content[place])
            new = int(rng.choice([old ^ 1 << int(rng.integers(8)), 0 if old else 1, 255 if old != 255 else 254]))
            yield _changed(sample, f"random {name} byte", int(place), new)


def _changed(sample: Sample, kind: str, place: int, value: int) -> Sample:
    content = bytearray(sample.content)
    content[place] = value
    return Sample(f"{sample.name} @{place}", sample.origin, kind, sample.mime, bytes(content))


def _with(sample: Sample, kind: str, content: bytes) -> Sample:
    return Sample(f"{sample.name} {kind}", sample.origin, kind, sample.mime, content)


def _boxes(content: bytes, start: int, end: int, depth: int, path: str = "") -> Iterator[tuple[str, int, int]]:
    """Every box as (path, content start, content end), those inside containers and the C2PA store too."""
    seen: dict[str, int] = {}
    while start + 8 <= end:
        length, kind = struct.unpack(">I4s", content[start : start + 8])
        if length < 8 or start + length > end:
            return
        name = kind.decode("latin-1")
        seen[name] = seen.get(name, 0) + 1
        label = f"{path}{name}" + (f"[{seen[name]}]" if seen[name] > 1 else "")
        yield label, start + 8, start + length
        inside = content.find(b"jumb", start + 8, start + 80) - 4 if kind == b"uuid" else start + 8
        if (kind in _CONTAINERS or (kind == b"uuid" and inside > 0)) and depth < 8:
            yield from _boxes(content, inside, start + length, depth + 1, f"{label}/")
        start += length


def _riff_boxes(content: bytes) -> Iterator[tuple[str, int, int]]:
    position = 12
    while position + 8 <= len(content):
        kind, length = struct.unpack("<4sI", content[position : position + 8])
        end = min(len(content), position + 8 + length)
        yield kind.decode("latin-1").strip(), position + 8, end
        if kind == b"C2PA":
            yield from _boxes(content, position + 8, end, 1, "C2PA/")
        position = end + (length & 1)


_FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


def _remuxed(source: Path, target: Path, container: str, options: dict[str, str]) -> None:
    with av.open(str(source)) as read, av.open(str(target), "w", format=container, options=options) as written:
        stream = read.streams.video[0]
        copied = written.add_stream_from_template(stream)
        for packet in read.demux(stream):
            if packet.dts is not None:
                packet.stream = copied
                written.mux(packet)


def _avi(target: Path) -> None:
    """MPEG-4 Part 2 in AVI: the container takes no reordered frames."""
    with av.open(str(target), "w", format="avi") as written:
        stream = written.add_stream("mpeg4", rate=12)
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuv420p"
        for frame in _panning().frames():
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")):
                written.mux(packet)
        for packet in stream.encode():
            written.mux(packet)


def _panning() -> Clip:
    field = np.random.default_rng(3).integers(20, 235, (8, 8, 3)).astype(np.uint8)
    field = cv2.resize(field, (192, 192), interpolation=cv2.INTER_CUBIC)
    return Clip.from_array(
        np.stack([field[2 * i : 2 * i + 96, 3 * i : 3 * i + 96] for i in range(12)]), Fraction(12)
    )


def _mime(path: Path) -> str:
    return {".mov": "video/quicktime", ".avi": "video/x-msvideo"}.get(path.suffix, "video/mp4")
