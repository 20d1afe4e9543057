"""The files a clip is made from: pictures for its first and last frame, a clip to change or to go on from.

Paths travel with a job; the bytes are decoded in the sandbox, once for the policy's look and once to work from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.clip import Clip
from detector.sandbox.picture import read_picture_sandboxed
from generator.port import GivenMedia, MediaUse
from reelproof.references import Reference


@dataclass(frozen=True)
class Sources:
    """Where a request's files lie, and what is asked of the clip among them.

    Raises:
        UsageError: as `MediaUse`.
    """

    first_frame: Path | None = None
    last_frame: Path | None = None
    clip: Path | None = None
    is_extended: bool = False
    strength: float | None = None

    def __post_init__(self) -> None:
        self.use  # noqa: B018  refuses what contradicts

    @property
    def use(self) -> MediaUse:
        """Which files there are."""
        pictures = self.first_frame is not None, self.last_frame is not None
        return MediaUse(*pictures, self.clip is not None, self.is_extended, self.strength)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file, the pictures first."""
        return tuple(path for path in (self.first_frame, self.last_frame, self.clip) if path is not None)

    def references(self) -> tuple[Reference, ...]:
        """What the policy looks at."""
        return tuple(Reference("video" if path == self.clip else "image", path) for path in self.files)

    def media(self, open_untrusted: Callable[[Path], Clip]) -> GivenMedia | None:
        """The decoded pictures, and the clip to be decoded as it is read; None without any.

        Raises:
            UnreadableInput: a picture that can't be decoded within the sandbox's limits.
        """
        if not self.files:
            return None
        first, last = (
            None if path is None else read_picture_sandboxed(path) for path in (self.first_frame, self.last_frame)
        )
        clip = None if self.clip is None else open_untrusted(self.clip)
        return GivenMedia(first, last, clip, self.is_extended, self.strength)

    def facts(self) -> dict[str, Any]:
        """What a manifest says of where the clip comes from: its origin, its parent or inputs, what was changed."""
        if self.clip is None:
            pictures = [{"path": str(path), "title": path.name} for path in self.files]
            return {"origin": "generated", "title": "Generated clip", "inputs": pictures}
        done = "extended" if self.is_extended else "changed by a model"
        parent = {"path": str(self.clip), "title": self.clip.name}
        title = "Extended clip" if self.is_extended else "Edited clip"
        return {"origin": "edited", "title": title, "parent": parent, "change": done}

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        paths = {"first_frame": self.first_frame, "last_frame": self.last_frame, "clip": self.clip}
        texts = {name: str(path) for name, path in paths.items() if path is not None}
        return {**texts, "is_extended": self.is_extended, "strength": self.strength}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Sources":
        """The sources that `to_json` described; none for an empty mapping."""
        paths = {name: Path(value[name]) for name in ("first_frame", "last_frame", "clip") if value.get(name)}
        return cls(**paths, is_extended=bool(value.get("is_extended")), strength=value.get("strength"))


NO_SOURCES = Sources()
