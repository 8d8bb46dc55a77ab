"""User satisfaction from ratings: the mean with its 95 % interval, decided only from enough votes.

Student's t interval ("The probable error of a mean", Biometrika 6, 1908); its quantile by the incomplete beta function.
Below about 30 votes that interval claims more than it holds for skewed ratings, so it is shown and nothing is decided.
"""

from dataclasses import dataclass
from math import sqrt

from slo_daemon.core.pilot.records import Ratings
from slo_daemon.core.slo.binomial import regularised_beta

ENOUGH_VOTES = 30
CONFIDENCE = 0.95
LOWEST, HIGHEST = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """Mean rating (1..5) with its two-sided 95 % interval; with fewer than two votes there is no interval."""

    votes: int
    mean: float
    interval: tuple[float, float] | None

    @property
    def enough(self) -> bool:
        """Whether there are votes enough to decide anything."""
        return self.votes >= ENOUGH_VOTES

    def __str__(self) -> str:
        """`mean 4.21/5 from 61 votes, 95 % interval 3.98 to 4.44`."""
        votes = f"mean {self.mean:.2f}/5 from {self.votes:,} {'vote' if self.votes == 1 else 'votes'}"
        if self.interval is None:
            return votes
        return f"{votes}, 95 % interval {self.interval[0]:.2f} to {self.interval[1]:.2f}"


def satisfaction(ratings: Ratings) -> Satisfaction | None:
    """None without a vote: there is no mean of nothing."""
    n = ratings.count
    if n == 0:
        return None
    mean = ratings.total / n
    if n == 1:
        return Satisfaction(n, mean, None)
    variance = (n * ratings.squares - ratings.total**2) / (n * (n - 1))  # whole numbers: nothing cancels
    half = t_quantile(0.5 + CONFIDENCE / 2, n - 1) * sqrt(variance / n)
    return Satisfaction(n, mean, (max(LOWEST, mean - half), min(HIGHEST, mean + half)))


def t_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t distribution for 0.6 <= probability <= 0.9999, by bisection."""
    low, high = 0.0, 1e4
    for _ in range(100):
        middle = (low + high) / 2
        beyond = 0.5 * regularised_beta(degrees / (degrees + middle * middle), degrees / 2, 0.5)
        if 1.0 - beyond < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2
