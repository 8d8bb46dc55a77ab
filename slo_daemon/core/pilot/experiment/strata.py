"""What was counted of an experiment: users and conversions of both variants, day by day.

Variants are compared within a day and then added up, never the other way round: while a ramp widens, the treatment has
most of its users on late days and the control on early ones, and a good or bad day would pass for an effect.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from slo_daemon.core.pilot.pilot import ExperimentMetric, Pilot, Ramp, SplitKind


@dataclass(frozen=True, slots=True)
class Arm:
    """Exposed and converted units of one variant. Counts may be fractions: Prometheus' `increase` extrapolates."""

    exposed: float
    converted: float

    @property
    def rate(self) -> float:
        """Converted of exposed, as a ratio; 0 where nobody was exposed."""
        return self.converted / self.exposed if self.exposed > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Stratum:
    """The counts of one day, on which the split did not change.

    `share`: of treatment in both variants together, as it was planned (ratio 0..1); None: not checked. `buckets`: the
    same counts by hash bucket, (treatment, control) for each bucket in the same order on all days; empty without.
    """

    day: date
    treatment: Arm
    control: Arm
    share: float | None = None
    buckets: tuple[tuple[Arm, Arm], ...] = ()

    @property
    def weight(self) -> float:
        """Of Mantel and Haenszel: what the day can tell. 0 where one variant has nobody."""
        users = self.treatment.exposed + self.control.exposed
        return self.treatment.exposed * self.control.exposed / users if users > 0.0 else 0.0


def bucket_stratum(
    day: date, treatment: Sequence[Arm], control: Sequence[Arm], share: float | None = None
) -> Stratum:
    """A day counted by hash bucket: bucket i of both variants holds the same share of users."""
    pairs = tuple(zip(treatment, control, strict=True))
    return Stratum(day, total_of(treatment), total_of(control), share, pairs)


def total_of(arms: Iterable[Arm]) -> Arm:
    """All of them together."""
    exposed = converted = 0.0
    for arm in arms:
        exposed += arm.exposed
        converted += arm.converted
    return Arm(exposed, converted)


def comparable(strata: Iterable[Stratum], left_out: Collection[date] = ()) -> tuple[Stratum, ...]:
    """The days on which both variants had users, in order, without `left_out`."""
    used = (s for s in strata if s.weight > 0.0 and s.day not in left_out)
    return tuple(sorted(used, key=lambda s: s.day))


def days_of_change(ramp: Ramp | None, start: date) -> frozenset[date]:
    """The first days of steps that changed the share of users: half of such a day was split otherwise."""
    if ramp is None:
        return frozenset()
    firsts = (step.first_day(start) for step in ramp.steps)
    before = timedelta(days=1)
    return frozenset(
        day
        for day in firsts
        if day > start and ramp.scheduled(start, day) != ramp.scheduled(start, day - before)
    )


def left_out_days(metric: ExperimentMetric, pilot: Pilot) -> frozenset[date]:
    """The days that cannot be compared because the experiment's split changed on them."""
    return days_of_change(pilot.ramp, pilot.start) if metric.split.kind is SplitKind.RAMP else frozenset()


def planned_share(metric: ExperimentMetric, pilot: Pilot, day: date) -> float | None:
    """The share of treatment in both variants together that is planned for a day; None: not to be checked."""
    match metric.split.kind:
        case SplitKind.UNCHECKED:
            return None
        case SplitKind.RAMP if pilot.ramp is not None:
            return pilot.ramp.scheduled(pilot.start, day)
        case SplitKind.FIXED:
            return metric.split.treatment
        case _:
            return 0.5
