"""Windows: rolling ones end at the slot, calendar ones follow the clock of a place, and never leave a gap."""

from datetime import date, datetime
from math import nextafter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slo_daemon.core.slo.window import CalendarUnit, CalendarWindow, Tally, Window, slot_at

DAY, HOUR = 86_400, 3_600
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",  # half an hour off
    "Australia/Lord_Howe",  # its clock changes by half an hour
    "America/Sao_Paulo",  # changed at midnight until 2019: some days began at 01:00
    "Africa/Cairo",  # goes back at midnight
    "America/St_Johns",  # changed at 00:01: midnight came twice
    "Pacific/Apia",  # had no 30 December 2011
)
MINUTES = st.integers(min_value=600_000_000 // 60, max_value=2_200_000_000 // 60)
UNITS = st.sampled_from(list(CalendarUnit))


def unix(zone: str, *when: int, fold: int = 0) -> float:
    return datetime(*when, fold=fold, tzinfo=ZoneInfo(zone)).timestamp()


def test_a_rolling_window_ends_at_the_slot() -> None:
    window = Window(30 * DAY)
    slot = slot_at(1_700_000_030.0, 60)

    assert (window.start(slot.time), window.end(slot.time)) == (slot.time - 30 * DAY, slot.time)
    assert window.seconds == window.longest == window.length(slot.time) == 30 * DAY
    assert str(window) == "30d"


@pytest.mark.parametrize(
    ("unit", "start", "end"),
    [
        (CalendarUnit.DAY, (2026, 8, 19), (2026, 8, 20)),
        (CalendarUnit.WEEK, (2026, 8, 17), (2026, 8, 24)),
        (CalendarUnit.MONTH, (2026, 8, 1), (2026, 9, 1)),
        (CalendarUnit.QUARTER, (2026, 7, 1), (2026, 10, 1)),
        (CalendarUnit.YEAR, (2026, 1, 1), (2027, 1, 1)),
    ],
)
@pytest.mark.parametrize("zone", ZONES[:6])
def test_a_calendar_window_is_the_period_of_the_local_date(
    unit: CalendarUnit, start: tuple[int, ...], end: tuple[int, ...], zone: str
) -> None:
    window, wednesday = CalendarWindow(unit, zone), unix(zone, 2026, 8, 19, 14, 30)

    assert window.start(wednesday) == unix(zone, *start)
    assert window.end(wednesday) == unix(zone, *end)


def test_the_same_moment_lies_in_different_months_in_different_places() -> None:
    new_year_in_kolkata = unix("Asia/Kolkata", 2026, 1, 1)

    assert (
        CalendarWindow(CalendarUnit.MONTH, "Asia/Kolkata").start(new_year_in_kolkata) == new_year_in_kolkata
    )
    assert CalendarWindow(CalendarUnit.MONTH).start(new_year_in_kolkata) == unix("UTC", 2025, 12, 1)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", (2026, 3, 29), 23.0),
        ("Europe/Berlin", (2026, 10, 25), 25.0),
        ("Australia/Lord_Howe", (2026, 10, 4), 23.5),
        ("Australia/Lord_Howe", (2026, 4, 5), 24.5),
        ("Asia/Kolkata", (2026, 3, 29), 24.0),
        ("America/Sao_Paulo", (2018, 11, 4), 23.0),
        ("America/Sao_Paulo", (2018, 2, 17), 25.0),
        ("Antarctica/Troll", (2026, 10, 25), 26.0),
    ],
)
def test_a_day_is_as_long_as_the_clock_makes_it(zone: str, day: tuple[int, ...], hours: float) -> None:
    noon = unix(zone, *day, 12)
    assert CalendarWindow(CalendarUnit.DAY, zone).length(noon) == hours * HOUR
    assert CalendarWindow(CalendarUnit.DAY, zone).longest >= hours * HOUR


def test_a_day_whose_midnight_is_skipped_begins_when_the_clock_jumps() -> None:
    before = unix("America/Sao_Paulo", 2018, 11, 3, 23, 59)
    window = CalendarWindow(CalendarUnit.DAY, "America/Sao_Paulo")

    assert window.end(before) == before + 60 == window.start(before + 60)
    assert str(datetime.fromtimestamp(before + 60, ZoneInfo(window.zone)))[:16] == "2018-11-04 01:00"


def test_a_midnight_that_comes_twice_begins_the_day_the_first_time() -> None:
    """In St. John's the clock went back from 00:01 to 23:01 of the day before."""
    window = CalendarWindow(CalendarUnit.MONTH, "America/St_Johns")
    midnight = unix("America/St_Johns", 2009, 11, 1)
    assert unix("America/St_Johns", 2009, 11, 1, fold=1) == midnight + HOUR

    assert window.start(midnight) == window.start(midnight + 1_800) == midnight
    assert window.end(midnight - 1) == midnight


def test_a_day_that_a_zone_skipped_has_no_time() -> None:
    window = CalendarWindow(CalendarUnit.DAY, "Pacific/Apia")
    last = unix("Pacific/Apia", 2011, 12, 29, 23, 59)

    assert window.end(last) == window.start(last + 60) == unix("Pacific/Apia", 2011, 12, 31)


@given(UNITS, st.sampled_from(ZONES), MINUTES)
@example(CalendarUnit.DAY, "America/Sao_Paulo", 1_541_300_400 // 60)
@example(CalendarUnit.DAY, "Pacific/Apia", 1_325_239_200 // 60)
def test_every_moment_lies_in_exactly_one_period(unit: CalendarUnit, zone: str, minute: int) -> None:
    window, at = CalendarWindow(unit, zone), minute * 60.0
    start, end = window.start(at), window.end(at)

    assert start <= at < end
    assert window.length(at) == end - start <= window.longest
    assert window.start(start) == window.start(end - 1) == start  # all of it is one period
    assert window.end(start - 1) == start, "no gap and no overlap before"
    assert window.start(end) == end, "no gap and no overlap behind"


@given(st.sampled_from(ZONES), MINUTES)
def test_a_fraction_of_a_second_belongs_to_its_second(zone: str, minute: int) -> None:
    window = CalendarWindow(CalendarUnit.DAY, zone)
    end = window.end(minute * 60.0)

    assert window.end(nextafter(end, 0.0)) == end
    assert window.start(end + 0.25) == end


@given(st.sampled_from(ZONES[:-1]), st.dates(date(1995, 1, 1), date(2035, 1, 1)))
def test_at_noon_the_day_is_the_local_date(zone: str, day: date) -> None:
    noon = unix(zone, day.year, day.month, day.day, 12)
    start = CalendarWindow(CalendarUnit.DAY, zone).start(noon)

    assert datetime.fromtimestamp(start, ZoneInfo(zone)).date() == day
    assert 10 * HOUR < noon - start < 14 * HOUR


@pytest.mark.parametrize(
    ("window", "days", "text"),
    [
        (CalendarWindow(CalendarUnit.DAY), 1, "day (UTC)"),
        (CalendarWindow(CalendarUnit.WEEK), 7, "week (UTC)"),
        (CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin"), 31, "month (Europe/Berlin)"),
        (CalendarWindow(CalendarUnit.QUARTER), 92, "quarter (UTC)"),
        (CalendarWindow(CalendarUnit.YEAR), 366, "year (UTC)"),
    ],
)
def test_the_nominal_length_is_that_of_the_longest_period(
    window: CalendarWindow, days: int, text: str
) -> None:
    assert window.seconds == days * DAY
    assert str(window) == text


def test_what_is_only_rounding_is_no_bad_event() -> None:
    """Counts are kept in single precision: good and total of a perfect service differ in the last digits."""
    assert Tally(good=999_999.94, total=1_000_000.0, coverage=1.0).bad == 0.0
    assert Tally(good=999_999_999.0, total=1_000_000_000.0, coverage=1.0).bad == 1.0
    assert Tally(good=0.99, total=1.0, coverage=1.0).bad == pytest.approx(0.01)
    assert Tally(good=101.0, total=100.0, coverage=1.0).bad == 0.0
