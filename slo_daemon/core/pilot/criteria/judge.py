"""Criterion and facts -> true, false or unknown, with the evidence that decides.

A comparison is true only if the whole interval in which the number surely lies satisfies it, and false only if none of it
does. Parts combine by Kleene's logic. All parts are judged in every slot, so that each keeps its clock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from math import inf, isfinite
from typing import assert_never

from slo_daemon.core.pilot.criteria.criterion import (
    DEFAULT_SIGNIFICANCE,
    All,
    Any,
    Compare,
    Criterion,
    Met,
    Not,
    Op,
)
from slo_daemon.core.pilot.criteria.evidence import Facts, Judgement, Known, MetFact, Unknown
from slo_daemon.core.pilot.criteria.hold import Hold, held
from slo_daemon.core.pilot.criteria.interval import decide
from slo_daemon.core.pilot.criteria.show import show, show_operand
from slo_daemon.core.pilot.truth import Truth, all_of, any_of, opposite
from slo_daemon.core.quantity import Dimension, Quantity, Unit, show_duration
from slo_daemon.core.slo.measurement import INCOMPLETE, NO_BUCKET_EDGE, TOO_FEW_EVENTS
from slo_daemon.core.slo.phrases import say_count, say_minute, say_value, with_unit
from slo_daemon.core.slo.window import Slot

Holds = Mapping[str, Hold]  # by the printed comparison
MOST_TOLD = 5  # parts in one sentence
_NOTHING = 1e-12  # what lies in a histogram's first bucket is more than 0, which is nothing to tell


class CriterionReason(StrEnum):
    """Why a criterion is what it is, where the evidence names no reason of its own."""

    HOLDS = "holds"
    FAILS = "fails"
    HELD_TOO_BRIEFLY = "held_too_briefly"
    UNDECIDED = "undecided"
    NOT_A_NUMBER = "not_a_number"
    UNIT_MISMATCH = "unit_mismatch"
    NOTHING_TO_MEET = "nothing_to_meet"


_SAMPLING = "sampling"  # the limit of an estimate; it names no fault of the data
_LIMITS = {
    NO_BUCKET_EDGE: "no bucket edge lies there",
    TOO_FEW_EVENTS: "too few events",
    INCOMPLETE: "not all of the window was seen",
}
_SAID = {
    Op.LESS: "less than",
    Op.AT_MOST: "at most",
    Op.MORE: "more than",
    Op.AT_LEAST: "at least",
    Op.EQUAL: "equal to",
    Op.DIFFERENT: "different from",
}
_OPPOSITE = {CriterionReason.HOLDS: CriterionReason.FAILS, CriterionReason.FAILS: CriterionReason.HOLDS}


def judge(criterion: Criterion, facts: Facts, slot: Slot, holds: Holds) -> tuple[Judgement, dict[str, Hold]]:
    """The judgement in a slot, and the clocks to hand in at the next one."""
    match criterion:
        case Compare():
            return _compare(criterion, facts, slot, holds)
        case Met():
            return _met(criterion, facts), {}
        case All(parts):
            return _together(parts, facts, slot, holds, all_of, Truth.FALSE)
        case Any(parts):
            return _together(parts, facts, slot, holds, any_of, Truth.TRUE)
        case Not(part):
            judgement, after = judge(part, facts, slot, holds)
            return _negated(judgement), after
        case _:
            assert_never(criterion)


def _compare(compare: Compare, facts: Facts, slot: Slot, holds: Holds) -> tuple[Judgement, dict[str, Hold]]:
    now = _now(compare, facts)
    if not compare.hold:
        return now, {}
    key = show(compare)
    hold = held(holds.get(key), now.truth, slot)
    return _over_time(compare, now, hold, slot), {key: hold}


def _now(compare: Compare, facts: Facts) -> Judgement:
    name, literal = show_operand(compare.operand), compare.literal
    evidence = facts.value(compare.operand, compare.significance or DEFAULT_SIGNIFICANCE)
    match evidence:
        case Unknown():
            return Judgement(
                Truth.UNKNOWN, evidence.reason, f"{name}: {evidence.detail}", evidence.value, evidence.interval,
                evidence.n, earliest=evidence.earliest, source=evidence.source,
            )  # fmt: skip
        case Known():
            pass
        case _:
            assert_never(evidence)
    low, high = (evidence.value, evidence.value) if compare.point else (evidence.low, evidence.high)
    comparable = _comparable(evidence.unit.dimension, literal.dimension)
    if not comparable or evidence.value != evidence.value or not evidence.low <= evidence.high:
        reason = CriterionReason.NOT_A_NUMBER if comparable else CriterionReason.UNIT_MISMATCH
        said = "is not a number" if comparable else f"cannot be compared with {literal}"
        return Judgement(Truth.UNKNOWN, reason, f"{name} {said}", n=evidence.n, source=evidence.source)
    truth = decide(compare.op, low, high, literal.base)
    return Judgement(
        truth,
        _reason(truth, evidence),
        _sentence(compare, evidence, truth),
        evidence.value,
        (evidence.low, evidence.high),
        evidence.n,
        _margin(compare.op, truth, low, high, evidence.value, literal.base),
        source=evidence.source,
    )


def _comparable(measured: Dimension, wanted: Dimension) -> bool:
    return measured is wanted or (measured is Dimension.RATING and wanted is Dimension.NUMBER)


def _reason(truth: Truth, evidence: Known) -> str:
    match truth:
        case Truth.TRUE:
            return CriterionReason.HOLDS
        case Truth.FALSE:
            return CriterionReason.FAILS
        case Truth.UNKNOWN:
            return CriterionReason.UNDECIDED if evidence.limit in ("", _SAMPLING) else evidence.limit


def _margin(op: Op, truth: Truth, low: float, high: float, value: float, number: float) -> float | None:
    """How far the bound that decides lies on the side where the comparison is true."""
    match op:
        case Op.LESS | Op.AT_MOST:
            margin = number - {Truth.TRUE: high, Truth.FALSE: low, Truth.UNKNOWN: value}[truth]
        case Op.MORE | Op.AT_LEAST:
            margin = {Truth.TRUE: low, Truth.FALSE: high, Truth.UNKNOWN: value}[truth] - number
        case Op.EQUAL:
            margin = -abs(value - number)
        case Op.DIFFERENT:
            margin = abs(value - number)
        case _:
            assert_never(op)
    return margin if isfinite(margin) else None


def _sentence(compare: Compare, evidence: Known, truth: Truth) -> str:
    literal, number = compare.literal, compare.literal.base
    unit = literal.unit if literal.dimension is evidence.unit.dimension else evidence.unit
    value = say_value(evidence.value, unit, [number])
    spread = _spread(evidence, unit, number)
    if evidence.value == inf and isfinite(evidence.low):  # beyond the last edge of a histogram's buckets
        value, spread = f"over {say_value(evidence.low, unit)}", ""
    votes = (
        f" from {evidence.n:,.0f} {evidence.noun}"
        if evidence.n is not None and evidence.low < evidence.high
        else ""
    )
    about = f"; {evidence.about}" if evidence.about else ""
    wanted = f"{_SAID[compare.op]} {_say_literal(literal, unit)}"
    said = f"{show_operand(compare.operand)} is {value}{votes}{spread}"
    match truth:
        case Truth.TRUE:
            return f"{said}{about}" if compare.op is Op.EQUAL else f"{said}, {wanted}{about}"
        case Truth.FALSE:
            return f"{said}, not {wanted.removeprefix(_SAID[Op.EQUAL]).lstrip()}{about}"
        case Truth.UNKNOWN:
            why = f": {_LIMITS[evidence.limit]}" if evidence.limit in _LIMITS else ""
            return f"{said}, so it cannot be told whether it is {wanted}{why}{about}"


def _say_literal(literal: Quantity, unit: Unit) -> str:
    return with_unit(format(literal.amount, "f"), unit)


def _spread(evidence: Known, unit: Unit, number: float) -> str:
    if evidence.low == evidence.high:
        return ""
    low, high = (say_value(bound, unit, [number]) for bound in (evidence.low, evidence.high))
    bounded = isfinite(evidence.low) and not 0.0 < evidence.low < _NOTHING
    if not isfinite(evidence.high):
        return f" (at least {low})" if bounded else ""
    return f" (between {low} and {high})" if bounded else f" (at most {high})"


def _over_time(compare: Compare, now: Judgement, hold: Hold, slot: Slot) -> Judgement:
    """What the comparison is over the time it must be true for. What is not known now is not known."""
    if now.truth is not Truth.TRUE:
        return now
    wanted = show_duration(compare.hold)
    if hold.seconds >= compare.hold:
        return replace(now, detail=f"{now.detail}; so for {wanted}")
    surely = hold.surely_shorter(compare.hold, slot.interval)
    truth = Truth.FALSE if surely else Truth.UNKNOWN
    known = "" if surely else "; what it was before is not known"
    return replace(
        now,
        truth=truth,
        reason=CriterionReason.HELD_TOO_BRIEFLY,
        detail=f"{now.detail}; so for {show_duration(hold.seconds)} of {wanted}{known}",
        earliest=hold.at + compare.hold - hold.seconds,
    )


def _negated(judgement: Judgement) -> Judgement:
    reason = (
        _OPPOSITE[CriterionReason(judgement.reason)] if judgement.reason in _OPPOSITE else judgement.reason
    )
    margin = None if judgement.margin is None else -judgement.margin
    return replace(judgement, truth=opposite(judgement.truth), reason=reason, margin=margin, earliest=None)


def _together(
    parts: Sequence[Criterion],
    facts: Facts,
    slot: Slot,
    holds: Holds,
    combine: Callable[[Sequence[Truth]], Truth],
    decisive: Truth,
) -> tuple[Judgement, dict[str, Hold]]:
    """`decisive`: the truth of a part that alone decides. The evidence is that of the first part which decides."""
    judgements: list[Judgement] = []
    after: dict[str, Hold] = {}
    for part in parts:
        judgement, clocks = judge(part, facts, slot, holds)
        judgements.append(judgement)
        after |= clocks
    truth = combine([judgement.truth for judgement in judgements])
    deciding = [judgement for judgement in judgements if judgement.truth is truth]
    waited = [judgement.earliest for judgement in judgements if judgement.truth is not Truth.TRUE]
    result = replace(
        deciding[0],
        detail=_listed([judgement.detail for judgement in deciding]),
        earliest=_earliest(waited, every=decisive is Truth.FALSE) if truth is not Truth.TRUE else None,
    )
    return result, after


def _earliest(times: Sequence[float | None], *, every: bool) -> float | None:
    """When all of them, or the first of them, could be true; None where that is not known."""
    known = [time for time in times if time is not None]
    if every:
        return max(known) if known and len(known) == len(times) else None
    return min(known, default=None)


def _met(met: Met, facts: Facts) -> Judgement:
    found = facts.met(met)
    if not found:
        detail = "there is nothing that could be met"
        return Judgement(Truth.UNKNOWN, CriterionReason.NOTHING_TO_MEET, detail, n=0)
    truth = (all_of if met.every else any_of)(fact.truth for fact in found)
    deciding = next(fact for fact in found if fact.truth is truth)
    waited = [fact.earliest for fact in found if fact.truth is not Truth.TRUE]
    earliest = None if truth is Truth.TRUE else _earliest(waited, every=met.every)
    return Judgement(
        truth,
        CriterionReason.HOLDS if truth is Truth.TRUE else deciding.reason,
        _say_met(met, found, truth, earliest),
        value=sum(fact.truth is Truth.TRUE for fact in found),
        n=len(found),
        earliest=earliest,
        source=deciding.source,
    )


def _say_met(met: Met, found: Sequence[MetFact], truth: Truth, earliest: float | None) -> str:
    by_truth = {t: _by_detail(f for f in found if f.truth is t) for t in Truth}
    good = sum(fact.truth is Truth.TRUE for fact in found)
    time = f" for {show_duration(met.duration)}" if met.duration else ""
    when = "" if earliest is None else f", earliest pass on {say_minute(earliest)} UTC"
    said = [f"{good} of {say_count(len(found), 'objective')} met{time}{when}"]
    if len(found) == 1:
        said.append(_listed([f"{f.name}: {f.detail}" for f in found]))
    elif truth is not Truth.TRUE:
        for word, state in (("not met", Truth.FALSE), ("cannot be told for", Truth.UNKNOWN)):
            if by_truth[state]:
                said.append(
                    f"{word}: {_listed(by_truth[state])}"
                    if state is Truth.FALSE
                    else f"{word} {_listed(by_truth[state])}"
                )
    return "; ".join(said)


def _by_detail(facts: Iterable[MetFact]) -> list[str]:
    """`name, name (detail)`: what is the same of several is told once."""
    names: dict[str, list[str]] = {}
    for fact in facts:
        names.setdefault(fact.detail, []).append(fact.name)
    return [f"{', '.join(own)} ({detail})" for detail, own in names.items()]


def _listed(details: Sequence[str]) -> str:
    told = list(dict.fromkeys(details))
    more = f" and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    return "; ".join(told[:MOST_TOLD]) + more
