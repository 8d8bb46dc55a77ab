"""Readiness: may the pilot's rollout widen? All findings on a pilot, and the verdict and the advice that they come to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from slo_daemon.core.pilot.criteria.evidence import Known
from slo_daemon.core.pilot.defaults import (
    BLOCKING_SATISFACTION,
    BUDGET_YOUNG,
    INCIDENT_DAYS,
    MANY_INCIDENTS,
    WANTED_SATISFACTION,
    default_findings,
    named,
)
from slo_daemon.core.pilot.facts import Judged, PilotFacts
from slo_daemon.core.pilot.findings import holds_of, say_hold, waived, written_findings
from slo_daemon.core.pilot.memory import NOTHING_REMEMBERED, PilotMemory
from slo_daemon.core.pilot.names import vocabulary_of
from slo_daemon.core.pilot.pilot import Pilot, Role
from slo_daemon.core.pilot.ramp import Advice, RampAdvice, Standing, advise, step_served
from slo_daemon.core.pilot.records import Override, Records, RecordsUnavailable
from slo_daemon.core.pilot.satisfaction import Satisfaction, satisfaction
from slo_daemon.core.pilot.slo_facts import slot_too_old
from slo_daemon.core.pilot.trials import Trial, trials_of
from slo_daemon.core.pilot.verdict import Assessment, Effect, Finding, Verdict, against, conclude
from slo_daemon.core.slo.measure import Watched
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import say_count, say_minute, say_name
from slo_daemon.core.slo.window import Slot

NO_HINDRANCE = (BUDGET_YOUNG,)  # of a step: else a budget of 30d would hold every ramp for its first month
ON_THE_WAY = (
    Role.DEFAULT,
    Role.ROLLBACK,
)  # what each step of the ramp needs; the rest is for the full rollout


def assess(
    pilot: Pilot,
    slot: Slot | None,
    at: float,
    slos: Sequence[Judged],
    records: Records | RecordsUnavailable,
    watched: Sequence[Watched] = (),
    memory: PilotMemory = NOTHING_REMEMBERED,
    known: Mapping[str, Trial] | None = None,
) -> tuple[Assessment, PilotMemory]:
    """The verdict on a pilot at time `at` (Unix seconds), and what to remember until the next one.

    `slot`: the latest that was evaluated. `watched`: the pilot's measures at that slot. `known`: its experiments as they
    were assessed before.
    """
    memory = memory.in_stage(pilot, at)
    trials = trials_of(pilot, watched, known)
    opinion = satisfaction(records.ratings) if isinstance(records, Records) else None
    facts = PilotFacts(
        pilot, vocabulary_of(pilot), slot, at, slos, watched, records, trials, memory.stage_since
    )
    written, memory = written_findings(pilot, facts, memory)
    findings = (
        *default_findings(pilot, slot, at, slos, records, opinion),
        *written,
    )
    findings = tuple(waived(findings, records, at))
    holds = holds_of(records, at)
    verdict, advice, why = conclude(findings)
    advice_reason = why
    stalled = slot_too_old(slot, at) if slot is not None else ""
    if advice is Advice.ROLLBACK and stalled:
        advice, advice_reason = Advice.HOLD, f"{stalled}; {why}"
    if advice is Advice.ADVANCE and holds:
        advice, advice_reason = Advice.HOLD, say_hold(holds[0])
    ramp = _ramp(pilot, at, findings, holds, facts, verdict, stalled, memory.served)
    if ramp is not None:
        memory = _with_served(memory, pilot, ramp)
        advice, advice_reason = ramp.advice, ramp.reasons[0]
    warnings = (
        *(say_hold(hold) for hold in holds),
        *_level_warnings(slos),
        *_record_warnings(records, opinion),
        *_blind_triggers(findings),
        *_trial_warnings(trials.values()),
        *_waiver_warnings(findings),
    )
    return Assessment(
        pilot.name, at, slot, verdict, advice, advice_reason, findings, warnings, records, opinion, why, ramp, holds,
        tuple(trials.items()),
    ), memory  # fmt: skip


def as_of(assessment: Assessment, at: float) -> Assessment:
    """The assessment as it may be told at `at` (Unix s): what stands on too old a slot is inconclusive, and advises to hold."""
    stalled = slot_too_old(assessment.slot, at) if assessment.slot is not None else ""
    if not stalled:
        return assessment
    ramp = assessment.ramp
    if ramp is not None:
        served = ramp.scheduled if ramp.observed is None else ramp.observed
        ramp = replace(ramp, advice=Advice.HOLD, advised=served, reasons=(stalled,), next_date=None)
    return replace(
        assessment, verdict=Verdict.INCONCLUSIVE, reason=stalled, advice=Advice.HOLD, advice_reason=stalled, ramp=ramp
    )  # fmt: skip


def _with_served(memory: PilotMemory, pilot: Pilot, ramp: RampAdvice) -> PilotMemory:
    step = None if pilot.ramp is None else step_served(pilot.ramp, ramp.observed)
    return memory if step is None else replace(memory, served=step)


def _ramp(
    pilot: Pilot,
    at: float,
    findings: Sequence[Finding],
    holds: Sequence[Override],
    facts: PilotFacts,
    verdict: Verdict,
    stalled: str,
    last: float | None,
) -> RampAdvice | None:
    """`stalled`: why the latest slot does not speak of the present; what fired in it rolls nothing back then."""
    if pilot.ramp is None:
        return None
    on_the_way = [f for f in findings if f.role in ON_THE_WAY and f.reason not in NO_HINDRANCE]
    fired = tuple(against(f) for f in findings if f.effect is Effect.FIRE)
    standing = Standing(
        fired=() if stalled else fired,
        against=(
            *((stalled, *fired) if stalled else ()),
            *(against(f) for f in on_the_way if f.effect is Effect.BLOCK),
        ),
        unseen=tuple(f"not known: {f.text} ({f.detail})" for f in on_the_way if f.effect is Effect.OPEN),
        held=tuple(say_hold(hold) for hold in holds),
        ready=verdict is Verdict.READY,
    )
    if not pilot.ramp.observed:
        return advise(pilot, pilot.ramp, at, standing, None, "the pilot's ramp has no `observed`")
    observed = facts.observed_share
    if isinstance(observed, Known):
        return advise(pilot, pilot.ramp, at, standing, observed.value)
    return advise(pilot, pilot.ramp, at, standing, None, observed.detail, last=last)


def _level_warnings(slos: Sequence[Judged]) -> list[str]:
    raised = {
        level: [say_name(j.instance) for j in slos if j.state.level is level]
        for level in (Level.CRITICAL, Level.WARNING)
    }
    return [f"alert level {level.word}: {named(names)}" for level, names in raised.items() if names]


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
    """A trigger that cannot see is not quiet: it is told, each by its name once it was blind for long."""
    unseeing = [f for f in findings if f.role is Role.ROLLBACK and f.effect is Effect.OPEN]
    blind = [f"blind rollback trigger: {f.text} ({f.detail})" for f in unseeing if f.blind]
    short = len(unseeing) - len(blind)
    return [*blind, *([f"{say_count(short, 'rollback trigger')} cannot be told now"] if short else [])]


def _trial_warnings(trials: Iterable[Trial]) -> list[str]:
    """A broken experiment is named, whoever asks for its lift."""
    return [
        f"{trial.metric.name}: sample ratio mismatch, {trial.outcome.mismatch}"
        for trial in trials
        if trial.outcome.mismatch is not None and trial.outcome.mismatch.flagged
    ]


def _waiver_warnings(findings: Iterable[Finding]) -> list[str]:
    return [
        f"waived by {f.override.by} until {say_minute(f.override.expires_at)} UTC: {f.text} ({f.override.reason})"
        for f in findings
        if f.override is not None
    ]
