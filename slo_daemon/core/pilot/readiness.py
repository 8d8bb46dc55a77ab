"""Readiness: may the pilot's rollout widen? Findings, each with its evidence, and the verdict they come to.

Three-valued: a finding is true, false or unknown, with a named reason. Unknown never counts as pass: a pilot with
nothing against it and something unknown is INCONCLUSIVE, not READY.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
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
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import say_count, say_evaluation, say_name, say_objective, say_time
from slo_daemon.core.slo.slo import SloInstance
from slo_daemon.core.slo.state import SloState
from slo_daemon.core.slo.window import Slot

BLOCKING_SATISFACTION = 3.5
WANTED_SATISFACTION = 4.0
MANY_INCIDENTS = 5
INCIDENT_WINDOW = 7 * 86_400  # seconds
LONGEST_SLOT_AGE = 300.0  # seconds; with long intervals it is three of them
MOST_NAMES = 5  # in one sentence
NOT_JUDGED = "not_judged_yet"


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


class Effect(StrEnum):
    """What one finding does to the verdict."""

    PASS = "pass"  # noqa: S105
    BLOCK = "block"
    FIRE = "fire"
    OPEN = "open"


EFFECTS: dict[tuple[Role, Truth], Effect] = {
    (Role.DEFAULT, Truth.TRUE): Effect.PASS,
    (Role.DEFAULT, Truth.FALSE): Effect.BLOCK,
    (Role.DEFAULT, Truth.UNKNOWN): Effect.OPEN,
    (Role.GO_LIVE, Truth.TRUE): Effect.PASS,
    (Role.GO_LIVE, Truth.FALSE): Effect.BLOCK,
    (Role.GO_LIVE, Truth.UNKNOWN): Effect.OPEN,
    (Role.ROLLBACK, Truth.TRUE): Effect.FIRE,
    (Role.ROLLBACK, Truth.FALSE): Effect.PASS,
    (Role.ROLLBACK, Truth.UNKNOWN): Effect.OPEN,  # nobody should widen a rollout that could not be stopped
}


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

    @property
    def effect(self) -> Effect:
        """What it does to the verdict."""
        return EFFECTS[self.role, self.state]


@dataclass(frozen=True, slots=True)
class Judged:
    """An SLO as readiness sees it. `evaluation` is None before the first slot."""

    instance: SloInstance
    state: SloState
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True)
class Assessment:
    """The readiness of one pilot at time `at` (Unix seconds). `slot`: of the evaluation it stands on, None before any."""

    pilot: str
    at: float
    slot: Slot | None
    verdict: Verdict
    advice: Advice
    advice_reason: str
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    records: Records | RecordsUnavailable
    satisfaction: Satisfaction | None

    @property
    def blockers(self) -> tuple[str, ...]:
        """What stands against going on, in sentences."""
        return tuple(_against(f) for f in self.findings if f.effect in (Effect.BLOCK, Effect.FIRE))


def assess(
    pilot: Pilot, slot: Slot | None, at: float, slos: Sequence[Judged], records: Records | RecordsUnavailable
) -> Assessment:
    """The verdict over a pilot's SLOs, incidents and ratings at time `at`. `slot`: the latest that was evaluated."""
    opinion = satisfaction(records.ratings) if isinstance(records, Records) else None
    findings = (
        _slos_met(pilot, slot, at, slos),
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


def conclude(findings: Sequence[Finding]) -> tuple[Verdict, Advice, str]:
    """The verdict, the advice, and why. What is against counts first, then what is unknown; nothing judged is unknown."""
    by_effect = {effect: [f for f in findings if f.effect is effect] for effect in Effect}
    if by_effect[Effect.FIRE]:
        return Verdict.NOT_READY, Advice.ROLLBACK, _against(by_effect[Effect.FIRE][0])
    if by_effect[Effect.BLOCK]:
        return Verdict.NOT_READY, Advice.HOLD, _against(by_effect[Effect.BLOCK][0])
    if by_effect[Effect.OPEN] or not findings:
        return Verdict.INCONCLUSIVE, Advice.HOLD, _what_is_open(by_effect[Effect.OPEN])
    return Verdict.READY, Advice.ADVANCE, "every criterion is met"


def _against(finding: Finding) -> str:
    if finding.effect is Effect.FIRE:
        return f"rollback trigger fired: {finding.text} ({finding.detail})"
    return finding.detail


def _what_is_open(findings: Sequence[Finding]) -> str:
    """First what somebody can do something about, then what this version cannot judge."""
    unknown = [f"{f.text} ({f.detail})" for f in findings if f.reason != NOT_JUDGED]
    later = sum(f.reason == NOT_JUDGED for f in findings)
    if later:
        unknown.append(f"{say_count(later, 'criterion', 'criteria')} that this version does not judge yet")
    return f"not known: {'; '.join(unknown)}" if unknown else "nothing was judged"


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
    if evaluation is None or slot is None or evaluation.slot.time != slot.time:
        return "not evaluated in the latest slot"
    age = at - slot.time
    if age > max(LONGEST_SLOT_AGE, 3 * slot.interval):
        return f"last evaluated {show_duration(age)} ago"
    if evaluation.met is None:
        return evaluation.reason.value
    if evaluation.met and judged.state.level is Level.CRITICAL:
        return "met again, but not for long enough to lower its critical level"
    return ""


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
        f"{metric.name}: {say_objective(metric.objective)} ({say_source(metric)})", Role.GO_LIVE
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
    detail = "not judged yet by this version; it never counts as passed"
    return Finding(text, role, Truth.UNKNOWN, NOT_JUDGED, detail)


def _level_warnings(slos: Sequence[Judged]) -> list[str]:
    alerting = [
        f"{say_name(j.instance)}: {j.state.level.word} since {say_time(j.state.since)}"
        for j in sorted(slos, key=lambda j: -j.state.level)
        if j.state.level
    ]
    return [f"alert levels are raised: {_named(alerting)}"] if alerting else []


def _record_warnings(records: Records | RecordsUnavailable, opinion: Satisfaction | None) -> list[str]:
    if isinstance(records, RecordsUnavailable):
        return []
    warnings = []
    recent = records.incidents.started_since
    if recent > MANY_INCIDENTS:
        warnings.append(f"many incidents: {recent} in {show_duration(INCIDENT_WINDOW)}")
    if opinion is not None and opinion.enough and BLOCKING_SATISFACTION <= opinion.mean < WANTED_SATISFACTION:
        warnings.append(f"user satisfaction is below the wanted {WANTED_SATISFACTION}/5: {opinion}")
    return warnings


def _blind_triggers(findings: Iterable[Finding]) -> list[str]:
    blind = sum(f.role is Role.ROLLBACK and f.state is Truth.UNKNOWN for f in findings)
    return [f"{say_count(blind, 'rollback trigger')} cannot fire: not judged yet"] if blind else []


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
