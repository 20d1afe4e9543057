"""Recall and false alarms of the face finder: `python -m bench.references [--quick] [--json] [--generated N]`.

    faces that ship with scikit-image      100 photographs of 25 x 25 pixels (LFW), enlarged, and one portrait
    clips beside the repository            labelled by looking at contact sheets of their frames (`CLIPS` below)
    pictures of scikit-image without faces
    clips that the embedded model makes    nobody is in them: every alarm is false
Writes out/bench/references.md. Nothing is tuned here; the settings stand in policy/references.py.
"""

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.clip import RGB, Clip
from core.pictures import fitted, sampled
from core.video import open_clip
from policy.references import FRAMES_LOOKED_AT, FRAMES_NEEDED, FaceFinder

ROOT = Path(__file__).resolve().parents[1]
CLEAR = (
    "intel-", "carphone", "PlayingGuitar_g03", "PlayingGuitar_g06", "PlayingGuitar_g07", "PlayingGuitar_g11",
    "PlayingGuitar_g20", "PlayingGuitar_g23", "hair_growth", "75baab", "kling16-f4dbc9", "girl_pearl_earring",
)  # fmt: skip
"""A face turned to the camera, at least a tenth of the picture's height, in most of the clip."""
HARD = (
    "mmaction-demo", "structuralize", "juggle", "PlayingGuitar_g16", "cogvideox-4-d8c593", "cogvideox15_t2v-da2002",
)  # fmt: skip
"""Faces that are small, turned away, cut off or dark."""
LEFT_OUT = (
    "bikes", "scene_cuts", "pharaoh", "hunyuani2v-1-", "anime", "sora_1_t2v-b1a2ae", "veo2_2-540131", "0b3efb",
    "a6dc3a", "veo2_1-dd9f0a", "veo2_2-3898f3", "PlayingGuitar_g25",
)  # fmt: skip
"""Neither surely a human face nor surely none: drawings, a statue, chins without eyes, a shadow, far cyclists."""
PORTRAIT = "astronaut.png"
WITHOUT_FACES = (
    "brick.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png", "grass.png", "gravel.png",
    "hubble_deep_field.jpg", "horse.png", "ihc.png", "moon.png", "motorcycle_left.png", "page.png", "retina.jpg",
    "rocket.jpg", "text.png",
)  # fmt: skip
PROMPTS = (
    "a red ball moves to the right", "a golden star spins at night", "a cyan cube bounces on a checkered floor",
    "two blue spheres roll past each other", "a green disc grows in a studio", "a white square turns slowly",
    "a purple triangle falls", "an orange ring moves up, the camera pans left",
)  # fmt: skip


def _skimage_folder() -> Path | None:
    try:
        import skimage
    except ImportError:
        return None
    return Path(skimage.__file__).parent / "data"


def _clips_folder() -> Path | None:
    shared = Path(os.environ.get("REELPROOF_SHARED", ROOT.parent / "shared")) / "clips"
    return shared if shared.is_dir() else None


def _still(path: Path) -> RGB:
    import cv2

    return np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[:, :, ::-1])


def _small_faces(folder: Path) -> list[RGB]:
    """The 100 faces among scikit-image's 200 patches, enlarged to 200 pixels on a grey ground."""
    patches = np.load(folder / "lfw_subset.npy")[:100]
    made = []
    for patch in patches:
        grey = np.clip(255 * patch, 0, 255).astype(np.uint8)
        face = fitted(np.repeat(grey[:, :, None], 3, 2), 200)
        made.append(np.pad(face, ((60, 60), (60, 60), (0, 0)), mode="edge"))
    return made


def _patches_without(folder: Path) -> list[RGB]:
    patches = np.load(folder / "lfw_subset.npy")[100:]
    return [
        fitted(np.repeat(np.clip(255 * one, 0, 255).astype(np.uint8)[:, :, None], 3, 2), 200) for one in patches
    ]


def _labelled(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """(label, name, path) of each clip that has a label."""
    for path in sorted(folder.rglob("*.*")):
        if path.suffix not in (".mp4", ".mkv", ".avi", ".webm") or any(part in path.name for part in LEFT_OUT):
            continue
        is_clear, is_hard = (any(part in path.name for part in parts) for parts in (CLEAR, HARD))
        yield ("clear" if is_clear else "hard" if is_hard else "none"), path.name, path


def _generated(count: int) -> Iterator[Clip]:
    from generator.embedded import EmbeddedBackend
    from generator.port import GenerationRequest

    backend = EmbeddedBackend.load()
    for number in range(count):
        request = GenerationRequest(prompt=PROMPTS[number % len(PROMPTS)], seed=1_000 + number, steps=12)
        shape = backend.latent_spec(request).shape
        latents = np.random.default_rng(request.seed).standard_normal(shape).astype(np.float32)
        yield backend.generate(request, latents).clip


Seen = tuple[bool, bool, bool]
"""Seen beyond doubt in a reference; seen there at all; seen in finished frames."""


def _row(name: str, found: list[Seen]) -> dict[str, Any]:
    sure, any_face, output = (sum(one[place] for one in found) for place in range(3))
    return {"set": name, "count": len(found), "refused": sure, "refused or held": any_face, "as output": output}


def _pictures_row(name: str, pictures: list[RGB], finder: FaceFinder) -> dict[str, Any]:
    found: list[Seen] = []
    for picture in pictures:
        facts = finder.reference("image", [picture], sha256="")
        found.append((facts.faces > 0 and facts.is_sure, facts.faces > 0, finder.in_frame(picture) > 0))
    return _row(name, found)


def _clip_alarms(clip: Clip, finder: FaceFinder) -> Seen:
    pictures = sampled(clip, FRAMES_LOOKED_AT)
    facts = finder.reference("video", pictures, sha256="")
    frames = sum(finder.in_frame(picture) > 0 for picture in pictures)
    return facts.faces > 0 and facts.is_sure, facts.faces > 0, frames >= FRAMES_NEEDED


def measure(quick: bool, generated: int) -> list[dict[str, Any]]:
    """One row a set: how many were looked at, and in how many a face was seen, by either rule."""
    finder, rows = FaceFinder(), []
    folder = _skimage_folder()
    if folder:
        small = _small_faces(folder)[:: 10 if quick else 1]
        rows.append(_pictures_row("faces: LFW patches of scikit-image", small, finder))
        rows.append(_pictures_row("faces: portrait of scikit-image", [_still(folder / PORTRAIT)], finder))
        others = [_still(folder / name) for name in WITHOUT_FACES if (folder / name).exists()]
        rows.append(_pictures_row("no faces: LFW background patches", _patches_without(folder), finder))
        rows.append(_pictures_row("no faces: pictures of scikit-image", others, finder))
    clips = _clips_folder()
    if clips:
        seen: dict[str, list[Seen]] = {"clear": [], "hard": [], "none": []}
        for label, name, path in list(_labelled(clips))[:: 8 if quick else 1]:
            found = _clip_alarms(open_clip(path), finder)
            seen[label].append(found)
            if found != ((label != "none"),) * 3:
                print(f"  {label:<6} refused {found[0]!s:<6} or held {found[1]!s:<6} output {found[2]!s:<6} {name}")
        for label, title in (("clear", "faces: clips"), ("hard", "hard faces: clips"), ("none", "no faces: clips")):
            rows.append(_row(title, seen[label]))
    if generated:
        made = [_clip_alarms(clip, finder) for clip in _generated(generated)]
        rows.append(_row("no faces: the embedded model", made))
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table of shares."""
    names = ("refused", "refused or held", "as output")
    lines = [f"| set | looked at | {' | '.join(names)} |", "|---|---:|---:|---:|---:|"]
    for row in rows:
        shares = " | ".join(f"{row[name] / max(row['count'], 1):.3f}" for name in names)
        lines.append(f"| {row['set']} | {row['count']} | {shares} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the sets")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    parser.add_argument("--generated", type=int, default=16, help="how many clips the embedded model makes")
    given = parser.parse_args()
    rows = measure(given.quick, 2 if given.quick else given.generated)
    target = ROOT / "out" / "bench" / "references.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(table(rows) + "\n")
    print(json.dumps(rows) if given.json else table(rows))


if __name__ == "__main__":
    main()
