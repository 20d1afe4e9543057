"""Local features of key frames, and small pictures in between: what knows a copy whose picture as a whole changed.

A hash of the whole picture loses a copy that was cut out, turned, captioned or set into another picture. Corners
and blobs of it stay (SIFT; Lowe, IJCV 2004), each described by 256 bits: the descriptor against its own median and
its own upper quartile (scalar quantisation; Zhou et al., ACM Multimedia 2012). How two clips are compared by them
stands in `provenance.placing`.

Made beside the fingerprint in the same pass, kept by the repository and signed nowhere. Knows nothing of hashes.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from core.clip import RGB, Frame
from core.pictures import reduced

CANVAS_PX = 480  # the long side on which features are looked for, smaller pictures enlarged to it
SMALL_PX = 32
SAMPLES_PER_S = 8
MAX_HELD_SAMPLES = 10 * SAMPLES_PER_S  # a longer gap in the frames' times is a fault of the file, not a still
KEPT_FEATURES = 200
_FEATURES = 400
_GRID = 5  # features are dealt out over 5 x 5 fields, so that every part of the picture keeps some
_KEY_INTERVAL_S = 0.5
_MAX_KEYS = 240  # two minutes of them; longer clips get fewer, evenly spread
_KEPT_EVERY = 2  # of key frames and of small pictures, every second is kept with a release
_MAX_SMALL = 120 * SAMPLES_PER_S  # longer clips keep small pictures for a second after each key frame
_CONTRAST, _EDGE = 0.02, 12.0  # half of OpenCV's contrast threshold: soft, dark and re-encoded pictures have few
_MAGIC = b"RPLM1\n"
_HEAD = "<2H4f3I"
_MAX_BYTES = 256 << 20

_Bits = NDArray[np.uint8]
_Indices = NDArray[np.int32]


@dataclass(frozen=True)
class Landmarks:
    """Features of K key frames and T small pictures of one clip.

    `size` is (width, height) of the canvas in pixels, `window` the part of it between black bars (left, top, right,
    bottom; 0 to 1), which the small pictures show. `keys` has the sample (eighth of a second) of each key frame,
    `key_of` the key frame of each feature, strongest first; `places` its (x, y) on the canvas, float32 (N, 2);
    `bits` its description, uint8 (N, 32). `small` is uint8 (T, 32, 32), `samples` the sample that each shows.
    """

    size: tuple[int, int]
    window: tuple[float, float, float, float]
    keys: _Indices
    key_of: _Indices
    places: NDArray[np.float32]
    bits: _Bits
    samples: _Indices
    small: NDArray[np.uint8]
    is_kept: bool = False

    def kept(self) -> "Landmarks":
        """What is kept with a release: every second key frame with its 200 strongest features, every second small
        picture; of clips over two minutes those within a second after a key frame. Safe to repeat."""
        if self.is_kept:
            return self
        keys = np.arange(0, len(self.keys), _KEPT_EVERY)
        new_place = np.full(len(self.keys) + 1, -1, np.int32)
        new_place[keys] = np.arange(len(keys))
        rank = np.arange(len(self.key_of)) - np.searchsorted(self.key_of, self.key_of)
        features = (new_place[self.key_of] >= 0) & (rank < KEPT_FEATURES)
        shown = self.samples % _KEPT_EVERY == 0
        if len(self.samples) > _MAX_SMALL:
            after = np.searchsorted(self.keys[keys], self.samples, "right") - 1
            shown &= (after >= 0) & (self.samples - self.keys[keys][after] < SAMPLES_PER_S)
        return Landmarks(
            self.size,
            self.window,
            self.keys[keys],
            new_place[self.key_of[features]],
            self.places[features],
            self.bits[features],
            self.samples[shown],
            self.small[shown],
            is_kept=True,
        )

    def mirrored(self) -> "Landmarks":
        """The landmarks of the clip flipped left to right."""
        left, top, right, bottom = self.window
        places = self.places.copy()
        places[:, 0] = self.size[0] - 1 - places[:, 0]
        bits = np.packbits(np.unpackbits(self.bits, axis=1)[:, _mirror_order()], axis=1).reshape(-1, 32)
        window = (1 - right, top, 1 - left, bottom)
        return Landmarks(
            self.size, window, self.keys, self.key_of, places, bits, self.samples, self.small[:, :, ::-1]
        )

    def to_bytes(self) -> bytes:
        """The stored form of what is kept, packed."""
        if not self.is_kept:
            return self.kept().to_bytes()
        counts = struct.pack(_HEAD, *self.size, *self.window, len(self.keys), len(self.key_of), len(self.small))
        places = np.round(self.places * 64).astype("<u2")
        parts = (self.keys.astype("<i4"), self.key_of.astype("<i4"), places, self.bits, self.samples.astype("<i4"))
        content = b"".join(one.tobytes() for one in parts) + self.small.tobytes()
        return _MAGIC + zlib.compress(counts + content, 6)

    @classmethod
    def from_bytes(cls, content: bytes) -> "Landmarks":
        """The landmarks that `to_bytes` wrote.

        Raises:
            ValueError: not such a value.
        """
        if content[: len(_MAGIC)] != _MAGIC:
            raise ValueError("these are no landmarks of a clip")
        try:
            plain = zlib.decompressobj().decompress(content[len(_MAGIC) :], _MAX_BYTES)
            width, height, *window, keys, features, small = struct.unpack_from(_HEAD, plain)
        except (zlib.error, struct.error) as error:
            raise ValueError("the landmarks can't be read") from error
        wanted = (
            *(("<i4", (keys,)), ("<i4", (features,)), ("<u2", (features, 2)), ("u1", (features, 32))),
            *(("<i4", (small,)), ("u1", (small, SMALL_PX, SMALL_PX))),
        )
        sizes = [int(np.prod(shape, dtype=np.int64)) * np.dtype(form).itemsize for form, shape in wanted]
        if len(plain) != struct.calcsize(_HEAD) + sum(sizes):
            raise ValueError("the landmarks are cut off")
        parts, position = [], struct.calcsize(_HEAD)
        for (form, shape), size in zip(wanted, sizes, strict=True):
            parts.append(np.frombuffer(plain[position : position + size], form).reshape(shape))
            position += size
        at, key_of, places, bits, samples, pictures = parts
        left, top, right, bottom = window
        return cls(
            (width, height),
            (left, top, right, bottom),
            at.astype(np.int32),
            key_of.astype(np.int32),
            (places / np.float32(64)).astype(np.float32),
            bits,
            samples.astype(np.int32),
            pictures,
            is_kept=True,
        )


class LandmarkCollector:
    """Keeps what the landmarks of one clip are made of while its frames go by: at most 240 small key frames."""

    def __init__(self) -> None:
        self._keys: list[tuple[int, NDArray[np.uint8]]] = []
        self._interval_s, self._next_s = _KEY_INTERVAL_S, 0.0
        self._size = (0, 0)
        self._small: list[NDArray[np.uint8]] = []
        self._sample = 0
        self._place: int | None = None
        self.window = (0.0, 0.0, 1.0, 1.0)

    def watching(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The same frames; two a second are kept, small, for their features."""
        for frame in frames:
            self._step(int(frame.time_s * SAMPLES_PER_S + 1e-6))
            if frame.time_s + 1e-6 >= self._next_s:
                self._take(frame)
            yield frame

    def take_small(self, luma: NDArray[np.float32]) -> None:
        """Keep the mean picture of the next eighth of a second, shrunk."""
        small = cv2.resize(luma, (SMALL_PX, SMALL_PX), interpolation=cv2.INTER_AREA)
        self._small.append(np.clip(np.round(small), 0, 255).astype(np.uint8))

    def landmarks(self) -> Landmarks | None:
        """The landmarks of what went by, their features found now; None of a clip without a frame."""
        if not self._keys or not self._small:
            return None
        found = [features_of(canvas) for _, canvas in self._keys]
        counts = [len(places) for places, _ in found]
        return Landmarks(
            self._size,
            self.window,
            np.array([sample for sample, _ in self._keys], np.int32),
            np.repeat(np.arange(len(counts)), counts).astype(np.int32),
            np.concatenate([places for places, _ in found]),
            np.concatenate([bits for _, bits in found]),
            np.arange(len(self._small), dtype=np.int32),
            np.array(self._small),
        )

    def _step(self, place: int) -> None:
        """Count samples as the fingerprint does: from the first frame on, gaps held for ten seconds at most."""
        if self._place is not None and place > self._place:
            self._sample += min(place - self._place, MAX_HELD_SAMPLES)
        self._place = place

    def _take(self, frame: Frame) -> None:
        canvas = _canvas(frame.rgb)
        size = (canvas.shape[1], canvas.shape[0])
        self._size = self._size if self._keys else size
        if size == self._size:  # a clip whose shape changes on the way has one canvas: that of its first frame
            self._keys.append((self._sample, canvas))
        if len(self._keys) > _MAX_KEYS:
            self._keys, self._interval_s = self._keys[::2], 2 * self._interval_s
        self._next_s = max(self._next_s, frame.time_s) + self._interval_s


def features_of(canvas: NDArray[np.uint8], most: int = _FEATURES) -> tuple[NDArray[np.float32], _Bits]:
    """Places, float32 (N, 2), and descriptions, uint8 (N, 32), of a grey picture's features, strongest first.

    The strongest of each field come before the second strongest of any, so that the first 200 lie everywhere.
    """
    sift = cv2.SIFT_create(contrastThreshold=_CONTRAST, edgeThreshold=_EDGE)  # type: ignore[attr-defined]
    points, descriptors = sift.detectAndCompute(canvas, None)
    if not points:
        return np.empty((0, 2), np.float32), np.empty((0, 32), np.uint8)
    places = np.array([one.pt for one in points], np.float32)
    strength = np.array([one.response for one in points])
    columns, rows = (np.minimum(places * _GRID / canvas.shape[::-1], _GRID - 1).astype(int)).T
    field = rows * _GRID + columns
    by_field = np.lexsort((-strength, field))
    rank = np.empty(len(places), int)
    rank[by_field] = np.arange(len(places)) - np.searchsorted(field[by_field], field[by_field])
    chosen = np.lexsort((-strength, rank))[:most]
    return np.clip(places[chosen], 0, 65535 / 64), quantised(descriptors[chosen])


def quantised(descriptors: NDArray[np.float32]) -> _Bits:
    """256 bits of SIFT descriptors (N, 128): which values lie over the median, which over the upper quartile."""
    ordered = np.sort(descriptors, axis=1)
    levels = ordered[:, 64, None], ordered[:, 96, None]
    return np.packbits(np.concatenate([descriptors > level for level in levels], axis=1), axis=1).reshape(-1, 32)


def _canvas(rgb: RGB) -> NDArray[np.uint8]:
    height, width, _ = rgb.shape
    scale = CANVAS_PX / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    if scale < 1:
        return reduced(grey, size)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR), np.uint8)


@cache
def _mirror_order() -> NDArray[np.intp]:
    """Where each of the 256 bits stands in the mirror image: SIFT has 4 x 4 fields of eight directions, laid along
    the feature's own direction, so that the rows and the directions run the other way."""
    places = np.arange(128).reshape(4, 4, 8)
    turned = places[::-1][:, :, (8 - np.arange(8)) % 8].reshape(-1)
    return np.concatenate([turned, 128 + turned])
