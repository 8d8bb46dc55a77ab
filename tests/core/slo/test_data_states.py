"""Could we look? Absence is told apart from zero, from silence and from failure, and is never good."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.quantity import BASE_UNITS, Dimension, parse_quantity
from slo_daemon.core.slo.evaluation import Evaluation, asks, evaluate, follow_up, groups, split
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Direction, Objective
from slo_daemon.core.slo.query import Failed, FailReason, Reading, Sample, Samples
from slo_daemon.core.slo.selector import parse_raw, parse_selector
from slo_daemon.core.slo.sli import Gauge, Indicator, LatencyShare, Quantile, Ratio, Raw, Throughput
from slo_daemon.core.slo.sli.gauge import Aggregate
from slo_daemon.core.slo.slo import Slo, SloInstance, split_id
from slo_daemon.core.slo.window import Slot, Window
from tests.core.slo.readings import NOTHING, buckets, number, readings_of, rows

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
P99 = make(Quantile(parse_selector("h"), 0.99), at_most("100ms"))


def evaluated(
    slo: Slo, parts: dict[str, Reading], *, fresh: Reading | None = None, **more: Reading
) -> Evaluation:
    given = readings_of(slo, parts, **({} if fresh is None else {"fresh": fresh}))
    return evaluate(SloInstance(slo), given | more, SLOT)


def outcome(evaluation: Evaluation) -> tuple[DataState, bool | None, str]:
    return evaluation.data_state, evaluation.met, evaluation.reason.value


def test_no_error_series_beside_fresh_traffic_is_zero_errors() -> None:
    evaluation = evaluated(AVAILABILITY, {"bad": NOTHING, "total": number(5000)})
    assert outcome(evaluation) == (DataState.OK, True, "met")
    assert evaluation.value == 1.0


def test_a_dead_target_is_stale_though_its_long_window_still_looks_perfect() -> None:
    evaluation = evaluated(AVAILABILITY, {"bad": NOTHING, "total": number(5000)}, fresh=NOTHING)
    assert outcome(evaluation) == (DataState.STALE, None, "stale")
    assert evaluation.value is None
    assert evaluation.evidence is None


def test_a_second_round_tells_how_old_the_newest_sample_is() -> None:
    readings = readings_of(AVAILABILITY, {"bad": NOTHING, "total": NOTHING}, fresh=NOTHING)
    more = follow_up(AVAILABILITY, readings, {(): {}})
    assert [ask.promql() for ask in more.values()] == ["max (max_over_time(timestamp(r)[86400s:300s]))"]
    seen = {name: number(SLOT.time - 7200) for name in more}
    evaluation = evaluate(SloInstance(AVAILABILITY), readings | seen, SLOT)
    assert outcome(evaluation) == (DataState.STALE, None, "stale")
    assert "2h old; the limit is 5m" in evaluation.detail


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_newest_sample_at_no_time_is_an_error(value: float) -> None:
    readings = readings_of(AVAILABILITY, {"bad": NOTHING, "total": NOTHING}, fresh=NOTHING)
    seen = dict.fromkeys(follow_up(AVAILABILITY, readings, {(): {}}), number(value))
    assert outcome(evaluate(SloInstance(AVAILABILITY), readings | seen, SLOT)) == (
        DataState.ERROR,
        None,
        "value",
    )


def test_a_metric_that_never_was_is_no_data() -> None:
    readings = readings_of(AVAILABILITY, {"bad": NOTHING, "total": NOTHING}, fresh=NOTHING)
    more = dict.fromkeys(follow_up(AVAILABILITY, readings, {(): {}}), NOTHING)
    assert outcome(evaluate(SloInstance(AVAILABILITY), readings | more, SLOT)) == (
        DataState.NO_DATA,
        None,
        "no_data",
    )


def test_fresh_samples_without_events_are_no_traffic() -> None:
    assert outcome(evaluated(AVAILABILITY, {"bad": number(0), "total": number(0)}))[0] is DataState.NO_TRAFFIC
    assert outcome(evaluated(P99, {"buckets": buckets({"0.1": 0, "+Inf": 0})}))[0] is DataState.NO_TRAFFIC


@pytest.mark.parametrize("fresh", [number(20.0), number(1.0)])
def test_a_total_without_two_samples_in_the_window_is_no_data_whatever_the_probe_says(fresh: Reading) -> None:
    """The freshness limit may be longer than the window: a target that died a moment ago is not a silent one."""
    no_data = (DataState.NO_DATA, None, "no_data")
    assert outcome(evaluated(AVAILABILITY, {"bad": NOTHING, "total": NOTHING}, fresh=fresh)) == no_data
    for objective in (at_least("10/s"), at_most("10/s")):
        slo = make(Throughput(parse_selector("r")), objective)
        assert outcome(evaluated(slo, {"total": NOTHING}, fresh=fresh)) == no_data


@pytest.mark.parametrize("part", ["bad", "total", "fresh: r"])
def test_one_failed_part_makes_the_whole_look_an_error(part: str) -> None:
    parts: dict[str, Reading] = {"bad": number(0), "total": number(5000)}
    parts[part] = Failed("q", FailReason.PARTIAL, "the answer came with warnings")
    assert outcome(evaluated(AVAILABILITY, parts)) == (DataState.ERROR, None, "partial")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -3.0])
def test_what_is_no_number_of_events_is_an_error_and_never_a_value(value: float) -> None:
    for parts in ({"bad": number(value), "total": number(5000)}, {"bad": number(1), "total": number(value)}):
        evaluation = evaluated(AVAILABILITY, parts)  # type: ignore[arg-type]
        assert outcome(evaluation) == (DataState.ERROR, None, "value")
        assert evaluation.value is None


@pytest.mark.parametrize("samples", [float("nan"), 0.0, -1.0])
def test_a_probe_that_counts_no_samples_in_a_row_is_an_error(samples: float) -> None:
    evaluation = evaluated(AVAILABILITY, {"bad": NOTHING, "total": number(5000)}, fresh=number(samples))
    assert outcome(evaluation) == (DataState.ERROR, None, "value")


def test_more_bad_than_all_events_is_an_error_not_a_clamped_ratio() -> None:
    assert outcome(evaluated(AVAILABILITY, {"bad": number(8500), "total": number(5000)})) == (
        DataState.ERROR,
        None,
        "value",
    )
    within_extrapolation = evaluated(AVAILABILITY, {"bad": number(5010), "total": number(5000)})
    assert within_extrapolation.value == 0.0


def test_two_rows_where_one_was_expected_are_an_error() -> None:
    two = Samples("q", (Sample((), 1.0), Sample((), 2.0)))
    assert outcome(evaluated(AVAILABILITY, {"bad": two, "total": number(5000)})) == (
        DataState.ERROR,
        None,
        "shape",
    )


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


def test_a_raw_expression_needs_every_selector_fresh() -> None:
    expression = "rate(a[$window]) / rate(b[$window])"
    slo = make(Raw(expression, NUMBER, parse_raw(expression)), at_least("1"))
    assert next(ask.promql() for ask in asks(slo).values()) == "rate(a[1h]) / rate(b[1h])"
    assert outcome(evaluated(slo, {"value": number(2)}))[:2] == (DataState.OK, True)
    assert outcome(evaluated(slo, {"value": number(2), "fresh: b": NOTHING}))[0] is DataState.STALE
    assert outcome(evaluated(slo, {"value": NOTHING}))[0] is DataState.NO_DATA


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


def test_a_grouped_slo_is_one_slo_for_each_value_that_has_samples() -> None:
    slo = make(AVAILABILITY.indicator, AVAILABILITY.objective, group_by=("region",))
    readings = readings_of(
        slo,
        {
            "bad": rows("region", {"eu": 100.0}),
            "total": rows("region", {"eu": 5000.0, "us": 5000.0, "": 7.0}),
        },
        fresh=rows("region", {"eu": 10.0, "us": 10.0, "": 3.0}),
    )
    found = groups(slo, readings)
    assert found == {(("region", "eu"),), (("region", "us"),)}
    own = split(slo, readings, sorted(found))
    eu, us = (evaluate(SloInstance(slo, group), parts, SLOT) for group, parts in own.items())
    assert (eu.met, us.met) == (False, True)
    assert eu.instance.id == 'p/s{region="eu"}'


def test_a_group_that_vanished_is_stale_while_the_others_go_on() -> None:
    slo = make(AVAILABILITY.indicator, AVAILABILITY.objective, group_by=("region",))
    one = rows("region", {"us": 5000.0})
    readings = readings_of(slo, {"bad": NOTHING, "total": one}, fresh=rows("region", {"us": 10.0}))
    eu, us = (("region", "eu"),), (("region", "us"),)
    assert follow_up(slo, readings, {us: {}}) == {}
    more = dict.fromkeys(
        follow_up(slo, readings, {eu: {}, us: {}}), rows("region", {"eu": SLOT.time - 900, "us": SLOT.time})
    )
    own = split(slo, readings | more, [eu, us])
    assert evaluate(SloInstance(slo, eu), own[eu], SLOT).data_state is DataState.STALE
    assert evaluate(SloInstance(slo, us), own[us], SLOT).data_state is DataState.OK


def test_an_age_that_could_not_be_asked_hides_no_group_that_has_samples() -> None:
    slo = make(AVAILABILITY.indicator, AVAILABILITY.objective, group_by=("region",))
    one = rows("region", {"us": 5000.0})
    readings = readings_of(slo, {"bad": NOTHING, "total": one}, fresh=rows("region", {"us": 10.0}))
    eu, us = (("region", "eu"),), (("region", "us"),)
    more: dict[str, Reading] = dict.fromkeys(
        follow_up(slo, readings, {eu: {}, us: {}}), Failed("q", FailReason.TIMEOUT, "no answer")
    )
    own = split(slo, readings | more, [eu, us])
    assert outcome(evaluate(SloInstance(slo, eu), own[eu], SLOT)) == (DataState.ERROR, None, "timeout")
    assert evaluate(SloInstance(slo, us), own[us], SLOT).data_state is DataState.OK


def test_a_grouped_slo_whose_label_no_series_has_is_an_error_that_names_it() -> None:
    slo = make(AVAILABILITY.indicator, AVAILABILITY.objective, group_by=("regoin",))
    readings = readings_of(slo, {"total": rows("regoin", {"": 5000.0})}, fresh=rows("regoin", {"": 20.0}))
    assert groups(slo, readings) == set()
    evaluation = evaluate(SloInstance(slo), split(slo, readings, [()])[()], SLOT)
    assert outcome(evaluation) == (DataState.ERROR, None, "shape")
    assert "regoin" in evaluation.detail


@pytest.mark.parametrize(
    "value",
    ["eu", 'a"b', "a\\b", "{x}", "ä,b=c", "line\nbreak", "x" * 10_000, "\x00", "\ufffd", '\\"},{', "\\ufffd"],
)
def test_the_group_can_be_read_back_from_an_id(value: str) -> None:
    slo = make(AVAILABILITY.indicator, AVAILABILITY.objective, group_by=("region",))
    instance = SloInstance(slo, (("region", value),))
    assert split_id(instance.id) == (slo.id, instance.group)
    assert split_id(slo.id) == (slo.id, ())


@given(st.dictionaries(st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True), st.text(min_size=1)))
def test_any_group_can_be_read_back_from_an_id(labels: dict[str, str]) -> None:
    slo = make(AVAILABILITY.indicator, AVAILABILITY.objective, group_by=tuple(labels))
    instance = SloInstance(slo, tuple(sorted(labels.items())))
    assert split_id(instance.id) == (slo.id, instance.group)


@given(st.text())
def test_any_text_may_be_asked_for_the_group_in_it(text: str) -> None:
    slo_id, group = split_id(text)
    assert not group or text.startswith(slo_id)
