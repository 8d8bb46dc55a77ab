"""How sure a share is, when it was counted from few events: the exact binomial interval.

Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26
(1934), by the incomplete beta function (continued fraction: Lentz's method, DLMF 8.17.22). Counts may be fractions,
because Prometheus' `increase` extrapolates.
"""

from math import ceil, exp, inf, lgamma, log, log1p

SURE = 0.95  # one-sided confidence of a claim
MOST_EVENTS = 1e7  # that are told apart: above, rounding would cost more than they tell
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
    if hits <= 0.0:
        return 0.0
    if hits >= total:
        return exp(log(1.0 - sure) / total)
    return _beta_quantile(1.0 - sure, *_beta_of(hits, total))


def upper_bound(hits: float, total: float, sure: float = SURE) -> float:
    """The share that is not exceeded with confidence `sure`, given `hits` of `total` events (total > 0)."""
    return 1.0 - lower_bound(total - hits, total, sure)


def surely_exceeds(hits: float, total: float, share: float, sure: float = SURE) -> bool:
    """Whether `lower_bound` is at least `share` (0 < share < 1), found without searching for the bound."""
    if hits <= 0.0:
        return False
    return regularised_beta(share, *_beta_of(min(hits, total), total)) <= 1.0 - sure


def _beta_of(hits: float, total: float) -> tuple[float, float]:
    """The parameters of the distribution whose quantile is the lower bound. Fewer events only make it more careful."""
    if total > MOST_EVENTS:
        hits, total = hits / total * MOST_EVENTS, MOST_EVENTS
    return hits, total - hits + 1.0


def _beta_quantile(probability: float, a: float, b: float) -> float:
    """Newton's method, kept between the ends that are known, to 12 digits or 1e-15."""
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(100):
        if not low < x < high or high - low <= 1e-15:
            break
        miss = regularised_beta(x, a, b) - probability
        low, high = (x, high) if miss < 0.0 else (low, x)
        density = exp(_log_beta_kernel(x, a, b)) / (x * (1.0 - x))
        step = miss / density if density > 0.0 else inf
        if abs(step) <= 1e-12 * x:
            break
        x = x - step if low < x - step < high else (low + high) / 2.0
    return x


def regularised_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), the regularised incomplete beta function, for 0 <= x <= 1 and a, b > 0."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = exp(_log_beta_kernel(x, a, b))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _continued_fraction(x, a, b) / a
    return 1.0 - front * _continued_fraction(1.0 - x, b, a) / b


def _log_beta_kernel(x: float, a: float, b: float) -> float:
    """log(x^a (1 - x)^b / B(a, b))."""
    return lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)


def _continued_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / ((1.0 - (a + b) * x / (a + 1.0)) or _TINY)
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        d = 1.0 / ((1.0 + even * d) or _TINY)
        c = (1.0 + even / c) or _TINY
        value *= c * d
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        d = 1.0 / ((1.0 + odd * d) or _TINY)
        c = (1.0 + odd / c) or _TINY
        value *= c * d
        if abs(c * d - 1.0) < 1e-14:
            break
    return value
