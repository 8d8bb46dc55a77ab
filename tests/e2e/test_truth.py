"""Numbers against truth: generated history with known events in a real Prometheus, looked at by `slo-daemon evaluate`.

Tolerances: event counts within 0.5 % of what was generated (Prometheus extrapolates to the window's edges), ratios within
0.1 % of themselves, quantiles within 0.1 % of Prometheus' own histogram_quantile.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import yaml
from typer.testing import CliRunner

from slo_daemon.cli import app
from slo_daemon.demo.history import generate_history, write_blocks
from slo_daemon.demo.openmetrics import Series, scrape_times, steady_counter, steady_gauge, steady_histogram
from slo_daemon.demo.servers import PrometheusServer
from slo_daemon.demo.traffic import Traffic

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("truth")]

SCRAPE = 30.0
HOURS = 6
DIES = 3600.0  # seconds before the end at which the dying target has its last sample
IN_BUCKETS = {0.025: 300.0, 0.05: 240.0, 0.1: 50.0, 0.25: 8.0, math.inf: 2.0}


@pytest.fixture(scope="module")
def end() -> float:
    return float(int(time.time() - 120) // 60 * 60)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, end: float) -> Iterator[PrometheusServer]:
    times = scrape_times(end - HOURS * 3600, end, SCRAPE)
    series: list[Series] = []
    for region, requests_, errors in (("eu", 600, 3), ("us", 900, 0)):
        labels = {"service": "shop", "region": region}
        series.append(steady_counter("req_total", labels | {"code": "200"}, times, requests_ - errors))
        if errors:  # the other region never had an error series
            series.append(steady_counter("req_total", labels | {"code": "500"}, times, errors))
    series += steady_histogram("lat_seconds", {"service": "shop"}, times, IN_BUCKETS)
    dying = {"service": "dying", "region": "eu", "code": "200"}
    series.append(steady_counter("req_total", dying, times, 600, dies_at=end - DIES))
    series.append(
        steady_counter("req_total", {"service": "idle", "region": "eu", "code": "200"}, times, 0, first=7)
    )
    series.append(steady_gauge("quality", {"pod": "a"}, times, 0.9))
    series.append(steady_gauge("quality", {"pod": "b"}, times, 0.8))
    server = PrometheusServer(tmp_path_factory.mktemp("truth"))
    write_blocks(series, server.data_folder)
    with server:
        yield server


def ratio(service: str, **more: Any) -> dict[str, Any]:
    total = f'req_total{{service="{service}"}}'
    sli = {"ratio": {"bad": f'req_total{{service="{service}",code=~"5.."}}', "total": total}, "as": "good"}
    return {
        "sli": sli,
        "objective": {"at_least": "99.9%", "warning": "99.8%", "critical": "99.5%"},
        "window": "1h",
    } | more


def _expected(shape: dict[str, Any]) -> int:
    """The exit code that these SLOs must give: a miss is sure, stale data are the source's fault, the rest is open."""
    if any(slo["met"] is False for slo in shape["slos"]):
        return 1
    if any(slo["data_state"] == "stale" for slo in shape["slos"]):
        return 4
    return 3 if any(slo["met"] is None for slo in shape["slos"]) else 0


@pytest.fixture
def look(
    prometheus: PrometheusServer, tmp_path: Path, end: float
) -> Callable[..., dict[str, dict[str, Any]]]:
    """look(name=slo, ...): the SLOs as `slo-daemon evaluate --once --at` prints them, by name (and group)."""

    def evaluated(at: float | None = None, **slos: dict[str, Any]) -> dict[str, dict[str, Any]]:
        document = {
            "apiVersion": "slo-daemon/v1",
            "kind": "Slos",
            "metadata": {"name": "truth"},
            "spec": {"slos": [{"name": name.replace("_", "-")} | slo for name, slo in slos.items()]},
        }
        spec = tmp_path / "slos.yaml"
        spec.write_text(yaml.safe_dump(document))
        arguments = [
            "evaluate",
            "--once",
            "--spec",
            str(spec),
            "--prometheus",
            prometheus.url,
            "--output",
            "json",
        ]
        result = CliRunner().invoke(app, [*arguments, "--at", str(end if at is None else at)])
        assert result.exit_code == _expected(json.loads(result.stdout)), result.output
        shape = json.loads(result.stdout)
        assert shape["slot"] == (end if at is None else at)
        return {slo["id"].removeprefix("truth/").replace("-", "_"): slo for slo in shape["slos"]}

    return evaluated


def ask(prometheus: PrometheusServer, promql: str, at: float) -> float:
    answer = requests.post(
        f"{prometheus.url}/api/v1/query", data={"query": promql, "time": at}, timeout=10
    ).json()
    (row,) = answer["data"]["result"]
    return float(row["value"][1])


def test_counts_and_ratio_are_those_that_were_generated(look: Callable[..., Any]) -> None:
    slo = look(shop=ratio("shop"))["shop"]
    scrapes = 3600 / SCRAPE
    (window,) = slo["windows"]
    assert window["window"] == "1h"
    assert window["total"] == pytest.approx(1500 * scrapes, rel=0.005)
    assert window["total"] - window["good"] == pytest.approx(3 * scrapes, rel=0.005)
    assert slo["value"] == pytest.approx(1 - 3 / 1500, rel=0.001)
    assert (slo["met"], slo["level"], slo["data_state"]) == (False, 0, "ok")


@pytest.mark.parametrize("minutes", [5, 30, 60, 240])
def test_every_window_counts_its_own_events(look: Callable[..., Any], minutes: int) -> None:
    slo = look(shop=ratio("shop", window=f"{minutes}m"))["shop"]
    assert slo["windows"][0]["total"] == pytest.approx(1500 * minutes * 60 / SCRAPE, rel=0.005)


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_quantiles_equal_prometheus_own(
    look: Callable[..., Any], prometheus: PrometheusServer, end: float, q: float
) -> None:
    quantile = {"histogram": "lat_seconds", "quantile": str(q)}
    slo = look(p=look_at(quantile))["p"]
    expected = ask(
        prometheus, f"histogram_quantile({q}, sum by (le) (increase(lat_seconds_bucket[1h])))", end
    )
    assert slo["value"] == pytest.approx(expected, rel=0.001)
    assert slo["data_state"] == "ok"


def look_at(quantile: dict[str, str]) -> dict[str, Any]:
    return {
        "sli": {"quantile": quantile},
        "objective": {"at_most": "250ms", "critical": "500ms"},
        "window": "1h",
    }


def test_a_quantile_beyond_the_last_bucket_is_no_number_but_missed(look: Callable[..., Any]) -> None:
    slo = look(p=look_at({"histogram": "lat_seconds", "quantile": "p99.9"}))["p"]
    assert (slo["value"], slo["met"], slo["reason"], slo["level"]) == (None, False, "beyond_last_bucket", 2)


def test_the_share_under_a_threshold_is_exact_at_an_edge(look: Callable[..., Any]) -> None:
    sli = {"latency": {"histogram": "lat_seconds", "threshold": "100ms"}}
    slo = look(fast={"sli": sli, "objective": {"at_least": "98%", "critical": "95%"}, "window": "1h"})["fast"]
    assert slo["value"] == pytest.approx(590 / 600, rel=0.0001)
    assert slo["met"] is True


def test_gauge_throughput_and_raw_kinds(look: Callable[..., Any]) -> None:
    found = look(
        quality={"sli": {"gauge": {"metric": "quality"}}, "objective": {"at_least": "80%"}, "window": "30m"},
        worst={
            "sli": {"gauge": {"metric": "quality", "aggregate": "min"}},
            "objective": {"at_least": "85%"},
            "window": "30m",
        },
        rate={
            "sli": {"throughput": {"counter": 'req_total{service="shop"}'}},
            "objective": {"at_least": "40/s"},
            "window": "30m",
        },
        raw={
            "sli": {"raw": {"query": 'sum(rate(req_total{service="shop"}[$window]))', "unit": "/s"}},
            "objective": {"at_least": "40/s"},
            "window": "30m",
        },
    )
    assert found["quality"]["value"] == pytest.approx(0.85, rel=1e-9)
    assert (found["worst"]["value"], found["worst"]["met"]) == (pytest.approx(0.8), False)
    assert found["rate"]["value"] == pytest.approx(50.0, rel=0.001)
    assert found["raw"]["value"] == pytest.approx(50.0, rel=0.001)


def test_groups_are_told_apart_and_a_region_without_error_series_has_none(look: Callable[..., Any]) -> None:
    found = look(shop=ratio("shop", group_by=["region"]))
    eu, us = found['shop{region="eu"}'], found['shop{region="us"}']
    assert eu["value"] == pytest.approx(1 - 3 / 600, rel=0.001)
    assert (us["value"], us["met"], us["labels"]) == (1.0, True, {"region": "us"})


@pytest.mark.parametrize(
    ("after", "expected"),
    [(-60.0, ("ok", True)), (240.0, ("ok", True)), (360.0, ("stale", None)), (3600.0, ("stale", None))],
    ids=["alive", "4 minutes dead", "6 minutes dead", "an hour dead"],
)
def test_a_dead_target_is_stale_after_five_minutes_though_its_window_still_looks_perfect(
    look: Callable[..., Any],
    prometheus: PrometheusServer,
    end: float,
    after: float,
    expected: tuple[str, bool | None],
) -> None:
    at = end - DIES + after
    slo = look(at, dying=ratio("dying", window="4h"))["dying"]
    assert (slo["data_state"], slo["met"]) == expected
    assert ask(prometheus, 'sum(increase(req_total{service="dying"}[4h]))', at) > 1000


def test_no_traffic_and_no_metric_are_told_apart(look: Callable[..., Any]) -> None:
    found = look(idle=ratio("idle"), nobody=ratio("nobody"), dying=ratio("dying", window="5m"))
    assert [found[name]["data_state"] for name in ("idle", "nobody", "dying")] == [
        "no_traffic",
        "no_data",
        "stale",
    ]
    assert all(slo["met"] is None and slo["value"] is None and slo["level"] == 0 for slo in found.values())


def test_the_simulated_services_history_is_counted_right_over_hours_and_days(
    tmp_path: Path, end: float
) -> None:
    """Diurnal traffic with incidents, counted by the generator and by the daemon."""
    server = PrometheusServer(tmp_path / "history")
    labels = {"job": "search", "instance": "demo:1"}
    traffic = Traffic(3, pilot_start=end - 30 * 86_400)
    history = generate_history(server.data_folder, traffic=traffic, now=end, labels=labels, days=8)
    total = 'search_requests_total{variant="treatment"}'
    bad = 'search_requests_total{variant="treatment",code=~"5.."}'
    document = {
        "apiVersion": "slo-daemon/v1",
        "kind": "Slos",
        "metadata": {"name": "truth"},
        "spec": {
            "slos": [
                {"name": f"w-{w}", "sli": {"ratio": {"bad": bad, "total": total}, "as": "bad"},
                 "objective": {"at_most": "0.1%", "critical": "1%"}, "window": w}
                for w in ("1h", "6h", "1d", "7d")
            ]
        },
    }  # fmt: skip
    spec = tmp_path / "slos.yaml"
    spec.write_text(yaml.safe_dump(document))
    with server:
        arguments = [
            "evaluate",
            "--spec",
            str(spec),
            "--prometheus",
            server.url,
            "--at",
            str(end),
            "--output",
            "json",
        ]
        found = json.loads(CliRunner().invoke(app, arguments).stdout)["slos"]
    for slo, seconds in zip(found, (3600, 6 * 3600, 86_400, 7 * 86_400), strict=True):
        window = slo["windows"][0]
        truth = history.increase("search_requests_total", end - seconds, end, variant="treatment")
        errors = sum(
            history.increase("search_requests_total", end - seconds, end, variant="treatment", code=code)
            for code in ("500", "503")
        )
        assert window["total"] == pytest.approx(truth, rel=0.005)
        # each border between chunks is asked twice and weighs half: rare events come out a third of sqrt(n) uneven
        assert window["total"] - window["good"] == pytest.approx(errors, abs=1.2 * np.sqrt(errors))
        assert np.isfinite(slo["value"])
