"""Hours one by one: closed ones as they were asked, open ones from cells, and taken together as windows are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.slo.chunks import CELL, HOUR, Reducer
from slo_daemon.core.slo.hours import Hours
from slo_daemon.core.slo.query import Form
from slo_daemon.core.slo.sight import Sight
from tests.core.slo.test_ledger import DAY, START, Kept, ask, cells_of, events

A = (("le", "1"),)
B = (("le", "2"),)


def hours(kept: Kept, name: str, end: float, ends: list[int]) -> Hours:
    sight, key = Sight(kept.ledger, end), ask(name).key
    return sight.hours(key, sight.columns(key, (), ()), ends)


def values(found: Hours) -> list[float]:
    return found.values[:, 0].tolist()


def test_a_closed_hour_is_as_it_was_asked_and_an_open_one_is_the_sum_of_its_cells() -> None:
    kept = Kept(a=DAY)
    kept.hours([START + HOUR], "a")
    kept.cells(cells_of(START + HOUR, START + HOUR + 4 * CELL), "a")
    found = hours(kept, "a", START + 2 * HOUR, [START + HOUR, START + 2 * HOUR, START + 3 * HOUR])
    first, second = events("a", START, START + HOUR), events("a", START + HOUR, START + HOUR + 4 * CELL)
    assert values(found) == pytest.approx([first, second, 0.0])
    assert (list(found.some_seen), list(found.answered)) == ([12, 4, 0], [12, 4, 0])


def test_what_is_asked_of_hours_is_asked_in_seconds() -> None:
    kept = Kept(a=DAY)
    kept.hours([START + HOUR, START + 2 * HOUR], "a")
    found = hours(kept, "a", START + 3 * HOUR, [START + HOUR, START + 2 * HOUR, START + 3 * HOUR])
    assert (found.covered(0, 2), found.covered(0, 3), found.told(2, 3)) == (2 * HOUR, 2 * HOUR, 0.0)


def made(reducer: Reducer, cells: list[tuple[float, int]]) -> Hours:
    """Hours of one column: value and twelfths of each."""
    there = np.array([[value if seen else 0.0] for value, seen in cells])
    seen = np.array([[seen] for _, seen in cells], np.int64)
    return Hours(((),), reducer, there, seen, [seen for _, seen in cells], [12] * len(cells))


@pytest.mark.parametrize(
    ("reducer", "together"),
    [(Reducer.SUM, 11.0), (Reducer.MEAN, 4.5), (Reducer.MIN, 3.0), (Reducer.MAX, 6.0), (Reducer.LAST, 6.0)],
)
def test_hours_come_together_by_their_reducer_and_gaps_are_no_zeros(
    reducer: Reducer, together: float
) -> None:
    found = made(reducer, [(3.0, 12), (2.0 if reducer is Reducer.SUM else 6.0, 12), (9.0, 0), (6.0, 0)])
    found.values[3], found.seen[3] = (6.0, 12) if reducer is Reducer.SUM else (0.0, 0)
    (row,) = found.rows(Form.EVENTS, 0, 4)
    assert row.value == together


@given(
    st.sampled_from(Reducer),
    st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 12)), min_size=1, max_size=6),
)
def test_what_comes_together_lies_within_what_was_seen(
    reducer: Reducer, cells: list[tuple[float, int]]
) -> None:
    rows = made(reducer, cells).rows(Form.EVENTS, 0, len(cells))
    known = [value for value, seen in cells if seen]
    assert len(rows) == bool(known)
    for row in rows:
        most = sum(known) if reducer is Reducer.SUM else max(known)
        assert min(known) * (1 - 1e-9) <= row.value <= most * (1 + 1e-9)


def test_a_bucket_edge_that_was_not_there_all_the_time_is_left_out_and_events_are_not() -> None:
    seen = np.array([[12, 0], [12, 12]], np.int64)
    found = Hours((A, B), Reducer.SUM, np.array([[1.0, 0.0], [2.0, 5.0]]), seen, [12, 12], [12, 12])
    assert [row.labels for row in found.rows(Form.BUCKETS, 0, 2)] == [A]
    assert [row.labels for row in found.rows(Form.EVENTS, 0, 2)] == [A, B]
    assert [row.labels for row in found.rows(Form.BUCKETS, 1, 2)] == [A, B]
