"""What fails is left alone for a while: twice as long each time, never for ever, and told once."""

import pytest

from slo_daemon.workflows import aside
from slo_daemon.workflows.aside import FIRST_PAUSE, LONGEST_PAUSE, Aside


class Time:
    now = 100.0


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(aside, "monotonic", lambda: time.now)
    return time


def test_the_pause_doubles_up_to_an_hour(time: Time) -> None:
    left = Aside()
    pause = FIRST_PAUSE
    for turn in range(9):
        assert left.put("x") is (turn == 0)
        time.now += pause - 1.0
        assert left.holds("x")
        time.now += 1.0
        assert not left.holds("x")
        pause = min(2.0 * pause, LONGEST_PAUSE)
    assert pause == LONGEST_PAUSE


def test_one_success_and_it_is_as_if_nothing_had_been(time: Time) -> None:
    left = Aside()
    left.put("x")
    left.put("y")
    left.release("x")
    assert (left.holds("x"), left.holds("y"), left.names) == (False, True, ("y",))
    assert left.put("x") is True
    time.now += FIRST_PAUSE
    assert not left.holds("x")


def test_what_never_failed_is_not_held_and_may_be_released() -> None:
    left = Aside()
    left.release("x")
    assert not left.holds("x")
    assert left.names == ()
