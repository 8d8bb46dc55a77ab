"""Intervals that stay true however often somebody looks, and the quantiles that statistics need.

The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory
and asymptotic confidence sequences" (arXiv 2103.06476): estimate +- multiplier x standard error. An ordinary interval has
the multiplier 1.96 and holds for one look that was agreed on beforehand; this one holds at all looks together. It is
narrowest near `expected`, a number of users that must be fixed before the first look; any such number is allowed.
"""

from math import erfc, exp, inf, log, sqrt
from statistics import NormalDist

from slo_daemon.core.slo.binomial import regularised_beta

_NORMAL = NormalDist()
_FARTHEST = 37.0  # standard errors: beyond, the tail of the normal distribution is no number any more


def tuning(expected: float, alpha: float) -> float:
    """rho squared: the setting by which the sequence is narrowest at `expected` units (equation 10 of the paper)."""
    spent = -2.0 * log(alpha)
    return (spent + log(1.0 + spent)) / expected


def multiplier(units: float, expected: float, alpha: float) -> float:
    """How many standard errors the interval reaches to both sides after `units` of them; infinite after none.

    1.55 times the ordinary 1.96 at `expected`, for alpha 5 %.
    """
    grown = units * tuning(expected, alpha)
    if grown <= 0.0:
        return inf
    return sqrt(2.0 * (grown + 1.0) / grown * log(sqrt(grown + 1.0) / alpha))


def always_valid_p(deviation: float, units: float, expected: float, alpha: float) -> float:
    """The p-value of an estimate `deviation` standard errors off, valid at every look; at most `alpha` is a discovery.

    It may rise again between looks; its running minimum is valid too. `alpha` and `expected` as for the interval: then
    the p-value is at most alpha exactly when the interval leaves the tested value out.
    """
    grown = units * tuning(expected, alpha)
    if grown <= 0.0:
        return 1.0
    exponent = 0.5 * log(grown + 1.0) - grown * deviation * deviation / (2.0 * (grown + 1.0))
    return exp(min(0.0, exponent))


def normal_quantile(probability: float) -> float:
    """The quantile of the standard normal distribution, 0 < probability < 1."""
    return _NORMAL.inv_cdf(probability)


def student_of_normal(z: float, degrees: float) -> float:
    """The deviation (z >= 0) that is as rare for Student's t of so many degrees as `z` is for a normal distribution."""
    if z >= _FARTHEST:
        return inf
    rare = _normal_tail(z)
    low, high = z, max(1.0, 2.0 * z)
    while student_tail(high, degrees) > rare:
        low, high = high, 2.0 * high
    for _ in range(60):
        middle = (low + high) / 2.0
        if student_tail(middle, degrees) > rare:
            low = middle
        else:
            high = middle
    return high


def normal_of_student(t: float, degrees: float) -> float:
    """The other way round, t >= 0."""
    rare = student_tail(t, degrees)
    low, high = 0.0, min(t, _FARTHEST)
    for _ in range(60):
        middle = (low + high) / 2.0
        if _normal_tail(middle) > rare:
            low = middle
        else:
            high = middle
    return low


def student_tail(t: float, degrees: float) -> float:
    """The probability that Student's t exceeds `t` >= 0."""
    if t < 1.0:  # where the other form would lose the digits of t * t
        return 0.5 - 0.5 * regularised_beta(t * t / (degrees + t * t), 0.5, degrees / 2.0)
    return 0.5 * regularised_beta(degrees / (degrees + t * t), degrees / 2.0, 0.5)


def _normal_tail(z: float) -> float:
    return 0.5 * erfc(z / sqrt(2.0))
