"""The disclosure that people see: a label in the picture, and a card before the clip begins.

Both are drawn before the mark is embedded and the clip is signed, so that the mark lies over them and the
credential covers them. What the letters look like, `reelproof.lettering` knows.
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from core.clip import RGB, Clip, Frame
from reelproof.disclosure import Visible
from reelproof.lettering import Mask, line_of

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
        clip = labelled(clip, visible.text, visible.font)
        actions.append({"name": "c2pa.addedText", "description": "a visible label that says how the clip was made"})
    if visible.card_s:
        delay_s = card_seconds(clip, visible.card_s)
        clip = with_card(clip, visible.text, visible.card_s, visible.font)
        actions.append({"name": "c2pa.addedText", "description": "a silent opening card that says the same"})
    return clip, actions, delay_s


def require_letters(visible: Visible) -> None:
    """Nothing, where what is to be seen can be written: asked before a clip is made, which takes long.

    Raises:
        ConfigurationError: `label_font`.
    """
    if visible.label or visible.card_s:
        line_of(visible.text, _LABEL_MIN_PX, 1_000, visible.font)


def labelled(clip: Clip, text: str, font: str | None = None) -> Clip:
    """The clip with a text in the lower left corner of every frame, white on a darkened box."""
    return clip.mapped(lambda frames: (Frame(one.time_s, _with_label(one.rgb, text, font)) for one in frames))


def with_card(clip: Clip, text: str, seconds: float, font: str | None = None) -> Clip:
    """The clip after a dark card that shows a text; the card has whole frames and no sound of its own.

    How long it really is, `card_seconds` tells: what is heard has to begin that much later.
    """
    count, info = card_frames(clip, seconds), clip.info
    delay_s = card_seconds(clip, seconds)

    def joined(frames: Iterator[Frame]) -> Iterator[Frame]:
        card: RGB | None = None
        for frame in frames:
            if card is None:
                card = _card(frame.rgb.shape[0], frame.rgb.shape[1], text, font)
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


def label_box(height_px: int, width_px: int, text: str, font: str | None = None) -> tuple[slice, slice]:
    """The rows and columns that the label takes in a picture of this size."""
    tall, wide = _label(height_px, width_px, text, font).shape
    pad = _padding(tall)
    rows = slice(max(0, height_px - tall - 3 * pad), height_px - pad)
    return rows, slice(pad, min(width_px, wide + 3 * pad))


def _label(height_px: int, width_px: int, text: str, font: str | None) -> Mask:
    letters_px = max(_LABEL_MIN_PX, round(_LABEL_SHARE * height_px))
    return line_of(text, letters_px, round(_MAX_WIDTH_SHARE * width_px), font)


def _padding(tall_px: int) -> int:
    return max(2, round(0.25 * tall_px))


def _with_label(picture: RGB, text: str, font: str | None) -> RGB:
    height, width, _ = picture.shape
    letters = _label(height, width, text, font)
    rows, columns = label_box(height, width, text, font)
    shown = picture.copy()
    shown[rows, columns] = np.round(shown[rows, columns] * _SHADE).astype(np.uint8)
    pad = _padding(letters.shape[0])
    _ink(shown, letters, rows.start + pad, columns.start + pad)
    return shown


def _card(height: int, width: int, text: str, font: str | None) -> RGB:
    picture = np.full((height, width, 3), _PAPER, np.uint8)
    letters = line_of(text, round(_CARD_SHARE * height), round(_MAX_WIDTH_SHARE * width), font)
    tall, wide = letters.shape
    _ink(picture, letters, (height - tall) // 2, (width - wide) // 2)
    return picture


def _ink(picture: RGB, letters: Mask, top: int, left: int) -> None:
    """Write letters into a picture."""
    part = picture[top : top + letters.shape[0], left : left + letters.shape[1]]
    share = letters[: part.shape[0], : part.shape[1], None] / np.float32(255)
    part[:] = np.round(part * (1 - share) + _INK * share).astype(np.uint8)
