"""How surprising a correlation is: exact tails under the hypothesis that the key is random.

H0: the key was drawn at random, independent of the clip. A correlation of fixed values r with key signs s,
z = sum(s r) / sqrt(sum(r^2)), is then a Rademacher sum: mean 0, variance 1, and normal to the precision that
many small terms give, whatever the clip shows. Every look counts: p = min(1, looks Q(z)).
"""

import math

from scipy.special import erfc, erfcinv


def tail(z: float) -> float:
    """Q(z), the probability that N(0, 1) exceeds z. One look; never 0 while a float can hold it."""
    return float(0.5 * erfc(z / math.sqrt(2.0)))


def p_of(z: float, looks: float) -> float:
    """min(1, looks Q(z)): the chance that the best of `looks` statistics reaches z (Bonferroni, no independence
    assumed)."""
    return min(1.0, looks * tail(z))


def z_needed(looks: float, p_value: float) -> float:
    """The z at which `looks` looks give exactly `p_value`."""
    return float(math.sqrt(2.0) * erfcinv(2.0 * p_value / looks))
