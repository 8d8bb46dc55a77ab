"""Gates: what a deployment tool asks before it goes on, and the three answers that it gets.

`fail` always means "roll back": tools turn a failure into an abort. What is merely not ready, not known, held or too old
is `inconclusive`, on which they wait. So a daemon that is late, blind or stopped never rolls production back.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import assert_never

from slo_daemon.core.pilot.findings import say_hold
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.verdict import Assessment, Effect, Finding, Verdict
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.phrases import say_time, visible

STALE_INTERVALS = 2  # evaluation intervals; an older slot does not speak of the present
LARGEST_LEAD = 5.0  # seconds that a slot may lie ahead of the clock
MOST_REASONS = 10  # of one answer
LONGEST_REASON = 300  # characters of each
MOST_KNOWN = 10  # names told to somebody who asks for a wrong one


class Gate(StrEnum):
    """What is asked."""

    PROMOTE = "promote"  # may everybody get it?
    ADVANCE = "advance"  # may the next step of the ramp be taken?
    ROLLBACK = "rollback"  # must it be rolled back?


class GateVerdict(StrEnum):
    """What is answered."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class GateReason(StrEnum):
    """Why, for machines."""

    READY = "ready"
    MAY_ADVANCE = "may_advance"
    NO_TRIGGER = "no_trigger_fired"
    FIRED = "trigger_fired"
    HELD = "held_by_person"
    NOT_READY = "not_ready"
    NOT_KNOWN = "not_known"
    RAMP_HOLDS = "ramp_holds"
    UNSEEING = "trigger_cannot_see"
    NOT_ASSESSED = "not_assessed"
    STALE = "stale"
    UNKNOWN_PILOT = "unknown_pilot"
    UNKNOWN_GATE = "unknown_gate"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The answer of one gate. `gate` is its name, as asked for where there is no such gate.

    `ready`: everybody may get it now, which is what makes `promote` pass. `evaluated_at` (Unix s) and `age_seconds`: of
    the slot that it stands on, None without one. `advice`: hold unless the present says otherwise. `reasons`: sentences
    for people, most important first, at most `MOST_REASONS` of `LONGEST_REASON` characters. `stale`: it does not speak
    of the present, and `readiness` is None.
    """

    gate: str
    verdict: GateVerdict
    reason: GateReason
    ready: bool
    evaluated_at: float | None
    age_seconds: float | None
    advice: Advice
    reasons: tuple[str, ...]
    stale: bool
    readiness: Verdict | None


def decide(gate: Gate, assessment: Assessment | None, now: float, interval: float) -> GateDecision:
    """The answer at `now` (Unix s) when slots follow each other by `interval` seconds.

    The order: what is too old says nothing; a fired trigger fails, also while a person holds the rollout (a person who
    wants to keep it waives the trigger); a hold keeps `promote` and `advance` from passing.
    """
    if assessment is None or assessment.slot is None:
        return _silent(gate, GateReason.NOT_ASSESSED, "the pilot was not assessed in any slot yet")
    at = assessment.slot.time
    doubt = _doubt(now - at, at, interval)
    if doubt:
        return _silent(gate, GateReason.STALE, doubt, at, now - at)
    verdict, reason, said = _answer(gate, assessment)
    return GateDecision(
        gate=gate.value,
        verdict=verdict,
        reason=reason,
        ready=assessment.verdict is Verdict.READY and not assessment.holds and not assessment.fired,
        evaluated_at=at,
        age_seconds=now - at,
        advice=_advice(assessment),
        reasons=_bounded(said) or _bounded([assessment.advice_reason]),
        stale=False,
        readiness=assessment.verdict,
    )


def verdict_of(gate: Gate, assessment: Assessment | None, now: float, interval: float) -> GateVerdict:
    """The verdict of `decide` alone, without the words: for a metric of many pilots."""
    if assessment is None or assessment.slot is None:
        return GateVerdict.INCONCLUSIVE
    at = assessment.slot.time
    return GateVerdict.INCONCLUSIVE if _doubt(now - at, at, interval) else _answer(gate, assessment)[0]


def unknown_pilot(gate: str, pilot: str, known: Sequence[str]) -> GateDecision:
    """The answer for a pilot that there is not: a slip in a name must be seen, and must abort nothing."""
    named = ", ".join(known[:MOST_KNOWN]) or "none"
    more = f" and {len(known) - MOST_KNOWN} more" if len(known) > MOST_KNOWN else ""
    return _silent(
        gate, GateReason.UNKNOWN_PILOT, f"there is no pilot {pilot[:64]!r}; known: {named}{more}"
    )  # fmt: skip


def unknown_gate(gate: str) -> GateDecision:
    """The answer for a gate that there is not."""
    known = ", ".join(Gate)
    return _silent(gate, GateReason.UNKNOWN_GATE, f"there is no gate {gate[:64]!r}; known: {known}")


def broken_gate(gate: str) -> GateDecision:
    """The answer when the daemon itself failed on the question."""
    said = "slo-daemon failed on this question; its log says why"
    return _silent(gate, GateReason.INTERNAL, said)


def _doubt(age: float, at: float, interval: float) -> str:
    """Why a slot of that age (s) does not speak of the present; empty when it does. No number (NaN) is no age."""
    if age >= -LARGEST_LEAD and age <= STALE_INTERVALS * interval:
        return ""
    if age < 0:
        return f"the latest slot, {say_time(at)}, lies {show_duration(round(-age))} in the future; which clock is wrong?"
    limit = show_duration(round(STALE_INTERVALS * interval))
    return f"the latest slot, {say_time(at)}, is {show_duration(round(age))} old; the limit is {limit}"


def _silent(
    gate: str, reason: GateReason, said: str, at: float | None = None, age: float | None = None
) -> GateDecision:
    return GateDecision(
        gate=gate[:64],
        verdict=GateVerdict.INCONCLUSIVE,
        reason=reason,
        ready=False,
        evaluated_at=at,
        age_seconds=age,
        advice=Advice.HOLD,
        reasons=_bounded([said]),
        stale=True,
        readiness=None,
    )


_Answer = tuple[GateVerdict, GateReason, Iterable[str]]  # the words are made when they are read


def _answer(gate: Gate, assessment: Assessment) -> _Answer:
    fired, holds = assessment.fired, (say_hold(hold) for hold in assessment.holds)
    if fired:
        words = (f"rollback trigger fired: {_said(finding)}" for finding in fired)
        return GateVerdict.FAIL, GateReason.FIRED, chain(words, holds)
    match gate:
        case Gate.ROLLBACK:
            return _of_triggers(assessment)
        case Gate.PROMOTE | Gate.ADVANCE:
            answer = _of_readiness(assessment) if gate is Gate.PROMOTE else _of_ramp(assessment)
            if not assessment.holds:
                return answer
            return GateVerdict.INCONCLUSIVE, GateReason.HELD, chain(holds, answer[2])
        case _:
            assert_never(gate)


def _of_readiness(assessment: Assessment) -> _Answer:
    match assessment.verdict:
        case Verdict.READY:
            return GateVerdict.PASS, GateReason.READY, [assessment.advice_reason]
        case Verdict.NOT_READY:
            against = chain(assessment.blockers, _open(assessment))
            return GateVerdict.INCONCLUSIVE, GateReason.NOT_READY, against
        case Verdict.INCONCLUSIVE:
            return GateVerdict.INCONCLUSIVE, GateReason.NOT_KNOWN, _open(assessment)
        case _:
            assert_never(assessment.verdict)


def _of_ramp(assessment: Assessment) -> _Answer:
    ramp = assessment.ramp
    if ramp is None:
        return _of_readiness(assessment)
    if ramp.advice is Advice.ADVANCE:
        return GateVerdict.PASS, GateReason.MAY_ADVANCE, ramp.reasons or ["the next step may be taken"]
    return GateVerdict.INCONCLUSIVE, GateReason.RAMP_HOLDS, ramp.reasons or ["the ramp is to be held"]


def _of_triggers(assessment: Assessment) -> _Answer:
    unseeing = assessment.unseeing
    if unseeing:
        words = (f"rollback trigger cannot see: {_said(finding)}" for finding in unseeing)
        return GateVerdict.INCONCLUSIVE, GateReason.UNSEEING, words
    return GateVerdict.PASS, GateReason.NO_TRIGGER, ["no rollback trigger has fired"]


def _open(assessment: Assessment) -> Iterator[str]:
    return (
        f"not known: {_said(finding)}" for finding in assessment.findings if finding.effect is Effect.OPEN
    )


def _said(finding: Finding) -> str:
    return f"{finding.text} ({finding.detail})"


def _advice(assessment: Assessment) -> Advice:
    """Back if and only if a trigger has fired; on only while nobody holds the rollout."""
    if assessment.fired:
        return Advice.ROLLBACK
    advice = assessment.ramp.advice if assessment.ramp is not None else assessment.advice
    return Advice.ADVANCE if advice is Advice.ADVANCE and not assessment.holds else Advice.HOLD


def _bounded(said: Iterable[str]) -> tuple[str, ...]:
    """Each once and in one line: they end in events of Kubernetes, in logs and on terminals."""
    found = tuple(dict.fromkeys(said))
    rest = len(found) - MOST_REASONS + 1
    told = found if rest <= 1 else (*found[: MOST_REASONS - 1], f"and {rest} more")
    return tuple(_short(visible(text[: 4 * LONGEST_REASON])) for text in told)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"
