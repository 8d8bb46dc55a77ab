"""Burn rates in criteria: of SLOs whose budget counts slices of time they cannot be told from the value."""

from dataclasses import replace

import pytest

from slo_daemon.core.pilot.criteria.parse import parse
from slo_daemon.core.pilot.measures import measures_of
from slo_daemon.core.pilot.pilot import CriterionText, Pilot, Role
from slo_daemon.core.pilot.readiness import assess
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Finding
from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.measure import Watched
from slo_daemon.core.slo.query import Failed, FailReason
from slo_daemon.core.slo.sli import Ratio
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.window import Tally
from tests.budgets import AVAILABILITY, P95, slices, with_budget
from tests.factories import NOW, SLOT, all_readings, evaluated, healthy_readings, plain_pilot, records_of

HOUR = 3_600


def burning(slo: Slo, text: str) -> tuple[Pilot, Slo]:
    """A pilot with a trigger on how fast an SLO burns its budget, and what is measured for that."""
    pilot = replace(plain_pilot((slo,)), rollback_triggers=(CriterionText(text, Role.ROLLBACK, parse(text)),))
    measured = [one.slo for one in measures_of(pilot)]
    return pilot, (measured or [slo])[0]


def trigger_of(pilot: Pilot, evaluation: Evaluation) -> Finding:
    watched = Watched(evaluation.instance, evaluation)
    assessment, _ = assess(pilot, SLOT, NOW, [], records_of(), [watched])
    (found,) = (finding for finding in assessment.findings if finding.role is Role.ROLLBACK)
    return found


P95_BY_SLICES = replace(slices(P95), pilot="plain")
TRIGGER = "burn_rate(query-latency-p95)[1h] > 14"


@pytest.mark.parametrize(
    ("missed", "coverage", "truth", "value"),
    [
        (0.0, 1.0, Truth.FALSE, 0.0),
        (1.0, 1.0, Truth.FALSE, 100 / 12),
        (6.0, 1.0, Truth.TRUE, 50.0),
        (6.0, 0.5, Truth.TRUE, 50.0),  # what was seen burns fast enough, had all the rest been good
        (2.0, 0.5, Truth.UNKNOWN, 100 / 6),
        (0.0, 0.5, Truth.UNKNOWN, 0.0),  # half an hour that nobody has seen may have burned anything
    ],
)
def test_a_latency_burns_its_budget_by_slices_that_miss_and_not_by_its_milliseconds(
    missed: float, coverage: float, truth: Truth, value: float
) -> None:
    """42 ms are no share of anything: 1 - 0.042, of 1 % allowed, would be a burn rate of 95.8 on the best of days."""
    pilot, measure = burning(P95_BY_SLICES, TRIGGER)
    tally = Tally(12.0 - missed, 12.0, coverage)
    found = trigger_of(pilot, evaluated(measure, healthy_readings(P95), budget=tally, tallies={}))
    assert found.state is truth
    assert found.value == pytest.approx(value)


def test_slices_of_a_source_that_cannot_be_asked_are_no_burn_rate() -> None:
    pilot, measure = burning(P95_BY_SLICES, TRIGGER)
    failed = all_readings(P95, {"buckets": Failed("q", FailReason.CONNECT, "refused")})
    found = trigger_of(pilot, evaluated(measure, failed, budget=Tally(12.0, 12.0, 1.0), tallies={}))
    assert (found.state, found.reason) == (Truth.UNKNOWN, "connect")


def test_the_slices_of_a_burn_rate_are_counted_over_its_lookback() -> None:
    _, measure = burning(P95_BY_SLICES, TRIGGER)
    assert measure.budget is not None
    assert (measure.budget.window.longest, measure.budget.target) == (HOUR, 0.99)
    _, own = burning(replace(P95_BY_SLICES), "burn_rate(query-latency-p95)[5m] > 14")
    assert own.budget is not None
    assert own.budget.window.longest == 300


@pytest.mark.parametrize("as_good", [True, False])
def test_a_budget_of_events_burns_the_same_however_its_ratio_is_told(as_good: bool) -> None:
    assert isinstance(AVAILABILITY.indicator, Ratio)
    told = replace(AVAILABILITY, indicator=replace(AVAILABILITY.indicator, as_good=as_good))
    slo = replace(with_budget(told), pilot="plain")
    pilot, measure = burning(slo, "burn_rate(availability)[6h] > 14")
    readings = healthy_readings(AVAILABILITY)
    assert SloInstance(measure).slo.budget is None
    assert trigger_of(pilot, evaluated(measure, readings)).value == pytest.approx(0.5)
