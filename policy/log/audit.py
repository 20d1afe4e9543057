"""The full audit of a log: every entry hashed anew, every tile and the root compared.

Finds any change to a published entry, tile or checkpoint by someone without the log's key. A rewrite
by whoever holds the key is found only against an earlier checkpoint kept elsewhere (`since`) or by witnesses.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from policy.log.merkle import leaf_hash, tree_root
from policy.log.note import Checkpoint, ProofInvalid, VerifierKey, verify_checkpoint
from policy.log.tiles import TILE_WIDTH, TileName, TileSource, levels_of, split_hashes, tiles_of, unpack_entries

# One bad disk can break every tile; the first few say enough.
MAX_PROBLEMS = 20


@dataclass(frozen=True)
class LogAudit:
    """What an audit found: `ok` when there are no problems; size and root (hex) as the checkpoint says them."""

    ok: bool
    size: int
    root: str
    problems: tuple[str, ...] = ()
    since_size: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The audit as `reelproof.audit/1` shows it."""
        return {
            "schema": "reelproof.audit/1",
            "ok": self.ok,
            "size": self.size,
            "root": self.root,
            "since_size": self.since_size,
            "problems": list(self.problems),
        }


@dataclass
class _Findings:
    problems: list[str] = field(default_factory=list)

    def add(self, problem: str) -> None:
        if len(self.problems) < MAX_PROBLEMS and problem not in self.problems:
            self.problems.append(problem)


def audit_tiles(
    tiles: TileSource, read_checkpoint: Callable[[], str], key: VerifierKey, since: str | None = None
) -> LogAudit:
    """Audit a whole log. Never raises for what it finds in the log; O(n) time, O(n / 256) memory."""
    findings = _Findings()
    try:
        head = verify_checkpoint(read_checkpoint(), key)
    except ProofInvalid as error:
        return LogAudit(False, 0, "", (f"checkpoint: {error}",))
    earlier = _earlier(since, key, head, findings)
    roots, cut = _read_entries(tiles, head.size, earlier.size if earlier else None, findings)
    _compare_upper_levels(tiles, head.size, roots[: head.size // TILE_WIDTH], findings)
    if tree_root(roots) != head.root:
        findings.add("the entries do not give the root of the checkpoint")
    if earlier and earlier.size <= head.size and tree_root(cut) != earlier.root:
        findings.add("the log does not continue the earlier checkpoint: it was rewritten")
    return LogAudit(
        not findings.problems,
        head.size,
        head.root.hex(),
        tuple(findings.problems),
        earlier.size if earlier else None,
    )


def _earlier(since: str | None, key: VerifierKey, head: Checkpoint, findings: _Findings) -> Checkpoint | None:
    if since is None:
        return None
    try:
        earlier = verify_checkpoint(since, key)
    except ProofInvalid as error:
        findings.add(f"earlier checkpoint: {error}")
        return None
    if earlier.size > head.size:
        findings.add(f"the log was rolled back from {earlier.size} to {head.size} entries")
    return earlier


def _read_entries(
    tiles: TileSource, size: int, cut_at: int | None, findings: _Findings
) -> tuple[list[bytes], list[bytes]]:
    """The root of every level-0 tile, and the same list cut at an earlier size."""
    roots: list[bytes] = []
    cut: list[bytes] = []
    for name in tiles_of(size, None):
        leaves = _leaves(tiles, name, findings)
        _compare(tiles, TileName(0, name.number, name.width), leaves, findings)
        if cut_at is not None and cut_at // TILE_WIDTH == name.number:
            rest = cut_at % TILE_WIDTH
            cut = roots + ([tree_root(leaves[:rest])] if rest else [])
        roots.append(tree_root(leaves))
    if cut_at is not None and cut_at == size and size % TILE_WIDTH == 0:
        cut = roots
    return roots, cut


def _leaves(tiles: TileSource, name: TileName, findings: _Findings) -> list[bytes]:
    try:
        return [leaf_hash(entry) for entry in unpack_entries(tiles.fetch(name), name.width)]
    except (ProofInvalid, OSError) as error:
        findings.add(f"{name.path()}: {error}")
        return []


def _compare_upper_levels(tiles: TileSource, size: int, full_roots: list[bytes], findings: _Findings) -> None:
    nodes = full_roots
    for level in range(1, levels_of(size)):
        above: list[bytes] = []
        for name in tiles_of(size, level):
            part = nodes[name.number * TILE_WIDTH : name.number * TILE_WIDTH + name.width]
            _compare(tiles, name, part, findings)
            above.append(tree_root(part))
        nodes = above[: size >> (8 * (level + 1))]


def _compare(tiles: TileSource, name: TileName, expected: list[bytes], findings: _Findings) -> None:
    try:
        if list(split_hashes(tiles.fetch(name))) != expected:
            findings.add(f"{name.path()} does not fit the entries below it")
    except (ProofInvalid, OSError) as error:
        findings.add(f"{name.path()}: {error}")
