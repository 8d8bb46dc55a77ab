"""The cost of asking: direct queries, Sloth's and Pyrra's rules, slo-generator. Each for one service and one evaluation."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.asking import Client, Cost, metered
from bench.plan import service_name
from bench.queries import (
    LONG,
    QUANTILE_WINDOWS,
    QUANTILES,
    WINDOWS,
    direct_quantile,
    direct_ratio,
    pyrra_classic,
    pyrra_subquery,
    sloth_long,
    sloth_window,
)
from bench.slo_generator import SloGenerator, UnavailableError

AVAILABILITY, FULL = "availability", "full"
NO_QUANTILES = "it has no objective for a quantile"
COSTS = ("queries", "samples", "prometheus_cpu", "client_cpu", "wall")

Row = dict[str, Any]
Told = Callable[[str], None]
Query = Callable[[str], str]
"""PromQL for a service by its name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A running Prometheus: how to ask it, and its process."""

    client: Client
    pid: int


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured on. `few`: services that long windows are asked for; `cpu`: seconds that a figure is measured over.

    The processor time of a process is counted in hundredths of a second, so cheap queries are repeated until so much was
    used. `times`: evaluation times, each a multiple of a minute. `recorded` has the rules' 5-minute series.
    """

    services: Sequence[int]
    few: Sequence[int]
    times: Sequence[float]
    cpu: float
    history: Asked
    recorded: Asked


def measure_direct(bench: Bench, told: Told) -> tuple[list[Row], list[Row]]:
    """(cost rows, what each window costs alone)."""
    windows = []
    for window in WINDOWS:
        told(f"direct queries over {window}")
        services = bench.few if window == LONG else bench.services
        ask = partial(direct_ratio, window=window)
        windows.append({"window": window, **_cost(bench, bench.history, services, [ask])})
    told("direct queries of quantiles")
    asks = [
        partial(direct_quantile, window=window, share=share)
        for window in QUANTILE_WINDOWS
        for share in QUANTILES
    ]
    quantiles = _cost(bench, bench.history, bench.few, asks)
    return [
        {"approach": "direct", "set": AVAILABILITY, **_sum(windows)},
        {"approach": "direct", "set": FULL, **_sum([*windows, quantiles])},
    ], windows


def measure_rules(bench: Bench, told: Told) -> list[Row]:
    """Sloth's and Pyrra's rules, run as queries."""
    told("Sloth's rules")
    asks = [partial(sloth_window, window=window) for window in WINDOWS if window != LONG]
    short = _cost(bench, bench.history, bench.services, asks)
    long = _cost(bench, bench.recorded, bench.services, [sloth_long])
    told("Pyrra's rules")
    classic = _cost(bench, bench.history, bench.few, [pyrra_classic])
    subquery = _cost(bench, bench.recorded, bench.services, [pyrra_subquery])
    return [
        {"approach": "sloth", "set": AVAILABILITY, **_sum([short, long])},
        *(
            {"approach": name, "set": FULL, "not_measured": NO_QUANTILES}
            for name in ("sloth", "pyrra", "slo-generator")
        ),
        {"approach": "pyrra", "set": AVAILABILITY, **classic},
        {"approach": "pyrra-subquery", "set": AVAILABILITY, **subquery},
    ]


def measure_slo_generator(
    tool: SloGenerator | None, bench: Bench, told: Told
) -> tuple[Row, dict[float, dict[str, Any]]]:
    """(cost row, its reports by time, service and window). A row that only says why, where it cannot be run."""
    row: Row = {"approach": "slo-generator", "set": AVAILABILITY}
    found: dict[float, dict[str, Any]] = {}
    if tool is None:
        return {**row, "not_measured": "it is not installed"}, found
    try:
        for at in bench.times[-2:]:
            told("slo-generator")
            found[at] = tool.reports(bench.services, at)
    except UnavailableError as error:
        return {**row, "not_measured": str(error)}, found
    return {**row, **tool.cost.per(tool.cost.rounds)}, found


def _cost(bench: Bench, asked: Asked, services: Sequence[int], asks: Sequence[Query]) -> dict[str, float]:
    """The cost of asking all of `asks` for one service: whole passes through the services, each at another time."""
    names = [service_name(number) for number in services]
    for ask in asks:  # the first query opens files and fills the page cache: not what a steady state pays
        asked.client.at(ask(names[0]), bench.times[0])
    cost = Cost()
    while cost.prometheus_cpu < bench.cpu:
        at = bench.times[cost.rounds % len(bench.times)]
        promql = [ask(name) for name in names for ask in asks]
        with metered(cost, asked.pid, asked.client):
            for one in promql:
                asked.client.at(one, at)
    return cost.per(cost.rounds * len(names))


def _sum(costs: Iterable[dict[str, Any]]) -> dict[str, float]:
    rows = list(costs)
    return {name: sum(row[name] for row in rows) for name in COSTS}
