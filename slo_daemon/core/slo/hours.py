"""Hours of an ask one by one, for charts: closed hours as they were asked, the others from the cells that are there."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from slo_daemon.core.slo.chunk_table import Table
from slo_daemon.core.slo.chunks import CELL, HOUR, WHOLE, Reducer
from slo_daemon.core.slo.ledger import Group
from slo_daemon.core.slo.query import Form, Labels, Sample


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """The columns of one group of an ask over hours: a copy, that may be read while the ledger goes on.

    `values` and `seen` (twelfths) are [hours, columns]; `some_seen`, of any column, and `answered` (twelfths) are by hour.
    """

    labels: tuple[Labels, ...]
    reducer: Reducer
    values: NDArray[np.float64]
    seen: NDArray[np.int64]
    some_seen: Sequence[int]
    answered: Sequence[int]

    def rows(self, form: Form, first: int, last: int) -> list[Sample]:
        """The rows of the hours from `first` up to `last`, taken together.

        A bucket edge that was not there all the time says nothing about all of it, so it is left out.
        """
        values, seen = self.values[first:last], self.seen[first:last]
        twelfths = seen.sum(axis=0).tolist()
        least = max(twelfths, default=0) if form is Form.BUCKETS else 1
        together = _together(self.reducer, values, seen).tolist()
        return [
            Sample(labels, value)
            for labels, value, own in zip(self.labels, together, twelfths, strict=True)
            if own >= max(1, least)
        ]

    def covered(self, first: int, last: int) -> float:
        """How many seconds were seen of the hours from `first` up to `last`."""
        return sum(self.some_seen[first:last]) * HOUR / WHOLE

    def told(self, first: int, last: int) -> float:
        """How many seconds of them the source has answered for."""
        return sum(self.answered[first:last]) * HOUR / WHOLE


def hours_of(table: Table, key: str, columns: Group, ends: Sequence[int]) -> Hours:
    """The hours that end at `ends`, of these columns of an ask. What is not kept was neither seen nor answered."""
    places = np.array([place for _, place in columns], np.intp)
    shape = (len(ends), len(places))
    values, seen, answered = np.zeros(shape), np.zeros(shape, np.int64), [0] * len(ends)
    own = table.asks[key]
    for hour, end in enumerate(ends):
        row = table.hours.at.get(end)
        if row is not None and table.hours.asked[row, own]:
            values[hour], seen[hour] = table.hours.values[row, places], table.hours.seen[row, places]
            answered[hour] = WHOLE
            continue
        times = (table.cells.at.get(time) for time in range(end - HOUR + CELL, end + CELL, CELL))
        rows = [cell for cell in times if cell is not None and table.cells.asked[cell, own]]
        if rows:
            at = np.ix_(np.array(rows, np.intp), places)
            of_cells = table.cells.seen[at].astype(np.int64)
            values[hour] = _together(table.reducer, table.cells.values[at].astype(np.float64), of_cells)
            seen[hour] = (of_cells > 0).sum(axis=0)
            answered[hour] = len(rows)
    labels = tuple(labels for labels, _ in columns)
    return Hours(labels, table.reducer, values, seen, seen.max(axis=1, initial=0).tolist(), answered)


def _together(reducer: Reducer, values: NDArray[np.float64], seen: NDArray[np.int64]) -> NDArray[np.float64]:
    """What spans come to, by column; both are [spans, columns]. 0.0 where nothing was seen, as in the chunks."""
    there = seen > 0
    found: NDArray[np.float64]
    match reducer:
        case Reducer.SUM:
            found = values.sum(axis=0)
        case Reducer.MEAN:
            found = (values * seen).sum(axis=0) / np.maximum(1, seen.sum(axis=0))
        case Reducer.MIN:
            found = np.where(there, values, inf).min(axis=0, initial=inf)
        case Reducer.MAX:
            found = np.where(there, values, -inf).max(axis=0, initial=-inf)
        case Reducer.LAST:
            newest = len(values) - 1 - np.argmax(there[::-1], axis=0)
            found = values[newest, np.arange(values.shape[1])]
    return np.where(there.any(axis=0), found, 0.0)
