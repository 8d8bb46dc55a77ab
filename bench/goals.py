"""Goals against what was reached. A goal that was not measured says so; none is reached silently."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.measure import AVAILABILITY
from bench.queries import LONG

Result = Mapping[str, Any]
REACHED, MISSED, UNKNOWN = "reached", "missed", "not measured"

SAMPLES_PER_TICK = 80
SAMPLES_TO_DIRECT, SAMPLES_TO_SUBQUERY, CPU_TO_DIRECT = 5_000, 100, 500
TICK_SECONDS = {1_000: 0.3, 10_000: 3.0}
BUDGET_MEDIAN, BUDGET_P95 = 0.1, 1.0  # percent of a 99.9 % budget
BACKFILL = 1.1  # times the samples of one direct evaluation over 30 days


def bench_goals(result: Result) -> list[dict[str, Any]]:
    """Rows {goal, wanted, reached, verdict}; `reached` is None where it was not measured."""
    cost = {row["approach"]: row for row in result["cost"] if row["set"] == AVAILABILITY}
    own, direct, subquery = (cost.get(name, {}) for name in ("slo-daemon", "direct", "pyrra-subquery"))
    budget = next(
        (
            row["budget"] or {}
            for row in result["accuracy"]
            if (row["approach"], row["window"]) == ("slo-daemon", LONG)
        ),
        {},
    )
    services = result["history"]["services"]
    growth = {row["slos"]: row for row in result["growth"]}
    backfill: Result = next((row for row in result["backfill"] if row["what"] == AVAILABILITY), {})
    long_direct: Result = next((row for row in result["windows"] if row["window"] == LONG), {})
    return [
        at_most("samples of one ratio SLO and tick", SAMPLES_PER_TICK, own.get("samples")),
        at_least("samples, direct queries to the daemon", SAMPLES_TO_DIRECT, _ratio(direct, own, "samples")),
        at_least(
            "samples, Pyrra's subquery to the daemon", SAMPLES_TO_SUBQUERY, _ratio(subquery, own, "samples")
        ),
        at_least(
            f"Prometheus' CPU, direct queries to the daemon, {services} services",
            CPU_TO_DIRECT,
            _ratio(direct, own, "prometheus_cpu"),
        ),
        *(
            at_least(
                f"Prometheus' CPU, direct queries to the daemon, {slos:,} services",
                CPU_TO_DIRECT,
                _ratio(direct, {"prometheus_cpu": row["prometheus_cpu"] / slos}, "prometheus_cpu"),
            )
            for slos, row in growth.items()
        ),
        *(
            at_most(f"seconds of a tick with {slos:,} SLOs", seconds, growth.get(slos, {}).get("wall"))
            for slos, seconds in TICK_SECONDS.items()
        ),
        at_most("error of the 30d budget, median, in % of the budget", BUDGET_MEDIAN, budget.get("median")),
        at_most("error of the 30d budget, p95, in % of the budget", BUDGET_P95, budget.get("p95")),
        at_most(
            "samples of the backfill to one direct evaluation over 30d",
            BACKFILL,
            _ratio(backfill, long_direct, "samples"),
        ),
    ]


MANY = 10_000  # SLOs, from which on these count
MOST_MIB, MOST_PAGE_SECONDS, MOST_START_SECONDS = 512, 0.5, 10.0


def soak_goals(slos: int, seen: Result) -> list[dict[str, Any]]:
    """The same for a soak: `seen` has what was watched."""
    longest = TICK_SECONDS.get(slos)
    rows = [at_most("missed slots", 0, seen.get("missed"))]
    if longest is not None:
        rows.append(at_most(f"seconds of a slot with {slos:,} SLOs, p95", longest, seen.get("slot_p95")))
    if slos >= MANY:
        most = seen.get("resident_max")
        rows += [
            at_most("MiB of memory at any time", MOST_MIB, None if most is None else most / 2**20),
            at_most("seconds for a scrape of /metrics, longest", MOST_PAGE_SECONDS, seen.get("page_max")),
            at_most("seconds until ready, from a store with 30 days", MOST_START_SECONDS, seen.get("ready")),
        ]
    return rows


def all_reached(goals: Sequence[Mapping[str, Any]]) -> bool:
    return all(goal["verdict"] == REACHED for goal in goals)


def _ratio(much: Result, little: Result, name: str) -> float | None:
    if not much.get(name) or not little.get(name):
        return None
    return float(much[name] / little[name])


def at_most(goal: str, wanted: float, reached: float | None) -> dict[str, Any]:
    """A row of a goal that is reached from below."""
    fits = reached is not None and reached <= wanted
    return _row(goal, f"at most {wanted:,}", reached, fits)


def at_least(goal: str, wanted: float, reached: float | None) -> dict[str, Any]:
    """A row of a goal that is reached from above."""
    fits = reached is not None and reached >= wanted
    return _row(goal, f"at least {wanted:,}", reached, fits)


def _row(goal: str, wanted: str, reached: float | None, fits: bool) -> dict[str, Any]:
    verdict = UNKNOWN if reached is None else REACHED if fits else MISSED
    return {"goal": goal, "wanted": wanted, "reached": reached, "verdict": verdict}
