"""SLOs with error budgets, and what a slot sees of them: for tests of what people and programs are shown."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slo_daemon.core.slo.book import entry_of
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.burn_rate import BurnPolicy
from slo_daemon.core.slo.query import Reading
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import BudgetWindow, Slot, Tally, Window
from slo_daemon.core.snapshot import SloView
from tests.factories import SLOT, healthy_readings, seed_slos, view

P95, P99, AVAILABILITY, ERROR_RATE = seed_slos()
MONTH = Window(30 * 86_400)
A_SECOND = 10.0  # events

HOUR, DAY = 3_600, 86_400
CALM = {300: 0.5, 1_800: 0.4, HOUR: 0.4, 2 * HOUR: 0.5, 6 * HOUR: 0.6, DAY: 0.7, 3 * DAY: 0.7}
BURNING = CALM | {300: 25.0, HOUR: 20.1}  # over a day not yet


def with_budget(
    slo: Slo = AVAILABILITY,
    window: BudgetWindow = MONTH,
    target: float = 0.999,
    method: BudgetMethod = BudgetMethod.OCCURRENCES,
    **burn: object,
) -> Slo:
    """The SLO with a budget and the default pairs. `burn`: as in BurnPolicy."""
    return replace(slo, budget=BudgetPolicy(window, method, target), burn=BurnPolicy(**burn))  # type: ignore[arg-type]


def slices(slo: Slo = P95) -> Slo:
    """A latency whose budget counts slices of time, and whose burn rates alert nobody."""
    return with_budget(slo, target=0.99, method=BudgetMethod.TIMESLICES, alerts=False)


def spending(
    slo: Slo,
    spent: float = 0.377,
    *,
    burn: Mapping[int, float] = CALM,
    coverage: float = 1.0,
    lookback_coverage: float = 1.0,
    backfilling: bool = False,
    readings: Mapping[str, Reading] | None = None,
    slot: Slot = SLOT,
    **more: Any,
) -> SloView:
    """An SLO after one slot: `spent` of its budget is gone, `burn` says how fast it goes over each lookback (s)."""
    assert slo.budget is not None
    allowed, window = slo.budget.allowed, slo.budget.window
    tallies = {
        span: _tally(burn.get(span, 1.0) * allowed, span, lookback_coverage)
        for span in entry_of(slo).lookbacks
    }
    length = slot.time - window.start(slot.time)
    return view(
        slo,
        healthy_readings(slo) if readings is None else readings,
        slot,
        tallies=tallies,
        budget=_tally(spent * allowed, length, coverage),
        backfilling=backfilling,
        **more,
    )


def _tally(bad: float, seconds: float, coverage: float) -> Tally:
    total = A_SECOND * seconds * coverage
    return Tally(total * (1.0 - bad), total, coverage, coverage)
