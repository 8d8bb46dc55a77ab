"""What other programs read: evaluations, assessments and reports as plain dicts, ready for any JSON encoder.

Numbers are in base units. There is never a NaN or an infinity: where there is no finite number, there is null, and
the reason says why.
"""

from collections.abc import Iterable
from math import isfinite
from typing import Any

from slo_daemon.core.pilot.experiment.strata import Arm
from slo_daemon.core.pilot.ramp import RampAdvice
from slo_daemon.core.pilot.records import Override, Records, Severity
from slo_daemon.core.pilot.trials import Trial
from slo_daemon.core.pilot.verdict import Assessment, Finding
from slo_daemon.core.quantity import Quantity, show_duration
from slo_daemon.core.slo.budget import Budget, BudgetPolicy
from slo_daemon.core.slo.budget_points import BudgetPoint
from slo_daemon.core.slo.burn_rate import BurnRate
from slo_daemon.core.slo.evaluation import Evaluation, WindowValue, windows
from slo_daemon.core.slo.objective import Objective
from slo_daemon.core.slo.phrases import rfc3339, say_evaluation
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.state import Transition
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView

Json = dict[str, Any]
NOT_EVALUATED = "not_evaluated"


def evaluation_json(snapshot: Snapshot) -> Json:
    """Every SLO at the snapshot's slot: what `evaluate --once` prints."""
    return {
        "slot": number(snapshot.slot.time) if snapshot.slot else None,
        "slos": [slo_json(view) for view in snapshot.slos.values()],
        "queries": snapshot.queries,
        "samples": snapshot.samples,
        "source": source_json(snapshot.source),
    }


def slo_json(view: SloView) -> Json:
    """One SLO. `value` is null when there is none, or none that is finite (reason `beyond_last_bucket`)."""
    evaluation, slo = view.evaluation, view.instance.slo
    return {
        "id": view.instance.id,
        "pilot": slo.pilot,
        "slo": slo.name,
        "labels": dict(view.instance.labels),
        "kind": slo.indicator.kind,
        "value": number(evaluation.value) if evaluation else None,
        "unit": slo.objective.dimension.value,
        "met": evaluation.met if evaluation else None,
        "level": int(view.state.level),
        "data_state": view.data_state.value,
        "reason": evaluation.reason.value if evaluation else NOT_EVALUATED,
        "detail": say_evaluation(evaluation),
        "objective": _objective_json(slo.objective),
        "since": number(view.state.since),
        "coverage": number(evaluation.coverage) if evaluation else None,
        "windows": _windows_json(slo, evaluation),
        "budget": _budget_json(slo.budget, evaluation.budget if evaluation else None),
        "burn_rates": [_burn_json(rate) for rate in evaluation.burn_rates] if evaluation else [],
    }


def _windows_json(slo: Slo, evaluation: Evaluation | None) -> list[Json]:
    """The SLO's own window first. Counts are null for kinds that count no events, and where nothing of a window was seen."""
    blind = WindowValue(str(slo.window), None, None, None, None)
    return [
        {
            "window": seen.window,
            "good": number(seen.good) if seen.coverage != 0.0 else None,
            "total": number(seen.total) if seen.coverage != 0.0 else None,
            "ratio": number(seen.good / seen.total) if seen.good is not None and seen.total else None,
            "value": number(seen.value),
            "coverage": number(seen.coverage),
        }
        for seen in (windows(evaluation) if evaluation else (blind,))
    ]


def _budget_json(policy: BudgetPolicy | None, budget: Budget | None) -> Json | None:
    """Null without a budget. All that is not known (before the first slot everything but the policy) is null."""
    if policy is None:
        return None
    tally = budget.tally if budget and budget.tally.coverage > 0.0 else None
    return {
        "window": str(policy.window),
        "method": policy.method.value,
        "target": number(policy.target),
        "remaining": number(budget.remaining) if budget else None,
        "coverage": number(budget.tally.coverage) if budget else None,
        "state": budget.state.value if budget else None,
        "good": number(tally.good) if tally else None,
        "total": number(tally.total) if tally else None,
        "spent": number(budget.spent) if budget else None,
        "exhausted_at": number(budget.exhausted_at) if budget else None,
    }


def _burn_json(rate: BurnRate) -> Json:
    """One pair. A rate is null where nothing was counted, and where it is infinite (a target of 100 %)."""
    return {
        "severity": rate.pair.severity.word,
        "long": show_duration(rate.pair.long),
        "short": show_duration(rate.pair.short),
        "long_rate": number(rate.long_rate),
        "short_rate": number(rate.short_rate),
        "threshold": number(rate.threshold),
        "firing": rate.firing,
        "long_coverage": number(rate.long.coverage),
        "short_coverage": number(rate.short.coverage),
    }


def _objective_json(objective: Objective) -> Json:
    return {
        "direction": objective.direction.value,
        "target": _quantity(objective.target),
        "warning": _quantity(objective.warning),
        "critical": _quantity(objective.critical),
    }


def assessment_json(assessment: Assessment) -> Json:
    """The readiness of one pilot: what `report --once` and the readiness API say."""
    opinion = assessment.satisfaction
    return {
        "pilot": assessment.pilot,
        "verdict": assessment.verdict.value,
        "reason": assessment.reason,
        "advice": assessment.advice.value,
        "advice_reason": assessment.advice_reason,
        "assessed_at": rfc3339(assessment.at),
        "slot": number(assessment.slot.time) if assessment.slot else None,
        "criteria": [_finding_json(finding) for finding in assessment.findings],
        "blockers": list(assessment.blockers),
        "warnings": list(assessment.warnings),
        "satisfaction": {
            "votes": opinion.votes,
            "mean": number(opinion.mean),
            "interval": _interval(opinion.interval),
            "enough": opinion.enough,
        }
        if opinion
        else None,
        "incidents": _incident_counts(assessment),
        "ramp": ramp_json(assessment.ramp),
        "holds": [override_json(hold) for hold in assessment.holds],
        "experiments": [trial_json(trial) for _, trial in assessment.trials],
    }


def _finding_json(finding: Finding) -> Json:
    return {
        "text": finding.text,
        "role": finding.role.value,
        "state": finding.state.value,
        "reason": finding.reason,
        "detail": finding.detail,
        "value": number(finding.value),
        "interval": _interval(finding.interval),
        "n": number(finding.n),
        "earliest": _moment(finding.earliest),
        "margin": number(finding.margin),
        "window": finding.source.window or None,
        "query": finding.source.query or None,
        "source_time": _moment(finding.source.at),
        "since": _moment(finding.since),
        "blind": finding.blind,
        "override": override_json(finding.override) if finding.override else None,
    }


def override_json(override: Override) -> Json:
    """A person's decision against the daemon's."""
    return {
        "id": override.id,
        "pilot": override.pilot,
        "kind": override.kind.value,
        "criterion": override.criterion or None,
        "by": override.by,
        "reason": override.reason,
        "created_at": rfc3339(override.created_at),
        "expires_at": rfc3339(override.expires_at),
        "revoked_at": _moment(override.revoked_at),
        "revoked_by": override.revoked_by,
    }


def ramp_json(ramp: RampAdvice | None) -> Json | None:
    """The planned, the served and the proposed share of users, as ratios; null without a planned ramp."""
    if ramp is None:
        return None
    return {
        "advice": ramp.advice.value,
        "scheduled": number(ramp.scheduled),
        "observed": number(ramp.observed),
        "observed_detail": ramp.observed_detail,
        "advised": number(ramp.advised),
        "reasons": list(ramp.reasons),
        "next_date": _moment(ramp.next_date),
    }


def trial_json(trial: Trial) -> Json:
    """One experiment: both variants, the lift with its intervals, whether the split works, and the course over time."""
    outcome, experiment = trial.outcome, trial.experiment
    lift, mismatch = outcome.lift, outcome.mismatch
    return {
        "name": trial.metric.name,
        "control": _arm_json(experiment.control, lift.control),
        "treatment": _arm_json(experiment.treatment, lift.treatment),
        "unit": experiment.unit.value,
        "lift": number(lift.point),
        "interval": _interval(lift.interval),
        "fixed_sample_interval": _interval(lift.fixed),
        "alpha": lift.alpha,
        "reason": lift.reason.value if lift.reason else None,
        "detail": str(lift),
        "sample_ratio_mismatch": {
            "flagged": mismatch.flagged,
            "evidence": number(mismatch.largest),
            "observed": number(mismatch.observed),
            "planned": number(mismatch.planned),
            "detail": str(mismatch),
        }
        if mismatch
        else None,
        "left_out": [day.isoformat() for day in outcome.left_out],
        "by_day": [
            {"day": day.isoformat(), "lift": number(one.point), "interval": _interval(one.interval)}
            for day, one in outcome.by_day
        ],
    }


def _arm_json(name: str, arm: Arm) -> Json:
    return {
        "variant": name,
        "exposed": number(arm.exposed),
        "converted": number(arm.converted),
        "rate": number(arm.rate),
    }


def _moment(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)


def _incident_counts(assessment: Assessment) -> Json | None:
    if not isinstance(assessment.records, Records):
        return None
    summary = assessment.records.incidents
    return {
        "total": summary.total,
        "started_7d": summary.started_since,
        "open": {s.value: summary.open_by_severity.get(s, 0) for s in Severity},
        "resolved": {s.value: summary.resolved_by_severity.get(s, 0) for s in Severity},
    }


def transitions_json(transitions: Iterable[Transition]) -> list[Json]:
    """Changes of level, in the order given."""
    return [
        {
            "slo": t.slo_id,
            "sequence": t.sequence,
            "slot": number(t.slot),
            "at": rfc3339(t.slot),
            "before": int(t.before),
            "after": int(t.after),
            "reason": t.reason.value,
            "detail": t.detail,
            "value": number(t.value),
        }
        for t in transitions
    ]


def points_json(points: Iterable[BudgetPoint]) -> list[Json]:
    """What was left of a budget, in the order given."""
    return [
        {
            "at": rfc3339(point.at),
            "remaining": number(point.remaining),
            "coverage": number(point.coverage),
            "state": point.state,
        }
        for point in points
    ]


def source_json(source: SourceView | None) -> Json | None:
    if source is None:
        return None
    return {
        "up": source.up,
        "reason": source.reason,
        "detail": source.detail,
        "clock_skew": number(source.skew),
    }


def _quantity(quantity: Quantity | None) -> float | int | None:
    return number(quantity.base) if quantity else None


def _interval(interval: tuple[float, float] | None) -> list[float | int | None] | None:
    return [number(end) for end in interval] if interval else None


def number(value: float | None) -> float | int | None:
    """A finite number, whole ones without a fraction; else null."""
    if value is None or not isfinite(value):
        return None
    return int(value) if value == int(value) and abs(value) < 2**53 else value
