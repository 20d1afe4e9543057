"""Rules of the settings: one prefix, no unknown names, every one documented."""

from pathlib import Path

import pytest

from core.errors import ConfigurationError
from reelproof.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]


def test_every_setting_is_documented() -> None:
    """docs/settings.md names each setting, its default and what it does, and none that doesn't exist."""
    page = (ROOT / "docs" / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        assert f"`REELPROOF_{name.upper()}`" in page
        assert field.description in page
    documented = {word.strip("`|,. ") for word in page.split() if word.startswith("`REELPROOF_")}
    assert documented - {f"REELPROOF_{name.upper()}" for name in Settings.model_fields} <= {
        "REELPROOF_CONFIG",
        "REELPROOF_DEBUG",
    }


def test_the_environment_beats_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A TOML file sets what the environment does not."""
    (tmp_path / "r.toml").write_text('encode_crf = 20\npixel_psnr_db = 44\nhome = "/nowhere"\n')
    monkeypatch.setenv("REELPROOF_CONFIG", str(tmp_path / "r.toml"))
    monkeypatch.setenv("REELPROOF_PIXEL_PSNR_DB", "42")
    monkeypatch.setenv("REELPROOF_HOME", str(tmp_path))
    settings = load_settings()
    assert (settings.encode_crf, settings.pixel_psnr_db, settings.home) == (20, 42, tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("REELPROOF_PORT", "99999"), ("REELPROOF_ENCODE_CRF", "sharp"), ("REELPROOF_BACKEND", "sora")],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A value that can't be is refused with the setting's name and a hint."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name.removeprefix("REELPROOF_").lower()) as caught:
        load_settings()
    assert "settings.md" in caught.value.hint


def test_unknown_settings_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt name in the file, or a file that isn't there, is an error, not a silence."""
    (tmp_path / "r.toml").write_text("encod_crf = 20\n")
    monkeypatch.setenv("REELPROOF_CONFIG", str(tmp_path / "r.toml"))
    with pytest.raises(ConfigurationError, match="encod_crf"):
        load_settings()
    monkeypatch.setenv("REELPROOF_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_settings()
