"""Guidance in numbers: a camera path and strokes along which the things of a prompt move (a motion brush).

Places are in half frame heights from the picture's middle, x to the right and y down, as seen in the picture; times
are shares of the clip's first part, 0 to 1. Between two points everything runs straight; outside them it stands.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from core.errors import UsageError

MOST_POINTS, MOST_STROKES = 32, 2
FURTHEST, LEAST_ZOOM, MOST_ZOOM, MOST_ROLL_DEG = 1.5, 0.5, 2.0, 90.0


@dataclass(frozen=True)
class CameraPose:
    """The camera at a time: its shift, the picture's magnification, its turn clockwise in degrees."""

    time: float
    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0
    roll_deg: float = 0.0


@dataclass(frozen=True)
class Stroke:
    """Points (time, x, y) through which a thing goes: the `thing`-th that the prompt names, 1 or 2."""

    points: tuple[tuple[float, float, float], ...]
    thing: int = 1


@dataclass(frozen=True)
class Guide:
    """A camera path, and strokes for one thing or two. A camera that `travels` shows depth; else it turns.

    Raises:
        UsageError: no points or too many, times that do not rise from 0 to 1, numbers that are none or too large,
            two strokes for one thing.
    """

    camera: tuple[CameraPose, ...] = ()
    travels: bool = False
    strokes: tuple[Stroke, ...] = ()

    def __post_init__(self) -> None:
        if self.camera:
            _require_times([pose.time for pose in self.camera], "the camera path")
        for pose in self.camera:
            _require_within("the camera's shift", FURTHEST, pose.x, pose.y)
            _require_within("the camera's turn", MOST_ROLL_DEG, pose.roll_deg)
            if not LEAST_ZOOM <= pose.zoom <= MOST_ZOOM:
                raise _wrong(f"a zoom of {pose.zoom:g} can't be drawn", f"From {LEAST_ZOOM:g} to {MOST_ZOOM:g}.")
        things = [stroke.thing for stroke in self.strokes]
        if len(set(things)) != len(things) or not set(things) <= set(range(1, MOST_STROKES + 1)):
            raise _wrong("a stroke belongs to the first or the second thing", "One stroke each, thing 1 or 2.")
        for stroke in self.strokes:
            _require_times([point[0] for point in stroke.points], "a stroke")
            _require_within("a stroke's place", FURTHEST, *(at for _, *place in stroke.points for at in place))

    def to_json(self) -> dict[str, Any]:
        """The guide as plain JSON values, as `from_json` and the API take them."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> "Guide":
        """The guide from `{"camera": [{"time", "x", "y", "zoom", "roll_deg"}], "travels", "strokes": [{"thing",
        "points": [[time, x, y]]}]}`; everything but times and points may be left out.

        Raises:
            UsageError: another shape, or as the class.
        """
        shape = 'Like {"camera": [{"time": 0, "zoom": 1}], "strokes": [{"thing": 1, "points": [[0, -0.5, 0]]}]}.'
        if not isinstance(value, Mapping) or set(value) - {"camera", "travels", "strokes"}:
            raise _wrong("the guide is no object of camera, travels and strokes", shape)
        try:
            camera = tuple(
                CameraPose(**{k: _number(v) for k, v in pose.items()}) for pose in value.get("camera", ())
            )
            strokes = tuple(_stroke(stroke) for stroke in value.get("strokes", ()))
        except (TypeError, ValueError, KeyError, AttributeError) as fault:
            raise _wrong("the guide has another shape", shape) from fault
        return cls(camera, bool(value.get("travels", False)), strokes)


def _stroke(value: Mapping[str, Any]) -> Stroke:
    if set(value) - {"points", "thing"}:
        raise ValueError("unknown field")
    points = tuple((_number(time), _number(x), _number(y)) for time, x, y in value["points"])
    return Stroke(points, int(_number(value.get("thing", 1))))


def stroke_of(text: str, thing: int = 1) -> Stroke:
    """A stroke from `"x,y x,y …"`, evenly in time, or `"time:x,y …"`. Raises UsageError where it can't be read."""
    rows = _points(text, 2, 2, "a stroke")
    return Stroke(tuple((time, x, y) for time, (x, y) in rows), thing)


def camera_path_of(text: str) -> tuple[CameraPose, ...]:
    """Poses from `"x,y,zoom,roll …"`, zoom and roll as far as needed, each after its `time:` or evenly in time.

    Raises UsageError where it can't be read.
    """
    return tuple(CameraPose(time, *place) for time, place in _points(text, 2, 4, "a camera path"))


def _points(text: str, least: int, most: int, what: str) -> list[tuple[float, list[float]]]:
    words = text.split()
    found = []
    try:
        for index, word in enumerate(words):
            before, colon, after = word.rpartition(":")
            time = float(before) if colon else index / max(len(words) - 1, 1)
            place = [float(number) for number in after.split(",")]
            if not least <= len(place) <= most:
                raise ValueError(word)
            found.append((time, place))
    except ValueError as fault:
        raise _wrong(f"{what} can't be read", 'For example "-0.5,0 0.5,-0.3", or "0:-0.5,0 0.7:0.5,0".') from fault
    return found


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("no number")
    return float(value)


def _require_times(times: Sequence[float], what: str) -> None:
    rising = all(a < b for a, b in pairwise(times))
    if not 1 <= len(times) <= MOST_POINTS or not rising or not all(0.0 <= time <= 1.0 for time in times):
        raise _wrong(f"{what} has times that can't be", f"1 to {MOST_POINTS} points whose times rise from 0 to 1.")


def _require_within(what: str, most: float, *values: float) -> None:
    for value in values:
        if not math.isfinite(value) or abs(value) > most:
            raise _wrong(f"{what} of {value:g} is out of reach", f"From -{most:g} to {most:g}.")


def _wrong(message: str, hint: str) -> UsageError:
    return UsageError(message, code="guide", hint=hint)
