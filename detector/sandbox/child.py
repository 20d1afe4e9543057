"""The confined child's life: import the work, raise the fences, then do it on bytes nobody vouches for.

Started by `detector.sandbox.parent` in a fresh interpreter. It is told what to do by its parent (which it
trusts) on standard input, reads the file through a descriptor it was born with, and answers over a pipe.
"""

import importlib
import io
import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from core.errors import UnreadableInput
from detector.sandbox import wire
from detector.sandbox.confinement import Confinement, confine
from detector.sandbox.limits import SandboxLimits


@dataclass(frozen=True)
class Bench:
    """What a job works with: the input (seekable), the limits, the fences that hold, the way out, and the pipe on
    which its parent may tell it more."""

    file: BinaryIO
    limits: SandboxLimits
    confinement: Confinement
    output: int
    orders: BinaryIO = field(default_factory=io.BytesIO)

    def next_number(self) -> int:
        """What the parent told since, a number under 256; 0 where it closed the pipe and tells no more."""
        told = self.orders.read(1)
        return told[0] if told else 0

    def reply(self, value: Any) -> None:
        """Send one JSON value to the parent."""
        wire.send_json(self.output, wire.REPLY, value)


@dataclass(frozen=True)
class Order:
    """What the parent asks for: a job as `module:function`, the input's descriptor, limits and arguments."""

    job: str
    descriptor: int
    limits: SandboxLimits
    arguments: dict[str, Any]


def _take_over_output() -> int:
    """Keep the answer pipe for ourselves and point standard output and error at nothing: C libraries print."""
    output = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)
    return output


def _prepare(job: str) -> Callable[..., None]:
    """The job's function, its module imported and rehearsed: behind the fences nothing more can be loaded."""
    name, _, function = job.partition(":")
    module = importlib.import_module(name)
    rehearse = getattr(module, "rehearse", None)
    if rehearse is not None:
        rehearse()
    work: Callable[..., None] = getattr(module, function)
    return work


def _fault(output: int, code: str, message: str, hint: str) -> None:
    wire.send_json(output, wire.FAULT, {"code": code, "message": message, "hint": hint})


def _perform(work: Callable[..., None], bench: Bench, arguments: dict[str, Any]) -> None:
    output = bench.output
    try:
        work(bench, **arguments)
        wire.send_json(output, wire.END, {})
    except UnreadableInput as error:
        _fault(output, error.code, str(error), error.hint)
    except MemoryError:
        _fault(output, "decode_budget", "reading this file needs more memory than it is allowed", "")
    except BrokenPipeError:
        return  # the parent has seen enough
    except Exception as error:
        # Whatever a hostile file provokes ends here as a named fault; the text may quote the file, so only
        # the kind of error leaves.
        _fault(output, "decoder_crashed", f"the reader failed on this file ({type(error).__name__})", "")


def main() -> None:
    """Read the order, prepare, confine, perform, leave without teardown."""
    output = _take_over_output()
    order: Order = pickle.load(sys.stdin.buffer)
    work = _prepare(order.job)
    file = io.BufferedReader(io.FileIO(order.descriptor, "rb"), 1 << 18)
    bench = Bench(file, order.limits, confine(order.limits), output, sys.stdin.buffer)
    _perform(work, bench, order.arguments)
    os._exit(0)
