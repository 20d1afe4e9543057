"""The policy filter of a home: shipped or updated lists, names taken out, further opinions on harm."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import UsageError
from core.files import write_atomically
from policy.filter import PolicyFilter
from policy.fold import name_key
from policy.harm_heads import HarmListener
from policy.list_release import ListRelease, install, newest, shipped_key
from policy.lists import DATA, load_lists
from policy.minilm_heads import EmbeddingHeads
from policy.removal import read_removed, removal_digest
from reelproof.guard_model import load_guard
from reelproof.settings import Settings

_REMOVED_HEAD = (
    "# SHA-256 digests of names that are taken out of the lists here; `reelproof policy remove` writes them.\n"
)


@dataclass(frozen=True)
class Removal:
    """A name that was taken out: its digest, whether a list held it, and how many digests there are now."""

    digest: str
    was_listed: bool
    count: int


def policy_filter(settings: Settings) -> PolicyFilter:
    """The filter that decides in this home.

    Raises:
        ConfigurationError: lists, a guard model or an encoder can't be used as they are.
    """
    listeners: list[HarmListener] = []
    if settings.guard_model is not None:
        listeners.append(load_guard(settings.guard_model))
    if settings.minilm is not None:
        listeners.append(EmbeddingHeads.load(settings.minilm))
    filter_ = _over_lists(settings)
    return filter_.listening_to(*listeners) if listeners else filter_


def _over_lists(settings: Settings) -> PolicyFilter:
    if not home_lists(settings).exists() and not removed_file(settings).exists():
        return PolicyFilter.default()
    folder = lists_in_use(settings).folder
    return PolicyFilter.load(DATA, None if folder == DATA else folder, removed_file(settings))


def home_lists(settings: Settings) -> Path:
    """Where updated lists lie."""
    return settings.home / "lists"


def removed_file(settings: Settings) -> Path:
    """Where the digests of the names lie that were taken out here."""
    return settings.home / "removed.txt"


def list_key(settings: Settings) -> str:
    """The key that has to have signed updates."""
    return settings.lists_key or shipped_key()


def lists_in_use(settings: Settings) -> ListRelease:
    """The release that decides here. Raises `ConfigurationError` where its signature does not hold."""
    return newest(home_lists(settings), list_key(settings))


def update_lists(settings: Settings, file: Path) -> ListRelease:
    """Install a release file. Raises as `policy.list_release.install`."""
    return install(file, home_lists(settings), list_key(settings))


def remove_name(settings: Settings, name: str) -> Removal:
    """Take a spelling of a name out of the lists, from the next start on; only its digest is kept.

    Raises:
        UsageError: nothing is left of the name when it is folded.
    """
    key = name_key(name)
    if not key:
        raise UsageError(
            "that is no name", code="no_name", hint='give the spelling as the lists have it: "Ada Lovelace"'
        )
    file = removed_file(settings)
    digest = removal_digest(key)
    digests = read_removed(file) if file.exists() else frozenset()
    lines = "".join(f"{each}\n" for each in sorted(digests | {digest}))
    write_atomically(file, (_REMOVED_HEAD + lines).encode(), mode=0o600)
    folder = lists_in_use(settings).folder
    listed = load_lists(DATA, None if folder == DATA else folder).gazetteer
    was_listed = any(line.partition("\t")[0] == key for line in listed)
    return Removal(digest, was_listed, len(digests | {digest}))
