"""Makes `manifest.json`: manifest definitions of fixed facts, and the digest of their canonical JSON.

Run it after a deliberate change of the manifest's form, and say in the changelog what changed:
`python tests/golden/make_manifest_vectors.py`. Released clips keep the old form; reading them must go on working.
"""

import json
import sys
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from core.canonical import digest_of  # noqa: E402
from provenance.manifest import (  # noqa: E402
    Action,
    ClipOrigin,
    Ingredient,
    ManifestFacts,
    PolicyProof,
    Relationship,
    definition_of,
)
from provenance.records import SoftBinding  # noqa: E402

GENERATED = ManifestFacts(
    title="harbour.mp4",
    created_at=datetime(2026, 11, 20, 23, 14, 46, tzinfo=UTC),
    width_px=256,
    height_px=256,
    fps=Fraction(24000, 1001),
    duration_s=2.0854,
    bindings=(
        SoftBinding("org.reelproof.wm.pixel.golden", bytes.fromhex("1123456789abcdef"), name="pixel"),
        SoftBinding("org.reelproof.wm.noise.golden", bytes.fromhex("1123456789abcdef"), 0, 2000, "noise"),
        SoftBinding("org.reelproof.fp.golden", bytes(range(33))),
    ),
    model_name="reelproof-small",
    model_version="1",
    model_digest="ab" * 32,
    model_note="trained on drawn scenes",
    generator_version="0.1.0",
    policy=PolicyProof(
        {
            "schema": "reelproof.decision/1",
            "outcome": "allow",
            "codes": [0, 7],
            "reasons": ["x"],
            "ruleset": "cd" * 32,
        },
        17,
        log_leaf="12" * 32,
        log_root="34" * 32,
    ),
    settings={"steps": 20, "guidance_scale": 3.5, "seed": 5, "shape": [16, 64, 64]},
    coverage={"score": 0.9, "warnings": ["camera"]},
    upscaled_note="made at 128x128, scaled to 256x256",
    provider="Test Newsroom",
    detector_url="https://example.org/verify",
    manifest_id="urn:c2pa:3fad1ead-8ed5-44d0-873b-ea5f58adea82",
)

SEALED = ManifestFacts(
    title="received.mp4",
    created_at=datetime(2026, 11, 20, 23, 14, 46, tzinfo=UTC),
    width_px=1280,
    height_px=720,
    fps=Fraction(30),
    duration_s=4.0,
    bindings=(SoftBinding("org.reelproof.wm.pixel.golden", bytes.fromhex("1123456789abcdef"), name="pixel"),),
    model_name="Another Model",
    generator_version="0.1.0",
    origin=ClipOrigin.SEALED,
    ingredients=(Ingredient(Path("received.mp4"), "received.mp4", Relationship.PARENT),),
)

EDITED = ManifestFacts(
    title="longer.mp4",
    created_at=datetime(2026, 11, 20, 23, 14, 46, tzinfo=UTC),
    width_px=256,
    height_px=256,
    fps=Fraction(12),
    duration_s=4.0,
    bindings=(SoftBinding("org.reelproof.wm.pixel.golden", bytes.fromhex("1123456789abcdef"), name="pixel"),),
    model_name="reelproof-small",
    model_version="1",
    generator_version="0.1.0",
    origin=ClipOrigin.EDITED,
    change="extended by 2 s",
    ingredients=(
        Ingredient(Path("before.mp4"), "before.mp4", Relationship.PARENT),
        Ingredient(Path("still.png"), "still.png"),
    ),
    actions=(Action("c2pa.addedText", "a label that says that the clip is generated"),),
    thumbnail=b"small JPEG",
)

CASES = {"generated": GENERATED, "sealed": SEALED, "edited": EDITED}


def main() -> None:
    """Write the vectors beside this script."""
    vectors = {
        name: {"digest": digest_of(definition_of(facts)), "definition": definition_of(facts)}
        for name, facts in CASES.items()
    }
    (HERE / "manifest.json").write_text(json.dumps(vectors, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
