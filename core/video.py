"""Video files in and out, one frame in memory at a time.

Reading: any container on the white list, rotated upright, converted to 8-bit RGB with the stream's own
matrix and range, timed from the first frame; the sound as mono samples on the same time. Nothing but the
given file is ever opened: no sibling files, no playlists, no network. Writing: MP4 with H.264 (or another
codec by name), BT.709 limited range, audio packets copied untouched from another file.

Refuses to know: credentials (a remux or an encode drops a C2PA manifest: sign last).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import PictureType

from core.ahead import ahead
from core.clip import RGB, Clip, ClipInfo, Coding, Frame
from core.containers import (
    DECODE_FAULTS,
    MAX_DAMAGED_PACKETS,
    READABLE_FORMATS,
    Source,
    not_a_video,
    opened,
    unreadable,
    video_stream,
)
from core.errors import UsageError
from core.progress import Progress, silent

_VARIABLE_RATE_PROBE_PACKETS = 600
_VARIABLE_RATE_JITTER_S = 0.0025  # container clocks of 1 ms and halves of it are not a variable rate
_VARIABLE_RATE_CLOCK = 90_000
_HD_HEIGHT_PX = 720  # untagged video is BT.709 from here up, BT.601 below: what players assume
_BT709, _BT601 = 1, 5
_LIMITED, _FULL = 1, 2
_KINDS = {int(PictureType.I): "I", int(PictureType.P): "P", int(PictureType.B): "B"}
_VECTOR_CODECS = ("h264",)  # of what is common, the one whose decoder tells its motion vectors


@dataclass(frozen=True)
class DecodeLimits:
    """What decoding may cost. Headers lie: frames and pixels are counted as they come.

    Defaults admit an hour of 1080p30 and a still-large 8K clip, and stop a decompression bomb.
    """

    max_side_px: int = 8_192
    max_frame_pixels: int = 8_192 * 4_352
    max_frames: int = 200_000
    max_total_pixels: int = 400_000_000_000


DEFAULT_LIMITS = DecodeLimits()


def _check_size(width: int, height: int, limits: DecodeLimits) -> None:
    if max(width, height) > limits.max_side_px or width * height > limits.max_frame_pixels:
        raise unreadable(
            f"frames of {width}x{height} pixels exceed the limit of {limits.max_side_px} a side",
            "decode_budget",
            "Scale the clip down, or raise the decode limits.",
        )


def _packet_times(container: Any, stream: Any) -> list[float]:
    times: list[float] = []
    for packet in container.demux(stream):
        if packet.pts is not None:
            times.append(float(packet.pts * packet.time_base))
        if len(times) >= _VARIABLE_RATE_PROBE_PACKETS:
            break
    return sorted(times)


def _rate_of(stream: Any, times: list[float]) -> tuple[Fraction, bool]:
    """The frame rate, and whether it varies: the spread of time between frames tells, not the header."""
    claimed = stream.guessed_rate or stream.average_rate or Fraction(25)
    if len(times) < 3:
        return Fraction(claimed), False
    gaps = np.diff(times)
    varies = bool(np.abs(gaps - np.median(gaps)).max() > _VARIABLE_RATE_JITTER_S)
    if not varies:
        return Fraction(claimed), False
    mean = Fraction(len(times) - 1) / Fraction(times[-1] - times[0]).limit_denominator(1_000_000)
    return mean.limit_denominator(1_001), True


def _duration_s(container: Any, stream: Any, times: list[float], fps: Fraction) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return float(container.duration) / av.time_base
    return float(times[-1] - times[0] + 1 / fps) if times else 0.0


def probe(source: Source, limits: DecodeLimits = DEFAULT_LIMITS) -> ClipInfo:
    """What a file says of itself, from its headers, its first packets and its first frame.

    Raises:
        UnreadableInput: no video in it, or a picture larger than the limits.
    """
    with opened(source) as container:
        stream = video_stream(container)
        try:
            times = _packet_times(container, stream)
            fps, varies = _rate_of(stream, times)
            claims = ClipInfo(
                stream.width,
                stream.height,
                fps,
                stream.frames or None,
                _duration_s(container, stream, times, fps),
                codec=stream.codec_context.name,
                container=container.format.name,
                has_audio=bool(container.streams.audio),
                is_variable_rate=varies,
            )
        except (*DECODE_FAULTS, MemoryError) as fault:
            raise not_a_video(type(fault).__name__) from fault
    _check_size(claims.width_px, claims.height_px, limits)
    first = next(_decoded(source, limits), None)
    if first is None:
        raise not_a_video("no frame of it decodes")
    rotation = round(first.rotation / 90) * 90 % 360
    width, height = (first.height, first.width) if rotation in (90, 270) else (first.width, first.height)
    depth = max(component.bits for component in first.format.components)
    return replace(claims, width_px=width, height_px=height, rotation_deg=rotation, bit_depth=depth)


def container_tags(source: Source) -> dict[str, str]:
    """The file's own metadata (title, encoder, `AIGC` …), as written there: hostile until shown otherwise."""
    with opened(source) as container:
        return {str(key): str(value) for key, value in container.metadata.items()}


def _decoded(source: Source, limits: DecodeLimits, *, with_vectors: bool = False) -> Iterator[Any]:
    """PyAV frames in display order. Damaged packets are skipped: what still decodes is what people see."""
    with opened(source) as container:
        stream = video_stream(container)
        stream.thread_type = "AUTO"
        options = {"max_pixels": str(limits.max_frame_pixels)}
        if with_vectors and stream.codec_context.name in _VECTOR_CODECS:
            options["flags2"] = "+export_mvs"
        stream.codec_context.options = options
        damaged = 0
        try:
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except (*DECODE_FAULTS, MemoryError) as fault:
                    damaged += 1
                    if damaged > MAX_DAMAGED_PACKETS:
                        raise not_a_video("too many damaged packets") from fault
                    continue
                yield from frames
        except (*DECODE_FAULTS, MemoryError):
            return  # the container ends in the middle: the frames before it stand


def _to_rgb(frame: Any) -> RGB:
    tagged = int(frame.colorspace)
    matrix = tagged if tagged in (1, 4, 5, 7, 9) else (_BT709 if frame.height >= _HD_HEIGHT_PX else _BT601)
    if tagged == 6:  # SMPTE 170M: the same matrix as BT.601
        matrix = _BT601
    source_range = _FULL if int(frame.color_range) == _FULL or frame.format.name.startswith("yuvj") else _LIMITED
    is_rgb = frame.format.is_rgb
    picture = frame.reformat(
        format="rgb24",
        src_colorspace=None if is_rgb else matrix,
        src_color_range=None if is_rgb else source_range,
        dst_color_range=None if is_rgb else _FULL,
    ).to_ndarray()
    quarter_turns = round(frame.rotation / 90) % 4
    upright = np.rot90(picture, quarter_turns) if quarter_turns else picture
    return np.ascontiguousarray(upright, dtype=np.uint8)


def _coding(frame: Any) -> Coding:
    """The frame's kind, and for a P frame how much of it no motion vector fills: intra blocks have none."""
    kind = _KINDS.get(int(frame.pict_type), "?")
    if kind != "P":
        return Coding(kind)
    # Not `frame.side_data`: that ties the frame into a circle, and such frames fill the child's memory.
    side_data: Any = SideDataContainer
    vectors = side_data(frame).get("MOTION_VECTORS")
    blocks = None if vectors is None else vectors.to_ndarray()
    filled = 0 if blocks is None else int((blocks["w"].astype(np.int64) * blocks["h"]).sum())
    return Coding(kind, float(np.clip(1 - filled / (frame.width * frame.height), 0, 1)))


def _frames(
    source: Source, limits: DecodeLimits, info: ClipInfo, *, with_coding: bool = False, per_s: int | None = None
) -> Iterator[Frame]:
    start_s: float | None = None
    pixels = 0
    latest_s = -1.0
    given = -1
    with_coding = with_coding and info.codec in _VECTOR_CODECS
    for count, frame in enumerate(_decoded(source, limits, with_vectors=with_coding)):
        _check_size(frame.width, frame.height, limits)
        pixels += frame.width * frame.height
        if count >= limits.max_frames or pixels > limits.max_total_pixels:
            raise unreadable(
                f"the clip decodes to more than {count} frames or {limits.max_total_pixels} pixels",
                "decode_budget",
                "Cut the clip into shorter pieces, or raise the decode limits.",
            )
        shown_s = frame.time if frame.time is not None else latest_s + float(1 / info.fps)
        start_s = shown_s if start_s is None else start_s
        latest_s = max(shown_s - start_s, latest_s + 1e-6)
        if per_s is not None:
            if (place := int(latest_s * per_s + 1e-6)) == given:
                continue
            given = place
        yield Frame(latest_s, _to_rgb(frame), _coding(frame) if with_coding else None)


def open_clip(source: Source, limits: DecodeLimits = DEFAULT_LIMITS, *, with_coding: bool = False) -> Clip:
    """A clip over a file; every reading decodes anew, from the first frame, in constant memory.

    `with_coding`: the frames of H.264 video say how they are coded; those of others have None there.

    Raises:
        UnreadableInput: at once when the file holds no decodable video; while reading when a limit is passed.
    """
    info = probe(source, limits)
    return Clip(info, lambda: _frames(source, limits, info, with_coding=with_coding))


def sparse_frames(
    source: Source, info: ClipInfo, per_s: int, limits: DecodeLimits = DEFAULT_LIMITS
) -> Iterator[Frame]:
    """The first frame of each `1 / per_s` of a second that has one, with the times of `open_clip`.

    The others are decoded too, and count, but are never converted: that is half of what reading costs.

    Raises:
        UnreadableInput: a limit is passed.
    """
    return _frames(source, limits, info, per_s=per_s)


class _AudioCopy:
    """Audio packets of another file, muxed as they are, never far ahead of the picture."""

    def __init__(self, source: Path, output: Any, delay_s: float) -> None:
        self._input: Any = av.open(source.open("rb"), mode="r", options={"format_whitelist": READABLE_FORMATS})
        self._offset_s = -delay_s
        video = next(iter(self._input.streams.video), None)
        if video is not None and video.start_time is not None:
            self._offset_s += float(video.start_time * (video.time_base or 0))
        self._tracks = {}
        for stream in self._input.streams.audio:
            if stream.codec_context.name not in output.supported_codecs:
                raise UsageError(
                    f"audio of type {stream.codec_context.name} can't stand in this container untouched",
                    code="audio_not_muxable",
                    hint="Convert the sound to AAC first.",
                )
            self._tracks[stream.index] = output.add_stream_from_template(stream)
        self._packets = self._input.demux(*self._input.streams.audio) if self._tracks else iter(())
        self._waiting: Any = None
        self._output = output

    def copy_until(self, time_s: float) -> None:
        """Mux every packet that starts before a time (seconds of the output)."""
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = None
            if packet is None:
                return
            if packet.dts is None:
                continue
            if float(packet.dts * packet.time_base) - self._offset_s > time_s:
                self._waiting = packet
                return
            self._mux(packet)

    def _mux(self, packet: Any) -> None:
        shift = round(self._offset_s / packet.time_base)
        packet.stream = self._tracks[packet.stream.index]
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        self._output.mux(packet)

    def close(self) -> None:
        """Let the source file go."""
        self._input.close()


def _even(picture: RGB) -> RGB:
    """4:2:0 needs even sides: an odd one gets its last row or column twice."""
    height, width, _ = picture.shape
    if height % 2 == 0 and width % 2 == 0:
        return np.ascontiguousarray(picture)
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


_ENCODER_OPTIONS: dict[str, Callable[[int, str], dict[str, str]]] = {
    "libx264": lambda crf, preset: {"crf": str(crf), "preset": preset},
    "libx265": lambda crf, preset: {"crf": str(crf), "preset": preset, "x265-params": "log-level=none"},
    "libvpx-vp9": lambda crf, _: {"crf": str(crf), "b:v": "0", "cpu-used": "5", "row-mt": "1"},
    "libsvtav1": lambda crf, _: {"crf": str(crf), "preset": "8"},
}


def _add_video(output: Any, info: ClipInfo, width: int, height: int, codec: str, options: dict[str, str]) -> Any:
    stream = output.add_stream(codec, rate=info.fps, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, _VARIABLE_RATE_CLOCK) if info.is_variable_rate else 1 / info.fps
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED
    return stream


def _encoded_frame(picture: RGB) -> Any:
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    converted = frame.reformat(
        format="yuv420p", dst_colorspace=_BT709, src_color_range=_FULL, dst_color_range=_LIMITED
    )
    converted.colorspace, converted.color_range = _BT709, _LIMITED
    return converted


def write_clip(
    clip: Clip,
    path: Path,
    *,
    crf: int = 16,
    preset: str = "medium",
    codec: str = "libx264",
    audio_from: Path | None = None,
    audio_delay_s: float = 0.0,
    metadata: dict[str, str] | None = None,
    progress: Progress = silent,
) -> int:
    """Encode a clip into an MP4 (`.mp4`, `.mov`) or MKV/WebM by the path's suffix; returns the frames written.

    Odd sides grow by one repeated row or column (4:2:0). A variable frame rate keeps its times; a fixed one is
    written exactly. The sound begins `audio_delay_s` later than in its file. `metadata` keys are the file's own
    tags. The file is written under `path` as it grows: callers that publish write into a staging folder first.

    Raises:
        UsageError: an unknown codec, or audio that this container can't carry untouched.
        UnreadableInput: the clip has no frame, or its source fails.
    """
    if codec not in _ENCODER_OPTIONS:
        known = ", ".join(_ENCODER_OPTIONS)
        raise UsageError(f"no encoder {codec}", code="unknown_codec", hint=f"Choose one of {known}.")
    mux_options = {"movflags": "+faststart+use_metadata_tags"} if path.suffix in (".mp4", ".mov") else {}
    expected = clip.info.frame_count or max(1, round(clip.info.duration_s * clip.info.fps))
    written = 0
    with av.open(str(path), "w", options=mux_options) as output:
        output.metadata.update(metadata or {})
        stream: Any = None
        audio: _AudioCopy | None = None
        for frame in ahead(clip.timed_frames()):
            picture = _even(frame.rgb)
            if stream is None:
                height, width, _ = picture.shape
                options = _ENCODER_OPTIONS[codec](crf, preset)
                stream = _add_video(output, clip.info, width, height, codec, options)
                audio = _AudioCopy(audio_from, output, audio_delay_s) if audio_from is not None else None
            encoded = _encoded_frame(picture)
            encoded.time_base = stream.codec_context.time_base
            encoded.pts = round(frame.time_s * _VARIABLE_RATE_CLOCK) if clip.info.is_variable_rate else written
            output.mux(stream.encode(encoded))
            if audio is not None:
                audio.copy_until(frame.time_s)
            written += 1
            progress(min(1.0, written / expected))
        if stream is None:
            raise not_a_video("no frame to write")
        output.mux(stream.encode())
        if audio is not None:
            audio.copy_until(float("inf"))
            audio.close()
    return written


def transcode(
    source: Path,
    target: Path,
    *,
    crf: int,
    codec: str = "libx264",
    preset: str = "medium",
    width_px: int | None = None,
    height_px: int | None = None,
) -> None:
    """Decode and encode again, optionally scaled (area filter down, cubic up): what a platform does to a clip."""
    clip = open_clip(source)
    if width_px is not None or height_px is not None:
        width = width_px or round(clip.info.width_px * (height_px or 0) / clip.info.height_px)
        height = height_px or round(clip.info.height_px * width / clip.info.width_px)
        clip = scaled(clip, width, height)
    write_clip(clip, target, crf=crf, codec=codec, preset=preset)


def scaled(clip: Clip, width_px: int, height_px: int) -> Clip:
    """The same clip at another size, streamed."""
    import cv2

    shrinks = width_px * height_px < clip.info.width_px * clip.info.height_px
    filter_kind = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC

    def resized(frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            picture = cv2.resize(frame.rgb, (width_px, height_px), interpolation=filter_kind)
            yield Frame(frame.time_s, np.asarray(picture, np.uint8))

    return clip.mapped(resized, width_px=width_px, height_px=height_px)
