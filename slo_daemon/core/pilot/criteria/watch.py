"""The memory of a criterion across slots: since when it is what it is, and for triggers whether one has fired or is blind.

| the trigger was | true | false | unknown |
| --- | --- | --- | --- |
| not fired | fires | quiet | not seeing; blind once nothing was known for `blind_for` |
| fired | stays fired | clears once it was false for `clear_for` | stays fired; neither clears nor starts anew |

What stood false counts from evaluation to evaluation: time in which nothing was evaluated, or nothing known, counts for
nothing. A slot that is evaluated twice counts once, and one shortly before it not at all. One long before it means that the
clock was set back: what was fired stays fired, and all times begin anew.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.slo.window import Slot

CLEAR_FOR = 300.0  # seconds
BLIND_FOR = 900.0  # seconds
_ADJACENT = 1.5  # intervals: evaluations that lie further apart have a missing one between them


class Watching(StrEnum):
    """What a trigger shows. Only one that can see is quiet."""

    FIRED = "fired"
    QUIET = "quiet"
    UNSEEING = "unseeing"  # not known now, for a short time
    BLIND = "blind"  # not known for too long


@dataclass(frozen=True, slots=True)
class WatchState:
    """After the slot at `at` (Unix s): the truth, and since when it is that.

    `seen`: the last time at which the truth was known, or the first slot. `fired`: since when a trigger is fired, None
    while it is not. `clearing` (s): for how long a fired one has been false. `blind`: nothing was known for too long; a fired
    trigger can be blind too.
    """

    truth: Truth
    since: float
    at: float
    seen: float
    fired: float | None = None
    clearing: float = 0.0
    blind: bool = False

    @property
    def watching(self) -> Watching:
        """What the trigger shows: fired goes before all."""
        if self.fired is not None:
            return Watching.FIRED
        if self.blind:
            return Watching.BLIND
        return Watching.QUIET if self.truth is Truth.FALSE else Watching.UNSEEING


def watch(
    previous: WatchState | None,
    truth: Truth,
    slot: Slot,
    *,
    clear_for: float = CLEAR_FOR,
    blind_for: float = BLIND_FOR,
    seeing: bool = False,
) -> WatchState:
    """The memory after a slot in which the criterion was `truth`. Times in seconds.

    `seeing`: it is unknown, but not for want of sight: the estimate is there and cannot decide yet. That blinds nobody.
    """
    at = slot.time
    if previous is None:
        previous = WatchState(truth, at, at, at)
    if previous.at - at > slot.interval:
        previous = _set_back(previous, at)
    elif at < previous.at:
        return previous
    fired, clearing = _fired(previous, truth, slot, clear_for)
    seen = previous.seen if truth is Truth.UNKNOWN and not seeing else at
    return WatchState(
        truth=truth,
        since=previous.since if truth is previous.truth else at,
        at=at,
        seen=seen,
        fired=fired,
        clearing=clearing,
        blind=truth is Truth.UNKNOWN and at - seen >= blind_for,
    )


def _set_back(previous: WatchState, at: float) -> WatchState:
    """The same memory with no time in it that lies in the future."""
    fired = None if previous.fired is None else min(previous.fired, at)
    return replace(
        previous, since=min(previous.since, at), at=at, seen=min(previous.seen, at), fired=fired, clearing=0.0
    )


def _fired(previous: WatchState, truth: Truth, slot: Slot, clear_for: float) -> tuple[float | None, float]:
    """Since when the trigger is fired, and for how long it has been false since."""
    match truth:
        case Truth.TRUE:
            return (slot.time if previous.fired is None else previous.fired), 0.0
        case Truth.UNKNOWN:
            return previous.fired, previous.clearing
        case Truth.FALSE:
            elapsed = slot.time - previous.at
            counts = previous.truth is Truth.FALSE and elapsed <= _ADJACENT * slot.interval
            clearing = previous.clearing + (elapsed if counts else 0.0)
            if previous.fired is None or clearing >= clear_for:
                return None, 0.0
            return previous.fired, clearing
