"""Answers become chunks: what is odd fails the question that it answers, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.slo.chunks import CELL, HOUR, WHOLE
from slo_daemon.core.slo.feed import Feed, Taken
from slo_daemon.core.slo.query import (
    MARK,
    NATIVE_BUCKET,
    Absent,
    Ask,
    Failed,
    FailReason,
    Form,
    Labels,
    QueryPlan,
    Sample,
    Samples,
)
from slo_daemon.core.slo.selector import Matcher, parse_selector

AT = 1_000_000_000 // CELL * CELL
ERRORS = Matcher("code", "=", "500")


@dataclass(frozen=True)
class Row:
    labels: Labels
    times: Sequence[float]
    values: Sequence[float]


def ask(selector: str, form: Form = Form.EVENTS, **more: object) -> Ask:
    return Ask(form, parse_selector(selector), CELL, **more)  # type: ignore[arg-type]


def feed(*asks: Ask) -> Feed:
    (query,) = QueryPlan.of(asks).queries
    return Feed(query)


def answer(*rows: tuple[dict[str, str], float]) -> Samples:
    return Samples("q", tuple(Sample(tuple(sorted(labels.items())), value) for labels, value in rows))


def found(feed: Feed, taken: Taken, row: int = 0) -> dict[tuple[str, Labels], float]:
    """What was seen, by ask and labels."""
    return {
        (column.ask, column.labels): float(taken.values[row, i])
        for i, column in enumerate(feed.columns)
        if taken.seen[row, i]
    }


A, B = ask('x{s="a"}'), ask('x{s="b"}')


def test_a_grouped_answer_is_taken_apart_by_what_was_asked() -> None:
    pair = feed(A, B)
    taken = pair.instant(answer(({"s": "b"}, 2.0), ({"s": "a"}, 1.0)), AT)
    assert found(pair, taken) == {(A.key, ()): 1.0, (B.key, ()): 2.0}
    assert set(taken.answered) == {A.key, B.key}
    assert taken.failed == {}


def test_an_answer_without_a_row_is_an_answer_and_shows_nothing() -> None:
    pair = feed(A, B)
    taken = pair.instant(answer(({"s": "b"}, 2.0)), AT)
    assert found(pair, taken) == {(B.key, ()): 2.0}
    assert set(taken.answered) == {A.key, B.key}
    empty = pair.instant(Absent("q"), AT + CELL)
    assert (found(pair, empty), set(empty.answered)) == ({}, {A.key, B.key})


def test_a_failed_answer_answers_nobody() -> None:
    failed = Failed("q", FailReason.TIMEOUT, "slow")
    taken = feed(A, B).instant(failed, AT)
    assert (taken.answered, taken.failed) == ((), {A.key: failed, B.key: failed})


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf"), -1.0, 1e39])
def test_a_count_that_cannot_be_fails_its_own_question_in_a_slot(odd: float) -> None:
    pair = feed(A, B)
    taken = pair.instant(answer(({"s": "a"}, odd), ({"s": "b"}, 2.0)), AT)
    assert found(pair, taken) == {(B.key, ()): 2.0}
    assert taken.answered == (B.key,)
    assert taken.failed[A.key].reason is FailReason.VALUE


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1.0, 1e39])
def test_in_a_range_it_was_not_seen_at_its_time_and_all_else_was(odd: float) -> None:
    pair = feed(A, B)
    times = (AT, AT + CELL, AT + 2 * CELL)
    rows = [Row((("s", "a"),), times, (1.0, odd, 3.0)), Row((("s", "b"),), times, (5.0, 6.0, 7.0))]
    taken = pair.over(rows, times)
    assert [found(pair, taken, i).get((A.key, ())) for i in range(3)] == [1.0, None, 3.0]
    assert [found(pair, taken, i)[B.key, ()] for i in range(3)] == [5.0, 6.0, 7.0]
    assert set(taken.answered) == {A.key, B.key}
    assert taken.failed == {}


def test_an_odd_part_of_a_group_hides_that_group_and_no_other() -> None:
    by_region = feed(ask("x_bucket", Form.BUCKETS, by=("region",)))
    rows = [
        Row((("le", le), ("region", region)), (AT,), (value,))
        for region, le, value in (
            ("eu", "1", float("nan")),
            ("eu", "+Inf", 9.0),
            ("us", "1", 3.0),
            ("us", "+Inf", 4.0),
        )
    ]
    taken = by_region.over(rows, (AT,))
    assert {dict(labels)["region"] for _, labels in found(by_region, taken)} == {"us"}


@pytest.mark.parametrize(
    "rows",
    [
        [({"s": "a"}, 1.0), ({"s": "a", "pod": "x"}, 2.0), ({"s": "b"}, 2.0)],
        [({"s": "a"}, 1.0), ({"s": "a"}, 1.0), ({"s": "b"}, 2.0)],
    ],
    ids=["a label that was not asked for", "the same row twice"],
)
def test_rows_that_cannot_be_understood_fail_the_question_that_they_answer(
    rows: list[tuple[dict[str, str], float]],
) -> None:
    pair = feed(A, B)
    pair.instant(answer(({"s": "a"}, 1.0), ({"s": "b"}, 1.0)), AT - CELL)  # it was well before
    taken = pair.instant(answer(*rows), AT)
    assert found(pair, taken) == {(B.key, ()): 2.0}
    assert taken.failed[A.key].reason is FailReason.SHAPE
    ranged = pair.over([Row(tuple(sorted(labels.items())), (AT,), (value,)) for labels, value in rows], (AT,))
    assert (found(pair, ranged), set(ranged.failed)) == ({(B.key, ()): 2.0}, {A.key})


def test_a_row_that_belongs_to_nobody_fails_all() -> None:
    """Taken for a missing one, it could read as no errors."""
    taken = feed(A, B).instant(answer(({"s": "a"}, 1.0), ({"s": "c"}, 2.0)), AT)
    assert set(taken.failed) == {A.key, B.key}


def test_columns_that_come_later_change_nothing_of_those_that_are_there() -> None:
    edges = feed(ask("x_bucket", Form.BUCKETS))
    first = edges.instant(answer(({"le": "1"}, 3.0), ({"le": "+Inf"}, 4.0)), AT)
    later = edges.instant(answer(({"le": "0.5"}, 1.0), ({"le": "1"}, 5.0), ({"le": "+Inf"}, 6.0)), AT + CELL)
    names = [dict(column.labels)["le"] for column in edges.columns]
    assert names == ["1", "+Inf", "0.5"]
    assert first.values.shape == (1, 2)
    assert later.values.tolist() == [[5.0, 6.0, 1.0]]


def test_the_parts_of_a_split_question_are_there_together() -> None:
    """A service without errors has no such row: that is no error, and was seen."""
    split = feed(ask("r", split=ERRORS))
    split.instant(answer(({MARK: ""}, 90.0), ({MARK: "1"}, 10.0)), AT)
    taken = split.instant(answer(({MARK: ""}, 100.0)), AT + CELL)
    assert taken.seen.tolist() == [[WHOLE, WHOLE]]
    assert taken.values.tolist() == [[100.0, 0.0]]
    none = split.instant(Absent("q"), AT + 2 * CELL)
    assert none.seen.tolist() == [[0, 0]]


def test_each_group_of_a_split_question_is_there_or_not_by_itself() -> None:
    split = feed(ask("r", by=("region",), split=ERRORS))
    both = [({"region": region, MARK: mark}, 5.0) for region in ("eu", "us") for mark in ("", "1")]
    split.instant(answer(*both), AT)
    taken = split.instant(answer(({"region": "us", MARK: ""}, 7.0)), AT + CELL)
    seen = {column.labels: bool(taken.seen[0, i]) for i, column in enumerate(split.columns)}
    assert {dict(labels)["region"] for labels, there in seen.items() if there} == {"us"}
    assert sum(seen.values()) == 2


def test_native_buckets_are_there_together_and_are_scaled_to_their_span() -> None:
    """Prometheus answers for the span and the overlap; what it does to floats it does not do to histograms."""
    native = feed(ask("h", Form.NATIVE, overlap=30))
    cells = native.instant(
        answer(({NATIVE_BUCKET: "0.1:0.2"}, 330.0), ({NATIVE_BUCKET: "0.2:0.4"}, 33.0)), AT
    )
    assert cells.values.tolist() == [[300.0, 30.0]]
    hours = native.over([Row(((NATIVE_BUCKET, "0.1:0.2"),), (AT,), (3630.0,))], (AT,), HOUR)
    assert hours.values.tolist() == [[3600.0, 0.0]]
    assert hours.seen.tolist() == [[WHOLE, WHOLE]]


def test_a_range_without_a_row_at_some_step_was_not_seen_there() -> None:
    one = feed(A)
    times = (AT, AT + CELL, AT + 2 * CELL)
    taken = one.over([Row((), (times[0], times[2]), (1.0, 3.0))], times)
    assert taken.seen[:, 0].tolist() == [WHOLE, 0, WHOLE]
    assert taken.values[:, 0].tolist() == [1.0, 0.0, 3.0]


def test_gauges_keep_their_decimals_until_they_are_stored() -> None:
    gauge = feed(ask("g", Form.MAXIMUM))
    taken = gauge.instant(answer(({}, 0.95)), AT)
    assert taken.values[0, 0] == 0.95
    assert gauge.block(taken, CELL).values.dtype == np.float32


def test_a_block_holds_the_columns_that_have_a_row_and_the_asks_that_were_answered() -> None:
    pair = feed(A, B)
    pair.instant(answer(({"s": "a"}, 1.0), ({"s": "b"}, 2.0)), AT)
    block = pair.block(pair.instant(answer(({"s": "a"}, float("nan")), ({"s": "b"}, 2.0)), AT + CELL), CELL)
    assert [column.ask for column in block.columns] == [B.key]
    assert (block.asks, list(block.times)) == ((B.key,), [AT + CELL])
    empty = pair.block(pair.instant(Absent("q"), AT), CELL)
    assert (empty.columns, set(empty.asks)) == ((), {A.key, B.key})


values = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 1000), max_size=6)


@given(st.lists(values, min_size=1, max_size=8))
def test_one_by_one_or_as_a_range_the_chunks_are_the_same(answers: list[dict[str, int]]) -> None:
    asks = [ask(f'x{{s="{name}"}}') for name in "abcdef"]
    slots, ranged = feed(*asks), feed(*asks)
    times = [AT + CELL * i for i in range(len(answers))]
    seen = [
        found(slots, slots.instant(answer(*(({"s": s}, float(v)) for s, v in one.items())), time))
        for one, time in zip(answers, times, strict=True)
    ]
    names = sorted({name for one in answers for name in one})
    rows = [
        Row(
            (("s", name),),
            [time for one, time in zip(answers, times, strict=True) if name in one],
            [float(one[name]) for one in answers if name in one],
        )
        for name in names
    ]
    taken = ranged.over(rows, times)
    assert [found(ranged, taken, i) for i in range(len(times))] == seen
