"""What the training stages share: a clock that survives interruption, checkpoints, a log, compilation."""

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Compilable = TypeVar("Compilable", bound=Callable[..., Any])


@dataclass
class Run:
    """One training run's folder and switches. `compiled` asks for torch's compiler where a C++ one is found; after
    `pause_after_s` of wall time a stage saves its checkpoint and raises `Paused`."""

    folder: Path
    seed: int = 0
    compiled: bool = True
    quiet: bool = False
    device: str = "cpu"
    pause_after_s: float | None = None
    _begun_s: float = field(default_factory=time.monotonic)
    _log: list[dict[str, float | str]] = field(default_factory=list)

    def log(self, stage: str, **facts: float) -> None:
        """Append one JSON line to `log.jsonl`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        line = {"stage": stage, **{k: float(v) for k, v in facts.items()}}
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")

    def save(self, name: str, state: dict[str, Any]) -> None:
        """Write a checkpoint so that a crash leaves the old one or the new one, never half of one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / f"{name}.pt"
        draft = target.with_suffix(".tmp")
        torch.save(state, draft)
        os.replace(draft, target)

    def is_over(self) -> bool:
        """Whether this process has had its wall time."""
        return self.pause_after_s is not None and time.monotonic() - self._begun_s >= self.pause_after_s

    def mixed(self) -> torch.autocast:
        """bfloat16 where the device is made for it, nothing elsewhere."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.device != "cpu")

    def load(self, name: str) -> dict[str, Any] | None:
        """A checkpoint's state, on the CPU, or None where there is none."""
        path = self.folder / f"{name}.pt"
        if not path.exists():
            return None
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state

    def compile(self, function: Compilable) -> Compilable:
        """The function through torch's compiler: about three times as fast on a CPU, after a minute's wait."""
        if not self._can_compile():
            return function
        return torch.compile(function, dynamic=False)  # type: ignore[return-value]

    def compile_in_place(self, module: torch.nn.Module) -> None:
        """Compile a module that is repeated: its copies share one compilation, which keeps the wait short."""
        if self._can_compile():
            module.compile(dynamic=False)

    def _can_compile(self) -> bool:
        return self.compiled and shutil.which("g++") is not None


class Paused(Exception):
    """The process had its wall time; its checkpoint lies in the run's folder, and the same command goes on."""


class Stopwatch:
    """Seconds of training so far, counted on from a checkpoint, against a budget; shows a progress bar.

    A second is one second of all of torch's threads at work (CPU time over threads), so that a budget buys the same
    training on a machine that is busy with other things; on an accelerator it is one on the clock.
    """

    def __init__(self, run: Run, title: str, budget_s: float, spent_s: float = 0.0) -> None:
        self.budget_s = budget_s
        self._run = run
        self._before = spent_s
        self._start = self._worked_s()
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, disable=run.quiet)
        self._task = self._bar.add_task(title, total=budget_s)
        self._bar.start()

    @property
    def spent_s(self) -> float:
        """Seconds of training, this process and those before."""
        return self._before + self._worked_s() - self._start

    @property
    def fraction(self) -> float:
        """Share of the budget used, 0.0 to 1.0."""
        return min(self.spent_s / self.budget_s, 1.0)

    def restart(self) -> None:
        """Count from now: the first step's compilation is not training."""
        self._start = self._worked_s()

    def tick(self, note: str) -> bool:
        """Show `note`; whether there is budget and wall time left."""
        self._bar.update(self._task, completed=min(self.spent_s, self.budget_s), description=note)
        return self.spent_s < self.budget_s and not self._run.is_over()

    def stop(self) -> None:
        """Take the bar away. Raises `Paused` if the budget is not spent: what follows needs the finished stage."""
        self._bar.stop()
        if self.spent_s < self.budget_s:
            raise Paused

    def _worked_s(self) -> float:
        if self._run.device != "cpu":
            return time.perf_counter()
        return time.process_time() / torch.get_num_threads()
