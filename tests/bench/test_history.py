"""A generated history in a real Prometheus: what it counts is what happened, as far as scrapes can see."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench.accuracy import Estimate
from bench.asking import Client, Cost, QueryError, metered
from bench.daemon import note
from bench.driven import TICK, Driven
from bench.history import LATENCY, History, make_history
from bench.plan import HOUR, HistoryPlan, service_name
from bench.queries import (
    RATIO_5M,
    direct_ratio,
    grouped_failed,
    grouped_totals,
    is_failed,
    recorded_increases,
)
from bench.recorded import INTERVAL, make_recorded
from bench.specification import ratios
from slo_daemon.demo.servers import PrometheusServer

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("bench")]

PLAN = HistoryPlan(services=3, hours=60)  # more than one block
World = tuple[History, PrometheusServer, Client]


def untold(share: float, what: str) -> None:
    """No progress is shown."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    history = make_history(PLAN, tmp_path_factory.mktemp("bench"), untold)
    with PrometheusServer(history.folder) as server:
        client = Client(server.address)
        yield history, server, client
        client.close()


def test_counts_over_a_day_are_what_happened(world: World) -> None:
    history, _, client = world
    at, truths = PLAN.end - HOUR, history.truths()
    for query, name in ((grouped_totals("1d"), "total"), (grouped_failed("1d"), "failed")):
        rows = client.at(query, at)
        assert len(rows) == PLAN.services
        for labels, said in rows.items():
            true = getattr(truths[dict(labels)["service"]].between(at - 24 * HOUR, at), name)
            assert said == pytest.approx(true, rel=0.03)


def test_a_quantile_is_that_of_what_happened(world: World) -> None:
    history, _, client = world
    for service, truth in history.truths().items():
        query = (
            f'histogram_quantile(0.95, sum by (le) (increase({LATENCY}_bucket{{service="{service}"}}[1d])))'
        )
        (said,) = client.at(query, PLAN.end).values()
        assert said == pytest.approx(truth.between(PLAN.end - 24 * HOUR, PLAN.end).quantile(0.95), rel=0.02)


def test_a_history_is_made_once(world: World) -> None:
    history, _, _ = world
    told: list[str] = []

    again = make_history(PLAN, history.folder.parent, lambda _, what: told.append(what))

    assert again.about == history.about
    assert told == []
    assert history.about["samples"] > PLAN.services * PLAN.series_per_service * PLAN.bins * 0.9


def test_recorded_ratios_are_what_the_rule_says(world: World) -> None:
    history, _, client = world
    folder = make_recorded(history, client, untold)
    at = PLAN.start + 30 * HOUR + 17 * INTERVAL
    counted: dict[str, dict[bool, float]] = {}
    for labels, value in client.at(recorded_increases(), at).items():
        by_label = dict(labels)
        counted.setdefault(by_label["service"], {})[is_failed(by_label["code"])] = value
    with PrometheusServer(folder) as server, closing(Client(server.address)) as asking:
        recorded = {dict(labels)["service"]: value for labels, value in asking.at(RATIO_5M, at).items()}

    assert recorded == {
        service: pytest.approx(sums[True] / (sums[True] + sums[False]))
        for service, sums in counted.items()
        if True in sums
    }
    assert make_recorded(history, client, untold) == folder


def test_costs_are_metered_on_both_sides(world: World) -> None:
    _, server, client = world
    cost = Cost()
    for _ in range(3):
        with metered(cost, server.pid, client):
            client.at(direct_ratio(service_name(0), "6h"), PLAN.end)

    assert (cost.rounds, cost.queries) == (3, 3)
    assert cost.samples == 3 * round(cost.per(3)["samples"]) > 3 * 6 * HOUR / 30 * 3
    assert cost.wall >= cost.client_cpu > 0


def test_the_daemon_driven_through_the_past_counts_what_happened(world: World, tmp_path: Path) -> None:
    history, server, _ = world
    ticks, cost = 30, Cost()
    said: dict[str, dict[tuple[float, str], Estimate]] = {}
    with Driven(
        ratios(range(PLAN.services)), server.url, server.pid, tmp_path / "s.db", PLAN.end - ticks * TICK
    ) as driven:
        driven.adopt()
        filled = driven.backfill()
        for _ in range(ticks):
            note(driven.tick(cost), PLAN.end, said)
        driven.verify(driven.tick(Cost()), 1)
        failures = driven.counter.failures

    assert failures == []
    assert said.keys() == {"5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"}
    for service, truth in history.truths().items():
        true, told = truth.between(PLAN.end - 24 * HOUR, PLAN.end), said["1d"][PLAN.end, service]
        assert told.total == pytest.approx(true.total, rel=0.01)
        assert told.ratio == pytest.approx(true.failed / true.total, abs=2e-4)
    assert 60 * PLAN.services <= cost.samples / ticks <= 80 * PLAN.services
    assert filled.samples > 4 * PLAN.services * PLAN.bins


def test_what_prometheus_refuses_is_told_in_its_words(world: World) -> None:
    _, _, client = world
    with pytest.raises(QueryError, match="parse error"):
        client.at("sum(", PLAN.end)
