"""A line of text as an opacity mask: OpenCV's built-in letters for plain Latin, a TrueType font for all else.

A font is one that is set, or the first of those that Debian installs (`fonts-noto-cjk`, `fonts-wqy-zenhei`,
`fonts-noto-core`, `fonts-dejavu-core`) that has every letter of the text. Nothing is fetched.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

_BUILT_IN = cv2.FONT_HERSHEY_DUPLEX
_NOTO, _TRUETYPE = Path("/usr/share/fonts/opentype/noto"), Path("/usr/share/fonts/truetype")
#: Where Debian puts fonts, those of many scripts first.
INSTALLED = (
    _NOTO / "NotoSansCJK-Regular.ttc",
    _TRUETYPE / "wqy" / "wqy-zenhei.ttc",
    _TRUETYPE / "wqy" / "wqy-microhei.ttc",
    *(_TRUETYPE / "noto" / f"NotoSans{script}-Regular.ttf" for script in ("", "Devanagari", "Arabic", "Bengali")),
    *(_TRUETYPE / "noto" / f"NotoSans{script}-Regular.ttf" for script in ("Tamil", "Telugu", "Thai", "Hebrew")),
    _TRUETYPE / "dejavu" / "DejaVuSans.ttf",
)
_PROBE_PX = 64
_UNASSIGNED = "\U0010ffff"  # every font draws it as its sign for what it has not

Mask = NDArray[np.uint8]


def is_plain(text: str) -> bool:
    """Whether OpenCV's letters can write it: Latin without accents."""
    return all(" " <= one <= "~" for one in text)


@lru_cache(maxsize=16)
def line_of(text: str, height_px: int, width_px: int, font: str | None = None) -> Mask:
    """How opaque each pixel of a written line is, uint8 (h, w): letters about `height_px` tall, smaller where they
    would not fit `width_px`.

    Raises:
        ConfigurationError: `label_font`: no font has these letters, or the one that was named can't be used.
    """
    if font is None and is_plain(text):
        return _built_in(text, height_px, width_px)
    return _written(text, height_px, width_px, font_for(text, font))


def font_for(text: str, font: str | None) -> str:
    """The font file that writes a text: the one that is set, or the first installed one that has all its letters.

    Raises:
        ConfigurationError: as `line_of`.
    """
    if font is not None:
        if lacking := _lacking(text, font):
            raise _unusable(f"the font {Path(font).name} has no letter {lacking!r}")
        return font
    paths = [str(one) for one in INSTALLED if one.is_file()]
    for path in paths:
        if not _lacking(text, path):
            return path
    letter = _lacking(text, paths[0]) if paths else text.strip()[:1]
    raise _unusable(f"no installed font has every letter of the visible text, {letter!r} for one")


def _lacking(text: str, path: str) -> str:
    """The first letter that a font has no picture of; empty where it has all."""
    font = _font(path, _PROBE_PX)
    nothing = _shape(font, _UNASSIGNED)
    return next((one for one in text if not one.isspace() and _shape(font, one) == nothing), "")


def _shape(font: "FreeTypeFont", letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


def _font(path: str, size_px: int) -> "FreeTypeFont":
    from PIL import ImageFont

    try:
        return ImageFont.truetype(path, size_px)
    except OSError as error:
        raise _unusable(f"the font {Path(path).name} can't be read: {error}") from error


def _written(text: str, height_px: int, width_px: int, path: str) -> Mask:
    from PIL import Image, ImageDraw

    left, top, right, bottom = _font(path, _PROBE_PX).getbbox(text)
    scale = min(height_px / max(1.0, bottom - top), width_px / max(1.0, right - left))
    font = _font(path, max(6, int(_PROBE_PX * scale)))
    left, top, right, bottom = (round(one) for one in font.getbbox(text))
    drawn = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(drawn).text((-left, -top), text, 255, font)
    return np.asarray(drawn, np.uint8)[:, :width_px]


def _built_in(text: str, height_px: int, width_px: int) -> Mask:
    scale = height_px / cv2.getTextSize(text, _BUILT_IN, 1.0, 1)[0][1]
    wide = cv2.getTextSize(text, _BUILT_IN, scale, _thickness(scale))[0][0]
    scale *= min(1.0, width_px / max(1, wide))
    (wide, tall), below = cv2.getTextSize(text, _BUILT_IN, scale, _thickness(scale))
    canvas = np.zeros((tall + below, wide), np.uint8)
    cv2.putText(canvas, text, (0, tall), _BUILT_IN, scale, (255,), _thickness(scale), cv2.LINE_AA)
    return canvas


def _thickness(scale: float) -> int:
    return max(1, round(scale * 1.2))


def _unusable(says: str) -> ConfigurationError:
    return ConfigurationError(
        says,
        code="label_font",
        hint="Install a font that has them (Debian: fonts-noto-cjk for Chinese), or name a font file by "
        "REELPROOF_LABEL_FONT.",
    )
