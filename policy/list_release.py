"""Releases of the lists of names: versioned, signed, handed on as one file, installed beside the shipped lists.

A release is a zip with the five compiled lists, `manifest.json` (digests, licences, sources) and `lists.note`: a
C2SP signed note with three lines: the origin, the version (a number that only grows), the SHA-256 of the manifest's
canonical JSON without the digests of harm heads. Rules, heads and code are no part of it.
"""

import hashlib
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.canonical import canonical_json
from core.errors import ConfigurationError, UnreadableInput
from core.files import staging_folder, write_atomically
from policy.lists import DATA, LISTS, load_lists
from policy.log.note import Checkpoint, ProofInvalid, sign_checkpoint, verify_checkpoint

ORIGIN = "reelproof/lists"
NOTE, MANIFEST, KEY_FILE = "lists.note", "manifest.json", "lists.vkey"
_MEMBERS = frozenset({NOTE, MANIFEST, *(f"{name}.txt.xz" for name in LISTS)})
_MAX_MEMBER_BYTES = 16 << 20
_VERSION_FOLDER = re.compile(r"[1-9][0-9]{0,17}")
_EARLIEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class ListRelease:
    """A release whose signature holds: its version, the key that signed it, and how many lines each list has."""

    version: int
    signed_by: str
    lines: dict[str, int]
    folder: Path

    def to_json(self) -> dict[str, Any]:
        """The release as `policy lists --json` shows it."""
        return {"version": self.version, "signed_by": self.signed_by, "lines": self.lines}


def sign_lists(folder: Path, version: int, key: Ed25519PrivateKey) -> None:
    """Write `lists.note` beside the lists of a folder. Raises `ConfigurationError` where they are damaged."""
    manifest = _manifest(folder)
    note = sign_checkpoint(Checkpoint(ORIGIN, version, _digest(manifest)), key)
    write_atomically(folder / NOTE, note.encode())


def read_release(folder: Path, verifier_key: str) -> ListRelease:
    """The release in a folder.

    Raises:
        ConfigurationError: not signed by this key, or the manifest is not the one that was signed.
    """
    try:
        note = (folder / NOTE).read_text(encoding="utf-8")
        signed = verify_checkpoint(note, verifier_key.strip())
    except (OSError, ValueError) as fault:
        raise _unsigned(f"{NOTE} can't be read") from fault
    except ProofInvalid as fault:
        raise _unsigned(
            f"the signature is not by {verifier_key.partition('+')[0]}, or the note was changed"
        ) from fault
    manifest = _manifest(folder)
    if signed.origin != ORIGIN or signed.root != _digest(manifest):
        raise _unsigned("the manifest is not the one that was signed")
    lines = {name: int(manifest["lists"][name]["lines"]) for name in LISTS}
    return ListRelease(signed.size, verifier_key.strip(), lines, folder)


def pack(folder: Path, target: Path) -> None:
    """Write the lists of a folder as one release file; the same lists give the same bytes."""
    with staging_folder(target) as staging:
        staged = staging / target.name
        with zipfile.ZipFile(staged, "w", zipfile.ZIP_STORED) as packed:
            for name in sorted(_MEMBERS):
                packed.writestr(zipfile.ZipInfo(name, _EARLIEST), (folder / name).read_bytes())
        write_atomically(target, staged.read_bytes())


def install(file: Path, home_lists: Path, verifier_key: str) -> ListRelease:
    """Install a release file under `home_lists`, whole or not at all; it is used from the next start on.

    Raises:
        UnreadableInput: no release file.
        ConfigurationError: not signed by this key, a list does not fit, or not newer than what is in use.
    """
    in_use = newest(home_lists, verifier_key)
    with staging_folder(home_lists / "new") as staging:
        unpacked = staging / "lists"
        unpacked.mkdir()
        _unpack(file, unpacked)
        release = read_release(unpacked, verifier_key)
        load_lists(DATA, unpacked)
        if release.version <= in_use.version:
            raise ConfigurationError(
                f"the release has version {release.version}, and {in_use.version} is in use",
                code="lists_not_newer",
                hint="take the newest release; an older one would bring removed names back",
            )
        final = home_lists / str(release.version)
        unpacked.rename(final)
    return ListRelease(release.version, release.signed_by, release.lines, final)


def newest(home_lists: Path, verifier_key: str) -> ListRelease:
    """The release in use: the highest version installed, else the one that ships with the package.

    Raises:
        ConfigurationError: its signature does not hold.
    """
    shipped = read_release(DATA, shipped_key())
    installed = [
        int(path.name)
        for path in (home_lists.iterdir() if home_lists.is_dir() else ())
        if _VERSION_FOLDER.fullmatch(path.name)
    ]
    if max(installed, default=0) <= shipped.version:
        return shipped
    return read_release(home_lists / str(max(installed)), verifier_key)


def shipped_key() -> str:
    """The verifier key of the releases that this package trusts."""
    return (DATA / KEY_FILE).read_text(encoding="ascii").strip()


def _unpack(file: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(file) as packed:
            members = packed.infolist()
            names = [each.filename for each in members]
            if sorted(names) != sorted(_MEMBERS) or any(each.file_size > _MAX_MEMBER_BYTES for each in members):
                raise ValueError("it holds other files than a release")
            for each in members:
                with packed.open(each) as opened:
                    content = opened.read(_MAX_MEMBER_BYTES + 1)
                (folder / each.filename).write_bytes(content)
    except (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as fault:
        raise UnreadableInput(
            f"{file.name} is no release of the lists: {fault}",
            code="lists_unreadable",
            hint="give the zip file that `python -m policy.release_lists` wrote",
        ) from fault


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not all(isinstance(manifest["lists"][name]["lines"], int) for name in LISTS):
            raise ValueError("a list without its number of lines")
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise ConfigurationError(
            f"the lists' manifest can't be read: {fault}",
            code="policy_lists_damaged",
            hint="fetch the release again, or install the package again",
        ) from fault
    return manifest


def _digest(manifest: dict[str, Any]) -> bytes:
    return hashlib.sha256(canonical_json({k: v for k, v in manifest.items() if k != "models"})).digest()


def _unsigned(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the lists are not a signed release: {why}",
        code="lists_unsigned",
        hint="fetch the release again, and compare the verifier key with the one its publisher names",
    )
