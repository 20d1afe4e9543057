"""The fences around a child, tried from inside."""

import errno
import os
import socket
import time
from pathlib import Path

import pytest

from core.errors import UnreadableInput
from detector.sandbox.limits import MIB, SandboxLimits
from detector.sandbox.parent import ConfinedChild, MissingInput, opened_input
from detector.sandbox.selftest import sandbox_report

REFUSED = {errno.EACCES, errno.EPERM, errno.EBADF, errno.EMFILE, errno.ENOSYS, errno.EFBIG}


@pytest.fixture
def input_file(tmp_path: Path) -> Path:
    path = tmp_path / "input.bin"
    path.write_bytes(b"reel")
    return path


def run_job(job: str, path: Path, limits: SandboxLimits | None = None, **arguments: object) -> object:
    limits = limits or SandboxLimits()
    with opened_input(path, limits) as file, ConfinedChild(job, file, limits, dict(arguments)) as child:
        return next(child.replies(), None)


def children_of_this_process() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_a_child_reads_its_input_and_answers(hooks: str, input_file: Path) -> None:
    """A confined child still does its work: it reads the descriptor it was given and replies in JSON."""
    assert run_job(f"{hooks}:echo", input_file, number=3) == {"arguments": {"number": 3}, "content": "7265656c"}


def test_forbidden_acts_are_refused(hooks: str, input_file: Path, tmp_path: Path) -> None:
    """No act beyond reading the given descriptor succeeds: files, network, programs, signals."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        arguments = {"secret": str(secret), "folder": str(tmp_path), "port": server.getsockname()[1]}
        answers = run_job(f"{hooks}:attempt_all", input_file, **arguments)
    assert isinstance(answers, dict)
    assert {name: error for name, error in answers.items() if error not in REFUSED} == {}
    assert len(answers) == 16
    assert secret.read_text() == "secret"
    assert not (tmp_path / "new").exists()


def test_threads_of_a_child_are_confined_too(hooks: str, input_file: Path) -> None:
    """A thread started after the fences went up stands behind them."""
    assert run_job(f"{hooks}:count_threads", input_file) in ([errno.EACCES], [errno.EPERM])


@pytest.mark.parametrize(
    ("job", "limits", "code"),
    [
        ("sleep_forever", SandboxLimits(wall_s=1.0), "decoder_timeout"),
        ("spin_forever", SandboxLimits(cpu_s=1, wall_s=60), "decode_budget"),
        ("crash", SandboxLimits(), "decoder_crashed"),
        ("raise_fault", SandboxLimits(), "decoder_crashed"),
        ("vanish", SandboxLimits(), "decoder_crashed"),
        ("lie_about_length", SandboxLimits(wall_s=30), "decoder_crashed"),
        ("send_garbage", SandboxLimits(wall_s=30), "decoder_crashed"),
        ("send_bad_json", SandboxLimits(), "decoder_crashed"),
        ("no_such_job", SandboxLimits(), "decoder_crashed"),
    ],
)
def test_a_child_gone_wrong_is_a_named_error(
    hooks: str, input_file: Path, job: str, limits: SandboxLimits, code: str
) -> None:
    """Hanging, spinning, crashing and lying children end as an error with a code and a hint, and are reaped."""
    before = children_of_this_process()
    began = time.monotonic()
    with pytest.raises(UnreadableInput) as caught:
        run_job(f"{hooks}:{job}", input_file, limits)
    assert caught.value.code == code
    assert caught.value.hint
    assert "secret" not in str(caught.value)
    assert time.monotonic() - began < 60
    assert children_of_this_process() <= before


def test_memory_is_bounded(hooks: str, input_file: Path) -> None:
    """An allocation past the address space limit fails inside the child and is reported as its budget."""
    with pytest.raises(UnreadableInput) as caught:
        run_job(f"{hooks}:allocate", input_file, SandboxLimits(memory_bytes=512 * MIB), size=600 * MIB)
    assert caught.value.code == "decode_budget"


def test_leaving_early_kills_the_child(hooks: str, input_file: Path) -> None:
    """A caller that stops reading leaves no process behind."""
    before = children_of_this_process()
    limits = SandboxLimits()
    with opened_input(input_file, limits) as file, ConfinedChild(f"{hooks}:sleep_forever", file, limits, {}):
        assert children_of_this_process() > before
    assert children_of_this_process() <= before


def test_the_self_test_finds_no_gap() -> None:
    """On a kernel with Landlock and seccomp every forbidden act is refused; elsewhere the report names the gap."""
    report = sandbox_report()
    assert report["works"]
    assert report["granted"]["threads"] == 1
    if report["granted"]["landlock_abi"] >= 4 and report["granted"]["seccomp"]:
        assert report["weak"] == []


@pytest.mark.parametrize("name", ["memory_bytes", "cpu_s", "wall_s", "max_frames"])
def test_limits_must_be_positive(name: str) -> None:
    """A limit of nothing is a mistake, not a wish."""
    with pytest.raises(ValueError, match=name):
        SandboxLimits(**{name: 0})


def test_a_missing_file_is_the_callers_mistake(tmp_path: Path) -> None:
    """A path that leads nowhere is an error of its own; it names the file, not its folder."""
    with pytest.raises(MissingInput) as caught, opened_input(tmp_path / "gone.mp4", SandboxLimits()):
        pass
    assert caught.value.code == "no_such_file"
    assert str(tmp_path) not in str(caught.value)
