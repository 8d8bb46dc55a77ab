"""How many users it takes to show a lift, and whether the pilot will have them.

An experiment that is looked at all the time needs more users than one that is looked at once: the always-valid interval
is wider. The sizes here are those at which the interval at the end alone leaves out the margin with the wanted power;
stopping earlier is a chance on top.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import inf, isinf, sqrt

from slo_daemon.core.pilot.always_valid import multiplier, normal_quantile
from slo_daemon.core.pilot.experiment.contrast import Contrast, contrast_of, planned_contrast_of
from slo_daemon.core.pilot.experiment.strata import (
    Arm,
    Stratum,
    comparable,
    left_out_days,
    planned_share,
    total_of,
)
from slo_daemon.core.pilot.pilot import EXPECTED_USERS, ExperimentMetric, Pilot

ALPHA = 0.05
POWER = 0.8
PEOPLE = 8e9  # on earth: a need beyond it is told as what it is
_NEAR_NOTHING = 1e-9  # a lift so close to the margin lies at it
_SIGNIFICANT_DIGITS = 3
_LATELY = 7  # days that tell how many users come
_NOBODY = 1e-3  # users a day: fewer tell nothing


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be shown: that the lift is past `margin`, where it really is `lift`; both ratios, 0.1 is 10 %.

    `base_rate`: the share of control that converts. `above`: that it is above the margin, else below. `alpha`:
    two-sided. `power`: the probability of showing it. `expected_users`: as the intervals are tuned to.
    """

    margin: float
    base_rate: float
    lift: float
    above: bool = True
    alpha: float = ALPHA
    power: float = POWER
    expected_users: float = EXPECTED_USERS

    @property
    def answerable(self) -> bool:
        """Whether the true lift lies on the side of the margin that is to be shown."""
        past = self.lift - self.margin
        return (past if self.above else -past) > _NEAR_NOTHING


@dataclass(frozen=True, slots=True)
class Users:
    """How many in each variant. Infinite: no number is enough."""

    treatment: float
    control: float

    def __str__(self) -> str:
        if say_users(self.treatment) == say_users(self.control):
            return f"{say_users(self.treatment)} users per arm"
        return f"{say_users(self.treatment)} users in treatment and {say_users(self.control)} in control"


@dataclass(frozen=True, slots=True)
class Day:
    """New users of both variants on one day, planned or seen."""

    day: date
    treatment: float
    control: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether a question will be answered. `needed`: with the plan's split. `coming`: until the end, `last_day`.

    `answered`: the first day at whose end there are users enough, None if there is none.
    """

    question: Question
    needed: Users
    coming: Users
    last_day: date
    answered: date | None

    def __str__(self) -> str:
        """A sentence."""
        side = "more" if self.question.above else "less"
        margin, lift = f"{100 * self.question.margin:g} %", f"{100 * self.question.lift:.3g} %"
        claim = f"a lift of {side} than {margin} where it really is {lift}"
        if isinf(self.needed.treatment):
            return f"no number of users shows {claim}"
        if max(self.needed.treatment, self.needed.control) > PEOPLE:
            return f"no service has the users that it takes to show {claim}; {self.coming} come until {self.last_day.isoformat()}"
        needs = f"to show {claim} takes about {self.needed}"
        if self.answered is not None:
            needs += f", reached about {self.answered.isoformat()}"
        return f"{needs}; {self.coming} come until {self.last_day.isoformat()}"


def fixed_sample(question: Question, ratio: float = 1.0) -> Users:
    """For one look at the end, with `ratio` users of control for each of treatment.

    Fleiss, Levin and Paik, "Statistical Methods for Rates and Proportions" (2003), chapter 4, with a margin.
    """
    reach = normal_quantile(1.0 - question.alpha / 2.0) + normal_quantile(question.power)
    return _sized(question, ratio, reach)


def always_valid_sample(question: Question, ratio: float = 1.0) -> Users:
    """For as many looks as one likes, all users split alike."""
    one = planned_contrast_of([_expected(question, Day(date.min, 1.0, ratio))])
    factor = _factor(question, one)
    return Users(factor, factor * ratio)


def outlook(question: Question, days: Sequence[Day]) -> Outlook:
    """Whether the users of `days` (not empty, in order; those seen first, then those planned) answer the question.

    Days that leave nobody to one variant tell nothing and are not counted.
    """
    both = [day for day in days if min(day.treatment, day.control) >= _NOBODY]
    used = comparable([_expected(question, day) for day in both])
    coming = Users(sum(s.treatment.exposed for s in used), sum(s.control.exposed for s in used))
    if not used:
        return Outlook(question, always_valid_sample(question), coming, days[-1].day, None)
    factor = _factor(question, planned_contrast_of(used))
    needed = Users(factor * coming.treatment, factor * coming.control)
    return Outlook(question, needed, coming, days[-1].day, _first_enough(question, used, factor))


def planned_days(metric: ExperimentMetric, pilot: Pilot, users_per_day: float) -> Iterator[Day]:
    """The users that come if `users_per_day` of both variants together do so from the pilot's first day to its last."""
    changing = left_out_days(metric, pilot)
    day = pilot.start
    while day < pilot.end:
        share = planned_share(metric, pilot, day)
        treatment = users_per_day * (0.5 if share is None else share)
        if day not in changing:
            yield Day(day, treatment, users_per_day - treatment)
        day += timedelta(days=1)


def outlook_so_far(
    metric: ExperimentMetric,
    pilot: Pilot,
    strata: Sequence[Stratum],
    margin: float,
    *,
    above: bool = True,
    alpha: float = ALPHA,
) -> Outlook | None:
    """The outlook from what was counted: the users so far, and then as many a day as lately, until the pilot's end.

    The base rate is the one seen, the true lift the one that the author reckons with, else the one seen. None before
    both variants have users and control a conversion. Where a user is counted several times, more are needed than this.
    """
    used = comparable(strata, left_out_days(metric, pilot))
    if not used or total_of(s.control for s in used).converted <= 0.0:
        return None
    seen = contrast_of(used)
    if not 0.0 < seen.control < 1.0:
        return None
    lift = metric.expected_lift if metric.expected_lift is not None else seen.lift
    question = Question(margin, seen.control, lift, above, alpha, expected_users=metric.expected_users)
    lately = [s.treatment.exposed + s.control.exposed for s in used[-_LATELY:]]
    days = [Day(s.day, s.treatment.exposed, s.control.exposed) for s in used]
    coming = planned_days(metric, pilot, sum(lately) / len(lately))
    return outlook(question, [*days, *(day for day in coming if day.day > used[-1].day)])


def say_users(users: float) -> str:
    """`239,000`, `14.2 million`: no more digits than the estimate has, and no more than one can read."""
    if isinf(users):
        return "infinitely many"
    whole = round(users)
    about = round(whole, -max(0, len(str(whole)) - _SIGNIFICANT_DIGITS))
    for size, word in ((1_000_000_000, "billion"), (1_000_000, "million")):
        if about >= size:
            return f"{about / size:,g} {word}"
    return f"{about:,}"


def _first_enough(question: Question, used: Sequence[Stratum], factor: float) -> date | None:
    if factor > 1.0:
        return None
    low, high = 1, len(used)  # how many days are enough: found by halving, more days never tell less
    while low < high:
        middle = (low + high) // 2
        low, high = (
            (low, middle)
            if _surplus(question, planned_contrast_of(used[:middle]), 1.0) >= 0.0
            else (middle + 1, high)
        )
    return used[low - 1].day


def _expected(question: Question, day: Day) -> Stratum:
    rate = question.base_rate
    treated = min(1.0, max(0.0, rate * (1.0 + question.lift)))
    return Stratum(day.day, Arm(day.treatment, day.treatment * treated), Arm(day.control, day.control * rate))


def _factor(question: Question, contrast: Contrast) -> float:
    """How many times the users behind `contrast` are needed."""
    if not question.answerable:
        return inf
    low = high = 1.0
    while _surplus(question, contrast, high) < 0.0:
        low, high = high, 2.0 * high
    while _surplus(question, contrast, low) >= 0.0:
        low, high = low / 2.0, low
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (low, middle) if _surplus(question, contrast, middle) >= 0.0 else (middle, high)
    return high


def _surplus(question: Question, contrast: Contrast, factor: float) -> float:
    """Standard errors by which `factor` times the users are more than enough; negative: too few."""
    reach = multiplier(factor * contrast.users, question.expected_users, question.alpha)
    return _distance(question, contrast) * sqrt(factor) - reach - normal_quantile(question.power)


def _distance(question: Question, contrast: Contrast) -> float:
    """How many standard errors the true lift lies from the margin."""
    ratio = 1.0 + question.margin
    error = sqrt(contrast.treatment_variance + ratio * ratio * contrast.control_variance)
    return abs(contrast.treatment - ratio * contrast.control) / error if error > 0.0 else 0.0


def _sized(question: Question, ratio: float, reach: float) -> Users:
    distance = _distance(question, planned_contrast_of([_expected(question, Day(date.min, 1.0, ratio))]))
    treatment = (reach / distance) ** 2 if question.answerable else inf
    return Users(treatment, treatment * ratio)
