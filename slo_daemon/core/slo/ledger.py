"""The ledger: all chunks that windows are made of, by what was asked, and what is still to be asked.

One thread at a time. Whoever writes it holds it alone; see workflows.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slo_daemon.core.slo.chunk_ring import Indices
from slo_daemon.core.slo.chunk_table import Table
from slo_daemon.core.slo.chunks import (
    CELL,
    HOUR,
    SHORT_CELLS,
    ChunkBlock,
    Column,
    Reach,
    Reducer,
    reducer_of,
)
from slo_daemon.core.slo.feed import Feed, Taken
from slo_daemon.core.slo.grouping import by_group
from slo_daemon.core.slo.query import COUNTS, Form, Labels

Cells = tuple[
    tuple[Column, ...], NDArray[np.floating[Any]], NDArray[np.uint8]
]  # columns of an ask; values and seen by time
_TICKS_SPAN = (
    HOUR  # seconds for which slots are kept in their own phase, so that windows up to here are exact
)
_EXPECTED = {Form.EVENTS: 2, Form.BUCKETS: 13, Form.NATIVE: 40}  # columns of an ask, more or less


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must be kept of an ask."""

    form: Form
    reach: Reach


Group = tuple[
    tuple[Labels, int], ...
]  # the columns of one group: labels beside the group's, place in the table
Route = tuple[
    Table, Indices, Indices, tuple[str, ...]
]  # columns of a feed, their places in a table, asks of that table

Written = tuple[
    Table, tuple[str, ...], Indices, NDArray[np.floating[Any]], NDArray[np.uint8]
]  # a table, its asks that were answered, and their columns with values and seen


class Ledger:
    """Chunks by ask. `interval` (s) of the slots; `phase_span` (s): how long slots are kept as they came."""

    def __init__(self, interval: float, phase_span: int = _TICKS_SPAN) -> None:
        steady = CELL % interval == 0
        self._phase_span = phase_span
        self._ticks = int(phase_span // interval) + 1 if steady else phase_span // CELL + 1
        self._tables: dict[tuple[Reducer, Reach, bool], Table] = {}
        self._homes: dict[str, Table] = {}
        self._routes: dict[int, tuple[int, list[Route]]] = {}
        self._groups: dict[str, tuple[int, dict[Labels, Group]]] = {}

    def adopt(self, wanted: Mapping[str, Wanted]) -> set[str]:
        """Keep just these asks. Returns those whose past is not here: it must be loaded or asked for."""
        homes = {key: self._table(want) for key, want in wanted.items()}
        gone = [key for key, table in self._homes.items() if homes.get(key) is not table]
        for table in {id(self._homes[key]): self._homes[key] for key in gone}.values():
            table.drop_asks({key for key in gone if self._homes[key] is table})
        new = {key for key in homes if key not in self._homes or key in gone}
        by_table: dict[int, list[str]] = defaultdict(list)
        for key in homes:
            if key in new:
                by_table[id(homes[key])].append(key)
        for table in self._tables.values():
            own = by_table.get(id(table), [])
            table.add_asks(own, sum(_EXPECTED.get(wanted[key].form, 1) for key in own))
        self._homes = homes
        self._routes.clear()
        self._groups.clear()
        return new

    def _table(self, want: Wanted) -> Table:
        reducer, exact = reducer_of(want.form), want.form not in COUNTS
        place = (reducer, want.reach, exact)
        if place not in self._tables:
            self._tables[place] = Table(reducer, want.reach, self._ticks, self._phase_span, exact=exact)
        return self._tables[place]

    def compact(self) -> bool:
        """Drop dead columns. True: feeds must begin anew."""
        dropped = [table.compact() for table in self._tables.values()]
        if not any(dropped):
            return False
        self._routes.clear()
        self._groups.clear()
        return True

    def has(self, key: str) -> bool:
        """Whether an ask was adopted."""
        return key in self._homes

    def table(self, key: str) -> Table:
        """Where an ask's chunks are. Raises KeyError for one that was not adopted."""
        return self._homes[key]

    def groups(self, key: str, by: tuple[str, ...]) -> Mapping[Labels, Group]:
        """The columns of an ask, by group. Rows that lack a label of `by` belong to the empty group."""
        places = self._homes[key].of_ask[key]
        cached = self._groups.get(key)
        if cached is not None and cached[0] == len(places):
            return cached[1]
        columns = self._homes[key].columns
        groups = by_group([(columns[place].labels, place) for place in places], by)
        self._groups[key] = (len(places), groups)
        return groups

    def forget_after(self, time: float) -> None:
        """Drop what is known of later times than `time`: the clock was set back."""
        for table in self._tables.values():
            table.forget_after(time)

    def write_tick(self, feed: Feed, taken: Taken) -> None:
        """The last 5 minutes before a slot, in the slot's own phase."""
        for table, asks, places, values, seen in self._routed(feed, taken):
            table.write(table.ticks, taken.times, asks, places, values, seen)

    def write_cells(self, feed: Feed, taken: Taken) -> ChunkBlock:
        """Cells, aligned to 5 minutes. Returns them as they should be stored."""
        for table, asks, places, values, seen in self._routed(feed, taken):
            table.write(table.cells, taken.times, asks, places, values, seen)
        return feed.block(taken, CELL)

    def write_hours(self, feed: Feed, taken: Taken) -> ChunkBlock:
        """Closed hours. An hour that its cells saw only in part was seen only in part."""
        seen = taken.seen.copy()
        for table, columns, places, asks in self._routes_of(feed):
            for i, time in enumerate(taken.times):
                twelfths = table.seen_in_cells(int(time), places, asks)
                if twelfths is not None:
                    seen[i, columns] = np.where(seen[i, columns] > 0, np.maximum(twelfths, 1), 0)
        closed = replace(taken, seen=seen)
        for table, asks, places, values, of_hours in self._routed(feed, closed):
            table.write(table.hours, taken.times, asks, places, values, of_hours)
        return feed.block(closed, HOUR)

    def load(self, block: ChunkBlock) -> None:
        """Chunks that were stored. Asks that are not wanted any more are left out."""
        by_table: dict[int, list[int]] = defaultdict(list)
        for i, column in enumerate(block.columns):
            table = self._homes.get(column.ask)
            if table is not None:
                by_table[id(table)].append(i)
        for table in self._tables.values():
            asks = [key for key in block.asks if self._homes.get(key) is table]
            if not asks:
                continue
            own = np.array(by_table.get(id(table), ()), np.intp)
            places = table.positions(block.columns[i] for i in own)
            ring = table.cells if block.span == CELL else table.hours
            values: NDArray[np.floating[Any]] = block.values[:, own]
            if table.exact:
                values = values.astype("U32").astype(np.float64)  # as it is written: 0.95, not 0.949999988
            table.write(ring, block.times, asks, places, values, block.seen[:, own])

    def cells_of(self, key: str, times: Sequence[float], *, ticks: bool = False) -> Cells | None:
        """An ask's columns, with values and seen over these cells, or ticks; None when one of them was not asked."""
        table = self._homes[key]
        ring = table.ticks if ticks else table.cells
        if table.unasked(ring, times, [key]):
            return None
        places = table.of_ask[key]
        rows = np.array([ring.at[time] for time in times], np.intp)
        at = np.ix_(rows, np.array(places, np.intp))
        return tuple(table.columns[i] for i in places), ring.values[at], ring.seen[at]

    def write_judged(self, block: ChunkBlock, times: Sequence[float]) -> None:
        """Slices of ticks; they are not stored."""
        table = self._homes[block.asks[0]]
        table.write(table.ticks, times, block.asks, table.positions(block.columns), block.values, block.seen)

    def unasked(self, span: int, times: Sequence[int], keys: Iterable[str]) -> list[int]:
        """The chunks for which one of these asks was not answered, of those that are kept; newest first.

        `times`: where chunks end, newest first.
        """
        by_table: dict[int, list[str]] = defaultdict(list)
        for key in keys:
            by_table[id(self._homes[key])].append(key)
        found: set[int] = set()
        for own in by_table.values():
            table = self._homes[own[0]]
            ring, reach = (
                (table.cells, table.reach.cells) if span == CELL else (table.hours, table.reach.hours)
            )
            found.update(table.unasked(ring, times[: reach // span], own))
        return sorted(found, reverse=True)

    def all_answered(self, span: int, times: Sequence[int]) -> bool:
        """Whether every ask was answered for each of these chunks, as far as they are kept; `times` newest first."""
        for table in filter(lambda table: table.asks, self._tables.values()):
            ring, reach = (
                (table.cells, table.reach.cells) if span == CELL else (table.hours, table.reach.hours)
            )
            if not all(ring.complete(time, len(table.asks)) for time in times[: reach // span]):
                return False
        return True

    def progress(self, hours: Sequence[int]) -> tuple[int, int]:
        """(how many hours of asks are wanted, how many were answered); `hours`: where closed ones end, newest first."""
        wanted = there = 0
        for table in self._tables.values():
            own = hours[: table.reach.hours // HOUR]
            wanted += len(own) * len(table.asks)
            there += table.answered(table.hours, own)
        return wanted, there

    def longest_reach(self) -> Reach:
        """How far back anything is kept."""
        reaches = [table.reach for table in self._homes.values()] or [Reach(SHORT_CELLS, 0)]
        return Reach(max(r.cells for r in reaches), max(r.hours for r in reaches))

    def _routes_of(self, feed: Feed) -> list[Route]:
        """Which columns of a feed go where."""
        cached = self._routes.get(id(feed))
        if cached is None or cached[0] != len(feed.columns):
            routes: list[Route] = []
            for table in {id(self._homes[key]): self._homes[key] for key in feed.keys}.values():
                own = [i for i, column in enumerate(feed.columns) if self._homes[column.ask] is table]
                places = table.positions(feed.columns[i] for i in own)
                asks = tuple(key for key in feed.keys if self._homes[key] is table)
                routes.append((table, np.array(own, np.intp), places, asks))
            cached = self._routes[id(feed)] = (len(feed.columns), routes)
        return cached[1]

    def _routed(self, feed: Feed, taken: Taken) -> Iterator[Written]:
        """What was answered, by table. Asks that failed keep what they had."""
        failed = taken.failed
        for table, columns, places, asks in self._routes_of(feed):
            if failed:
                kept = [i for i, column in enumerate(columns) if feed.columns[column].ask not in failed]
                columns, places = columns[kept], places[kept]  # noqa: PLW2901
                asks = tuple(key for key in asks if key not in failed)  # noqa: PLW2901
            yield table, asks, places, taken.values[:, columns], taken.seen[:, columns]
