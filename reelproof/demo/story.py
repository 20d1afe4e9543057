"""Makes a clip, verifies it, strips it, breaks it, refuses a prompt, and proves every decision.

Each scene prints what it does, how long it took and what came out, and leaves its files in the output folder.
"""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from core.errors import ReelproofError, RequestRefused
from core.files import write_atomically
from core.pictures import contact_sheet, png, sampled
from core.video import open_clip, transcode
from detector.report import render_html
from detector.verdict import Verdict
from generator.port import GenerationRequest
from policy.log.proof import verify_receipt
from reelproof.cli.output import chance, watching
from reelproof.releases import ReleaseReport
from reelproof.settings import load_settings
from reelproof.thumbnails import thumbnails_of
from reelproof.wiring import Services, build

PROMPT = "an orange ring grows larger on a tiled floor"
REFUSED_PROMPT = "Taylor Swift dancing on a rooftop at night, photorealistic"
STRIPPED_CRF = 30
_SHEET_FRAMES = 12


class DemoFailed(ReelproofError):
    """A scene did not end as it must (exit 1)."""


@dataclass
class Scene:
    """One thing shown: its title, what came of it and how long it took."""

    title: str
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Story:
    """What the demo has made so far; the report page is drawn from it."""

    folder: Path
    prompt: str = PROMPT
    scenes: list[Scene] = field(default_factory=list)
    release: ReleaseReport | None = None
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    refusal: RequestRefused | None = None
    log: dict[str, Any] = field(default_factory=dict)


class Teller:
    """Plays the scenes in order, prints them, and keeps them in a `Story`."""

    def __init__(self, folder: Path, console: Console) -> None:
        self._console = console
        self.story = Story(folder)

    def play(self) -> Story:
        """Run every scene. Raises DemoFailed when one doesn't end as it must."""
        self.story.folder.mkdir(parents=True, exist_ok=True)
        services = self._keys()
        clip = self._clip(services)
        self._verify(services, "An untouched copy", clip, "verified")
        self._verify(services, "Stripped and re-encoded", self._stripped(clip), "recovered")
        self._verify(services, "One byte changed", self._altered(clip), "altered")
        self._refusal(services)
        self._log(services)
        self._pictures(clip)
        return self.story

    @contextmanager
    def _scene(self, title: str) -> Iterator[Scene]:
        scene = Scene(title)
        self._console.print(f"\n[bold]{len(self.story.scenes) + 1}. {title}[/bold]")
        began = time.perf_counter()
        yield scene
        scene.seconds = time.perf_counter() - began
        self.story.scenes.append(scene)
        for line in scene.lines:
            self._console.print(f"   {line}", markup=False)
        self._console.print(f"   [dim]{scene.seconds:.1f} s[/dim]")

    def _keys(self) -> Services:
        with self._scene("Keys: a root, an issuing CA, a claim-signing leaf, a log key, a watermark key") as scene:
            services = build(load_settings(home=self.story.folder / "home"))
            made = "made" if services.made_keys else "found"
            for row in services.keys.describe():
                scene.lines.append(f"{made} {row['purpose']:<16} {row['subject']}")
        return services

    def _clip(self, services: Services) -> Path:
        clip = self.story.folder / "clip.mp4"
        with self._scene(f"A clip from a prompt: “{PROMPT}”") as scene, watching() as watch:
            report = services.pipeline.generate(GenerationRequest(PROMPT, seed=1), clip, watch=watch)
            self.story.release = report
            took = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in report.timings_s.items())
            pixel = report.watermark["pixel"]
            scene.lines += [
                f"policy       allow, log entry {report.log['index']}",
                f"pixel mark   {pixel['psnr_db']} dB, SSIM {pixel['ssim']}, read back with "
                f"{chance(pixel['self_check_p_value'])}",
                f"credential   {report.manifest_id}",
                f"content ID   {report.content_id}",
                f"file         {clip}  ({took})",
            ]
        self._keep("release.json", report.to_json())
        return clip

    def _verify(self, services: Services, what: str, clip: Path, expected: str) -> None:
        with self._scene(f"{what}: {clip.name}") as scene, watching() as watch:
            verdict = services.detector.verify(clip, progress=lambda share: watch("verify", share))
            self.story.verdicts[clip.stem] = verdict
            scene.lines += [f"{str(verdict.conclusion).upper()}: {verdict.headline}", *verdict.explanation[:3]]
        self._keep(f"{clip.stem}.verdict.json", verdict.to_json())
        page = render_html(verdict, thumbnails=thumbnails_of(clip))
        write_atomically(self.story.folder / f"{clip.stem}.verdict.html", page.encode())
        if verdict.conclusion != expected:
            raise DemoFailed(
                f"{clip.name} should be {expected}, the verdict is {verdict.conclusion}",
                code="demo_failed",
                hint=f"Read {clip.stem}.verdict.json, and please report it.",
            )

    def _stripped(self, clip: Path) -> Path:
        """The clip as a platform hands it on: decoded and encoded again, its credential gone."""
        target = clip.with_name("stripped.mp4")
        transcode(clip, target, crf=STRIPPED_CRF)
        return target

    def _altered(self, clip: Path) -> Path:
        """The signed clip with one byte of its pictures changed."""
        target = clip.with_name("altered.mp4")
        content = bytearray(clip.read_bytes())
        content[picture_byte(bytes(content))] ^= 0x01
        write_atomically(target, bytes(content))
        return target

    def _refusal(self, services: Services) -> None:
        with self._scene("A prompt that names a living person") as scene:
            target = self.story.folder / "refused.mp4"
            try:
                services.pipeline.generate(GenerationRequest(REFUSED_PROMPT), target)
            except RequestRefused as refused:
                self.story.refusal = refused
                scene.lines += [f"{refused}", f"codes {list(refused.reason_codes)}, log entry {refused.log_index}"]
        if self.story.refusal is None or target.exists():
            raise DemoFailed(
                "a prompt that names a living person was not refused", code="demo_failed", hint="Please report it."
            )

    def _log(self, services: Services) -> None:
        with self._scene("The log of every decision, proven") as scene:
            log = services.log
            audit = log.verify()
            for index in range(log.size):
                verify_receipt(log.receipt(index), log.entry_bytes(index), log.verifier_key)
                entry = log.entry(index)
                outcome = entry.get("outcome") or ""
                scene.lines.append(
                    f"{index:>3}  {entry['time']}  {entry['stage']:<12} {outcome:<7} inclusion proven"
                )
            scene.lines += [f"root {audit.root}, {audit.size} entries, checked with key", f"{log.verifier_key}"]
            self.story.log = {"size": audit.size, "root": audit.root, "verifier_key": log.verifier_key}
            write_atomically(self.story.folder / "log.checkpoint", log.checkpoint().encode())
        if not audit.ok:
            raise DemoFailed("the decision log does not verify", code="demo_failed", hint="; ".join(audit.problems))

    def _pictures(self, clip: Path) -> None:
        with self._scene("Pictures and the report page") as scene:
            frames = sampled(open_clip(clip), _SHEET_FRAMES)
            sheet = contact_sheet(frames, columns=4)
            write_atomically(self.story.folder / "contact-sheet.png", png(sheet))
            from reelproof.demo.page import render_story

            write_atomically(self.story.folder / "report.html", render_story(self.story).encode())
            scene.lines += [str(self.story.folder / name) for name in ("contact-sheet.png", "report.html")]

    def _keep(self, name: str, value: dict[str, Any]) -> None:
        content = json.dumps(value, ensure_ascii=False, indent=2, default=str).encode()
        write_atomically(self.story.folder / name, content)


def picture_byte(content: bytes) -> int:
    """The offset of a byte in the middle of an MP4's media data.

    Raises:
        ValueError: the file has no `mdat` box.
    """
    offset = 0
    while offset + 8 <= len(content):
        size, kind = int.from_bytes(content[offset : offset + 4], "big"), content[offset + 4 : offset + 8]
        if size == 1:
            size = int.from_bytes(content[offset + 8 : offset + 16], "big")
        if kind == b"mdat":
            return offset + (size or len(content) - offset) // 2
        if size < 8:
            break
        offset += size
    raise ValueError("the file has no mdat box")


def tell(folder: Path, console: Console) -> Story:
    """Play the whole demo into a folder, which is emptied of an earlier demo's files first."""
    for leftover in ("home", "clip.mp4", "stripped.mp4", "altered.mp4"):
        path = folder / leftover
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return Teller(folder, console).play()
