"""What a playlist says, as values: the confined reader's report, checked field by field.

The reader's child is not trusted: a report of any other shape is refused as a whole.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import UnreadableInput
from detector.sandbox.parent import unreadable
from detector.sandbox.playlist_job import MAX_SEGMENTS

Name = Annotated[str, Field(min_length=1, max_length=1_000)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=0, le=10**16)]


class _Told(BaseModel):
    """A part of a report: nothing of another type."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class NamedPiece(_Told):
    """So many bytes (`length`; None: all the rest) from `offset` on of a file that is only named."""

    name: Name
    offset: Whole = 0
    length: Annotated[int, Field(ge=1, le=10**16)] | None = None


class NamedSegment(NamedPiece):
    """One segment; `init` is the place of its initialisation among the playlist's `inits`."""

    seconds: Seconds
    init: Annotated[int, Field(ge=0, lt=MAX_SEGMENTS)] | None = None
    begins_anew: bool = False
    is_gap: bool = False


class Variant(_Told):
    """Another playlist of the same stream, and its rate (bit/s)."""

    name: Name
    bandwidth: Whole


class Playlist(_Told):
    """Variants, or segments in order. `is_live`: it may grow; `number` is the first segment's where segments are
    numbered (HLS), and `target_s` says after how long another look is worth while (s; 0 where nothing says so)."""

    is_live: bool
    variants: Annotated[list[Variant], Field(max_length=MAX_SEGMENTS)]
    segments: Annotated[list[NamedSegment], Field(max_length=MAX_SEGMENTS)]
    inits: Annotated[list[NamedPiece], Field(max_length=MAX_SEGMENTS)] = []
    number: Whole = 0
    is_numbered: bool = False
    target_s: Seconds = 0.0


def playlist_in(report: Any) -> Playlist:
    """The playlist in a child's report.

    Raises:
        UnreadableInput: `decoder_crashed`: it is none.
    """
    try:
        told = Playlist.model_validate(report)
    except ValidationError as error:
        raise _impossible() from error
    if any(one.init is not None and one.init >= len(told.inits) for one in told.segments):
        raise _impossible()
    return told


def _impossible() -> UnreadableInput:
    return unreadable(
        "the playlist's reader reported something impossible",
        "decoder_crashed",
        "The playlist is damaged or made to do harm; nothing was changed by reading it.",
    )
