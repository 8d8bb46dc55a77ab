"""A real Prometheus with a known history, hostile servers, sources and stores that are closed after each test."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from slo_daemon.adapters.database import DatabaseStore
from slo_daemon.adapters.prometheus import PrometheusSettings, PrometheusSource
from slo_daemon.demo.history import write_blocks
from slo_daemon.demo.openmetrics import Series, scrape_times, steady_counter, steady_gauge, steady_histogram
from slo_daemon.demo.servers import PrometheusServer, Server
from slo_daemon.ports import SourceError, Store
from tests.adapters.hostile_http import Answer, HostileServer
from tests.adapters.nasty_labels import NASTY
from tests.adapters.stores import STORES, open_store
from tests.victoria_metrics import VictoriaMetricsServer, victoria_metrics

Hostile = Callable[..., HostileServer]
SourceOf = Callable[..., PrometheusSource]

SCRAPE = 15.0  # seconds
PER_SCRAPE = 3.0  # requests that each series of `requests_total` counts between two scrapes


@dataclass(frozen=True, slots=True)
class World:
    """A real server, and the time of the last sample of its history."""

    server: Server
    end: float

    @property
    def url(self) -> str:
        return self.server.url


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A Prometheus with `history`."""
    end = float(int(time.time()))
    server = PrometheusServer(tmp_path_factory.mktemp("prometheus"))
    write_blocks(history(end), server.data_folder)
    with server:
        yield World(server, end)


@pytest.fixture(scope="session")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A VictoriaMetrics with `history`."""
    if victoria_metrics() is None:
        pytest.skip("victoria-metrics is not installed: tools/install-test-tools")
    end = float(int(time.time()))
    with VictoriaMetricsServer(tmp_path_factory.mktemp("victoria-metrics")) as server:
        server.load(history(end))
        yield World(server, end)


def history(end: float) -> list[Series]:
    """The hour before `end`:

    `requests_total{service, zone}` for every nasty label value and two zones; `load{service}`; the histogram
    `duration_seconds{service}` for a and b.
    """
    times = scrape_times(end - 3600, end, SCRAPE)
    series: list[Series] = []
    for number, value in enumerate(NASTY):
        for zone, factor in (("east", 1.0), ("west", 2.0)):
            labels = {"service": value, "zone": zone}
            series.append(steady_counter("requests_total", labels, times, PER_SCRAPE * factor + number))
        series.append(steady_gauge("load", {"service": value}, times, number / 8))
    for service in ("a", "b"):
        series += steady_histogram("duration_seconds", {"service": service}, times, {0.1: 5.0, 0.5: 2.0})
    return series


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """hostile(*answers, tls=None): a started HostileServer."""
    with ExitStack() as stack:

        def start(*answers: Answer, **options: object) -> HostileServer:
            return stack.enter_context(HostileServer(*answers, **options))  # type: ignore[arg-type]

        yield start


@pytest.fixture
def source_of() -> Iterator[SourceOf]:
    """source_of(url, **settings): a PrometheusSource."""
    with ExitStack() as stack:

        def make(url: str, **settings: object) -> PrometheusSource:
            source = PrometheusSource(PrometheusSettings(url, **settings))  # type: ignore[arg-type]
            stack.callback(source.close)
            return source

        yield make


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[DatabaseStore]:
    """A store over the SQLite file `path`."""
    with closing(open_store(path)) as opened:
        yield opened


@pytest.fixture(params=STORES)
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each store that there is, in turn: what a contract says holds for all of them."""
    made = STORES[request.param](tmp_path / "store.db")
    yield made
    made.close()


def asked(source: PrometheusSource, deadline: float) -> tuple[SourceError | None, float]:
    """How a query failed, if it did, and how long it took."""
    started = time.monotonic()
    try:
        source.query("up", 0.0, deadline)
    except SourceError as error:
        return error, time.monotonic() - started
    return None, time.monotonic() - started
