"""What is told of a copy's sound: encoded anew, replaced, removed, shifted, mixed.

Every case is a real file: the release's sound as AAC at 128 kbit/s, the copy's encoded again from that, both muxed
with a drawn clip whose pictures are followed as in a verdict. Sounds: those of public clips at hand that sound
(Google Veo 3 and 3.1, OpenAI Sora 2) and sounds made by rule (`bench/sounds.py`). Thresholds were set on the former
and on other seeds of the latter.

    python -m bench.detector_sound [--quick] [--json] [--rows FILE]
    python -m bench.detector_sound --pictures  the public clips' own pictures, trimmed and cut, with their own sound
    python -m bench.detector_sound --null     how alike unrelated sounds are, and how much their bits hang together
"""

import argparse
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.sounds import KINDS, RATE_HZ, Samples, sound_of, with_sound
from core.clip import Clip
from core.sound import Sound
from core.soundtrack import read_sound
from core.video import open_clip, write_clip
from detector.inspection import inspect
from detector.listening import placed_as_well
from detector.matching import Stretch, stretches_of
from detector.sounds import SoundComparison, compared_sound
from provenance.fingerprint import fingerprint_clip, similarity
from provenance.records import Fingerprint
from provenance.sound import INSTANT_S, SoundFingerprint, fingerprint_sound

_FPS, _SIDE = 12, 128
_AUDIBLE_DB, _WITHIN_S, _FIRST_SEED = -55, 0.25, 100
_TOLD = ("replaced", "removed", "added", "shifted")


@dataclass(frozen=True)
class Case:
    """One copy: what was done to its sound and pictures, and what should be told (`span_s`: in the copy's time)."""

    name: str
    sound: Samples | None
    state: str = "same"
    span_s: tuple[float, float] | None = None
    pictures: str = "whole"
    codec: str = "aac"
    kbits: int = 64
    rate_hz: int = RATE_HZ
    substitute: Samples | None = None


def real_sounds() -> dict[str, Samples]:
    """The sounds of the public clips at hand that sound for longer than four seconds, by name; {} without them."""
    found = {}
    for path in sorted(_vendor_folder().glob("*.mp4")):
        if not open_clip(path).info.has_audio:
            continue
        sound = sound_of(path)
        if len(sound) > 4 * RATE_HZ and float(np.abs(sound).max()) > 0.01:
            found[path.stem] = sound
    return found


def _vendor_folder() -> Path:
    root = Path(os.environ.get("REELPROOF_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    return root / "c2pa" / "vendor"


def made_sounds(each: int, seconds: float = 8.0) -> dict[str, Samples]:
    """So many of every kind."""
    seeds = range(_FIRST_SEED, _FIRST_SEED + each)
    return {f"{kind} {seed}": make(seconds, seed) for kind, make in KINDS.items() for seed in seeds}


# ---- pictures to lay the sound along --------------------------------------------------------------------------


def _scenery(seconds: float) -> NDArray[np.uint8]:
    """A textured ground sliding by, another every second."""
    out = []
    for number in range(round(seconds * _FPS)):
        rng = np.random.default_rng(number // _FPS)
        noise = rng.integers(0, 255, (_SIDE, 2 * _SIDE, 3), dtype=np.uint8)
        ground = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 5), None, 10, 245, cv2.NORM_MINMAX)
        out.append(np.roll(ground, -3 * number, axis=1)[:, :_SIDE])
    return np.array(out, np.uint8)


@lru_cache(maxsize=64)
def pictures_of(folder: Path, seconds: float, edit: str) -> tuple[Path, tuple[Stretch, ...]]:
    """A drawn clip of this length with this edit (`whole`, `trimmed`, `cut`), and its stretches as found."""
    frames = _scenery(seconds)
    middle = len(frames) // 2
    edited = {
        "whole": frames,
        "trimmed": frames[_FPS:],
        "cut": np.concatenate([frames[:middle], frames[middle + _FPS :]]),
    }[edit]
    path = folder / f"{seconds:.2f}-{edit}.mp4"
    write_clip(Clip.from_array(edited, _FPS), path, crf=26, preset="veryfast")
    released = fingerprint_clip(Clip.from_array(frames, _FPS))
    return path, stretches_of(fingerprint_clip(open_clip(path)), [released])


# ---- copies ---------------------------------------------------------------------------------------------------


def cases_of(sound: Samples, other: Samples, music: Samples, seed: int) -> Iterator[Case]:
    """Every copy of one sound; `other` lends what replaces it, `music` what is laid under it."""
    for name, codec, kbits in (
        ("AAC 128", "aac", 128), ("AAC 64", "aac", 64), ("AAC 32", "aac", 32), ("Opus 48", "libopus", 48),
        ("MP3 64", "libmp3lame", 64),
    ):  # fmt: skip
        yield Case(name, sound, codec=codec, kbits=kbits)
    yield Case("6 dB louder", np.clip(2 * sound, -1, 1).astype(np.float32), kbits=128)
    yield Case("6 dB quieter", (sound / 2).astype(np.float32), kbits=128)
    yield Case("22.05 kHz", sound, rate_hz=22_050)
    middle = round(len(_scenery_times(sound)) // 2 / _FPS * RATE_HZ)
    yield Case("first second trimmed", sound[RATE_HZ:], pictures="trimmed")
    yield Case("a second cut out", np.concatenate([sound[:middle], sound[middle + RATE_HZ :]]), pictures="cut")
    yield from _replaced(sound, other, seed)
    yield Case("removed", None, "removed")
    yield Case("muted for 2 s", _muted(sound, 2 * RATE_HZ, 4 * RATE_HZ), "removed", (2.0, 4.0))
    late = np.concatenate([np.zeros(RATE_HZ // 2, np.float32), sound])[: len(sound)]
    yield Case("half a second late", late, "shifted")
    yield Case("half a second early", sound[RATE_HZ // 2 :], "shifted")
    under = np.resize(music, len(sound)) * (0.5 * _rms(sound) / _rms(music))
    yield Case("music under it, -6 dB", np.clip(sound + under, -1, 1).astype(np.float32), "mixed")


def _scenery_times(sound: Samples) -> range:
    return range(round(len(sound) / RATE_HZ * _FPS))


def _replaced(sound: Samples, other: Samples, seed: int) -> Iterator[Case]:
    rng = np.random.default_rng(seed)
    lent = np.resize(other, len(sound))
    yield Case("replaced whole", lent, "replaced")
    for seconds in (1, 2, 3):
        for _ in range(2):
            start = round(rng.uniform(0.5, len(sound) / RATE_HZ - seconds - 0.5) * RATE_HZ)
            end = start + seconds * RATE_HZ
            changed = sound.copy()
            changed[start:end] = lent[start:end]
            span = (start / RATE_HZ, end / RATE_HZ)
            yield Case(f"replaced {seconds} s", changed, "replaced", span, substitute=lent)


def _muted(sound: Samples, start: int, end: int) -> Samples:
    muted = sound.copy()
    muted[start:end] = 0
    return muted


def _rms(sound: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(sound)))) or 1.0


def taken(sound: Samples) -> SoundFingerprint:
    """The fingerprint of samples that are in no file."""
    with tempfile.TemporaryDirectory() as name:
        path, _ = pictures_of(Path(name), 1.0, "whole")
        return _read(with_sound(path, sound, Path(name) / "sound.mkv", codec="pcm_s16le"))[0]


def _read(path: Path) -> tuple[SoundFingerprint, Sound]:
    sound = read_sound(path)
    if sound is None:
        raise SystemExit(f"{path.name} was made without its sound")
    return fingerprint_sound(sound), sound


def judge(case: Case, released: SoundFingerprint, seconds: float, folder: Path) -> dict[str, Any]:
    """One case's figures."""
    path, stretches = pictures_of(folder, seconds, case.pictures)
    copy = None
    if case.sound is not None:
        suffix = "mkv" if case.codec == "libopus" else "mp4"
        options: dict[str, Any] = {"codec": case.codec, "kbits": case.kbits, "rate_hz": case.rate_hz}
        copy, _ = _read(with_sound(path, case.sound, folder / f"copy.{suffix}", **options))
    found = compared_sound(copy, released, stretches)
    told = [one for one in found.stretches if one.state in _TOLD]
    row: dict[str, Any] = {"case": case.name, "error_rate": found.error_rate}
    row["told"] = sorted({one.state for one in told})
    row["seconds"] = {
        state: round(sum(one.length_s for one in found.stretches if one.state == state), 2)
        for state in ("same", *_TOLD, "unclear")
    }
    if case.span_s is None:
        wanted = {"same": [], "mixed": None}.get(case.state, [case.state])
        right = None if wanted is None else row["told"] == wanted
        return row | {"right": right, "replaced": found.is_replaced}
    return row | _placed(case, found, released)


def _placed(case: Case, found: SoundComparison, released: SoundFingerprint) -> dict[str, Any]:
    """Whether it is told, and nothing else; and how far off its ends lie."""
    start, end = case.span_s or (0.0, 0.0)
    named = [one for one in found.stretches if one.state == case.state]
    others = [one.state for one in found.stretches if one.state in _TOLD and one.state != case.state]
    ends = [abs(named[0].start_s - start), abs(named[-1].end_s - end)] if named else [9.0]
    inside = slice(round(start / INSTANT_S), round(end / INSTANT_S))
    heard = [float((released.level_db[inside] >= _AUDIBLE_DB).mean())]
    if case.substitute is not None:
        heard.append(float((taken(case.substitute).level_db[inside] >= _AUDIBLE_DB).mean()))
    return {
        "right": bool(named), "else": sorted(set(others)), "off_s": round(max(ends), 3), "pieces": len(named),
        "heard": round(min(heard), 2), "p_value": max((one.p_value or 0.0 for one in named), default=None),
    }  # fmt: skip


def measure(
    sounds: dict[str, Samples], tell: Callable[[str], None], known: Sequence[dict[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Every case of every sound; the sound after it lends what replaces it. Known cases are not measured again."""
    rows = list(known)
    done = {(row["sound"], row["number"]) for row in rows}
    names = list(sounds)
    music = KINDS["music"](10.0, _FIRST_SEED - 1)
    with tempfile.TemporaryDirectory() as folder:
        for place, name in enumerate(names):
            sound = sounds[name][: len(sounds[name]) // (RATE_HZ // 4) * (RATE_HZ // 4)]
            seconds = len(sound) / RATE_HZ
            path, _ = pictures_of(Path(folder), seconds, "whole")
            first = with_sound(path, sound, Path(folder) / "release.mp4", kbits=128)
            released, _ = _read(first)
            again = sound_of(first)[: len(sound)]
            other = sounds[names[(place + 1) % len(names)]]
            for number, case in enumerate(cases_of(again, other, music, place)):
                if (name, number) in done:
                    continue
                row = judge(case, released, seconds, Path(folder))
                rows.append({"sound": name, "number": number} | row)
                tell(json.dumps(rows[-1]))
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures by case; of replaced stretches apart where both sounds can be heard for half of it and more."""
    by_case: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_case[row["case"]].append(row)
        if row["case"].startswith("replaced") and row.get("heard", 0.0) >= 0.5:
            by_case[f"{row['case']}, both heard"].append(row)
    return {name: _figures(found) for name, found in by_case.items()}


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    rates = [row["error_rate"] for row in rows if row["error_rate"] is not None]
    found: dict[str, Any] = {"cases": len(rows), "right": sum(bool(row["right"]) for row in rows)}
    if "off_s" in rows[0]:
        found["within_250ms"] = sum(row["off_s"] <= _WITHIN_S for row in rows)
        found["else_told"] = sum(bool(row["else"]) for row in rows)
    else:
        found["called_replaced"] = sum(row["replaced"] for row in rows)
        found["anything_told"] = sum(bool(row["told"]) for row in rows)
    found["error_rate_median"] = round(float(np.median(rates)), 3) if rates else None
    found["error_rate_most"] = round(max(rates), 3) if rates else None
    return found


# ---- the clips' own pictures ----------------------------------------------------------------------------------

_CUTS: dict[str, tuple[tuple[float, float], ...]] = {
    "whole": ((0, 99),),
    "a second trimmed": ((1, 99),),
    "three seconds trimmed": ((3, 99),),
    "a second cut out": ((0, 2), (3, 99)),
    "three seconds cut out": ((0, 2), (5, 99)),
    "halves swapped": ((4, 99), (0, 4)),
}


def real_pictures(height_px: int = 240) -> list[dict[str, Any]]:
    """What is told of the sound of copies of the public clips, cut in time, at CRF 30 and AAC 48 kbit/s: nothing
    was done to it."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, sound in real_sounds().items():
            clip = open_clip(_vendor_folder() / f"{path}.mp4")
            size = (round(height_px * clip.info.width_px / clip.info.height_px) // 2 * 2, height_px)
            frames = np.stack([cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in clip.frames()])
            fps = float(clip.info.fps)
            sound = np.resize(np.pad(sound, (0, RATE_HZ)), round(len(frames) / fps * RATE_HZ))
            released = fingerprint_clip(Clip.from_array(frames, clip.info.fps))
            write_clip(Clip.from_array(frames, clip.info.fps), folder / "all.mp4", crf=18, preset="veryfast")
            kept, _ = _read(with_sound(folder / "all.mp4", sound, folder / "release.mp4", kbits=128))
            for case, parts in _CUTS.items():
                spans = [(start, min(end, len(frames) / fps)) for start, end in parts]
                cut = np.concatenate([frames[round(a * fps) : round(b * fps)] for a, b in spans])
                heard = np.concatenate([sound[round(a * RATE_HZ) : round(b * RATE_HZ)] for a, b in spans])
                write_clip(Clip.from_array(cut, clip.info.fps), folder / "cut.mp4", crf=30, preset="veryfast")
                copy = with_sound(folder / "cut.mp4", heard, folder / "copy.mp4", kbits=48)
                rows.append({"sound": path, "case": case} | _told_of(copy, released, kept))
    return rows


def _told_of(copy: Path, released: Fingerprint, kept: SoundFingerprint) -> dict[str, Any]:
    clip = open_clip(copy)
    query = fingerprint_clip(clip)
    lies = inspect(clip, query, released, similarity(query, released)).stretches
    found = compared_sound(_read(copy)[0], kept, lies, fits=placed_as_well(query, released, lies))
    told = {one.state for one in found.stretches if one.state in _TOLD}
    return {"right": not told, "told": sorted(told), "replaced": found.is_replaced, "error_rate": found.error_rate}


# ---- the null -------------------------------------------------------------------------------------------------


def null_of(sounds: dict[str, Samples]) -> dict[str, Any]:
    """Unrelated seconds at many offsets by kind of pair: share of bits apart, how many weigh as one, the lowest."""
    prints = {name: taken(sound) for name, sound in sounds.items()}
    found: dict[str, list[float]] = defaultdict(list)
    count = round(1.0 / INSTANT_S)
    for one, other in permutations(prints, 2):
        kinds = {name.split()[0] if name.split()[0] in KINDS else "real" for name in (one, other)}
        pair = kinds.pop() if len(kinds) == 1 else "unlike"
        for offset in range(-172, 173, 43):
            found[pair] += _apart(prints[one], prints[other], offset, count)
    return {
        name: {
            "seconds": len(rates),
            "mean": round(float(np.mean(rates)), 4),
            "bits_as_one": round(float(np.var(rates)) / 0.25 * 32 * count, 2),
            "lowest": round(min(rates), 3),
        }
        for name, rates in sorted(found.items())
        if rates
    }


def _apart(one: SoundFingerprint, other: SoundFingerprint, offset: int, count: int) -> list[float]:
    """The share of bits apart of every second in which both sound nearly throughout."""
    place = np.arange(len(one.bits))
    place = place[(place + offset >= 0) & (place + offset < len(other.bits))]
    apart = np.bitwise_count(one.bits[place] ^ other.bits[place + offset]) / 32
    heard = (one.level_db[place] >= _AUDIBLE_DB) & (other.level_db[place + offset] >= _AUDIBLE_DB)
    starts = range(0, len(place) - count + 1, count)
    return [float(apart[at : at + count].mean()) for at in starts if heard[at : at + count].mean() >= 0.9]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one sound of every kind, no real ones")
    parser.add_argument("--null", action="store_true", help="how alike unrelated sounds are")
    parser.add_argument("--pictures", action="store_true", help="the public clips' own pictures, cut in time")
    parser.add_argument("--rows", type=Path, help="a file to go on from, one case a line")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    sounds = made_sounds(1) if arguments.quick else {**real_sounds(), **made_sounds(6)}
    figures: dict[str, Any] = {"schema": "reelproof.bench.detector-sound/1", "sounds": list(sounds)}
    if arguments.null:
        figures["figures"] = null_of(sounds)
    elif arguments.pictures:
        figures["figures"] = summary(real_pictures())
    else:
        rows = arguments.rows
        known = [json.loads(line) for line in rows.read_text().splitlines()] if rows and rows.exists() else []
        log = rows.open("a") if rows else None
        tell = (lambda line: print(line, file=log, flush=True)) if log else (lambda line: None)
        figures["figures"] = summary(measure(sounds, tell, known))
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, told in figures["figures"].items():
        print(f"{name:<28} " + ", ".join(f"{key} {value}" for key, value in told.items() if value is not None))


if __name__ == "__main__":
    main()
