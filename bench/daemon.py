"""What this daemon costs and says: real slots of the past, evaluated by its own code against the real Prometheus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.accuracy import Estimate
from bench.asking import Cost
from bench.driven import TICK, Driven
from bench.history import History, make_history
from bench.measure import AVAILABILITY, FULL, Asked, Bench, Row, Told
from bench.plan import HistoryPlan, service_name
from bench.queries import LONG, QUANTILE_WINDOWS, QUANTILES, SECONDS
from bench.specification import quantiles, ratios
from slo_daemon.core.slo.window import Tally
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.demo.servers import PrometheusServer

APPROACH = "slo-daemon"
_FULL_TICKS = 4  # times fewer ticks with quantiles than without: they cost more, and are as steady
_WIDE_HOURS, _WIDE_TICKS = 3, 10
_WARM_TICKS = 2


@dataclass(frozen=True, slots=True)
class DaemonMeasured:
    """`cost`: of one service and tick; `backfill`: of one service's 30 days; `growth`: of whole ticks with many SLOs.

    `said`: estimates by window. `quantiles`: seconds by (share, service), at the last evaluation time.
    """

    cost: Sequence[Row]
    backfill: Sequence[Row] = ()
    growth: Sequence[Row] = ()
    said: Mapping[str, Mapping[tuple[float, str], Estimate]] = field(default_factory=dict)
    quantiles: Mapping[tuple[float, str], float] = field(default_factory=dict)


def measure_daemon(
    bench: Bench, history: History, ticks: int, wide: Sequence[int], told: Told
) -> DaemonMeasured:
    """`ticks`: minutes of steady state, up to the history's end; `wide`: numbers of SLOs for whole ticks."""
    said: dict[str, dict[tuple[float, str], Estimate]] = {}
    available = [*ratios(bench.services)]
    with _driven(available, bench.history, history, ticks) as driven:
        cost, filled, last = _run(driven, bench, ticks, said, told)
        told("slo-daemon: verify")
        verify = driven.verify(last, len(bench.few))
        results = sorted(driven.counter.verified_as)
    full = [*available, *quantiles(bench.services, QUANTILE_WINDOWS)]
    fewer = max(1, ticks // _FULL_TICKS)
    with _driven(full, bench.history, history, fewer) as driven:
        full_cost, full_filled, last = _run(driven, bench, fewer, {}, told)
    services = len(bench.services)
    own = cost.per(ticks * services)
    with_verify = {name: own[name] + value / services for name, value in verify.per(verify.rounds).items()}
    return DaemonMeasured(
        cost=[
            {"approach": APPROACH, "set": AVAILABILITY, **own},
            {"approach": f"{APPROACH}-verify", "set": AVAILABILITY, "results": results, **with_verify},
            {"approach": APPROACH, "set": FULL, **full_cost.per(fewer * services)},
        ],
        backfill=[
            {"what": AVAILABILITY, **filled.per(services)},
            {"what": FULL, **full_filled.per(services)},
        ],
        growth=[_wide(slos, history.folder.parent, told) for slos in wide],
        said=said,
        quantiles=_quantiles(last, bench.services),
    )


def _driven(texts: Sequence[tuple[str, str]], asked: Asked, history: History, ticks: int) -> Driven:
    """A daemon that has never run, so many ticks before the history's end."""
    at = history.plan.end - ticks * TICK
    url = f"http://{asked.client.address}"
    return Driven(texts, url, asked.pid, history.folder / "driven.db", at)


def _run(
    driven: Driven,
    bench: Bench,
    ticks: int,
    said: dict[str, dict[tuple[float, str], Estimate]],
    told: Told,
) -> tuple[Cost, Cost, Snapshot]:
    """(cost of all ticks, cost of the backfill before them, the last snapshot). Adds to `said`."""
    driven.adopt()
    told("slo-daemon: backfill")
    filled = driven.backfill()
    cost = Cost()
    snapshot: Snapshot | None = None
    for number in range(ticks):
        if number % 20 == 0:
            told(f"slo-daemon: minute {number} of {ticks}")
        snapshot = driven.tick(cost)
        if driven.clock.now() in bench.times:
            note(snapshot, driven.clock.now(), said)
    if driven.counter.failures:
        raise RuntimeError(f"the daemon's queries failed: {', '.join(sorted(set(driven.counter.failures)))}")
    assert snapshot is not None, "there is at least one tick"  # noqa: S101
    return cost, filled, snapshot


def note(snapshot: Snapshot, at: float, said: dict[str, dict[tuple[float, str], Estimate]]) -> None:
    """What the SLOs say at an evaluation time: the budget's window, and the lookbacks of burn rates."""
    for view in snapshot.slos.values():
        evaluation = view.evaluation
        if evaluation is None or evaluation.budget is None:
            continue
        service = view.instance.slo.id.rpartition("/")[2]
        tallies = {SECONDS[LONG]: evaluation.budget.tally}
        for rate in evaluation.burn_rates:
            tallies |= {rate.pair.long: rate.long, rate.pair.short: rate.short}
        for window, seconds in SECONDS.items():
            if seconds in tallies:
                said.setdefault(window, {})[at, service] = _estimate(tallies[seconds])


def _estimate(tally: Tally) -> Estimate:
    return Estimate(tally.bad / tally.total if tally.total else float("nan"), tally.total, tally.bad)


def _quantiles(snapshot: Snapshot, services: Sequence[int]) -> dict[tuple[float, str], float]:
    values = {
        view.instance.slo.id.rpartition("/")[2]: view.evaluation.value
        for view in snapshot.slos.values()
        if view.evaluation is not None
    }
    found = {}
    for share in QUANTILES:
        for service in map(service_name, services):
            value = values.get(f"{service}-p{share * 100:g}-{LONG}")
            if value is not None:
                found[share, service] = value
    return found


def _wide(slos: int, cache: Path, told: Told) -> Row:
    """A whole tick with so many SLOs. Its thirty days were never measured: they lie in the store from the start."""
    plan = HistoryPlan(slos, hours=_WIDE_HOURS, histograms=False)
    history = make_history(plan, cache, lambda share, what: told(f"{slos:,} SLOs: {what}, {share:.0%}"))
    with PrometheusServer(history.folder) as server:
        at = plan.end - (_WARM_TICKS + _WIDE_TICKS) * TICK
        store = history.folder / "driven.db"
        with Driven(ratios(range(slos)), server.url, server.pid, store, at) as driven:
            told(f"{slos:,} SLOs: thirty days in the store")
            driven.remember()
            driven.adopt()
            driven.backfill()
            warm, cost, walls = Cost(), Cost(), []
            for number in range(_WARM_TICKS + _WIDE_TICKS):
                told(f"{slos:,} SLOs: tick {number + 1}")
                one = warm if number < _WARM_TICKS else cost
                before = one.wall
                driven.tick(one)
                walls.append(one.wall - before)
    return {
        "slos": slos,
        **cost.per(cost.rounds),
        "wall": median(walls[_WARM_TICKS:]),
        "wall_max": max(walls),
    }
