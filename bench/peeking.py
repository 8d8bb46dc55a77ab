"""Many simulated pilots at once, looked at every hour: what an experiment would have claimed at each look.

The formulas of slo_daemon.core.pilot for whole arrays; a test holds them to the product's own, number by number.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import gammaln

Floats = NDArray[np.float64]

HOURS = 24
ENOUGH = 30  # conversions of each variant
_CHUNK = 250  # pilots in memory at once


@dataclass(frozen=True, slots=True)
class Plan:
    """A pilot. `users`: new ones of both variants a day. `share`: of treatment, for each day. `rate`: of control that
    converts, for each day; `lift`: relative, the same on all days.
    """

    users: float
    share: Floats
    rate: Floats
    lift: float

    @property
    def days(self) -> int:
        return len(self.share)


def plan(users: float, lift: float, *, days: int = 56, rate: float = 0.03, share: float = 0.5) -> Plan:
    """The same on all days."""
    return Plan(users, np.full(days, share), np.full(days, rate), lift)


def ramped(users: float, lift: float) -> Plan:
    """5 %, then 10 % from the second week, then 20 % from the fourth; weekends convert better and rates rise with time."""
    day = np.arange(56)
    share = np.where(day < 7, 0.05, np.where(day < 21, 0.10, 0.20))
    rate = 0.03 * np.where(day % 7 >= 5, 1.3, 0.9) * (1 + day / 112)
    return Plan(users, share, rate, lift)


@dataclass(frozen=True, slots=True)
class Counts:
    """New users and conversions in each hour, [pilot, day, hour]."""

    treatment: Floats
    treatment_converted: Floats
    control: Floats
    control_converted: Floats
    used: NDArray[np.bool_] = field(repr=False)  # days that are compared


def counts(plan: Plan, pilots: int, rng: np.random.Generator) -> Iterator[Counts]:
    """What is counted, in portions of pilots."""
    changed = np.concatenate([[False], np.diff(plan.share) != 0])
    for start in range(0, pilots, _CHUNK):
        shape = (min(_CHUNK, pilots - start), plan.days, HOURS)
        users = rng.poisson(plan.users / HOURS, shape)
        treatment = rng.binomial(users, plan.share[None, :, None])
        control = users - treatment
        rate = plan.rate[None, :, None]
        yield Counts(
            treatment.astype(float),
            rng.binomial(treatment, rate * (1 + plan.lift)).astype(float),
            control.astype(float),
            rng.binomial(control, rate).astype(float),
            ~changed,
        )


@dataclass(frozen=True, slots=True)
class Looks:
    """The stratified contrast at the end of every hour, [pilot, look]; `enough` conversions to tell anything."""

    treatment: Floats
    control: Floats
    treatment_variance: Floats
    control_variance: Floats
    users: Floats
    enough: NDArray[np.bool_]

    def interval(self, reach: Floats | float) -> tuple[Floats, Floats]:
        """The lift's interval of so many standard errors."""
        square = np.asarray(reach) ** 2
        above = self.control**2 - square * self.control_variance
        below = self.treatment**2 - square * self.treatment_variance
        middle = self.treatment * self.control
        root = np.sqrt(np.maximum(0.0, middle**2 - above * below))
        with np.errstate(divide="ignore", invalid="ignore"):
            low = np.where(below > 0, below / (middle + root), 0.0)
            high = np.where(above > 0, (middle + root) / above, np.inf)
        return low - 1, high - 1

    def every(self, hours: int) -> "Looks":
        """The same, looked at less often."""
        step = slice(hours - 1, None, hours)
        return Looks(
            self.treatment[:, step],
            self.control[:, step],
            self.treatment_variance[:, step],
            self.control_variance[:, step],
            self.users[:, step],
            self.enough[:, step],
        )


def looks(counted: Counts) -> Looks:
    """Day by day, with the weights of Mantel and Haenszel: the days that are over and the open one."""
    n_t, x_t, n_c, x_c = (
        np.cumsum(np.where(counted.used[None, :, None], part, 0.0), axis=2)
        for part in (
            counted.treatment,
            counted.treatment_converted,
            counted.control,
            counted.control_converted,
        )
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.nan_to_num(n_t * n_c / (n_t + n_c))
        p_t, p_c = np.nan_to_num(x_t / n_t), np.nan_to_num(x_c / n_c)
        parts = (
            weight,
            weight * p_t,
            weight * p_c,
            weight**2 * _variance(p_t, n_t),
            weight**2 * _variance(p_c, n_c),
            np.where(weight > 0, x_t, 0.0),
            np.where(weight > 0, x_c, 0.0),
        )
        w, a, b, v_t, v_c, s_t, s_c = (_so_far(part) for part in parts)
        return Looks(a / w, b / w, v_t / w**2, v_c / w**2, 4 * w, np.minimum(s_t, s_c) >= ENOUGH)


def pooled(counted: Counts) -> Looks:
    """What a two-sample z-test takes: all users of a variant together, whatever day they came on."""
    n_t, x_t, n_c, x_c = (
        np.cumsum(part.reshape(len(part), -1), axis=1)
        for part in (
            counted.treatment,
            counted.treatment_converted,
            counted.control,
            counted.control_converted,
        )
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        p_t, p_c = x_t / n_t, x_c / n_c
        return Looks(
            p_t, p_c, p_t * (1 - p_t) / n_t, p_c * (1 - p_c) / n_c, n_t + n_c, np.minimum(x_t, x_c) >= ENOUGH
        )


def _variance(rate: Floats, n: Floats) -> Floats:
    return np.asarray(np.where(n < 2, rate / np.maximum(n, 1), rate * (1 - rate) / np.maximum(n - 1, 1)))


def _so_far(part: Floats) -> Floats:
    """Sums over the days before, plus the open day: [pilot, look]."""
    closed = np.cumsum(part[:, :, -1], axis=1) - part[:, :, -1]
    return (closed[:, :, None] + part).reshape(len(part), -1)


def reach(users: Floats, expected: float, alpha: float = 0.05) -> Floats:
    """Standard errors of the always-valid interval."""
    spent = -2 * np.log(alpha)
    with np.errstate(divide="ignore"):
        grown = users * (spent + np.log(1 + spent)) / expected
        return np.asarray(np.sqrt(2 * (grown + 1) / grown * np.log(np.sqrt(grown + 1) / alpha)))


def mismatch_evidence(treatment: Floats, control: Floats, share: float, prior: float = 100.0) -> Floats:
    """ln E of the sequential test of the split, for cumulative counts."""
    total = gammaln(prior) - gammaln(prior + treatment + control)
    for count, planned in ((treatment, share), (control, 1 - share)):
        total = total + gammaln(prior * planned + count) - gammaln(prior * planned) - count * np.log(planned)
    return np.asarray(total)


def chi_square_p(treatment: Floats, control: Floats, share: float) -> Floats:
    """The p-value of Pearson's test of the split, for one look."""
    n = treatment + control
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(stats.chi2.sf((treatment - n * share) ** 2 / (n * share * (1 - share)), 1))


def rating_spreads(given: Floats) -> tuple[Floats, Floats, Floats]:
    """After each vote, [sample, vote]: mean, sample variance, and the variance with one more vote from the far end."""
    n = np.arange(1.0, given.shape[1] + 1)
    mean = np.cumsum(given, axis=1) / n
    squares = np.maximum(np.cumsum(given**2, axis=1) - n * mean**2, 0.0)
    plain = squares / np.maximum(n - 1, 1)
    far = np.maximum(5 - mean, mean - 1)
    return mean, plain, np.maximum(plain, (squares + far**2 * n / (n + 1)) / n)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions and conversions of users who come back: [variant, day, bucket], treatment first. One pilot."""

    exposed: Floats
    converted: Floats


def sessions(
    rng: np.random.Generator, *, users: int, days: int, per_user: float = 5.0, buckets: int = 64
) -> Sessions:
    """Two variants that do not differ, of users who differ much: each has a rate of his own, 3 % on average."""
    found = []
    for _ in range(2):
        visits = rng.poisson(per_user - 1, users) + 1
        owner = np.repeat(np.arange(users), visits)
        rate = rng.beta(0.06, 1.94, users)
        bucket = rng.integers(0, buckets, users)[owner]
        day = rng.integers(0, days, len(owner))
        cell = day * buckets + bucket
        converted = rng.random(len(owner)) < rate[owner]
        size = days * buckets
        found.append(
            (
                np.bincount(cell, minlength=size).reshape(days, buckets),
                np.bincount(cell[converted], minlength=size).reshape(days, buckets),
            )
        )
    return Sessions(np.array([e for e, _ in found], float), np.array([c for _, c in found], float))
