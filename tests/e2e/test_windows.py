"""Windows from 5 minutes to 30 days on a real Prometheus, held against a month of generated events.

Tolerances: what is asked together and what is asked alone agree to the last digit; budgets of 30 days are within 0.1 % of
the budget in the median and 1 % at worst; quantiles of a day and of 30 days within 0.1 % of Prometheus' own.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
import requests
import yaml
from numpy.typing import NDArray

from slo_daemon.core.slo.budget import BudgetState
from slo_daemon.core.slo.evaluation import Evaluation, windows
from slo_daemon.demo.history import write_blocks
from slo_daemon.demo.openmetrics import FloatArray, MetricKind, Series, increase, scrape_times
from slo_daemon.demo.servers import PrometheusServer
from slo_daemon.once import evaluate_once
from slo_daemon.settings import read_settings
from tests.native_histograms import FEATURE, History, NativeHistogram

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("windows")]

SCRAPE = 60.0
OFFSET = 17.0  # seconds after each full minute: nobody scrapes on the border of a window
DAY = 86_400
SERVICES = [f"s{number}" for number in range(8)]
WINDOWS = {"5m": 300, "30m": 1_800, "1h": 3_600, "6h": 21_600, "1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
EDGES = ("0.01", "0.025", "0.05", "0.1", "0.25", "1.0", "+Inf")
IN_BUCKETS = (0.30, 0.35, 0.20, 0.10, 0.04, 0.008, 0.002)


@dataclass(frozen=True)
class Month:
    """A Prometheus that holds the month before `end`, a full hour, and the truth."""

    server: PrometheusServer
    series: Sequence[Series]
    end: float

    def bad_ratio(self, service: str, at: float, seconds: float) -> float:
        span = at - seconds, at
        bad = increase(self.series, "req_total", *span, service=service, code="500")
        return bad / (bad + increase(self.series, "req_total", *span, service=service, code="200"))

    def ask(self, promql: str, at: float) -> float:
        form = {"query": promql, "time": at}
        answer = requests.post(f"{self.server.url}/api/v1/query", data=form, timeout=60).json()
        (row,) = answer["data"]["result"]
        return float(row["value"][1])


def counter(name: str, labels: Mapping[str, str], times: FloatArray, counts: NDArray[Any]) -> Series:
    return Series(name, tuple(sorted(labels.items())), MetricKind.COUNTER, times, np.cumsum(counts))


def generate(end: float) -> list[Series]:
    """Busy days and quiet nights, with an incident here and there; every count is drawn by itself."""
    rng = np.random.default_rng(20_261_122)
    times = scrape_times(end - 31 * DAY, end, SCRAPE) - (60.0 - OFFSET)
    wave = 1.0 + 0.8 * np.sin(times / DAY * 2 * np.pi)
    series: list[Series] = []
    for number, service in enumerate(SERVICES):
        requests_ = rng.poisson(wave * 3_000 * (number + 1))
        share = np.full(times.size, 0.0002 * (number + 1))
        for start in rng.choice(times.size - 60, 6, replace=False):
            share[start : start + 30] = 0.02
        bad = rng.binomial(requests_, share)
        for code, counts in (("200", requests_ - bad), ("500", bad)):
            series.append(counter("req_total", {"service": service, "code": code}, times, counts))
    slow = 1.0 + 0.5 * (times % DAY > DAY / 2)  # half of each day is slower than the other
    in_buckets = [rng.poisson(wave * 3_000 * p * (slow if p < 0.15 else 1.0)) for p in IN_BUCKETS]
    for le, counts in zip(EDGES, np.cumsum(in_buckets, axis=0), strict=True):
        labels = (("le", le), ("service", "s0"))
        series.append(Series("lat_seconds_bucket", labels, MetricKind.HISTOGRAM, times, np.cumsum(counts)))
    return series


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    end = float(int(time.time() - 180) // 3600 * 3600)
    series = generate(end)
    server = PrometheusServer(tmp_path_factory.mktemp("month"))
    write_blocks(series, server.data_folder)
    with server:
        yield Month(server, series, end)


def look(
    url: str, at: float, folder: Path, slos: Sequence[Mapping[str, Any]], scrape: str = "60s"
) -> dict[str, Evaluation]:
    """The evaluations of a specification at one time, by name (and group)."""
    spec, file = folder / "slos.yaml", folder / "settings.yaml"
    header = {"apiVersion": "slo-daemon/v1", "metadata": {"name": "t"}}
    spec.write_text(yaml.safe_dump(header | {"kind": "Slos", "spec": {"slos": list(slos)}}))
    settings = {
        "kind": "Settings",
        "specs": [str(spec)],
        "prometheus": {"url": url, "scrape_interval": scrape},
    }
    file.write_text(yaml.safe_dump({"apiVersion": "slo-daemon/v1"} | settings))
    views = evaluate_once(read_settings(file, {}).settings, at).snapshot.slos
    assert all(view.evaluation is not None for view in views.values())
    return {key.removeprefix("t/"): view.evaluation for key, view in views.items() if view.evaluation}


def ratio(service: str, window: str, **more: Any) -> dict[str, Any]:
    total = f'req_total{{service="{service}"}}'
    bad = f'req_total{{service="{service}",code="500"}}'
    return {
        "name": f"{service}-{window}",
        "sli": {"ratio": {"bad": bad, "total": total}, "as": "good"},
        "objective": {"at_least": "99.9%"},
        "window": window,
    } | more


def test_what_is_asked_together_and_what_is_asked_alone_agree_in_every_window(
    month: Month, tmp_path: Path
) -> None:
    every = look(month.server.url, month.end, tmp_path, [ratio(s, w) for s in SERVICES for w in WINDOWS])
    for service in ("s0", "s7"):
        alone = look(month.server.url, month.end, tmp_path, [ratio(service, w) for w in WINDOWS])
        for window in WINDOWS:
            together, by_itself = every[f"{service}-{window}"], alone[f"{service}-{window}"]
            assert together.coverage == by_itself.coverage == 1.0
            assert windows(together) == windows(by_itself)


def test_groups_of_one_slo_agree_with_slos_of_their_own(month: Month, tmp_path: Path) -> None:
    bad, total = 'req_total{code="500"}', "req_total"
    grouped = [
        ratio("any", window, sli={"ratio": {"bad": bad, "total": total}, "as": "good"}, group_by=["service"])
        for window in WINDOWS
    ]
    by_group = look(month.server.url, month.end, tmp_path, grouped)
    alone = look(month.server.url, month.end, tmp_path, [ratio("s3", w) for w in WINDOWS])
    for window in WINDOWS:
        assert windows(by_group[f'any-{window}{{service="s3"}}']) == windows(alone[f"s3-{window}"])
    assert len(by_group) == len(SERVICES) * len(WINDOWS)


@pytest.mark.parametrize(
    ("window", "near"), [("1h", 0.02), ("6h", 0.005), ("1d", 0.001), ("7d", 0.0005), ("30d", 0.0001)]
)
def test_every_window_counts_what_happened_in_it(
    month: Month, tmp_path: Path, window: str, near: float
) -> None:
    found = look(month.server.url, month.end, tmp_path, [ratio(s, window) for s in SERVICES])
    seconds = WINDOWS[window]
    for service in SERVICES:
        (shown,) = windows(found[f"{service}-{window}"])
        truth = increase(month.series, "req_total", month.end - seconds, month.end, service=service)
        assert shown.total == pytest.approx(truth, rel=near)


@pytest.mark.parametrize("before", [0, 25 * 60], ids=["at a full hour", "in the middle of one"])
def test_budgets_of_30_days_are_within_a_thousandth_of_a_budget_of_the_truth(
    month: Month, tmp_path: Path, before: float
) -> None:
    at = month.end - before
    found = look(month.server.url, at, tmp_path, [ratio(s, "1h", budget={"window": "30d"}) for s in SERVICES])
    errors = []
    for service in SERVICES:
        budget = found[f"{service}-1h"].budget
        assert budget is not None
        assert budget.state is BudgetState.COMPLETE
        assert budget.remaining is not None
        errors.append(abs(budget.remaining - (1.0 - month.bad_ratio(service, at, 30 * DAY) / 0.001)))
    assert median(errors) < 0.001, errors
    assert max(errors) < 0.01, errors


@pytest.mark.parametrize("window", ["1d", "30d"])
@pytest.mark.parametrize("before", [0, 25 * 60], ids=["at a full hour", "in the middle of one"])
@pytest.mark.parametrize("q", ["0.5", "0.95", "0.99"])
def test_long_quantiles_are_prometheus_own(
    month: Month, tmp_path: Path, window: str, before: float, q: str
) -> None:
    at = month.end - before
    slo = {
        "name": "p",
        "sli": {"quantile": {"histogram": "lat_seconds", "quantile": q}},
        "objective": {"at_most": "250ms"},
        "window": window,
    }
    found = look(month.server.url, at, tmp_path, [slo])["p"]
    own = month.ask(f"histogram_quantile({q}, sum by (le) (increase(lat_seconds_bucket[{window}])))", at)
    assert found.value == pytest.approx(own, rel=0.001)
    assert found.coverage == 1.0


def test_the_share_under_a_threshold_over_30_days_is_that_of_all_requests(
    month: Month, tmp_path: Path
) -> None:
    slo = {
        "name": "fast",
        "sli": {"latency": {"histogram": "lat_seconds", "threshold": "100ms"}},
        "objective": {"at_least": "95%"},
        "window": "1h",
        "budget": {"window": "30d"},
    }
    budget = look(month.server.url, month.end, tmp_path, [slo])["fast"].budget
    assert budget is not None
    span = month.end - 30 * DAY, month.end
    good, every = (increase(month.series, "lat_seconds_bucket", *span, le=le) for le in ("0.1", "+Inf"))
    assert budget.tally.good / budget.tally.total == pytest.approx(good / every, abs=5e-6)


def test_native_histograms_have_windows_and_quantiles_like_others(tmp_path: Path) -> None:
    """The first half of 40 minutes is slow; what is scaled to its span by us must weigh as much as Prometheus says."""
    end = float(int(time.time()) // 300 * 300)
    times = [end - 30.0 * (79 - number) + 5.0 for number in range(80)]
    histogram = NativeHistogram("duration_seconds", {"service": "a"})

    def advance(number: int) -> None:
        slow = times[number] < end - 1_200
        for value, count in ((0.03, 40), (0.11, 30 if slow else 10), (0.7, 20 if slow else 2)):
            histogram.observe(value, count)

    def share(threshold: str) -> dict[str, Any]:
        return {"latency": {"histogram": "duration_seconds", "threshold": threshold, "native": True}}

    with History([histogram], times, advance) as exporter:
        server = PrometheusServer(
            tmp_path / "server", targets={"n": exporter.address}, scrape_interval=0.02, flags=[FEATURE]
        )
        with server:
            assert exporter.told.wait(60)
            at = times[-1] - 5.0
            quantiles = [
                {
                    "name": f"p{q[2:]}0-{window}",
                    "sli": {"quantile": {"histogram": "duration_seconds", "quantile": q, "native": True}},
                    "objective": {"at_most": "250ms"},
                    "window": window,
                    "min_events": 10,
                }
                for q in ("0.5", "0.9")
                for window in ("5m", "30m")
            ]
            shares = [
                {
                    "name": "fast",
                    "sli": share("200ms"),
                    "objective": {"at_least": "70%"},
                    "window": "30m",
                    "min_events": 10,
                }
            ]
            found = look(server.url, at, tmp_path, [*quantiles, *shares], scrape="30s")
            own = Month(server, (), at)
            for q in ("0.5", "0.9"):
                for window in ("5m", "30m"):
                    expected = own.ask(
                        f"histogram_quantile({q}, sum(increase(duration_seconds[{window}])))", at
                    )
                    evaluation = found[f"p{q[2:]}0-{window}"]
                    assert evaluation.coverage == 1.0
                    assert evaluation.value == pytest.approx(expected, rel=0.005)
            # of the last half hour: 20 slow scrapes, 40 quick ones
            fast, every = 70 * 20 + 50 * 40, 90 * 20 + 52 * 40
            assert found["fast"].value == pytest.approx(fast / every, abs=0.01)
