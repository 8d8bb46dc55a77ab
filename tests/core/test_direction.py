"""From answers to met and level, in the objective's direction: the seed's healthy example, and every threshold."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.quantity import BASE_UNITS, UNITS, Dimension
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level, Objective
from slo_daemon.core.slo.query import Reading
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Gauge, Indicator, LatencyShare, Quantile, Ratio, Throughput
from slo_daemon.core.slo.sli.gauge import Aggregate
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.step import Outcome, step
from slo_daemon.core.slo.window import Slot, Window
from tests.factories import (
    all_readings,
    at_least,
    at_most,
    bucket_rows,
    evaluated,
    healthy_readings,
    one_number,
    seed_slos,
)

SLOT = Slot(1_000_020.0, 30.0)
X = parse_selector("x")
EVENTS = 1_000_000.0
EDGES_MS = (5, 10, 20, 30, 40, 45, 50, 60, 75, 90, 100, 150, 200, 500, 1000)


def make(indicator: Indicator, objective: Objective) -> Slo:
    return Slo("p", "s", indicator, objective, Window(300))


def outcome_of(slo: Slo, parts: Mapping[str, Reading]) -> Outcome:
    return step(evaluated(slo, all_readings(slo, parts), SLOT), None)


def all_within(milliseconds: float) -> dict[str, float]:
    """A histogram in which every request took just so long: it fell into the first bucket that holds it."""
    edges = {str(edge / 1000): EVENTS if milliseconds <= edge else 0.0 for edge in EDGES_MS}
    return {**edges, "+Inf": EVENTS}


def quantile(q: float, objective: Objective) -> Slo:
    return make(Quantile(X, q), objective)


def ratio(*, as_good: bool, objective: Objective) -> Slo:
    return make(Ratio(X, X, counts_good=False, as_good=as_good), objective)


P50 = quantile(0.50, at_most("20ms", "30ms", "40ms"))
P95 = quantile(0.95, at_most("50ms", "45ms", "60ms"))
P99 = quantile(0.99, at_most("100ms", "90ms", "150ms"))
AVAILABILITY = ratio(as_good=True, objective=at_least("99.9%", "99.8%", "99.5%"))
ERROR_RATE = ratio(as_good=False, objective=at_most("0.1%", "0.5%", "1%"))
THROUGHPUT = make(Throughput(X), at_least("100/s", "90/s", "50/s"))
QUALITY = make(Gauge(X, Aggregate.AVERAGE, BASE_UNITS[Dimension.RATIO]), at_least("90%", "88%", "80%"))
CACHE_HITS = make(
    Ratio(X, X, counts_good=True, as_good=True), at_least("60%", "55%", "40%")
)  # fmt: skip
FAST_SHARE = make(LatencyShare(X, 0.05), at_least("95%", "94%", "90%"))


@pytest.mark.parametrize("slo", seed_slos(), ids=lambda slo: slo.name)
def test_the_seeds_healthy_example_is_met_at_no_level(slo: Slo) -> None:
    outcome = step(evaluated(slo, healthy_readings(slo), SLOT), None)
    values = {
        "query-latency-p95": 0.042,
        "query-latency-p99": 0.095,
        "availability": 0.9995,
        "error-rate": 0.0008,
    }
    assert outcome.evaluation.value == pytest.approx(values[slo.name], rel=1e-12)
    assert outcome.evaluation.met is True
    assert outcome.evaluation.data_state is DataState.OK
    assert outcome.state.level is Level.NONE
    assert outcome.transition is None


def test_the_seeds_p99_is_past_its_early_warning_where_a_bucket_edge_shows_it() -> None:
    """95 ms is met (100 ms) and past the warning (90 ms), as the seed has it; an edge at 90 ms proves that."""
    counts = {"0.09": 980_000.0, "0.1": 998_000.0, "+Inf": EVENTS}
    outcome = outcome_of(P99, {"buckets": bucket_rows(counts)})
    assert outcome.evaluation.value == pytest.approx(0.0955555, rel=1e-5)
    assert (outcome.evaluation.met, outcome.state.level) == (True, Level.WARNING)


# How each of the seed's metrics is brought to a value, and in which unit it counts.
LATENCIES = [
    (P50, 20, True, Level.NONE),
    (P50, 21, False, Level.NONE),  # the seed's latency thresholds may lie behind the target, too
    (P50, 31, False, Level.WARNING),
    (P50, 41, False, Level.CRITICAL),
    (P95, 45, True, Level.NONE),
    (P95, 46, True, Level.WARNING),
    (P95, 51, False, Level.WARNING),
    (P95, 60, False, Level.WARNING),
    (P95, 61, False, Level.CRITICAL),
    (P99, 90, True, Level.NONE),
    (P99, 91, True, Level.WARNING),
    (P99, 101, False, Level.WARNING),
    (P99, 150, False, Level.WARNING),
    (P99, 151, False, Level.CRITICAL),
    (P99, 2_000, False, Level.CRITICAL),
]


@pytest.mark.parametrize(("slo", "milliseconds", "met", "level"), LATENCIES)
def test_a_latency_just_past_a_threshold_has_that_level(
    slo: Slo, milliseconds: float, met: bool, level: Level
) -> None:
    outcome = outcome_of(slo, {"buckets": bucket_rows(all_within(milliseconds))})
    assert (outcome.evaluation.met, outcome.state.level) == (met, level)


@pytest.mark.parametrize(
    ("slo", "bad", "met", "level"),
    [
        (AVAILABILITY, 500, True, Level.NONE),
        (AVAILABILITY, 1_000, True, Level.NONE),
        (AVAILABILITY, 1_001, False, Level.NONE),
        (AVAILABILITY, 2_000, False, Level.NONE),
        (AVAILABILITY, 2_001, False, Level.WARNING),
        (AVAILABILITY, 5_000, False, Level.WARNING),
        (AVAILABILITY, 5_001, False, Level.CRITICAL),
        (AVAILABILITY, 1_000_000, False, Level.CRITICAL),
        (ERROR_RATE, 800, True, Level.NONE),
        (ERROR_RATE, 1_000, True, Level.NONE),
        (ERROR_RATE, 1_001, False, Level.NONE),
        (ERROR_RATE, 5_000, False, Level.NONE),
        (ERROR_RATE, 5_001, False, Level.WARNING),
        (ERROR_RATE, 10_000, False, Level.WARNING),
        (ERROR_RATE, 10_001, False, Level.CRITICAL),
    ],
)
def test_a_share_of_events_just_past_a_threshold_has_that_level(
    slo: Slo, bad: float, met: bool, level: Level
) -> None:
    outcome = outcome_of(slo, {"bad": one_number(bad), "total": one_number(EVENTS)})
    assert (outcome.evaluation.met, outcome.state.level) == (met, level)


@pytest.mark.parametrize(
    ("slo", "parts", "met", "level"),
    [
        (THROUGHPUT, {"total": one_number(300 * 100.0)}, True, Level.NONE),
        (THROUGHPUT, {"total": one_number(300 * 99.0)}, False, Level.NONE),
        (THROUGHPUT, {"total": one_number(300 * 89.9)}, False, Level.WARNING),
        (THROUGHPUT, {"total": one_number(300 * 49.9)}, False, Level.CRITICAL),
        (THROUGHPUT, {"total": one_number(0.0)}, False, Level.CRITICAL),
        (QUALITY, {"value": one_number(0.93)}, True, Level.NONE),
        (QUALITY, {"value": one_number(0.89)}, False, Level.NONE),
        (QUALITY, {"value": one_number(0.879)}, False, Level.WARNING),
        (QUALITY, {"value": one_number(0.799)}, False, Level.CRITICAL),
        (CACHE_HITS, {"good": one_number(600_000), "total": one_number(EVENTS)}, True, Level.NONE),
        (CACHE_HITS, {"good": one_number(549_999), "total": one_number(EVENTS)}, False, Level.WARNING),
        (CACHE_HITS, {"good": one_number(399_999), "total": one_number(EVENTS)}, False, Level.CRITICAL),
        (FAST_SHARE, {"buckets": bucket_rows({"0.05": 950_000, "+Inf": EVENTS})}, True, Level.NONE),
        (FAST_SHARE, {"buckets": bucket_rows({"0.05": 939_999, "+Inf": EVENTS})}, False, Level.WARNING),
        (FAST_SHARE, {"buckets": bucket_rows({"0.05": 899_999, "+Inf": EVENTS})}, False, Level.CRITICAL),
    ],
)
def test_every_other_kind_follows_its_direction_too(
    slo: Slo, parts: dict[str, Reading], met: bool, level: Level
) -> None:
    outcome = outcome_of(slo, parts)
    assert (outcome.evaluation.met, outcome.state.level) == (met, level)


def test_a_metric_in_milliseconds_is_held_against_a_target_in_seconds() -> None:
    slo = make(Gauge(X, Aggregate.LATEST, UNITS["ms"]), at_most("0.05s", "0.055s", "0.06s"))
    values = (50.0, 55.1, 60.1)
    outcomes = [outcome_of(slo, {"value": one_number(value)}) for value in values]
    assert [o.evaluation.met for o in outcomes] == [True, False, False]
    assert [o.state.level for o in outcomes] == [Level.NONE, Level.WARNING, Level.CRITICAL]


@given(
    st.integers(min_value=0, max_value=1_000_000),
    st.integers(min_value=0, max_value=1_000_000),
    st.integers(min_value=1, max_value=1_000_000),
)
def test_more_errors_never_lower_a_level_and_never_meet_what_was_missed(
    few: int, many: int, total: int
) -> None:
    fewer, more = sorted((min(few, total), min(many, total)))
    for slo in (AVAILABILITY, ERROR_RATE):
        good, bad = (
            outcome_of(slo, {"bad": one_number(float(b)), "total": one_number(float(total))})
            for b in (fewer, more)
        )
        assert bad.state.level >= good.state.level
        assert not (bad.evaluation.met is True and good.evaluation.met is not True)
        assert not (good.evaluation.met is False and bad.evaluation.met is not False)
