"""APScheduler: aligned slots and periodic jobs that are counted when missed, and never burst.

One job per interval, coalesced: after a pause there is one run, not a backlog. A job is not told its scheduled time,
so it floors the clock itself. APScheduler sleeps by the wall clock; a guard notices when that jumps against the
monotonic one, and schedules anew.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from slo_daemon.core.slo.window import Slot, slot_at
from slo_daemon.ports import Clock, Telemetry

log = structlog.get_logger(__name__)
JUMP = 1.0  # seconds by which the wall clock may drift against the monotonic one between two looks
LOOK_EVERY = 1.0
_SLOTS = "slots"


class SlotCounter:
    """Which slots were due and which were missed, by the times at which slots really ran."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._last: float | None = None

    def due(self, now: float) -> tuple[Slot | None, int]:
        """(the slot to run now, how many were missed before it). None when this slot has run already.

        A clock that was set back begins a new count.
        """
        slot = slot_at(now, self._interval)
        if self._last is not None and self._last - self._interval <= slot.time <= self._last:
            return None, 0
        ahead = self._interval if self._last is None else slot.time - self._last
        missed = max(0, round(ahead / self._interval) - 1)
        self._last = slot.time
        return slot, missed


class Scheduler:
    """Runs jobs in few worker threads. `start` and `stop` once each."""

    def __init__(self, clock: Clock, telemetry: Telemetry) -> None:
        self._clock = clock
        self._telemetry = telemetry
        self._inner = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(6)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._inner.add_listener(self._heard, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._triggers: dict[str, float] = {}
        self._evaluated = self._missed = 0
        self._stopping = Event()
        self._guard = Thread(target=self._watch_clock, name="clock-guard", daemon=True)
        self._once = Lock()

    def add_slots(self, interval: float, run: Callable[[Slot], object]) -> None:
        """Call `run` at each multiple of `interval` (seconds) with its slot, one at a time."""
        counter = SlotCounter(interval)

        def tick() -> None:
            slot, missed = counter.due(self._clock.now())
            if slot is None:
                return
            self._evaluated, self._missed = self._evaluated + 1, self._missed + missed
            self._telemetry.slots(scheduled=1 + missed, missed=missed)
            if missed:
                log.warning("slots_missed", missed=missed, slot=slot.time)
            run(slot)

        self._add(_SLOTS, interval, tick)

    def add_periodic(self, name: str, interval: float, run: Callable[[], object]) -> None:
        """Call `run` every `interval` seconds, aligned to the clock, never twice at once."""
        self._add(name, interval, run)

    @property
    def counted(self) -> tuple[int, int]:
        """(slots run, slots missed) since the start."""
        return self._evaluated, self._missed

    def start(self) -> None:
        """Begin to run jobs; each job's first time is its next aligned one."""
        self._inner.start()
        self._guard.start()

    def stop(self) -> None:
        """No new runs; waits for those under way. May be called again."""
        with self._once:
            if self._stopping.is_set():
                return
            self._stopping.set()
        if self._inner.running:
            self._inner.shutdown(wait=True)

    def _add(self, name: str, interval: float, run: Callable[[], object]) -> None:
        self._triggers[name] = interval
        self._inner.add_job(run, self._aligned(interval), id=name, name=name)

    def _aligned(self, interval: float) -> IntervalTrigger:
        next_time = slot_at(self._clock.now(), interval).time + interval
        return IntervalTrigger(
            seconds=interval, start_date=datetime.fromtimestamp(next_time, UTC), timezone=UTC
        )

    def _watch_clock(self) -> None:
        offset = self._clock.now() - monotonic()
        while not self._stopping.wait(LOOK_EVERY):
            jump = self._clock.now() - monotonic() - offset
            if abs(jump) > JUMP:
                log.warning("clock_jumped", seconds=round(jump, 1))
                for name, interval in self._triggers.items():
                    self._inner.reschedule_job(name, trigger=self._aligned(interval))
                offset += jump

    def _heard(self, event: Any) -> None:
        if event.code == EVENT_JOB_ERROR:
            if event.job_id == _SLOTS:
                self._telemetry.slots(failed=1)
            log.error("job_crashed", job=event.job_id, error=repr(event.exception), traceback=event.traceback)
        else:
            log.warning("job_skipped", job=event.job_id, still_running=event.code == EVENT_JOB_MAX_INSTANCES)
