"""What a classifier said of one clip. Values only: a card's claims and an estimate, already capped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: A likelihood ratio of 10 either way, until there are 1,000 independent camera sources to measure on.
CAP_LOG10 = 1.0
#: No larger share of camera clips may be called generated, at 95 % confidence, before a verdict may conclude it.
MAX_FALSE_ALARMS = 0.02


@dataclass(frozen=True)
class ClassifierReading:
    """One clip's estimate. `p_generated` is None where it abstains; `reason` says why, or what follows from it.

    `likelihood_log10` is capped. `calls_generated`: above the card's threshold, with a false-alarm rate that the
    card's own test bounds by 2 % (`false_alarm_bound`, one-sided 95 %), on generators and sources unseen before.
    """

    name: str
    reason: str
    p_generated: float | None = None
    likelihood_log10: float = 0.0
    calls_generated: bool = False
    false_alarm_bound: float | None = None
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def abstains(self) -> bool:
        """Whether the clip lies outside what it was tested on, or something else speaks of it already."""
        return self.p_generated is None

    def to_json(self) -> dict[str, Any]:
        """As `classifier` in `reelproof.verdict/1`."""
        return {
            "p_generated": None if self.p_generated is None else round(self.p_generated, 3),
            "calibrated": not self.abstains,
            "abstains": self.abstains,
            "reason": self.reason,
            "calls_generated": self.calls_generated,
            "likelihood_log10": round(self.likelihood_log10, 3),
            "false_alarm_bound": None if self.false_alarm_bound is None else round(self.false_alarm_bound, 4),
            "card": dict(self.card),
        }
