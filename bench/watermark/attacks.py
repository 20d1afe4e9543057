"""The attack suite, with the field's parameters. Whatever is done to the frames, a real file ends it.

Every attack is (change of the clip, chain of encoders); without a chain of its own it ends with x264 CRF 23
veryfast, what phones and platforms can afford. Random
parameters come from a seed of the clip's and the attack's names: another run meets the same attacks.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from bench.watermark import frames as f
from bench.watermark import scenes, times
from bench.watermark.frames import Change, Rng
from core.clip import Clip
from core.video import open_clip, write_clip

GROUPS = ("valuemetric", "compression", "geometric", "temporal", "combined")
_LONGEST_SIDE_PX = 3840


@dataclass(frozen=True)
class Encoder:
    """One encoding: an encoder's name, its rate factor and preset."""

    codec: str
    crf: int
    preset: str = "medium"

    @property
    def suffix(self) -> str:
        """What the file's name ends with."""
        return ".mkv" if self.codec == "libvpx-vp9" else ".mp4"


def _x264(crf: int, preset: str = "medium") -> Encoder:
    return Encoder("libx264", crf, preset)


def _same(clip: Clip, _: Rng) -> Clip:
    return clip


@dataclass(frozen=True)
class Attack:
    """What happens to a marked clip: encoders `before`, the change, the chain of encoders that ends it. `splice`
    attacks get a second clip with another payload after the cut."""

    name: str
    group: str
    change: Change = _same
    chain: tuple[Encoder, ...] = (_x264(23, "veryfast"),)
    before: tuple[Encoder, ...] = ()
    splice: bool = False
    grows: float = 1.0

    def fits_in(self, long_side_px: int) -> bool:
        """Whether the result of a clip of this long side stays within 4K."""
        return self.grows == 1.0 or self.grows * long_side_px <= _LONGEST_SIDE_PX

    def apply(self, clip: Clip, clip_name: str, folder: Path) -> Clip:
        """The attacked clip, lying in `folder` as the last encoder of the chain wrote it."""
        first = _encoded(clip, self.before, folder / "before")
        return _encoded(self.change(first, seeded(clip_name, self.name)), self.chain, folder / "after")


def _encoded(clip: Clip, chain: tuple[Encoder, ...], stem: Path) -> Clip:
    for step, encoder in enumerate(chain):
        path = stem.with_name(f"{stem.name}{step}{encoder.suffix}")
        write_clip(clip, path, crf=encoder.crf, preset=encoder.preset, codec=encoder.codec)
        _ordinary_again()
        clip = open_clip(path)
    return clip


def _ordinary_again() -> None:
    """SVT-AV1 gives the process that it runs in real-time priority where it may: nothing else would run."""
    if hasattr(os, "sched_setscheduler") and os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def seeded(*names: str) -> Rng:
    """A generator that depends on these names only."""
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _then(*changes: Change) -> Change:
    def change(clip: Clip, rng: Rng) -> Clip:
        for one in changes:
            clip = one(clip, rng)
        return clip

    return change


def _valuemetric() -> list[Attack]:
    still: dict[str, f.Picture] = {}
    for name, change in (("brightness", f.brightness), ("contrast", f.contrast), ("saturation", f.saturation)):
        still |= {f"{name} {factor}": change(factor) for factor in (0.5, 1.5)}
    still |= {"hue 0.25": f.hue(0.25), "greyscale": f.saturation(0.0), "JPEG 40": f.jpeg(40)}
    still |= {f"Gaussian blur k{side}": f.gaussian_blur(side) for side in (9, 17)}
    still["median 9"] = f.median(9)
    rows = [Attack(name, "valuemetric", f.pictures(change)) for name, change in still.items()]
    return [*rows, Attack("noise sigma 25", "valuemetric", f.noise(25.0))]


def _compression() -> list[Attack]:
    factors = {
        "x264": ("libx264", (23, 28, 30, 33, 36, 40, 45, 50)),
        "x265": ("libx265", (23, 30, 40, 50)),
        "VP9": ("libvpx-vp9", (40, 55)),
        "AV1": ("libsvtav1", (35, 50, 60)),
    }
    rows = [
        Attack(f"{short} CRF {crf}", "compression", chain=(Encoder(codec, crf),))
        for short, (codec, crfs) in factors.items()
        for crf in crfs
    ]
    twice = (_x264(28), Encoder("libx265", 32))
    return [*rows, Attack("x264 CRF 28, then x265 CRF 32", "compression", chain=twice)]


def _geometric() -> list[Attack]:
    whole: dict[str, f.Picture] = {"mirrored": f.hflip, "letterbox": f.letterbox, "9:16 reframe": f.portrait}
    whole |= {f"rotate {angle}": f.rotation(angle) for angle in (5, 10)}
    whole |= {f"rotate {90 * turns}": f.quarter_turns(turns) for turns in (1, 2, 3)}
    whole |= {"rotate 90 + 10": f.quarter_turns(1, 10.0), "rotate 180 + 12": f.quarter_turns(2, 12.0)}
    whole["rotate 270 - 12"] = f.quarter_turns(3, -12.0)
    rows = [Attack(name, "geometric", f.pictures(change)) for name, change in whole.items()]
    for share in (0.25, 0.4, 0.55, 0.71, 1.5, 2.0, 4.0):
        rows.append(Attack(f"resize {share:g}", "geometric", f.resize(share), grows=max(1.0, share)))
    for share in (0.32, 0.55, 0.71):
        rows.append(Attack(f"crop {share} kept", "geometric", f.crop(share)))
        rows.append(Attack(f"crop {share} resized back", "geometric", f.crop(share, back=True)))
    rows.append(Attack("perspective 0.5", "geometric", f.perspective(0.5)))
    rows.append(Attack("width x 0.8", "geometric", f.resize(0.8, 1.0)))
    return rows


def _temporal() -> list[Attack]:
    changes: dict[str, Change] = {
        "frame rate x 0.4": times.rate(Fraction(2, 5)),
        "speed 0.8": times.speed(Fraction(4, 5)),
        "speed 1.25": times.speed(Fraction(5, 4)),
        "drop 50 %": times.dropped(0.5),
        "frame average 3": times.averaged,
        "cut to 1 s": times.cut_to(1.0),
    }
    rows = [Attack(name, "temporal", change) for name, change in changes.items()]
    return [*rows, Attack("splice of two marked", "temporal", splice=True)]


def _combined() -> list[Attack]:
    """The field's suite encodes first, then cuts and dims (Video Seal's Sequential(H264, Crop, Brightness)); where
    a cut and dimmed clip is encoded last, less of the mark is left to encode."""
    cut_dimmed = _then(f.crop(0.71), f.pictures(f.brightness(0.5)))
    rows = [
        Attack(f"x264 CRF {crf} + crop 0.71 + brightness 0.5", "combined", cut_dimmed, before=(_x264(crf),))
        for crf in (23, 30, 40, 50)
    ]
    return [
        *rows,
        Attack("crop 0.71 + brightness 0.5 + x264 CRF 40", "combined", cut_dimmed, (_x264(40),)),
        Attack("logo and caption", "combined", scenes.captioned),
        Attack("picture in picture 0.5", "combined", scenes.picture_in_picture),
        Attack("screen recording", "combined", scenes.on_a_screen, (_x264(28, "veryfast"),)),
        Attack("camera re-capture", "combined", scenes.recaptured, (_x264(32),)),
    ]


_MAKERS: tuple[Callable[[], list[Attack]], ...] = (_valuemetric, _compression, _geometric, _temporal, _combined)
IDENTITY = Attack("identity", "valuemetric", chain=())
ATTACKS = {attack.name: attack for attack in (IDENTITY, *(row for make in _MAKERS for row in make()))}
"""By name, in the order of the report."""

HEADLINE = (
    *(name for name, attack in ATTACKS.items() if attack.group == "valuemetric"),
    *("x264 CRF 28", "x264 CRF 36", "x264 CRF 40", "x265 CRF 40", "AV1 CRF 60", "VP9 CRF 55"),
    *(
        "crop 0.55 kept",
        "crop 0.55 resized back",
        "resize 0.55",
        "mirrored",
        "rotate 10",
        "rotate 90",
        "rotate 180",
    ),
    *("rotate 270", "rotate 90 + 10", "rotate 180 + 12", "rotate 270 - 12", "perspective 0.5"),
    *("x264 CRF 40 + crop 0.71 + brightness 0.5", "screen recording", "camera re-capture"),
)
"""What the issue's figures are counted over, and the anchors of the curve; every 720p+ clip meets these first."""

SMALL = (
    *("identity", "brightness 0.5", "Gaussian blur k9", "noise sigma 25", "x264 CRF 23", "x264 CRF 28"),
    *("x264 CRF 36", "crop 0.71 kept", "resize 0.71", "rotate 5", "mirrored", "cut to 1 s", "drop 50 %"),
    *("screen recording", "splice of two marked"),
)
"""What clips below 720p meet: no figure of the issue rests on them, but people have many."""

QUICK = (
    "identity",
    "brightness 0.5",
    "JPEG 40",
    "x264 CRF 30",
    "resize 0.71",
    "mirrored",
    "drop 50 %",
    "screen recording",
)
