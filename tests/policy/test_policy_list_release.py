"""Rules of list releases: signed, versioned, never older, never half installed; a name taken out stays out."""

import shutil
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.errors import ConfigurationError, UnreadableInput
from policy.list_release import ORIGIN, install, newest, pack, read_release, shipped_key, sign_lists
from policy.lists import DATA, LISTS, load_lists
from policy.log.note import verifier_key

KEY = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
PUBLIC = str(verifier_key(ORIGIN, KEY))
VERSION = 2999010101


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    folder = tmp_path / "lists"
    folder.mkdir()
    for name in ("manifest.json", *(f"{each}.txt.xz" for each in LISTS)):
        shutil.copy(DATA / name, folder)
    return folder


def _release(folder: Path, version: int = VERSION) -> Path:
    sign_lists(folder, version, KEY)
    pack(folder, folder.parent / "release.zip")
    return folder.parent / "release.zip"


def test_the_shipped_lists_are_signed_by_the_shipped_key() -> None:
    """Lists, manifest, note and key in the package belong together."""
    release = read_release(DATA, shipped_key())
    assert release.version > 2026000000
    assert release.lines["gazetteer"] == len(load_lists().gazetteer)


def test_a_newer_release_is_installed_and_used(lists: Path, tmp_path: Path) -> None:
    """What was packed is what decides afterwards."""
    install(_release(lists), tmp_path / "home", PUBLIC)
    in_use = newest(tmp_path / "home", PUBLIC)
    assert in_use.version == VERSION
    assert load_lists(DATA, in_use.folder).ruleset != load_lists().ruleset


@pytest.mark.parametrize("version", [1, VERSION])
def test_an_older_or_equal_release_is_turned_away(lists: Path, tmp_path: Path, version: int) -> None:
    """Going back would bring removed names back."""
    install(_release(lists), tmp_path / "home", PUBLIC)
    with pytest.raises(ConfigurationError, match="in use"):
        install(_release(lists, version), tmp_path / "home", PUBLIC)


def test_a_release_by_another_key_is_turned_away(lists: Path, tmp_path: Path) -> None:
    """Only the key that is set may sign."""
    with pytest.raises(ConfigurationError, match="signature"):
        install(_release(lists), tmp_path / "home", shipped_key())
    assert not (tmp_path / "home").exists() or not list((tmp_path / "home").iterdir())


@pytest.mark.parametrize("member", ["manifest.json", "gazetteer.txt.xz", "lists.note"])
def test_any_changed_member_is_found(lists: Path, tmp_path: Path, member: str) -> None:
    """One flipped bit anywhere in a release keeps it out."""
    _release(lists)
    content = bytearray((lists / member).read_bytes())
    content[len(content) // 2] ^= 1
    (lists / member).write_bytes(bytes(content))
    pack(lists, tmp_path / "bent.zip")
    with pytest.raises(ConfigurationError):
        install(tmp_path / "bent.zip", tmp_path / "home", PUBLIC)


@pytest.mark.parametrize("extra", ["../escape.txt", "further.txt"])
def test_a_release_holds_its_members_and_nothing_else(lists: Path, tmp_path: Path, extra: str) -> None:
    """A zip with other paths is no release."""
    release = _release(lists)
    with zipfile.ZipFile(release, "a") as opened:
        opened.writestr(extra, b"x")
    with pytest.raises(UnreadableInput):
        install(release, tmp_path / "home", PUBLIC)


def test_a_file_that_is_no_zip_is_told_so(tmp_path: Path) -> None:
    """Rubbish gives a clear error."""
    (tmp_path / "rubbish.zip").write_bytes(b"PK\x03\x04 but no")
    with pytest.raises(UnreadableInput, match="no release"):
        install(tmp_path / "rubbish.zip", tmp_path / "home", PUBLIC)


def test_the_same_lists_pack_to_the_same_bytes(lists: Path, tmp_path: Path) -> None:
    """A release is reproducible."""
    first = _release(lists).read_bytes()
    assert _release(lists).read_bytes() == first
