"""What the daemon remembers of an SLO between slots, and the TABLE of what may happen to its level.

The rules, in words. A level is raised after enough consecutive looks that prove it, and lowered only after enough
consecutive looks that exclude it, with a margin. A slot that could not look never lowers a level and touches no timer;
if it goes on, the level rises as if everything unseen had failed. When the whole source is down, levels are held: that
is one fault, told once.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from slo_daemon.core.slo.evaluation import Evaluation, Evidence
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.slo import Slo

LEAST_CLEAR_SLOTS = 2
LEAST_MISSING_SLOTS = 2


class Signal(StrEnum):
    """What the timers say after a slot."""

    CRITICAL_PROVEN = "critical_proven"
    WARNING_PROVEN = "warning_proven"
    WARNING_REMAINS = "warning_remains"
    ALL_CLEAR = "all_clear"
    MISSING_LONG = "missing_long"
    MISSING = "missing"
    NOTHING = "nothing"


class TransitionReason(StrEnum):
    """Why a level changed."""

    THRESHOLD = "threshold"
    BURN_RATE = "burn_rate"
    IMPROVED = "improved"
    RECOVERED = "recovered"
    MISSING_DATA = "missing_data"
    REMOVED = "removed"


_NONE, _WARNING, _CRITICAL = Level.NONE, Level.WARNING, Level.CRITICAL

TABLE: dict[tuple[Level, Signal], tuple[Level, TransitionReason]] = {
    (_NONE, Signal.WARNING_PROVEN): (_WARNING, TransitionReason.THRESHOLD),
    (_NONE, Signal.CRITICAL_PROVEN): (_CRITICAL, TransitionReason.THRESHOLD),
    (_NONE, Signal.MISSING): (_WARNING, TransitionReason.MISSING_DATA),
    (_NONE, Signal.MISSING_LONG): (_CRITICAL, TransitionReason.MISSING_DATA),
    (_WARNING, Signal.CRITICAL_PROVEN): (_CRITICAL, TransitionReason.THRESHOLD),
    (_WARNING, Signal.MISSING_LONG): (_CRITICAL, TransitionReason.MISSING_DATA),
    (_WARNING, Signal.ALL_CLEAR): (_NONE, TransitionReason.RECOVERED),
    (_CRITICAL, Signal.WARNING_REMAINS): (_WARNING, TransitionReason.IMPROVED),
    (_CRITICAL, Signal.ALL_CLEAR): (_NONE, TransitionReason.RECOVERED),
}  # every other pair holds the level


@dataclass(frozen=True, slots=True)
class SloState:
    """The memory of one SLO (or group). Times are slot times in Unix seconds; runs count consecutive looks.

    `clear_to` is the worst level seen during the clear run. `missing_seconds` is the time that slots could not see;
    time in which the daemon did not run is not in it. `sequence` numbers the transitions. `last_slot` never goes back,
    also when the clock does: a store keeps the newest state.
    """

    slo_id: str
    level: Level = Level.NONE
    since: float = 0.0
    reason: TransitionReason | None = None
    data_state: DataState = DataState.UNKNOWN
    last_slot: float | None = None
    last_good_slot: float | None = None
    warning_run: int = 0
    critical_run: int = 0
    clear_run: int = 0
    clear_to: Level = Level.NONE
    missing_seconds: float = 0.0
    missing_slots: int = 0
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Transition:
    """A recorded change of level, with its named reason. (`slo_id`, `sequence`) is unique."""

    slo_id: str
    sequence: int
    slot: float
    before: Level
    after: Level
    reason: TransitionReason
    detail: str
    value: float | None = None


def advance(state: SloState, evaluation: Evaluation, *, source_down: bool) -> SloState:
    """The timers after one more slot; the level is not touched here."""
    slot = evaluation.slot
    last_slot = max(slot.time, state.last_slot or slot.time)
    state = replace(state, last_slot=last_slot, data_state=evaluation.data_state)
    seen = evaluation.evidence
    if seen is not None:
        good = evaluation.data_state is DataState.OK
        clear_run, clear_to = _clear_run(state, seen)
        return replace(
            state,
            last_good_slot=slot.time if good else state.last_good_slot,
            warning_run=_run(state.warning_run, seen, Level.WARNING),
            critical_run=_run(state.critical_run, seen, Level.CRITICAL),
            clear_run=clear_run,
            clear_to=clear_to,
            missing_seconds=0.0,
            missing_slots=0,
        )
    if evaluation.data_state is DataState.NO_TRAFFIC:
        return replace(state, last_good_slot=slot.time, missing_seconds=0.0, missing_slots=0)
    if source_down:
        return state
    return replace(
        state, missing_seconds=state.missing_seconds + slot.interval, missing_slots=state.missing_slots + 1
    )


def signal(state: SloState, evaluation: Evaluation) -> Signal:
    """What the timers of an advanced state come to. A timer speaks only in a slot that has moved it."""
    slo, slot, seen = evaluation.instance.slo, evaluation.slot, evaluation.evidence
    if state.missing_slots:
        return _missing_signal(state, slo)
    if seen is None:
        return Signal.NOTHING
    to_raise = slot.slots_in(slo.alerting.raise_for)
    if seen.proven >= Level.CRITICAL and state.critical_run >= to_raise:
        return Signal.CRITICAL_PROVEN
    to_clear = max(LEAST_CLEAR_SLOTS, slot.slots_in(slo.alerting.clear_for))
    if seen.clear < state.level and state.clear_run >= to_clear:
        return Signal.WARNING_REMAINS if state.clear_to is Level.WARNING else Signal.ALL_CLEAR
    if seen.proven >= Level.WARNING and state.warning_run >= to_raise:
        return Signal.WARNING_PROVEN
    return Signal.NOTHING


def _run(run: int, seen: Evidence, level: Level) -> int:
    """One look more for `level`; back to zero only by a look that excludes it."""
    if seen.proven >= level:
        return run + 1
    return run if seen.possible >= level else 0


def _clear_run(state: SloState, seen: Evidence) -> tuple[int, Level]:
    """The clear run and the worst level in it, after a look. One that cannot tell neither counts nor undoes others."""
    if seen.clear < state.level:
        return state.clear_run + 1, max(seen.clear, state.clear_to)
    if seen.proven < state.level <= seen.possible:
        return state.clear_run, state.clear_to
    return 0, Level.NONE


def _missing_signal(state: SloState, slo: Slo) -> Signal:
    warning_after, critical_after = slo.missing_data_limits()
    if not slo.missing_data.escalate or state.missing_slots < LEAST_MISSING_SLOTS:
        return Signal.NOTHING  # one lost answer is no outage
    if state.missing_seconds >= critical_after:
        return Signal.MISSING_LONG
    return Signal.MISSING if state.missing_seconds >= warning_after else Signal.NOTHING


def diagram() -> str:
    """The TABLE as a Mermaid state diagram: the picture in the documents is this text."""
    lines = ["stateDiagram-v2", "    [*] --> none"]
    for (before, heard), (after, reason) in TABLE.items():
        lines.append(f"    {before.word} --> {after.word}: {heard} ({reason})")
    return "\n".join(lines)
