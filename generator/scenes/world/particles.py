"""Where beads and puffs are at a time. Beads fall freely from a spout and come to rest in a heap."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.scenes.world.motion import GRAVITY
from generator.scenes.world.spec import WorldSpec

Floats = NDArray[np.float64]

BEADS, BEAD_RADIUS = 96, 0.105
SPOUT = (0.0, 3.3, 0.0)
_HEAP_RADIUS, _HEAP_HEIGHT = 0.95, 0.62
PUFFS = 26


@dataclass(frozen=True)
class Particles:
    """Places (F, P, 3) in world units, radii (F, P), and how thick each is (F, P), 0.0 to 1.0."""

    places: Floats
    radii: Floats
    thickness: Floats


def beads(spec: WorldSpec, times: Floats) -> Particles:
    """Beads that leave the spout one after another, each on its parabola to its own place in the heap."""
    rng = np.random.default_rng(int(spec.variant * 1e6))
    index = np.arange(BEADS) / BEADS
    leaves = index * 1.5 - 0.75
    # The heap grows from its foot inwards and up: later beads lie nearer the middle and higher.
    away = _HEAP_RADIUS * np.sqrt(rng.random(BEADS)) * (1 - 0.75 * np.clip(index - 0.25, 0, 1))
    around = rng.uniform(0, 2 * np.pi, BEADS)
    ends = np.stack([away * np.cos(around), np.zeros(BEADS), away * np.sin(around)], 1)
    ends[:, 1] = BEAD_RADIUS + _HEAP_HEIGHT * np.clip(1 - away / _HEAP_RADIUS, 0, 1) * index
    starts = np.array(SPOUT) + rng.normal(0, 0.07, (BEADS, 3)) * (1, 0, 1)
    falls = np.sqrt(2 * (starts[:, 1] - ends[:, 1]) / GRAVITY)
    since = np.clip(times[:, None] * spec.speed - leaves, 0, None)
    share = np.minimum(since / falls, 1)[..., None]
    places = starts + (ends - starts) * share
    places[..., 1] = np.maximum(starts[:, 1] - GRAVITY * np.minimum(since, falls) ** 2 / 2, ends[:, 1])
    return Particles(places, np.full(places.shape[:2], BEAD_RADIUS), (since > 0).astype(float))


def puffs(spec: WorldSpec, times: Floats) -> Particles:
    """Puffs of smoke that rise, slow down, spread, drift aside and thin out."""
    rng = np.random.default_rng(int(spec.variant * 1e6))
    lean = rng.uniform(-0.5, 0.5)
    leaves = (np.arange(PUFFS) + 0.5) / PUFFS * 2.1 - 1.1
    age = np.clip(times[:, None] * spec.speed - leaves, 0, None)
    wild = rng.normal(0, 1, (PUFFS, 4))
    up = 2.45 * (1 - np.exp(-1.35 * age))
    sway = 0.26 * np.sin(2.6 * up + 3.0 * times[:, None] + 0.5 * wild[:, 3]) * np.minimum(up, 1)
    across = 0.05 * wild[:, 0] + (lean + 0.22 * wild[:, 1]) * age * 0.8 + sway
    away = 0.05 * wild[:, 2] + 0.15 * wild[:, 2] * age
    places = np.stack([across, 0.12 + up, away], -1)
    radii = 0.15 + 0.34 * (1 - np.exp(-1.3 * age)) * (1 + 0.15 * wild[:, 1])
    return Particles(places, radii, np.where(age > 0, np.exp(-0.9 * age) * np.minimum(age * 12, 1), 0.0))
