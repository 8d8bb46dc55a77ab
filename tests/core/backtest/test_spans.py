"""Runs of one value: nothing is lost and nothing is counted twice."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.backtest.spans import Spans, first, longest, seconds_of

VALUES = st.lists(st.sampled_from("abc"), max_size=40)


@given(values=VALUES)
def test_spans_tell_at_every_slot_what_was_put_in(values: list[str]) -> None:
    spans: Spans[str] = Spans()
    for number, value in enumerate(values):
        spans.add(value, number, number + 1)
    found = spans.all()

    told = [span.value for span in found for _ in range(int(span.seconds))]
    assert told == values
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(one.value != other.value for one, other in pairwise(found))


@given(values=VALUES)
def test_sums_the_first_and_the_longest_are_those_of_the_slots(values: list[str]) -> None:
    spans: Spans[str] = Spans()
    for number, value in enumerate(values):
        spans.add(value, number, number + 1)
    found = spans.all()

    assert seconds_of(found, lambda value: value == "a") == values.count("a")
    assert first(found, "a") == (values.index("a") if "a" in values else None)
    runs = [len(run) for run in "".join(v if v == "a" else " " for v in values).split()]
    best = longest(found, "a")
    assert (best.seconds if best else 0) == max(runs, default=0)


def test_a_gap_ends_a_span_though_the_value_is_the_same() -> None:
    spans: Spans[str] = Spans()
    begun = [spans.add("a", 0, 1), spans.add("a", 1, 2), spans.add("a", 5, 6)]

    assert begun == [True, False, True]
    assert [(span.start, span.end) for span in spans.all()] == [(0, 2), (5, 6)]
