"""`generate`, `seal`, `backends`, `train`: the commands about clips."""

import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import UsageError
from reelproof.cli.consent import token_of
from reelproof.cli.output import chance, err, note, out, show_json, watching
from reelproof.releases import Asker, ReleaseReport, SealFacts
from reelproof.settings import load_settings

if TYPE_CHECKING:
    from generator.guide import Guide
    from generator.port import Shot

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]
Then = Annotated[
    list[str] | None, typer.Option(help='A shot that follows, "TEXT" or "SECONDS:TEXT"; may be repeated.')
]
Move = Annotated[
    list[str] | None,
    typer.Option(help='Where the first thing goes, "x,y x,y" in half heights from the middle; again for another.'),
]
CameraPath = Annotated[
    str | None, typer.Option(help='Camera poses, "x,y,zoom,roll ..."; with times as in "0:0,0 0.5:0.2,0".')
]
Consent = Annotated[str | None, typer.Option(help="A consent token, or @FILE that holds one.")]
Purpose = Annotated[str, typer.Option(help="What the clip is for; a consent token must cover it.")]
Request = Annotated[
    str | None, typer.Option("--request", help="Go on with a request that was held and then approved.")
]
Out = Annotated[Path, typer.Option("--output", "-o", help="Where the finished clip goes (.mp4).")]


def _size(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise UsageError(
            f"a size is written WIDTHxHEIGHT, got {text!r}", code="size", hint="For example --size 256x256."
        )
    return int(width), int(height)


def _fps(text: str | None) -> Fraction | None:
    if text is None:
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError) as fault:
        raise UsageError(
            f"{text!r} is no frame rate", code="fps", hint="For example --fps 12 or 30000/1001."
        ) from fault
    if rate <= 0:
        raise UsageError("a frame rate is above zero", code="fps", hint="For example --fps 12.")
    return rate


def _shots(texts: list[str] | None) -> "tuple[Shot, ...]":
    """Each `TEXT`, or `SECONDS:TEXT`."""
    from generator.port import Shot

    found: list[Shot] = []
    for text in texts or ():
        length, colon, prompt = text.partition(":")
        is_timed = bool(colon) and _NUMBER.fullmatch(length.strip()) is not None
        found.append(Shot(prompt.strip(), float(length)) if is_timed else Shot(text))
    return tuple(found)


def _guide(moves: list[str] | None, camera_path: str | None) -> "Guide | None":
    from generator.guide import Guide, camera_path_of, stroke_of

    if not moves and camera_path is None:
        return None
    strokes = tuple(stroke_of(text, thing) for thing, text in enumerate(moves or (), start=1))
    return Guide(camera_path_of(camera_path) if camera_path is not None else (), strokes=strokes)


def _require_mp4(path: Path) -> None:
    if path.suffix.lower() != ".mp4":
        raise UsageError(
            f"clips are written as MP4, got {path.name!r}",
            code="output_suffix",
            hint="Give an output ending in .mp4.",
        )


def _show_release(report: ReleaseReport, as_json: bool) -> None:
    if as_json:
        show_json(report.to_json())
        return
    pixel = report.watermark["pixel"]
    took = sum(report.timings_s.values())
    out.print(f"{report.path}", markup=False)
    out.print(f"  content ID   {report.content_id}")
    out.print(f"  manifest     {report.manifest_id}")
    said = f"{pixel['bits']} bits at {pixel['psnr_db']} dB, read back with {chance(pixel['self_check_p_value'])}"
    out.print(f"  pixel mark   {said}")
    if not pixel["survives_crf_28"]:
        out.print(
            "  [yellow]this mark does not outlive a re-encode at CRF 28: the clip is too short, small or plain[/]"
        )
    out.print(f"  decision     log entry {report.log['index']}, root {report.log['root'][:16]}…")
    out.print(f"  took         {took:.1f} s", markup=False)
    for warning in report.coverage["warnings"]:
        note(f"warning: {warning}")


def generate(
    prompt: Annotated[str, typer.Argument(help="What the clip shows.")],
    output: Out,
    backend: Annotated[str | None, typer.Option(help="Which generator (see `reelproof backends`).")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Length in seconds; with --then, of the first shot.")
    ] = None,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT in pixels.")] = None,
    fps: Annotated[str | None, typer.Option(help="Frames a second.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, prompt and key: same motion.")] = None,
    steps: Annotated[int | None, typer.Option(help="Sampling steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale.")] = None,
    negative: Annotated[str, typer.Option(help="What the clip must not show.")] = "",
    camera: Annotated[str | None, typer.Option(help='Camera move, e.g. "pan left".')] = None,
    then: Then = None,
    move: Move = None,
    camera_path: CameraPath = None,
    image: Annotated[Path | None, typer.Option(help="A picture to begin with.")] = None,
    last_image: Annotated[Path | None, typer.Option(help="A picture to end with.")] = None,
    video: Annotated[Path | None, typer.Option(help="A clip to change, or to go on from with --extend.")] = None,
    strength: Annotated[float | None, typer.Option(help="How much of the clip changes, 0 to 1 (0.6).")] = None,
    extend: Annotated[bool, typer.Option("--extend", help="Go on from the clip, --seconds longer.")] = False,
    consent: Consent = None,
    purpose: Purpose = "personal",
    request_id: Request = None,
    as_json: Json = False,
) -> None:
    """Make a signed, watermarked clip from a prompt, if the policy allows it."""
    from generator.port import GenerationRequest
    from reelproof.sources import Sources

    _require_mp4(output)
    width, height = _size(size)
    services = _services()
    request = GenerationRequest(
        prompt=prompt,
        negative_prompt=negative,
        width_px=width,
        height_px=height,
        seconds=seconds,
        fps=_fps(fps),
        steps=steps,
        guidance_scale=guidance,
        seed=seed,
        camera=camera,
        shots=_shots(then),
        guide=_guide(move, camera_path),
        backend=backend or services.settings.backend,
    )
    sources = Sources(image, last_image, video, extend, strength)
    with watching(quiet=as_json) as watch:
        asker = Asker("local", purpose, token_of(consent))
        report = services.pipeline.generate(
            request, output, request_id=request_id, asker=asker, sources=sources, watch=watch
        )
    _show_release(report, as_json)


def seal(
    source: Annotated[Path, typer.Argument(metavar="IN.mp4", help="A clip that another generator made.")],
    output: Out,
    system: Annotated[str, typer.Option(help="The system that made it.")] = "unnamed generator",
    model: Annotated[str, typer.Option(help="The model that made it.")] = "unnamed model",
    prompt: Annotated[str, typer.Option(help="Its prompt, for the policy; never written into the file.")] = "",
    label: Annotated[bool | None, typer.Option(help="A visible label in the picture; else as set.")] = None,
    card: Annotated[float | None, typer.Option(help="Seconds of a silent opening card; else as set.")] = None,
    consent: Consent = None,
    purpose: Purpose = "personal",
    request_id: Request = None,
    as_json: Json = False,
) -> None:
    """Mark, sign and register a clip that another generator made; its own credential is kept."""
    _require_mp4(output)
    services = _services()
    with watching(quiet=as_json) as watch:
        facts, asker = SealFacts(system, model, prompt, label, card), Asker("local", purpose, token_of(consent))
        report = services.pipeline.seal(source, output, facts, request_id=request_id, asker=asker, watch=watch)
    _show_release(report, as_json)


def backends(as_json: Json = False) -> None:
    """What can generate here, and what each can do."""
    services = _services()
    rows: list[dict[str, Any]] = []
    for name in services.backends:
        rows.append(services.backends.describe(name))
    if as_json:
        show_json(rows)
        return
    for row in rows:
        out.print(f"{row['name']:<10} {row['state']}", markup=False)
        for key, value in row.get("capabilities", {}).items():
            out.print(f"             {key:<18} {value}", markup=False)


def train(context: typer.Context) -> None:
    """Train the embedded model; options as in `python -m generator.train --help`."""
    import subprocess

    finished = subprocess.run([sys.executable, "-m", "generator.train", *context.args], check=False)
    if finished.returncode:
        raise typer.Exit(finished.returncode)


def _services() -> Any:
    from reelproof.wiring import build

    services = build(load_settings())
    if services.made_keys:
        note(f"made new keys in {services.settings.home / 'keys'}")
    err.file.flush()
    return services
