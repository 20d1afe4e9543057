"""Signs the compiled lists and writes them as one release file.

    python -m policy.release_lists KEY_FILE VERSION RELEASE.zip [--lists DIR]

KEY_FILE holds a raw Ed25519 private key as 64 hex digits; `--new-key` makes one. The public key stands in
lists.vkey; `reelproof policy update` checks releases by it.
"""

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.files import write_atomically
from policy.list_release import KEY_FILE, ORIGIN, pack, read_release, sign_lists
from policy.lists import DATA
from policy.log.note import verifier_key


def main(arguments: Sequence[str] | None = None) -> int:
    """Sign and pack; prints the version and the verifier key."""
    parser = argparse.ArgumentParser(description="Sign the lists and write them as one release file.")
    parser.add_argument("key", type=Path)
    parser.add_argument("version", type=int, help="a number that only grows, such as 2026112101")
    parser.add_argument("release", type=Path)
    parser.add_argument("--lists", type=Path, default=DATA)
    parser.add_argument(
        "--new-key", action="store_true", help="make the key and write its public half to lists.vkey"
    )
    given = parser.parse_args(arguments)
    if given.new_key:
        _make_key(given.key)
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(given.key.read_text(encoding="ascii").strip()))
    public = str(verifier_key(ORIGIN, private))
    if given.new_key:
        write_atomically(given.lists / KEY_FILE, f"{public}\n".encode())
    sign_lists(given.lists, given.version, private)
    pack(given.lists, given.release)
    sys.stdout.write(f"version {read_release(given.lists, public).version}, signed by {public}\n")
    return 0


def _make_key(file: Path) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(secrets.token_hex(32) + "\n")


if __name__ == "__main__":
    sys.exit(main())
