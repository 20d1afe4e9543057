"""From frames to an encoded file that carries our mark, proven by reading it back."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from core.clip import Clip, Frame
from core.errors import ReelproofError
from core.video import open_clip, write_clip
from reelproof.disclosure import aigc_tag
from reelproof.releases import MarkedClip, Watch
from reelproof.settings import Settings
from reelproof.timing import Stopwatch
from watermark.extraction import Extraction
from watermark.payload import PAYLOAD_BITS, Payload
from watermark.pixel import PixelWatermark
from watermark.quality import measure

_ATTEMPTS = ((64, 0.0), (64, -1.0), (64, -2.0), (32, -2.0))
"""Bits of the mark, and how far below the asked fidelity it may go, dB, in the order tried."""

_CHECK_CRF, _CHECK_S = 28, 4.0
"""A released clip should keep its mark through an ordinary re-encode: its first seconds are tried at this rate."""


class MarkNotReadable(ReelproofError):
    """Our own mark could not be read back from the encoded clip: it is not released (exit 1)."""


@dataclass(frozen=True)
class Marker:
    """Embeds the pixel mark, encodes, and reads the mark back from the file that came out. Stateless."""

    pixel: PixelWatermark
    settings: Settings

    def mark(
        self,
        clip: Clip,
        payload: Payload,
        key: bytes,
        folder: Path,
        facts: dict[str, Any],
        stopwatch: Stopwatch,
        watch: Watch,
        *,
        audio_from: Path | None = None,
        audio_delay_s: float = 0.0,
    ) -> MarkedClip:
        """`folder/marked.mp4` with the disclosure tag: the faintest mark that outlives a re-encode at CRF 28.

        64 bits at the asked fidelity or up to 2 dB below, then the 32-bit short ID. A clip whose mark stands only
        in our own encode is released with the faintest such one, and its facts say so.

        Raises:
            MarkNotReadable: not even the strongest mark can be read from our own encode.
        """
        manifest_id = f"urn:c2pa:{uuid.uuid4()}"
        path, attempt = folder / "marked.mp4", folder / "attempt.mp4"
        kept: dict[str, Any] | None = None
        for bits, below_db in _ATTEMPTS:
            fidelity_db = self.settings.pixel_psnr_db + below_db
            with stopwatch.step("mark"):
                marked = self.pixel.embed(clip, payload, key, psnr_db=fidelity_db, bits=bits)
                write_clip(
                    marked,
                    attempt,
                    crf=self.settings.encode_crf,
                    audio_from=audio_from,
                    audio_delay_s=audio_delay_s,
                    metadata=aigc_tag(self.settings.system_name, manifest_id),
                    progress=partial(watch, "mark"),
                )
            with stopwatch.step("check"):
                watch("check", 0.0)
                checked = self._checked(attempt, payload, key, bits)
                watch("check", 1.0)
            if checked is None or (kept is not None and not checked["survives_crf_28"]):
                continue
            attempt.replace(path)
            quality = measure(clip, marked)
            kept = checked | {"psnr_db": round(quality.psnr_db, 2), "ssim": round(quality.ssim, 4)}
            if kept["survives_crf_28"]:
                break
        attempt.unlink(missing_ok=True)
        if kept is None:
            raise MarkNotReadable(
                f"the pixel mark can't be read back at {fidelity_db:.1f} dB: "
                "the clip is too short, too small or too plain",
                code="mark_not_readable",
                hint="Use a longer or larger clip, or lower REELPROOF_PIXEL_PSNR_DB.",
            )
        described = facts | {"pixel": kept, "manifest_id": manifest_id, "file": _file_facts(path)}
        described["timings_s"] = stopwatch.seconds
        return MarkedClip(path, payload.content_hex, payload.key_id, described)

    def _checked(self, path: Path, payload: Payload, key: bytes, bits: int) -> dict[str, Any] | None:
        """What reading our own encode gave, or None if it did not give the clip's ID."""
        found = self.pixel.extract(open_clip(path), {payload.key_id: key}, blind=False)
        if not _names(found, payload, bits):
            return None
        value = payload.to_bytes() if bits == PAYLOAD_BITS else payload.short_id.to_bytes(4, "big")
        return {
            "alg": self.pixel.alg,
            "bits": bits,
            "value": value.hex(),
            "self_check_p_value": found.p_value,
            "survives_crf_28": self._survives(path, payload, key, bits),
        }

    def _survives(self, path: Path, payload: Payload, key: bytes, bits: int) -> bool:
        """Whether the mark is still read from the file's first seconds after CRF 28."""
        again = path.with_name("checked.mp4")
        first = open_clip(path).mapped(_first_seconds, frame_count=None, duration_s=0.0)
        write_clip(first, again, crf=_CHECK_CRF, preset="veryfast")
        found = self.pixel.extract(open_clip(again), {payload.key_id: key}, blind=False)
        again.unlink()
        return _names(found, payload, bits)


def _first_seconds(frames: Iterator[Frame]) -> Iterator[Frame]:
    return takewhile(lambda frame: frame.time_s < _CHECK_S, frames)


def _names(found: Extraction, payload: Payload, bits: int) -> bool:
    """Whether a reading names the clip, as far as its profile can; a sealed clip may carry an older mark too."""
    read = {part.payload for part in found.parts} | ({found.payload} if found.payload else set())
    return payload in read if bits == PAYLOAD_BITS else payload.short_id in {one.short_id for one in read}


def _file_facts(path: Path) -> dict[str, Any]:
    info = open_clip(path).info
    return {
        "width_px": info.width_px,
        "height_px": info.height_px,
        "fps": str(info.fps),
        "duration_s": info.duration_s,
    }
