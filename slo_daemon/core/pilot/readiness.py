"""Readiness: may the pilot's rollout widen? The default criteria: SLOs, error budgets, incidents and satisfaction.

What people write themselves (go-live criteria, rollback triggers, success metrics) is listed as not judged yet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never

from slo_daemon.core.pilot.pilot import (
    ExperimentMetric,
    FeedbackMetric,
    MeasuredMetric,
    Pilot,
    Role,
    SuccessMetric,
)
from slo_daemon.core.pilot.records import IncidentSummary, Records, RecordsUnavailable, Severity
from slo_daemon.core.pilot.satisfaction import ENOUGH_VOTES, Satisfaction, satisfaction
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import NOT_JUDGED, Assessment, Finding, conclude
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.budget import FULL_COVERAGE, spent_out
from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import (
    say_basis,
    say_count,
    say_evaluation,
    say_name,
    say_objective,
    say_share,
)
from slo_daemon.core.slo.slo import SloInstance
from slo_daemon.core.slo.state import SloState
from slo_daemon.core.slo.window import Slot

BLOCKING_SATISFACTION = 3.5
WANTED_SATISFACTION = 4.0
MANY_INCIDENTS = 5
INCIDENT_DAYS = 7
LONGEST_SLOT_AGE = 300.0  # seconds; with long intervals it is three of them
MOST_NAMES = 5  # in one sentence


@dataclass(frozen=True, slots=True)
class Judged:
    """An SLO as readiness sees it. `evaluation` is None before the first slot."""

    instance: SloInstance
    state: SloState
    evaluation: Evaluation | None


def assess(
    pilot: Pilot, slot: Slot | None, at: float, slos: Sequence[Judged], records: Records | RecordsUnavailable
) -> Assessment:
    """The verdict over a pilot's SLOs, incidents and ratings at time `at`. `slot`: the latest that was evaluated."""
    opinion = satisfaction(records.ratings) if isinstance(records, Records) else None
    findings = (
        _slos_met(pilot, slot, at, slos),
        *_no_budget_spent(pilot, slot, at, slos),
        _no_open_critical_incident(records),
        *_satisfied(pilot, records, opinion),
        *(_metric_not_judged(metric) for metric in pilot.success_metrics),
        *(_not_judged(c.text, c.role) for c in (*pilot.go_live_criteria, *pilot.rollback_triggers)),
    )
    verdict, advice, why = conclude(findings)
    warnings = (*_level_warnings(slos), *_record_warnings(records, opinion), *_blind_triggers(findings))
    return Assessment(
        pilot.name, at, slot, verdict, advice, why, findings, warnings, records, opinion
    )  # fmt: skip


def _slos_met(pilot: Pilot, slot: Slot | None, at: float, slos: Sequence[Judged]) -> Finding:
    text = "every SLO is met now"
    seen = {judged.instance.slo.id for judged in slos}
    unknown = [f"{slo.name} (no group of it was seen yet)" for slo in pilot.slos if slo.id not in seen]
    missed = []
    for judged in slos:
        evaluation, name = judged.evaluation, say_name(judged.instance)
        doubt = _doubt(judged, slot, at)
        if doubt:
            unknown.append(f"{name} ({doubt})")
        elif evaluation is not None and not evaluation.met:
            missed.append(f"{name} ({say_evaluation(evaluation)})")
    n = len(slos) + sum(slo.id not in seen for slo in pilot.slos)
    met = n - len(missed) - len(unknown)
    if missed:
        state, reason, detail = Truth.FALSE, "slo_missed", f"SLOs not met: {_named(missed)}"
        detail += f"; cannot be told for {_named(unknown)}" if unknown else ""
    elif unknown:
        state, reason, detail = Truth.UNKNOWN, "slo_unknown", f"cannot be told for {_named(unknown)}"
    elif not n:
        state, reason, detail = Truth.UNKNOWN, "no_slo", "the pilot has no SLO"
    else:
        state, reason, detail = Truth.TRUE, "all_met", f"{met} of {say_count(n, 'SLO')} met"
    return Finding(text, Role.DEFAULT, state, reason, detail, value=met, n=n)


def _doubt(judged: Judged, slot: Slot | None, at: float) -> str:
    """Why it cannot be told whether an SLO is met now; empty when it can."""
    evaluation = judged.evaluation
    age = _too_old(evaluation, slot, at)
    if age or evaluation is None:
        return age
    if evaluation.met is None:
        return evaluation.reason.value
    if evaluation.met and evaluation.coverage is not None and evaluation.coverage < FULL_COVERAGE:
        window = evaluation.instance.slo.window
        return f"met, but only {evaluation.coverage:.1%} of {window} was seen"
    if evaluation.met and judged.state.level is Level.CRITICAL:
        return "met again, but not for long enough to lower its critical level"
    return ""


def _too_old(evaluation: Evaluation | None, slot: Slot | None, at: float) -> str:
    """Why an evaluation does not speak of the present; empty when it does."""
    if evaluation is None or slot is None or evaluation.slot.time != slot.time:
        return "not evaluated in the latest slot"
    age = at - slot.time
    if age > max(LONGEST_SLOT_AGE, 3 * slot.interval):
        return f"last evaluated {show_duration(age)} ago"
    return ""


def _no_budget_spent(
    pilot: Pilot, slot: Slot | None, at: float, slos: Sequence[Judged]
) -> tuple[Finding, ...]:
    """Only for pilots that have an error budget. What is partly seen can prove a budget spent, never that it is not."""
    wanted = [slo for slo in pilot.slos if slo.budget is not None]
    if not wanted:
        return ()
    text = "no error budget is spent"
    seen = {judged.instance.slo.id for judged in slos}
    unknown = [f"{slo.name} (no group of it was seen yet)" for slo in wanted if slo.id not in seen]
    spent, left = [], []
    for judged in slos:
        if judged.instance.slo.budget is None:
            continue
        name, budget = say_name(judged.instance), judged.evaluation.budget if judged.evaluation else None
        doubt = _too_old(judged.evaluation, slot, at)
        if doubt or budget is None:
            unknown.append(f"{name} ({doubt or 'its budget was not evaluated'})")
            continue
        match spent_out(budget):
            case True:
                spent.append(f"{name} ({say_share(budget.spent or 1.0)} of {budget.policy.window} spent)")
            case False:
                left.append((budget.remaining or 0.0, name))
            case None:
                unknown.append(f"{name} ({say_basis(budget)})")
    n = len(spent) + len(unknown) + len(left)
    if spent:
        state, reason, detail = Truth.FALSE, "budget_spent", f"error budgets spent: {_named(spent)}"
        detail += f"; cannot be told for {_named(unknown)}" if unknown else ""
    elif unknown:
        state, reason, detail = Truth.UNKNOWN, "budget_unknown", f"cannot be told for {_named(unknown)}"
    else:
        least, name = min(left)
        state, reason = Truth.TRUE, "budgets_left"
        detail = f"{say_count(n, 'error budget')} not spent; the least is left of {name}, {say_share(least)}"
    return (Finding(text, Role.DEFAULT, state, reason, detail, value=len(left), n=n),)


def _no_open_critical_incident(records: Records | RecordsUnavailable) -> Finding:
    """An incident is not over because it is old, so its age does not matter: only its resolution does."""
    text = "no critical incident is unresolved"
    if isinstance(records, RecordsUnavailable):
        return _unavailable(text, records)
    count = _open_critical(records.incidents)
    if count:
        detail = say_count(count, "unresolved critical incident")
        return Finding(text, Role.DEFAULT, Truth.FALSE, "critical_incident_open", detail, value=count)
    return Finding(text, Role.DEFAULT, Truth.TRUE, "none_open", "none is open", value=0)


def _open_critical(incidents: IncidentSummary) -> int:
    return incidents.open_by_severity.get(Severity.CRITICAL, 0)


def _satisfied(
    pilot: Pilot, records: Records | RecordsUnavailable, opinion: Satisfaction | None
) -> tuple[Finding, ...]:
    """Only for pilots that ask their users, by configuration or by having been answered."""
    asked = any(isinstance(metric.source, FeedbackMetric) for metric in pilot.success_metrics)
    text = f"user satisfaction is at least {BLOCKING_SATISFACTION}/5"
    if isinstance(records, RecordsUnavailable):
        return (_unavailable(text, records),) if asked else ()
    if opinion is None:
        none = Finding(text, Role.DEFAULT, Truth.UNKNOWN, "no_feedback", "nobody has rated yet", n=0)
        return (none,) if asked else ()
    if not opinion.enough:
        state, reason = Truth.UNKNOWN, "too_few_votes"
        detail = f"{opinion}; it takes {ENOUGH_VOTES} votes to decide"
    elif opinion.mean < BLOCKING_SATISFACTION:
        state, reason = Truth.FALSE, "satisfaction_low"
        detail = f"user satisfaction is too low: {opinion}"
    else:
        state, reason, detail = Truth.TRUE, "satisfied", str(opinion)
    return (
        Finding(
            text, Role.DEFAULT, state, reason, detail, opinion.mean, opinion.interval, opinion.votes
        ),
    )  # fmt: skip


def _unavailable(text: str, records: RecordsUnavailable) -> Finding:
    return Finding(text, Role.DEFAULT, Truth.UNKNOWN, records.reason, records.detail)


def _metric_not_judged(metric: SuccessMetric) -> Finding:
    return _not_judged(
        f"{metric.name}: {say_objective(metric.objective)} ({say_source(metric)})", Role.SUCCESS
    )


def say_source(metric: SuccessMetric) -> str:
    """Where a success metric comes from."""
    match metric.source:
        case MeasuredMetric(indicator=indicator, window=window):
            return f"{indicator.kind} over {window}"
        case ExperimentMetric(control=control, treatment=treatment):
            return f"experiment: {treatment} against {control}"
        case FeedbackMetric():
            return "ratings"
        case _:
            assert_never(metric.source)


def _not_judged(text: str, role: Role) -> Finding:
    detail = "not judged yet by this version"
    return Finding(text, role, Truth.UNKNOWN, NOT_JUDGED, detail)


def _level_warnings(slos: Sequence[Judged]) -> list[str]:
    raised = {
        level: [say_name(j.instance) for j in slos if j.state.level is level]
        for level in (Level.CRITICAL, Level.WARNING)
    }
    return [f"alert level {level.word}: {_named(names)}" for level, names in raised.items() if names]


def _record_warnings(records: Records | RecordsUnavailable, opinion: Satisfaction | None) -> list[str]:
    if isinstance(records, RecordsUnavailable):
        return []
    warnings = []
    recent = records.incidents.started_since
    if recent > MANY_INCIDENTS:
        warnings.append(f"many incidents: {recent} in the last {INCIDENT_DAYS} days")
    if opinion is not None and opinion.enough and BLOCKING_SATISFACTION <= opinion.mean < WANTED_SATISFACTION:
        warnings.append(f"user satisfaction is below the wanted {WANTED_SATISFACTION}/5: {opinion}")
    return warnings


def _blind_triggers(findings: Iterable[Finding]) -> list[str]:
    blind = sum(f.role is Role.ROLLBACK and f.state is Truth.UNKNOWN for f in findings)
    return [f"{say_count(blind, 'rollback trigger')} cannot fire: not judged yet"] if blind else []


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
