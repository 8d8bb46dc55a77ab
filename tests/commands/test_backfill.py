"""`slo-daemon backfill`: the past is fetched into the store, once, and what is in the way is said."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from slo_daemon.adapters.database import DatabaseStore, SqliteFile
from slo_daemon.cli import app
from slo_daemon.core.slo.chunks import CELL, HOUR
from slo_daemon.demo.history import write_blocks
from slo_daemon.demo.openmetrics import scrape_times, steady_counter
from slo_daemon.demo.servers import PrometheusServer, free_port

HOURS = 8
KEY = (  # under which the chunks of the one question are kept
    "sum by (slo_daemon_mark) (label_replace(sum by (code) (increase(req_total[0s])), "
    '"slo_daemon_mark", "1", "code", "500"))'
)
SPEC = {
    "apiVersion": "slo-daemon/v1",
    "kind": "Slos",
    "metadata": {"name": "shop"},
    "spec": {
        "slos": [
            {
                "name": "availability",
                "sli": {"ratio": {"bad": 'req_total{code="500"}', "total": "req_total"}},
                "objective": {"at_least": "99%", "warning": "99%"},
                "window": "1h",
                "budget": {"window": "6h"},
            }
        ]
    },
}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    end = float(int(time.time()) // 60 * 60)
    times = scrape_times(end - HOURS * HOUR, end, 30.0)
    server = PrometheusServer(tmp_path_factory.mktemp("past"))
    series = [steady_counter("req_total", {"code": code}, times, n) for code, n in (("200", 99), ("500", 1))]
    write_blocks(series, server.data_folder)
    with server:
        yield server


class Place:
    """A folder with a specification, settings and a store."""

    def __init__(self, folder: Path, url: str) -> None:
        self.store = folder / "slo-daemon.db"
        spec, self.settings = folder / "shop.yaml", folder / "settings.yaml"
        spec.write_text(yaml.safe_dump(SPEC))
        settings = {
            "apiVersion": "slo-daemon/v1",
            "kind": "Settings",
            "specs": [str(spec)],
            "prometheus": {"url": url},
            "store": {"url": f"sqlite:///{self.store}"},
        }
        self.settings.write_text(yaml.safe_dump(settings))

    def backfill(self, *more: str) -> Result:
        return CliRunner().invoke(app, ["backfill", "--config", str(self.settings), *more])


@pytest.mark.servers
@pytest.mark.xdist_group("backfill")
def test_the_past_is_fetched_once_and_the_second_time_nothing_is_missing(
    tmp_path: Path, prometheus: PrometheusServer
) -> None:
    place = Place(tmp_path, prometheus.url)
    first = place.backfill("--output", "json", "--share", "100%")
    assert first.exit_code == 0, first.stderr
    told = json.loads(first.stdout)
    assert told["wanted"] == told["fetched"] > 6
    assert told["refused"] == []
    assert told["samples"] > 0

    again = [place.backfill("--share", "100%") for _ in range(2)]  # five minutes may end before one of them
    assert [told.exit_code for told in again] == [0, 0]
    assert any("nothing is missing" in told.stdout for told in again)

    store = DatabaseStore(SqliteFile(place.store))
    try:
        blocks = list(
            store.chunks(
                [KEY],
                {CELL: 0.0, HOUR: 0.0},
            )
        )
    finally:
        store.close()
    counted = sum(float(block.values.sum()) for block in blocks if block.span == HOUR)
    assert counted == pytest.approx(6.5 * 120 * 100, rel=0.25)  # 120 scrapes an hour, of 100 events each


@pytest.mark.servers
@pytest.mark.xdist_group("backfill")
def test_a_store_that_a_daemon_holds_is_left_alone_and_that_is_said(
    tmp_path: Path, prometheus: PrometheusServer
) -> None:
    place = Place(tmp_path, prometheus.url)
    held = SqliteFile(place.store)
    try:
        result = place.backfill()
    finally:
        held.close()
    assert result.exit_code == 2
    assert "A running daemon fetches its history by itself" in result.stderr


def test_without_prometheus_it_ends_with_4_and_says_how_to_go_on(tmp_path: Path) -> None:
    result = Place(tmp_path, f"http://127.0.0.1:{free_port()}").backfill()
    assert result.exit_code == 4
    assert "start again to go on" in result.stderr


@pytest.mark.parametrize(
    ("share", "said"),
    [("0%", "1%"), ("0.5%", "1%"), ("200%", "--share"), ("half", "half"), ("5m", "1% to 100%")],
)
def test_a_share_that_makes_no_sense_is_refused_with_one_that_does(
    tmp_path: Path, share: str, said: str
) -> None:
    result = Place(tmp_path, "http://127.0.0.1:1").backfill("--share", share)
    assert result.exit_code == 2
    assert said in result.stderr
