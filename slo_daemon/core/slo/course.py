"""The course of one SLO (or group) over the hours that are kept: its value by hour, whole days, how its budget went.

Made for charts from the chunks that windows are made of: it asks the source nothing. What was not seen is a gap.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from slo_daemon.core.slo.book import Entry
from slo_daemon.core.slo.budget import FULL_COVERAGE, Budget, BudgetMethod, BudgetState
from slo_daemon.core.slo.chunks import CELL, HOUR, floor
from slo_daemon.core.slo.hours import Hours
from slo_daemon.core.slo.measurement import Measured, Measurement, NoTraffic
from slo_daemon.core.slo.query import Absent, Form, Labels, Sample, Samples
from slo_daemon.core.slo.sight import Sight
from slo_daemon.core.slo.sli.parts import Need, Part
from slo_daemon.core.slo.streak import has_whole
from slo_daemon.core.slo.tallies import JUDGED, MET

DAY = 86_400
LONGEST = 15 * 7 * DAY  # seconds that a course looks back at most
SPARK = 7 * DAY  # seconds of which values by hour are told
_MOST_STEPS = 240  # of the course of a budget
_NEARLY = 0.95  # of a step


@dataclass(frozen=True, slots=True)
class HourSeen:
    """The SLI of the hour that ended at `end` (Unix seconds); None: nothing is known. `coverage` (0..1) of its time."""

    end: float
    value: float | None
    coverage: float


@dataclass(frozen=True, slots=True)
class DaySeen:
    """A whole day (UTC) that began at `start` (Unix seconds), or as much of it as there has been.

    `met`: True: the SLI over the day proves it, and nearly all of the day's time was seen; False: proven by what was seen;
    None cannot be told. `total`: its events, where the kind counts any; 0: there was no traffic. `coverage` (0..1): of the
    time that there has been.
    """

    start: float
    met: bool | None
    value: float | None
    total: float | None
    coverage: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What was left of the present window's budget (1 untouched, 0 spent) at `at`; None: that time was not seen.

    `sure`: all of the step that ends there was seen.
    """

    at: float
    left: float | None
    sure: bool


@dataclass(frozen=True, slots=True)
class Course:
    """`spent`: how the window that ends now was spent: from 1 at its start to what is left of it now."""

    hours: tuple[HourSeen, ...] = ()
    days: tuple[DaySeen, ...] = ()
    spent: tuple[Spent, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """What was kept of an SLO, copied out of the ledger. `ends`: of the hours; `parts` by name; `slices`: None without.

    `at`: the time it is of; `until`: the latest border of cells, as nothing newer can be there; both Unix seconds.
    """

    entry: Entry
    at: float
    until: int
    ends: Sequence[int]
    parts: Mapping[str, Hours]
    slices: Hours | None


def gather(entry: Entry, group: Labels, sight: Sight, since: float) -> Gathered:
    """Copy what is kept from `since` (Unix seconds) on; cheap, as the ledger must not be written meanwhile."""
    since = max(since, sight.at - LONGEST)
    until = floor(sight.at, CELL)
    ends = range(floor(since, HOUR) + HOUR, -floor(-until, HOUR) + HOUR, HOUR)
    by = entry.slo.group_by
    parts = {name: sight.hours(key, sight.columns(key, by, group), ends) for name, key in entry.keys.items()}
    slices = None
    if entry.slices:
        slices = sight.hours(entry.slices, sight.columns(entry.slices, by, group), ends)
    return Gathered(entry, sight.at, until, ends, parts, slices)


def course(seen: Gathered, budget: Budget | None) -> Course:
    """`budget`: as it stands at the time of `seen`; None without one."""
    first = next((i for i in range(len(seen.ends)) if _covered(seen, i, i + 1)), None)
    if first is None:
        return Course()
    return Course(tuple(_hours(seen)), tuple(_days(seen, first)), tuple(_spent(seen, budget)))


def _hours(seen: Gathered) -> Iterator[HourSeen]:
    for i, end in enumerate(seen.ends):
        if end <= seen.at - SPARK:
            continue
        length = min(HOUR, seen.until - (end - HOUR))
        measurement = _measured(seen, i, i + 1, 0.0, length)
        value = measurement.value if isinstance(measurement, Measured) else None
        yield HourSeen(float(min(end, seen.until)), value, _share(_covered(seen, i, i + 1), length))


def _days(seen: Gathered, first: int) -> Iterator[DaySeen]:
    """From the first day of which anything was seen."""
    entry = seen.entry
    start = floor(seen.ends[first] - HOUR, DAY)
    while start < seen.until:
        here = [i for i, end in enumerate(seen.ends) if start < end <= start + DAY]
        low, high, length = here[0], here[-1] + 1, min(DAY, seen.until - start)
        coverage = _share(_covered(seen, low, high), length)
        if has_whole(entry):
            measurement = _measured(seen, low, high, entry.slo.needed_events(), length)
            yield _day(entry, start, measurement, coverage)
        else:
            yield _day_of_slices(seen, start, (low, high), length, coverage)
        start += DAY


def _day(entry: Entry, start: float, measurement: Measurement | None, coverage: float) -> DaySeen:
    match measurement:
        case Measured(value=value, low=low, high=high, total=total):
            objective = entry.slo.objective
            met = None
            if objective.met(objective.worse(low, high)):
                met = True if coverage >= FULL_COVERAGE else None
            elif not objective.met(objective.better(low, high)):
                met = False
            return DaySeen(start, met, value, total, coverage)
        case NoTraffic():
            return DaySeen(start, None, None, 0.0, coverage)
        case _:
            return DaySeen(start, None, None, None, coverage)


def _day_of_slices(
    seen: Gathered, start: float, hours: tuple[int, int], length: float, coverage: float
) -> DaySeen:
    """Kinds that have no value over a day: as many slices must have met as the budget wants of its window.

    It was missed only if it would be, had every slice met that was not seen.
    """
    policy = seen.entry.slo.budget
    good, judged = _slices(seen, *hours)
    if policy is None or judged <= 0.0:
        return DaySeen(start, None, None, None, coverage)
    unseen = (1.0 - coverage) * length / CELL
    met = None
    if (good + unseen) / (judged + unseen) < policy.target:
        met = False
    elif good / judged >= policy.target and coverage >= FULL_COVERAGE:
        met = True
    return DaySeen(start, met, None, None, coverage)


def _spent(seen: Gathered, budget: Budget | None) -> Iterator[Spent]:
    """What went wrong by then, as a share of all that did, is the share of what is spent."""
    if budget is None or budget.spent is None or budget.state is BudgetState.BACKFILLING:
        return
    begin = budget.policy.window.start(seen.at)
    here = [i for i, end in enumerate(seen.ends) if end > begin]
    bad = [max(0.0, _bad(seen, i, budget.policy.method)) for i in here]
    whole, gone = sum(bad), 0.0
    yield Spent(begin, 1.0 if here and _covered(seen, here[0], here[0] + 1) else None, sure=True)
    step = -(-len(here) // _MOST_STEPS)
    for place in range(0, len(here), step):
        part = here[place : place + step]
        gone += sum(bad[place : place + step])
        covered = sum(_covered(seen, i, i + 1) for i in part)
        last = place + step >= len(here)
        at = seen.at if last else float(seen.ends[part[-1]])
        length = min(at, seen.until) - max(begin, seen.ends[part[0]] - HOUR)
        if budget.policy.allowed <= 0.0:
            left = 0.0 if gone > 0.0 else 1.0
        else:
            left = 1.0 - (budget.spent * gone / whole if whole > 0.0 else 0.0)
        if last:  # the open hour's cells lag behind the slot, which has told what is left
            left = 1.0 - budget.spent
        yield Spent(at, left if covered or last else None, _share(covered, length) >= _NEARLY)


def _bad(seen: Gathered, hour: int, method: BudgetMethod) -> float:
    entry = seen.entry
    if method is BudgetMethod.TIMESLICES:
        met, judged = _slices(seen, hour, hour + 1)
        return judged - met
    if entry.counter is None:
        return 0.0
    rows = {
        name: [(row.labels, row.value) for row in _rows(seen, name, hour, hour + 1)] for name in entry.asks
    }
    counted = entry.counter(rows) if rows.get(entry.proof) else None
    return 0.0 if counted is None else counted[2] - counted[0]


def _slices(seen: Gathered, low: int, high: int) -> tuple[float, float]:
    """Slices that met, and all that were judged."""
    rows = seen.slices.rows(Form.EVENTS, low, high) if seen.slices is not None else ()
    counts = {row.labels: row.value for row in rows}
    return counts.get(MET, 0.0), counts.get(JUDGED, 0.0)


def _measured(seen: Gathered, low: int, high: int, needed: float, length: float) -> Measurement | None:
    """The SLI over some hours; None where it was not asked, or nothing came back."""
    entry = seen.entry
    parts: dict[str, Part] = {}
    answered = 1.0
    for name in entry.asks:
        rows = tuple(_rows(seen, name, low, high))
        parts[name] = Samples(entry.texts[name], rows) if rows else Absent(entry.texts[name])
        answered = min(answered, _share(seen.parts[name].told(low, high), length))
    proof = entry.proof or next(iter(entry.asks), "")
    if answered <= 0.0 or isinstance(parts.get(proof), Absent | None):
        return None
    return entry.slo.indicator.measure(parts, Need(entry.slo.objective, needed, length, answered))


def _rows(seen: Gathered, name: str, low: int, high: int) -> Sequence[Sample]:
    return seen.parts[name].rows(seen.entry.asks[name].form, low, high)


def _covered(seen: Gathered, low: int, high: int) -> float:
    """Seconds that were seen of what the SLO stands on."""
    proof = seen.parts.get(seen.entry.proof)
    if proof is not None:
        return proof.covered(low, high)
    return seen.slices.covered(low, high) if seen.slices is not None else 0.0


def _share(seconds: float, length: float) -> float:
    return min(1.0, seconds / length) if length > 0.0 else 0.0
