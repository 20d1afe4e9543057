"""Work with the log beyond appending and verifying: find entries, export them, erase texts, keep the retention."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from core.clock import rfc3339
from core.errors import UsageError
from core.files import write_atomically
from policy.log import LogReader

if TYPE_CHECKING:
    from reelproof.wiring import Services

_BATCH = 256
MAX_SCANNED = 25_600
"""How many entries one filtered listing reads at most, about 0.2 s; it says where to go on."""
CSV_COLUMNS = (
    "index", "id", "time", "request_id", "stage", "outcome", "codes", "rules", "spans", "score", "threshold",
    "ruleset", "views", "references", "generator", "consent_use", "commitments", "facts",
)  # fmt: skip
_NAMED = ("content_id", "manifest_id", "output_sha256", "review_id", "token_id", "entry_id")


@dataclass(frozen=True)
class EntryFilter:
    """Which entries are wanted; an empty field wants any. `named`: the ID of a request, clip, manifest, consent."""

    stage: str = ""
    outcome: str = ""
    code: int | None = None
    named: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether every entry fits."""
        return self == EntryFilter()

    def fits(self, entry: dict[str, Any]) -> bool:
        """Whether an entry is wanted."""
        facts = entry.get("facts") or {}
        codes = [*entry.get("codes", ()), *facts.get("codes", ())]
        outcome = entry.get("outcome") or facts.get("outcome") or facts.get("verdict") or ""
        return (
            (not self.stage or entry.get("stage") == self.stage)
            and (not self.outcome or outcome == self.outcome)
            and (self.code is None or self.code in codes)
            and (not self.named or self.named in _names(entry, facts))
        )


def _names(entry: dict[str, Any], facts: dict[str, Any]) -> set[str]:
    named = {str(entry.get("id")), str(entry.get("request_id"))} | {str(facts.get(name)) for name in _NAMED}
    return named | {str((entry.get("consent_use") or {}).get("token_id"))}


def find_entries(
    reader: LogReader, wanted: EntryFilter, *, before: int | None = None, limit: int = 50
) -> tuple[list[tuple[int, dict[str, Any]]], int]:
    """Wanted entries with their indices, newest first, from below `before`; and where to go on (0: all read)."""
    end = reader.head().size if before is None else min(before, reader.head().size)
    found: list[tuple[int, dict[str, Any]]] = []
    stop = max(0, end - MAX_SCANNED)
    while end > stop and len(found) < limit:
        start = max(stop, (end - 1) // _BATCH * _BATCH)
        for index, entry in reversed(list(enumerate(reader.entries(start, end - start), start))):
            end = index
            if wanted.fits(entry):
                found.append((index, entry))
                if len(found) == limit:
                    break
    return found, end


def entry_index(reader: LogReader, wanted: str) -> int:
    """The index of the newest entry named by an index, an entry's or request's ID, or that of a clip or manifest.

    Raises:
        UsageError: there is none.
    """
    if wanted.isdigit() and len(wanted) < 16 and int(wanted) < reader.head().size:
        return int(wanted)
    before: int | None = None
    while before is None or before > 0:
        found, before = find_entries(reader, EntryFilter(named=wanted), before=before, limit=1)
        if found:
            return found[0][0]
    raise UsageError(
        f"no entry {wanted[:80]!r} in the log", code="no_entry", hint="`reelproof audit list` shows the entries."
    )


def story_of(reader: LogReader, index: int) -> list[tuple[int, dict[str, Any]]]:
    """Every entry of the same request as the entry at `index`, oldest first: from decision to release."""
    request_id = reader.entry(index).get("request_id")
    if not request_id:
        return [(index, reader.entry(index))]
    found, before = find_entries(reader, EntryFilter(named=str(request_id)), limit=_BATCH)
    while before > 0 and before > index:
        more, before = find_entries(reader, EntryFilter(named=str(request_id)), before=before, limit=_BATCH)
        found += more
    if not any(place == index for place, _ in found):
        found.append((index, reader.entry(index)))
    return sorted(found)


def exported(reader: LogReader, form: str, wanted: EntryFilter | None = None) -> Iterator[str]:
    """The log as lines of CSV (with a head) or JSON, oldest first; nested values stand as JSON in their cell."""
    size, wanted = reader.head().size, wanted or EntryFilter()
    if form == "csv":
        yield _csv_line(CSV_COLUMNS)
    for start in range(0, size, _BATCH):
        for index, entry in enumerate(reader.entries(start, min(_BATCH, size - start)), start):
            if wanted.fits(entry):
                yield _json_line(index, entry) if form == "json" else _csv_line(_cells(index, entry))


def erase(services: "Services", wanted: str, *, by: str, why: str = "asked for") -> tuple[int, bool]:
    """Destroy key and text of an entry; gives its index and whether there was a key. The tree still verifies."""
    reader = services.log.reader
    index = entry_index(reader, wanted)
    return index, services.gate.erase_texts(str(reader.entry(index)["id"]), by=by, why=why)


def read_text(services: "Services", wanted: str, *, by: str, why: str = "audit") -> tuple[int, str | None]:
    """What was asked at an entry, as the vault keeps it; None once erased. That it was read is on record first."""
    reader = services.log.reader
    index = entry_index(reader, wanted)
    entry = reader.entry(index)
    kept = services.gate.read_texts(str(entry["id"]), by=by, why=why, request_id=str(entry.get("request_id", "")))
    return index, kept


def sweep(services: "Services") -> int:
    """Erase the texts of entries older than the retention, drop old reviews and held clips; gives how many texts.

    Goes on where the last sweep ended; what it did is one entry of the log. Repeating it changes nothing.
    """
    edge = services.clock.now() - timedelta(days=services.settings.log_retention_days)
    marker = services.settings.home / "retention.json"
    first = int(json.loads(marker.read_bytes())["next"]) if marker.exists() else 0
    following, erased = _erase_before(services, first, rfc3339(edge))
    services.reviews.forget_before(edge)
    _drop_held_before(services, edge)
    if following != first:
        if erased:
            services.gate.record("retention", "", erased=erased, up_to=following, before=rfc3339(edge))
        write_atomically(marker, json.dumps({"next": following}).encode())
    return erased


def _erase_before(services: "Services", first: int, edge: str) -> tuple[int, int]:
    reader, following, erased = services.log.reader, first, 0
    size = reader.head().size
    for start in range(first, size, _BATCH):
        for entry in reader.entries(start, min(_BATCH, size - start)):
            if str(entry.get("time", "")) >= edge:
                return following, erased
            following += 1
            erased += services.gate.vault.erase(str(entry["id"])) if "commitments" in entry else 0
    return following, erased


def _drop_held_before(services: "Services", edge: datetime) -> None:
    folder = services.pipeline.output.folder
    for held in folder.iterdir() if folder.is_dir() else ():
        if held.stat().st_mtime < edge.timestamp():
            services.pipeline.output.drop(held.name)


def _json_line(index: int, entry: dict[str, Any]) -> str:
    return json.dumps({"index": index, **entry}, ensure_ascii=False) + "\n"


def _cells(index: int, entry: dict[str, Any]) -> list[str]:
    values = [entry.get(name, "") for name in CSV_COLUMNS[1:]]
    return [str(index), *(value if isinstance(value, str) else json.dumps(value) for value in values)]


def _csv_line(cells: "list[str] | tuple[str, ...]") -> str:
    """One CSV line (RFC 4180). A cell that a spreadsheet would run as a formula begins with an apostrophe."""
    written = io.StringIO()
    csv.writer(written).writerow([f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell for cell in cells])
    return written.getvalue()
