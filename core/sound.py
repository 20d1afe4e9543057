"""The sound of a clip as one row of samples, laid on the time of its pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: What fingerprints are taken from: speech and most of what carries music lie well below half of it.
SOUND_RATE_HZ = 5_512
#: As far as the pictures of a copy are followed, too.
MAX_SOUND_S = 300.0


@dataclass(frozen=True)
class Sound:
    """Mono samples, int16 (N,), from the time of the first picture on; where the track has none they are 0.

    `is_damaged`: some of the track could not be decoded and is 0 here. `is_cut`: it goes on after the last sample.
    """

    samples: NDArray[np.int16]
    rate_hz: int = SOUND_RATE_HZ
    is_damaged: bool = False
    is_cut: bool = False

    @property
    def duration_s(self) -> float:
        """How long the samples last."""
        return len(self.samples) / self.rate_hz
