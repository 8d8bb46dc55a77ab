"""Streaks: for how long an SLO has been met, of the time that it is wanted to be.

Three parts, all of them over the whole time: the indicator over all of it meets the target; nearly all slices of 5 minutes
are good; nearly all of it was seen. "Every slice is good" would be wrong: 4,032 slices that each miss by chance once in a
thousand times pass together 1.8 % of the time. A slice is bad when its own events prove it; that the SLO is good is proven
by all events together.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from slo_daemon.core.slo.book import Entry
from slo_daemon.core.slo.budget import FULL_COVERAGE
from slo_daemon.core.slo.chunks import CELL, HOUR, floor
from slo_daemon.core.slo.measurement import Measured, Measurement
from slo_daemon.core.slo.query import Absent, Labels
from slo_daemon.core.slo.seen import parts_over
from slo_daemon.core.slo.sight import Sight
from slo_daemon.core.slo.sli import Gauge, Raw
from slo_daemon.core.slo.sli.gauge import Aggregate
from slo_daemon.core.slo.sli.parts import Need
from slo_daemon.core.slo.tallies import slices
from slo_daemon.core.slo.window import Tally

GOOD_SLICES = 0.99  # of all slices, so that an SLO counts as met over the whole time
COARSE = 28  # looks for where a streak begins, before the hour is looked for
_HALF_A_SLICE = 0.5  # sums of slices at a window's edges are fractions
_NOISE = 1.0  # seconds


class StreakReason(StrEnum):
    """Why an SLO counts as met for a time, or not."""

    MET = "met_throughout"
    TARGET_MISSED = "target_missed"
    SLICES_MISSED = "slices_missed"
    BACKFILLING = "backfilling"
    NOT_SEEN = "not_seen"
    NOT_PROVEN = "not_proven"


@dataclass(frozen=True, slots=True)
class Streak:
    """How an SLO (or group) stands towards having been met for `wanted` seconds, at the time `at` (Unix seconds).

    `met`: True and False are proven, None cannot be told; `reason` names why. `slices`: counted over the whole time.
    `whole`: the indicator over the whole time, None for kinds that have none. `since`: from when on it was seen and
    everything counts. `begin`: where a window may begin in which everything counts; a little may be unseen in it, so it can
    lie before `since`.
    """

    wanted: int
    at: float
    met: bool | None
    reason: StreakReason
    slices: Tally
    whole: Measurement | None
    since: float
    begin: float

    @property
    def seconds(self) -> float:
        """For how long it counts as met so far."""
        return self.at - self.since

    @property
    def earliest(self) -> float:
        """When it can have been met for long enough (Unix seconds), if it goes on like that."""
        return self.begin + self.wanted


def streak(entry: Entry, group: Labels, sight: Sight, *, backfilling: bool) -> Streak:
    """The streak of an SLO whose budget counts slices: `budget.window` is the time wanted, `budget.target` of good ones."""
    policy = entry.slo.budget
    assert policy is not None, "a streak is kept in a budget's slices"  # noqa: S101
    at, wanted = sight.at, policy.window.longest
    start = at - wanted
    total = wanted / CELL
    most_bad = (1.0 - policy.target) * total + _HALF_A_SLICE
    most_unseen = (1.0 - FULL_COVERAGE) * wanted

    def counted(since: float) -> Tally:
        return slices(entry, group, sight, [since])[0]

    def counts(since: float) -> bool:
        tally = counted(since)
        return tally.bad <= most_bad and _unseen(tally, at - since) <= most_unseen

    def whole(since: float) -> Measurement | None:
        return _whole(entry, group, sight, since)

    tally, over_all = counted(start), whole(start)
    met, reason = _judge(entry, tally, over_all, most_bad, backfilling=backfilling)
    if met:
        return Streak(wanted, at, met, reason, tally, over_all, start, start)
    marks = _marks(start, at)
    marks = marks[bisect_left(marks, True, key=counts) :]
    marks = marks[_first(marks, lambda since: _is_met(entry, whole(since), unsure=True)) :]
    if not marks:
        return Streak(wanted, at, met, reason, tally, over_all, at, at)
    return Streak(wanted, at, met, reason, tally, over_all, _first_seen(marks, at, counted), marks[0])


def _first_seen(marks: Sequence[float], at: float, counted: Callable[[float], Tally]) -> float:
    """What was not seen at the beginning is no part of a streak."""

    def seen(since: float) -> float:
        return _seen(counted(since), at - since) if since < at else 0.0

    whole = seen(marks[0])
    place = max(0, bisect_left(marks, True, key=lambda since: seen(since) < whole - _NOISE) - 1)
    following = marks[place + 1] if place + 1 < len(marks) else at
    return max(marks[place], following - (whole - seen(following)))


def _marks(start: float, at: float) -> list[float]:
    """Where a streak may begin: at the window's start, and at every full hour in it."""
    return [start, *(float(hour) for hour in range(floor(start, HOUR) + HOUR, floor(at, HOUR) + 1, HOUR))]


def _first(marks: Sequence[float], holds: Callable[[float], bool]) -> int:
    """The first mark that holds; coarsely at first, as a look costs sums over weeks. Past the end when none does."""
    step = max(1, len(marks) // COARSE)
    coarse = next((i for i in range(0, len(marks), step) if holds(marks[i])), len(marks))
    fine = range(max(0, coarse - step + 1), min(coarse, len(marks)))
    return next((i for i in fine if holds(marks[i])), coarse)


def _judge(
    entry: Entry, tally: Tally, whole: Measurement | None, most_bad: float, *, backfilling: bool
) -> tuple[bool | None, StreakReason]:
    """What is against it counts first, whatever was not seen."""
    if _is_met(entry, whole, unsure=True) is False:
        return False, StreakReason.TARGET_MISSED
    if tally.bad > most_bad:
        return False, StreakReason.SLICES_MISSED
    if backfilling:
        return None, StreakReason.BACKFILLING
    if tally.coverage < FULL_COVERAGE:
        return None, StreakReason.NOT_SEEN
    if not _is_met(entry, whole, unsure=False):
        return None, StreakReason.NOT_PROVEN
    return True, StreakReason.MET


def _is_met(entry: Entry, whole: Measurement | None, *, unsure: bool) -> bool:
    """Whether the target is met over the whole; where that is not sure, `unsure`. Kinds without a whole miss nothing."""
    if not has_whole(entry):
        return True
    if not isinstance(whole, Measured):
        return unsure
    objective = entry.slo.objective
    best, worst = objective.better(whole.low, whole.high), objective.worse(whole.low, whole.high)
    return objective.met(best if unsure else worst)


def has_whole(entry: Entry) -> bool:
    """Whether the indicator has a value over weeks: extremes and latest values of weeks say nothing about slices."""
    match entry.slo.indicator:
        case Raw():
            return False
        case Gauge(aggregate=aggregate):
            return aggregate is Aggregate.AVERAGE
        case _:
            return True


def _whole(entry: Entry, group: Labels, sight: Sight, since: float) -> Measurement | None:
    if not has_whole(entry) or since >= sight.at:
        return None
    slo = entry.slo
    columns = {name: sight.columns(key, slo.group_by, group) for name, key in entry.keys.items()}
    found = parts_over(entry, columns, sight, since, f"summed since {since:.0f}", {})
    parts = {name: part for name, part in found.readings.items() if not hasattr(part, "reason")}
    if entry.proof and isinstance(parts.get(entry.proof), Absent | None):
        return None
    # What was not seen is counted as slices; here only what was seen speaks.
    return slo.indicator.measure(parts, Need(slo.objective, slo.needed_events(), sight.at - since))


def _seen(tally: Tally, seconds: float) -> float:
    return tally.coverage * seconds


def _unseen(tally: Tally, seconds: float) -> float:
    return (1.0 - tally.coverage) * seconds
