"""`verify` of what is judged piece by piece: streams in segments, live or whole, and files of over ten minutes."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ServiceUnreachable, UnreadableInput
from reelproof.cli.output import note, out, show_json, watching

if TYPE_CHECKING:
    from detector.streams import SegmentedStream, Window
    from reelproof.wiring import Services

_OF_A_FILE = "This is a stretch of a longer file, judged by its pictures; its credential is judged with the whole."
_ELSEWHERE_SEARCHED = "that search was made in other stretches of this long file"


def judge_stream(services: "Services", stream: "SegmentedStream", place: str, as_json: bool) -> list[str]:
    """Every window's conclusion of what stands in a playlist."""
    if stream.is_live:
        note("the playlist has no end yet: what stands in it now is judged; --follow goes on as it grows")
    return judge_windows(services, stream.windows(), place, as_json)


def judge_windows(
    services: "Services", windows: Iterable["Window"], place: str, as_json: bool, *, is_followed: bool = False
) -> list[str]:
    """Every window's conclusion, told as soon as it is there.

    One of a live stream whose segments are gone by now is told and passed over; Ctrl-C ends what is followed.
    """
    conclusions: list[str] = []
    try:
        for window in windows:
            if window.missed:
                note(f"{window.missed} segments were gone before they could be read")
            try:
                with window.joined_parts() as (clip, parts):
                    found = services.detector.verify(clip, is_segment=True, parts=parts).to_json()
            except (UnreadableInput, ServiceUnreachable) as error:
                if not is_followed or error.code == "too_large":
                    raise
                note(f"{error}")
                found = {"conclusion": "unreadable", "headline": "Its segments can't be read any more."}
            conclusions.append(str(found["conclusion"]))
            _tell(found, window.start_s, window.end_s, place, as_json)
    except KeyboardInterrupt:
        if not is_followed:
            raise
        note("stopped: the windows above are judged, what came after them is not")
    return conclusions


def judge_long_file(services: "Services", clip: Path, duration_s: float, as_json: bool) -> list[str]:
    """The conclusion on a long file: its credential's, where it has one, else every window's. All are told as they
    come, the credential's first, in the memory of one window.

    The dear searches are made in the second window, the fourth, the eighth and so on, and after any window that
    showed a mark: what was done to one minute of a file was mostly done to all. The first answer comes soon.
    """
    from detector.longfiles import WINDOW_S, windows_of

    place = str(clip)
    whole = services.detector.vouched(clip)
    _tell(whole.to_json(), 0.0, duration_s, place, as_json)
    conclusions, was_marked = [], False
    with watching(quiet=as_json) as watch:
        for number, window in enumerate(windows_of(clip, WINDOW_S)):
            is_searched = was_marked or (number > 0 and number & (number + 1) == 0)
            found = services.detector.verify(
                window.path,
                is_segment=True,
                provisos=(_OF_A_FILE,),
                narrow="" if is_searched else _ELSEWHERE_SEARCHED,
            ).to_json()
            was_marked = bool(found["watermark"]["pixel"]["found"])
            conclusions.append(str(found["conclusion"]))
            _tell(found, window.start_s, window.end_s, place, as_json)
            watch("verify", min(1.0, window.end_s / duration_s))
    return conclusions if whole.conclusion == "no_evidence" else [str(whole.conclusion)]


def _tell(found: dict[str, Any], start_s: float, end_s: float, place: str, as_json: bool) -> None:
    if as_json:
        at = {"path": place, "start_s": round(start_s, 3), "end_s": round(end_s, 3)}
        show_json({**found, **at}, pretty=False)
    else:
        at_s = f"{start_s:8.1f}-{end_s:.1f} s"
        out.print(f"{found['conclusion']:<17} {at_s:<18} {found['headline']}", markup=False)
