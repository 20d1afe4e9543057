"""The self-test passes where the machinery acts, and fails where it doesn't."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from provenance import selftest, settings
from provenance.selftest import checks, self_test
from provenance.settings import Anchors, context_with, settings_with


def test_every_check_holds(plain_mp4: Path, tmp_path: Path) -> None:
    """On a sound installation."""
    found = checks(plain_mp4, tmp_path)
    assert [one.name for one in found if not one.holds] == []
    assert len(found) == 4
    self_test()


def test_a_file_that_cannot_be_signed_is_a_failed_check(tmp_path: Path) -> None:
    """Never an exception."""
    (tmp_path / "x.mp4").write_bytes(b"nonsense")
    assert [one.holds for one in checks(tmp_path / "x.mp4", tmp_path)] == [False]


def test_the_self_test_notices_the_librarys_default(
    plain_mp4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the library's own default for free boxes an appended box passes unseen: the check fails then."""
    real: Callable[[tuple[Anchors, ...]], dict[str, object]] = settings_with

    def lax(anchors: tuple[Anchors, ...]) -> dict[str, object]:
        return real(anchors) | {"builder": {"bmff_hash_exclude_free_and_skip_boxes": True}}

    monkeypatch.setattr(settings, "settings_with", lax)
    context_with.cache_clear()
    try:
        failed = [one.name for one in checks(plain_mp4, tmp_path) if not one.holds]
        with pytest.raises(ConfigurationError, match="appended box"):
            self_test()
    finally:
        context_with.cache_clear()
    assert failed == ["an appended box is seen"]


def test_settings_never_fetch() -> None:
    """No remote manifest, no revocation server, no host at all."""
    made = settings_with((Anchors("urn:x", "PEM"),))
    assert made["verify"]["remote_manifest_fetch"] is False
    assert made["verify"]["ocsp_fetch"] is False
    assert made["core"]["allowed_network_hosts"] == []
    assert made["verify"]["verify_trust"] is True
    assert selftest.OWN_LIST == "reelproof"
