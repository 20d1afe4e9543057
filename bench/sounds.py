"""Sounds made by rule for the sound bench and tests (like speech, like music, like a street), and files of them.

No recordings: they stand in for sounds that are not at hand; how lifelike they are is not measured. Deterministic
for a seed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from core.clip import Clip
from core.video import write_clip

Samples = NDArray[np.float32]
RATE_HZ = 48_000
_VOWELS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
_SCALE = (0, 2, 4, 5, 7, 9, 11, 12, 14, 16)


def speech(seconds: float, seed: int) -> Samples:
    """Syllables of a buzzing or hissing source through three formants, with pauses between phrases."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(seconds * RATE_HZ), np.float32)
    pitch, at = rng.uniform(95, 230), round(rng.uniform(0.0, 0.2) * RATE_HZ)
    while at < len(out):
        length = round(rng.uniform(0.09, 0.3) * RATE_HZ)
        syllable = _syllable(length, pitch * rng.uniform(0.85, 1.2), rng)
        end = min(len(out), at + length)
        out[at:end] += syllable[: end - at]
        at += length + round((rng.uniform(0.2, 0.5) if rng.random() < 0.12 else rng.uniform(0.0, 0.05)) * RATE_HZ)
    return _levelled(out, 0.09)


def _syllable(length: int, pitch_hz: float, rng: np.random.Generator) -> NDArray[np.float64]:
    glide = np.linspace(1.0, rng.uniform(0.85, 1.1), length)
    phase = np.cumsum(pitch_hz * glide / RATE_HZ)
    source = np.diff(np.floor(phase), prepend=0.0) + 0.01 * rng.standard_normal(length)
    if rng.random() < 0.25:
        source = 0.15 * rng.standard_normal(length)
    for formant in _VOWELS_HZ[rng.integers(len(_VOWELS_HZ))]:
        radius, angle = np.exp(-np.pi * 90 / RATE_HZ), 2 * np.pi * formant * rng.uniform(0.92, 1.08) / RATE_HZ
        source = lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], source)
    return np.asarray(source * np.hanning(length) ** 0.5 * rng.uniform(0.4, 1.0))


def music(seconds: float, seed: int) -> Samples:
    """Plucked and held notes of one key over a beat of noise bursts."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(seconds * RATE_HZ), np.float32)
    beat_s, root_hz = 60 / rng.uniform(80, 140), 110 * 2 ** (rng.integers(0, 12) / 12)
    for step in range(round(seconds / beat_s * 2)):
        at = round(step * beat_s / 2 * RATE_HZ)
        for _ in range(rng.integers(1, 4)):
            tone_hz = root_hz * 2 ** ((_SCALE[rng.integers(len(_SCALE))] + 12 * rng.integers(0, 2)) / 12)
            _add(out, at, _note(tone_hz, rng.uniform(0.2, 0.9), rng))
        if step % 2 == 0:
            burst = rng.standard_normal(round(0.12 * RATE_HZ)) * np.exp(-np.arange(round(0.12 * RATE_HZ)) / 900)
            _add(out, at, 0.25 * burst)
    return _levelled(out, 0.12)


def _note(tone_hz: float, seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    partials = [rng.uniform(0.2, 1.0) / k * np.sin(2 * np.pi * k * tone_hz * time) for k in range(1, 9)]
    return np.asarray(np.sum(partials, axis=0) * np.exp(-time * rng.uniform(1, 7)) * np.minimum(1, time * 120))


def street(seconds: float, seed: int) -> Samples:
    """Broad noise that swells and falls, with passing hums: what a camera hears where nothing much happens."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE_HZ)
    noise = lfilter([0.05], [1, -0.95], rng.standard_normal(count))
    swell = np.interp(np.arange(count), np.linspace(0, count, round(2 * seconds) + 2),
                      rng.uniform(0.3, 1.0, round(2 * seconds) + 2))  # fmt: skip
    out = noise * swell
    time = np.arange(count) / RATE_HZ
    for _ in range(max(1, round(seconds / 2))):
        hum_hz, when, long = rng.uniform(120, 1_500), rng.uniform(0, seconds), rng.uniform(0.3, 1.5)
        out += 0.1 * np.sin(2 * np.pi * hum_hz * time) * np.exp(-(((time - when) / long) ** 2))
    return _levelled(out, 0.04)


#: Every kind of sound by its name.
KINDS: dict[str, Callable[[float, int], Samples]] = {"speech": speech, "music": music, "street": street}


def silent_video(path: Path, fps: int, frames: int = 36) -> Path:
    """Small pictures of noise without sound, to carry one."""
    pictures = np.random.default_rng(1).integers(0, 255, (frames, 48, 64, 3), dtype=np.uint8)
    write_clip(Clip.from_array(pictures, fps), path, crf=45, preset="ultrafast")
    return path


def with_sound(
    video: Path, sound: Samples, path: Path, *, codec: str = "aac", kbits: int = 64, rate_hz: int = RATE_HZ
) -> Path:
    """The video's packets and the sound (mono, 48 kHz), encoded, in one file of the kind that its suffix names."""
    with av.open(str(video)) as source, av.open(str(path), "w") as out:
        pictures = source.streams.video[0]
        copied = out.add_stream_from_template(pictures)
        track: Any = out.add_stream(codec, rate=rate_hz)
        track.bit_rate, track.layout = 1_000 * kbits, "mono"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None], np.float32), "flt", "mono")
        frame.sample_rate, frame.pts = RATE_HZ, 0
        resampler = av.AudioResampler(track.format.name, "mono", rate_hz)
        for ready in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(track.encode(ready))
        out.mux(track.encode(None))
        for packet in source.demux(pictures):
            if packet.dts is not None:
                packet.stream = copied
                out.mux(packet)
    return path


def sound_of(path: Path) -> Samples:
    """The first sound track as mono at 48 kHz."""
    resampler = av.AudioResampler("flt", "mono", RATE_HZ)
    with av.open(str(path)) as source:
        pieces = [one for frame in source.decode(audio=0) for one in resampler.resample(frame)]
    pieces += resampler.resample(None)
    return np.concatenate([one.to_ndarray()[0] for one in pieces]).astype(np.float32)


def _add(out: Samples, at: int, piece: NDArray[np.float64]) -> None:
    end = min(len(out), at + len(piece))
    out[at:end] += piece[: max(0, end - at)]


def _levelled(sound: NDArray[np.floating], rms: float) -> Samples:
    loud = float(np.sqrt(np.mean(np.square(sound)))) or 1.0
    return np.clip(sound * (rms / loud), -1, 1).astype(np.float32)
