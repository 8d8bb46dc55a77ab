"""Findings on what a pilot's author wrote: go-live criteria, rollback triggers, success metrics."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import assert_never
from zlib import crc32

from slo_daemon.core.pilot.criteria.criterion import Compare, Criterion, Op, Operand
from slo_daemon.core.pilot.criteria.evidence import Judgement
from slo_daemon.core.pilot.criteria.judge import CriterionReason, judge
from slo_daemon.core.pilot.criteria.meaning import Meaning
from slo_daemon.core.pilot.criteria.watch import Watching, watch
from slo_daemon.core.pilot.facts import PilotFacts
from slo_daemon.core.pilot.measures import measured_slo, parts_of
from slo_daemon.core.pilot.memory import CriterionMemory, PilotMemory
from slo_daemon.core.pilot.pilot import (
    ExperimentMetric,
    FeedbackMetric,
    MeasuredMetric,
    Pilot,
    Role,
    SuccessMetric,
)
from slo_daemon.core.pilot.records import Override, OverrideKind, Records, RecordsUnavailable
from slo_daemon.core.pilot.slo_facts import NOT_EVALUATED
from slo_daemon.core.pilot.trials import outlook_of
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Finding
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.objective import Direction
from slo_daemon.core.slo.phrases import say_minute, say_objective

FIRED = "fired"  # the reason of a trigger that has fired and is not surely over
_OPS = {Direction.AT_MOST: Op.AT_MOST, Direction.AT_LEAST: Op.AT_LEAST}


def written_findings(
    pilot: Pilot, facts: PilotFacts, memory: PilotMemory
) -> tuple[tuple[Finding, ...], PilotMemory]:
    """One finding for each success metric, go-live criterion and rollback trigger, and what to remember of them."""
    asked: list[tuple[Role, str, Criterion]] = [
        *((Role.SUCCESS, metric_text(metric), metric_criterion(metric)) for metric in pilot.success_metrics),
        *((one.role, one.text, one.criterion) for one in (*pilot.go_live_criteria, *pilot.rollback_triggers)),
    ]
    found, after = [], {}
    for role, text, criterion in asked:
        finding, remembered = _finding(role, text, criterion, facts, memory.criteria.get((role, text)))
        found.append(finding)
        if remembered is not None:
            after[role, text] = remembered
    return tuple(found), replace(memory, criteria=after)


def _finding(
    role: Role, text: str, criterion: Criterion, facts: PilotFacts, before: CriterionMemory | None
) -> tuple[Finding, CriterionMemory | None]:
    """Before the first slot nothing is judged and nothing forgotten."""
    slot = facts.slot
    if slot is None:
        detail = "nothing was evaluated yet"
        return Finding(text, role, Truth.UNKNOWN, NOT_EVALUATED, detail), before
    of = _stands_on(criterion, facts)
    known = before.holds if before is not None and before.of == of else {}
    judgement, holds = judge(criterion, facts, slot, known)
    policy = facts.pilot.triggers
    state = watch(
        before.watch if before else None,
        judgement.truth,
        slot,
        clear_for=policy.clear_for,
        blind_for=policy.blind_for,
        seeing=judgement.reason == CriterionReason.UNDECIDED,
    )
    memory = CriterionMemory(state, holds, of)
    return _told(role, text, criterion, facts, judgement, memory), memory


def _stands_on(criterion: Criterion, facts: PilotFacts) -> str:
    """A digest of what the comparisons `for` some time compare; empty where there is none."""
    found = []
    for part in parts_of(criterion):
        meaning = facts.vocabulary.meaning(part.operand) if isinstance(part, Compare) and part.hold else None
        if isinstance(meaning, Meaning):
            found.append(repr((meaning, measured_slo(facts.pilot, meaning.subject))))
    return f"{crc32(repr(found).encode()):08x}" if found else ""


def _told(
    role: Role,
    text: str,
    criterion: Criterion,
    facts: PilotFacts,
    judgement: Judgement,
    memory: CriterionMemory,
) -> Finding:
    state, truth, reason, detail = memory.watch, judgement.truth, judgement.reason, judgement.detail
    watching = state.watching if role is Role.ROLLBACK else None
    if watching is Watching.FIRED and truth is not Truth.TRUE:
        fired = say_minute(state.fired or state.at)
        quiet = f"{show_duration(state.clearing)} of {show_duration(facts.pilot.triggers.clear_for)}"
        detail = f"fired at {fired} UTC, and surely false for {quiet} since; {detail}"
        truth, reason = Truth.TRUE, FIRED
    elif watching is Watching.BLIND:
        detail = f"blind since {say_minute(state.seen)} UTC: {detail}"
    if truth is Truth.UNKNOWN:
        detail = _with_outlook(criterion, facts, detail)
    return Finding(
        text, role, truth, reason, detail, judgement.value, judgement.interval, judgement.n, judgement.earliest,
        -judgement.margin if role is Role.ROLLBACK and judgement.margin is not None else judgement.margin,
        judgement.source,
        since=state.fired if watching is Watching.FIRED else state.since,
        blind=state.blind and role is Role.ROLLBACK,
    )  # fmt: skip


def _with_outlook(criterion: Criterion, facts: PilotFacts, detail: str) -> str:
    """What an undecided experiment would take, and whether the pilot will have it."""
    for part in parts_of(criterion):
        trial = facts.trial_of(part.operand) if isinstance(part, Compare) else None
        if trial is not None and isinstance(part, Compare) and part.op not in (Op.EQUAL, Op.DIFFERENT):
            above = part.op in (Op.MORE, Op.AT_LEAST)
            outlook = outlook_of(trial, facts.pilot, part.literal.base, above=above)
            if outlook is not None:
                return f"{detail}; {outlook}"
    return detail


def metric_criterion(metric: SuccessMetric) -> Criterion:
    """A success metric as a comparison with its target."""
    return Compare(Operand(metric.name), _OPS[metric.objective.direction], metric.objective.target)


def metric_text(metric: SuccessMetric) -> str:
    """`search_success_rate: at least 80 % (ratio over 7d)`."""
    return f"{metric.name}: {say_objective(metric.objective)} ({say_source(metric)})"


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


def waived(
    findings: Sequence[Finding], records: Records | RecordsUnavailable, at: float
) -> Iterator[Finding]:
    """The findings, with the waivers of people that are in force.

    While the store cannot be read a waived trigger stays waived: a broken disk must not roll back what a person wants to
    keep. It makes nothing else pass.
    """
    by_text: dict[str, Override] = {}
    for override in reversed(records.overrides):  # the newest is told
        if override.kind is OverrideKind.WAIVE and override.in_force(at):
            by_text[override.criterion] = override
    known = isinstance(records, Records)
    for finding in findings:
        waiver = by_text.get(finding.text) if known or finding.role is Role.ROLLBACK else None
        yield finding if waiver is None else replace(finding, override=waiver)


def holds_of(records: Records | RecordsUnavailable, at: float) -> tuple[Override, ...]:
    """People who want the rollout held at a time."""
    return tuple(o for o in records.overrides if o.kind is OverrideKind.HOLD and o.in_force(at))


def say_hold(hold: Override) -> str:
    """`held by Ada until 2026-11-30 09:00 UTC: sale weekend`."""
    return f"held by {hold.by} until {say_minute(hold.expires_at)} UTC: {hold.reason}"
