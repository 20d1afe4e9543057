"""Makes docs/recovering-a-credential.md: a sealed clip loses its credential and gets it back, with the real output.

    python scripts/make_recovery_walkthrough.py [PAGE.md]

The pictures go beside the page, into `images/recovering-a-credential.jpg`.

Everything runs in a temporary home on this machine, with the network off but for loopback. Run it again after a
change of what the commands print. It takes a minute or two.
"""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from fractions import Fraction
from pathlib import Path

import cv2
import httpx
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.clip import Clip  # noqa: E402
from core.pictures import jpeg  # noqa: E402
from core.video import open_clip, transcode, write_clip  # noqa: E402
from provenance.fingerprint import fingerprint_clip  # noqa: E402
from provenance.reading import read_manifest, read_store  # noqa: E402
from provenance.records import ManifestReport, SoftBinding  # noqa: E402
from provenance.resolution import ResolutionClient  # noqa: E402
from provenance.trust import TrustStore  # noqa: E402
from watermark.payload import Payload  # noqa: E402

PAGE = ROOT / "docs" / "recovering-a-credential.md"
_WIDTH, _HEIGHT, _SECONDS, _FPS = 640, 360, 3, 24
_SHOWN_CHARACTERS = 60
_START_S, _CALL_S, _STOP_S = 900.0, 900.0, 60.0


def main() -> None:
    """Run every step and write the page."""
    page = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    with tempfile.TemporaryDirectory() as name:
        walk = Walk(Path(name))
        page.write_text(walk.through())
        pictures = page.parent / "images" / "recovering-a-credential.jpg"
        pictures.parent.mkdir(exist_ok=True)
        pictures.write_bytes(walk.contact_sheet())
    sys.stdout.write(f"{page}\n")


class Walk:
    """One run in one folder; every step gives its part of the page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"REELPROOF_HOME": str(folder / "home"), "COLUMNS": "100", "NO_COLOR": "1"}

    def through(self) -> str:
        """The page."""
        foreign_clip(self.folder / "foreign.mp4")
        parts = [_INTRO, _SEALING, self.ran("seal", "foreign.mp4", "-o", "sealed.mp4", "--system", "Studio tool")]
        transcode(self.folder / "sealed.mp4", self.folder / "copy.mp4", crf=28)
        parts += [_STRIPPING, self.told("sealed.mp4", "copy.mp4")]
        parts += [_VERIFYING, self.ran("verify", "copy.mp4")]
        verdict = json.loads(self.output("verify", "copy.mp4", "--json"))
        parts += [_ASKING, self.asked(verdict)]
        write_clip(cut_out(self.folder / "foreign.mp4"), self.folder / "window.mp4", crf=28, preset="veryfast")
        parts += [_WINDOW, self.ran("verify", "window.mp4"), _LIMITS]
        return "\n".join(parts)

    def contact_sheet(self) -> bytes:
        """One frame of each clip side by side, as JPEG."""
        names = ("sealed.mp4", "copy.mp4", "window.mp4")
        frames = [open_clip(self.folder / name).to_array()[-1] for name in names]
        height = min(len(one) for one in frames)
        fitted = [cv2.resize(one, (one.shape[1] * height // len(one), height)) for one in frames]
        gap = np.full((height, 12, 3), 255, np.uint8)
        return jpeg(np.hstack([one for frame in fitted for one in (frame, gap)][:-1]), 82)

    def output(self, *command: str) -> str:
        """What a command prints, its errors among it."""
        ran = subprocess.run(
            [sys.executable, "-m", "reelproof", *command],
            cwd=self.folder,
            env=self.environment | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=_CALL_S,
            check=False,
        )
        if ran.returncode not in (0, 4):
            raise SystemExit(f"reelproof {shlex.join(command)} ended with {ran.returncode}:\n{ran.stderr}")
        return ran.stdout

    def ran(self, *command: str) -> str:
        """A command and its output as a piece of the page."""
        return _block(f"$ reelproof {shlex.join(command)}\n{self._plain(self.output(*command))}")

    def told(self, *names: str) -> str:
        """What our reader finds in files."""
        lines = []
        for name in names:
            path = self.folder / name
            report = read_manifest(path, self._trust())
            found = f"{report.manifest_id}, intact" if report.is_intact else f"{report.state}"
            lines.append(f"{name:<11} {path.stat().st_size:>8,} bytes   credential: {found}")
        return _block("\n".join(lines))

    def asked(self, verdict: dict[str, object]) -> str:
        """What the resolution API answers, by our own client."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-m", "reelproof", "serve", "--port", str(port)],
            cwd=self.folder,
            env=self.environment | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return self._asked(f"http://127.0.0.1:{port}", verdict)
        finally:
            server.terminate()
            try:
                server.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()

    def _asked(self, server: str, verdict: dict[str, object]) -> str:
        _wait_for(server)
        client = ResolutionClient(f"{server}/sbr/v1")
        mark = _binding_of(verdict, self.folder / "copy.mp4")
        (match,) = client.by_binding(mark)
        store = client.manifest(match.manifest_id)
        receipt = client.receipt(match.manifest_id)
        if store is None or receipt is None:
            raise SystemExit("the repository did not give the credential back")
        value = b64encode(mark.value).decode()
        shown = value if len(value) < _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}…"
        question = json.dumps({"alg": mark.alg, "value": shown}, ensure_ascii=False)
        score = round(100 * (match.similarity or 0.0))
        answer = json.dumps({"matches": [{"manifestId": match.manifest_id, "similarityScore": score}]})
        report = read_store(store, self._trust())
        return "\n".join(
            (
                _block(f"POST /sbr/v1/matches/byBinding\n{question}\n\n{answer}"),
                _FETCHING,
                _block(
                    f"GET /sbr/v1/manifests/{match.manifest_id}\n\n"
                    f"application/c2pa, {len(store):,} bytes\n{_findings(report)}"
                ),
                _PROVING,
                _block(_receipt_lines(match.manifest_id, receipt)),
            )
        )

    def _trust(self) -> TrustStore:
        return TrustStore.default(own_root_pem=(self.folder / "home" / "keys" / "root.pem").read_text())

    def _plain(self, text: str) -> str:
        without = text.replace(str(self.folder) + "/", "")
        return re.sub(r"[ \t]+\n", "\n", without).strip("\n")


def foreign_clip(path: Path) -> None:
    """Three seconds that stand for another generator's clip: a field of coloured patches, coarse and fine, drifting
    past, and a disc that moves over it."""
    rng = np.random.default_rng(11)
    large = np.zeros((2 * _HEIGHT, 2 * _WIDTH, 3))
    for cells, share, how in (
        (9, 0.5, cv2.INTER_CUBIC),
        (40, 0.3, cv2.INTER_LINEAR),
        (130, 0.2, cv2.INTER_NEAREST),
    ):
        patches = rng.integers(0, 256, (cells * 9 // 16, cells, 3)).astype(np.uint8)
        large += share * cv2.resize(patches, (2 * _WIDTH, 2 * _HEIGHT), interpolation=how)
    field = np.clip(cv2.GaussianBlur(large, (0, 0), 1.0), 0, 255).astype(np.uint8)
    frames = []
    for i in range(_SECONDS * _FPS):
        picture = np.ascontiguousarray(field[i : i + _HEIGHT, 2 * i : 2 * i + _WIDTH])
        cv2.circle(picture, (120 + 5 * i, 170 + i // 2), 34, (200, 60, 40), -1, cv2.LINE_AA)
        frames.append(picture)
    write_clip(Clip.from_array(np.stack(frames), Fraction(_FPS)), path, crf=18, preset="veryfast")


def cut_out(path: Path) -> Clip:
    """A window of three fifths of each side, mirrored, of a clip."""
    clip = open_clip(path)
    top, left = _HEIGHT // 4, _WIDTH // 5
    window = clip.to_array()[:, top : top + 216, left : left + 384]
    return Clip.from_array(np.ascontiguousarray(window[:, :, ::-1]), clip.info.fps)


def _binding_of(verdict: dict[str, object], copy: Path) -> SoftBinding:
    """What to ask with: the mark that a verdict rests on, or the fingerprint where no whole mark was read."""
    read = verdict["watermark"]["pixel"]  # type: ignore[index]
    if not read["found"] or read["key_id"] is None or not read["content_id"]:
        fingerprint = fingerprint_clip(open_clip(copy))
        return SoftBinding(fingerprint.alg, fingerprint.to_bytes())
    payload = Payload(int(read["key_id"]), int(str(read["content_id"]), 16))
    return SoftBinding(str(read["alg"]), payload.to_bytes())


def _wait_for(server: str) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{server}/sbr/v1/services/status", timeout=5).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise SystemExit("the server did not start")


def _findings(report: ManifestReport) -> str:
    return "\n".join(
        (
            f"signature valid:    {_said(report.signature_valid)}",
            f"assertions intact:  {_said(report.assertions_intact)}",
            f"signed by:          {report.signer} (trust list: {report.trust_list})",
            f"says:               {report.origin}, by {report.claim_generator}",
            f"bytes as released:  {_said(report.binding_intact)}",
            *(f"soft binding:       {one.alg}, {len(one.value)} bytes" for one in report.bindings),
        )
    )


def _said(holds: bool) -> str:
    return "yes" if holds else "no"


def _receipt_lines(manifest_id: str, receipt: dict[str, object]) -> str:
    anchor = receipt["anchor"]
    proof = anchor["proof"]["value"]  # type: ignore[index]
    verified = _said(bool(receipt["verified"]))
    return f"GET /sbr/v1/manifests/{manifest_id}/receipts\n\nverified: {verified}\n\n{proof}".rstrip()


def _block(text: str) -> str:
    return f"```\n{text}\n```\n"


_INTRO = """# Recovering a stripped clip's credential

Made by `python scripts/make_recovery_walkthrough.py`, which runs every step below and writes down what it got: IDs,
times and sizes differ from run to run.
"""
_SEALING = """## 1. A clip is sealed
It is marked in its pictures, signed, and registered in the repository.
"""
_STRIPPING = """## 2. It loses its credential
Encoded anew at CRF 28, as a platform would: the C2PA box is gone. What our reader finds in both:
"""
_VERIFYING = """## 3. The detector knows it again
By the mark in the pictures; the kept fingerprint is compared, so that a mark moved onto others would not do.
"""
_ASKING = """## 4. Anybody can ask for the credential
The C2PA Soft Binding Resolution API of `reelproof serve`, asked with what the mark carries (or with the copy's
fingerprint, where it was cut or shrunk too far for the whole mark):
"""
_FETCHING = """The manifest store comes back as it was embedded, and is read without its file. Its hash can't
fit the copy, whose bytes are others; its signature and statements hold:
"""
_PROVING = """## 5. The repository proves that it has had it
The receipt is a proof that the release stands in the decision log, under a signed root. `POST` to the same
address checks a receipt that somebody else holds.
"""
_WINDOW = """## 6. Without mark and credential
The foreign clip itself, which never carried the mark, with a window of three fifths of each side cut out and
mirrored. Nothing is left to read but what the pictures show, and the release is found by that
([how](provenance.md#fingerprint)). Left to right: the sealed clip, the copy of step 2, the window.

![one frame of each of the three clips](images/recovering-a-credential.jpg)
"""
_LIMITS = """## What it proves
A recovered credential says that the clip is a copy of what was signed, not that no pixel
changed since ([provenance](provenance.md#reading)). The detector says what changed ([detector](detector.md)).
"""

if __name__ == "__main__":
    main()
