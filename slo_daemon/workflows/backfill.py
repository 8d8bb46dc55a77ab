"""Backfill: ask for the chunks that are missing. What is newest and most needed comes first; slots never wait for it.

Missing are the cells of slots that were missed, each hour once it is over and has settled, and the past of SLOs that are
new here. All of it is one rule: what the windows reach and was not asked yet is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic

import structlog

from slo_daemon.core.slo.chunks import CELL, HOUR, floor
from slo_daemon.core.slo.query import FailReason
from slo_daemon.ports import Clock, SourceError, Telemetry
from slo_daemon.workflows.aside import Aside
from slo_daemon.workflows.ask import Asker
from slo_daemon.workflows.history import History
from slo_daemon.workflows.look import LARGEST_SKEW
from slo_daemon.workflows.missing import Missing, Work

log = structlog.get_logger(__name__)
SHARE = 0.3  # of the time that asking may take while slots are evaluated as well
BUSY_PAUSE = 0.1  # seconds between looks whether the slot under way is done
LOOK_EVERY = 5.0  # seconds between looks for what is missing
_PAUSE_AFTER_FAILURE, _LONGEST_PAUSE = 5.0, 300.0  # seconds
_SOURCES_FAULT = frozenset(  # asking something else would fail as well
    {
        FailReason.CONNECT,
        FailReason.TLS,
        FailReason.AUTH,
        FailReason.THROTTLED,
        FailReason.NOT_READY,
        FailReason.REDIRECT,
        FailReason.CLOCK_SKEW,
    }
)
_TOO_MUCH = frozenset({FailReason.TOO_LARGE, FailReason.EXECUTION, FailReason.TIMEOUT})
_STORED = "stored chunks"


@dataclass(frozen=True, slots=True)
class Progress:
    """How many chunks of asks are wanted, and how many of them are there."""

    wanted: int
    there: int

    @property
    def missing(self) -> int:
        """What is still to be asked."""
        return self.wanted - self.there


class Backfiller:
    """Finds what is missing at a time and asks for it, a piece at a time.

    `start` does so for as long as the daemon runs; `fill` all at once. `busy`: whether a slot is being evaluated.
    """

    def __init__(
        self,
        asker: Asker,
        history: History,
        clock: Clock,
        telemetry: Telemetry,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._asker = asker
        self._history = history
        self._clock = clock
        self._telemetry = telemetry
        self._busy = busy
        self._most: dict[str, int] = {}  # by name of work: how many chunks at once, where more were too much
        self._aside = Aside()
        self._missing = Missing(history, self._aside, self._most)
        self._version = -1
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="backfill", daemon=True)
        self.idle = False  # whether nothing was missing at the last look
        self.caught_up = Event()  # set once the cells of the last hours are there, or cannot be had

    def start(self) -> None:
        """Begin to ask for what is missing: not while a slot is evaluated, and not more than a share of the time."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Ask nothing more; waits up to `timeout` seconds for what is under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def fill(self, at: float, shown: Callable[[Progress], object] = lambda _: None) -> None:
        """Ask for all that windows at `at` need, newest first. Raises SourceError."""
        shown(self.progress(at))
        while self.once(at):
            shown(self.progress(at))

    def fill_phase(self, at: float, span: int) -> None:
        """Slots every 5 minutes before `at`, as they would have been: so a first slot has exact windows.

        Raises SourceError.
        """
        times = [at - CELL * back for back in range(span // CELL - 1, -1, -1)]
        for feed in self._history.feeds:
            try:
                rows = self._asker.ask_range(feed.promql, times).rows
            except SourceError as error:
                if error.reason in _SOURCES_FAULT:
                    raise
                continue  # the slot itself will say what is wrong with it
            self._history.take_ticks(feed, rows, times)

    def once(self, at: float, check: Callable[[], object] = lambda: None) -> bool:
        """Ask for the most needed piece. False: nothing is missing that can be had now.

        `check` is called before anything is asked. Raises SourceError when the source cannot be asked.
        """
        if self._version != self._history.version:
            self._version = self._history.version
            self._most.clear()
            self._aside.forget()
        if not self._aside.holds(_STORED) and not self._history.load_rest(at):
            self._aside.put(_STORED)
        self._history.close_slices(floor(at, CELL), self._missing.closed(at)[:3])
        work = self._missing.next(at)
        self.idle = work is None
        if work is None or not work.recent:
            self.caught_up.set()
        self._telemetry.backfill_missing(self.progress(at).missing)
        if work is None:
            return False
        check()
        try:
            self._do(work)
        except SourceError as error:
            self._learn(work, error)
        except Exception:  # a bug with one question must not keep the others from being asked
            self._put_aside(work.name, FailReason.INTERNAL, "slo-daemon itself failed here, please report it")
            log.exception("backfill_crashed", what=work.name)
        self._missing.asked(work, at)
        return True

    @property
    def refused(self) -> tuple[str, ...]:
        """What could not be had, though the source answers other questions: queries, and questions of SLOs."""
        return self._aside.names

    def progress(self, at: float) -> Progress:
        """How much of the closed hours that windows at `at` reach is there."""
        return Progress(*self._history.progress(self._missing.closed(at)))

    def _run(self) -> None:
        pause, wait = _PAUSE_AFTER_FAILURE, 0.0
        while not self._stopping.wait(wait):
            if self._busy():
                wait = BUSY_PAUSE
                continue
            started = monotonic()
            try:
                worked = self.once(self._clock.now(), self.check_clock)
            except SourceError as error:
                log.info("backfill_waits", reason=error.reason, detail=error.detail, seconds=pause)
                self.caught_up.set()  # slots must not wait for what cannot be had
                wait, pause = pause, min(2.0 * pause, _LONGEST_PAUSE)
                continue
            except Exception:  # a bug here must not end what fills every window
                log.exception("backfill_crashed")
                wait, pause = pause, min(2.0 * pause, _LONGEST_PAUSE)
                continue
            pause = _PAUSE_AFTER_FAILURE
            wait = (monotonic() - started) * (1.0 / SHARE - 1.0) if worked else LOOK_EVERY

    def check_clock(self) -> None:
        """By a clock that is ahead, hours of the future would be asked, and their emptiness kept. Raises SourceError."""
        skew = self._asker.server_time() - self._clock.now()
        if abs(skew) > LARGEST_SKEW:
            raise SourceError(FailReason.CLOCK_SKEW, f"the source's clock and ours differ by {skew:.1f} s")

    def _do(self, work: Work) -> None:
        if work.slices:
            answers = [(feed, self._asker.ask_range(feed.promql, work.times).rows) for feed in work.feeds]
            failed = self._history.take_slices(answers, work.times, work.slices)
        else:
            feed = work.feeds[0]
            rows = self._asker.ask_range(feed.query.promql_over(work.span), work.times).rows
            take = self._history.take_cells if work.span == CELL else self._history.take_hours
            failed = take(feed, rows, work.times)
        for feed in work.feeds:
            for key in feed.keys:
                if key in failed:  # the same answer would come again and again
                    self._put_aside(key, failed[key].reason, failed[key].detail)
                else:
                    self._aside.release(key)
        self._aside.release(work.name)

    def _learn(self, work: Work, error: SourceError) -> None:
        """Ask for less where it was too much; leave the rest for later. Raises what is the source's fault."""
        if error.reason in _SOURCES_FAULT or self._asker.stopping:
            raise error
        size = len(work.times) * CELL // HOUR if work.slices else len(work.times)
        if error.reason in _TOO_MUCH and size > 1:
            self._most[work.name] = size // 2
            log.info("backfill_asks_for_less", reason=error.reason, chunks=size // 2, what=work.name)
        else:
            self._put_aside(work.name, error.reason, error.detail)

    def _put_aside(self, name: str, reason: FailReason, detail: str) -> None:
        """For a while; told once."""
        if self._aside.put(name):
            log.warning("backfill_put_aside", reason=reason, detail=detail, what=name)
