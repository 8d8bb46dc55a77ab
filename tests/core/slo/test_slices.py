"""Slices of time: each 5 minutes judged once by what one reads off a graph, and counted like events."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from slo_daemon.core.quantity import parse_quantity
from slo_daemon.core.slo.book import Entry, entry_of
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.chunks import CELL, HOUR, WHOLE, ChunkBlock, Column
from slo_daemon.core.slo.ledger import Cells
from slo_daemon.core.slo.objective import Direction, Objective
from slo_daemon.core.slo.query import MARK, Labels
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Gauge, Indicator, LatencyShare, Quantile, Ratio, Throughput
from slo_daemon.core.slo.sli.gauge import Aggregate
from slo_daemon.core.slo.slices import hours_of, judge
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.tallies import JUDGED, MET
from slo_daemon.core.slo.window import Window

START = 1_000_000 * HOUR
BUDGET = BudgetPolicy(Window(7 * 86_400), BudgetMethod.TIMESLICES, 0.99)
H, R = parse_selector("h"), parse_selector("r")


def slo(indicator: Indicator, objective: str, *, at_most: bool = True, group_by: tuple[str, ...] = ()) -> Slo:
    direction = Direction.AT_MOST if at_most else Direction.AT_LEAST
    wanted = Objective(direction, parse_quantity(objective))
    return Slo("p", "s", indicator, wanted, Window(300), BUDGET, group_by=group_by)


P95 = slo(Quantile(H, 0.95), "100ms")


def cells(entry: Entry, name: str, *rows: tuple[Labels, Sequence[float | None]]) -> Cells:
    """The cells of a part: by row, a value for each time; None where there was no row."""
    key = entry.keys[name]
    columns = tuple(Column(key, labels) for labels, _ in rows)
    values = np.array([[value or 0.0 for value in given] for _, given in rows]).T
    seen = np.array([[0 if value is None else WHOLE for value in given] for _, given in rows], np.uint8).T
    return columns, values, seen


def judged(
    entry: Entry, parts: dict[str, Cells], count: int
) -> dict[Labels, list[tuple[float, float] | None]]:
    """(met, judged) by group and time; None where nothing was seen."""
    times = [START + CELL * (i + 1) for i in range(count)]
    block = judge(entry, parts, times)
    assert list(block.times) == times
    found: dict[Labels, list[tuple[float, float] | None]] = {}
    for i, column in enumerate(block.columns):
        if MET[0] in column.labels:
            group = tuple(pair for pair in column.labels if pair not in MET)
            assert block.columns[i + 1] == Column(entry.slices, tuple(sorted(group + JUDGED)))
            found[group] = [
                (float(block.values[t, i]), float(block.values[t, i + 1])) if block.seen[t, i] else None
                for t in range(count)
            ]
    return found


MET_IT, MISSED, IDLE = (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)


def test_a_slice_meets_or_misses_counts_for_nothing_without_traffic_and_is_not_seen_without_data() -> None:
    entry = entry_of(P95)
    parts = {
        "buckets": cells(
            entry,
            "buckets",
            ((("le", "0.1"),), [96.0, 90.0, 0.0, None]),
            ((("le", "+Inf"),), [100.0, 100.0, 0.0, None]),
        )
    }
    assert judged(entry, parts, 4) == {(): [MET_IT, MISSED, IDLE, None]}


@pytest.mark.parametrize(
    ("indicator", "objective", "at_most", "part", "rows", "expected"),
    [
        (
            Gauge(R, Aggregate.MAXIMUM, parse_quantity("1s").unit),
            "2s",
            True,
            "value",
            [2.0, 2.1],
            [MET_IT, MISSED],
        ),
        (
            Gauge(R, Aggregate.MINIMUM, parse_quantity("1s").unit),
            "2s",
            False,
            "value",
            [2.0, 1.9],
            [MET_IT, MISSED],
        ),
        (Throughput(R), "10/s", False, "total", [3_000.0, 2_999.0], [MET_IT, MISSED]),
    ],
)
def test_every_kind_has_slices(
    indicator: Indicator,
    objective: str,
    at_most: bool,
    part: str,
    rows: list[float | None],
    expected: list[tuple[float, float]],
) -> None:
    entry = entry_of(slo(indicator, objective, at_most=at_most))
    assert judged(entry, {part: cells(entry, part, ((), rows))}, len(rows)) == {(): expected}


def test_a_slice_is_judged_however_few_events_it_has() -> None:
    """Thousands of them are added up: each alone need not be sure."""
    ratio = Ratio(parse_selector('r{code="500"}'), R, counts_good=False, as_good=True)
    entry = entry_of(slo(ratio, "99.9%", at_most=False))
    parts = {"events": cells(entry, "events", (((MARK, ""),), [3.0, 2.0]), (((MARK, "1"),), [0.0, 1.0]))}
    assert judged(entry, parts, 2) == {(): [MET_IT, MISSED]}


def test_a_share_between_two_edges_is_judged_by_the_lower_one_that_is_shown() -> None:
    entry = entry_of(slo(LatencyShare(H, 0.2), "90%", at_most=False))
    rows = {"0.1": [95.0, 80.0], "0.3": [100.0, 100.0], "+Inf": [100.0, 100.0]}
    parts = {"buckets": cells(entry, "buckets", *(((("le", le),), list(v)) for le, v in rows.items()))}
    assert judged(entry, parts, 2) == {(): [MET_IT, MISSED]}


def test_every_group_has_slices_of_its_own_and_rows_without_a_group_have_none() -> None:
    entry = entry_of(slo(Throughput(R), "10/s", at_most=False, group_by=("region",)))
    eu, us = (("region", "eu"),), (("region", "us"),)
    rows = cells(entry, "total", (eu, [9_000.0]), (us, [1.0]), ((("region", ""),), [5.0]))
    assert judged(entry, {"total": rows}, 1) == {eu: [MET_IT], us: [MISSED]}


def test_nothing_at_all_is_a_block_that_was_asked_and_shows_nothing() -> None:
    entry = entry_of(slo(Throughput(R), "10/s", at_most=False, group_by=("region",)))
    block = judge(entry, {"total": cells(entry, "total")}, [START + CELL])
    assert (block.asks, block.columns) == ((entry.slices,), ())


def block(first: int, met: list[float], seen: list[int]) -> ChunkBlock:
    values = np.array([met, [1.0 if one else 0.0 for one in seen]], np.float32).T
    twelfths = np.array([seen, seen], np.uint8).T
    return ChunkBlock(CELL, first, ("k",), (Column("k", MET), Column("k", JUDGED)), values, twelfths)


def test_hours_are_the_sums_of_their_slices_and_as_much_seen() -> None:
    seen = [WHOLE] * 9 + [0] * 3 + [WHOLE] * 12
    found = hours_of(block(START + CELL, [1.0] * 8 + [0.0] * 4 + [1.0] * 12, seen))
    assert found is not None
    assert (found.span, list(found.times)) == (HOUR, [START + HOUR, START + 2 * HOUR])
    assert found.values.tolist() == [[8.0, 9.0], [12.0, 12.0]]
    assert found.seen.tolist() == [[9, 9], [12, 12]]


@pytest.mark.parametrize("late", range(1, 12))
def test_only_whole_hours_are_closed(late: int) -> None:
    met = [1.0] * 24
    found = hours_of(block(START + CELL * (1 + late), met, [WHOLE] * 24))
    assert found is not None
    assert list(found.times) == [START + 2 * HOUR]
    assert found.values.tolist() == [[12.0, 12.0]]
    assert hours_of(block(START + CELL * (1 + late), [1.0] * 11, [WHOLE] * 11)) is None


def test_another_objective_or_another_measure_counts_anew_and_all_else_goes_on() -> None:
    key = entry_of(P95).slices
    other = replace(P95.objective, target=parse_quantity("200ms"))
    assert entry_of(replace(P95, objective=other)).slices != key
    assert entry_of(replace(P95, indicator=Quantile(H, 0.99))).slices != key
    assert entry_of(replace(P95, indicator=Quantile(R, 0.95))).slices != key
    assert entry_of(replace(P95, group_by=("region",))).slices != key
    assert entry_of(replace(P95, name="renamed", window=Window(3600), labels=(("a", "b"),))).slices == key
    longer = replace(BUDGET, target=0.999, window=Window(30 * 86_400))
    assert entry_of(replace(P95, budget=longer)).slices == key


def test_thresholds_of_alerts_are_no_part_of_what_a_slice_is_judged_by() -> None:
    warned = replace(P95.objective, warning=parse_quantity("90ms"))
    assert entry_of(replace(P95, objective=warned)).slices == entry_of(P95).slices
