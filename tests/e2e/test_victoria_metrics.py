"""The same month in VictoriaMetrics and in Prometheus: what the daemon makes of the two, and of the truth.

VictoriaMetrics counts from the last sample before a window to the last sample in it, and extrapolates nothing. So the overlap of
neighbouring spans, which Prometheus' `increase` needs, counts what lies at a border twice and weighs it less: few windows
come out exact, all of them near. Tolerances are about twice what was measured (docs/sources.md).
"""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from slo_daemon.adapters.prometheus import PrometheusSettings, PrometheusSource
from slo_daemon.core.slo.evaluation import windows
from slo_daemon.demo.history import write_blocks
from slo_daemon.demo.openmetrics import Series, increase, scrape_times, steady_counter, steady_gauge
from slo_daemon.demo.servers import PrometheusServer, Server
from slo_daemon.workflows.verify import DRIFTED
from tests.e2e.test_windows import DAY, SCRAPE, SERVICES, WINDOWS, Month, generate, look, ratio
from tests.victoria_metrics import VictoriaMetricsServer, victoria_metrics

pytestmark = [
    pytest.mark.servers,
    pytest.mark.xdist_group("victoria-metrics"),
    pytest.mark.skipif(
        victoria_metrics() is None,
        reason="victoria-metrics is not installed: tools/install-test-tools",
    ),
]

DEAD_FOR = 1_800.0  # seconds before the end at which `dying` has its last sample


@dataclass(frozen=True)
class Sources:
    """The same series in both."""

    prometheus: Server
    victoria: Server
    series: list[Series]
    end: float


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    end = float(int(time.time() - 180) // DAY * DAY)  # midnight: then the month is the same in every run
    series = generate(end)
    times = scrape_times(end - DAY, end, SCRAPE)
    code = {"code": "200"}
    series += [
        steady_counter("req_total", {"service": "dying"} | code, times, 600, dies_at=end - DEAD_FOR),
        steady_counter("req_total", {"service": "idle"} | code, times, 0, first=7),
        steady_gauge("quality", {"pod": "a"}, times, 0.9),
        steady_gauge("quality", {"pod": "b"}, times, 0.8),
    ]
    prometheus = PrometheusServer(tmp_path_factory.mktemp("prometheus"))
    write_blocks(series, prometheus.data_folder)
    with prometheus, VictoriaMetricsServer(tmp_path_factory.mktemp("victoria-metrics")) as victoria:
        victoria.load(series)
        yield Sources(prometheus, victoria, series, end)


@pytest.mark.parametrize(
    ("window", "near"),
    [
        ("5m", 0.01),
        ("30m", 0.01),
        ("1h", 0.008),
        ("6h", 0.006),
        ("1d", 0.0003),
        ("7d", 0.0004),
        ("30d", 0.0002),
    ],
)
@pytest.mark.parametrize("before", [0, 25 * 60], ids=["at a full hour", "in the middle of one"])
def test_every_window_counts_what_happened_in_it(
    sources: Sources, tmp_path: Path, window: str, near: float, before: int
) -> None:
    at = sources.end - before
    found = look(sources.victoria.url, at, tmp_path, [ratio(s, window) for s in SERVICES])
    for service in SERVICES:
        (shown,) = windows(found[f"{service}-{window}"])
        truth = increase(sources.series, "req_total", at - WINDOWS[window], at, service=service)
        assert shown.coverage == 1.0
        assert shown.total == pytest.approx(truth, rel=near)


@pytest.mark.parametrize("before", [0, 25 * 60], ids=["at a full hour", "in the middle of one"])
def test_budgets_of_30_days_are_within_a_hundredth_of_a_budget_of_the_truth(
    sources: Sources, tmp_path: Path, before: int
) -> None:
    at = sources.end - before
    found = look(sources.victoria.url, at, tmp_path, [ratio(s, "1h", budget={"window": "30d"}) for s in SERVICES])  # fmt: skip
    month = Month(sources.prometheus, sources.series, sources.end)  # type: ignore[arg-type]
    for service in SERVICES:
        budget = found[f"{service}-1h"].budget
        assert budget is not None
        assert budget.remaining is not None
        truth = 1.0 - month.bad_ratio(service, at, 30 * DAY) / 0.001
        assert budget.remaining == pytest.approx(truth, abs=0.01)


def test_summed_windows_and_direct_ones_agree_so_that_no_drift_is_told(
    sources: Sources, tmp_path: Path
) -> None:
    """What `evaluation.verify` does behind the slots, where a difference of 5 % of a budget is a drift."""
    found = look(sources.victoria.url, sources.end, tmp_path, [ratio(s, "1h", budget={"window": "30d"}) for s in SERVICES])  # fmt: skip
    month = Month(sources.victoria, sources.series, sources.end)  # type: ignore[arg-type]
    for service in SERVICES:
        budget = found[f"{service}-1h"].budget
        assert budget is not None
        assert budget.remaining is not None
        bad, total = (f'req_total{{service="{service}"{more}}}' for more in (',code="500"', ""))
        direct = month.ask(f"sum(increase({bad}[30d])) / sum(increase({total}[30d]))", sources.end)
        assert abs((1.0 - budget.remaining) - direct / 0.001) < DRIFTED / 5


@pytest.mark.parametrize(("window", "near"), [("5m", 0.12), ("1h", 0.05), ("1d", 0.007), ("30d", 0.0005)])
@pytest.mark.parametrize("q", ["0.5", "0.95", "0.99"])
def test_quantiles_are_those_of_prometheus(
    sources: Sources, tmp_path: Path, window: str, near: float, q: str
) -> None:
    slo = {
        "name": "p",
        "sli": {"quantile": {"histogram": "lat_seconds", "quantile": q}},
        "objective": {"at_most": "250ms"},
        "window": window,
    }
    one, other = (
        look(s.url, sources.end, tmp_path, [slo])["p"] for s in (sources.prometheus, sources.victoria)
    )
    assert one.value is not None
    assert other.value == pytest.approx(one.value, rel=near)


def test_gauges_throughput_and_raw_expressions_are_those_of_prometheus(
    sources: Sources, tmp_path: Path
) -> None:
    slos: list[dict[str, Any]] = [
        {"name": "mean", "sli": {"gauge": {"metric": "quality"}}, "objective": {"at_least": "80%"}, "window": "30m"},
        {"name": "worst", "sli": {"gauge": {"metric": "quality", "aggregate": "min"}}, "objective": {"at_least": "70%"}, "window": "30m"},
        {"name": "rate", "sli": {"throughput": {"counter": 'req_total{service="s1"}'}}, "objective": {"at_least": "40/s"}, "window": "30m"},
        {"name": "raw", "sli": {"raw": {"query": 'sum(rate(req_total{service="s1"}[$window]))', "unit": "/s"}}, "objective": {"at_least": "40/s"}, "window": "30m"},
    ]  # fmt: skip
    one, other = (look(s.url, sources.end, tmp_path, slos) for s in (sources.prometheus, sources.victoria))
    for name, near in (("mean", 1e-9), ("worst", 1e-9), ("rate", 0.004), ("raw", 0.02)):
        assert one[name].value is not None
        assert other[name].value == pytest.approx(one[name].value, rel=near)


def state(source: Server, at: float, folder: Path, slo: dict[str, Any]) -> str:
    """The kind of the measurement."""
    (evaluation,) = look(source.url, at, folder, [slo]).values()
    return type(evaluation.measurement).__name__


@pytest.mark.parametrize("after", [60, 240, 420, 900])
def test_a_dead_target_is_stale_as_soon_as_with_prometheus(
    sources: Sources, tmp_path: Path, after: int
) -> None:
    at, slo = sources.end - DEAD_FOR + after, ratio("dying", "1h")
    assert state(sources.victoria, at, tmp_path, slo) == state(sources.prometheus, at, tmp_path, slo)
    assert state(sources.victoria, at, tmp_path, slo) == ("Measured" if after < 300 else "Stale")


def test_no_traffic_and_no_metric_are_told_apart(sources: Sources, tmp_path: Path) -> None:
    assert state(sources.victoria, sources.end, tmp_path, ratio("idle", "1h")) == "NoTraffic"
    assert state(sources.victoria, sources.end, tmp_path, ratio("nobody", "1h")) == "NoData"


def test_many_slos_with_long_names_are_asked_in_queries_that_it_takes(
    sources: Sources, tmp_path: Path
) -> None:
    """It refuses a query of more than 16 KiB."""
    slos = [ratio(f"{number:03}{'x' * 50}", "5m") for number in range(400)]
    found = look(sources.victoria.url, sources.end, tmp_path, slos)
    assert {type(evaluation.measurement).__name__ for evaluation in found.values()} == {"NoData"}
    long = {"query": f'x{{service=~"{"x" * 16_384}"}}'}
    assert requests.post(f"{sources.victoria.url}/api/v1/query", data=long, timeout=10).status_code != 200


def test_what_is_no_number_is_no_data_here_and_an_error_with_prometheus(
    sources: Sources, tmp_path: Path
) -> None:
    idle = 'sum(rate(req_total{service="idle"}[$window]))'
    sli = {"raw": {"query": f"{idle} / {idle}", "unit": "/s"}}
    slo = {"name": "raw", "sli": sli, "objective": {"at_least": "1/s"}, "window": "1h"}
    assert state(sources.prometheus, sources.end, tmp_path, slo) == "Unavailable"
    assert state(sources.victoria, sources.end, tmp_path, slo) == "NoData"


def test_what_was_just_counted_is_there_though_victoria_metrics_hides_half_a_minute(
    sources: Sources, tmp_path: Path
) -> None:
    """Without `nocache` it moves the question 30 s back, and says nothing of it."""
    now = float(int(time.time()))
    times = scrape_times(now - 3600, now, 5.0)
    victoria = sources.victoria
    assert isinstance(victoria, VictoriaMetricsServer)
    victoria.load([steady_counter("fresh_total", {"service": "a"}, times, 10.0)])
    promql = 'sum(increase(fresh_total{service="a"}[10s]))'
    asked = time.time()
    form = {"query": "vector(time())", "time": asked}
    moved = requests.post(f"{victoria.url}/api/v1/query", data=form, timeout=10).json()["data"]["result"]
    assert float(moved[0]["value"][1]) < asked - 5.0, "it does not move the time any more"
    with closing(PrometheusSource(PrometheusSettings(victoria.url))) as source:
        assert source.query("vector(time())", now, 10.0).rows[0].value == now
        assert source.query(promql, now, 10.0).rows[0].value == pytest.approx(20.0)
