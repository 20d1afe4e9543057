"""Writes watermark_vectors.json: what the watermark formats must give for ever. For new layouts only.

python tests/golden/make_watermark_vectors.py
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from watermark import code, keystream
from watermark.noise import NoiseWatermark
from watermark.noise.layout import layout_of, stream_of
from watermark.payload import Payload
from watermark.pixel import pattern
from watermark.pixel.embedding import plane_pattern
from watermark.pixel.layout import first_turn
from watermark.pixel.message import Message

KEY = bytes(range(32))
PAYLOAD = Payload(3, 0x0123456789ABCD)
SHAPE = (1, 16, 3, 8, 8)


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def vectors() -> dict[str, object]:
    """Every value the formats fix, short ones in full, long ones as SHA-256 of their little-endian bytes."""
    bits = np.array(PAYLOAD.to_bits(), np.uint8)
    latents = NoiseWatermark().initial_latents(SHAPE, PAYLOAD, KEY, np.random.default_rng(1))
    layout = layout_of(KEY, stream_of(PAYLOAD, KEY), SHAPE)
    return {
        "payload_hex": PAYLOAD.to_bytes().hex(),
        "short_id": PAYLOAD.short_id,
        "key_bytes": keystream.key_bytes(KEY, "golden/1", 16).hex(),
        "key_signs": keystream.key_signs(KEY, "golden/1", 16).tolist(),
        "key_words": keystream.key_words(KEY, "golden/1", 4).tolist(),
        "key_normals": [round(float(v), 9) for v in keystream.key_normals(KEY, "golden/1", 4)],
        "crc16": "".join(map(str, code.crc16(bits))),
        "coded_64": np.packbits(code.encode(bits)).tobytes().hex(),
        "coded_32": np.packbits(code.encode(bits[:32], code.SHORT_32)).tobytes().hex(),
        "first_turn": first_turn(PAYLOAD, KEY),
        "pilot_chips": _digest(pattern.pilot_chips(KEY, pattern.TURNING_PLANES[0])),
        "data_signs": _digest(pattern.data_signs(KEY, pattern.STANDING_PLANES[1])),
        "coded_bit_places": _digest(pattern.coded_bit_places(KEY, pattern.TURNING_PLANES[0], 512)),
        "message_32": np.packbits(Message(PAYLOAD, 32).coded).tobytes().hex(),
        "message_128": np.packbits(Message(PAYLOAD, 128, b"eightmor").coded).tobytes().hex(),
        "pattern_71x97": _digest(plane_pattern(Message(PAYLOAD), KEY, pattern.TURNING_PLANES[3], 71, 97)),
        "noise_stream": stream_of(PAYLOAD, KEY),
        "noise_pilots": _digest(layout.pilot_signs),
        "noise_latent_signs": _digest(np.sign(latents).astype(np.int8)),
    }


if __name__ == "__main__":
    target = Path(__file__).with_name("watermark_vectors.json")
    target.write_text(json.dumps(vectors(), indent=1) + "\n")
