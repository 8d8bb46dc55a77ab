"""The daemon as one pure function: `step(evaluation, previous state) -> Outcome`."""

from dataclasses import dataclass, replace

from slo_daemon.core.slo.evaluation import Evaluation, burning
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import say_edge
from slo_daemon.core.slo.state import TABLE, Signal, SloState, Transition, TransitionReason, advance, signal

REMOVED_FROM_SPECIFICATION = "the SLO was removed from the configuration"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one slot came to for one SLO: the evaluation, the new state, and the transition if there was one."""

    evaluation: Evaluation
    state: SloState
    transition: Transition | None


def step(evaluation: Evaluation, previous: SloState | None, *, source_down: bool = False) -> Outcome:
    """One slot for one SLO. `source_down`: nothing could be asked of the source at all in this slot.

    The last slot changes nothing when it comes again: it may be evaluated twice without harm. One long before it means
    that the clock was set back.
    """
    instance, slot = evaluation.instance, evaluation.slot
    state = previous or SloState(instance.id, since=slot.time)
    if state.last_slot is not None and slot.time <= state.last_slot:
        if state.last_slot - slot.time <= slot.interval:
            return Outcome(evaluation, state, None)
        state = replace(state, since=min(state.since, slot.time))
    state = advance(state, evaluation, source_down=source_down)
    heard = Signal.NOTHING if source_down else signal(state, evaluation)
    change = TABLE.get((state.level, heard))
    if change is None:
        return Outcome(evaluation, state, None)
    level, reason = change
    detail = evaluation.detail
    seen = evaluation.evidence
    if reason is TransitionReason.THRESHOLD and seen is not None and seen.burning >= level > seen.by_value:
        reason, detail = TransitionReason.BURN_RATE, burning(evaluation)
    elif reason is TransitionReason.THRESHOLD and level > state.level:
        detail = "; ".join(filter(None, (detail, say_edge(instance.slo.objective, level))))
    if reason is TransitionReason.MISSING_DATA:
        detail = f"no evidence for {state.missing_seconds:.0f} s ({evaluation.detail})"
    transition = Transition(
        state.slo_id, state.sequence + 1, slot.time, state.level, level, reason, detail, evaluation.value
    )
    state = replace(
        state,
        level=level,
        since=slot.time,
        reason=reason if level is not Level.NONE else None,
        sequence=transition.sequence,
        clear_run=0,
        clear_to=Level.NONE,
    )
    return Outcome(evaluation, state, transition)


def removal(state: SloState, slot_time: float, detail: str = REMOVED_FROM_SPECIFICATION) -> Transition:
    """The transition of an SLO that is not evaluated any more: what was told as firing is told as over."""
    return Transition(
        state.slo_id, state.sequence + 1, slot_time, state.level, Level.NONE, TransitionReason.REMOVED, detail
    )
