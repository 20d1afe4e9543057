"""The pixel mark's two calls: embed a payload in a clip, extract it from any clip."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from core.ahead import ahead
from core.clip import Clip
from core.progress import Progress, silent
from watermark.extraction import Extraction, Geometry, SegmentPresence
from watermark.payload import Payload
from watermark.pixel import embedding
from watermark.pixel.decisions import decisions
from watermark.pixel.field import footprint, lay_out, window
from watermark.pixel.geometry import geometry_of
from watermark.pixel.layout import ALG, CYCLE_S, SLICE_S
from watermark.pixel.message import Message
from watermark.pixel.parts import overlaid, parts_of
from watermark.pixel.pattern import TURNING_PLANES, pilot_chips
from watermark.pixel.presence import PresenceMeter
from watermark.pixel.reading import FALSE_POSITIVE_RATE, Block, Sighting, judged, own_placement
from watermark.pixel.residual import Slice, slices

PSNR_DB = 44.0
PSNR_DB_RANGE = (30.0, 60.0)
BLOCK_SLICES = round(CYCLE_S / SLICE_S)
BLOCKS_TRIED = 8


@dataclass(frozen=True)
class PixelWatermark:
    """An invisible mark in the luma of every frame. Stateless: key and payload are arguments; safe to share by
    threads."""

    alg: str = ALG

    def embed(
        self,
        clip: Clip,
        payload: Payload,
        key: bytes,
        *,
        psnr_db: float = PSNR_DB,
        bits: int = 64,
        extension: bytes = b"",
    ) -> Clip:
        """The marked clip, marked as its frames are read: constant memory, any length and size, deterministic.

        `psnr_db` is the least peak signal-to-noise ratio of every frame, after rounding; flat pictures, where a
        mark would show, get a weaker mark than it allows. `bits` is the profile: 64 carries the payload, 32 only
        its short ID (for small or short clips), 128 the payload and `extension`, eight bytes of the caller's.

        Raises:
            ValueError: `psnr_db` outside 30 to 60, an unknown profile or extension, or a key under 16 bytes.
        """
        if not PSNR_DB_RANGE[0] <= psnr_db <= PSNR_DB_RANGE[1]:
            raise ValueError(f"psnr_db must lie in {PSNR_DB_RANGE[0]:g} to {PSNR_DB_RANGE[1]:g}, got {psnr_db:g}")
        message = Message(payload, bits, extension)
        message.first_turn(key)  # refuses a short key here, not at the first frame
        return embedding.embed(clip, message, key, psnr_db)

    def extract(
        self, clip: Clip, keys: Mapping[int, bytes], *, blind: bool = True, progress: Progress = silent
    ) -> Extraction:
        """What the clip carries under these keys, by key ID; `found` is false for any clip not marked with one
        of them.

        Reads the clip once, in constant memory. The geometric search stops at the first decision that passes;
        `blind` false leaves out the costly one over cut, turned and scaled copies. Each 32 s of the clip are tried,
        up to 8 times.
        """
        pieces = slices(ahead(clip.timed_frames()))
        best: Extraction | None = None
        spent = 0
        for number, block in enumerate(_blocks(pieces, clip, keys)):
            for sighting in decisions(block, blind=blind and number == 0):
                spent += 1
                progress(min(0.9, spent / 13))
                counted, message = judged(block, sighting, 2.0**spent)
                result = self._result(counted, message, clip)
                if message is not None:
                    progress(0.95)
                    return _with_timeline(result, message, block, counted, pieces)
                best = result if best is None or result.p_value < best.p_value else best
        progress(1.0)
        return best or Extraction(self.alg, False, None, 1.0, 0.0, 0, FALSE_POSITIVE_RATE)

    def single_look_z(self, clip: Clip, keys: Sequence[bytes]) -> NDArray[np.float64]:
        """Each key's score at one place and time fixed beforehand (as marked, turning plane 0), float64 (keys,).

        Under keys that did not mark the clip these are draws of N(0, 1), whatever it shows: the null that
        `Extraction.p_value` rests on, open to anybody's test.
        """
        pieces = tuple(islice(slices(clip.timed_frames()), BLOCK_SLICES))
        block = Block(pieces, clip.info.width_px, clip.info.height_px, {})
        matrix = own_placement(block.width_px, block.height_px)
        values = lay_out(block.turns()[0].turning, matrix).chips().astype(np.float64)
        norm = float(np.sqrt(np.sum(values**2))) or 1.0
        region = footprint(matrix)
        return np.array(
            [float(np.sum(values * window(pilot_chips(k, TURNING_PLANES[0]), region))) / norm for k in keys]
        )

    def _result(self, sighting: Sighting, message: Message | None, clip: Clip) -> Extraction:
        passed = sighting.p_value <= FALSE_POSITIVE_RATE
        whole = message is not None and message.bits != 32
        geometry = geometry_of(sighting.matrix, clip.info.width_px, clip.info.height_px) if passed else Geometry()
        return Extraction(
            self.alg,
            message is not None,
            message.payload if message is not None and whole else None,
            sighting.p_value,
            sighting.z,
            sighting.looks,
            FALSE_POSITIVE_RATE,
            sighting.key_id if passed else None,
            geometry,
            short_id=None if message is None else message.payload.short_id,
            extension=message.extension if message is not None and message.bits == 128 else None,
            bits=None if message is None else message.bits,
        )


def _with_timeline(
    result: Extraction, message: Message, block: Block, sighting: Sighting, rest: Iterator[Slice]
) -> Extraction:
    meter = PresenceMeter(message, block.keys[sighting.key_id], sighting.matrix, sighting.timing)
    timeline: list[SegmentPresence] = []
    left: list[tuple[Slice, ...]] = []
    for pieces in (iter(block.slices), rest):
        for presence, slot in meter.measure(pieces):
            timeline.append(presence)
            if presence.z < 3.0 and len(left) < BLOCK_SLICES // 4:
                left.append(slot)
    parts = parts_of(result, message, timeline, block.only(tuple(p for slot in left for p in slot)))
    return replace(result, segments=tuple(timeline), parts=(*parts, *overlaid(block, sighting, message)))


def _blocks(pieces: Iterator[Slice], clip: Clip, keys: Mapping[int, bytes]) -> Iterator[Block]:
    for _ in range(BLOCKS_TRIED if keys else 0):
        held = tuple(islice(pieces, BLOCK_SLICES))
        if not held:
            return
        yield Block(held, clip.info.width_px, clip.info.height_px, keys)
