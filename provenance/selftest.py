"""What `reelproof doctor` asks of this room: does the credential machinery act as it is set?

Signs and reads real bytes with keys that live in memory only, so it says nothing of the installation's own keys.
"""

import io
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np

from core.clip import Clip
from core.errors import ConfigurationError, ReelproofError
from core.video import write_clip
from provenance.manifest import ManifestFacts
from provenance.reading import read_manifest
from provenance.records import CredentialState, SoftBinding
from provenance.signers import ephemeral_signer
from provenance.signing import sign_clip
from provenance.trust import OWN_LIST, TrustStore


@dataclass(frozen=True)
class Check:
    """One thing that was tried, whether it holds, and in words what was seen."""

    name: str
    holds: bool
    detail: str


def self_test() -> None:
    """Make a small clip, sign it, and prove that every setting acts. Takes about a quarter of a second.

    Raises:
        ConfigurationError: `credentials_unsound`, naming the first check that does not hold.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_clip(_small_clip(), folder / "unsigned.mp4", preset="ultrafast")
        for check in checks(folder / "unsigned.mp4", folder):
            if not check.holds:
                raise ConfigurationError(
                    f"the self-test of credentials failed: {check.name}: {check.detail}",
                    code="credentials_unsound",
                    hint="install c2pa-python==0.38.1 and cryptography anew; sign nothing until this passes",
                )


def checks(unsigned_mp4: Path, folder: Path) -> list[Check]:
    """Sign a small unsigned MP4 into `folder` and prove that every setting acts. Never raises.

    Checks that the signed clip reads as ours, that the same clip is not trusted without our root, that one
    flipped byte is seen, and that a box appended to it is seen (which the library's default lets pass).
    """
    now = datetime.now(UTC)
    signer = ephemeral_signer(now)
    try:
        signed = sign_clip(unsigned_mp4, folder / "self-test.mp4", _facts(now), signer)
        ours = TrustStore.default(own_root_pem=signer.root_pem)
        content = signed.path.read_bytes()
        report = read_manifest(signed.path, ours)
        stranger = read_manifest(signed.path, TrustStore.default())
    except (ReelproofError, OSError) as error:
        return [Check("sign and read back", False, str(error))]
    flipped = bytearray(content)
    flipped[content.rindex(b"mdat") + 16] ^= 1
    return [
        Check("sign and read back", report.is_intact and report.trust_list == OWN_LIST, f"{report.state}, ours"),
        Check("an unknown root is not trusted", stranger.trust_list is None, "no list holds the self-test's root"),
        Check("a flipped byte is seen", not _is_intact(bytes(flipped), ours), "the binding breaks"),
        Check("an appended box is seen", not _is_intact(content + _FREE_BOX, ours), "the binding breaks"),
    ]


def _small_clip() -> Clip:
    """Twelve frames of 64x64 noise, the same every time."""
    frames = np.random.default_rng(1).integers(0, 255, (12, 64, 64, 3), dtype=np.uint8)
    return Clip.from_array(frames, 12)


_FREE_BOX = (24).to_bytes(4, "big") + b"free" + bytes(16)


def _is_intact(content: bytes, trust: TrustStore) -> bool:
    report = read_manifest(io.BytesIO(content), trust)
    return report.state is CredentialState.PRESENT and report.is_intact


def _facts(now: datetime) -> ManifestFacts:
    return ManifestFacts(
        title="self-test",
        created_at=now,
        width_px=64,
        height_px=64,
        fps=Fraction(12),
        duration_s=1.0,
        bindings=(SoftBinding("org.reelproof.wm.self-test", bytes(8)),),
        model_name="self-test",
    )
