"""Taking a person out of the lists: `removed.txt` holds SHA-256 digests of folded names, one a line, never names.

The compiler leaves such names out, and the filter drops them when it loads, so that a line takes effect at once.
"""

import hashlib
import re
from pathlib import Path

from core.errors import ConfigurationError


def removal_digest(folded_name: str) -> str:
    """The digest that stands in `removed.txt` for a name as `policy.fold.name_key` spells it."""
    return hashlib.sha256(f"reelproof/removed/1/{folded_name}".encode()).hexdigest()


def read_removed(path: Path) -> frozenset[str]:
    """The digests of all removed names. Raises `ConfigurationError` for a line that is no digest."""
    lines = [line.strip() for line in path.read_text(encoding="ascii").splitlines()]
    digests = [line for line in lines if line and not line.startswith("#")]
    for digest in digests:
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ConfigurationError(
                "removed.txt holds a line that is no SHA-256 digest",
                code="removal_list_invalid",
                hint="put in what policy.removal.removal_digest(name_key(name)) gives",
            )
    return frozenset(digests)
