"""How a pilot came to where it is: what the charts of a report are drawn from. One small frozen value, gaps included."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from statistics import median

from slo_daemon.core.pilot.measures import first_midnight
from slo_daemon.core.pilot.pilot import Pilot, SplitKind
from slo_daemon.core.pilot.records import Incident
from slo_daemon.core.pilot.satisfaction import Satisfaction
from slo_daemon.core.pilot.trials import Trial
from slo_daemon.core.slo.budget_points import crowded, step_at
from slo_daemon.core.slo.course import Course

DAY = 86_400
MOST_SLOS = 40  # of one pilot that have a course: more charts nobody looks at
MOST_OPINIONS = 14  # each is a question to the store
_LEAST_SHOWN = 28 * DAY  # seconds of an SLO's past that are shown of a pilot that is young
_MISSED = 3.0  # times the usual step, after which nothing is known of the time between


@dataclass(frozen=True, slots=True)
class Opinion:
    """What all votes came to that were given up to `at` (Unix seconds)."""

    at: float
    satisfaction: Satisfaction


@dataclass(frozen=True, slots=True)
class Served:
    """The share of users (0..1) that was served at `at` (Unix seconds); None: it was not known."""

    at: float
    share: float | None


@dataclass(frozen=True, slots=True)
class Courses:
    """`slos`: by instance id, at most `MOST_SLOS`. `opinions`: in order of time. `incidents`: newest first."""

    slos: Mapping[str, Course] = field(default_factory=dict)
    opinions: tuple[Opinion, ...] = ()
    incidents: tuple[Incident, ...] = ()


NO_COURSES = Courses()


def shown_since(pilot: Pilot, at: float) -> float:
    """From when on the past of SLOs is shown at `at`: the pilot's first midnight, and some weeks at least."""
    return min(first_midnight(pilot), at - _LEAST_SHOWN)


def opinion_times(pilot: Pilot, at: float) -> tuple[float, ...]:
    """When users are asked back about: ends of days since the pilot's start, evenly, and `at`; all Unix seconds."""
    start = first_midnight(pilot)
    days = ceil((at - start) / DAY)
    if days <= 1:
        return (at,)
    each = ceil(days / MOST_OPINIONS)
    past = [start + DAY * day for day in range(each, days, each)]
    return (*past[-(MOST_OPINIONS - 1) :], at)


def with_served(before: Iterable[Served], now: Served) -> tuple[Served, ...]:
    """What was served as reports saw it, one after the other: hourly for a week, then coarser, for 400 days at most."""
    kept = {one.at: one for one in before if one.at < now.at} | {now.at: now}
    gone = crowded(kept, now.at).keys()
    return tuple(one for at, one in sorted(kept.items()) if at not in gone)


def with_gaps(served: Sequence[Served], now: float) -> tuple[Served, ...]:
    """The same with a gap where reports were missing for long."""
    if len(served) < 3:
        return tuple(served)
    steps = [after.at - before.at for before, after in pairwise(served)]
    usual = median(steps)
    found = [served[0]]
    for before, after in pairwise(served):
        if after.at - before.at > _MISSED * max(usual, step_at(now - before.at) or 0.0):
            found.append(Served(before.at + 1.0, None))
        found.append(after)
    return tuple(found)


def planned_of(pilot: Pilot) -> tuple[tuple[float, float], ...]:
    """From when on (Unix seconds) which share of users (0..1) is planned; empty without a ramp."""
    if pilot.ramp is None:
        return ()
    days = {pilot.start} | {step.first_day(pilot.start) for step in pilot.ramp.steps}
    found: list[tuple[float, float]] = []
    for day in sorted(
        day for day in days if pilot.start <= day < pilot.start + max(pilot.duration, timedelta(1))
    ):
        share = pilot.ramp.scheduled(pilot.start, day)
        if not found or found[-1][1] != share:
            found.append((datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp(), share))
    return tuple(found)


def counted_of(trial: Trial) -> tuple[Served, ...]:
    """The share of treatment among the users of each day, at noon; empty where the split does not follow the ramp."""
    if trial.experiment.split.kind is not SplitKind.RAMP:
        return ()
    found = []
    for stratum in trial.strata:
        users = stratum.treatment.exposed + stratum.control.exposed
        noon = datetime(stratum.day.year, stratum.day.month, stratum.day.day, 12, tzinfo=UTC).timestamp()
        found.append(Served(noon, stratum.treatment.exposed / users if users > 0.0 else None))
    return tuple(found)
