"""Chunks: what was counted in closed spans of time. Every window of every SLO is a sum of chunks.

Two spans: cells of 5 minutes, aligned to multiples of 300 s, and hours. An hour is asked as one question of its own once
it is over; sums of cells stand in for it only until then: a failed scrape loses its events at every border between cells.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from slo_daemon.core.slo.query import Form, Labels

CELL = 300  # seconds
HOUR = 3_600
SETTLE = 300  # seconds after the end of an hour until it is asked: late samples have come by then
WHOLE = 12  # `seen` of a chunk that was seen from end to end: twelfths, which are the cells of an hour


class Reducer(StrEnum):
    """How the chunks of a window come to one number."""

    SUM = "sum"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    LAST = "last"


_REDUCERS = {
    Form.AVERAGE: Reducer.MEAN,
    Form.MINIMUM: Reducer.MIN,
    Form.MAXIMUM: Reducer.MAX,
    Form.LATEST: Reducer.LAST,
    Form.RAW: Reducer.LAST,
}


def reducer_of(form: Form) -> Reducer:
    """Counts and sums add up; the others follow their own rule."""
    return _REDUCERS.get(form, Reducer.SUM)


@dataclass(frozen=True, slots=True)
class Column:
    """One row of an ask's answer, followed through time. `labels`: as an ask gets them (sorted), without the free label."""

    ask: str
    labels: Labels


@dataclass(frozen=True, slots=True, eq=False)
class ChunkBlock:
    """Chunks of one span, of some columns, over consecutive times; as asked, and as stored.

    Row i is the chunk that ends at `first + i * span` (Unix seconds). `asks`: the keys of all asks that were answered for
    all these times, also those whose answers had no row. `values` [times, columns]: counts as float32, 0 where there was
    no row. `seen` [times, columns]: twelfths (uint8) of the chunk that were seen: 0 no row, 12 the whole chunk.
    """

    span: int
    first: int
    asks: tuple[str, ...]
    columns: tuple[Column, ...]
    values: NDArray[np.float32]
    seen: NDArray[np.uint8]

    @property
    def times(self) -> range:
        """When the chunks end."""
        return range(self.first, self.first + self.span * len(self.values), self.span)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back (seconds) cells and hours are kept."""

    cells: int
    hours: int


SHORT_CELLS = 3 * HOUR  # the open hour, the one that settles, and what windows of up to an hour begin in
LONG_CELLS = 26 * HOUR  # windows of up to a day begin in a cell, longer ones in a part of an hour
LONGEST_OF_CELLS = HOUR  # seconds; windows of up to here need no hours


def reach_for(window: int) -> Reach:
    """What a longest window (seconds) needs."""
    if window <= LONGEST_OF_CELLS:
        return Reach(SHORT_CELLS, 0)
    return Reach(LONG_CELLS, window + 3 * HOUR)


def floor(time: float, span: int) -> int:
    """The latest border of `span` at or before `time`."""
    return int(time // span) * span
