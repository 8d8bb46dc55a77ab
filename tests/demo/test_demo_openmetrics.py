import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from slo_daemon.demo.openmetrics import (
    MetricKind,
    Series,
    increase,
    scrape_times,
    steady_counter,
    steady_gauge,
    steady_histogram,
    write_openmetrics,
)

NOW = 1_790_000_000.0
times = scrape_times(NOW - 3600, NOW, 15)


def counter(*values: float) -> Series:
    return Series(
        "requests_total", (), MetricKind.COUNTER, NOW + np.arange(float(len(values))), np.array(values)
    )


@given(
    label=st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=30),
    values=st.lists(st.floats(0, 1e15), min_size=1, max_size=5),
    interval=st.floats(0.002, 1e5),
)
def test_what_was_written_is_read_back(
    label: str, values: list[float], interval: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    when = np.round(NOW + interval * np.arange(len(values)), 3)
    written = Series("requests_total", (("path", label),), MetricKind.COUNTER, when, np.array(values))
    gauge = Series("temperature", (), MetricKind.GAUGE, when, -np.array(values))
    file = tmp_path_factory.mktemp("text") / "history.om"
    write_openmetrics([written, gauge], file)

    families = {
        family.name: family for family in text_string_to_metric_families(file.read_text(encoding="utf-8"))
    }
    assert families["requests"].type == "counter"
    for family, expected in (("requests", written), ("temperature", gauge)):
        read = families[family].samples
        assert [sample.value for sample in read] == expected.values.tolist()
        assert [float(sample.timestamp) for sample in read] == pytest.approx(when.tolist(), abs=1e-6)
        assert all(sample.labels == dict(expected.labels) for sample in read)


def test_the_text_is_what_promtool_wants(tmp_path: Path) -> None:
    at = np.array([NOW, NOW + 0.25])
    file = tmp_path / "history.om"
    write_openmetrics(
        [
            steady_counter("requests_total", {"code": "200"}, at, 7, first=1),
            steady_gauge("up", {}, at, 1),
            *steady_histogram("wait_seconds", {}, at[:1], {0.5: 3, 1: 2}),
            steady_counter("requests_total", {"code": 'a"b'}, at[:1], 7),
        ],
        file,
    )
    assert file.read_text().splitlines() == [
        "# TYPE requests counter",
        'requests_total{code="200"} 1 1790000000',
        'requests_total{code="200"} 8 1790000000.250',
        'requests_total{code="a\\"b"} 0 1790000000',
        "# TYPE up gauge",
        "up 1 1790000000",
        "up 1 1790000000.250",
        "# TYPE wait_seconds histogram",
        'wait_seconds_bucket{le="0.5"} 0 1790000000',
        'wait_seconds_bucket{le="1.0"} 0 1790000000',
        'wait_seconds_bucket{le="+Inf"} 0 1790000000',
        "wait_seconds_count 0 1790000000",
        "wait_seconds_sum 0 1790000000",
        "# EOF",
    ]


def test_special_values_have_their_prometheus_names(tmp_path: Path) -> None:
    values = np.array([math.nan, math.inf, -math.inf, 0.5])
    file = tmp_path / "history.om"
    write_openmetrics([Series("x", (), MetricKind.GAUGE, NOW + np.arange(4.0), values)], file)
    assert [line.split()[1] for line in file.read_text().splitlines()[1:-1]] == ["NaN", "+Inf", "-Inf", "0.5"]


@pytest.mark.parametrize(
    ("name", "kind", "labels", "when", "problem"),
    [
        ("requests", MetricKind.COUNTER, (), [1.0], "must end with _total"),
        ("wait_seconds", MetricKind.HISTOGRAM, (), [1.0], "must end with _bucket or _count or _sum"),
        ("1x", MetricKind.GAUGE, (), [1.0], "no name for a gauge"),
        ("x", MetricKind.GAUGE, (("a-b", "1"),), [1.0], "'a-b' is no label name"),
        ("x", MetricKind.GAUGE, (), [2.0, 1.0], "do not ascend"),
        ("x", MetricKind.GAUGE, (), [1.0, 1.0004], "do not ascend"),
    ],
)
def test_a_wrong_series_is_refused(
    name: str, kind: MetricKind, labels: tuple[tuple[str, str], ...], when: list[float], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        Series(name, labels, kind, np.array(when), np.zeros(len(when)))


def test_a_family_of_two_kinds_is_refused(tmp_path: Path) -> None:
    mixed = [steady_counter("x_total", {}, times, 1), steady_gauge("x", {}, times, 1)]
    with pytest.raises(ValueError, match="x is both counter and gauge"):
        write_openmetrics(mixed, tmp_path / "history.om")


def test_a_steady_counter_counts_what_it_was_told_until_its_target_dies() -> None:
    alive = steady_counter("requests_total", {"code": "200"}, times, 30)
    dead = steady_counter("requests_total", {"code": "500"}, times, 1, dies_at=NOW - 1800)

    assert alive.times[-1] == NOW
    assert alive.times.size == 241
    assert dead.times[-1] == NOW - 1800
    assert increase([alive, dead], "requests_total", NOW - 300, NOW, code="200") == 20 * 30
    assert increase([alive, dead], "requests_total", NOW - 3600, NOW, code="500") == 120
    assert increase([alive, dead], "requests_total", NOW - 300, NOW, code="500") == 0
    assert increase([alive, dead], "requests_total", NOW - 3600, NOW) == 240 * 30 + 120


def test_a_steady_histogram_is_cumulative() -> None:
    made = steady_histogram("wait_seconds", {"a": "b"}, times, {0.05: 90, 0.1: 9, math.inf: 1})
    last = {(one.name, dict(one.labels).get("le")): one.values[-1] for one in made}
    assert last == {
        ("wait_seconds_bucket", "0.05"): 240 * 90,
        ("wait_seconds_bucket", "0.1"): 240 * 99,
        ("wait_seconds_bucket", "+Inf"): 240 * 100,
        ("wait_seconds_count", None): 240 * 100,
        ("wait_seconds_sum", None): pytest.approx(240 * (90 * 0.05 + 9 * 0.1 + 1 * 0.1)),
    }


def test_asking_for_a_series_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError, match="request_total"):
        increase([counter(1, 2)], "request_total", NOW, NOW + 1)


@given(
    steps=st.lists(st.integers(0, 100), min_size=2, max_size=20),
    cut=st.floats(0, 20),
)
def test_the_increase_of_two_parts_is_the_increase_of_the_whole(steps: list[int], cut: float) -> None:
    series = counter(*np.cumsum(steps).tolist())
    end = NOW + len(steps)
    middle = min(NOW + cut, end)
    assert series.increase(NOW, middle) + series.increase(middle, end) == series.increase(NOW, end)
    assert series.increase(NOW, end) == sum(steps[1:])
