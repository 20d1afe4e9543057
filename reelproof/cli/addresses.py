"""Addresses on the command line: a clip or a playlist fetched behind the same guards as the server's.

Public https hosts only, redirects checked one by one, bytes and seconds bounded; nothing is kept afterwards.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from core.errors import UsageError

if TYPE_CHECKING:
    from detector.fetchedstreams import StreamLimits
    from provenance.fetching import Fetched

_MIB = 1 << 20
_FOUND = 200
_NAME_CHARACTERS = 60


def stream_limits() -> "StreamLimits":
    """What an address may cost: 128 MiB and two minutes a file; of a stream 4 GiB and 10,000 files in all."""
    from detector.fetchedstreams import StreamLimits
    from provenance.fetching import FetchLimits

    return StreamLimits(FetchLimits(max_bytes=128 * _MIB, wall_s=120.0))


def is_address(text: str) -> bool:
    """Whether an argument is meant as an address and not as a path. Only https ones are fetched from."""
    return text.lower().startswith(("https://", "http://"))


def fetched(url: str, limits: "StreamLimits") -> "Fetched":
    """What stands at an address.

    Raises:
        UsageError: `bad_url`, `private_address`, `url_refused`. ServiceUnreachable: as `provenance.fetching.fetch`.
    """
    from provenance.fetching import fetch

    answer = fetch(url, limits.fetch)
    if answer.status != _FOUND:
        raise UsageError(
            f"the address answers with status {answer.status}",
            code="url_refused",
            hint="Give the address of the clip itself; what needs a login can't be fetched.",
        )
    return answer


@contextmanager
def kept_for_now(answer: "Fetched") -> Iterator[Path]:
    """What was fetched as a file of its own name, gone when the block ends."""
    from detector.fetchedstreams import piece_at

    with TemporaryDirectory(prefix="reelproof-fetched-") as folder:
        path = Path(folder) / _file_name(piece_at(answer.url).path.name)
        path.write_bytes(answer.body)
        yield path


def _file_name(text: str) -> str:
    """What an address ends in, as a name that any folder takes: no dots alone, no control characters, 240 bytes."""
    return "".join(one for one in text if one.isprintable()).strip(". ")[-_NAME_CHARACTERS:] or "clip"
