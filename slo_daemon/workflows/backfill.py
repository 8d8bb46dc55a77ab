"""Backfill: ask for the chunks that are missing. What is newest and most needed comes first; slots never wait for it.

Missing are the cells of slots that were missed, each hour once it is over and has settled, and the past of SLOs that are
new here. All of it is one rule: what the windows reach and was not asked yet is asked.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic

import structlog

from slo_daemon.core.slo.book import Entry
from slo_daemon.core.slo.chunks import CELL, HOUR, SETTLE, SHORT_CELLS, floor
from slo_daemon.core.slo.feed import Feed
from slo_daemon.core.slo.query import FailReason
from slo_daemon.ports import Clock, SourceError, Telemetry
from slo_daemon.workflows.ask import Asker
from slo_daemon.workflows.history import History

log = structlog.get_logger(__name__)
DAY_HOURS, WEEK_HOURS = 24, 168  # of one question about the past
FEW_COLUMNS = 100  # up to which a question may be about a week
SHARE = 0.3  # of the time that asking may take while slots are evaluated as well
BUSY_PAUSE = 0.1  # seconds between looks whether the slot under way is done
LOOK_EVERY = 5.0  # seconds between looks for what is missing
_PAUSE_AFTER_FAILURE, _LONGEST_PAUSE = 5.0, 300.0  # seconds
_TOO_MUCH = frozenset({FailReason.TOO_LARGE, FailReason.EXECUTION, FailReason.TIMEOUT})
SLICES = " for slices"
_RECENT = SHORT_CELLS  # seconds for which missing cells are asked; older ones are in the hours


@dataclass(frozen=True, slots=True)
class Progress:
    """How many chunks of asks are wanted, and how many of them are there."""

    wanted: int
    there: int

    @property
    def missing(self) -> int:
        """What is still to be asked."""
        return self.wanted - self.there


@dataclass(frozen=True, slots=True)
class Work:
    """One question: a query over some chunks of one span, oldest first; or the cells behind the slices of some SLOs."""

    feeds: tuple[Feed, ...]
    span: int
    times: Sequence[int]
    slices: tuple[Entry, ...] = ()


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
        self._busy = busy
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="backfill", daemon=True)
        self._history = history
        self._clock = clock
        self._telemetry = telemetry
        self._most: dict[str, int] = {}  # by query, how many hours at once, where a whole day was too much
        self._refused: set[str] = set()  # queries that can never be answered
        self._version = -1
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

    def _run(self) -> None:
        pause, wait = _PAUSE_AFTER_FAILURE, 0.0
        while not self._stopping.wait(wait):
            if self._busy():
                wait = BUSY_PAUSE
                continue
            started = monotonic()
            try:
                worked = self.once(self._clock.now())
            except SourceError as error:
                log.info("backfill_waits", reason=error.reason, detail=error.detail, seconds=pause)
                wait, pause = pause, min(2.0 * pause, _LONGEST_PAUSE)
                continue
            except Exception:  # a bug here must not end what fills every window
                log.exception("backfill_crashed")
                wait, pause = pause, min(2.0 * pause, _LONGEST_PAUSE)
                continue
            pause = _PAUSE_AFTER_FAILURE
            wait = (monotonic() - started) * (1.0 / SHARE - 1.0) if worked else LOOK_EVERY

    def fill(self, at: float, shown: Callable[[Progress], object] = lambda _: None) -> None:
        """Ask for all that windows at `at` need, newest first. Raises SourceError."""
        shown(self.progress(at))
        while self.once(at):
            shown(self.progress(at))

    def fill_phase(self, at: float, span: int) -> None:
        """Slots every 5 minutes before `at`, as they would have been: so a first slot has exact windows."""
        count = span // CELL
        times = [at - CELL * back for back in range(count - 1, -1, -1)]
        for feed in self._history.feeds:
            if feed.query.promql not in self._refused:
                self._history.take_ticks(feed, self._asker.ask_range(feed.query.promql, times).rows, times)

    def once(self, at: float) -> bool:
        """Ask for the most needed piece. False: nothing is missing. Raises SourceError when the source cannot be asked."""
        if self._version != self._history.version:
            self._version = self._history.version
            self._most.clear()
            self._refused.clear()
        self._history.close_slices(self._closed(at)[:3])
        work = next(self._missing(at), None)
        self.idle = work is None
        if work is None or work.span == HOUR or work.slices:
            self.caught_up.set()
        self._telemetry.backfill_missing(self.progress(at).missing)
        if work is None:
            return False
        try:
            self._do(work)
        except SourceError as error:
            self._learn(work, error)
        return True

    @property
    def refused(self) -> tuple[str, ...]:
        """The queries that can never be answered as they are."""
        return tuple(sorted(self._refused))

    def progress(self, at: float) -> Progress:
        """How much of the closed hours that windows at `at` reach is there."""
        return Progress(*self._history.progress(self._closed(at)))

    def _closed(self, at: float) -> list[int]:
        """The ends of the settled hours that any window reaches, newest first."""
        last = floor(at - SETTLE, HOUR)
        return [last - HOUR * back for back in range(self._history.reach.hours // HOUR)]

    def _missing(self, at: float) -> Iterator[Work]:
        """What is to be asked, most needed first."""
        last = floor(at, CELL)
        recent = list(range(last, last - _RECENT, -CELL))
        closed = self._closed(at)
        for span, times in ((CELL, recent), (HOUR, closed[:1])):
            for feed in self._askable():
                lacking = self._history.unasked(span, times, feed.keys)
                if lacking:
                    yield Work((feed,), span, range(lacking[-1], lacking[0] + span, span))
        yield from self._past(closed)

    def _past(self, closed: Sequence[int]) -> Iterator[Work]:
        """Hours of the past, and slices of it, newest first over all of them."""
        works = []
        for feed in self._askable():
            lacking = self._history.unasked(HOUR, closed, feed.keys)
            if lacking:
                works.append(Work((feed,), HOUR, self._piece(feed.query.promql, len(feed.columns), lacking)))
        for entry in self._history.sliced:
            lacking = self._history.unasked(HOUR, closed, [entry.slices])
            feeds = tuple(feed for feed in self._history.feeds if set(entry.keys.values()) & set(feed.keys))
            if lacking and not self._refused & {feed.query.promql for feed in feeds}:
                hours = self._piece(feeds[0].query.promql + SLICES, len(feeds[0].columns), lacking)
                cells = range(hours[0] - HOUR + CELL, hours[-1] + CELL, CELL)
                works.append(Work(feeds, CELL, cells, (entry,)))
        yield from sorted(works, key=lambda work: -work.times[-1])

    def _piece(self, name: str, columns: int, lacking: Sequence[int]) -> range:
        """The newest of the missing hours, as many as one question may have."""
        most = self._most.get(name, WEEK_HOURS if columns <= FEW_COLUMNS else DAY_HOURS)
        oldest = next(hour for hour in reversed(lacking[:most]) if hour > lacking[0] - most * HOUR)
        return range(oldest, lacking[0] + HOUR, HOUR)

    def _askable(self) -> Iterator[Feed]:
        return (feed for feed in self._history.feeds if feed.query.promql not in self._refused)

    def _do(self, work: Work) -> None:
        if work.slices:
            answers = [
                (feed, self._asker.ask_range(feed.query.promql, work.times).rows) for feed in work.feeds
            ]
            self._history.take_slices(answers, work.times, work.slices)
            return
        feed = work.feeds[0]
        rows = self._asker.ask_range(feed.query.promql_over(work.span), work.times).rows
        if work.span == CELL:
            self._history.take_cells(feed, rows, work.times)
        else:
            self._history.take_hours(feed, rows, work.times)

    def _learn(self, work: Work, error: SourceError) -> None:
        """Ask for less where it was too much; give up what can never be answered. Raises what is the source's fault."""
        name = work.feeds[0].query.promql + (SLICES if work.slices else "")
        hours = len(work.times) if work.span == HOUR else len(work.times) * CELL // HOUR
        if error.reason in _TOO_MUCH and hours > 1:
            self._most[name] = hours // 2
            log.info(
                "backfill_asks_for_less",
                reason=error.reason,
                hours=hours // 2,
                promql=work.feeds[0].query.promql,
            )
        elif error.permanent:
            self._refused.update(feed.query.promql for feed in work.feeds)
            log.warning(
                "backfill_refused",
                reason=error.reason,
                detail=error.detail,
                promql=work.feeds[0].query.promql,
            )
        else:
            raise error
