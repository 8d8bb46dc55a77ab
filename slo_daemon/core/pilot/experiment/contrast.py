"""Two rates that may be compared: averages over the same days with the same weights, and how sure they are.

Weights of Mantel and Haenszel, w = n_t n_c / (n_t + n_c): the ratio of the two averages is their risk ratio. With these
weights the sum of daily differences is a random walk whose variance grows with the sum of the weights. That sum is
therefore the clock of the always-valid interval, and not the plain number of users: at 5 : 95 a hundred users tell as
much as nineteen at 50 : 50.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

from slo_daemon.core.pilot.always_valid import (
    always_valid_p,
    multiplier,
    normal_of_student,
    normal_quantile,
    student_of_normal,
)
from slo_daemon.core.pilot.experiment.strata import Arm, Stratum

_EQUAL_SPLIT = 4.0  # n users at 50 : 50 have the weight n / 4


@dataclass(frozen=True, slots=True)
class Contrast:
    """Weighted mean rates of treatment and control (> 0) with their variances.

    `users`: as many users at an equal split would tell as much. `degrees`: of freedom of the variances where they were
    measured between buckets; None where they follow from the rates.
    """

    treatment: float
    control: float
    treatment_variance: float
    control_variance: float
    users: float
    degrees: float | None = None

    @property
    def lift(self) -> float:
        """The relative lift: 0.1 where treatment converts 10 % more often than control."""
        return self.treatment / self.control - 1.0

    def always_valid(self, alpha: float, expected_users: float) -> tuple[float, float]:
        """The interval of the lift that all looks together leave with probability `alpha` at most."""
        return self._interval(multiplier(self.users, expected_users, alpha))

    def fixed_sample(self, alpha: float) -> tuple[float, float]:
        """The interval of the lift for one look whose time was fixed beforehand."""
        return self._interval(normal_quantile(1.0 - alpha / 2.0))

    def p_value(self, margin: float, alpha: float, expected_users: float) -> float:
        """Always valid, two-sided, of the hypothesis that the true lift is `margin` (> -1)."""
        ratio = 1.0 + margin
        difference = abs(self.treatment - ratio * self.control)
        error = sqrt(self.treatment_variance + ratio * ratio * self.control_variance)
        if difference == 0.0:
            return 1.0
        deviation = difference / error if error > 0.0 else inf
        if self.degrees is not None:
            deviation = normal_of_student(deviation, self.degrees)
        return always_valid_p(deviation, self.users, expected_users, alpha)

    def _interval(self, reach: float) -> tuple[float, float]:
        """All lifts m for which treatment - (1 + m) control lies within `reach` standard errors of 0.

        After Fieller, "Some problems in interval estimation" (J. R. Stat. Soc. B 16, 1954): a quadratic in 1 + m. No
        logarithm, so no trouble with few conversions: an end that the data do not bound is -1 or infinity.
        """
        if self.degrees is not None:
            reach = student_of_normal(reach, self.degrees)
        if reach == inf:
            return -1.0, inf
        square = reach * reach
        above = self.control * self.control - square * self.control_variance
        below = self.treatment * self.treatment - square * self.treatment_variance
        middle = self.treatment * self.control
        root = sqrt(max(0.0, middle * middle - above * below))
        # The smaller root is written with its numerator made rational: nothing cancels, and `above` may be 0.
        low = below / (middle + root) if below > 0.0 else 0.0
        high = (middle + root) / above if above > 0.0 else inf
        return low - 1.0, high - 1.0


def contrast_of(strata: Sequence[Stratum]) -> Contrast:
    """Of days that all have users in both variants, at least one conversion in control, and independent units."""
    return _contrast(strata, [_binomial(s.treatment) for s in strata], [_binomial(s.control) for s in strata])


def planned_contrast_of(strata: Sequence[Stratum]) -> Contrast:
    """Of days whose rates are not measured but assumed: the variances are those of the true rates."""
    return _contrast(strata, [_known(s.treatment) for s in strata], [_known(s.control) for s in strata])


def bucket_contrast_of(strata: Sequence[Stratum]) -> Contrast:
    """The same where units of one user are alike, from hash buckets (at least two, the same on all days).

    A bucket is one replicate over all days, because the same users come back on other days: its deviation from the
    mean rate is summed over the days first and squared then (linearisation of a ratio, Cochran, "Sampling
    Techniques", 6.4). Degrees of freedom after Welch: 2 (buckets - 1) where both variants are equally uncertain, else
    fewer.
    """
    count = len(strata[0].buckets)
    whole = sum(s.weight for s in strata)
    spread = count / (count - 1)
    treatment = control = 0.0
    for bucket in range(count):
        off_treatment = off_control = 0.0
        for s in strata:
            part_treatment, part_control = s.buckets[bucket]
            off_treatment += s.weight / whole * _off(part_treatment, s.treatment)
            off_control += s.weight / whole * _off(part_control, s.control)
        treatment += spread * off_treatment * off_treatment
        control += spread * off_control * off_control
    mean = _contrast(strata, [0.0] * len(strata), [0.0] * len(strata))
    at_lift = (mean.treatment / mean.control) ** 2 * control
    parts = treatment * treatment + at_lift * at_lift
    degrees = (count - 1) * (treatment + at_lift) ** 2 / parts if parts > 0.0 else float(count - 1)
    return Contrast(mean.treatment, mean.control, treatment, control, mean.users, degrees)


def _contrast(strata: Sequence[Stratum], treatment: Sequence[float], control: Sequence[float]) -> Contrast:
    """The weighted means. `treatment`, `control`: the variance of each day's rate."""
    weights = [s.weight for s in strata]
    whole = sum(weights)
    shares = [weight / whole for weight in weights]
    return Contrast(
        sum(w * s.treatment.rate for w, s in zip(shares, strata, strict=True)),
        sum(w * s.control.rate for w, s in zip(shares, strata, strict=True)),
        sum(w * w * variance for w, variance in zip(shares, treatment, strict=True)),
        sum(w * w * variance for w, variance in zip(shares, control, strict=True)),
        _EQUAL_SPLIT * whole,
    )


def _binomial(arm: Arm) -> float:
    """The variance of the rate, without the bias that would add up over many days with few users each.

    Users of yesterday who convert today may make the rate more than 1, and one user has no variance: then Poisson's.
    """
    rate = arm.rate
    if arm.exposed < 2.0 or rate > 1.0:
        return rate / arm.exposed
    return rate * (1.0 - rate) / (arm.exposed - 1.0)


def _known(arm: Arm) -> float:
    return arm.rate * (1.0 - arm.rate) / arm.exposed


def _off(part: Arm, whole: Arm) -> float:
    return (part.converted - whole.rate * part.exposed) / whole.exposed
