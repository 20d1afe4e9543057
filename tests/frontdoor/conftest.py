"""A home with real keys, log, policy and repository, and the small procedural generator in place of the model."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.fake import FakeBackend, FakeInverter
from reelproof.backends import Backends
from reelproof.settings import Settings
from reelproof.wiring import Services, build


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("REELPROOF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("REELPROOF_CONFIG", raising=False)
    return Settings()


@pytest.fixture
def services(settings: Settings) -> Services:
    made = build(settings, backends=Backends({"embedded": FakeBackend}, {"embedded": lambda _: FakeInverter()}))
    return dataclasses.replace(made, made_keys=False)


@pytest.fixture
def command(
    services: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a command line against the home; gives (exit code, stdout, stderr)."""
    from reelproof import wiring
    from reelproof.cli.entry import run

    monkeypatch.setattr(wiring, "build", lambda *_, **__: services)

    def ran(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ran
