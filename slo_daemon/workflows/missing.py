"""What is missing: the chunks that windows reach and that were not asked yet, most needed first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from slo_daemon.core.slo.book import Entry
from slo_daemon.core.slo.chunks import CELL, HOUR, LONG_CELLS, SETTLE, SHORT_CELLS, floor
from slo_daemon.core.slo.feed import Feed
from slo_daemon.workflows.aside import Aside
from slo_daemon.workflows.history import History

DAY_HOURS, WEEK_HOURS = 24, 168  # of one question about the past
FEW_COLUMNS = 100  # up to which a question may be about a week
_RECENT = SHORT_CELLS // CELL  # cells that slots wait for, and that one question asks for


@dataclass(frozen=True, slots=True)
class Work:
    """One question: a query over some chunks of one span, oldest first; or the cells behind the slices of some SLOs.

    `name`: what is put aside, or asked for less, when it fails.
    """

    name: str
    feeds: tuple[Feed, ...]
    span: int
    times: Sequence[int]
    slices: tuple[Entry, ...] = ()
    recent: bool = False  # whether slots wait for it: the cells of the last hours


class Missing:
    """Finds the next question. `most`: by name of work, how many chunks at once, where more were too much.

    Thousands of queries over hundreds of hours are looked through once for every hour that closes; after that only what
    was asked is looked at again.
    """

    def __init__(self, history: History, aside: Aside, most: Mapping[str, int]) -> None:
        self._history = history
        self._aside = aside
        self._most = most
        self._past: dict[str, Work] = {}
        self._past_of: tuple[int, int] | None = (
            None  # the last closed hour and the history's version it was made for
        )

    def next(self, at: float) -> Work | None:
        """The most needed question at a time; None when nothing is missing that can be had now."""
        last = floor(at, CELL)
        cells, closed = range(last, last - LONG_CELLS, -CELL), self.closed(at)
        return (
            self._first("cells of", CELL, cells[:_RECENT], recent=True)
            or self._first("hours of", HOUR, closed[:1])
            or self._next_past(closed)
            or self._first("older cells of", CELL, cells)  # windows of up to a day begin in one
        )

    def asked(self, work: Work, at: float) -> None:
        """A question was asked: look again at what is missing behind it."""
        if work.span == CELL and not work.slices:
            return
        closed = self.closed(at)
        again = (
            self._slices_of(work.slices[0], closed) if work.slices else self._hours_of(work.feeds[0], closed)
        )
        self._past.pop(work.name, None)
        if again is not None:
            self._past[work.name] = again

    def _first(self, kind: str, span: int, times: Sequence[int], *, recent: bool = False) -> Work | None:
        """The first query that lacks one of these chunks."""
        if self._history.all_answered(span, times):
            return None
        for feed in self._history.feeds:
            name = f"{kind} {feed.promql}"
            lacking = [] if self._aside.holds(name) else self._lacking(feed, span, times)
            if lacking:
                return Work(name, (feed,), span, self._piece(name, _RECENT, span, lacking), recent=recent)
        return None

    def closed(self, at: float) -> list[int]:
        """The ends of the settled hours that any window reaches, newest first."""
        last = floor(at - SETTLE, HOUR)
        return [last - HOUR * back for back in range(self._history.reach.hours // HOUR)]

    def _next_past(self, closed: Sequence[int]) -> Work | None:
        made_for = (closed[0] if closed else 0, self._history.version)
        if self._past_of != made_for:
            self._past = {work.name: work for work in self._all_past(closed)}
            self._past_of = made_for
        ready = (work for work in self._past.values() if not self._held(work))
        return max(ready, key=lambda work: work.times[-1], default=None)

    def _held(self, work: Work) -> bool:
        return self._aside.holds(work.name) or any(
            self._aside.holds(key) for entry in work.slices for key in entry.keys.values()
        )

    def _all_past(self, closed: Sequence[int]) -> Iterator[Work]:
        """Hours of the past, and slices of it."""
        for feed in self._history.feeds:
            work = self._hours_of(feed, closed)
            if work is not None:
                yield work
        for entry in self._history.sliced:
            work = self._slices_of(entry, closed)
            if work is not None:
                yield work

    def _hours_of(self, feed: Feed, closed: Sequence[int]) -> Work | None:
        name, lacking = f"hours of {feed.promql}", self._lacking(feed, HOUR, closed)
        if not lacking:
            return None
        return Work(name, (feed,), HOUR, self._piece(name, _usual(len(feed.columns)), HOUR, lacking))

    def _slices_of(self, entry: Entry, closed: Sequence[int]) -> Work | None:
        lacking = self._history.unasked(HOUR, closed, [entry.slices])
        if not lacking:
            return None
        keys = set(entry.keys.values())
        feeds = tuple(feed for feed in self._history.feeds if not keys.isdisjoint(feed.keys))
        usual = _usual(sum(len(feed.columns) for feed in feeds))
        hours = self._piece(entry.slices, usual, HOUR, lacking)
        cells = range(hours[0] - HOUR + CELL, hours[-1] + CELL, CELL)
        return Work(entry.slices, feeds, CELL, cells, (entry,))

    def _lacking(self, feed: Feed, span: int, times: Sequence[int]) -> list[int]:
        """The chunks that a query has no answer for, newest first; not of asks that are put aside."""
        keys = [key for key in feed.keys if not self._aside.holds(key)]
        return self._history.unasked(span, times, keys)

    def _piece(self, name: str, usual: int, span: int, lacking: Sequence[int]) -> range:
        """The newest of the missing chunks, as many as one question may have."""
        most = self._most.get(name, usual)
        oldest = next(time for time in reversed(lacking[:most]) if time > lacking[0] - most * span)
        return range(oldest, lacking[0] + span, span)


def _usual(columns: int) -> int:
    return WEEK_HOURS if columns <= FEW_COLUMNS else DAY_HOURS
