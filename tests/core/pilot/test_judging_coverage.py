"""Comparisons with a window of which little was seen: what is missing is no success, and no quiet trigger."""

from dataclasses import replace
from typing import Any

import pytest

from slo_daemon.core.pilot.criteria.parse import parse
from slo_daemon.core.pilot.pilot import CriterionText, MeasuredMetric, Role
from slo_daemon.core.pilot.readiness import assess
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Finding
from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.measure import Watched
from slo_daemon.core.slo.query import Reading
from slo_daemon.core.slo.slo import Slo
from tests.factories import (
    NOW,
    SLOT,
    all_readings,
    bad_readings,
    evaluated,
    healthy_readings,
    judged,
    one_number,
    plain_pilot,
    records_of,
    seed_pilot,
    seed_slos,
    view,
)

_, _, AVAILABILITY, ERROR_RATE = seed_slos("plain")
PARTLY: dict[str, Any] = {
    "coverage": 0.5,
    "answered": 1.0,
}  # asked all the time; half of it the target was not there to answer


def judged_by(slo: Slo, role: Role, text: str, readings: dict[str, Reading], **more: Any) -> Finding:
    criterion = CriterionText(text, role, parse(text))
    pilot = plain_pilot((slo,))
    pilot = (
        replace(pilot, rollback_triggers=(criterion,))
        if role is Role.ROLLBACK
        else replace(pilot, go_live_criteria=(criterion,))
    )
    assessment, _ = assess(pilot, SLOT, NOW, judged(view(slo, readings, **more)), records_of())
    (found,) = (finding for finding in assessment.findings if finding.role is role)
    return found


@pytest.mark.parametrize(
    ("slo", "text"), [(AVAILABILITY, "availability > 99.9%"), (ERROR_RATE, "error_rate < 0.1%")]
)
def test_a_window_of_which_half_was_seen_meets_no_criterion(slo: Slo, text: str) -> None:
    whole = judged_by(slo, Role.GO_LIVE, text, healthy_readings(slo))
    assert whole.state is Truth.TRUE
    half = judged_by(slo, Role.GO_LIVE, text, healthy_readings(slo), **PARTLY)
    assert (half.state, half.reason) == (Truth.UNKNOWN, "incomplete_window")


@pytest.mark.parametrize(
    ("slo", "text"), [(AVAILABILITY, "availability < 99.5%"), (ERROR_RATE, "error_rate > 1%")]
)
def test_a_trigger_fires_by_what_was_seen_and_is_not_quiet_by_it(slo: Slo, text: str) -> None:
    assert judged_by(slo, Role.ROLLBACK, text, bad_readings(slo), **PARTLY).state is Truth.TRUE
    half = judged_by(slo, Role.ROLLBACK, text, healthy_readings(slo), **PARTLY)
    assert (half.state, half.reason) == (Truth.UNKNOWN, "incomplete_window")
    assert judged_by(slo, Role.ROLLBACK, text, healthy_readings(slo)).state is Truth.FALSE


def test_a_success_metric_of_which_half_a_day_was_seen_is_not_reached_yet() -> None:
    metric = seed_pilot().success_metrics[0]
    assert isinstance(metric.source, MeasuredMetric)
    pilot = replace(plain_pilot(), success_metrics=(metric,))
    slo = replace(ERROR_RATE, name="metric:search_success_rate", indicator=metric.source.indicator)
    slo = replace(slo, objective=metric.objective)
    readings = all_readings(slo, {"good": one_number(9_000.0), "total": one_number(10_000.0)})

    def state(evaluation: Evaluation) -> Truth:
        watched = [Watched(evaluation.instance, evaluation)]
        assessment, _ = assess(pilot, SLOT, NOW, [], records_of(), watched)
        return next(f.state for f in assessment.findings if f.role is Role.SUCCESS)

    assert state(evaluated(slo, readings)) is Truth.TRUE
    assert state(evaluated(slo, readings, **PARTLY)) is Truth.UNKNOWN
