"""Fixtures of the policy tests: logs in a fresh folder, the shipped filter."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policy.decision import Decision, PolicyInput
from policy.filter import PolicyFilter
from policy.log import DecisionLog

KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
ORIGIN = "example.org/test-log"

OpenLog = Callable[[], DecisionLog]


@pytest.fixture
def log_folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def open_log(log_folder: Path) -> OpenLog:
    return lambda: DecisionLog(log_folder, KEY, ORIGIN)


@pytest.fixture(scope="session")
def policy_filter() -> PolicyFilter:
    return PolicyFilter.default()


@pytest.fixture(scope="session")
def decide(policy_filter: PolicyFilter) -> Callable[..., Decision]:
    def ask(prompt: str, **more: object) -> Decision:
        return policy_filter.decide(PolicyInput({"prompt": prompt}, **more))  # type: ignore[arg-type]

    return ask
