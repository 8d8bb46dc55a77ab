"""A window that could be asked only in part: the value has the range that the rest could make of it, and few events stay few."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.quantity import parse_quantity
from slo_daemon.core.slo.measurement import DataState, Measured
from slo_daemon.core.slo.objective import Direction, Level, Objective
from slo_daemon.core.slo.query import Reading
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import LatencyShare, Quantile, Ratio, Throughput
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Window
from tests.core.slo.readings import buckets, number, readings_of
from tests.factories import evaluated

ERRORS = Slo(
    "p",
    "s",
    Ratio(parse_selector('r{code="500"}'), parse_selector("r"), counts_good=False, as_good=False),
    Objective(Direction.AT_MOST, *map(parse_quantity, ("1%", "2%", "5%"))),
    Window(3600),
)
P95 = replace(
    ERRORS,
    indicator=Quantile(parse_selector("h"), 0.95),
    objective=Objective(Direction.AT_MOST, parse_quantity("100ms"), parse_quantity("250ms")),
)
HISTOGRAM = {"0.05": 9_000.0, "0.1": 9_700.0, "0.25": 9_950.0, "+Inf": 10_000.0}


def measured(slo: Slo, parts: dict[str, Reading], answered: float) -> Measured:
    found = evaluated(slo, readings_of(slo, parts), answered=answered).measurement
    assert isinstance(found, Measured)
    return found


def of(bad: float, total: float, answered: float) -> Measured:
    return measured(ERRORS, {"bad": number(bad), "total": number(total)}, answered)


def test_a_window_that_could_be_asked_for_the_most_part_is_as_good_as_whole() -> None:
    whole, nearly, less = (of(100, 100_000, answered) for answered in (1.0, 0.9995, 0.94))
    assert (
        (whole.low, whole.high, whole.limit) == (nearly.low, nearly.high, nearly.limit) == (0.001, 0.001, "")
    )
    assert (less.value, less.limit) == (0.001, "incomplete_window")
    assert less.low < 0.001 < less.high


@pytest.mark.parametrize(
    ("bad", "answered", "state", "met", "level"),
    [
        (100, 0.5, DataState.UNKNOWN, None, Level.NONE),
        (10_000, 0.5, DataState.OK, False, Level.WARNING),  # at best 5 %, and that is not past 5 %
        (10_100, 0.5, DataState.OK, False, Level.CRITICAL),
        (100, 0.2, DataState.UNKNOWN, None, Level.NONE),
        (100_000, 0.2, DataState.OK, False, Level.CRITICAL),
    ],
)
def test_only_what_no_rest_could_change_is_decided(
    bad: float, answered: float, state: DataState, met: bool | None, level: Level
) -> None:
    parts: dict[str, Reading] = {"bad": number(bad), "total": number(100_000)}
    evaluation = evaluated(ERRORS, readings_of(ERRORS, parts), answered=answered)
    assert (evaluation.data_state, evaluation.met) == (state, met)
    assert evaluation.evidence is not None
    assert evaluation.evidence.proven is level
    assert evaluation.evidence.possible is Level.CRITICAL  # so no level falls by it


@given(
    st.integers(1, 100_000),
    st.floats(0, 1),
    st.floats(0.001, 0.9499),
    st.floats(0, 1),
)
def test_whatever_the_rest_was_the_true_value_lies_in_the_range(
    total: int, bad: float, answered: float, rest: float
) -> None:
    errors = float(int(total * bad))
    found = of(errors, total, answered)
    unseen = total * (1 / answered - 1)
    truth = (errors + rest * unseen) / (total + unseen)
    assert found.low - 1e-9 <= truth <= found.high + 1e-9


@given(st.integers(1, 298), st.floats(0, 1), st.floats(0.01, 0.9499))
def test_less_of_the_window_never_makes_few_events_more_certain(
    total: int, bad: float, answered: float
) -> None:
    """2 bad ones of 100 prove no 1 %, and with a tenth of the window missing they prove even less."""
    errors = float(int(total * bad))
    whole, part = of(errors, total, 1.0), of(errors, total, answered)
    assert part.high >= whole.high - 1e-9
    assert part.low <= whole.low + 1e-9


def test_two_bad_ones_of_a_hundred_prove_nothing_also_when_some_of_the_window_is_missing() -> None:
    for answered in (1.0, 0.9):
        parts: dict[str, Reading] = {"bad": number(2), "total": number(100)}
        evaluation = evaluated(ERRORS, readings_of(ERRORS, parts), answered=answered)
        assert (evaluation.data_state, evaluation.met) == (DataState.UNKNOWN, None)


def test_a_quantile_lies_between_all_of_the_rest_fast_and_all_of_it_slow() -> None:
    """p95 of 10,000 and of 1,111 unseen ones: by rank 10,555, so beyond all that were seen; or by rank 9,444 of them."""
    whole = measured(P95, {"buckets": buckets(HISTOGRAM)}, 1.0)
    assert (0.05 < whole.low < 0.0500001, whole.high) == (True, 0.1)
    part = measured(P95, {"buckets": buckets(HISTOGRAM)}, 0.9)
    assert (0.05 < part.low < 0.0500001, part.high, part.limit) == (True, inf, "incomplete_window")
    half = measured(P95, {"buckets": buckets(HISTOGRAM)}, 0.5)
    assert half.low < 0.05


@given(
    st.lists(st.integers(0, 40), min_size=2, max_size=6),
    st.floats(0.05, 0.9499),
    st.sampled_from([0.5, 0.9, 0.99]),
)
def test_less_of_the_window_never_narrows_a_quantile(parts: list[int], answered: float, q: float) -> None:
    counts = {f"{0.1 * (i + 1):.1f}": float(sum(parts[: i + 1])) for i in range(len(parts))}
    counts["+Inf"] = float(sum(parts) + 1)
    slo = replace(P95, indicator=Quantile(parse_selector("h"), q))
    for min_events in (0, 10_000):
        sized = replace(slo, min_events=min_events)
        whole = measured(sized, {"buckets": buckets(counts)}, 1.0)
        part = measured(sized, {"buckets": buckets(counts)}, answered)
        assert part.low <= min(whole.low, whole.value)
        assert part.high >= whole.high


def test_a_share_between_two_edges_is_as_unsure_as_both() -> None:
    between = replace(
        ERRORS,
        indicator=LatencyShare(parse_selector("h"), 0.2),
        objective=Objective(Direction.AT_LEAST, parse_quantity("90%")),
    )
    found = measured(between, {"buckets": buckets(HISTOGRAM)}, 0.5)
    assert found.low == pytest.approx(0.485)
    assert found.high == pytest.approx(0.9975)


def test_a_throughput_is_of_the_time_that_could_be_asked_and_at_least_what_was_counted() -> None:
    slo = replace(
        ERRORS,
        indicator=Throughput(parse_selector("r")),
        objective=Objective(Direction.AT_LEAST, parse_quantity("10/s")),
    )
    found = measured(slo, {"total": number(36_000)}, 0.5)
    assert (found.value, found.low, found.high) == (20.0, 10.0, inf)
    assert evaluated(slo, readings_of(slo, {"total": number(36_000)}), answered=0.5).met is True


def test_an_answer_of_no_samples_leaves_nothing_unknown() -> None:
    """A young service had no events before it was there; a direct question would say the same."""
    parts: dict[str, Reading] = {"bad": number(100), "total": number(100_000)}
    evaluation = evaluated(ERRORS, readings_of(ERRORS, parts), coverage=0.1, answered=1.0)
    assert (evaluation.met, evaluation.coverage) == (True, 0.1)
