"""Hours of an ask one by one, for charts: closed hours as they were asked, the others from the cells that are there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slo_daemon.core.slo.chunk_table import Table
from slo_daemon.core.slo.chunks import CELL, HOUR, WHOLE, Reducer
from slo_daemon.core.slo.ledger import Group
from slo_daemon.core.slo.query import Form, Labels, Sample


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """The columns of one group of an ask over hours: a copy, that may be read when the ledger goes on.

    `values` and `seen` (twelfths) are [hours, columns], `answered` (twelfths) is by hour.
    """

    labels: tuple[Labels, ...]
    reducer: Reducer
    values: NDArray[np.float64]
    seen: NDArray[np.int64]
    answered: NDArray[np.int64]

    def rows(self, form: Form, first: int, last: int) -> list[Sample]:
        """The rows of the hours from `first` up to `last`, taken together.

        A bucket edge that was not there all the time says nothing about all of it, so it is left out.
        """
        seen = self.seen[first:last].sum(axis=0)
        least = int(seen.max(initial=0)) if form is Form.BUCKETS else 1
        return [
            Sample(labels, self._together(place, first, last))
            for place, labels in enumerate(self.labels)
            if seen[place] >= max(1, least)
        ]

    def covered(self, first: int, last: int) -> float:
        """How many seconds were seen of the hours from `first` up to `last`."""
        return float(self.seen[first:last].max(axis=1, initial=0).sum()) * HOUR / WHOLE

    def told(self, first: int, last: int) -> float:
        """How many seconds of them the source has answered for."""
        return float(self.answered[first:last].sum()) * HOUR / WHOLE

    def _together(self, place: int, first: int, last: int) -> float:
        return _reduced(self.reducer, self.values[first:last, place], self.seen[first:last, place])


def hours_of(table: Table, key: str, columns: Group, ends: Sequence[int]) -> Hours:
    """The hours that end at `ends`, of these columns of an ask. What is not kept was neither seen nor answered."""
    places = np.array([place for _, place in columns], np.intp)
    shape = (len(ends), len(places))
    values, seen = np.zeros(shape), np.zeros(shape, np.int64)
    answered = np.zeros(len(ends), np.int64)
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
            there, of_cells = table.cells.values[at], table.cells.seen[at]
            values[hour] = [
                _reduced(table.reducer, there[:, place], of_cells[:, place]) for place in range(len(places))
            ]
            seen[hour] = (of_cells > 0).sum(axis=0)
            answered[hour] = len(rows)
    return Hours(tuple(labels for labels, _ in columns), table.reducer, values, seen, answered)


def _reduced(reducer: Reducer, values: NDArray[Any], seen: NDArray[Any]) -> float:
    """What the parts of a span come to; 0.0 where none was seen."""
    known = values[seen > 0]
    if not len(known):
        return 0.0
    match reducer:
        case Reducer.SUM:
            return float(known.sum(dtype=np.float64))
        case Reducer.MEAN:
            return float(np.average(known, weights=seen[seen > 0]))
        case Reducer.MIN:
            return float(known.min())
        case Reducer.MAX:
            return float(known.max())
        case Reducer.LAST:
            return float(known[-1])
