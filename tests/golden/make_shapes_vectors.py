"""Writes shapes_vectors.json: what the world of shapes, which shipped weights were trained on, must draw for ever.

python tests/golden/make_shapes_vectors.py
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from generator.scenes import caption, draw_spec, render_scene
from generator.scenes.captions import vocabulary


def vectors() -> dict[str, object]:
    """Digests of 200 specs with their captions and of the vocabulary; three frames of 24 pixels."""
    rng = np.random.default_rng(1)
    said = []
    for _ in range(200):
        spec = draw_spec(rng)
        said.append(f"{spec!r} {caption(spec, rng)}")
    frames = [render_scene(draw_spec(np.random.default_rng(seed)), 2, 24).frames[1] for seed in (3, 4, 5)]
    return {
        "specs_and_captions_sha256": hashlib.sha256("\n".join(said).encode()).hexdigest(),
        "vocabulary_sha256": hashlib.sha256("\n".join(vocabulary()).encode()).hexdigest(),
        "frames": [frame.reshape(-1).tolist() for frame in frames],
    }


if __name__ == "__main__":
    Path(__file__).with_name("shapes_vectors.json").write_text(json.dumps(vectors()) + "\n")
