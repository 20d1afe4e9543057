"""Fixtures of the provenance tests: a small clip, signers, a signed clip, shared sample files."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from core.clip import Clip
from core.video import write_clip
from provenance.manifest import ManifestFacts, PolicyProof
from provenance.records import SignedClip, SoftBinding
from provenance.signers import LocalSigner, ephemeral_signer
from provenance.signing import sign_clip
from provenance.trust import TrustStore

BINDINGS = (
    SoftBinding("org.reelproof.wm.test-pixel.1", bytes.fromhex("1123456789abcdef"), name="pixel"),
    SoftBinding("org.reelproof.wm.test-noise.1", bytes.fromhex("1123456789abcdef"), name="noise"),
    SoftBinding("org.reelproof.fp.test.1", bytes(range(66))),
)


def _moving_shapes(seed: int, frames: int = 24, side: int = 96, fps: int = 12) -> Clip:
    """A textured background with a coloured square moving over it; another seed is another clip."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 220, (6, 6, 3)).astype(np.float32)
    ramp = np.linspace(0, 5, side)
    low = ramp.astype(int).clip(0, 4)
    part = (ramp - low)[:, None]
    rows = coarse[low] * (1 - part[..., None]) + coarse[low + 1] * part[..., None]
    field = rows[:, low] * (1 - part[None]) + rows[:, low + 1] * part[None]
    colour = rng.integers(0, 255, 3)
    top, left, step = int(rng.integers(0, side // 2)), int(rng.integers(0, side // 3)), int(rng.integers(1, 3))
    pictures = np.repeat(field[None].astype(np.uint8), frames, axis=0)
    for i in range(frames):
        pictures[i, top : top + side // 4, left + i * step % (side // 2) : left + i * step % (side // 2) + 24] = (
            colour
        )
    return Clip.from_array(pictures, Fraction(fps))


def _some_facts(**changes: Any) -> ManifestFacts:
    """Complete facts of a generated clip; `changes` replaces fields."""
    values: dict[str, Any] = {
        "title": "clip.mp4",
        "created_at": datetime(2026, 11, 20, 23, 0, tzinfo=UTC),
        "width_px": 96,
        "height_px": 96,
        "fps": Fraction(12),
        "duration_s": 2.0,
        "bindings": BINDINGS,
        "model_name": "test-model",
        "model_version": "1",
        "model_digest": "ab" * 32,
        "policy": PolicyProof({"outcome": "allow", "codes": [0], "ruleset": "cd" * 32}, 17, log_root="ef" * 32),
        "settings": {"steps": 20, "guidance_scale": 3.0, "seed": 5},
        "provider": "Test Newsroom",
    }
    return ManifestFacts(**(values | changes))


@pytest.fixture(scope="session")
def moving_shapes() -> Callable[..., Clip]:
    """Makes a small clip from a seed."""
    return _moving_shapes


@pytest.fixture(scope="session")
def some_facts() -> Callable[..., ManifestFacts]:
    """Makes complete facts of a generated clip; keyword arguments replace fields."""
    return _some_facts


@pytest.fixture(scope="session")
def plain_mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of unsigned H.264, 96x96."""
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    write_clip(_moving_shapes(1), path, crf=24, preset="veryfast")
    return path


@pytest.fixture(scope="session", params=["mov", "avi", "fragmented.mp4"])
def other_container(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of unsigned video in QuickTime, AVI (MPEG-4 Part 2) or fragmented MP4."""
    path = tmp_path_factory.mktemp("containers") / f"plain.{request.param}"
    form = {"mov": "mov", "avi": "avi"}.get(request.param, "mp4")
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"} if form == "mp4" else {}
    with av.open(str(path), "w", format=form, options=options) as written:
        stream = written.add_stream("mpeg4" if form == "avi" else "libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuv420p"
        for frame in _moving_shapes(1, frames=12).frames():
            written.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        written.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def signer() -> LocalSigner:
    """A signer whose chain lives in memory."""
    return ephemeral_signer(datetime.now(UTC))


@pytest.fixture(scope="session")
def trust(signer: LocalSigner) -> TrustStore:
    """The carried lists and the test signer's root as our own."""
    return TrustStore.default(own_root_pem=signer.root_pem)


@pytest.fixture(scope="session")
def signed(plain_mp4: Path, signer: LocalSigner, tmp_path_factory: pytest.TempPathFactory) -> SignedClip:
    """The plain clip, signed."""
    return sign_clip(plain_mp4, tmp_path_factory.mktemp("signed") / "signed.mp4", _some_facts(), signer)


@pytest.fixture(scope="session")
def sample() -> Callable[[str], Path]:
    """Finds a shared sample file by its path under the shared folder, or skips."""
    shared = Path(os.environ.get("REELPROOF_SHARED", Path(__file__).resolve().parents[3] / "shared"))

    def find(relative: str) -> Path:
        path = shared / relative
        if not path.exists():
            pytest.skip(f"needs the shared sample {relative}")
        return path

    return find


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[Path]:
    """A PostgreSQL of the tests' own, reached through a socket in its folder; stopped at the end."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [Path(shutil.which("pg_ctl") or "/none").parent]
    if not (found[-1] / "initdb").exists():
        pytest.skip("needs PostgreSQL: sh scripts/install-test-services.sh")
    # Not below pytest's own folder: whichever run of tests begins next closes that to the server's user.
    folder = Path(tempfile.mkdtemp(prefix="reelproof-pg-"))
    as_owner: tuple[str, ...] = ()
    if os.geteuid() == 0:  # the server refuses to run as root
        as_owner = ("runuser", "-u", "postgres", "--")
        shutil.chown(folder, "postgres")

    def ran(*command: str) -> None:
        subprocess.run([*as_owner, *command], check=True, capture_output=True, cwd=folder)

    ran(f"{found[-1]}/initdb", "-D", f"{folder}/db", "-A", "trust", "-U", "tester", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
    ran(f"{found[-1]}/pg_ctl", "-D", f"{folder}/db", "-o", options, "-l", f"{folder}/log", "-w", "start")
    yield folder
    ran(f"{found[-1]}/pg_ctl", "-D", f"{folder}/db", "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture
def postgresql_url(_postgresql: Path) -> str:
    """The address of a new, empty PostgreSQL database."""
    psycopg = pytest.importorskip("psycopg", reason="needs reelproof[postgresql]")
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(f"host={_postgresql} user=tester dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://tester@/{name}?host={_postgresql}"
