"""The ledger: who asks what has a home with a reach, and keeps its history while others come and go."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_daemon.core.slo.chunks import CELL, HOUR, LONG_CELLS, SHORT_CELLS, ChunkBlock, Reach, reach_for
from slo_daemon.core.slo.feed import Feed
from slo_daemon.core.slo.ledger import Ledger, Wanted
from slo_daemon.core.slo.query import Absent, Ask, Failed, FailReason, Form, QueryPlan, Sample, Samples
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sight import Sight

START = 1_000_000 * HOUR
DAY = 24 * HOUR


def ask(name: str, form: Form = Form.EVENTS) -> Ask:
    return Ask(form, parse_selector(name), CELL)


def events(name: str, start: float, end: float) -> float:
    """Events between two times: even within each 5 minutes, of another rate in each."""
    factor = sum(map(ord, name))
    total = 0.0
    for cell in range(int(start // CELL) * CELL, int(end) + CELL, CELL):
        total += (cell // CELL * factor % 7) * max(0.0, min(end, cell + CELL) - max(start, cell))
    return total


class Kept:
    """A ledger of some asks (by window), with a feed for each."""

    def __init__(self, interval: float = 60.0, phase_span: int = HOUR, **windows: int) -> None:
        self.ledger = Ledger(interval, phase_span)
        self.feeds: dict[str, Feed] = {}
        self.adopt(**windows)

    def adopt(self, **windows: int) -> set[str]:
        for name in windows:
            if name not in self.feeds:
                self.feeds[name] = Feed(QueryPlan.of([ask(name)]).queries[0])
        wanted = {ask(name).key: Wanted(Form.EVENTS, reach_for(span)) for name, span in windows.items()}
        return self.ledger.adopt(wanted)

    def _answers(self, names: Iterable[str], time: float, span: int, write: Callable[..., Any]) -> list[Any]:
        return [
            write(self.feeds[name], self.feeds[name].instant(self.answer(name, time, span), time))
            for name in names
        ]

    @staticmethod
    def answer(name: str, time: float, span: int) -> Samples:
        return Samples("q", (Sample((), events(name, time - span, time)),))

    def ticks(self, times: Iterable[float], *names: str) -> None:
        for time in times:
            self._answers(names, time, CELL, self.ledger.write_tick)

    def cells(self, times: Iterable[float], *names: str) -> list[ChunkBlock]:
        return [
            block for time in times for block in self._answers(names, time, CELL, self.ledger.write_cells)
        ]

    def hours(self, times: Iterable[float], *names: str) -> list[ChunkBlock]:
        return [
            block for time in times for block in self._answers(names, time, HOUR, self.ledger.write_hours)
        ]

    def window(self, name: str, start: float, end: float) -> tuple[float, float]:
        """(events, share of the window that was seen)."""
        sight, key = Sight(self.ledger, end), ask(name).key
        rows, seen, _ = sight.rows(key, Form.EVENTS, sight.columns(key, (), ()), start)
        return sum(value for _, value in rows), seen


def cells_of(start: float, end: float) -> range:
    return range(int(start) + CELL, int(end) + CELL, CELL)


def hours_of(start: float, end: float) -> range:
    return range(int(start) + HOUR, int(end) + HOUR, HOUR)


@pytest.mark.parametrize("interval", [15.0, 30.0, 60.0])
@given(slots=st.integers(1, 90), phase=st.integers(0, 19))
@settings(max_examples=25)
def test_up_to_an_hour_a_window_is_exact_at_every_slot_of_any_phase(
    interval: float, slots: int, phase: int
) -> None:
    kept = Kept(interval, x=HOUR)
    begin = START + phase * interval
    times = [begin + interval * i for i in range(int(2 * HOUR / interval) + slots)]
    kept.ticks(times, "x")
    end = times[-1]
    for span in (CELL, 6 * CELL, HOUR):
        counted, seen = kept.window("x", end - span, end)
        assert seen == 1.0
        assert counted == pytest.approx(events("x", end - span, end))


def test_slots_whose_interval_does_not_divide_five_minutes_go_on_from_cells() -> None:
    """Every 45 s the phase is another one, but for each twentieth slot."""
    kept = Kept(45.0, x=HOUR)
    kept.cells(cells_of(START, START + 3 * HOUR), "x")
    end = START + 2 * HOUR + 45.0 * 7
    kept.ticks([end], "x")
    counted, seen = kept.window("x", end - HOUR, end)
    assert seen == pytest.approx(1.0)
    assert counted == pytest.approx(events("x", end - HOUR, end))


def test_a_missed_slot_ends_the_run_of_its_phase_and_cells_take_over() -> None:
    kept = Kept(60.0, x=HOUR)
    end = START + 2 * HOUR + 60.0
    times = [end - CELL * back for back in range(12) if back != 4]
    kept.ticks(sorted(times), "x")
    assert kept.window("x", end - HOUR, end)[1] == pytest.approx(4 / 12)
    kept.cells(cells_of(START, START + 2 * HOUR), "x")
    counted, seen = kept.window("x", end - HOUR, end)
    assert seen == pytest.approx(1.0)
    assert counted == pytest.approx(events("x", end - HOUR, end))


def test_who_asks_the_same_over_longer_keeps_more() -> None:
    assert reach_for(HOUR) == Reach(SHORT_CELLS, 0)
    assert reach_for(HOUR + 1).cells == LONG_CELLS
    kept = Kept(x=HOUR, y=30 * DAY)
    assert kept.ledger.table(ask("x").key) is not kept.ledger.table(ask("y").key)
    assert kept.ledger.longest_reach() == reach_for(30 * DAY)


def test_asks_that_come_and_go_leave_the_others_history_alone() -> None:
    kept = Kept(x=DAY, y=DAY)
    end = START + 20 * HOUR
    kept.cells(cells_of(START, end), "x", "y")
    kept.hours(hours_of(START, end), "x", "y")
    assert kept.adopt(x=DAY, z=DAY) == {ask("z").key}
    counted, seen = kept.window("x", START, end)
    assert counted == pytest.approx(events("x", START, end))
    assert seen == 1.0
    assert kept.window("z", START, end) == (0, 0.0)
    assert kept.adopt(x=DAY, y=DAY) == {ask("y").key}
    assert kept.window("y", START, end) == (0, 0.0)


def test_an_ask_that_moves_to_another_reach_is_new_there() -> None:
    kept = Kept(x=DAY)
    kept.cells([START + CELL], "x")
    assert kept.adopt(x=30 * DAY) == {ask("x").key}
    assert kept.adopt(x=30 * DAY) == set()


def test_what_was_stored_is_there_again_and_what_nobody_wants_is_left_out() -> None:
    kept = Kept(x=DAY, y=DAY)
    end = START + 20 * HOUR
    blocks = [
        *kept.cells(cells_of(START, end), "x", "y"),
        *kept.hours(hours_of(START, end), "x", "y"),
    ]
    again = Kept(x=DAY)
    for block in blocks:
        again.ledger.load(block)
    counted, seen = again.window("x", START + 700, end)
    assert counted == pytest.approx(events("x", START + 700, end))
    assert seen == pytest.approx(1.0)
    assert again.ledger.unasked(HOUR, [end], [ask("x").key]) == []


def test_what_was_not_asked_is_named_newest_first_as_far_as_it_is_kept() -> None:
    kept = Kept(x=HOUR, y=DAY)
    times = list(range(START + DAY, START, -CELL))
    kept.cells([times[0], times[2]], "x")
    missing = kept.ledger.unasked(CELL, times, [ask("x").key])
    assert missing == [times[1], *times[3 : SHORT_CELLS // CELL]]
    assert kept.ledger.unasked(CELL, times, [ask("x").key, ask("y").key])[:2] == [times[0], times[1]]
    assert kept.ledger.unasked(HOUR, [START], [ask("x").key]) == []  # nobody needs hours of it


def test_an_answer_of_nothing_is_not_asked_again_and_a_failure_is() -> None:
    kept = Kept(x=DAY)
    feed, key = kept.feeds["x"], ask("x").key
    kept.ledger.write_cells(feed, feed.instant(Absent("q"), START + CELL))
    kept.ledger.write_cells(feed, feed.instant(Failed("q", FailReason.TIMEOUT, ""), START + 2 * CELL))
    assert kept.ledger.unasked(CELL, [START + 2 * CELL, START + CELL], [key]) == [START + 2 * CELL]


def test_a_failure_that_comes_later_takes_nothing_away() -> None:
    asks = [ask('x{s="a"}'), ask('x{s="b"}')]
    feed = Feed(QueryPlan.of(asks).queries[0])
    ledger = Ledger(60.0)
    ledger.adopt({one.key: Wanted(Form.EVENTS, reach_for(DAY)) for one in asks})

    def write(a: float, b: float) -> None:
        rows = (Sample((("s", "a"),), a), Sample((("s", "b"),), b))
        ledger.write_cells(feed, feed.instant(Samples("q", rows), START + CELL))

    write(1.0, 2.0)
    write(float("nan"), 3.0)
    found = [ledger.cells_of(one.key, [START + CELL]) for one in asks]
    assert [cells[1].tolist() for cells in found if cells] == [[[1.0]], [[3.0]]]


def test_an_hour_is_seen_in_part_when_its_own_cells_say_so_whatever_others_lack() -> None:
    kept = Kept(x=DAY, y=DAY)
    feed = kept.feeds["x"]
    for time in cells_of(START, START + HOUR):
        gone = START + 20 * 60 < time <= START + 50 * 60
        reading = Absent("q") if gone else kept.answer("x", time, CELL)
        kept.ledger.write_cells(feed, feed.instant(reading, time))
    kept.hours([START + HOUR], "x", "y")
    assert kept.window("x", START, START + HOUR)[1] == 0.5
    assert kept.window("y", START, START + HOUR)[1] == 1.0


def test_the_progress_counts_the_hours_of_every_ask() -> None:
    kept = Kept(x=DAY, y=HOUR)
    hours = list(range(START + 40 * HOUR, START, -HOUR))
    assert kept.ledger.progress(hours) == (27, 0)  # a day and three hours more
    kept.hours(hours[:5], "x")
    assert kept.ledger.progress(hours) == (27, 5)


def test_groups_are_told_apart_by_their_labels_and_rows_without_them_belong_to_none() -> None:
    grouped = Ask(Form.EVENTS, parse_selector("x"), CELL, ("region",))
    feed, ledger = Feed(QueryPlan.of([grouped]).queries[0]), Ledger(60.0)
    ledger.adopt({grouped.key: Wanted(Form.EVENTS, reach_for(HOUR))})

    def tick(time: float, *regions: str) -> None:
        rows = tuple(Sample((("region", region),) if region else (), 5.0) for region in regions)
        ledger.write_tick(feed, feed.instant(Samples("q", rows), time))

    eu, us = (("region", "eu"),), (("region", "us"),)
    tick(START, "eu", "us", "")
    sight = Sight(ledger, START)
    assert sight.groups(grouped.key, ("region",), START) == {eu, us, ()}
    tick(START + 600, "us")
    later = Sight(ledger, START + 600)
    assert later.groups(grouped.key, ("region",), START + 600) == {us}
    assert later.newest(grouped.key, later.columns(grouped.key, ("region",), eu)) == START
    assert later.columns(grouped.key, ("region",), (("region", "asia"),)) == ()


@settings(max_examples=40)
@given(st.data())
def test_any_window_counts_its_events_whatever_came_when(data: st.DataObject) -> None:
    """Cells, hours and slots in any mixture, some missing: no event twice, none that was not seen, coverage to the second."""
    kept = Kept(x=DAY)
    end = START + 8 * HOUR + data.draw(st.integers(0, 59)) * 60.0
    cells = data.draw(st.sets(st.sampled_from(list(cells_of(START, end // CELL * CELL)))))
    hours = data.draw(st.sets(st.sampled_from(list(hours_of(START, end // HOUR * HOUR)))))
    ticks = [end - CELL * back for back in range(data.draw(st.integers(0, 12)))]
    kept.cells(sorted(cells), "x")
    kept.hours(sorted(hours), "x")
    kept.ticks(sorted(ticks), "x")
    start = max(START, end - data.draw(st.sampled_from([CELL, HOUR, 2 * HOUR, 6 * HOUR])))
    counted, seen = kept.window("x", start, end)
    whole = events("x", start, end)
    assert 0.0 <= seen <= 1.0
    assert counted <= whole * (1 + 1e-6) + 7 * HOUR  # an hour in which the window begins may be uneven
    if seen == 1.0 and not hours:
        assert counted == pytest.approx(whole)
    if seen == 0.0:
        assert counted == 0.0
