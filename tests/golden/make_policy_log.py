"""Makes the golden vectors of the decision log: fixed key, fixed entries.

    python tests/golden/make_policy_log.py

Writes tests/golden/policy_log/: the published folder of a log of 520 entries (checkpoint and tiles), a receipt, an
earlier checkpoint, the verifier key. Released vectors are never changed: a new format gets a new folder.
"""

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402

from policy.log import DecisionLog  # noqa: E402

ORIGIN = "example.org/reelproof/golden"
KEY = bytes(range(32))
COUNT, EARLIER, RECEIPT_OF = 520, 300, 257


def entry(index: int) -> dict[str, object]:
    """The golden log's entry at an index."""
    outcome = "allow" if index % 7 else "refuse"
    return {"v": 1, "id": f"{index:032x}", "stage": "input", "outcome": outcome, "codes": []}


def main() -> None:
    """Write the vectors anew."""
    target = HERE / "policy_log"
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        log = DecisionLog(Path(folder) / "log", Ed25519PrivateKey.from_private_bytes(KEY), ORIGIN)
        log.append_all([entry(index) for index in range(EARLIER)])
        earlier = log.checkpoint()
        log.append_all([entry(index) for index in range(EARLIER, COUNT)])
        shutil.copytree(Path(folder) / "log/tile", target / "tile")
        (target / "checkpoint").write_text(log.checkpoint(), encoding="utf-8")
        (target / "earlier-checkpoint").write_text(earlier, encoding="utf-8")
        (target / "receipt.tlog-proof").write_text(log.receipt(RECEIPT_OF), encoding="utf-8")
        (target / "verifier-key").write_text(log.verifier_key + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
