"""Judging when the clock is set back: a trigger must neither sleep until the old time comes again, nor forget that it fired."""

from slo_daemon.core.pilot.criteria.hold import Hold, held
from slo_daemon.core.pilot.criteria.watch import Watching, WatchState, watch
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.slo.window import Slot

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
NOON, EVERY, HOUR = 1_800_000_000.0, 60.0, 3_600.0


def watched(truths: list[Truth], state: WatchState | None = None, start: float = NOON) -> WatchState:
    for number, truth in enumerate(truths):
        state = watch(state, truth, Slot(start + EVERY * number, EVERY))
    assert state is not None
    return state


def clock_of(truths: list[Truth], hold: Hold | None = None, start: float = NOON) -> Hold:
    for number, truth in enumerate(truths):
        hold = held(hold, truth, Slot(start + EVERY * number, EVERY))
    assert hold is not None
    return hold


def test_a_trigger_fires_and_is_latched_after_the_clock_was_set_back() -> None:
    state = watched([T, F], watched([F] * 5), start=NOON - HOUR)
    assert state.watching is Watching.FIRED
    assert state.fired == NOON - HOUR


def test_a_trigger_that_cannot_see_after_the_clock_was_set_back_is_not_quiet_and_gets_blind() -> None:
    state = watched([U], watched([F] * 5), start=NOON - HOUR)
    assert state.watching is Watching.UNSEEING
    assert watched([U] * 17, watched([F] * 5), start=NOON - HOUR).watching is Watching.BLIND


def test_what_has_fired_stays_fired_when_the_clock_is_set_back_and_clears_by_what_is_seen_then() -> None:
    fired = watched([F, T])
    assert watched([F], fired, start=NOON - HOUR).watching is Watching.FIRED
    assert watched([F] * 4, fired, start=NOON - HOUR).watching is Watching.FIRED
    cleared = watched([F] * 7, fired, start=NOON - HOUR)
    assert cleared.watching is Watching.QUIET


def test_no_time_that_a_trigger_remembers_lies_in_the_future() -> None:
    state = watched([U], watched([F, T]), start=NOON - HOUR)
    assert max(state.since, state.at, state.seen, state.fired or 0.0) <= NOON - HOUR


def test_a_condition_that_is_true_again_for_long_enough_counts_after_the_clock_was_set_back() -> None:
    """Else a trigger `for 5m` would read as false until the old time comes again."""
    hold = clock_of([T] * 6, clock_of([F] * 5), start=NOON - HOUR)
    assert hold.seconds == 300.0


def test_what_was_held_before_the_clock_was_set_back_is_no_time_that_something_was_held() -> None:
    """Else a criterion `for 1h` would be met at once, whatever came between."""
    before = clock_of([T] * 61)
    assert before.seconds == HOUR
    hold = clock_of([F, T], before, start=NOON - 5 * HOUR)
    assert (hold.truth, hold.seconds) == (T, 0.0)
    assert clock_of([T], before, start=NOON - 5 * HOUR).seconds == 0.0


def test_a_slot_shortly_before_the_last_one_counts_for_nothing() -> None:
    state, hold = watched([F, F]), clock_of([T, T])
    assert watched([U], state, start=NOON) == state
    assert clock_of([F], hold, start=NOON) == hold
