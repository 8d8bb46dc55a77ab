"""How sure a share is, when it was counted from few events: the exact binomial interval.

Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26
(1934), by the incomplete beta function (continued fraction: Lentz's method, DLMF 8.17.22). Counts may be fractions,
because Prometheus' `increase` extrapolates.
"""

from math import ceil, exp, inf, isclose, lgamma, log, log1p

SURE = 0.95  # one-sided confidence of a claim
_TINY = 1e-300


def events_needed(target: float, sure: float = SURE) -> float:
    """How many events without a bad one claim a share of at least `target`: 59 for 95 %, 2,995 for 99.9 %.

    Infinity for a target of 1: no number of events proves that nothing ever goes wrong.
    """
    if target >= 1.0:
        return inf
    if target <= 0.0:
        return 1.0
    return float(ceil(log(1.0 - sure) / log(target) - 1e-9))


def lower_bound(hits: float, total: float, sure: float = SURE) -> float:
    """The share that is exceeded with confidence `sure`, given `hits` of `total` events (total > 0)."""
    hits = min(max(hits, 0.0), total)
    if hits <= 0.0:
        return 0.0
    return _beta_quantile(1.0 - sure, hits, total - hits + 1.0)


def upper_bound(hits: float, total: float, sure: float = SURE) -> float:
    """The share that is not exceeded with confidence `sure`, given `hits` of `total` events (total > 0)."""
    return 1.0 - lower_bound(total - hits, total, sure)


def _beta_quantile(probability: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        if regularised_beta(middle, a, b) < probability:
            low = middle
        else:
            high = middle
        if isclose(low, high, rel_tol=1e-12, abs_tol=1e-15):
            break
    return (low + high) / 2.0


def regularised_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), the regularised incomplete beta function, for 0 <= x <= 1 and a, b > 0."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _continued_fraction(x, a, b) / a
    return 1.0 - front * _continued_fraction(1.0 - x, b, a) / b


def _continued_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, 10_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0)),
        ):
            d = 1.0 / _away_from_zero(1.0 + numerator * d)
            c = _away_from_zero(1.0 + numerator / c)
            step = c * d
            value *= step
        if abs(step - 1.0) < 1e-14:
            break
    return value


def _away_from_zero(x: float) -> float:
    return x if abs(x) > _TINY else _TINY
