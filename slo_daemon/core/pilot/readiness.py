"""Readiness: may the pilot's rollout widen? Findings, each with its evidence, and the verdict they come to.

Three-valued: a finding is true, false or unknown, with a named reason. Unknown never counts as pass: a pilot with no
blocker and something unknown is INCONCLUSIVE, not READY.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from slo_daemon.core.pilot.pilot import (
    ExperimentMetric,
    FeedbackMetric,
    MeasuredMetric,
    Pilot,
    Role,
    SuccessMetric,
)
from slo_daemon.core.pilot.records import Records, Severity
from slo_daemon.core.pilot.satisfaction import ENOUGH_VOTES, Satisfaction, satisfaction
from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.slo import SloInstance
from slo_daemon.core.slo.state import SloState

BLOCKING_SATISFACTION = 3.5
WANTED_SATISFACTION = 4.0
MANY_INCIDENTS = 5
INCIDENT_DAYS = 7


class Truth(StrEnum):
    """Kleene's three values."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """What the findings come to."""

    READY = "READY"
    NOT_READY = "NOT_READY"
    INCONCLUSIVE = "INCONCLUSIVE"


class Advice(StrEnum):
    """What the daemon proposes for the ramp; it never changes production."""

    ADVANCE = "advance"
    HOLD = "hold"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Finding:
    """One criterion, judged, with its evidence.

    `reason` is a name for machines, `detail` a sentence for people. `value`, `interval` and `n` as far as the
    criterion has them. `earliest`: the first date on which an unmet criterion could pass, when that can be told.
    """

    text: str
    role: Role
    state: Truth
    reason: str
    detail: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    n: float | None = None
    earliest: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """An SLO as readiness sees it."""

    instance: SloInstance
    state: SloState
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True)
class Assessment:
    """The readiness of one pilot at one time (`slot`: Unix seconds of the evaluation it stands on, None before any)."""

    pilot: str
    slot: float | None
    verdict: Verdict
    advice: Advice
    advice_reason: str
    findings: tuple[Finding, ...]
    blockers: tuple[str, ...]
    warnings: tuple[str, ...]
    satisfaction: Satisfaction | None
    metrics: Mapping[str, float] = field(default_factory=dict)


def assess(pilot: Pilot, slot: float | None, slos: Sequence[Judged], records: Records) -> Assessment:
    """The verdict over a pilot's SLOs, incidents and ratings. Pure: the same input gives the same assessment."""
    opinion = satisfaction(records.ratings)
    findings = [
        _slos_met(slos),
        _no_open_critical_incident(records),
        *_satisfied(pilot, opinion),
        *(_metric_not_judged(metric) for metric in pilot.success_metrics),
        *(_not_judged(c.text, c.role) for c in (*pilot.go_live_criteria, *pilot.rollback_triggers)),
    ]
    blockers = tuple(f.detail for f in findings if f.state is Truth.FALSE and f.role is not Role.ROLLBACK)
    unknown = [f for f in findings if f.state is Truth.UNKNOWN and f.role is not Role.ROLLBACK]
    if blockers:
        verdict = Verdict.NOT_READY
    elif unknown:
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.READY
    advice, why = _advice(verdict, blockers, unknown)
    return Assessment(
        pilot=pilot.name,
        slot=slot,
        verdict=verdict,
        advice=advice,
        advice_reason=why,
        findings=tuple(findings),
        blockers=blockers,
        warnings=tuple(_warnings(slos, records, opinion, findings)),
        satisfaction=opinion,
        metrics={
            "incidents_7d": float(records.incidents.started_since),
            "critical_unresolved": float(records.incidents.open_by_severity.get(Severity.CRITICAL, 0)),
        },
    )


def _slos_met(slos: Sequence[Judged]) -> Finding:
    text = "all SLOs are met now"
    missed = [j.instance.id for j in slos if j.evaluation is not None and j.evaluation.met is False]
    unseen = [
        f"{j.instance.id} ({j.evaluation.reason if j.evaluation else 'not evaluated yet'})"
        for j in slos
        if j.evaluation is None or j.evaluation.met is None
    ]
    met = len(slos) - len(missed) - len(unseen)
    if missed:
        return Finding(
            text,
            Role.DEFAULT,
            Truth.FALSE,
            "slo_missed",
            f"SLOs not met: {', '.join(missed)}",
            met,
            n=len(slos),
        )
    if unseen or not slos:
        detail = f"cannot be told for: {', '.join(unseen)}" if slos else "the pilot has no SLO"
        return Finding(text, Role.DEFAULT, Truth.UNKNOWN, "slo_unknown", detail, met, n=len(slos))
    return Finding(
        text, Role.DEFAULT, Truth.TRUE, "all_met", f"{met} of {met} SLOs are met", met, n=len(slos)
    )


def _no_open_critical_incident(records: Records) -> Finding:
    text = "no critical incident is unresolved"
    count = records.incidents.open_by_severity.get(Severity.CRITICAL, 0)
    if count:
        detail = f"{count} unresolved critical incident{'s' if count > 1 else ''}"
        return Finding(text, Role.DEFAULT, Truth.FALSE, "critical_incident_open", detail, count)
    return Finding(text, Role.DEFAULT, Truth.TRUE, "none_open", "none is open", 0)


def _satisfied(pilot: Pilot, opinion: Satisfaction | None) -> list[Finding]:
    """Only for pilots that ask their users, by configuration or by having been answered."""
    asked = any(isinstance(m.source, FeedbackMetric) for m in pilot.success_metrics)
    text = f"user satisfaction is at least {BLOCKING_SATISFACTION}/5"
    if opinion is None:
        return (
            [Finding(text, Role.DEFAULT, Truth.UNKNOWN, "no_feedback", "nobody has rated yet", n=0)]
            if asked
            else []
        )
    interval = (opinion.low, opinion.high) if opinion.low is not None and opinion.high is not None else None
    shown = f"mean {opinion.mean:.2f}/5 from {opinion.votes} votes"
    if not opinion.enough:
        detail = f"{shown}; {ENOUGH_VOTES} are needed to decide"
        state, reason = Truth.UNKNOWN, "too_few_votes"
    elif opinion.mean < BLOCKING_SATISFACTION:
        detail, state, reason = f"user satisfaction too low: {shown}", Truth.FALSE, "satisfaction_low"
    else:
        detail, state, reason = shown, Truth.TRUE, "satisfied"
    return [Finding(text, Role.DEFAULT, state, reason, detail, opinion.mean, interval, opinion.votes)]


def _metric_not_judged(metric: SuccessMetric) -> Finding:
    match metric.source:
        case MeasuredMetric():
            source = "measured by Prometheus"
        case ExperimentMetric():
            source = "an experiment"
        case FeedbackMetric():
            source = "ratings"
    return _not_judged(f"{metric.name} {metric.objective} ({source})", Role.GO_LIVE)


def _not_judged(text: str, role: Role) -> Finding:
    return Finding(
        text,
        role,
        Truth.UNKNOWN,
        "not_judged_yet",
        "this version does not judge it yet; it never counts as passed",
    )


def _advice(verdict: Verdict, blockers: Sequence[str], unknown: Sequence[Finding]) -> tuple[Advice, str]:
    """Rollback is advised by rollback triggers only, and those are not judged yet."""
    if verdict is Verdict.READY:
        return Advice.ADVANCE, "every criterion is met"
    if blockers:
        return Advice.HOLD, f"blocked: {blockers[0]}"
    return (
        Advice.HOLD,
        f"{len(unknown)} {'criterion is' if len(unknown) == 1 else 'criteria are'} unknown, first: {unknown[0].text}",
    )


def _warnings(
    slos: Sequence[Judged], records: Records, opinion: Satisfaction | None, findings: Sequence[Finding]
) -> list[str]:
    warnings = [
        f"{j.instance.id} is at level {j.state.level.word} ({j.state.reason or 'no reason recorded'})"
        for j in slos
        if j.state.level
    ]
    recent = records.incidents.started_since
    critical = records.incidents.open_by_severity.get(Severity.CRITICAL, 0)
    if recent > MANY_INCIDENTS and not critical:
        warnings.append(f"high incident rate: {recent} in {INCIDENT_DAYS} days")
    if opinion is not None and opinion.enough and BLOCKING_SATISFACTION <= opinion.mean < WANTED_SATISFACTION:
        warnings.append(f"user satisfaction {opinion.mean:.2f}/5 is below the wanted {WANTED_SATISFACTION}")
    blind = sum(f.role is Role.ROLLBACK and f.state is Truth.UNKNOWN for f in findings)
    if blind:
        warnings.append(f"{blind} rollback trigger{'s' if blind > 1 else ''} cannot fire: not judged yet")
    return warnings
