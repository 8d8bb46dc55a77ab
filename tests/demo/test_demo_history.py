import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slo_daemon.demo.history import History, generate_history, write_blocks
from slo_daemon.demo.openmetrics import (
    MetricKind,
    increase,
    scrape_times,
    steady_counter,
    steady_gauge,
    steady_histogram,
)
from slo_daemon.demo.servers import ProgramMissingError, PrometheusServer, ServerError
from slo_daemon.demo.service import SearchService
from slo_daemon.demo.traffic import COLUMNS, Traffic

pytestmark = pytest.mark.servers

Ask = Callable[..., float]
Until = Callable[..., Any]

DAY = 86400.0


@dataclass(frozen=True)
class World:
    history: History
    service: SearchService
    prometheus: PrometheusServer


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Eight days of history, more than one block, and a live service that goes on from it."""
    folder = tmp_path_factory.mktemp("world")
    now = time.time()
    traffic = Traffic(7, now - 30 * DAY)
    service = SearchService(time.time, traffic)
    prometheus = PrometheusServer(folder, targets={"search": service.address}, scrape_interval=1)
    labels = {"job": "search", "instance": service.address}
    history = generate_history(
        prometheus.data_folder, traffic=traffic, now=now, labels=labels, days=8, fine_interval=1, fine_hours=1
    )
    service.continue_from(history.totals, history.end)
    with service, prometheus:
        yield World(history, service, prometheus)


@pytest.mark.parametrize("window", [300, 3600, 21_600, int(7 * DAY)])
@pytest.mark.parametrize("variant", ["control", "treatment"])
def test_prometheus_counts_what_the_model_counted(world: World, ask: Ask, variant: str, window: int) -> None:
    end = world.history.end
    for codes in (("200",), ("500", "503")):
        selector = f'search_requests_total{{variant="{variant}",code=~"{"|".join(codes)}"}}'
        truth = sum(
            world.history.increase("search_requests_total", end - window, end, variant=variant, code=code)
            for code in codes
        )
        # Prometheus extrapolates over at most one scrape interval at the window's edge.
        assert ask(world.prometheus.url, f"sum(increase({selector}[{window}s]))", end) == pytest.approx(
            truth, rel=0.005
        )
        assert truth > 0


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_quantiles_agree_with_the_buckets_that_were_written(world: World, ask: Ask, q: float) -> None:
    end, name = world.history.end, "search_request_duration_seconds_bucket"
    edges = [dict(column.labels)["le"] for column in COLUMNS if column.name == name][:16]
    counts = [world.history.increase(name, end - 3600, end, variant="treatment", le=le) for le in edges]
    index = next(i for i, count in enumerate(counts) if count >= q * counts[-1])
    low, high = float(edges[index - 1]), float(edges[index])
    share = (q * counts[-1] - counts[index - 1]) / (counts[index] - counts[index - 1])

    query = f'histogram_quantile({q}, sum by (le) (increase({name}{{variant="treatment"}}[1h])))'
    assert ask(world.prometheus.url, query, end) == pytest.approx(low + share * (high - low), rel=0.001)


def test_the_live_scrapes_join_the_history_without_a_seam(world: World, ask: Ask, until: Until) -> None:
    url, end = world.prometheus.url, world.history.end
    until(lambda: ask(url, f"max(timestamp(search_requests_total)) > bool {end + 12}") == 1, 60)
    at = time.time()

    for variant in ("control", "treatment"):
        selector = f'search_requests_total{{variant="{variant}"}}'
        newest = ask(url, f"max(timestamp({selector}))", at)
        counted = ask(url, f"sum({selector})", newest)
        assert counted <= world.service.value("search_requests_total", variant=variant)
        # The window begins in the history and ends in the live scrapes.
        start = end - 100
        truth = counted - sum(
            series.value_at(start)
            for series in world.history.series
            if series.matches("search_requests_total", {"variant": variant})
        )
        window = round((newest - start) * 1000)
        assert ask(url, f"sum(increase({selector}[{window}ms]))", newest) == pytest.approx(truth, rel=0.01)
    for name in sorted({column.name for column in COLUMNS if column.family.kind is not MetricKind.GAUGE}):
        assert ask(url, f"sum(resets({name}[10m]))", at) == 0
    assert ask(url, 'count({job="search",__name__=~"search_.+"})', at) == len(COLUMNS), (
        "no series is there twice"
    )
    assert ask(url, "min_over_time(up[1h])", at) == 1
    log = world.prometheus.log.read_text().lower()
    for trouble in ("out of order", "out-of-order", "overlap", "duplicate", "level=error", "level=warn"):
        assert trouble not in log


def test_thirty_days_are_made_in_seconds_and_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    begun = time.monotonic()
    now = time.time()
    traffic = Traffic(7, now - 30 * DAY)
    labels = {"job": "search", "instance": "127.0.0.1:1"}
    history = generate_history(
        tmp_path / "data",
        traffic=traffic,
        now=now,
        labels=labels,
        progress=lambda share, text: told.append((share, text)),
    )
    took = time.monotonic() - begun

    assert took < 120
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == pytest.approx(1)
    blocks = list((tmp_path / "data").iterdir())
    assert blocks
    assert all((block / "meta.json").is_file() for block in blocks), "blocks and nothing else"
    month = history.increase(
        "search_requests_total", history.end - 30 * DAY, history.end, variant="treatment"
    )
    assert month > 100e6


def test_a_small_history_of_chosen_events_ends_when_its_target_dies(tmp_path: Path, ask: Ask) -> None:
    end = float(int(time.time()))
    died = end - 1800
    times = scrape_times(end - 4 * 3600, end, 15)
    labels = {"job": "shop", "instance": "shop:1"}
    series = [
        steady_counter("requests_total", {**labels, "code": "200"}, times, 995, dies_at=died),
        steady_counter("requests_total", {**labels, "code": "500"}, times, 5, dies_at=died),
        *steady_histogram("wait_seconds", labels, times, {0.05: 950, 0.1: 40, 0.2: 10}, dies_at=died),
        steady_gauge("up", labels, times, 1),
    ]
    prometheus = PrometheusServer(tmp_path)
    write_blocks(series, prometheus.data_folder)
    with prometheus:
        url = prometheus.url
        assert ask(url, 'increase(requests_total{code="500"}[1h])', died) == pytest.approx(240 * 5)
        assert increase(series, "requests_total", died - 3600, died, code="500") == 240 * 5
        assert ask(url, "sum(increase(requests_total[1h]))", died) == pytest.approx(240 * 1000)
        assert ask(url, "histogram_quantile(0.95, rate(wait_seconds_bucket[1h]))", died) == pytest.approx(
            0.05
        )
        assert ask(url, "count(requests_total) or vector(0)", end) == 0
        assert ask(url, "max(max_over_time(timestamp(requests_total)[1h:15s]))", end) == died
        assert ask(url, "up", end) == 1


def test_a_failing_promtool_is_reported_in_its_own_words_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    broken = programs / "promtool"
    broken.write_text("#!/bin/sh\necho the disk is on fire\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    series = [steady_gauge("up", {}, scrape_times(0.0, 60.0, 15), 1)]

    with pytest.raises(
        ServerError, match=r"promtool could not make blocks \(exit code 1\): the disk is on fire"
    ):
        write_blocks(series, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramMissingError, match="promtool is not installed"):
        write_blocks(series, tmp_path / "data")


def test_a_history_without_samples_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no sample"):
        write_blocks([], tmp_path / "data")
