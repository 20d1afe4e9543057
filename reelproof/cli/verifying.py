"""`verify`: where clips come from, one clip, a batch that can be resumed, or an evidence bundle."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import RequirementNotMet, UnreadableInput, UsageError
from reelproof.cli.addresses import fetched, is_address, kept_for_now, stream_limits
from reelproof.cli.output import json_line, note, out, show_json, watching
from reelproof.cli.windows import judge_long_file, judge_stream, judge_windows
from reelproof.settings import load_settings

if TYPE_CHECKING:
    from detector.verdict import Verdict
    from reelproof.wiring import Services

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".mpeg", ".3gp"})
PLAYLIST_SUFFIXES = frozenset({".m3u8", ".mpd"})
_SHOWN_UNMET = 5

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]


def verify(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            help="Clips, folders of clips, one HLS or DASH playlist, or an https address.",
        ),
    ] = None,
    as_json: Json = False,
    html: Annotated[Path | None, typer.Option(help="Write the report of one clip as a web page.")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write the report of one clip as a PDF.")] = None,
    require: Annotated[str | None, typer.Option(help="Exit 4 unless every clip has this conclusion.")] = None,
    listed: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", help="Also the clips named in FILE, one path a line.")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep verdicts as lines of FILE; skip clips that stand there."),
    ] = None,
    bundle_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an evidence bundle of one clip (.zip).")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check an evidence bundle again, with its clip if given.")
    ] = None,
    follow: Annotated[
        bool, typer.Option(help="Judge a live playlist as it grows, until it ends or Ctrl-C.")
    ] = False,
    for_s: Annotated[
        float | None,
        typer.Option("--for", metavar="SECONDS", min=0, help="With --follow: stop after so many seconds."),
    ] = None,
) -> None:
    """Say where clips come from and what that rests on. A folder or many files is a batch, one line each; a stream
    in segments (.m3u8, .mpd with its files) one line for every ten seconds. An https address is fetched, and the
    segments that a playlist there names; nothing of it is kept. A clip over ten minutes is told minute by minute.
    """
    from detector.verdict import Conclusion

    if bundle is not None:
        _check_bundle(bundle, [Path(one) for one in paths or ()], as_json)
        return
    known = [str(conclusion) for conclusion in Conclusion]
    if require is not None and require not in known:
        raise UsageError(f"{require!r} is no conclusion", code="require", hint=f"One of {', '.join(known)}.")
    named = [*(paths or []), *(_named_in(listed) if listed is not None else ())]
    if for_s is not None and not follow:
        raise UsageError(
            "--for says how long to --follow", code="for_without_follow", hint="Give both, or neither."
        )
    written = _Written(html, pdf, bundle_out, follow, for_s)
    if any(is_address(one) for one in named):
        url = _one_address(named, resume)
        conclusions = _at_address(url, as_json, written)
        clips = [url] * len(conclusions)
    else:
        clips, conclusions = _on_disk(named, as_json, written, resume)
    _require(require, clips, conclusions)
    if len(conclusions) == 1 and conclusions[0] == Conclusion.UNREADABLE:
        raise typer.Exit(5)


def _on_disk(
    named: list[str], as_json: bool, written: "_Written", resume: Path | None
) -> tuple[list[str], list[str]]:
    """Every clip (or window of a stream or of a long file) and its conclusion."""
    from detector.longfiles import long_duration_s

    clips = _clips_under([Path(one) for one in named])
    if written.is_asked and len(clips) != 1:
        raise UsageError(
            "--html, --pdf and --bundle-out take one clip",
            code="one_clip",
            hint="Verify the clips one by one for those.",
        )
    if len(clips) == 1 and clips[0].suffix.lower() in PLAYLIST_SUFFIXES:
        conclusions = _playlist(clips[0], as_json, written)
        return [str(clips[0])] * len(conclusions), conclusions
    written.refuse_follow()
    if len(clips) == 1 and resume is None:
        duration_s = None if written.is_asked else long_duration_s(clips[0])
        if duration_s is not None:
            conclusions = judge_long_file(_services(), clips[0], duration_s, as_json)
            return [str(clips[0])] * len(conclusions), conclusions
        conclusions = [_one(clips[0], as_json, written)]
    else:
        conclusions = _batch(clips, as_json, resume)
    return [str(clip) for clip in clips], conclusions


def _one_address(named: list[str], resume: Path | None) -> str:
    if len(named) > 1 or resume is not None:
        raise UsageError(
            "an address is verified by itself, without other clips and without --resume",
            code="one_address",
            hint="Give one address at a time, or download the clips and give their folder.",
        )
    return named[0]


def _at_address(url: str, as_json: bool, written: "_Written") -> list[str]:
    """The conclusion on a clip at an address, or on every window of a stream there."""
    from detector.fetchedstreams import followed_behind, is_playlist, stream_behind
    from detector.following import Pace

    limits = stream_limits()
    answer = fetched(url, limits)
    if is_playlist(answer):
        written.refuse_for_streams()
        if written.follow:
            windows = followed_behind(answer, limits, Pace(written.for_s))
            return judge_windows(_services(), windows, url, as_json, is_followed=True)
        return judge_stream(_services(), stream_behind(answer, limits), url, as_json)
    written.refuse_follow()
    with kept_for_now(answer) as clip:
        return [_one(clip, as_json, written)]


@dataclass(frozen=True)
class _Written:
    """The files that are asked for beside the answer, and whether a stream is followed, for how long (s)."""

    html: Path | None
    pdf: Path | None
    bundle: Path | None
    follow: bool = False
    for_s: float | None = None

    @property
    def is_asked(self) -> bool:
        return (self.html or self.pdf or self.bundle) is not None

    def refuse_for_streams(self) -> None:
        """Raises UsageError where a report of one clip is asked for of a stream."""
        if self.is_asked:
            raise UsageError(
                "--html, --pdf and --bundle-out take one clip, not a stream",
                code="one_clip",
                hint="Put the segments in question into one file and verify that.",
            )

    def refuse_follow(self) -> None:
        """Raises UsageError where something is to be followed that is no playlist."""
        if self.follow:
            raise UsageError(
                "only a playlist (.m3u8, .mpd) can be followed",
                code="follow_what",
                hint="Give one playlist, on the disk or at an https address.",
            )


def _require(require: str | None, clips: list[str], conclusions: list[str]) -> None:
    unmet = [clip for clip, found in zip(clips, conclusions, strict=True) if require and found != require]
    if unmet:
        raise RequirementNotMet(
            f"{len(unmet)} of {len(clips)} clips are not {require}: {', '.join(unmet[:_SHOWN_UNMET])}",
            code="require_not_met",
            hint="The verdict says why; --json gives all of its evidence.",
        )


def _one(clip: Path, as_json: bool, written: _Written) -> str:
    from detector.report import summary_lines

    services = _services()
    with watching(quiet=as_json) as watch:
        verdict = services.detector.verify(clip, progress=lambda done: watch("verify", done))
    if as_json:
        show_json(verdict.to_json())
    else:
        for line in summary_lines(verdict):
            out.print(line, markup=False)
    if written.is_asked:
        _write_pages(services, clip, verdict, written)
    return str(verdict.conclusion)


def _playlist(playlist: Path, as_json: bool, written: _Written) -> list[str]:
    """Every window's conclusion of a stream on the disk. Raises UnreadableInput for what is no playlist."""
    from detector.following import Pace, followed
    from detector.streams import ON_DISK, Piece, SegmentedStream

    written.refuse_for_streams()
    if written.follow:
        windows = followed(Piece(playlist), ON_DISK, Pace(written.for_s))
        return judge_windows(_services(), windows, str(playlist), as_json, is_followed=True)
    return judge_stream(_services(), SegmentedStream.opened(playlist), str(playlist), as_json)


def _batch(clips: list[Path], as_json: bool, resume: Path | None) -> list[str]:
    """Every clip's conclusion in order. A verdict that stands in the resume file is not worked out again."""
    done = _resumed(resume) if resume is not None else {}
    services: Services | None = None
    conclusions = []
    with watching(quiet=as_json) as watch:
        for number, clip in enumerate(clips):
            named = _named(clip)
            if named is None:
                conclusions.append(_gone(clip, as_json))
                continue
            found = done.get((named["path"], named["size_bytes"], named["modified_ns"]))
            if found is None:
                services = services or _services()

                def told(fraction: float, /, number: int = number) -> None:
                    watch("verify", (number + fraction) / len(clips))

                found = services.detector.verify(clip, progress=told).to_json() | {"path": str(clip)}
                if resume is not None:
                    _append(resume, {**found, "resume": named})
            conclusions.append(str(found["conclusion"]))
            if as_json:
                show_json({name: value for name, value in found.items() if name != "resume"}, pretty=False)
            else:
                out.print(f"{conclusions[-1]:<17} {clip}", markup=False)
    return conclusions


def _gone(clip: Path, as_json: bool) -> str:
    """The line of a clip that was listed and can't be opened (a link to nothing, deleted meanwhile): one such file
    does not end a batch."""
    note(f"{clip} can't be opened and was not judged")
    if as_json:
        show_json({"path": str(clip), "conclusion": "unreadable", "headline": "It can't be opened."}, pretty=False)
    else:
        out.print(f"{'unreadable':<17} {clip}", markup=False)
    return "unreadable"


def _named(clip: Path) -> dict[str, Any] | None:
    """What tells a clip from another and from itself as it was: its path, size and time of change. None where it
    can't be opened."""
    try:
        with clip.open("rb"):
            status = clip.stat()
    except OSError:
        return None
    return {"path": str(clip.resolve()), "size_bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def _resumed(file: Path) -> dict[tuple[str, int, int], dict[str, Any]]:
    """The verdicts of an earlier run. A last line that was cut off in the middle is worked out again."""
    found = {}
    for line in file.read_text(errors="replace").splitlines() if file.exists() else ():
        try:
            verdict = json.loads(line)
            named = verdict["resume"]
            found[str(named["path"]), int(named["size_bytes"]), int(named["modified_ns"])] = verdict
        except (ValueError, KeyError, TypeError):
            note(f"a line of {file} is no verdict of an earlier run and is left out")
    return found


def _append(file: Path, verdict: dict[str, Any]) -> None:
    """One more line, on the disk when this returns. A line that was cut off is ended first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab+") as lines:
        if lines.tell() and not _ends_whole(lines.fileno(), lines.tell()):
            lines.write(b"\n")
        lines.write(json_line(verdict).encode() + b"\n")
        lines.flush()
        os.fsync(lines.fileno())


def _ends_whole(descriptor: int, size: int) -> bool:
    return os.pread(descriptor, 1, size - 1) == b"\n"


def _clips_under(paths: list[Path]) -> list[Path]:
    clips: list[Path] = []
    for path in paths:
        if path.is_dir():
            clips += sorted(file for file in path.rglob("*") if file.suffix.lower() in VIDEO_SUFFIXES)
        elif path.exists():
            clips.append(path)
        else:
            raise UnreadableInput(f"no such file: {path}", code="no_such_file", hint="Check the path.")
    if not clips:
        hint = f"Looked for {', '.join(sorted(VIDEO_SUFFIXES))}." if paths else "Name a clip, or a folder of clips."
        raise UsageError("no clips there", code="no_clips", hint=hint)
    return clips


def _named_in(file: Path) -> Iterator[str]:
    """The paths in a list, one a line; empty lines and those that begin with # are left out."""
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInput(
            f"the list {file} can't be read", code="list_unreadable", hint="A text file with one path a line."
        ) from error
    return (line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))


def _write_pages(services: "Services", clip: Path, verdict: "Verdict", written: _Written) -> None:
    from core.files import write_atomically
    from detector.report import render_html
    from detector.reportpdf import render_pdf
    from reelproof.bundle import write_bundle
    from reelproof.thumbnails import thumbnails_of

    pictures, originals = thumbnails_of(clip), services.detector.kept_pictures(verdict)
    page = render_html(verdict, pictures, originals)
    if written.html is not None:
        write_atomically(written.html, page.encode())
        note(f"report written to {written.html}")
    if written.pdf is not None:
        write_atomically(written.pdf, render_pdf(verdict, pictures, originals))
        note(f"report written to {written.pdf}")
    if written.bundle is not None:
        match = verdict.match if verdict.match is not None and verdict.match["content_agrees"] else None
        release = services.repository.get(match["manifest_id"]) if match is not None else None
        write_bundle(written.bundle, verdict, page, release, services.clock.now())
        note(f"evidence bundle written to {written.bundle}")


def _check_bundle(bundle: Path, paths: list[Path], as_json: bool) -> None:
    """Check a bundle again; ends with 4 where something in it does not hold."""
    from detector.plaintext import plain
    from reelproof.bundle import check_bundle, verdict_in

    if len(paths) > 1:
        raise UsageError("a bundle is of one clip", code="one_clip", hint="Give the bundle and its clip.")
    services = _services()
    checks = check_bundle(bundle, services.trust, services.clock.now(), paths[0] if paths else None)
    verdict = verdict_in(bundle)
    holds = all(one.holds is not False for one in checks)
    if as_json:
        show_json(
            {
                "schema": "reelproof.bundle-check/1",
                "holds": holds,
                "conclusion": verdict.get("conclusion"),
                "checks": [vars(one) for one in checks],
            }
        )
    else:
        out.print(f"The bundle says: {plain(verdict.get('conclusion'), 40).upper()}", markup=False)
        for one in checks:
            word = {True: "holds", False: "FAILS", None: "open"}[one.holds]
            out.print(f"  {word:<6} {one.says}", markup=False)
    if not holds:
        raise RequirementNotMet(
            "the bundle does not hold", code="bundle_contradicted", hint="Don't rely on it; ask for a new one."
        )


def _services() -> "Services":
    from reelproof.wiring import build

    services = build(load_settings())
    if services.made_keys:
        note(f"made new keys in {services.settings.home / 'keys'}")
    return services
