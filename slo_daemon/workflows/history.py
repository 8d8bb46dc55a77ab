"""History: the ledger, with what guards and keeps it. One thread at a time writes it; what is written is stored."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock

import structlog

from slo_daemon.core.slo.book import Entry, entry_of, wanted
from slo_daemon.core.slo.chunks import CELL, HOUR, SETTLE, SHORT_CELLS, ChunkBlock, Reach
from slo_daemon.core.slo.feed import Feed, Row, Taken
from slo_daemon.core.slo.ledger import Cells, Ledger
from slo_daemon.core.slo.query import Failed, QueryPlan, Reading
from slo_daemon.core.slo.sight import Sight
from slo_daemon.core.slo.slices import hours_of, judge
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Slot
from slo_daemon.ports import Store, StoreError, Telemetry

log = structlog.get_logger(__name__)
MOST_UNSAVED = 2_000  # blocks that are kept in memory while the store is down; lost ones are asked for again
SET_BACK = (
    2 * CELL
)  # seconds; chunks of a later future show that the clock was set back, and are not true any more
_SPARE = 2 * HOUR  # seconds that stored chunks outlive their need
_KEPT_ANYWAY = 35 * 24 * HOUR  # seconds; an SLO that is taken out for an hour should find its month again


class History:
    """What was counted, for all SLOs of the specification in force."""

    def __init__(self, store: Store, telemetry: Telemetry, interval: float, phase_span: int = HOUR) -> None:
        self._store = store
        self._telemetry = telemetry
        self._turn = RLock()
        self._ledger = Ledger(interval, phase_span)
        self._unsaved: list[ChunkBlock] = []
        self._unloaded: set[str] = set()  # asks whose stored chunks could not be read yet
        self.entries: Mapping[str, Entry] = {}
        self.sliced: tuple[Entry, ...] = ()
        self.feeds: tuple[Feed, ...] = ()
        self.direct = QueryPlan()
        self.version = 0
        self.fetched = 0  # pieces of the past that were fetched

    def adopt(self, slos: Iterable[Slo], at: float) -> None:
        """Keep what these SLOs need, and load what is stored of it."""
        with self._turn:
            self.entries = {slo.id: entry_of(slo) for slo in slos}
            asks = dict.fromkeys(ask for entry in self.entries.values() for ask in entry.asks.values())
            self.feeds = tuple(Feed(query) for query in QueryPlan.of(asks).queries)
            self.direct = QueryPlan.of(
                ask for entry in self.entries.values() for ask in entry.direct.values()
            )
            self.sliced = tuple(entry for entry in self.entries.values() if entry.slices)
            self.version += 1
            new = self._ledger.adopt(wanted(self.entries.values()))
            self._unloaded = (self._unloaded & wanted(self.entries.values()).keys()) | new
            if new:
                self._load(at)

    def load_rest(self, at: float) -> bool:
        """Load what the store refused before, if there is such. False: it refuses still."""
        if self._unloaded:
            with self._turn:
                self._load(at)
        return not self._unloaded

    def _load(self, at: float) -> None:
        """Stored chunks must be here before the same hours are asked for: an answer could be empty by now, and stay."""
        self.save()
        reach, blocks, keys = self._ledger.longest_reach(), 0, set(self._unloaded)
        try:
            # until an hour has settled, windows are made of one hour further back
            oldest = {CELL: at - reach.cells, HOUR: at - SETTLE - reach.hours}
            for block in self._store.chunks(keys, oldest):
                self._ledger.load(block)
                blocks += 1
        except StoreError as error:
            if error.reason == "corrupt":  # all sound blocks came before; the others are asked for again
                self._unloaded.clear()
            self._telemetry.store_failed(error.reason)
            log.warning("chunks_not_loaded", reason=error.reason, detail=error.detail, loaded=blocks)
        else:
            self._unloaded.clear()
            log.info("chunks_loaded", asks=len(keys), blocks=blocks)

    @contextmanager
    def sight(self, at: float) -> Iterator[Sight]:
        """The ledger as seen at a time; nobody writes it meanwhile."""
        with self._turn:
            yield Sight(self._ledger, at)

    def take_slot(self, answers: Sequence[tuple[Feed, Reading]], slot: Slot) -> dict[str, Failed]:
        """The answers of a slot; on the 5-minute grid they are cells too. What could not be asked, by key."""
        failed: dict[str, Failed] = {}
        with self._turn:
            blocks = []
            found = [(feed, feed.instant(reading, slot.time)) for feed, reading in answers]
            if any(taken.answered for _, taken in found):
                self._ledger.forget_after(slot.time + SET_BACK)
            for feed, taken in found:
                failed.update(taken.failed)
                self._ledger.write_tick(feed, taken)
                if slot.time % CELL == 0 and taken.answered:
                    blocks.append(self._ledger.write_cells(feed, taken))
            self._judge_ticks([slot.time])
            if blocks:
                blocks += self._judged([int(slot.time)])
        if blocks:
            self.save(blocks)
        return failed

    def take_ticks(self, feed: Feed, rows: Sequence[Row], times: Sequence[float]) -> None:
        """Slots of one phase that were not asked one by one."""
        with self._turn:
            if feed in self.feeds:
                self._ledger.write_tick(feed, feed.over(rows, times))
                self._judge_ticks(times)

    def take_cells(self, feed: Feed, rows: Sequence[Row], times: Sequence[int]) -> Mapping[str, Failed]:
        """Cells that were asked for later. The asks that have no answer in it, by key."""
        with self._turn:
            if feed not in self.feeds:  # a new specification has come in between
                return {}
            taken = feed.over(rows, times)
            blocks = [self._ledger.write_cells(feed, taken), *self._judged(times)]
        self.save(blocks)
        return taken.failed

    def take_hours(self, feed: Feed, rows: Sequence[Row], times: Sequence[int]) -> Mapping[str, Failed]:
        """Closed hours. The asks that have no answer in it, by key."""
        with self._turn:
            if feed not in self.feeds:
                return {}
            taken = feed.over(rows, times, HOUR)
            blocks = [self._ledger.write_hours(feed, taken)]
            self.fetched += 1
        self.save(blocks)
        return taken.failed

    def take_slices(
        self, answers: Sequence[tuple[Feed, Sequence[Row]]], times: Sequence[int], entries: Iterable[Entry]
    ) -> Mapping[str, Failed]:
        """Cells of the past, only to be judged for these SLOs: the cells themselves are not kept.

        The asks that have no answer in it, by key; SLOs that need them are not judged.
        """
        failed: dict[str, Failed] = {}
        with self._turn:
            taken = [(feed, feed.over(rows, times)) for feed, rows in answers]
            for _, answer in taken:
                failed.update(answer.failed)
            blocks = []
            for entry in entries:
                if failed.keys().isdisjoint(entry.keys.values()):
                    parts = {name: _columns(taken, key) for name, key in entry.keys.items()}
                    hours = hours_of(judge(entry, parts, times))
                    if hours is not None:
                        blocks.append(hours)
                        self._ledger.load(hours)
            self.fetched += 1
        self.save(blocks)
        return failed

    def close_slices(self, last_cell: int, hours: Iterable[int]) -> None:
        """Cells that are there and were not judged yet, and hours of slices, as far as their cells are all there."""
        blocks = []
        recent = range(last_cell, last_cell - SHORT_CELLS, -CELL)
        with self._turn:
            for time in recent if self.sliced else ():
                if self._ledger.unasked(CELL, [time], [entry.slices for entry in self.sliced]):
                    blocks += self._judged([time])
            for entry in self.sliced:
                for hour in hours:
                    if not self._ledger.unasked(HOUR, [hour], [entry.slices]):
                        continue
                    times = range(hour - HOUR + CELL, hour + CELL, CELL)
                    cells = self._ledger.cells_of(entry.slices, times)
                    closed = hours_of(ChunkBlock(CELL, times[0], (entry.slices,), *cells)) if cells else None
                    if closed is not None:
                        self._ledger.load(closed)
                        blocks.append(closed)
        self.save(blocks)

    def unasked(self, span: int, times: Sequence[int], keys: Iterable[str]) -> list[int]:
        """The chunks for which one of the asks was not answered, newest first; `times` likewise."""
        with self._turn:
            known = [
                key for key in keys if self._ledger.has(key) and (span == CELL or key not in self._unloaded)
            ]
            return self._ledger.unasked(span, times, known)

    def all_answered(self, span: int, times: Sequence[int]) -> bool:
        """Whether every ask was answered for each of these chunks, as far as they are kept; `times` newest first."""
        with self._turn:
            return not self._unloaded and self._ledger.all_answered(span, times)

    def progress(self, hours: Sequence[int]) -> tuple[int, int]:
        """(how many hours of asks are wanted, how many were answered)."""
        with self._turn:
            return self._ledger.progress(hours)

    @property
    def reach(self) -> Reach:
        """How far back anything is kept."""
        return self._ledger.longest_reach()

    def save(self, blocks: Sequence[ChunkBlock] = ()) -> None:
        """Store blocks. While the store is down they wait in memory."""
        with self._turn:
            waiting = [*self._unsaved, *(block for block in blocks if block.asks)]
            self._unsaved = []
        if not waiting:
            return
        try:
            self._store.save_chunks(waiting)
        except StoreError as error:
            self._telemetry.store_failed(error.reason)
            log.warning("chunks_not_stored", reason=error.reason, detail=error.detail, blocks=len(waiting))
            with self._turn:
                self._unsaved = [*waiting, *self._unsaved][-MOST_UNSAVED:]

    def compact(self) -> None:
        """Drop what belongs to series that are gone from all windows."""
        with self._turn:
            if self._ledger.compact():
                self.feeds = tuple(Feed(feed.query) for feed in self.feeds)

    def prune(self, at: float) -> None:
        """Delete stored chunks that no window reaches any more."""
        reach = self._ledger.longest_reach()
        oldest = {CELL: at - reach.cells - _SPARE, HOUR: at - max(reach.hours, _KEPT_ANYWAY) - _SPARE}
        try:
            self._store.prune_chunks(oldest)
        except StoreError as error:
            self._telemetry.store_failed(error.reason)

    def _judged(self, times: Sequence[int]) -> list[ChunkBlock]:
        """The slices of cells that have just come, for SLOs all of whose cells are there."""
        blocks = list(self._judge(times, ticks=False))
        for block in blocks:
            self._ledger.load(block)
        return blocks

    def _judge_ticks(self, times: Sequence[float]) -> None:
        """The same for ticks, so that lookbacks end at the slot and not at the cell before it."""
        for block in list(self._judge(times, ticks=True)):
            self._ledger.write_judged(block, times)

    def _judge(self, times: Sequence[float], *, ticks: bool) -> Iterator[ChunkBlock]:
        for entry in self.sliced:
            parts = {name: self._ledger.cells_of(key, times, ticks=ticks) for name, key in entry.keys.items()}
            known = {name: cells for name, cells in parts.items() if cells is not None}
            if len(known) == len(parts):
                yield judge(entry, known, times)


def _columns(taken: Sequence[tuple[Feed, Taken]], key: str) -> Cells:
    """The columns of one ask in answers, with values and seen."""
    feed, answer = next((feed, answer) for feed, answer in taken if key in feed.keys)
    own = [i for i, column in enumerate(feed.columns) if column.ask == key]
    return tuple(feed.columns[i] for i in own), answer.values[:, own], answer.seen[:, own]
