"""Sample-ratio mismatch: do the variants get the users that were planned for them?

If not, something loses users of one variant (redirects, crashes, bots, a cache, a counter), and who is left is not who was
assigned: the lift then says nothing, however many users there are. Tested at every look by the sequential multinomial
test of Lindon and Malek, "Anytime-valid inference for multinomial count data" (NeurIPS 2022): the evidence E exceeds
1,000 once in 1,000 sound experiments at most, looked at as often as one likes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import exp, inf, lgamma, log

from slo_daemon.core.pilot.experiment.strata import Arm, Stratum

FLAGGED = 1_000.0  # evidence : 1
PRIOR = 100.0  # how close to the plan other splits are thought of: pseudo-users
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What speaks against the planned split.

    `evidence`: now, as odds; `largest`: at the end of any day so far, which decides. `observed`, `planned`: the share
    (0..1) of treatment in both variants together, `planned` weighted by the users of each step. `users`: counted.
    """

    evidence: float
    largest: float
    observed: float
    planned: float
    users: float

    @property
    def flagged(self) -> bool:
        """Whether the experiment cannot be trusted."""
        return self.largest > FLAGGED

    def __str__(self) -> str:
        """A sentence."""
        shares = (
            f"treatment got {100 * self.observed:.3g} % of {self.users:,.0f} users "
            f"where {100 * self.planned:.3g} % were planned"
        )
        if not self.flagged:
            return f"{shares}: the split works as planned, as far as can be told"
        odds = f"{self.largest:,.0f}" if self.largest < 1e7 else "more than 10,000,000"
        return f"{shares} (evidence {odds} : 1): who is left in the variants cannot be compared"


def mismatch(strata: Sequence[Stratum]) -> Mismatch | None:
    """Of the days whose split is planned and leaves users to both variants; None where there is none.

    The evidence of steps with different plans is multiplied. Where counts come by hash bucket, users may be counted
    several times: the counts are then divided by how much more they vary between buckets than single users would.
    """
    checked = sorted((s for s in strata if s.share is not None and 0.0 < s.share < 1.0), key=lambda s: s.day)
    users = sum(s.treatment.exposed + s.control.exposed for s in checked)
    if users <= 0.0:
        return None
    repeats = _repeats(checked)
    before = now = largest = 0.0  # logarithms
    for share, days in groupby(checked, key=lambda s: s.share or 0.0):
        treatment = control = 0.0
        for day in days:
            treatment += day.treatment.exposed / repeats
            control += day.control.exposed / repeats
            now = before + _log_evidence(treatment, control, share)
            largest = max(largest, now)
        before = now
    return Mismatch(
        _odds(now),
        _odds(largest),
        sum(s.treatment.exposed for s in checked) / users,
        sum((s.treatment.exposed + s.control.exposed) * (s.share or 0.0) for s in checked) / users,
        users,
    )


def _log_evidence(treatment: float, control: float, share: float) -> float:
    """ln of the Bayes factor of a split drawn from Dirichlet(PRIOR x plan) against the plan."""
    parts = ((treatment, share), (control, 1.0 - share))
    return (
        lgamma(PRIOR)
        - lgamma(PRIOR + treatment + control)
        + sum(
            lgamma(PRIOR * planned + count) - lgamma(PRIOR * planned) - count * log(planned)
            for count, planned in parts
        )
    )


def _repeats(strata: Sequence[Stratum]) -> float:
    """How often one user is counted, as far as it makes the counts vary: variance by mean of the buckets' totals.

    Users fall into buckets like Poisson, so the ratio is E[r^2] / E[r] for r counts of a user; 1 without buckets.
    """
    buckets = {len(s.buckets) for s in strata}
    if len(buckets) != 1 or min(buckets) < 2:
        return 1.0
    (count,) = buckets
    squares = expected = 0.0
    for arm in (0, 1):
        totals = [sum(_exposed(s.buckets[bucket], arm) for s in strata) for bucket in range(count)]
        mean = sum(totals) / count
        squares += sum((total - mean) ** 2 for total in totals) / (count - 1)
        expected += mean
    return max(1.0, squares / expected) if expected > 0.0 else 1.0


def _exposed(pair: tuple[Arm, Arm], arm: int) -> float:
    return pair[arm].exposed


def _odds(logarithm: float) -> float:
    return exp(logarithm) if logarithm < _LARGEST_EXPONENT else inf
