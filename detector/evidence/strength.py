"""How much a finding weighs, as a base-10 logarithm of a likelihood ratio, never more than its rate supports."""

import math

#: Nobody has measured a null further out than this; more digits would be decoration.
MAX_STRENGTH_LOG10 = 12.0
#: Container hints are unsigned and anybody can write them: at most 3 to 1 (docs/detector.md).
TAG_STRENGTH_LOG10 = math.log10(3)


def from_p_value(p_value: float) -> float:
    """The largest likelihood ratio that a p-value can stand for, as log10; 0 for p of 1/e and above.

    The bound of Vovk and of Sellke, Bayarri and Berger (The American Statistician 55, 2001): 1 / (-e p ln p).
    """
    if not 0 <= p_value < 1 / math.e:
        return 0.0
    p = max(p_value, 1e-300)
    return min(MAX_STRENGTH_LOG10, -math.log10(-math.e * p * math.log(p)))


def from_false_match_rate(rate: float) -> float:
    """A match that unrelated clips show at `rate`, as log10 of a likelihood ratio (a true copy always matches)."""
    return min(MAX_STRENGTH_LOG10, -math.log10(rate)) if 0 < rate < 1 else 0.0


def chance(p_value: float) -> str:
    """A probability as people say it: `1 time in 400`, `1 time in 10^31`, `less than 1 time in 10^300`."""
    if p_value <= 1e-300:
        return "less than 1 time in 10^300"
    if p_value >= 1e-3:
        return f"1 time in {1 / p_value:.0f}"
    return f"1 time in 10^{math.floor(-math.log10(p_value))}"
