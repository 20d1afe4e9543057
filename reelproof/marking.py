"""From frames to an encoded file that carries our mark, proven by reading it back."""

import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from core.clip import Clip
from core.errors import ReelproofError
from core.video import open_clip, write_clip
from reelproof.disclosure import aigc_tag
from reelproof.releases import MarkedClip, Watch
from reelproof.settings import Settings
from reelproof.timing import Stopwatch
from watermark.payload import Payload
from watermark.pixel import PixelWatermark
from watermark.quality import measure

_STRENGTH_STEPS_DB = (0.0, -1.0, -2.0)
"""How far below the asked fidelity the mark may go, dB, before we give up on a clip."""


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
    ) -> MarkedClip:
        """`folder/marked.mp4` with the disclosure tag, at the asked fidelity or up to 2 dB below.

        Raises:
            MarkNotReadable: the mark doesn't survive our own encode even at the strongest step.
        """
        manifest_id = f"urn:c2pa:{uuid.uuid4()}"
        path = folder / "marked.mp4"
        for below_db in _STRENGTH_STEPS_DB:
            fidelity_db = self.settings.pixel_psnr_db + below_db
            with stopwatch.step("mark"):
                marked = self.pixel.embed(clip, payload, key, psnr_db=fidelity_db)
                write_clip(
                    marked,
                    path,
                    crf=self.settings.encode_crf,
                    audio_from=audio_from,
                    metadata=aigc_tag(self.settings.system_name, manifest_id),
                    progress=partial(watch, "mark"),
                )
            with stopwatch.step("check"):
                watch("check", 0.0)
                found = self.pixel.extract(open_clip(path), {payload.key_id: key})
                watch("check", 1.0)
            if found.payload == payload:
                quality = measure(clip, marked)
                pixel = {
                    "alg": self.pixel.alg,
                    "psnr_db": round(quality.psnr_db, 2),
                    "ssim": round(quality.ssim, 4),
                    "self_check_p_value": found.p_value,
                }
                described = facts | {"pixel": pixel, "manifest_id": manifest_id, "file": _file_facts(path)}
                described["timings_s"] = stopwatch.seconds
                return MarkedClip(path, payload.content_hex, payload.key_id, described)
        raise MarkNotReadable(
            f"the pixel mark can't be read back at {fidelity_db:.1f} dB: "
            "the clip is too short, too small or too plain",
            code="mark_not_readable",
            hint="Use a longer or larger clip, or lower REELPROOF_PIXEL_PSNR_DB.",
        )


def _file_facts(path: Path) -> dict[str, Any]:
    info = open_clip(path).info
    return {
        "width_px": info.width_px,
        "height_px": info.height_px,
        "fps": str(info.fps),
        "duration_s": info.duration_s,
    }
