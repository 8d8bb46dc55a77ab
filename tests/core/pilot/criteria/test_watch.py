"""A trigger across slots: it stays fired until it was seen false for long enough, and is never quiet while it cannot see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.pilot.criteria.watch import BLIND_FOR, CLEAR_FOR, Watching, WatchState, watch
from slo_daemon.core.pilot.truth import Truth
from tests.core.pilot.criteria.strategies import slot

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
LETTERS = {"t": T, "f": F, "u": U}
SHOWN = {Watching.FIRED: "F", Watching.QUIET: "q", Watching.UNSEEING: "u", Watching.BLIND: "B"}


def run(truths: str, clear_for: float = 120.0, blind_for: float = 90.0) -> str:
    """What a trigger shows in each slot, 30 s apart; a dot is a slot that does not happen."""
    state, shown = None, ""
    for number, letter in enumerate(truths):
        if letter == ".":
            shown += "."
            continue
        state = watch(state, LETTERS[letter], slot(number), clear_for=clear_for, blind_for=blind_for)
        shown += SHOWN[state.watching]
    return shown


@pytest.mark.parametrize(
    ("truths", "shown"),
    [
        ("fftf", "qqFF"),
        ("tfffff", "FFFFFq"),  # false for 2 minutes
        ("tffftfffff", "FFFFFFFFFq"),  # true starts it anew
        ("tfffuff", "FFFFFFF"),
        ("tfffufff", "FFFFFFFq"),  # unknown neither clears nor starts anew; its time does not count
        ("tuuuuuu", "FFFFFFF"),  # a fired trigger that cannot see stays fired
        ("tf....f", "FF....F"),  # what was not evaluated was not seen false
        ("uuuu", "uuuB"),  # nothing known for 90 s
        ("fuuu", "quuB"),
        ("fuufuuu", "quuquuB"),
        ("f...u", "q...B"),  # it could not see while nothing was evaluated either
        ("fuuuf", "quuBq"),
        ("fuuut", "quuBF"),
    ],
)
def test_what_a_trigger_shows(truths: str, shown: str) -> None:
    assert run(truths) == shown


def test_it_clears_at_once_where_that_is_wanted() -> None:
    assert run("tf", clear_for=0.0) == "Fq"


def test_the_times_are_kept() -> None:
    state: WatchState | None = None
    for number, letter in enumerate("ffttuuf"):
        state = watch(state, LETTERS[letter], slot(number))
    assert state == WatchState(F, since=slot(6).time, at=slot(6).time, seen=slot(6).time, fired=slot(2).time)
    assert (CLEAR_FOR, BLIND_FOR) == (300.0, 900.0)


def test_a_fired_trigger_can_be_blind_too() -> None:
    state = watch(None, T, slot(0))
    state = watch(state, U, slot(30))
    assert (state.watching, state.blind) == (Watching.FIRED, True)


STEPS = st.lists(st.tuples(st.sampled_from(Truth), st.integers(1, 60)), min_size=1, max_size=15)


@given(STEPS)
def test_a_trigger_that_cannot_see_is_never_quiet(steps: list[tuple[Truth, int]]) -> None:
    state: WatchState | None = None
    number = 0
    for truth, step in steps:
        number += step
        state = watch(state, truth, slot(number))
        assert (state.watching is Watching.QUIET) <= (truth is F)
        assert (truth is T) <= (state.watching is Watching.FIRED)
        if truth is U and state.fired is None and state.at - state.seen >= BLIND_FOR:
            assert state.watching is Watching.BLIND


@given(STEPS, st.data())
def test_a_slot_watched_twice_counts_once(steps: list[tuple[Truth, int]], data: st.DataObject) -> None:
    once: WatchState | None = None
    twice: WatchState | None = None
    number = 0
    for truth, step in steps:
        number += step
        once = watch(once, truth, slot(number))
        for _ in range(data.draw(st.integers(1, 3))):
            twice = watch(twice, truth, slot(number))
        assert watch(twice, data.draw(st.sampled_from(Truth)), slot(number - 1)) == twice
    assert once == twice
