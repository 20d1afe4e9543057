"""Rules of the command line: exit codes, JSON, and messages as the contract promises."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reelproof.cli.entry import run
from reelproof.wiring import Services

Command = Callable[..., tuple[int, str, str]]


def test_generate_then_verify_then_require(command: Command, tmp_path: Path) -> None:
    """A clip made here is verified here; --require holds for it and exits 4 for another conclusion."""
    clip = tmp_path / "a.mp4"
    code, printed, _ = command("generate", "a red ball", "-o", clip, "--seed", 3, "--json")
    release = json.loads(printed)
    assert (code, release["schema"]) == (0, "reelproof.release/1")
    assert list(release)[:8] == [
        "schema", "path", "sha256", "manifest_id", "content_id", "decision", "watermark", "log",
    ]  # fmt: skip
    code, printed, _ = command("verify", clip, "--json", "--require", "verified", "--html", tmp_path / "r.html")
    verdict = json.loads(printed)
    assert (code, verdict["schema"], verdict["conclusion"]) == (0, "reelproof.verdict/1", "verified")
    assert verdict["manifest"]["manifest_id"] == release["manifest_id"]
    assert "<html" in (tmp_path / "r.html").read_text()
    code, _, complaint = command("verify", clip, "--require", "recovered")
    assert code == 4
    assert complaint.startswith("error: ")
    assert "\nhint: " in complaint


def test_a_refused_prompt_exits_3_without_the_name(command: Command, tmp_path: Path) -> None:
    """Refusal: exit 3, `error:` and `hint:` on stderr, no name echoed, nothing on stdout, no file."""
    code, printed, complaint = command("generate", "Taylor Swift on a rooftop", "-o", tmp_path / "a.mp4")
    assert (code, printed) == (3, "")
    assert complaint.startswith("error: refused by policy")
    assert "hint: " in complaint
    assert "Swift" not in complaint
    assert not (tmp_path / "a.mp4").exists()


def test_a_name_in_a_later_shot_is_refused(command: Command, tmp_path: Path) -> None:
    """Policy reads every shot; a shot's length is no part of its words."""
    out = tmp_path / "clip.mp4"
    code, said, problem = command("generate", "a red ball", "--then", "2:Taylor Swift sings", "-o", str(out))
    assert code == 3
    assert "Swift" not in said + problem
    assert not out.exists()


def test_shots_that_a_backend_does_not_make_are_refused(command: Command, tmp_path: Path) -> None:
    """The procedural generator makes one shot and says so; nothing is left out silently."""
    out = tmp_path / "clip.mp4"
    code, _, problem = command("generate", "a red ball", "--then", "a blue cube: it spins", "-o", str(out))
    assert code == 2
    assert "several shots" in problem
    assert not out.exists()


def test_policy_check_decides_a_file_line_by_line(command: Command, tmp_path: Path) -> None:
    """One line in, one JSON line out, in order, each with its log index."""
    (tmp_path / "p.txt").write_text("a red ball\nTaylor Swift on a rooftop\na quiet lake\n")
    code, printed, _ = command("policy", "check", "--file", tmp_path / "p.txt", "--json")
    decisions = [json.loads(line) for line in printed.splitlines()]
    assert code == 0
    assert [one["outcome"] for one in decisions] == ["allow", "refuse", "allow"]
    assert [one["log_index"] for one in decisions] == [0, 1, 2]
    assert all(one["schema"] == "reelproof.decision/1" for one in decisions)


def test_policy_check_of_one_prompt(command: Command) -> None:
    """An allowed prompt exits 0, a refused one 3; JSON carries exactly the contract's keys."""
    assert command("policy", "check", "a red ball")[0] == 0
    code, printed, _ = command("policy", "check", "Taylor Swift on a rooftop", "--json")
    assert code == 3
    promised = {"schema", "outcome", "codes", "categories", "reasons", "ruleset", "views", "log_index"}
    assert promised <= set(json.loads(printed))


def test_the_log_can_be_listed_shown_and_verified(command: Command, services: Services, tmp_path: Path) -> None:
    """`audit` lists what was decided, shows an entry with its proof, and proves that the log only grew."""
    command("policy", "check", "a red ball")
    (tmp_path / "checkpoint").write_text(services.log.checkpoint())
    command("policy", "check", "a quiet lake")
    assert len(command("audit", "list", "--json")[1].splitlines()) == 2
    shown = json.loads(command("audit", "show", "1")[1])
    assert shown["entry"]["outcome"] == "allow"
    assert shown["proof"]
    code, printed, _ = command("audit", "verify", "--since", tmp_path / "checkpoint", "--json")
    assert (code, json.loads(printed)["ok"], json.loads(printed)["size"]) == (0, True, 2)
    assert command("audit", "show", "no-such-entry")[0] == 2


def test_a_bent_log_is_noticed(command: Command, services: Services) -> None:
    """One changed byte in a stored entry: `audit verify` names it and exits 6."""
    command("policy", "check", "a red ball")
    bundle = next((services.settings.home / "log" / "tile" / "entries").rglob("*.p/*"))
    content = bytearray(bundle.read_bytes())
    content[10] ^= 1
    bundle.chmod(0o644)
    bundle.write_bytes(bytes(content))
    code, _, complaint = command("audit", "verify")
    assert code == 6
    assert "error: " in complaint


def test_keys_are_listed_without_secrets_and_never_made_twice(command: Command, services: Services) -> None:
    """`keys list` names every key; `keys init` refuses to replace them."""
    code, printed, _ = command("keys", "list", "--json")
    assert code == 0
    assert len(json.loads(printed)["keys"]) >= 5
    assert services.keys.watermark_keys[services.keys.watermark_key_id].hex() not in printed
    code, _, complaint = command("keys", "init")
    assert code == 6
    assert "hint: " in complaint


@pytest.mark.parametrize(
    ("content", "exit_code"), [(b"", 5), (b"not a video", 5), (b"\x00\x00\x00\x18ftypmp42" + bytes(200), 5)]
)
def test_what_can_not_be_read_exits_5_with_a_verdict(
    command: Command, tmp_path: Path, content: bytes, exit_code: int
) -> None:
    """Empty, text and broken files: a verdict `unreadable` that says why, exit 5, no traceback."""
    (tmp_path / "a.mp4").write_bytes(content)
    code, printed, complaint = command("verify", tmp_path / "a.mp4", "--json")
    assert code == exit_code
    assert json.loads(printed)["conclusion"] == "unreadable"
    assert "Traceback" not in complaint


def test_missing_files_and_wrong_words_are_said_plainly(command: Command, tmp_path: Path) -> None:
    """Usage faults exit 2, missing files 5; each with `error:` and `hint:`."""
    for arguments, expected in (
        (("verify", tmp_path / "none.mp4"), 5),
        (("verify", tmp_path, "--require", "authentic"), 2),
        (("verify", tmp_path / "home"), 2),
        (("generate", "x", "-o", tmp_path / "a.avi"), 2),
        (("generate", "x", "-o", tmp_path / "a.mp4", "--size", "big"), 2),
        (("generate", "x", "-o", tmp_path / "a.mp4", "--backend", "sora"), 2),
        (("generate",), 2),
        (("no-such-command",), 2),
        (("policy", "check"), 2),
    ):
        code, printed, complaint = command(*arguments)
        assert (arguments, code) == (arguments, expected)
        assert complaint.startswith("error: ")
        assert "hint: " in complaint
        assert printed == ""


def test_a_folder_is_a_batch(command: Command, tmp_path: Path) -> None:
    """Verifying a folder gives one JSON line a clip, each with its path."""
    folder = tmp_path / "clips"
    folder.mkdir()
    command("generate", "a red ball", "-o", folder / "a.mp4")
    (folder / "b.mp4").write_bytes(b"not a video")
    (folder / "notes.txt").write_text("skipped")
    code, printed, _ = command("verify", folder, "--json")
    verdicts = [json.loads(line) for line in printed.splitlines()]
    assert code == 0
    assert [(Path(one["path"]).name, one["conclusion"]) for one in verdicts] == [
        ("a.mp4", "verified"),
        ("b.mp4", "unreadable"),
    ]


def test_help_needs_no_torch() -> None:
    """`reelproof --help` exits 0 and loads neither torch nor the video library."""
    import subprocess
    import sys

    program = (
        "import sys; from reelproof.cli.entry import run; code = run(['--help']); "
        "assert code == 0, code; loaded = {'torch', 'av', 'c2pa', 'dbos'} & set(sys.modules); "
        "assert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "verify" in done.stdout


def test_an_unexpected_fault_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug shows one `error:` line and a hint, exit 1; the traceback only with REELPROOF_DEBUG."""
    monkeypatch.setattr("reelproof.cli.clips._services", lambda: 1 / 0)
    assert run(["backends"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: unexpected fault: ZeroDivisionError")
    assert "Traceback" not in said
    monkeypatch.setenv("REELPROOF_DEBUG", "1")
    assert run(["backends"]) == 1
    assert "Traceback" in capsys.readouterr().err
