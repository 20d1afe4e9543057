"""An RFC 3161 time-stamp server on loopback, made of the openssl command: what tests and benches stamp with."""

import contextlib
import http.server
import subprocess
import threading
from pathlib import Path

from provenance.signers import LocalSigner
from provenance.trust import TrustList, TrustStore

_CONFIG = """
[req]
distinguished_name = dn
prompt = no
[dn]
C = ZZ
O = Test Time
CN = {name}
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/leaf.pem
certs = {folder}/root.pem
signer_key = {folder}/leaf.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class Authority:
    """A time-stamp server on loopback; `behaviour` is "stamps", "refuses", "garbles" or "hangs"."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.behaviour, self.asked = folder, "stamps", 0
        self._make_keys()
        authority = self

        class Answer(http.server.BaseHTTPRequestHandler):
            """One question."""

            def do_POST(self) -> None:
                """Stamp what was sent."""
                authority.asked += 1
                query = self.rfile.read(int(self.headers["Content-Length"]))
                reply = authority.reply(query)
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):  # whoever gave up waiting is gone
                    self.wfile.write(reply)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.released = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def reply(self, query: bytes) -> bytes:
        """What the server answers to a query, as it behaves now."""
        if self.behaviour == "refuses":
            return bytes.fromhex("30053003020102")
        if self.behaviour == "garbles":
            return b"<html>not a stamp</html>"
        if self.behaviour == "hangs":
            self.released.wait(20)
        (self.folder / "query").write_bytes(query)
        self._openssl("ts", "-reply", "-config", "config", "-queryfile", "query", "-out", "reply")
        return (self.folder / "reply").read_bytes()

    @property
    def root_pem(self) -> str:
        """The root that its stamps end at."""
        return (self.folder / "root.pem").read_text()

    def close(self) -> None:
        """Stop answering."""
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def _make_keys(self) -> None:
        (self.folder / "serial").write_text("01")
        (self.folder / "config").write_text(_CONFIG.format(name="Test TSA", folder=self.folder))
        (self.folder / "rootconfig").write_text(_CONFIG.format(name="Test TSA Root", folder=self.folder))
        for name in ("root", "leaf"):
            self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")
        self._openssl(
            "req", "-x509", "-new", "-key", "root.key", "-days", "3", "-config", "rootconfig", "-extensions", "ca",
            "-out", "root.pem",
        )  # fmt: skip
        self._openssl("req", "-new", "-key", "leaf.key", "-config", "config", "-out", "leaf.csr")
        self._openssl(
            "x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days",
            "2", "-extfile", "config", "-extensions", "leaf", "-out", "leaf.pem",
        )  # fmt: skip

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


def trusting(authority: Authority, signer: LocalSigner) -> TrustStore:
    """Our own list with the test authority's root for time-stamps."""
    plain = TrustStore.default(own_root_pem=signer.root_pem)
    stamps = TrustList("test-tsa", "Test", "2026-11-21", "", time_stamp_anchors_pem=authority.root_pem)
    return TrustStore((*plain.lists, stamps))
