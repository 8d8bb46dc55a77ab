"""Chunks in memory, column by column, and the sums of any window over them.

The one place of the core that is written in place, and only by its ledger: tens of thousands of columns over weeks would
not fit into memory as values that are replaced. A column is one row of an answer, followed through time; a table holds
the columns that reach equally far back. Where nothing was seen there is no number, only a mark that it was not.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from slo_daemon.core.slo.chunk_ring import Indices, Numbers, Ring
from slo_daemon.core.slo.chunks import CELL, HOUR, WHOLE, Column, Reach, Reducer, floor

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_MOST_CACHED = 128  # windows of whole hours: one for each day of an experiment, and those of SLOs
_BLOCK = 32  # hours that are summed at once: quick for few columns, small for ten thousand
_SPARE_COLUMNS = 0.2  # of all columns, that may be dead before they are dropped


@dataclass(frozen=True, slots=True)
class Sums:
    """One window of one table. By column: what was counted, and how many seconds of it were seen; by ask: were answered.

    `base`: for means, the value that deviations are summed from.
    """

    start: float
    end: float
    values: Floats
    covered: Floats
    answered: Floats
    base: Floats


TimeT = TypeVar("TimeT", int, float)
_Piece = tuple[
    Ring, int, float, int, Flags | None
]  # a chunk's ring and row, the share of it that counts, its span, and for which asks (None: for all)


@dataclass(frozen=True, slots=True, eq=False)
class _HourSums:
    """Whole hours between two borders: counts and seconds seen by column, seconds answered by ask, hours that lack some ask."""

    total: Floats
    seconds: Floats
    answered: Floats
    incomplete: tuple[int, ...]


class Table:
    """Columns of one reducer and one reach. Not safe for two threads; see the module's first words.

    `ticks`: how many are kept; `phase_span` (s): windows up to here are made of them; `exact`: values are kept in double
    precision.
    """

    def __init__(
        self, reducer: Reducer, reach: Reach, ticks: int, phase_span: int = HOUR, *, exact: bool = False
    ) -> None:
        self.reducer, self.reach = reducer, reach
        self._phase_span = phase_span
        self.columns: list[Column] = []
        self.asks: dict[str, int] = {}
        self.of_ask: dict[str, list[int]] = {}
        self._index: dict[Column, int] = {}
        self._owner = np.zeros(0, np.intp)  # by column: the place of its ask
        self.exact = exact
        self.ticks = Ring(ticks, exact=exact)
        self.cells = Ring(reach.cells // CELL, exact=exact)
        self.hours = Ring(reach.hours // HOUR, exact=exact)
        self._newest = np.zeros(0)  # by column: the end of the newest tick or cell with a row
        self._hour_sums: dict[tuple[int, int], _HourSums] = {}
        self._hours_version = 0  # that these sums are of
        self._newest_sums: tuple[tuple[float, ...], Sums] | None = None

    @property
    def rings(self) -> tuple[Ring, Ring, Ring]:
        """Ticks, cells, hours."""
        return self.ticks, self.cells, self.hours

    def add_asks(self, keys: Iterable[str], expected: int = 0) -> None:
        """Register asks, which will have so many columns: room that is made at once need not be copied later."""
        known = len(self.asks)
        for key in keys:
            if key not in self.asks:
                self.asks[key] = len(self.asks)
                self.of_ask[key] = []
        if len(self.asks) > known:
            for ring in self.rings:
                ring.grow(len(self.columns) + expected, len(self.asks))
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
        self._keep(kept, [key for key in self.asks if key not in keys])

    def _keep(self, kept: Sequence[int], asks: Sequence[str]) -> None:
        """Only these columns and asks."""
        ask_positions = np.array([self.asks[key] for key in asks], np.intp)
        for ring in self.rings:
            ring.keep(np.array(kept, np.intp), ask_positions)
        self._newest = self._newest[kept]
        columns = [self.columns[i] for i in kept]
        self.columns, self._index = [], {}
        self.asks = {key: i for i, key in enumerate(asks)}
        self.of_ask = {key: [] for key in asks}
        self._owner = np.zeros(0, np.intp)
        self.positions(columns)

    def write(
        self,
        ring: Ring,
        times: Sequence[float],
        asks: Iterable[str],
        columns: Indices,
        values: Numbers,
        seen: NDArray[np.uint8],
    ) -> None:
        """Chunks that end at `times`; `values` and `seen` are [times, columns]. What is older than all kept is left out."""
        answered = [self.asks[key] for key in asks]
        for i, time in enumerate(times):
            row = ring.open(time)
            if row is None:
                continue
            kept = (seen[i] == 0) & (
                ring.seen[row, columns] > 0
            )  # the source may have lost what it once told
            ring.values[row, columns] = np.where(kept, ring.values[row, columns], values[i])
            ring.seen[row, columns] = np.where(kept, ring.seen[row, columns], seen[i])
            ring.asked[row, answered] = True
            if ring is not self.hours:
                latest = np.where(seen[i] > 0, time, 0.0)
                self._newest[columns] = np.maximum(self._newest[columns], latest)
        ring.changed()

    def forget_after(self, time: float) -> None:
        """Drop what is known of later times than `time`: the clock was set back."""
        for ring in self.rings:
            ring.forget_after(time)
        self._newest[self._newest > time] = 0.0

    def seen_in_cells(self, hour: int, columns: Indices, keys: Sequence[str]) -> NDArray[np.uint8] | None:
        """How many twelfths of the hour that ends at `hour` the cells have seen; None when the asks lack cells of it."""
        times = range(hour - HOUR + CELL, hour + CELL, CELL)
        if self.unasked(self.cells, times, keys):
            return None
        rows = np.array([self.cells.at[time] for time in times], np.intp)
        twelfths: NDArray[np.uint8] = (self.cells.seen[np.ix_(rows, columns)] > 0).sum(axis=0, dtype=np.uint8)
        return twelfths

    def compact(self) -> bool:
        """Drop the columns that have no row in any chunk that is kept, if they are many. Whether there were such."""
        n = len(self.columns)
        alive = np.zeros(n, np.bool_)
        for ring in self.rings:
            alive |= ring.seen[:, :n].any(axis=0)
        if n - np.count_nonzero(alive) <= _SPARE_COLUMNS * n:
            return False
        self._keep([i for i in range(n) if alive[i]], list(self.asks))
        return True

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
        base = np.zeros(n if self.reducer is Reducer.MEAN else 0)
        found = Sums(start, end, np.full(n, first), np.zeros(n), np.zeros(len(self.asks)), base)
        back = self._chain_end(start, end)
        border, last = -floor(-start, HOUR), floor(back, HOUR)
        time = end
        if (
            back == end and end - start < CELL and end in self.ticks.at
        ):  # a calendar window that has just begun
            self._add(found, (self.ticks, self.ticks.at[end], (end - start) / CELL, CELL, None))
            back = start
            border, last = -floor(-start, HOUR), floor(back, HOUR)
            time = back
        if border <= last:
            self._add_newest(found, time, back, last)
            self._add_hours(found, border, last)
            self._add_all(found, self._edge(start, border))
        else:
            self._add_all(found, self._ticks(time, back))
            self._add_all(found, self._edge(start, back))
        match self.reducer:
            case Reducer.MIN | Reducer.MAX:
                found.values[found.covered == 0.0] = 0.0
            case Reducer.MEAN:
                np.divide(found.values, found.covered, out=found.values, where=found.covered > 0.0)
                np.add(found.values, found.base, out=found.values)
            case _:
                pass
        return found

    def _chain_end(self, start: float, end: float) -> float:
        """Where the run of ticks that ends at `end` begins: one each 5 minutes, without a gap.

        A window for which ticks do not reach needs them for its last hour only: closed hours are more exact than sums of
        5 minutes, in each of which Prometheus extrapolates.
        """
        time, asks = end, len(self.asks)
        first = start if end - start <= self._phase_span else max(start, end - HOUR - CELL)
        while time - CELL >= first and time in self.ticks.at:
            if time != end and not self.ticks.complete(time, asks):
                break
            time -= CELL
        return time

    def _ticks(self, end: float, back: float) -> Iterator[_Piece]:
        """The run of ticks from `end` back to `back`."""
        for time in np.arange(end, back, -CELL).tolist():
            yield self.ticks, self.ticks.at[time], 1.0, CELL, None

    def _add_newest(self, found: Sums, end: float, back: float, last: int) -> None:
        """What is newer than the last whole hour. All long windows of a slot end alike, so it is counted once for them."""
        pieces = chain(self._ticks(end, back), self._edge(last, back))
        if self.reducer is not Reducer.SUM:
            self._add_all(found, pieces)
            return
        stamp = (end, back, *(ring.version for ring in self.rings))
        if self._newest_sums is None or self._newest_sums[0] != stamp:
            n, asks = len(self.columns), len(self.asks)
            sums = Sums(last, end, np.zeros(n), np.zeros(n), np.zeros(asks), np.zeros(0))
            self._add_all(sums, pieces)
            self._newest_sums = (stamp, sums)
        sums = self._newest_sums[1]
        np.add(found.values, sums.values, out=found.values)
        np.add(found.covered, sums.covered, out=found.covered)
        np.add(found.answered, sums.answered, out=found.answered)

    def _edge(self, low: float, high: float) -> Iterator[_Piece]:
        """A part of one hour: in cells for the asks that have all of them, else in proportion to the hour."""
        if low >= high:
            return
        asks, times = len(self.asks), range(floor(low, CELL) + CELL, -floor(-high, CELL) + CELL, CELL)
        row = self.hours.at.get(floor(low, HOUR) + HOUR)
        which = None
        if row is not None and not all(self.cells.complete(time, asks) for time in times):
            rows = [self.cells.at[time] for time in times if time in self.cells.at]
            lacking = len(rows) < len(times) or ~self.cells.asked[rows, :asks].all(axis=0)
            by_hour = self.hours.asked[row, :asks] & lacking
            if by_hour.any():
                yield self.hours, row, (high - low) / HOUR, HOUR, by_hour
                which = ~by_hour
        yield from self._cells(low, high, which)

    def _cells(self, low: float, high: float, which: Flags | None = None) -> Iterator[_Piece]:
        """The cells that are there, newest first."""
        for time in range(-floor(-high, CELL), floor(low, CELL), -CELL):
            row = self.cells.at.get(time)
            if row is not None:
                yield self.cells, row, (min(high, time) - max(low, time - CELL)) / CELL, CELL, which

    def _add_hours(self, found: Sums, border: int, last: int) -> None:
        """All whole hours between two borders, newest first: by the hour's own answer for asks that have it, else by cells."""
        if self.reducer is Reducer.SUM:
            hours = self._sum_of_hours(border, last)
            np.add(found.values, hours.total, out=found.values)
            np.add(found.covered, hours.seconds, out=found.covered)
            np.add(found.answered, hours.answered, out=found.answered)
            for hour in hours.incomplete:
                self._fill(found, hour)
            return
        for hour in range(last, border, -HOUR):
            row = self.hours.at.get(hour)
            if row is not None:
                self._add(found, (self.hours, row, 1.0, HOUR, None))
            if row is None or not self.hours.complete(hour, len(self.asks)):
                self._fill(found, hour)

    def _fill(self, found: Sums, hour: int) -> None:
        """The cells of an hour, for the asks that the hour itself was not asked."""
        row = self.hours.at.get(hour)
        lacking = None if row is None else ~self.hours.asked[row, : len(self.asks)]
        self._add_all(found, self._cells(hour - HOUR, hour, lacking))

    def _sum_of_hours(self, border: int, last: int) -> "_HourSums":
        """Kept until an hour changes, since most slots ask for the same ones."""
        if self._hours_version != self.hours.version or len(self._hour_sums) >= _MOST_CACHED:
            self._hours_version = self.hours.version
            self._hour_sums.clear()
        known = self._hour_sums.get((border, last))
        if known is None:
            n, asks = len(self.columns), len(self.asks)
            total, seen, asked = np.zeros(n), np.zeros(n), np.zeros(asks)
            hours = range(last, border, -HOUR)
            rows = [row for row in map(self.hours.at.get, hours) if row is not None]
            for some in (rows[i : i + _BLOCK] for i in range(0, len(rows), _BLOCK)):
                total += self.hours.values[some, :n].sum(axis=0, dtype=np.float64)
                seen += self.hours.seen[some, :n].sum(axis=0)
                asked += self.hours.asked[some, :asks].sum(axis=0)
            incomplete = [hour for hour in hours if not self.hours.complete(hour, asks)]
            known = self._hour_sums[border, last] = _HourSums(
                total, seen * (HOUR / WHOLE), asked * HOUR, tuple(incomplete)
            )
        return known

    def _add_all(self, found: Sums, pieces: Iterable[_Piece]) -> None:
        for piece in pieces:
            self._add(found, piece)

    def _add(self, found: Sums, piece: _Piece) -> None:
        ring, row, weight, span, which = piece
        values, covered, n = found.values, found.covered, len(found.values)
        there, seen, asked = ring.values[row, :n], ring.seen[row, :n], ring.asked[row, : len(found.answered)]
        if which is not None:
            own = which[self._owner]
            there, seen, asked = np.where(own, there, 0.0), np.where(own, seen, 0), asked & which
        match self.reducer:
            case Reducer.SUM:
                values += weight * there if weight != 1.0 else there
            case (
                Reducer.MEAN
            ):  # by the time it was seen for; around the first one, so that equal values give just that
                np.copyto(found.base, there, where=(seen > 0) & (covered == 0.0))
                values += (there - found.base) * seen * (weight * span / WHOLE)
            case Reducer.MIN:
                np.minimum(values, there, out=values, where=seen > 0)
            case Reducer.MAX:
                np.maximum(values, there, out=values, where=seen > 0)
            case Reducer.LAST:  # pieces come newest first: the first one that has a row tells
                np.copyto(values, there, where=(seen > 0) & (covered == 0.0))
        covered += seen * (weight * span / WHOLE)
        np.add(found.answered, asked * (weight * span), out=found.answered)

    def _grow(self) -> None:
        for ring in self.rings:
            ring.grow(len(self.columns), len(self.asks))
        self._owner = np.array([self.asks[column.ask] for column in self.columns], np.intp)
        if len(self._newest) < len(self.columns):
            self._newest = np.pad(self._newest, (0, len(self.columns) - len(self._newest)))
