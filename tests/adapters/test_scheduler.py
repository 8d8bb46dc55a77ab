"""Aligned slots: each at most once, missed ones counted, never a burst."""

from collections.abc import Callable
from datetime import datetime, tzinfo
from threading import Event

import pytest

from slo_daemon.adapters.scheduler import Scheduler, SlotCounter
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.core.slo.window import Slot
from tests.telling import Told


def test_a_slot_is_aligned_and_runs_once() -> None:
    counter = SlotCounter(60)
    assert counter.due(1_000_000.0) == (Slot(999_960.0, 60), 0)
    assert counter.due(1_000_019.9) == (None, 0)
    assert counter.due(1_000_020.0) == (Slot(1_000_020.0, 60), 0)


def test_missed_slots_are_counted_and_not_made_up_for() -> None:
    counter = SlotCounter(60)
    counter.due(600.0)
    assert counter.due(600.0 + 10 * 60) == (Slot(1200.0, 60), 9)
    assert counter.due(1260.0) == (Slot(1260.0, 60), 0)


def test_a_clock_that_was_set_back_begins_anew() -> None:
    counter = SlotCounter(60)
    counter.due(7200.0)
    assert counter.due(7195.0) == (None, 0)
    assert counter.due(3600.0) == (Slot(3600.0, 60), 0)
    assert counter.due(3660.0) == (Slot(3660.0, 60), 0)


class SettableClock:
    """A clock that runs, but may be set; APScheduler reads the same one."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._inner = SystemClock()

    def now(self) -> float:
        return self._inner.now() + self.offset

    def as_datetime(self) -> type[datetime]:
        clock = self

        class Settable(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> "Settable":
                return cls.fromtimestamp(clock.now(), tz)

        return Settable


@pytest.fixture
def started() -> object:
    schedulers: list[Scheduler] = []

    def start(interval: float, run: Callable[[Slot], object], told: Told) -> Scheduler:
        scheduler = Scheduler(SystemClock(), told)
        scheduler.add_slots(interval, run)
        scheduler.start()
        schedulers.append(scheduler)
        return scheduler

    yield start
    for scheduler in schedulers:
        scheduler.stop()


def test_a_slow_slot_makes_the_next_ones_missed_but_no_two_run_at_once(
    started: Callable[..., Scheduler],
) -> None:
    told, seen, enough = Told(), [], Event()
    running = 0

    def run(slot: Slot) -> None:
        nonlocal running
        running += 1
        assert running == 1
        seen.append(slot.time)
        Event().wait(0.7 if len(seen) == 1 else 0.0)
        running -= 1
        if len(seen) >= 4:
            enough.set()

    started(0.2, run, told)
    assert enough.wait(10)
    assert seen == sorted(set(seen))
    assert all(abs(time / 0.2 - round(time / 0.2)) < 1e-6 for time in seen)
    assert told.total("missed") >= 2


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
def test_slots_go_on_when_the_clock_is_set(jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """APScheduler waits by the wall clock: set back by two hours, it would wait for two hours."""
    clock, told, seen, after = SettableClock(), Told(), [], Event()
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", clock.as_datetime())

    def run(slot: Slot) -> None:
        seen.append(slot.time)
        if len(seen) == 2:
            clock.offset = jump
        if seen[-1] - seen[0] > 7000 or seen[-1] < seen[0]:
            after.set()

    scheduler = Scheduler(clock, told)
    scheduler.add_slots(0.5, run)
    scheduler.start()
    try:
        assert after.wait(10)
    finally:
        scheduler.stop()
    assert told.total("missed") <= (14_400 if jump > 0 else 0)


def test_a_crashing_job_does_not_end_the_schedule(started: Callable[..., Scheduler]) -> None:
    runs, enough = [], Event()

    def run(slot: Slot) -> None:
        runs.append(slot)
        if len(runs) >= 3:
            enough.set()
        raise RuntimeError("a bug")

    told = Told()
    started(0.2, run, told)
    assert enough.wait(10)
    assert told.total("failed") >= 2  # the third is told when its run is over


def test_stopping_waits_for_the_slot_under_way(started: Callable[..., Scheduler]) -> None:
    begun, ended = Event(), []

    def run(slot: Slot) -> None:
        begun.set()
        Event().wait(0.5)
        ended.append(slot)

    scheduler = started(0.2, run, Told())
    assert begun.wait(10)
    scheduler.stop()
    assert len(ended) == 1
