"""Windows are sums of chunks: held against events that are known to the second."""

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.slo.chunk_ring import Ring
from slo_daemon.core.slo.chunk_table import Table
from slo_daemon.core.slo.chunks import CELL, HOUR, WHOLE, Column, Reach, Reducer, reach_for

START = 1_000_000 * HOUR  # where the known events begin
HOURS = 5
CELLS = HOURS * HOUR // CELL
END = START + HOURS * HOUR
REACH = Reach(26 * HOUR, 40 * HOUR)
ASK = "x"

rates = st.lists(st.integers(0, 50), min_size=CELLS, max_size=CELLS)  # events a second, even within each cell
seconds = st.integers(0, HOURS * HOUR)


def truth(rates: Sequence[int], start: float, end: float) -> float:
    """The events between two times."""
    borders = [START + CELL * i for i in range(CELLS + 1)]
    return sum(
        rate * max(0.0, min(end, high) - max(start, low))
        for rate, low, high in zip(rates, borders, borders[1:], strict=False)
    )


class Filled:
    """A table of one ask with one column, into which chunks of known events are written."""

    def __init__(
        self, reducer: Reducer = Reducer.SUM, *, ticks: int = 61, reach: Reach = REACH, phase_span: int = HOUR
    ) -> None:
        self.table = Table(reducer, reach, ticks, phase_span)
        self.table.add_asks([ASK])
        self.column = self.table.positions([Column(ASK, ())])

    def write(self, ring: Ring, time: float, value: float, seen: int = WHOLE) -> None:
        values, twelfths = np.array([[value]], np.float32), np.array([[seen]], np.uint8)
        self.table.write(ring, [time], [ASK], self.column, values, twelfths)

    def cells(self, rates: Sequence[int], times: Iterable[int]) -> None:
        for time in times:
            self.write(self.table.cells, time, truth(rates, time - CELL, time))

    def hours(self, rates: Sequence[int], times: Iterable[int]) -> None:
        for time in times:
            self.write(self.table.hours, time, truth(rates, time - HOUR, time))

    def ticks(self, rates: Sequence[int], times: Iterable[float]) -> None:
        for time in times:
            self.write(self.table.ticks, time, truth(rates, time - CELL, time))

    def sums(self, start: float, end: float) -> tuple[float, float]:
        """(events, seconds seen)."""
        found = self.table.sums(start, end)
        return float(found.values[0]), float(found.covered[0])


def ends(span: int, until: float = END) -> list[int]:
    """Where the chunks of a span end."""
    return [end for end in range(START + span, END + 1, span) if end <= until]


def phase(end: float) -> list[float]:
    """The slots of one phase, up to `end`, that begin within the known events."""
    return [end - CELL * back for back in range(CELLS) if end - CELL * (back + 1) >= START]


@given(rates, seconds, seconds, st.sets(st.sampled_from(ends(HOUR))))
def test_any_window_counts_just_the_events_in_it_whichever_hours_are_closed(
    rates: list[int], one: int, other: int, closed: set[int]
) -> None:
    start, end = START + min(one, other), START + max(one, other)
    filled = Filled()
    filled.cells(rates, ends(CELL))
    filled.hours(rates, sorted(closed))
    events, seen = filled.sums(start, end)
    assert events == pytest.approx(truth(rates, start, end))
    assert seen == pytest.approx(end - start)


@given(rates, st.integers(HOUR, HOURS * HOUR), st.integers(CELL, HOURS * HOUR), st.integers(1, 20))
def test_a_window_that_ends_at_any_slot_counts_just_the_events_in_it(
    rates: list[int], until: int, length: int, slots: int
) -> None:
    """The newest part comes from slots of its own phase, as many as there are; the rest from cells."""
    end = START + until
    start = max(START, end - length)
    filled = Filled()
    filled.cells(rates, ends(CELL, end))
    filled.hours(rates, ends(HOUR, end))
    filled.ticks(rates, phase(end)[:slots])
    events, seen = filled.sums(start, end)
    assert events == pytest.approx(truth(rates, start, end))
    assert seen == pytest.approx(end - start)


@given(rates, st.integers(0, 59), st.integers(0, 11))
def test_slots_of_another_phase_are_not_counted(rates: list[int], late: int, back: int) -> None:
    """They overlap with the window's own: an event would count twice."""
    end = END - CELL * back
    filled = Filled()
    filled.ticks(rates, sorted([end, end - CELL, *(end - 60 * i for i in range(1, 1 + late % 5))]))
    assert filled.sums(end - 2 * CELL, end) == (truth(rates, end - 2 * CELL, end), 2 * CELL)


@given(rates, st.sets(st.sampled_from(ends(CELL))), seconds, seconds)
def test_a_missing_chunk_is_never_zero_only_less_coverage(
    rates: list[int], missing: set[int], one: int, other: int
) -> None:
    start, end = START + min(one, other), START + max(one, other)
    filled = Filled()
    filled.cells(rates, [time for time in ends(CELL) if time not in missing])
    events, seen = filled.sums(start, end)
    unseen = [(max(start, time - CELL), min(end, time)) for time in missing]
    gaps = [(low, high) for low, high in unseen if high > low]
    assert seen == pytest.approx(end - start - sum(high - low for low, high in gaps))
    assert events == pytest.approx(
        truth(rates, start, end) - sum(truth(rates, low, high) for low, high in gaps)
    )


def test_a_chunk_that_was_asked_and_had_no_row_was_not_seen() -> None:
    filled = Filled()
    filled.write(filled.table.cells, START + CELL, 300.0)
    filled.write(filled.table.cells, START + 2 * CELL, 0.0, seen=0)
    assert filled.sums(START, START + 2 * CELL) == (300.0, CELL)


def test_a_chunk_that_had_a_row_of_no_events_was_seen() -> None:
    filled = Filled()
    filled.write(filled.table.cells, START + CELL, 0.0)
    assert filled.sums(START, START + CELL) == (0.0, CELL)


@given(rates, st.integers(1, HOURS - 1))
def test_two_windows_that_meet_count_what_the_whole_counts(rates: list[int], hour: int) -> None:
    filled = Filled()
    filled.cells(rates, ends(CELL))
    filled.hours(rates, ends(HOUR))
    border = START + hour * HOUR
    (left, _), (right, _), (whole, _) = (
        filled.sums(*span) for span in ((START, border), (border, END), (START, END))
    )
    assert left + right == whole


def test_a_closed_hour_counts_by_its_own_answer_and_not_by_its_cells() -> None:
    """Cells lose what happened between them when a scrape failed; the hour has it."""
    filled = Filled()
    filled.cells([1] * CELLS, ends(CELL))
    filled.write(filled.table.hours, START + HOUR, 4_000.0)
    assert filled.sums(START, START + HOUR) == (4_000.0, HOUR)
    assert filled.sums(START, START + 2 * HOUR) == (4_000.0 + HOUR, 2 * HOUR)


NO_COLUMNS = np.array([], np.intp)


def answered_nothing(table: Table, ring: Ring, time: float, ask: str) -> None:
    """The ask was asked, and there was no row."""
    table.write(ring, [time], [ask], NO_COLUMNS, np.zeros((1, 0), np.float32), np.zeros((1, 0), np.uint8))


def test_an_hour_counts_by_its_own_answer_for_the_asks_that_have_it_and_by_cells_for_the_others() -> None:
    """One question that can never be answered must not make the windows of all others worse."""
    filled = Filled()
    filled.table.add_asks(["late"])
    both = filled.table.positions([Column(ASK, ()), Column("late", ())])
    values, seen = np.array([[300.0, 600.0]], np.float32), np.full((1, 2), WHOLE, np.uint8)
    for time in ends(CELL)[:12]:
        filled.table.write(filled.table.cells, [time], [ASK, "late"], both, values, seen)
    filled.write(filled.table.hours, START + HOUR, 4_000.0)
    found = filled.table.sums(START, START + HOUR)
    assert found.values.tolist() == [4_000.0, 7_200.0]
    assert found.covered.tolist() == found.answered.tolist() == [HOUR, HOUR]


def test_a_window_begins_in_cells_for_the_asks_that_have_them_and_in_a_part_of_the_hour_for_the_others() -> (
    None
):
    """An SLO that was added by a reload has its hours soon, but not the cells of yesterday that old ones have."""
    filled = Filled()
    filled.table.add_asks(["new"])
    new = filled.table.positions([Column("new", ())])
    filled.cells([2] * CELLS, ends(CELL))
    filled.hours([2] * CELLS, ends(HOUR))
    values, seen = np.array([[7_200.0]], np.float32), np.array([[WHOLE]], np.uint8)
    for time in ends(HOUR):
        filled.table.write(filled.table.hours, [time], ["new"], new, values, seen)
    found = filled.table.sums(START + 900, END - 900)
    assert found.values.tolist() == [2 * (HOURS * HOUR - 1_800)] * 2
    assert found.covered.tolist() == [HOURS * HOUR - 1_800] * 2


def test_a_part_of_an_hour_that_nobody_was_asked_about_is_not_seen_whatever_others_have() -> None:
    filled = Filled()
    filled.table.add_asks(["new"])
    filled.table.positions([Column("new", ())])
    filled.cells([2] * CELLS, ends(CELL))
    filled.hours([2] * CELLS, ends(HOUR))
    found = filled.table.sums(START + 900, END)
    assert found.values.tolist() == [2 * (HOURS * HOUR - 900), 0.0]
    assert found.covered.tolist() == found.answered.tolist() == [HOURS * HOUR - 900, 0.0]


def test_an_ask_that_was_answered_with_nothing_is_told_apart_from_one_that_was_not_answered() -> None:
    """A service without errors has no such series; a question that failed may have had any."""
    filled = Filled()
    filled.table.add_asks(["errors"])
    filled.cells([1] * CELLS, ends(CELL)[:3])
    answered_nothing(filled.table, filled.table.cells, START + CELL, "errors")
    answered_nothing(filled.table, filled.table.cells, START + 3 * CELL, "errors")
    assert filled.table.sums(START, START + 3 * CELL).answered.tolist() == [3 * CELL, 2 * CELL]


def test_counts_are_kept_in_single_precision_and_gauges_in_double() -> None:
    exact = Table(Reducer.LAST, REACH, 3, exact=True)
    exact.add_asks([ASK])
    place = exact.positions([Column(ASK, ())])
    exact.write(exact.cells, [START + CELL], [ASK], place, np.array([[0.95]]), np.array([[WHOLE]], np.uint8))
    assert exact.sums(START, START + CELL).values.tolist() == [0.95]
    assert Filled().table.cells.values.dtype == np.float32


def test_an_hour_counts_by_its_own_answer_when_some_of_its_cells_are_missing() -> None:
    filled = Filled()
    filled.cells([1] * CELLS, ends(CELL)[:11])
    assert filled.sums(START, START + HOUR) == (3_300.0, 3_300.0)
    filled.hours([1] * CELLS, [START + HOUR])
    assert filled.sums(START, START + HOUR) == (HOUR, HOUR)


def test_a_window_that_begins_inside_an_hour_without_cells_takes_its_share_of_the_hour() -> None:
    filled = Filled()
    filled.hours([2] * CELLS, ends(HOUR))
    assert filled.sums(START + 1_800, END) == (2 * (HOURS * HOUR - 1_800), HOURS * HOUR - 1_800)
    assert filled.sums(START + 1_800, START + 3_000) == (2 * 1_200, 1_200)


def test_an_hour_that_was_seen_in_part_covers_just_that_part() -> None:
    filled = Filled()
    filled.write(filled.table.hours, START + HOUR, 900.0, seen=3)
    filled.write(filled.table.hours, START + 2 * HOUR, 3_600.0)
    assert filled.sums(START, START + 2 * HOUR) == (4_500.0, 1.25 * HOUR)


@pytest.mark.parametrize(
    ("reducer", "expected"), [(Reducer.MIN, 2.0), (Reducer.MAX, 9.0), (Reducer.LAST, 4.0)]
)
def test_gauges_take_the_lowest_the_highest_or_the_newest_value_that_was_seen(
    reducer: Reducer, expected: float
) -> None:
    filled = Filled(reducer)
    for place, (value, seen) in enumerate([(2.0, WHOLE), (9.0, WHOLE), (4.0, WHOLE), (0.0, 0)]):
        filled.write(filled.table.cells, START + CELL * (place + 1), value, seen)
    assert filled.sums(START, START + 4 * CELL) == (expected, 3 * CELL)
    assert filled.sums(START + 3 * CELL, START + 4 * CELL) == (0.0, 0.0)


@pytest.mark.parametrize("reducer", [Reducer.MIN, Reducer.MAX, Reducer.LAST])
@given(
    values=st.lists(st.integers(-1000, 1000), min_size=CELLS, max_size=CELLS),
    closed=st.sets(st.sampled_from(ends(HOUR))),
    slots=st.integers(0, 12),
    cells=st.integers(1, CELLS),
)
def test_gauges_over_any_window_are_what_their_cells_are(
    reducer: Reducer, values: list[int], closed: set[int], slots: int, cells: int
) -> None:
    take = {Reducer.MIN: min, Reducer.MAX: max, Reducer.LAST: lambda found: found[-1]}[reducer]
    filled = Filled(reducer)
    for value, time in zip(values, ends(CELL), strict=True):
        filled.write(filled.table.cells, time, float(value))
    for time in sorted(closed):
        last = (time - START) // CELL
        filled.write(filled.table.hours, time, float(take(values[last - 12 : last])))  # type: ignore[operator]
    for back in range(slots):
        filled.write(filled.table.ticks, END - CELL * back, float(values[-1 - back]))
    start = END - CELL * cells
    assert filled.sums(start, END) == (float(take(values[-cells:])), CELL * cells)  # type: ignore[operator]


@given(rates)
def test_sums_of_hours_are_made_anew_when_an_hour_changes(rates: list[int]) -> None:
    """They are remembered from slot to slot."""
    filled = Filled()
    filled.hours(rates, ends(HOUR))
    before = filled.sums(START, END)
    filled.write(filled.table.hours, END, 1.0)
    after = filled.sums(START, END)
    assert before[0] == truth(rates, START, END)
    assert after[0] == truth(rates, START, END - HOUR) + 1.0


def test_short_windows_need_cells_only_and_long_ones_a_day_of_them() -> None:
    assert reach_for(HOUR) == Reach(3 * HOUR, 0)
    assert reach_for(30 * 24 * HOUR) == Reach(26 * HOUR, (30 * 24 + 3) * HOUR)


def test_closed_hours_count_by_their_own_answer_even_where_ticks_reach_further_back() -> None:
    """A single look keeps hours of ticks for short windows; sums of them say less than the hours that Prometheus counted."""
    filled = Filled(phase_span=4 * HOUR)
    filled.ticks([1] * CELLS, phase(END))
    filled.cells([1] * CELLS, ends(CELL))
    for hour in ends(HOUR):
        filled.write(filled.table.hours, hour, 4_000.0)
    assert filled.sums(START, END) == (3 * 4_000.0 + HOUR + CELL + 11 * CELL, HOURS * HOUR)
    assert filled.sums(END - 4 * HOUR, END) == (4 * HOUR, 4 * HOUR)
