"""Video files in and out, one frame in memory at a time. The only module that imports PyAV.

Reading: any container on the white list, rotated upright, converted to 8-bit RGB with the stream's own
matrix and range, timed from the first frame; the sound as mono samples on the same time. Nothing but the
given file is ever opened: no sibling files, no playlists, no network. Writing: MP4 with H.264 (or another
codec by name), BT.709 limited range, audio packets copied untouched from another file.

Refuses to know: credentials (a remux or an encode drops a C2PA manifest: sign last).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error
import numpy as np

from core.ahead import ahead
from core.clip import RGB, Clip, ClipInfo, Frame
from core.errors import UnreadableInput, UsageError
from core.progress import Progress, silent
from core.sound import MAX_SOUND_S, SOUND_RATE_HZ, Sound

READABLE_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,ivf,h264,hevc,m4v,yuv4mpegpipe"
)
_VARIABLE_RATE_PROBE_PACKETS = 600
_VARIABLE_RATE_JITTER_S = 0.0025  # container clocks of 1 ms and halves of it are not a variable rate
_VARIABLE_RATE_CLOCK = 90_000
_HD_HEIGHT_PX = 720  # untagged video is BT.709 from here up, BT.601 below: what players assume
_BT709, _BT601 = 1, 5
_LIMITED, _FULL = 1, 2
_MAX_DAMAGED_PACKETS = 1_000
_SOUND_GAP_S = 0.1  # smaller jumps in a track's times are a container's rounding

_DECODE_FAULTS = (av.error.FFmpegError, OSError, UnicodeDecodeError, IndexError, ValueError)


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
Source = Path | BinaryIO


def _unreadable(message: str, code: str, hint: str) -> UnreadableInput:
    return UnreadableInput(message, code=code, hint=hint)


def _not_a_video(reason: object) -> UnreadableInput:
    return _unreadable(
        f"no decodable video in this file ({reason})",
        "not_a_video",
        "Check that the file plays; MP4, MOV, MKV, WebM, AVI and MPEG-TS are read.",
    )


def _byte_stream(source: Source) -> BinaryIO:
    if not isinstance(source, Path):
        return source
    try:
        return source.open("rb")
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise _unreadable(
            f"can't open {source.name}: {reason.lower()}", "no_such_file", "Check the path and its permissions."
        ) from fault


@contextmanager
def _opened(source: Source) -> Iterator[Any]:
    """The demuxer over a file, by descriptor: the demuxer never learns a path it could walk from."""
    stream = _byte_stream(source)
    try:
        if stream.seekable():
            stream.seek(0)
        try:
            container = av.open(
                stream,
                mode="r",
                options={"format_whitelist": READABLE_FORMATS, "protocol_whitelist": ""},
                metadata_errors="replace",
            )
        except (*_DECODE_FAULTS, MemoryError) as fault:
            raise _not_a_video(type(fault).__name__) from fault
        with container:
            yield container
    finally:
        if isinstance(source, Path):
            stream.close()


def _video_stream(container: Any) -> Any:
    for stream in container.streams.video:
        if stream.codec_context is not None and not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    raise _not_a_video("it has no video stream")


def _check_size(width: int, height: int, limits: DecodeLimits) -> None:
    if max(width, height) > limits.max_side_px or width * height > limits.max_frame_pixels:
        raise _unreadable(
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
    with _opened(source) as container:
        stream = _video_stream(container)
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
        except (*_DECODE_FAULTS, MemoryError) as fault:
            raise _not_a_video(type(fault).__name__) from fault
    _check_size(claims.width_px, claims.height_px, limits)
    first = next(_decoded(source, limits), None)
    if first is None:
        raise _not_a_video("no frame of it decodes")
    rotation = round(first.rotation / 90) * 90 % 360
    width, height = (first.height, first.width) if rotation in (90, 270) else (first.width, first.height)
    depth = max(component.bits for component in first.format.components)
    return replace(claims, width_px=width, height_px=height, rotation_deg=rotation, bit_depth=depth)


def container_tags(source: Source) -> dict[str, str]:
    """The file's own metadata (title, encoder, `AIGC` …), as written there: hostile until shown otherwise."""
    with _opened(source) as container:
        return {str(key): str(value) for key, value in container.metadata.items()}


def _decoded(source: Source, limits: DecodeLimits) -> Iterator[Any]:
    """PyAV frames in display order. Damaged packets are skipped: what still decodes is what people see."""
    with _opened(source) as container:
        stream = _video_stream(container)
        stream.thread_type = "AUTO"
        stream.codec_context.options = {"max_pixels": str(limits.max_frame_pixels)}
        damaged = 0
        try:
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except (*_DECODE_FAULTS, MemoryError) as fault:
                    damaged += 1
                    if damaged > _MAX_DAMAGED_PACKETS:
                        raise _not_a_video("too many damaged packets") from fault
                    continue
                yield from frames
        except (*_DECODE_FAULTS, MemoryError):
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


def _frames(source: Source, limits: DecodeLimits, fps: Fraction, per_s: int | None = None) -> Iterator[Frame]:
    start_s: float | None = None
    pixels = 0
    latest_s = -1.0
    given = -1
    for count, frame in enumerate(_decoded(source, limits)):
        _check_size(frame.width, frame.height, limits)
        pixels += frame.width * frame.height
        if count >= limits.max_frames or pixels > limits.max_total_pixels:
            raise _unreadable(
                f"the clip decodes to more than {count} frames or {limits.max_total_pixels} pixels",
                "decode_budget",
                "Cut the clip into shorter pieces, or raise the decode limits.",
            )
        shown_s = frame.time if frame.time is not None else latest_s + float(1 / fps)
        start_s = shown_s if start_s is None else start_s
        latest_s = max(shown_s - start_s, latest_s + 1e-6)
        if per_s is not None:
            if (place := int(latest_s * per_s + 1e-6)) == given:
                continue
            given = place
        yield Frame(latest_s, _to_rgb(frame))


def open_clip(source: Source, limits: DecodeLimits = DEFAULT_LIMITS) -> Clip:
    """A clip over a file; every reading decodes anew, from the first frame, in constant memory.

    Raises:
        UnreadableInput: at once when the file holds no decodable video; while reading when a limit is passed.
    """
    info = probe(source, limits)
    return Clip(info, lambda: _frames(source, limits, info.fps))


def sparse_frames(
    source: Source, info: ClipInfo, per_s: int, limits: DecodeLimits = DEFAULT_LIMITS
) -> Iterator[Frame]:
    """The first frame of each `1 / per_s` of a second that has one, with the times of `open_clip`.

    The others are decoded too, and count, but are never converted: that is half of what reading costs.

    Raises:
        UnreadableInput: a limit is passed.
    """
    return _frames(source, limits, info.fps, per_s)


def read_sound(source: Source, rate_hz: int = SOUND_RATE_HZ, max_s: float = MAX_SOUND_S) -> Sound | None:
    """The first sound track as mono samples from the first picture on, at most `max_s` of it; None without a track.

    Damaged packets are skipped and leave silence, and the sound says so.

    Raises:
        UnreadableInput: no media file at all.
    """
    with _opened(source) as container:
        stream = next((one for one in container.streams.audio if one.codec_context is not None), None)
        if stream is None:
            return None
        video = next(iter(container.streams.video), None)
        start_s = float(video.start_time * video.time_base) if video is not None and video.start_time else 0.0
        track = _Track(rate_hz, max_s)
        try:
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except (*_DECODE_FAULTS, MemoryError):
                    track.damaged += 1
                    if track.damaged > _MAX_DAMAGED_PACKETS:
                        break
                    continue
                for frame in frames:
                    track.put(frame, frame.time - start_s if frame.time is not None else None)
                if track.is_full:
                    break
        except (*_DECODE_FAULTS, MemoryError):
            track.damaged += 1  # the container ends in the middle: the sound before it stands
        return track.sound()


class _Track:
    """Collects decoded sound, resampled and laid where its times say; at most so many seconds."""

    def __init__(self, rate_hz: int, max_s: float) -> None:
        self.damaged = 0
        self._rate_hz, self._most = rate_hz, round(max_s * rate_hz)
        self._samples = np.zeros(self._most, np.int16)
        self._resampler: Any = None
        self._kind: tuple[Any, ...] = ()
        self._next_s = 0.0
        self._place = self._end = 0

    @property
    def is_full(self) -> bool:
        """Whether no more fits."""
        return self._place >= self._most

    def put(self, frame: Any, time_s: float | None) -> None:
        """Add one decoded frame that begins at a time of the clip, or right after the one before."""
        if not frame.sample_rate or not frame.samples:
            return
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        is_jump = time_s is not None and abs(time_s - self._next_s) > _SOUND_GAP_S
        if self._resampler is None or is_jump or kind != self._kind:
            self._flush()
            self._next_s = self._next_s if time_s is None else time_s
            self._place = round(min(max(self._next_s, -1e6), 1e6) * self._rate_hz)
            self._resampler, self._kind = av.AudioResampler("s16", "mono", self._rate_hz), kind
        self._next_s += frame.samples / frame.sample_rate
        frame.pts = None
        self._take(self._resampler.resample(frame))

    def sound(self) -> Sound:
        """All of it."""
        self._flush()
        is_cut = self._place > self._most
        return Sound(self._samples[: self._end].copy(), self._rate_hz, self.damaged > 0, is_cut)

    def _flush(self) -> None:
        if self._resampler is not None:
            self._take(self._resampler.resample(None))
            self._resampler = None

    def _take(self, frames: list[Any]) -> None:
        for frame in frames:
            piece = frame.to_ndarray().reshape(-1)
            skipped = min(max(0, -self._place), len(piece))
            start = self._place + skipped
            end = min(self._most, self._place + len(piece))
            if end > start:
                self._samples[start:end] = piece[skipped : skipped + end - start]
                self._end = max(self._end, end)
            self._place += len(piece)


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
            raise _not_a_video("no frame to write")
        output.mux(stream.encode())
        if audio is not None:
            audio.copy_until(float("inf"))
            audio.close()
    return written


def remux(source: Path, target: Path, *, metadata: dict[str, str] | None = None) -> None:
    """Copy video and audio packets into a new container, untouched. Drops credentials and other boxes."""
    options = {"movflags": "+faststart+use_metadata_tags"} if target.suffix in (".mp4", ".mov") else {}
    with _opened(source) as container, av.open(str(target), "w", options=options) as output:
        output.metadata.update(metadata or {})
        kept = [_video_stream(container), *container.streams.audio]
        tracks = {stream.index: output.add_stream_from_template(stream) for stream in kept}
        for packet in container.demux(*kept):
            if packet.dts is None:
                continue
            packet.stream = tracks[packet.stream.index]
            output.mux(packet)


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
