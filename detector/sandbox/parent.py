"""Starts confined children, reads what they send within the limits, and never leaves one behind.

Safe in a process full of threads: the child is a fresh interpreter (fork and exec at once), not a fork.
"""

import contextlib
import json
import os
import pickle
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from core.errors import UnreadableInput
from detector.plaintext import plain
from detector.sandbox import wire
from detector.sandbox.child import Order
from detector.sandbox.limits import SandboxLimits

_BOOTSTRAP = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from detector.sandbox.child import main; main()"
)
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "SYSTEMROOT")
_PIPE_BYTES = 1 << 20
_CRASH_HINT = "The file is damaged or made to do harm; nothing was changed by reading it."


class MissingInput(UnreadableInput):
    """There is no such file, or it may not be opened: the caller's mistake, not a finding about a clip."""


def unreadable(message: str, code: str, hint: str) -> UnreadableInput:
    """An `UnreadableInput` in one line."""
    return UnreadableInput(message, code=code, hint=hint)


@contextmanager
def opened_input(path: Path, limits: SandboxLimits) -> Iterator[IO[bytes]]:
    """The input, opened once here so that no child ever needs its path.

    Raises:
        MissingInput: there is no such file, or it may not be read.
        UnreadableInput: it is no regular file (`not_a_video`), empty, or too large (`too_large`).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise MissingInput(
            f"no such file: {plain(path.name)}", code="no_such_file", hint="Check the path; give a video file."
        ) from error
    except OSError as error:
        raise MissingInput(
            f"{plain(path.name)} can't be opened ({error.strerror})",
            code="no_such_file",
            hint="Check the file's permissions.",
        ) from error
    try:
        _check_input(os.fstat(descriptor), limits)
    except UnreadableInput:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        yield file


def _check_input(status: os.stat_result, limits: SandboxLimits) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise unreadable("this is a folder or a device, not a file", "not_a_video", "Give a video file.")
    if status.st_size == 0:
        raise unreadable("the file is empty", "not_a_video", "Check that the upload or copy finished.")
    if status.st_size > limits.max_input_bytes:
        raise unreadable(
            f"the file has {status.st_size} bytes, the limit is {limits.max_input_bytes}",
            "too_large",
            "Cut the clip into shorter pieces, or raise the limit.",
        )


class ConfinedChild:
    """One running child. A context manager: leaving it kills what still runs and reaps it.

    `job` is `module:function`, imported before the fences go up and called as `function(bench, **arguments)`. With
    `is_told_more` its pipe stays open for one number, which `tell` sends.
    """

    def __init__(
        self,
        job: str,
        file: IO[bytes],
        limits: SandboxLimits,
        arguments: dict[str, Any],
        *,
        is_told_more: bool = False,
    ) -> None:
        self._limits = limits
        self._process = self._start(job, file, arguments)
        if not is_told_more:
            self._close_orders()
        if self._process.stdout is None:
            raise RuntimeError("a child was started without its pipe")
        self._reader = wire.Reader(self._process.stdout.fileno(), limits.wall_s)

    def _start(self, job: str, file: IO[bytes], arguments: dict[str, Any]) -> "subprocess.Popen[bytes]":
        search = json.dumps([_PACKAGE_ROOT, *(entry for entry in sys.path if entry)])
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        # One arena and no thread pool: threads that exist before the fences go up would stand outside them.
        environment |= {"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment |= {"MALLOC_ARENA_MAX": "2"}
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", _BOOTSTRAP, search],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            pass_fds=(file.fileno(),),
            start_new_session=True,
            pipesize=_PIPE_BYTES,
        )
        order = Order(job, file.fileno(), self._limits, arguments)
        if process.stdin is not None:
            # A child that died at once is told by its missing answer, not by this pipe.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(pickle.dumps(order))
                process.stdin.flush()
        return process

    def tell(self, number: int) -> None:
        """Send the number (0 to 255) that the job waits for. A child that died meanwhile is told by its silence."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(bytes([number]))
                self._process.stdin.flush()
        self._close_orders()

    def _close_orders(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def __enter__(self) -> "ConfinedChild":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the child and its group if they still run, reap it, close the pipe. May be called twice."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._close_orders()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def records(self) -> Iterator[tuple[wire.Record, wire.Reader]]:
        """Each record's head and the reader its body must be taken from, up to the end record.

        Raises:
            UnreadableInput: what the child reported, or `decoder_timeout`, `decode_budget` or
                `decoder_crashed` when it did not live to report anything.
        """
        try:
            yield from self._records()
        except wire.WaitedTooLong as error:
            raise unreadable(
                f"reading this file took longer than {self._limits.wall_s:g} s",
                "decoder_timeout",
                "Cut the clip into shorter pieces, or raise the time limit.",
            ) from error
        except wire.BrokenPipe as error:
            raise self._death() from error

    def _records(self) -> Iterator[tuple[wire.Record, wire.Reader]]:
        while True:
            record = self._reader.record()
            if record is None:
                raise wire.BrokenPipe("the child ended without an end record")
            if record.kind == wire.END:
                return
            if record.kind == wire.FAULT:
                raise self._reported(self._body(record))
            yield record, self._reader

    def _body(self, record: wire.Record) -> Any:
        if record.length > self._limits.max_reply_bytes:
            raise wire.BrokenPipe(f"a reply of {record.length} bytes")
        try:
            return json.loads(self._reader.exactly(record.length))
        except (ValueError, RecursionError) as error:
            raise wire.BrokenPipe("a reply that is no JSON") from error

    def replies(self) -> Iterator[Any]:
        """The JSON values of a job that sends nothing else. Raises as `records` does."""
        for record, _ in self.records():
            if record.kind != wire.REPLY:
                raise self._death()
            try:
                yield self._body(record)
            except wire.BrokenPipe as error:
                raise self._death() from error

    def _reported(self, fault: Any) -> UnreadableInput:
        if not isinstance(fault, dict):
            return self._death()
        # The child is not trusted with what reaches a terminal or a page.
        text = {name: plain(fault.get(name, ""), 500) for name in ("message", "code", "hint")}
        return unreadable(text["message"], text["code"], text["hint"] or _CRASH_HINT)

    def _death(self) -> UnreadableInput:
        self.close()
        ended_by = -self._process.returncode
        if ended_by == signal.SIGXCPU:
            return unreadable(
                f"reading this file needs more than {self._limits.cpu_s} s of CPU time",
                "decode_budget",
                "Cut the clip into shorter pieces, or raise the CPU limit.",
            )
        name = signal.Signals(ended_by).name if ended_by in set(signal.Signals) else f"exit {-ended_by}"
        return unreadable(f"the reader died on this file ({name})", "decoder_crashed", _CRASH_HINT)
