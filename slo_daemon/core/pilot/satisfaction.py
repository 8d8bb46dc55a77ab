"""User satisfaction from ratings: the mean with its 95 % interval, decided only from enough votes.

Student's t interval ("The probable error of a mean", Biometrika 6, 1908); its quantile by the incomplete beta function.
"""

from dataclasses import dataclass
from math import sqrt

from slo_daemon.core.pilot.records import Ratings
from slo_daemon.core.slo.binomial import regularised_beta

ENOUGH_VOTES = 30
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """Mean rating (1..5) with its two-sided interval; without at least two votes there is no interval."""

    votes: int
    mean: float
    low: float | None
    high: float | None

    @property
    def enough(self) -> bool:
        """Whether there are votes enough to decide anything."""
        return self.votes >= ENOUGH_VOTES


def satisfaction(ratings: Ratings) -> Satisfaction | None:
    """None without a vote: there is no mean of nothing."""
    n = ratings.count
    if n == 0:
        return None
    mean = ratings.total / n
    if n < 2:
        return Satisfaction(n, mean, None, None)
    variance = max(0.0, (ratings.squares - n * mean * mean) / (n - 1))
    half = t_quantile(0.5 + CONFIDENCE / 2, n - 1) * sqrt(variance / n)
    return Satisfaction(n, mean, max(1.0, mean - half), min(5.0, mean + half))


def t_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t for 0.5 < probability < 1, by bisection."""
    low, high = 0.0, 1e4
    for _ in range(200):
        middle = (low + high) / 2
        if (
            1.0 - 0.5 * regularised_beta(degrees / (degrees + middle * middle), degrees / 2, 0.5)
            < probability
        ):
            low = middle
        else:
            high = middle
    return (low + high) / 2
