import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.demo.incidents import Incident, IncidentKind, past_incidents
from slo_daemon.demo.openmetrics import FloatArray, MetricKind
from slo_daemon.demo.traffic import (
    COLUMNS,
    CONTROL,
    EDGES_MS,
    LE,
    TREATMENT,
    VARIANTS,
    Traffic,
    accumulate,
    columns,
)

NOW = 1_790_000_100.0  # a multiple of 300: five minute slices begin here
DAY = 86400.0
START = NOW - 30 * DAY

steps = st.lists(st.floats(0.01, 7200), min_size=1, max_size=30)
incident_lists = st.lists(
    st.builds(
        Incident.of,
        kind=st.sampled_from(IncidentKind),
        start=st.floats(START, START + DAY),
        seconds=st.floats(1, 7200),
        severity=st.floats(0, 40),
    ),
    max_size=4,
)


def edges_of(lengths: list[float]) -> FloatArray:
    return START + np.cumsum([0.0, *lengths])


def total(growth: FloatArray, name: str, **labels: str) -> FloatArray:
    return np.asarray(growth[:, columns(name, **labels)].sum(axis=1))


def failed(growth: FloatArray, variant: str) -> FloatArray:
    return sum(
        (total(growth, "search_requests_total", variant=variant, code=code) for code in ("500", "503")),
        np.zeros(1),
    )


def quantile(growth: FloatArray, variant: str, q: float) -> FloatArray:
    """Milliseconds for each row, by linear interpolation in the bucket, as Prometheus does it."""
    buckets = growth[:, columns("search_request_duration_seconds_bucket", variant=variant)]
    edges = [0, *EDGES_MS]
    found = []
    for row in buckets:
        rank = q * row[-1]
        index = int(np.searchsorted(row, rank))
        if index >= len(EDGES_MS):
            found.append(math.inf)
            continue
        below = row[index - 1] if index else 0.0
        found.append(edges[index] + (edges[index + 1] - edges[index]) * (rank - below) / (row[index] - below))
    return np.array(found)


def five_minute_slices(days: float, incidents: bool) -> FloatArray:
    edges = np.arange(NOW - days * DAY, NOW + 1, 300.0)
    return Traffic(7, START).grow(edges, past_incidents(7, NOW, 30) if incidents else ())


@given(seed=st.integers(0, 2**32 - 1), lengths=steps, incidents=incident_lists)
def test_counters_never_fall_and_every_request_has_one_code_and_one_duration(
    seed: int, lengths: list[float], incidents: list[Incident]
) -> None:
    growth = Traffic(seed, START).grow(edges_of(lengths), incidents)

    counters = [i for i, column in enumerate(COLUMNS) if column.family.kind is not MetricKind.GAUGE]
    assert np.all(growth[:, counters] >= 0)
    for variant in VARIANTS:
        requests = total(growth, "search_requests_total", variant=variant)
        buckets = growth[:, columns("search_request_duration_seconds_bucket", variant=variant)]
        assert buckets.shape[1] == len(LE)
        assert np.all(np.diff(buckets, axis=1) >= 0)
        assert np.array_equal(buckets[:, -1], requests)
        assert np.array_equal(
            total(growth, "search_request_duration_seconds_count", variant=variant), requests
        )
        answered = total(growth, "search_requests_total", variant=variant, code="200")
        used = total(growth, "search_successful_total", variant=variant)
        nothing = total(growth, "search_zero_results_total", variant=variant)
        assert np.all(used + nothing <= answered)
        exposed = total(growth, "search_exposed_users_total", variant=variant)
        assert np.all(total(growth, "search_converted_users_total", variant=variant) <= exposed)
    everyone = total(growth, "search_requests_total")
    assert np.array_equal(total(growth, "search_cache_requests_total"), everyone)
    quality = growth[:, columns("search_embedding_quality")]
    assert np.all((quality >= 0) & (quality <= 1))


@given(seed=st.integers(0, 2**32 - 1), lengths=steps, incidents=incident_lists)
def test_the_same_arguments_give_the_same_numbers(
    seed: int, lengths: list[float], incidents: list[Incident]
) -> None:
    edges = edges_of(lengths)
    assert np.array_equal(
        Traffic(seed, START).grow(edges, incidents), Traffic(seed, START).grow(edges, incidents)
    )


def test_healthy_treatment_is_near_the_pilots_healthy_example() -> None:
    growth = five_minute_slices(14, incidents=False)
    requests = total(growth, "search_requests_total", variant=TREATMENT)
    errors = failed(growth, TREATMENT)
    p95, p99 = quantile(growth, TREATMENT, 0.95), quantile(growth, TREATMENT, 0.99)

    assert 41 <= np.median(p95) <= 43
    assert np.all(p95 < 45), "p95 never comes near its warning threshold"
    assert 82 <= np.median(p99) <= 86
    assert np.mean(p99 <= 90) >= 0.995
    assert 0.0005 <= errors.sum() / requests.sum() <= 0.0008
    assert 0.9992 <= 1 - errors.sum() / requests.sum() <= 0.9996
    assert np.mean(errors / requests <= 0.001) >= 0.995
    assert 0.81 <= total(growth, "search_successful_total", variant=TREATMENT).sum() / requests.sum() <= 0.83
    assert (
        0.11 <= total(growth, "search_zero_results_total", variant=TREATMENT).sum() / requests.sum() <= 0.13
    )


def test_treatment_converts_fifteen_to_eighteen_percent_better_than_control() -> None:
    growth = five_minute_slices(14, incidents=True)
    rates = {
        variant: total(growth, "search_converted_users_total", variant=variant).sum()
        / total(growth, "search_exposed_users_total", variant=variant).sum()
        for variant in VARIANTS
    }
    assert rates[CONTROL] == pytest.approx(0.03, rel=0.01)
    assert 1.15 <= rates[TREATMENT] / rates[CONTROL] <= 1.18


def test_the_quietest_five_minutes_have_enough_events_for_three_nines() -> None:
    growth = five_minute_slices(30, incidents=True)
    for variant in VARIANTS:
        assert total(growth, "search_requests_total", variant=variant).min() >= 2995
    share = total(growth, "search_requests_total", variant=TREATMENT) / total(growth, "search_requests_total")
    assert share.max() < 0.5, "control has more traffic than treatment"


def test_traffic_swings_with_the_hour() -> None:
    growth = five_minute_slices(7, incidents=False)
    requests = total(growth, "search_requests_total")
    assert 1.5 <= requests.max() / requests.min() <= 2.0


def test_the_ramp_widens_treatment_step_by_step() -> None:
    days = np.array([-1, 0, 6.9, 7, 20.9, 21, 34.9, 35, 100])
    shares = Traffic(7, START).treatment_share(START + days * DAY)
    assert shares.tolist() == [0.05, 0.05, 0.05, 0.10, 0.10, 0.15, 0.15, 0.20, 0.20]


def test_hours_of_slowness_keep_latency_from_two_weeks_in_a_row_but_spend_no_budget_of_thirty_days() -> None:
    growth = five_minute_slices(30, incidents=True)
    for met in (quantile(growth, TREATMENT, 0.95) <= 50, quantile(growth, TREATMENT, 0.99) <= 100):
        assert np.mean(met[-14 * 288 :]) < 0.99
        assert np.mean(met[-9 * 288 :]) >= 0.99
        assert np.mean(met) >= 0.99


def test_the_last_two_weeks_are_available_in_aggregate_and_earlier_there_was_an_outage() -> None:
    growth = five_minute_slices(30, incidents=True)
    requests, errors = total(growth, "search_requests_total", variant=TREATMENT), failed(growth, TREATMENT)
    recent = slice(-14 * 288, None)

    assert 1 - errors[recent].sum() / requests[recent].sum() >= 0.999
    assert np.mean((errors / requests <= 0.001)[recent]) >= 0.99
    hourly = errors.reshape(-1, 12).sum(axis=1) / requests.reshape(-1, 12).sum(axis=1)
    assert np.mean(hourly[-14 * 24 :] <= 0.001) >= 0.99
    assert hourly.max() > 0.05, "an outage which eats a visible part of the 30 day budget"
    assert errors.sum() / requests.sum() < 0.001, "but not all of it"


@pytest.mark.parametrize("kind", IncidentKind)
def test_two_minutes_of_an_incident_pass_the_critical_thresholds_and_leave_control_alone(
    kind: IncidentKind,
) -> None:
    incident = Incident.of(kind, NOW + 180, 120)
    growth = Traffic(7, START).grow(np.array([NOW, NOW + 300]), [incident])
    error_rate = {
        v: (failed(growth, v) / total(growth, "search_requests_total", variant=v))[0] for v in VARIANTS
    }
    p95 = {v: quantile(growth, v, 0.95)[0] for v in VARIANTS}
    p99 = {v: quantile(growth, v, 0.99)[0] for v in VARIANTS}

    assert error_rate[CONTROL] < 0.001
    assert p95[CONTROL] < 45
    assert p99[CONTROL] < 100
    assert (error_rate[TREATMENT] > 0.01) == (
        kind in (IncidentKind.ERRORS, IncidentKind.OVERLOAD, IncidentKind.OUTAGE)
    )
    slow = kind in (IncidentKind.LATENCY, IncidentKind.OVERLOAD)
    assert (p95[TREATMENT] > 60) == slow
    assert (p99[TREATMENT] > 200) == slow


def test_accumulating_in_two_halves_equals_the_whole() -> None:
    growth = Traffic(7, START).grow(edges_of([60.0] * 10))
    start = np.full(len(COLUMNS), 5.0)
    whole = accumulate(start, growth)
    first = accumulate(start, growth[:4])
    second = accumulate(first[-1], growth[4:])
    assert np.allclose(whole, np.vstack([first, second]))
    gauge = columns("search_embedding_quality")
    assert np.array_equal(whole[:, gauge], growth[:, gauge])


def test_every_threshold_of_the_pilot_is_a_bucket_edge() -> None:
    assert {45, 50, 60, 90, 100, 150, 200} <= set(EDGES_MS)
    assert len(set(LE)) == len(LE) == len(EDGES_MS) + 1


def test_a_misspelt_series_is_an_error() -> None:
    with pytest.raises(KeyError, match="search_request_total"):
        columns("search_request_total")
