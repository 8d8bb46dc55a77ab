"""Slots and windows: when an evaluation takes place, and over which span of time.

Every query of an evaluation carries its slot's time, so the same slot gives the same answer whenever it is asked.
Windows are rolling, or follow the calendar of a time zone. Where a zone's clock changes is a table of the zone database;
the standard library reads it, once for each zone.
"""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import assert_never
from zoneinfo import ZoneInfo

from slo_daemon.core.quantity import show_duration

_DAY = 86_400  # seconds
_LONGEST_SHIFT = 7_200  # seconds by which a change of the clock makes a period longer, at most
_NOISE = 2.0**-23  # of a total: less cannot be told from the rounding of counts in single precision
_HALF_AN_EVENT = 0.5  # as much as that is no rounding


@dataclass(frozen=True, slots=True)
class Slot:
    """A scheduled evaluation: `time` in Unix seconds, a multiple of `interval` (seconds) in the running daemon.

    A one-shot evaluation may name any time; its interval then only says how slots would follow.
    """

    time: float
    interval: float

    def slots_in(self, seconds: float) -> int:
        """How many consecutive slots cover `seconds`: at least one."""
        return max(1, -int(-seconds // self.interval))


def slot_at(now: float, interval: float) -> Slot:
    """The latest aligned slot at or before `now` (Unix seconds)."""
    return Slot(time=now // interval * interval, interval=interval)


@dataclass(frozen=True, slots=True)
class Window:
    """A rolling window that ends at the slot."""

    seconds: int

    @property
    def longest(self) -> int:
        """No window of this kind is longer (seconds): how far back must be kept what was counted."""
        return self.seconds

    def start(self, at: float) -> float:
        """Where the window that ends at `at` begins (Unix seconds)."""
        return at - self.seconds

    def end(self, at: float) -> float:
        """Where the window that holds `at` ends: a rolling one ends there."""
        return at

    def length(self, at: float) -> float:  # noqa: ARG002 - a calendar window needs it
        """Its seconds, from start to end."""
        return self.seconds

    def __str__(self) -> str:
        return show_duration(self.seconds)


class CalendarUnit(StrEnum):
    """The periods of a calendar. A week begins on Monday, everything at the first midnight of its first day."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_DAYS = {
    CalendarUnit.DAY: 1,
    CalendarUnit.WEEK: 7,
    CalendarUnit.MONTH: 31,
    CalendarUnit.QUARTER: 92,
    CalendarUnit.YEAR: 366,
}  # of the longest period


@dataclass(frozen=True, slots=True)
class CalendarWindow:
    """The calendar's period that holds the slot, by the clock of `zone` (an IANA name that exists).

    A period begins where the local date first reaches its first day, and ends where the next one begins: there are no
    gaps and no overlaps, also where a change of the clock skips midnight or shows it twice.
    """

    unit: CalendarUnit
    zone: str = "UTC"

    @property
    def seconds(self) -> int:
        """The nominal length: of the longest period, by a clock that does not change. A month has 31 days of 24 hours."""
        return _DAYS[self.unit] * _DAY

    @property
    def longest(self) -> int:
        """No period of this kind is longer (seconds): the nominal length, and what the clock may be set back in it."""
        return self.seconds + _LONGEST_SHIFT

    def start(self, at: float) -> float:
        """Where the period that holds `at` begins (Unix seconds)."""
        return _bounds(self.unit, self.zone, int(at // 1))[0]

    def end(self, at: float) -> float:
        """Where the period that holds `at` ends (Unix seconds): the next one begins there."""
        return _bounds(self.unit, self.zone, int(at // 1))[1]

    def length(self, at: float) -> float:
        """The seconds of the period that holds `at`, as they really pass."""
        start, end = _bounds(self.unit, self.zone, int(at // 1))
        return end - start

    def __str__(self) -> str:
        return f"{self.unit.value} ({self.zone})"


BudgetWindow = Window | CalendarWindow


@lru_cache(maxsize=256)
def _bounds(unit: CalendarUnit, zone: str, second: int) -> tuple[int, int]:
    """Where the period that holds a second begins, and where the next one does (Unix seconds)."""
    clock = ZoneInfo(zone)
    first = _first_day(unit, datetime.fromtimestamp(second, clock).date())
    following = _following(unit, first)
    start, end = _begin(first, clock), _begin(following, clock)
    if second >= end:  # the clock went back over midnight: this is the old date for the second time
        start, end = end, _begin(_following(unit, following), clock)
    return start, end


def _first_day(unit: CalendarUnit, day: date) -> date:
    match unit:
        case CalendarUnit.DAY:
            return day
        case CalendarUnit.WEEK:
            return day - timedelta(days=day.weekday())
        case CalendarUnit.MONTH:
            return day.replace(day=1)
        case CalendarUnit.QUARTER:
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case CalendarUnit.YEAR:
            return day.replace(month=1, day=1)
        case _:
            assert_never(unit)


def _following(unit: CalendarUnit, first: date) -> date:
    """The first day of the next period."""
    later = first + timedelta(days=_DAYS[unit])
    return _first_day(unit, later)


def _begin(day: date, clock: ZoneInfo) -> int:
    """The first second (Unix) whose local date is `day`, or later where the zone skipped that day."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=clock)
    first, second = int(midnight.timestamp()), int(midnight.replace(fold=1).timestamp())
    if first <= second:
        return first  # the usual case; if midnight came twice, the first time
    seconds = range(second, first + 1)  # midnight was skipped somewhere in here
    return seconds[bisect_left(seconds, day, key=lambda at: datetime.fromtimestamp(at, clock).date())]


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted over a span of time: events, or slices of time. Weighted sums, never means of ratios.

    `good` and `total` count what was seen only. `coverage` (0..1): the share of the span that was seen at all; what was
    not seen is unknown, never zero. `answered` (0..1): the share for which the source was asked and answered, be it with
    nothing: the rest may have been anything. `most`: good ones at most, where it cannot be told between two bucket edges.
    """

    good: float
    total: float
    coverage: float
    answered: float = 1.0
    most: float | None = None

    @property
    def bad(self) -> float:
        """Derived once: total - good, and nothing where that is only rounding. At most; see `least_bad`."""
        return self._rest(self.good)

    @property
    def least_bad(self) -> float:
        """What surely was bad."""
        return self._rest(self.good if self.most is None else self.most)

    def _rest(self, good: float) -> float:
        bad = self.total - good
        return bad if bad > min(self.total * _NOISE, _HALF_AN_EVENT) else 0.0
