"""Histograms at their edges: one bucket, no bucket, buckets that contradict each other, and objectives in both directions."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.quantity import parse_quantity
from slo_daemon.core.slo.binomial import lower_bound, upper_bound
from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.measurement import DataState, Measured
from slo_daemon.core.slo.objective import Direction, Objective
from slo_daemon.core.slo.query import Reading
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Indicator, LatencyShare, Quantile
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Slot, Window
from tests.core.slo.readings import NOTHING, buckets, readings_of
from tests.factories import evaluated

H = parse_selector("h")
FAST = Objective(Direction.AT_MOST, parse_quantity("100ms"), parse_quantity("200ms"), parse_quantity("300ms"))
SLOW = Objective(Direction.AT_LEAST, parse_quantity("20s"))
SHARE = Objective(Direction.AT_LEAST, parse_quantity("99%"))


def looked(
    indicator: Indicator, objective: Objective, counts: dict[str, float] | Reading, **more: object
) -> Evaluation:
    slo = Slo("p", "s", indicator, objective, Window(300), **more)  # type: ignore[arg-type]
    reading = buckets(counts) if isinstance(counts, dict) else counts
    return evaluated(slo, readings_of(slo, {"buckets": reading}), Slot(600.0, 60.0))


def outcome(evaluation: Evaluation) -> tuple[DataState, bool | None, str]:
    return evaluation.data_state, evaluation.met, evaluation.reason.value


BOTH_KINDS = pytest.mark.parametrize(
    ("indicator", "objective"), [(Quantile(H, 0.99), FAST), (LatencyShare(H, 0.1), SHARE)]
)


def test_beyond_the_last_edge_nothing_proves_that_a_quantile_is_large_enough() -> None:
    """More than 10 s is not yet at least 20 s."""
    evaluation = looked(Quantile(H, 0.99), SLOW, {"10": 100_000.0, "+Inf": 200_000.0})
    assert outcome(evaluation) == (DataState.UNKNOWN, None, "no_bucket_edge")
    ten = Objective(Direction.AT_LEAST, parse_quantity("10s"))
    assert looked(Quantile(H, 0.99), ten, {"10": 100_000.0, "+Inf": 200_000.0}).met is True


@BOTH_KINDS
def test_a_histogram_of_only_the_inf_bucket_tells_nothing(indicator: Indicator, objective: Objective) -> None:
    """Libraries with native histograms expose just this one in the text format."""
    assert outcome(looked(indicator, objective, {"+Inf": 100_000.0})) == (DataState.ERROR, None, "shape")


@BOTH_KINDS
def test_buckets_that_hold_more_than_all_events_are_an_error(
    indicator: Indicator, objective: Objective
) -> None:
    evaluation = looked(indicator, objective, {"0.1": 100_000.0, "+Inf": 10.0})
    assert outcome(evaluation) == (DataState.ERROR, None, "value")
    dip = looked(indicator, objective, {"0.1": 100_001.0, "+Inf": 100_000.0})
    assert dip.met is True


@BOTH_KINDS
def test_buckets_without_two_samples_in_the_window_are_no_data_and_not_no_traffic(
    indicator: Indicator, objective: Objective
) -> None:
    """A summary, or buckets that are dropped to save space, have a fresh _count too."""
    assert outcome(looked(indicator, objective, NOTHING)) == (DataState.NO_DATA, None, "no_data")


@BOTH_KINDS
def test_an_edge_at_minus_infinity_is_an_error(indicator: Indicator, objective: Objective) -> None:
    evaluation = looked(indicator, objective, {"-Inf": 5_000.0, "0.1": 6_000.0, "+Inf": 10_000.0})
    assert outcome(evaluation) == (DataState.ERROR, None, "value")


def test_below_the_first_edge_a_quantile_lies_above_zero_or_has_no_lower_end() -> None:
    positive = looked(Quantile(H, 0.5), FAST, {"0.1": 9_000.0, "+Inf": 10_000.0}).measurement
    assert isinstance(positive, Measured)
    assert (0.0 < positive.low < 1e-300, positive.high) == (True, 0.1)
    negative = looked(Quantile(H, 0.5), FAST, {"-5": 9_000.0, "1": 9_500.0, "+Inf": 10_000.0}).measurement
    assert isinstance(negative, Measured)
    assert (negative.low, negative.value, negative.high) == (-inf, -5.0, -5.0)
    few = looked(Quantile(H, 0.5), FAST, {"-5": 8.0, "+Inf": 8.0}, min_events=10).measurement
    assert isinstance(few, Measured)
    assert (few.low, few.high) == (-inf, -5.0)


CUMULATIVE = st.lists(st.integers(min_value=0, max_value=40), min_size=1, max_size=8).map(
    lambda parts: [float(sum(parts[: i + 1])) for i in range(len(parts))]
)


@given(CUMULATIVE, st.sampled_from([0.5, 0.9, 0.95, 0.99]), st.floats(min_value=0.01, max_value=50.0))
def test_with_few_events_a_quantile_lies_between_edges_that_the_exact_interval_proves(
    counts: list[float], q: float, beyond: float
) -> None:
    total = counts[-1] + beyond
    edges = [0.1 * (i + 1) for i in range(len(counts))]
    rows = {repr(edge): count for edge, count in zip(edges, counts, strict=True)} | {"+Inf": total}
    measured = looked(Quantile(H, q), FAST, rows, min_events=10_000).measurement
    assert isinstance(measured, Measured)
    surely_above = [e for e, n in zip(edges, counts, strict=True) if upper_bound(n, total) < q - 1e-9]
    surely_below = [e for e, n in zip(edges, counts, strict=True) if lower_bound(n, total) >= q + 1e-9]
    assert measured.low >= max(surely_above, default=0.0)
    assert measured.high <= min(surely_below, default=inf)
    assert measured.low <= measured.high
    assert measured.low < 1e-300 or any(upper_bound(n, total) < q + 1e-9 for n in counts)
