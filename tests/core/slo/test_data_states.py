"""Could we look? Absence is told apart from zero, from silence and from failure, and is never good."""

import pytest

from slo_daemon.core.quantity import BASE_UNITS, Dimension, parse_quantity
from slo_daemon.core.slo.book import entry_of
from slo_daemon.core.slo.evaluation import Evaluation, unseen
from slo_daemon.core.slo.measurement import DataState, Measured
from slo_daemon.core.slo.objective import Direction, Objective
from slo_daemon.core.slo.phrases import say_evaluation
from slo_daemon.core.slo.query import Failed, FailReason, Reading, Sample, Samples
from slo_daemon.core.slo.selector import parse_raw, parse_selector
from slo_daemon.core.slo.sli import Gauge, Indicator, LatencyShare, Quantile, Ratio, Raw, Throughput
from slo_daemon.core.slo.sli.gauge import Aggregate
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Slot, Window
from tests import factories
from tests.core.slo.readings import NOTHING, buckets, number, readings_of

SLOT = Slot(1_000_000.0, 60.0)
NUMBER = BASE_UNITS[Dimension.NUMBER]


def at_least(target: str) -> Objective:
    return Objective(Direction.AT_LEAST, parse_quantity(target))


def at_most(target: str) -> Objective:
    return Objective(Direction.AT_MOST, parse_quantity(target))


def make(indicator: Indicator, objective: Objective, **more: object) -> Slo:
    return Slo("p", "s", indicator, objective, Window(3600), **more)  # type: ignore[arg-type]


AVAILABILITY = make(
    Ratio(parse_selector('r{code="500"}'), parse_selector("r"), counts_good=False, as_good=True),
    at_least("99.9%"),
)
SEPARATE = make(
    Ratio(parse_selector("e"), parse_selector("r"), counts_good=False, as_good=True), at_least("99.9%")
)  # its two parts are two questions
RATE = make(Throughput(parse_selector("r")), at_least("10/s"))
P99 = make(Quantile(parse_selector("h"), 0.99), at_most("100ms"))
DEAD = SLOT.time - 60.0  # a chunk that ended here was the last one with a row; later ones had none


def evaluated(slo: Slo, parts: dict[str, Reading], **seen: object) -> Evaluation:
    return factories.evaluated(slo, readings_of(slo, parts), SLOT, (), **seen)


def silent(slo: Slo, age: Reading | None = None) -> Evaluation:
    """Nothing in the window, and `age` to the question when the newest sample was."""
    readings = readings_of(slo, dict.fromkeys(entry_of(slo).asks, NOTHING))
    asked = unseen(slo, factories.seen_of(slo, readings, SLOT), SLOT)
    assert [probe.selector for probe in asked] == list(slo.indicator.probes())
    ages = {probe.last_seen: age for probe in asked} if age else {}
    return factories.evaluated(slo, readings | ages, SLOT)


def outcome(evaluation: Evaluation) -> tuple[DataState, bool | None, str]:
    return evaluation.data_state, evaluation.met, evaluation.reason.value


def test_no_error_series_beside_fresh_traffic_is_zero_errors() -> None:
    evaluation = evaluated(AVAILABILITY, {"bad": NOTHING, "total": number(5000)})
    assert outcome(evaluation) == (DataState.OK, True, "met")
    assert evaluation.value == 1.0


@pytest.mark.parametrize("slo", [AVAILABILITY, SEPARATE])
def test_zero_that_nobody_counted_is_told_apart_from_a_counted_zero(slo: Slo) -> None:
    """Else a wrong selector of errors would look like a service without any."""
    assumed = evaluated(slo, {"bad": NOTHING, "total": number(5000)}).measurement
    counted = evaluated(slo, {"bad": number(0), "total": number(5000)}).measurement
    assert isinstance(assumed, Measured)
    assert isinstance(counted, Measured)
    assert assumed.working[0].startswith("no series of ")
    assert "no series of" not in " ".join(counted.working)
    for bad, told in ((NOTHING, True), (number(0), False)):
        evaluation = evaluated(slo, {"bad": bad, "total": number(5000)})
        assert (", taken as 0" in say_evaluation(evaluation)) is told


def test_a_target_within_the_bucket_of_the_value_is_told_with_the_remedy() -> None:
    evaluation = evaluated(P99, {"buckets": buckets({"0.05": 900, "0.2": 1000, "+Inf": 1000})})
    assert outcome(evaluation) == (DataState.UNKNOWN, None, "no_bucket_edge")
    assert evaluation.detail == (
        "the target 100ms lies within the same bucket, from 50ms to 200ms; "
        "take an edge of the histogram as the target, or give it a bucket that ends there"
    )


def test_a_dead_target_is_stale_though_its_long_window_still_looks_perfect() -> None:
    evaluation = evaluated(AVAILABILITY, {"bad": NOTHING, "total": number(5000)}, newest=DEAD)
    assert outcome(evaluation) == (DataState.STALE, None, "stale")
    assert evaluation.value is None
    assert evaluation.evidence is None


@pytest.mark.parametrize(
    "slo",
    [
        AVAILABILITY,
        SEPARATE,
        RATE,
        P99,
        make(LatencyShare(parse_selector("h"), 0.1), at_least("99%")),
        make(Gauge(parse_selector("g"), Aggregate.AVERAGE, NUMBER), at_least("1")),
        make(Gauge(parse_selector("g"), Aggregate.MAXIMUM, NUMBER), at_most("1")),
    ],
    ids=lambda slo: slo.indicator.kind,
)
def test_the_rows_of_its_chunks_prove_that_a_kind_is_fresh_and_nothing_is_asked_beside_them(slo: Slo) -> None:
    assert entry_of(slo).proof in entry_of(slo).asks
    assert entry_of(slo).direct == {}
    parts = {"total": number(72_000), "value": number(1), "buckets": buckets({"0.1": 5e3, "+Inf": 5e3})}
    assert evaluated(slo, dict(parts)).data_state is DataState.OK
    assert evaluated(slo, dict(parts), newest=DEAD).data_state is DataState.STALE


def test_a_longer_limit_of_freshness_accepts_older_chunks() -> None:
    patient = make(AVAILABILITY.indicator, AVAILABILITY.objective, freshness=360)
    parts: dict[str, Reading] = {"bad": NOTHING, "total": number(5000)}
    assert evaluated(patient, parts, newest=DEAD).data_state is DataState.OK
    assert evaluated(patient, parts, newest=DEAD - 1.0).data_state is DataState.STALE


def test_a_second_round_tells_how_old_the_newest_sample_is() -> None:
    evaluation = silent(AVAILABILITY, number(SLOT.time - 7200))
    assert outcome(evaluation) == (DataState.STALE, None, "stale")
    assert "2h old; the limit is 5m" in evaluation.detail


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_newest_sample_at_no_time_is_an_error(value: float) -> None:
    assert outcome(silent(AVAILABILITY, number(value))) == (DataState.ERROR, None, "value")


def test_an_age_that_could_not_be_asked_is_an_error() -> None:
    failed = Failed("q", FailReason.TIMEOUT, "no answer")
    assert outcome(silent(AVAILABILITY, failed)) == (DataState.ERROR, None, "timeout")


def test_a_metric_that_never_was_is_no_data() -> None:
    for slo in (AVAILABILITY, SEPARATE, RATE, P99):
        assert outcome(silent(slo, NOTHING)) == (DataState.NO_DATA, None, "no_data")
        assert outcome(silent(slo)) == (DataState.NO_DATA, None, "no_data")


def test_samples_that_came_just_now_but_are_too_few_to_count_from_are_no_data() -> None:
    """One scrape after the start of a target: fresh, and yet nothing can be said."""
    evaluation = silent(AVAILABILITY, number(SLOT.time - 10))
    assert outcome(evaluation) == (DataState.NO_DATA, None, "no_data")
    assert "fewer than two samples" in evaluation.detail


def test_fresh_samples_without_events_are_no_traffic() -> None:
    assert outcome(evaluated(AVAILABILITY, {"bad": number(0), "total": number(0)}))[0] is DataState.NO_TRAFFIC
    assert outcome(evaluated(P99, {"buckets": buckets({"0.1": 0, "+Inf": 0})}))[0] is DataState.NO_TRAFFIC


def test_a_total_without_two_samples_in_the_window_is_no_data_though_its_newest_chunk_is_fresh() -> None:
    """The freshness limit may be longer than the window: a target that died a moment ago is not a silent one."""
    no_data = (DataState.NO_DATA, None, "no_data")
    for slo in (AVAILABILITY, SEPARATE, RATE, make(RATE.indicator, at_most("10/s"))):
        nothing = dict.fromkeys(entry_of(slo).asks, NOTHING)
        assert outcome(evaluated(slo, dict(nothing), newest=SLOT.time)) == no_data


@pytest.mark.parametrize(
    ("slo", "part"), [(AVAILABILITY, "events"), (SEPARATE, "bad"), (SEPARATE, "total"), (P99, "buckets")]
)
def test_one_failed_part_makes_the_whole_look_an_error(slo: Slo, part: str) -> None:
    parts: dict[str, Reading] = {"bad": number(0), "total": number(5000)}
    parts[part] = Failed("q", FailReason.PARTIAL, "the answer came with warnings")
    assert outcome(evaluated(slo, parts)) == (DataState.ERROR, None, "partial")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -3.0])
def test_what_is_no_number_of_events_is_an_error_and_never_a_value(value: float) -> None:
    for slo in (AVAILABILITY, SEPARATE):
        for bad, total in ((number(value), number(5000)), (number(1), number(value))):
            evaluation = evaluated(slo, {"bad": bad, "total": total})
            assert outcome(evaluation) == (DataState.ERROR, None, "value")
            assert evaluation.value is None


def test_more_bad_than_all_events_is_an_error_not_a_clamped_ratio() -> None:
    assert outcome(evaluated(SEPARATE, {"bad": number(8500), "total": number(5000)})) == (
        DataState.ERROR,
        None,
        "value",
    )
    within_extrapolation = evaluated(SEPARATE, {"bad": number(5010), "total": number(5000)})
    assert within_extrapolation.value == 0.0


def test_two_rows_where_one_was_expected_are_an_error() -> None:
    two = Samples("q", (Sample((), 1.0), Sample((), 2.0)))
    for parts in ({"bad": two, "total": number(5000)}, {"bad": number(1), "total": two}):
        assert outcome(evaluated(SEPARATE, dict(parts))) == (DataState.ERROR, None, "shape")


def test_too_few_events_prove_no_target() -> None:
    """99.9 % takes 2,995 events without a bad one (95 % sure); one fewer proves nothing."""
    assert outcome(evaluated(AVAILABILITY, {"bad": NOTHING, "total": number(2994)})) == (
        DataState.UNKNOWN,
        None,
        "too_few_events",
    )
    assert outcome(evaluated(AVAILABILITY, {"bad": NOTHING, "total": number(2995)}))[:2] == (
        DataState.OK,
        True,
    )


def test_few_events_can_still_prove_a_miss() -> None:
    """50 failures in 100 requests are no bad luck of a 99.9 % service."""
    assert outcome(evaluated(AVAILABILITY, {"bad": number(50), "total": number(100)})) == (
        DataState.OK,
        False,
        "missed",
    )
    assert outcome(evaluated(AVAILABILITY, {"bad": number(1), "total": number(100)}))[:2] == (
        DataState.UNKNOWN,
        None,
    )


def test_the_needed_number_of_events_is_a_setting() -> None:
    relaxed = make(AVAILABILITY.indicator, AVAILABILITY.objective, min_events=10)
    assert outcome(evaluated(relaxed, {"bad": NOTHING, "total": number(10)}))[:2] == (DataState.OK, True)


def test_throughput_of_nothing_is_zero_and_missed() -> None:
    slo = make(Throughput(parse_selector("r")), at_least("10/s"))
    assert outcome(evaluated(slo, {"total": number(0)})) == (DataState.OK, False, "missed")
    assert evaluated(slo, {"total": number(72_000)}).value == 20.0


def test_a_gauge_is_converted_from_the_unit_it_is_exposed_in() -> None:
    percent = make(Gauge(parse_selector("g"), Aggregate.AVERAGE, parse_quantity("1%").unit), at_least("80%"))
    assert evaluated(percent, {"value": number(85)}).value == pytest.approx(0.85)


def test_a_percentage_given_as_a_ratio_is_an_error_that_names_the_remedy() -> None:
    wrong = make(Gauge(parse_selector("g"), Aggregate.AVERAGE, BASE_UNITS[Dimension.RATIO]), at_least("80%"))
    evaluation = evaluated(wrong, {"value": number(85)})
    assert outcome(evaluation) == (DataState.ERROR, None, "value")
    assert 'unit: "%"' in evaluation.detail


EXPRESSION = "rate(a[$window]) / rate(b[$window])"
RAW = make(Raw(EXPRESSION, NUMBER, parse_raw(EXPRESSION)), at_least("1"))


def test_a_raw_expression_is_asked_over_its_own_window_and_needs_every_selector_fresh() -> None:
    """Nothing in its value proves that it is fresh, and nobody knows how to add such values up."""
    entry = entry_of(RAW)
    assert (entry.proof, entry.asks) == ("", {})
    assert [ask.promql() for ask in entry.direct.values()] == [
        "rate(a[1h]) / rate(b[1h])",
        "sum (count_over_time(a[5m]))",
        "sum (count_over_time(b[5m]))",
    ]
    assert outcome(evaluated(RAW, {"value": number(2)}))[:2] == (DataState.OK, True)
    assert outcome(evaluated(RAW, {"value": number(2), "fresh: b": NOTHING}))[0] is DataState.STALE
    assert outcome(evaluated(RAW, {"value": NOTHING}))[0] is DataState.NO_DATA
    failed = Failed("q", FailReason.PARTIAL, "the answer came with warnings")
    assert outcome(evaluated(RAW, {"value": number(2), "fresh: b": failed})) == (
        DataState.ERROR,
        None,
        "partial",
    )


@pytest.mark.parametrize("samples", [float("nan"), 0.0, -1.0])
def test_a_probe_that_counts_no_samples_in_a_row_is_an_error(samples: float) -> None:
    evaluation = evaluated(RAW, {"value": number(2), "fresh: a": number(samples)})
    assert outcome(evaluation) == (DataState.ERROR, None, "value")


HISTOGRAM = {"0.05": 600.0, "0.1": 900.0, "0.25": 990.0, "+Inf": 1000.0}


@pytest.mark.parametrize(
    ("q", "target", "expected"),
    [
        (0.90, "100ms", (DataState.OK, True, "met")),
        (0.95, "100ms", (DataState.OK, False, "missed")),
        (0.95, "250ms", (DataState.OK, True, "met")),
        (0.95, "200ms", (DataState.UNKNOWN, None, "no_bucket_edge")),
        (0.995, "250ms", (DataState.OK, False, "beyond_last_bucket")),
        (0.995, "500ms", (DataState.OK, False, "beyond_last_bucket")),
    ],
    ids=[
        "rank at the edge is inside it",
        "beyond the edge",
        "up to the edge",
        "the threshold lies inside the bucket",
        "beyond the last edge and the threshold is that edge",
        "beyond the last edge nothing proves that a higher threshold is kept",
    ],
)
def test_a_quantile_decides_only_what_bucket_edges_prove(q: float, target: str, expected: object) -> None:
    slo = make(Quantile(parse_selector("h"), q), at_most(target), min_events=100)
    assert outcome(evaluated(slo, {"buckets": buckets(HISTOGRAM)})) == expected


def test_le_1_and_le_1_0_are_one_edge() -> None:
    slo = make(Quantile(parse_selector("h"), 0.5), at_most("1s"), min_events=1)
    mixed = buckets({"1": 50.0, "1.0": 50.0, "+Inf": 100.0})
    evaluation = evaluated(slo, {"buckets": mixed})
    assert outcome(evaluation)[:2] == (DataState.OK, True)
    assert evaluation.value == pytest.approx(0.5)


def test_a_latency_share_at_an_edge_is_exact_and_between_edges_a_range() -> None:
    exact = make(LatencyShare(parse_selector("h"), 0.1), at_least("90%"), min_events=100)
    assert outcome(evaluated(exact, {"buckets": buckets(HISTOGRAM)}))[:2] == (DataState.OK, True)
    between = make(LatencyShare(parse_selector("h"), 0.2), at_least("95%"), min_events=100)
    assert outcome(evaluated(between, {"buckets": buckets(HISTOGRAM)})) == (
        DataState.UNKNOWN,
        None,
        "no_bucket_edge",
    )
    proven = make(LatencyShare(parse_selector("h"), 0.2), at_least("90%"), min_events=100)
    assert outcome(evaluated(proven, {"buckets": buckets(HISTOGRAM)}))[:2] == (DataState.OK, True)
    missed = make(LatencyShare(parse_selector("h"), 0.2), at_least("99.5%"), min_events=100)
    assert outcome(evaluated(missed, {"buckets": buckets(HISTOGRAM)}))[:2] == (DataState.OK, False)


def test_buckets_without_inf_or_with_a_strange_edge_are_an_error() -> None:
    assert outcome(evaluated(P99, {"buckets": buckets({"0.1": 5.0})}))[2] == "shape"
    assert outcome(evaluated(P99, {"buckets": buckets({"fast": 5.0, "+Inf": 5.0})}))[2] == "value"
    assert outcome(evaluated(P99, {"buckets": buckets({"0.1": float("nan"), "+Inf": 5.0})}))[2] == "value"
