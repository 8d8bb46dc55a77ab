"""How far evaluations are from what really happened."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.asking import Client
from bench.history import LATENCY
from bench.plan import service_name
from bench.queries import (
    INCREASE_5M,
    LONG,
    QUANTILES,
    RATIO_5M,
    SECONDS,
    grouped_failed,
    grouped_totals,
    is_failed,
)
from bench.truth import Truth

BUDGET = 0.001  # of a 99.9 % objective
LEAST_FAILED = 20  # relative errors of fewer failed requests say nothing


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an approach said of one service's window: counts where it has them, and the share of failed requests."""

    ratio: float
    total: float | None = None
    failed: float | None = None


Estimates = Mapping[tuple[float, str], Estimate]
"""By evaluation time and service."""


def spread(values: Iterable[float]) -> dict[str, float] | None:
    """Median, 95th percentile and maximum; None without values."""
    found = np.array(list(values), dtype=np.float64)
    if not found.size:
        return None
    median, p95, top = np.percentile(found, (50, 95, 100))
    return {"median": float(median), "p95": float(p95), "max": float(top)}


def compare(
    approach: str, window: str, estimates: Estimates, truths: Mapping[str, Truth], expected: int
) -> dict[str, Any]:
    """Errors of one approach in percent: of the total, of the failed requests, and of the budget.

    `expected`: how many services and times were asked; those without an answer, or with NaN, are counted.
    """
    total, failed, budget = [], [], []
    for (at, service), said in estimates.items():
        if math.isnan(said.ratio):
            continue
        true = truths[service].between(at - SECONDS[window], at)
        budget.append(abs(said.ratio - true.failed / true.total) / BUDGET * 100)
        if said.total is not None:
            total.append(abs(said.total / true.total - 1) * 100)
        if said.failed is not None and true.failed >= LEAST_FAILED:
            failed.append(abs(said.failed / true.failed - 1) * 100)
    return {
        "approach": approach,
        "window": window,
        "total": spread(total),
        "failed": spread(failed),
        "budget": spread(budget),
        "cases": len(budget),
        "unanswered": expected - len(budget),
    }


def direct_estimates(
    client: Client, window: str, times: Sequence[float]
) -> dict[tuple[float, str], Estimate]:
    """What direct queries over the window say; asked for all services at once, which gives the same numbers."""
    found = {}
    for at in times:
        failed = _by_service(client.at(grouped_failed(window), at))
        for service, total in _by_service(client.at(grouped_totals(window), at)).items():
            bad = failed.get(service, 0.0)
            found[at, service] = Estimate(bad / total if total else math.nan, total, bad)
    return found


def sloth_estimates(client: Client, times: Sequence[float]) -> dict[tuple[float, str], Estimate]:
    query = f"sum_over_time({RATIO_5M}[{LONG}]) / count_over_time({RATIO_5M}[{LONG}])"
    return {
        (at, service): Estimate(ratio)
        for at in times
        for service, ratio in _by_service(client.at(query, at)).items()
    }


def pyrra_estimates(client: Client, times: Sequence[float]) -> dict[tuple[float, str], Estimate]:
    query = f"sum by (service, code) (sum_over_time({INCREASE_5M}[{LONG}:5m]))"
    found = {}
    for at in times:
        sums: dict[str, list[float]] = {}
        for labels, value in client.at(query, at).items():
            by_label = dict(labels)
            good_bad = sums.setdefault(by_label["service"], [0.0, 0.0])
            good_bad[is_failed(by_label["code"])] += value
        for service, (good, bad) in sums.items():
            found[at, service] = Estimate(bad / (good + bad), good + bad, bad)
    return found


def slo_generator_estimates(
    reports: Mapping[float, Mapping[str, Any]],
) -> dict[tuple[float, str], Estimate]:
    """slo-generator rounds its indicator to six digits."""
    found: dict[tuple[float, str], Estimate] = {}
    for at, by_service in reports.items():
        for service, by_window in by_service.items():
            report = by_window.get(LONG, {})
            if report.get("valid"):
                total, failed = report["events_count"], report["bad_events_count"]
                found[at, service] = Estimate(1 - report["sli_measurement"], total, failed)
    return found


def direct_quantiles(client: Client, at: float) -> dict[tuple[float, str], float]:
    """`histogram_quantile` over the long window of every service: seconds by (share, service)."""
    found: dict[tuple[float, str], float] = {}
    for share in QUANTILES:
        query = f"histogram_quantile({share}, sum by (service, le) (increase({LATENCY}_bucket[{LONG}])))"
        found |= {(share, service): value for service, value in _by_service(client.at(query, at)).items()}
    return found


def true_quantiles(
    truths: Mapping[str, Truth], services: Sequence[int], at: float
) -> dict[tuple[float, str], float]:
    """Of what really happened, interpolated in the same buckets."""
    found: dict[tuple[float, str], float] = {}
    for service in map(service_name, services):
        happened = truths[service].between(at - SECONDS[LONG], at)
        found |= {(share, service): happened.quantile(share) for share in QUANTILES}
    return found


def compare_quantiles(
    approach: str,
    against: str,
    said: Mapping[tuple[float, str], float],
    true: Mapping[tuple[float, str], float],
) -> list[dict[str, Any]]:
    """Errors in percent, one row for each quantile."""
    rows = []
    for share in QUANTILES:
        errors = [abs(value / true[key] - 1) * 100 for key, value in said.items() if key[0] == share]
        rows.append({"approach": approach, "against": against, "quantile": share, "error": spread(errors)})
    return rows


def _by_service(rows: Mapping[tuple[tuple[str, str], ...], float]) -> dict[str, float]:
    return {dict(labels)["service"]: value for labels, value in rows.items()}
