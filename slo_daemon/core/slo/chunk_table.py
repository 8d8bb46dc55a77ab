"""Chunks in memory, column by column, and the sums of any window over them.

The one place of the core that is written in place, and only by its ledger: tens of thousands of columns over weeks would
not fit into memory as values that are replaced. A column is one row of an answer, followed through time; a table holds
the columns that reach equally far back. Where nothing was seen there is no number, only a mark that it was not.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from slo_daemon.core.slo.chunks import CELL, HOUR, WHOLE, Column, Reach, Reducer, floor

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
_GROWTH = 1.1  # arrays grow by a tenth: most columns come at once, and memory counts
_MOST_CACHED = 64


class Ring:
    """The latest chunks of one span, in no order of rows. `values` and `seen` as in ChunkBlock, `asked` by ask."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.at: dict[float, int] = {}  # row by the time at which its chunk ends
        self.values = np.zeros((rows, 0), np.float32)
        self.seen = np.zeros((rows, 0), np.uint8)
        self.asked = np.zeros((rows, 0), np.bool_)
        self.version = 0
        self._complete: dict[float, bool] = {}

    def grow(self, columns: int, asks: int) -> None:
        """Room for so many columns and asks."""
        have = self.values.shape[1]
        if columns > have:
            more = ((0, 0), (0, max(columns, int(have * _GROWTH)) - have))
            self.values, self.seen = np.pad(self.values, more), np.pad(self.seen, more)
        have = self.asked.shape[1]
        if asks > have:
            self.asked = np.pad(self.asked, ((0, 0), (0, max(asks, int(have * _GROWTH)) - have)))
        self.changed()

    def keep(self, columns: Indices, asks: Indices) -> None:
        """Only these, in this order."""
        self.values, self.seen = self.values[:, columns], self.seen[:, columns]
        self.asked = self.asked[:, asks]
        self.changed()

    def changed(self) -> None:
        """What was derived from the rows is void."""
        self.version += 1
        self._complete.clear()

    def open(self, time: float) -> int | None:
        """The row of the chunk that ends at `time`, made if need be; None when it is older than all that is kept."""
        row = self.at.get(time)
        if row is not None:
            return row
        if len(self.at) < self._rows:
            row = len(self.at)
        else:
            oldest = min(self.at, default=inf)
            if time < oldest:
                return None
            row = self.at.pop(oldest)
            self.values[row], self.seen[row], self.asked[row] = 0.0, 0, False
        self.at[time] = row
        return row

    def complete(self, time: float, asks: int) -> bool:
        """Whether every one of the first `asks` asks was answered for the chunk that ends at `time`."""
        known = self._complete.get(time)
        if known is None:
            row = self.at.get(time)
            known = self._complete[time] = row is not None and bool(self.asked[row, :asks].all())
        return known


@dataclass(frozen=True, slots=True)
class Sums:
    """One window of one table, by column: what was counted, and how many seconds of it were seen."""

    start: float
    end: float
    values: Floats
    covered: Floats


TimeT = TypeVar("TimeT", int, float)
_Piece = tuple[Ring, int, float, int]  # a chunk's ring and row, the share of it that counts, its span


class Table:
    """Columns of one reducer and one reach. Not safe for two threads; see the module's first words."""

    def __init__(self, reducer: Reducer, reach: Reach, ticks: int) -> None:
        self.reducer, self.reach = reducer, reach
        self.columns: list[Column] = []
        self.asks: dict[str, int] = {}
        self.of_ask: dict[str, list[int]] = {}
        self._index: dict[Column, int] = {}
        self.ticks = Ring(ticks)
        self.cells = Ring(reach.cells // CELL)
        self.hours = Ring(reach.hours // HOUR)
        self._newest = np.zeros(0)  # by column: the end of the newest tick or cell with a row
        self._cache: dict[tuple[int, ...], tuple[int, Floats, Floats]] = {}

    @property
    def rings(self) -> tuple[Ring, Ring, Ring]:
        """Ticks, cells, hours."""
        return self.ticks, self.cells, self.hours

    def add_asks(self, keys: Iterable[str]) -> None:
        """Register asks."""
        known = len(self.asks)
        for key in keys:
            if key not in self.asks:
                self.asks[key] = len(self.asks)
                self.of_ask[key] = []
        if len(self.asks) > known:
            self._grow()

    def positions(self, columns: Iterable[Column]) -> Indices:
        """Where the columns are; new ones of known asks get a place."""
        found, known = [], len(self.columns)
        for column in columns:
            position = self._index.get(column)
            if position is None:
                position = self._index[column] = len(self.columns)
                self.columns.append(column)
                self.of_ask[column.ask].append(position)
            found.append(position)
        if len(self.columns) > known:
            self._grow()
        return np.array(found, np.intp)

    def drop_asks(self, keys: Collection[str]) -> None:
        """Forget asks and their columns."""
        kept = [i for i, column in enumerate(self.columns) if column.ask not in keys]
        asks = [key for key in self.asks if key not in keys]
        ask_positions = np.array([self.asks[key] for key in asks], np.intp)
        for ring in self.rings:
            ring.keep(np.array(kept, np.intp), ask_positions)
        self._newest = self._newest[kept]
        columns = [self.columns[i] for i in kept]
        self.columns, self._index = [], {}
        self.asks = {key: i for i, key in enumerate(asks)}
        self.of_ask = {key: [] for key in asks}
        self.positions(columns)

    def write(
        self,
        ring: Ring,
        times: Sequence[float],
        asks: Iterable[str],
        columns: Indices,
        values: NDArray[np.float32],
        seen: NDArray[np.uint8],
    ) -> None:
        """Chunks that end at `times`; `values` and `seen` are [times, columns]. What is older than all kept is left out."""
        answered = [self.asks[key] for key in asks]
        for i, time in enumerate(times):
            row = ring.open(time)
            if row is None:
                continue
            ring.values[row, columns] = values[i]
            ring.seen[row, columns] = seen[i]
            ring.asked[row, answered] = True
            if ring is not self.hours:
                latest = np.where(seen[i] > 0, time, 0.0)
                self._newest[columns] = np.maximum(self._newest[columns], latest)
        ring.changed()

    def seen_in_cells(self, hour: int, columns: Indices) -> NDArray[np.uint8] | None:
        """How many twelfths of the hour that ends at `hour` the cells have seen; None when cells of it are missing."""
        times = range(hour - HOUR + CELL, hour + CELL, CELL)
        if not all(self.cells.complete(time, len(self.asks)) for time in times):
            return None
        rows = np.array([self.cells.at[time] for time in times], np.intp)
        twelfths: NDArray[np.uint8] = (self.cells.seen[np.ix_(rows, columns)] > 0).sum(axis=0, dtype=np.uint8)
        return twelfths

    def newest(self, columns: Sequence[int]) -> float:
        """The end of the newest tick or cell in which one of the columns had a row; 0.0 when there was none."""
        return float(self._newest[columns].max()) if columns else 0.0

    def unasked(self, ring: Ring, times: Sequence[TimeT], keys: Sequence[str]) -> list[TimeT]:
        """The chunks for which one of the asks was not answered."""
        if not keys:
            return []
        asks = np.array([self.asks[key] for key in keys], np.intp)
        held = [time for time in times if time in ring.at]
        answered = ring.asked[np.ix_(np.array([ring.at[time] for time in held], np.intp), asks)]
        unanswered = np.count_nonzero(~answered, axis=1).tolist()
        complete = {time for time, lacking in zip(held, unanswered, strict=True) if not lacking}
        return [time for time in times if time not in complete]

    def answered(self, ring: Ring, times: Iterable[int]) -> int:
        """How many chunks of asks were answered, at these times."""
        rows = [ring.at[time] for time in times if time in ring.at]
        return int(np.count_nonzero(ring.asked[rows, : len(self.asks)]))

    def asked_throughout(self, start: float, end: float) -> NDArray[np.bool_]:
        """By ask: whether every whole hour between two times was answered."""
        rows = []
        for hour in range(-floor(-start, HOUR) + HOUR, floor(end, HOUR) + 1, HOUR):
            row = self.hours.at.get(hour)
            if row is None:
                return np.zeros(len(self.asks), np.bool_)
            rows.append(row)
        answered: NDArray[np.bool_] = np.all(self.hours.asked[rows, : len(self.asks)], axis=0)
        return answered

    def sums(self, start: float, end: float) -> Sums:
        """The window from `start` to `end` (Unix seconds).

        From the newest chunk back: ticks of this moment's phase, then cells and hours. Where the window begins or ends
        inside a chunk, the chunk counts in proportion.
        """
        n = len(self.columns)
        first = {Reducer.MIN: inf, Reducer.MAX: -inf}.get(self.reducer, 0.0)
        values, covered = np.full(n, first), np.zeros(n)
        back = self._chain_end(start, end)
        border, last = -floor(-start, HOUR), floor(back, HOUR)
        time = end
        while time > back:
            self._add(values, covered, (self.ticks, self.ticks.at[time], 1.0, CELL))
            time -= CELL
        if border < last:
            self._add_all(values, covered, self._edge(last, back))
            self._add_hours(values, covered, border, last)
            self._add_all(values, covered, self._edge(start, border))
        elif border == last:
            self._add_all(values, covered, self._edge(last, back))
            self._add_all(values, covered, self._edge(start, last))
        else:
            self._add_all(values, covered, self._edge(start, back))
        if self.reducer in (Reducer.MIN, Reducer.MAX):
            values[covered == 0.0] = 0.0
        return Sums(start, end, values, covered)

    def _chain_end(self, start: float, end: float) -> float:
        """Where the run of ticks that ends at `end` begins: one each 5 minutes, without a gap."""
        time, asks = end, len(self.asks)
        while time - CELL >= start and time in self.ticks.at:
            if time != end and not self.ticks.complete(time, asks):
                break
            time -= CELL
        return time

    def _edge(self, low: float, high: float) -> Iterator[_Piece]:
        """A part of one hour: in cells where all of them are there, else in proportion to the hour."""
        if low >= high:
            return
        cells = range(floor(low, CELL) + CELL, -floor(-high, CELL) + CELL, CELL)
        hour = floor(low, HOUR) + HOUR
        if not all(time in self.cells.at for time in cells) and hour in self.hours.at:
            yield self.hours, self.hours.at[hour], (high - low) / HOUR, HOUR
            return
        for time in reversed(cells):
            row = self.cells.at.get(time)
            if row is not None:
                yield self.cells, row, (min(high, time) - max(low, time - CELL)) / CELL, CELL

    def _by_hours(self, hour: int) -> bool:
        """Whether an hour counts by its own chunk: it does once it was answered, or when its cells are not all there."""
        if self.hours.complete(hour, len(self.asks)):
            return True
        cells = range(hour - HOUR + CELL, hour + CELL, CELL)
        whole = all(self.cells.complete(time, len(self.asks)) for time in cells)
        return not whole and hour in self.hours.at

    def _add_hours(self, values: Floats, covered: Floats, border: int, last: int) -> None:
        """All whole hours between two borders, newest first."""
        rows = []
        for hour in range(last, border, -HOUR):
            if not self._by_hours(hour):
                self._add_all(values, covered, self._edge(hour - HOUR, hour))
            elif self.reducer is Reducer.SUM:
                rows.append(self.hours.at[hour])
            else:
                self._add(values, covered, (self.hours, self.hours.at[hour], 1.0, HOUR))
        if rows:
            total, seconds = self._sum_of_hours(tuple(rows))
            values += total
            covered += seconds

    def _sum_of_hours(self, rows: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Counts and seconds seen; kept until an hour changes, since most slots ask for the same ones."""
        cached = self._cache.get(rows)
        if cached is None or cached[0] != self.hours.version:
            if len(self._cache) >= _MOST_CACHED:
                self._cache.clear()
            n = len(self.columns)
            total, seen = np.zeros(n), np.zeros(n)
            for row in rows:
                total += self.hours.values[row, :n]
                seen += self.hours.seen[row, :n]
            cached = self._cache[rows] = (self.hours.version, total, seen * (HOUR / WHOLE))
        return cached[1], cached[2]

    def _add_all(self, values: Floats, covered: Floats, pieces: Iterable[_Piece]) -> None:
        for piece in pieces:
            self._add(values, covered, piece)

    def _add(self, values: Floats, covered: Floats, piece: _Piece) -> None:
        ring, row, weight, span = piece
        n = len(values)
        there, seen = ring.values[row, :n], ring.seen[row, :n]
        match self.reducer:
            case Reducer.SUM:
                values += weight * there if weight != 1.0 else there
            case Reducer.MIN:
                np.minimum(values, there, out=values, where=seen > 0)
            case Reducer.MAX:
                np.maximum(values, there, out=values, where=seen > 0)
            case Reducer.LAST:  # pieces come newest first: the first one that has a row tells
                np.copyto(values, there, where=(seen > 0) & (covered == 0.0))
        covered += seen * (weight * span / WHOLE)

    def _grow(self) -> None:
        for ring in self.rings:
            ring.grow(len(self.columns), len(self.asks))
        if len(self._newest) < len(self.columns):
            self._newest = np.pad(self._newest, (0, len(self.columns) - len(self._newest)))
