"""What the pictures of one clip give: facts of the video, the pixel mark, the fingerprint, what went wrong."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import Any

from core.clip import Clip, ClipInfo
from core.errors import UnreadableInput
from core.progress import Progress
from core.sharing import Shared
from detector.findings import MarkReading, ReadingFault
from detector.leads import Lead, SmallPictures, leads_of
from detector.ports import PixelReader
from detector.sandbox.video import SandboxedVideo
from detector.watching import WatchedClip
from provenance.fingerprint import fingerprint_clip
from provenance.records import Fingerprint

NO_PICTURES = "no picture could be decoded"


@dataclass(frozen=True)
class Pictures:
    """One clip's pictures as read. `clip` and `fingerprint` are None where not one frame could be decoded. With
    `is_sparse` only the first frame of each eighth of a second was looked at."""

    file: Mapping[str, Any] = field(default_factory=dict)
    fault: ReadingFault | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    pixel: MarkReading = field(default_factory=lambda: MarkReading(not_examined=NO_PICTURES))
    fingerprint: Fingerprint | None = None
    clip: WatchedClip | None = None
    leads: tuple[Lead, ...] = ()
    is_sparse: bool = False


def video_facts(info: ClipInfo | None) -> dict[str, Any]:
    """The video's part of a verdict's `file`: the same keys, None where unknown."""
    if info is None:
        return dict.fromkeys(("duration_s", "width_px", "height_px", "fps", "codec"))
    return {
        "duration_s": round(info.duration_s, 3),
        "width_px": info.width_px,
        "height_px": info.height_px,
        "fps": round(float(info.fps), 3),
        "codec": info.codec,
        "container": info.container,
    }


def look_at(
    video: SandboxedVideo,
    pixel: PixelReader,
    keys: Mapping[int, bytes],
    *,
    keep_bytes: int,
    progress: Progress,
    is_segment: bool = False,
    pace: Callable[[], int] | None = None,
) -> Pictures:
    """Decode once, and from that read the pixel mark where it lies in an uncut copy and take the fingerprint.

    Never raises for what the file holds. A piece of a stream announces the length of the whole: its own is counted.
    `pace` says how many frames a second are enough (`SandboxedVideo.open`); leads need them all.
    """
    try:
        opened = video.open(pace)
        if is_segment:
            opened = Clip(replace(opened.info, duration_s=0.0, frame_count=None), opened.source)
    except UnreadableInput as error:
        return Pictures(video_facts(None), ReadingFault(error.code, str(error), error.hint))
    watched, collected = WatchedClip(opened, keep_bytes), SmallPictures()
    is_sparse = opened.info != video.info and not is_segment
    facts = video_facts(video.info if is_sparse else opened.info)
    reading, fingerprint = _read(watched, pixel, keys, collected, progress)
    if watched.is_hopeless:
        return Pictures(facts, watched.fault, video.tags)
    fault = watched.fault
    if watched.counted_frames == 0 and fault is None:
        fault = ReadingFault("not_a_video", NO_PICTURES, "Check that the file plays.")
    if fault is not None and fault.after_s is None:
        return Pictures(facts, fault, video.tags)
    if not facts["duration_s"]:
        facts["duration_s"] = round(watched.counted_s + float(1 / opened.info.fps), 3)
    leads = () if is_sparse else leads_of(collected)
    return Pictures(facts, fault, video.tags, reading, fingerprint, watched, leads, is_sparse)


def _read(
    watched: WatchedClip,
    pixel: PixelReader,
    keys: Mapping[int, bytes],
    collected: SmallPictures,
    progress: Progress,
) -> tuple[MarkReading, Fingerprint]:
    """The mark and the fingerprint, side by side, from the same decode."""
    told = watched.watched(lambda share: progress(0.05 + 0.3 * share))
    if not keys:
        reading = MarkReading(not_examined="this installation has no watermark key")
        return reading, fingerprint_clip(collected.along(told))
    shared = Shared(told.timed_frames())
    # A reader that begins once more finds the source read out: it decodes anew.
    readings = chain([shared.first], repeat(watched.clip.timed_frames))

    def fingerprint() -> Fingerprint:
        try:
            return fingerprint_clip(collected.along(Clip(told.info, shared.second)))
        finally:
            shared.leave()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fingerprint") as pool:
        beside = pool.submit(fingerprint)
        try:
            extraction = pixel.extract(Clip(told.info, lambda: next(readings)()), keys, blind=False)
        except BaseException:
            shared.abandon()
            raise
        shared.finish()
        return MarkReading(extraction), beside.result()
