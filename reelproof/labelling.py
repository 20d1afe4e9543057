"""The disclosure that people see: a label in the picture, and a card before the clip begins.

Both are drawn before the mark is embedded and the clip is signed, so that the mark lies over them and the
credential covers them. Letters are those of OpenCV's built-in font: Latin, without accents.
"""

from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np

from core.clip import RGB, Clip, Frame
from reelproof.disclosure import Visible

_FONT = cv2.FONT_HERSHEY_DUPLEX
_LABEL_SHARE, _CARD_SHARE = 0.05, 0.08  # height of the letters' line, of the picture's height
_LABEL_MIN_PX = 12
_MAX_WIDTH_SHARE = 0.9
_INK, _PAPER = 245, 16
_SHADE = 0.35  # what is left of the picture behind the label


def disclosed(clip: Clip, visible: Visible) -> tuple[Clip, list[dict[str, str]], float]:
    """The clip with what people are to see, what was done as manifest actions, and by how much it begins later."""
    actions: list[dict[str, str]] = []
    delay_s = 0.0
    if visible.label:
        clip = labelled(clip, visible.text)
        actions.append({"name": "c2pa.addedText", "description": "a visible label that says how the clip was made"})
    if visible.card_s:
        delay_s = card_seconds(clip, visible.card_s)
        clip = with_card(clip, visible.text, visible.card_s)
        actions.append({"name": "c2pa.addedText", "description": "a silent opening card that says the same"})
    return clip, actions, delay_s


def labelled(clip: Clip, text: str) -> Clip:
    """The clip with a text in the lower left corner of every frame, white on a darkened box."""
    return clip.mapped(lambda frames: (Frame(one.time_s, _with_label(one.rgb, text)) for one in frames))


def with_card(clip: Clip, text: str, seconds: float) -> Clip:
    """The clip after a dark card that shows a text; the card has whole frames and no sound of its own.

    How long it really is, `card_seconds` tells: what is heard has to begin that much later.
    """
    count, info = card_frames(clip, seconds), clip.info
    delay_s = card_seconds(clip, seconds)

    def joined(frames: Iterator[Frame]) -> Iterator[Frame]:
        card: RGB | None = None
        for frame in frames:
            if card is None:
                card = _card(frame.rgb.shape[0], frame.rgb.shape[1], text)
                yield from (Frame(float(i / _rate(clip)), card) for i in range(count))
            yield Frame(frame.time_s + delay_s, frame.rgb)

    frame_count = info.frame_count + count if info.frame_count is not None else None
    return clip.mapped(joined, frame_count=frame_count, duration_s=info.duration_s + delay_s)


def card_frames(clip: Clip, seconds: float) -> int:
    """How many frames a card of about so many seconds has: at least one."""
    return max(1, round(seconds * _rate(clip)))


def card_seconds(clip: Clip, seconds: float) -> float:
    """How long a card really is: a whole number of frames."""
    return float(card_frames(clip, seconds) / _rate(clip))


def _rate(clip: Clip) -> Fraction:
    return clip.info.fps or Fraction(24)


def label_box(height_px: int, width_px: int, text: str) -> tuple[slice, slice]:
    """The rows and columns that the label takes in a picture of this size."""
    _, (width, tall), below = _fitted(text, height_px, width_px, max(_LABEL_SHARE, _LABEL_MIN_PX / height_px))
    pad = max(2, tall // 2)
    rows = slice(max(0, height_px - tall - below - 3 * pad), height_px - pad)
    return rows, slice(pad, min(width_px, width + 3 * pad))


def _with_label(picture: RGB, text: str) -> RGB:
    height, width, _ = picture.shape
    scale, (_, tall), _ = _fitted(text, height, width, max(_LABEL_SHARE, _LABEL_MIN_PX / height))
    rows, columns = label_box(height, width, text)
    shown = picture.copy()
    shown[rows, columns] = np.round(shown[rows, columns] * _SHADE).astype(np.uint8)
    pad = max(2, tall // 2)
    place = (columns.start + pad, rows.start + pad + tall)
    cv2.putText(shown, text, place, _FONT, scale, (_INK,) * 3, _thickness(scale), cv2.LINE_AA)
    return shown


def _card(height: int, width: int, text: str) -> RGB:
    picture = np.full((height, width, 3), _PAPER, np.uint8)
    scale, (wide, tall), _ = _fitted(text, height, width, _CARD_SHARE)
    place = ((width - wide) // 2, (height + tall) // 2)
    cv2.putText(picture, text, place, _FONT, scale, (_INK,) * 3, _thickness(scale), cv2.LINE_AA)
    return picture


def _fitted(text: str, height: int, width: int, share: float) -> tuple[float, tuple[int, int], int]:
    """Scale, size (width, height) and depth below the line of a text that has this share of the height and fits
    the width."""
    scale = share * height / cv2.getTextSize(text, _FONT, 1.0, 1)[0][1]
    wide = cv2.getTextSize(text, _FONT, scale, _thickness(scale))[0][0]
    scale *= min(1.0, _MAX_WIDTH_SHARE * width / max(1, wide))
    (wide, tall), below = cv2.getTextSize(text, _FONT, scale, _thickness(scale))
    return scale, (wide, tall), below


def _thickness(scale: float) -> int:
    return max(1, round(scale * 1.2))
