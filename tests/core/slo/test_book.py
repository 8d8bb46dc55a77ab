"""What an SLO asks and needs, and what one slot sees of it."""

from dataclasses import replace

import pytest

from slo_daemon.core.quantity import parse_quantity
from slo_daemon.core.slo.book import entry_of, wanted
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.burn_rate import BurnPair, BurnPolicy
from slo_daemon.core.slo.chunks import CELL, HOUR, reach_for
from slo_daemon.core.slo.feed import Feed
from slo_daemon.core.slo.ledger import Ledger
from slo_daemon.core.slo.objective import Direction, Level, Objective
from slo_daemon.core.slo.query import (
    MARK,
    Absent,
    Failed,
    FailReason,
    Form,
    Query,
    Reading,
    Sample,
    Samples,
)
from slo_daemon.core.slo.seen import Seen, see
from slo_daemon.core.slo.selector import parse_raw, parse_selector
from slo_daemon.core.slo.sight import Sight
from slo_daemon.core.slo.sli import Gauge, Ratio, Raw
from slo_daemon.core.slo.sli.gauge import Aggregate
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import CalendarUnit, CalendarWindow, Window

START = 11_574 * 86_400  # a midnight
DAY = 86_400
GOOD = Objective(Direction.AT_LEAST, parse_quantity("99.9%"))
TOGETHER = Ratio(parse_selector('r{code="500"}'), parse_selector("r"), counts_good=False, as_good=True)
APART = replace(TOGETHER, counted=parse_selector("e"))
PAIRS = BurnPolicy((BurnPair(Level.CRITICAL, 0.02, HOUR, 300),))
WEEK = BudgetPolicy(Window(7 * DAY), BudgetMethod.OCCURRENCES, 0.999)
RATIO = parse_quantity("0.5ratio").unit


def slo(indicator: object = TOGETHER, window: int = 300, **more: object) -> Slo:
    return Slo("p", "s", indicator, GOOD, Window(window), **more)  # type: ignore[arg-type]


class Kept:
    """The ledger of one SLO: every cell and hour until `end` has so many errors of 1,000 requests a cell."""

    def __init__(self, of: Slo) -> None:
        self.entry = entry_of(of)
        self.ledger = Ledger(60.0)
        self.ledger.adopt(wanted([self.entry]))
        self.feeds = {name: Feed(Query(ask, (ask,))) for name, ask in self.entry.asks.items()}

    def answer(self, name: str, errors: float, factor: float = 1.0) -> Reading:
        good, bad = ((MARK, ""),), ((MARK, "1"),)
        rows = {
            "events": (Sample(good, (1_000 - errors) * factor), Sample(bad, errors * factor)),
            "total": (Sample((), 1_000 * factor),),
            "bad": (Sample((), errors * factor),),
        }[name]
        return Samples("q", rows)

    def fill(self, start: int, end: int, errors: float = 1.0, *, but: str = "") -> None:
        for name, feed in self.feeds.items():
            if name == but:
                continue
            for time in range(start + CELL, end + 1, CELL):
                self.ledger.write_cells(feed, feed.instant(self.answer(name, errors), time))
            for time in range(start + HOUR, end + 1, HOUR):
                self.ledger.write_hours(feed, feed.instant(self.answer(name, errors, 12.0), time))

    def see(self, at: float, failed: dict[str, Failed] | None = None) -> Seen:
        return see(self.entry, (), Sight(self.ledger, at), {}, failed or {})


def test_a_ratio_of_one_metric_asks_one_question_and_of_two_metrics_two() -> None:
    one, two = entry_of(slo()), entry_of(slo(APART))
    assert (list(one.asks), one.proof) == (["events"], "events")
    assert (list(two.asks), two.proof) == (["bad", "total"], "total")
    assert one.direct == two.direct == {}


@pytest.mark.parametrize("window", [300, 3600, 30 * DAY])
def test_whatever_the_window_the_same_5_minutes_are_asked(window: int) -> None:
    (text,) = entry_of(slo(window=window)).texts.values()
    assert "[5m30s]" in text
    assert entry_of(slo(window=window)).keys == entry_of(slo()).keys


@pytest.mark.parametrize("window", [10, 60, 299])
def test_less_than_five_minutes_is_asked_as_it_is_with_its_freshness_beside_it(window: int) -> None:
    entry = entry_of(slo(window=window))
    assert (entry.alone, entry.asks) == (True, {})
    assert [ask.form for ask in entry.direct.values()] == [Form.EVENTS, Form.PRESENCE]
    assert entry.direct["events"].window == window


def test_a_short_window_with_a_budget_has_chunks_as_well() -> None:
    entry = entry_of(slo(window=60, budget=WEEK, burn=PAIRS))
    assert list(entry.asks) == ["events"]
    assert list(entry.direct) == ["events"]
    assert entry.proof == "events"


def test_an_expression_is_asked_over_its_window_and_every_selector_beside_it() -> None:
    raw = Raw("rate(a[$window]) / rate(b[$window])", RATIO, parse_raw("rate(a[$window]) / rate(b[$window])"))
    entry = entry_of(slo(raw, 3600))
    assert list(entry.direct) == ["value", "fresh: a", "fresh: b"]
    assert entry.direct["value"].promql() == "rate(a[1h]) / rate(b[1h])"
    sliced = entry_of(slo(raw, 3600, budget=replace(WEEK, method=BudgetMethod.TIMESLICES)))
    assert sliced.asks["value"].promql() == "rate(a[5m]) / rate(b[5m])"


def test_lookbacks_are_those_of_the_pairs_and_of_the_forecast() -> None:
    assert entry_of(slo()).lookbacks == ()
    assert entry_of(slo(budget=WEEK)).lookbacks == (20_100,)  # a thirtieth of the window
    assert entry_of(slo(budget=WEEK, burn=PAIRS)).lookbacks == (300, HOUR, 20_100)
    month = replace(WEEK, window=Window(30 * DAY))
    assert entry_of(slo(budget=month)).lookbacks == (DAY,)
    hour = replace(WEEK, window=Window(6 * HOUR))
    assert entry_of(slo(budget=hour)).lookbacks == (HOUR,)


def test_who_asks_the_same_shares_the_longest_reach() -> None:
    short, long = entry_of(slo()), entry_of(slo(budget=WEEK))
    (reach,) = {want.reach for want in wanted([short, long]).values()}
    assert reach == reach_for(7 * DAY)
    calendar = replace(WEEK, window=CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin"))
    (want,) = wanted([entry_of(slo(budget=calendar))]).values()
    assert want.reach.hours > 31 * DAY


def test_a_whole_window_has_its_events_and_is_all_seen() -> None:
    kept = Kept(slo(APART, 6 * HOUR))
    kept.fill(START, START + DAY)
    seen = kept.see(START + DAY)
    assert {name: reading.rows[0].value for name, reading in seen.readings.items()} == {  # type: ignore[union-attr]
        "bad": 72.0,
        "total": 72_000.0,
    }
    assert (seen.coverage, seen.answered, seen.newest) == (1.0, 1.0, START + DAY)


def test_what_this_slot_could_not_ask_is_failed_however_much_is_known() -> None:
    kept = Kept(slo(APART, 6 * HOUR))
    kept.fill(START, START + DAY)
    failed = Failed("q", FailReason.TIMEOUT, "slow")
    seen = kept.see(START + DAY, {kept.entry.keys["bad"]: failed})
    assert seen.readings["bad"] == failed


def test_a_part_that_was_never_answered_makes_the_whole_unknown_and_never_good() -> None:
    kept = Kept(slo(APART, 6 * HOUR, budget=WEEK, burn=PAIRS))
    kept.fill(START, START + 8 * DAY, but="bad")
    seen = kept.see(START + 8 * DAY)
    assert isinstance(seen.readings["bad"], Absent)
    assert (seen.coverage, seen.answered, seen.backfilling) == (0.0, 0.0, True)
    assert seen.budget is not None
    assert (seen.budget.coverage, seen.budget.answered) == (0.0, 0.0)
    assert seen.tallies is not None
    assert {tally.answered for tally in seen.tallies.values()} == {0.0}


def test_a_part_that_was_answered_with_nothing_is_no_error_at_all() -> None:
    kept = Kept(slo(APART, 6 * HOUR))
    kept.fill(START, START + DAY, but="bad")
    feed = kept.feeds["bad"]
    for time in range(START + CELL, START + DAY + 1, CELL):
        kept.ledger.write_cells(feed, feed.instant(Absent("q"), time))
    seen = kept.see(START + DAY)
    assert isinstance(seen.readings["bad"], Absent)
    assert (seen.coverage, seen.answered) == (1.0, 1.0)


def test_a_hole_of_both_parts_is_one_hole() -> None:
    kept = Kept(slo(APART, HOUR))
    kept.fill(START, START + 50 * 60)
    seen = kept.see(START + HOUR)
    assert seen.coverage == seen.answered == pytest.approx(50 / 60)


def test_the_budget_and_every_lookback_count_their_own_events() -> None:
    kept = Kept(slo(budget=WEEK, burn=PAIRS))
    kept.fill(START, START + 8 * DAY, 1.0)
    kept.fill(START + 8 * DAY - HOUR, START + 8 * DAY, 10.0)
    seen = kept.see(START + 8 * DAY)
    assert seen.tallies is not None
    assert seen.budget is not None
    assert (seen.tallies[300].bad, seen.tallies[300].total) == (10.0, 1_000.0)
    assert (seen.tallies[HOUR].bad, seen.tallies[HOUR].total) == (120.0, 12_000.0)
    assert seen.tallies[20_100].bad == pytest.approx(120.0 + 55.0)
    assert seen.budget.bad == pytest.approx(7 * 288 - 12 + 120)
    assert (seen.budget.coverage, seen.backfilling) == (1.0, False)


def test_a_budget_is_backfilling_until_every_closed_hour_of_it_was_asked() -> None:
    kept = Kept(slo(budget=WEEK))
    kept.fill(START + DAY, START + 8 * DAY)
    at = START + 8 * DAY
    assert kept.see(at).backfilling is False
    assert kept.see(at - 2 * HOUR).backfilling is True  # two hours more of the past
    kept.fill(START, START + DAY)
    assert kept.see(at - 2 * HOUR).backfilling is False


def test_a_calendar_window_that_has_just_begun_holds_what_has_happened_in_it() -> None:
    day = replace(WEEK, window=CalendarWindow(CalendarUnit.DAY))
    kept = Kept(slo(budget=day))
    kept.fill(START - DAY, START + 2 * CELL, 5.0)
    seen = kept.see(START + 2 * CELL)
    assert seen.budget is not None
    assert (seen.budget.bad, seen.budget.coverage) == (10.0, 1.0)
    begun = kept.see(START).budget
    assert begun is not None
    assert begun.total == 0.0


def test_a_dead_target_leaves_its_last_chunk_as_the_newest() -> None:
    kept = Kept(slo(window=6 * HOUR))
    kept.fill(START, START + DAY)
    assert kept.see(START + DAY + 1_800).newest == START + DAY


def test_a_gauge_is_weighted_by_the_time_that_it_was_seen() -> None:
    kept = Kept(slo(Gauge(parse_selector("g"), Aggregate.AVERAGE, RATIO), HOUR))
    feed = kept.feeds["value"]
    for place, value in enumerate([0.2] * 3 + [0.8] * 6):
        reading = Samples("q", (Sample((), value),))
        kept.ledger.write_cells(feed, feed.instant(reading, START + CELL * (place + 1)))
    seen = kept.see(START + 45 * 60)
    (row,) = seen.readings["value"].rows  # type: ignore[union-attr]
    assert row.value == pytest.approx(0.6)
    assert seen.coverage == pytest.approx(45 / 60)
