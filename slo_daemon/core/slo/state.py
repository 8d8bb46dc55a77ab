"""What the daemon remembers of an SLO between slots, and the TABLE of what may happen to its level.

The rules, in words. A level is raised after enough consecutive looks that prove it, and lowered only after enough
consecutive looks that exclude it, with a margin. A slot that could not look never lowers a level and touches no timer;
if it goes on, the level rises as if everything unseen had failed. When the whole source is down, levels are held: that
is one fault, told once.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Slot

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
    time in which the daemon did not run is not in it. `sequence` numbers the transitions.
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
    state = replace(state, last_slot=slot.time, data_state=evaluation.data_state)
    seen = evaluation.evidence
    if seen is not None:
        clearing = seen.clear < state.level
        good = evaluation.data_state is DataState.OK
        return replace(
            state,
            last_good_slot=slot.time if good else state.last_good_slot,
            warning_run=_run(state.warning_run, seen.proven, seen.possible, Level.WARNING),
            critical_run=_run(state.critical_run, seen.proven, seen.possible, Level.CRITICAL),
            clear_run=state.clear_run + 1 if clearing else 0,
            clear_to=max(seen.clear, state.clear_to if state.clear_run else Level.NONE)
            if clearing
            else Level.NONE,
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


def signal(state: SloState, slo: Slo, slot: Slot) -> Signal:
    """What the timers of an advanced state come to."""
    policy = slo.alerting
    if state.missing_slots:
        return _missing_signal(state, slo)
    if state.critical_run >= slot.slots_in(policy.raise_for):
        return Signal.CRITICAL_PROVEN
    if state.warning_run >= slot.slots_in(policy.raise_for) and state.level < Level.WARNING:
        return Signal.WARNING_PROVEN
    if state.clear_run >= max(LEAST_CLEAR_SLOTS, slot.slots_in(policy.clear_for)):
        return Signal.WARNING_REMAINS if state.clear_to is Level.WARNING else Signal.ALL_CLEAR
    return Signal.NOTHING


def _run(run: int, proven: Level, possible: Level, level: Level) -> int:
    """One look more for `level`; back to zero only by a look that excludes it."""
    if proven >= level:
        return run + 1
    return run if possible >= level else 0


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
