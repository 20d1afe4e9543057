"""The pixel mark's two calls: embed a payload in a clip, extract it from any clip."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from core.clip import Clip
from core.progress import Progress, silent
from watermark.extraction import Extraction, Geometry, SegmentPresence
from watermark.payload import Payload
from watermark.pixel import embedding
from watermark.pixel.layout import ALG, CanonicalGrid, first_pilot
from watermark.pixel.presence import PresenceMeter
from watermark.pixel.reading import (
    FALSE_POSITIVE_RATE,
    Block,
    Sighting,
    decisions,
    payload_of,
    single_look_z,
    soft_bits,
)
from watermark.pixel.residual import Slice, read_size, slices
from watermark.pixel.timing import Timing

PSNR_DB = 43.0
PSNR_DB_RANGE = (30.0, 60.0)
BLOCK_SLICES = 64
BLOCKS_TRIED = 8


@dataclass(frozen=True)
class PixelWatermark:
    """An invisible mark in the luma of every frame. Stateless: key and payload are arguments; safe to share by
    threads."""

    alg: str = ALG

    def embed(self, clip: Clip, payload: Payload, key: bytes, *, psnr_db: float = PSNR_DB) -> Clip:
        """The marked clip, marked as its frames are read: constant memory, any length and size, deterministic.

        `psnr_db` is the least peak signal-to-noise ratio of every frame, after rounding; flat pictures, where a
        mark would show, get a weaker mark than it allows.

        Raises:
            ValueError: `psnr_db` outside 30 to 60, or a key under 16 bytes.
        """
        if not PSNR_DB_RANGE[0] <= psnr_db <= PSNR_DB_RANGE[1]:
            raise ValueError(f"psnr_db must lie in {PSNR_DB_RANGE[0]:g} to {PSNR_DB_RANGE[1]:g}, got {psnr_db:g}")
        first_pilot(payload, key)  # refuses a short key here, not at the first frame
        return embedding.embed(clip, payload, key, psnr_db)

    def extract(
        self, clip: Clip, keys: Mapping[int, bytes], *, blind: bool = True, progress: Progress = silent
    ) -> Extraction:
        """What the clip carries under these keys, by key ID; `found` is false for any clip not marked with one
        of them.

        Reads the clip once, in constant memory. The geometric search stops at the first decision that passes;
        `blind` false leaves out the costly one over cut and scaled copies. Each 32 s of the clip are tried, up
        to 8 times.
        """
        pieces = slices(clip.timed_frames())
        best: Extraction | None = None
        spent = 0
        for number, block in enumerate(_blocks(pieces, clip, keys)):
            for sighting in decisions(block, blind=blind and number == 0):
                spent += 1
                progress(min(0.9, spent / 5))
                counted = replace(sighting, looks=sighting.looks * 2**spent)
                result = self._result(block, counted, clip)
                if result.found or counted.p_value <= FALSE_POSITIVE_RATE:
                    return self._with_timeline(result, block, counted, keys, pieces, progress)
                best = result if best is None or result.p_value < best.p_value else best
        progress(1.0)
        return best or self._nothing()

    def single_look_z(self, clip: Clip, keys: Sequence[bytes]) -> NDArray[np.float64]:
        """Each key's score at one place and time fixed beforehand (as marked, first pilot 0), float64 (len(keys),).

        Under keys that did not mark the clip these are draws of N(0, 1), whatever it shows: the null that
        `Extraction.p_value` rests on, open to anybody's test.
        """
        pieces = tuple(islice(slices(clip.timed_frames()), BLOCK_SLICES))
        block = _block(pieces, clip, dict(enumerate(keys)))
        scores = single_look_z(block, Timing(0, 0))
        return np.array([scores[i] for i in range(len(keys))])

    def _nothing(self) -> Extraction:
        return Extraction(self.alg, False, None, 1.0, 0.0, 0, FALSE_POSITIVE_RATE)

    def _result(self, block: Block, sighting: Sighting, clip: Clip) -> Extraction:
        p_value = sighting.p_value
        passed = p_value <= FALSE_POSITIVE_RATE
        payload = payload_of(soft_bits(block, sighting), sighting.key_id) if passed else None
        return Extraction(
            self.alg,
            payload is not None,
            payload,
            p_value,
            sighting.z,
            sighting.looks,
            FALSE_POSITIVE_RATE,
            sighting.key_id if passed else None,
            _public_geometry(sighting.geometry, clip) if passed else Geometry(),
        )

    def _with_timeline(
        self,
        result: Extraction,
        block: Block,
        sighting: Sighting,
        keys: Mapping[int, bytes],
        rest: Iterator[Slice],
        progress: Progress,
    ) -> Extraction:
        if result.payload is None:
            return result
        meter = PresenceMeter(result.payload, keys[sighting.key_id], sighting.geometry, sighting.timing)
        timeline: list[SegmentPresence] = list(meter.measure(block.slices))
        timeline.extend(meter.measure(rest))
        progress(1.0)
        return replace(result, segments=tuple(timeline))


def _blocks(pieces: Iterator[Slice], clip: Clip, keys: Mapping[int, bytes]) -> Iterator[Block]:
    for _ in range(BLOCKS_TRIED if keys else 0):
        held = tuple(islice(pieces, BLOCK_SLICES))
        if not held:
            return
        yield _block(held, clip, keys)


def _block(pieces: tuple[Slice, ...], clip: Clip, keys: Mapping[int, bytes]) -> Block:
    return Block(pieces, clip.info.width_px, clip.info.height_px, keys)


def _public_geometry(geometry: Geometry, clip: Clip) -> Geometry:
    """The geometry in pixels of the clip as it is and as it was marked, instead of read and canonical ones.

    A clip above 2304 px is marked at a whole fraction of its size; a copy's own reduction stands in for that.
    """
    width, height = read_size(clip.info.width_px, clip.info.height_px)
    times = CanonicalGrid.of(clip.info.width_px, clip.info.height_px).reduction
    return replace(
        geometry,
        scale=geometry.scale * width / clip.info.width_px * times,
        scale_y=geometry.scale_y * height / clip.info.height_px * times,
        shift_x_px=geometry.shift_x_px * times,
        shift_y_px=geometry.shift_y_px * times,
    )
