"""Windows of a histogram whose bucket edges have changed: sums over just that part in which certain edges were there."""

from collections.abc import Iterator, Sequence

import numpy as np

from slo_daemon.core.slo.chunk_ring import Ring
from slo_daemon.core.slo.chunk_table import Table
from slo_daemon.core.slo.chunks import CELL, HOUR, WHOLE, floor

_Piece = tuple[
    Ring, float, float, int
]  # a ring, the end of a chunk in it, the share of it that counts, its span


def sums_where(
    table: Table, start: float, end: float, columns: Sequence[int], needed: Sequence[int]
) -> tuple[dict[int, float], float]:
    """What the columns counted from `start` to `end` in chunks in which all of `needed` had a row; the seconds of these."""
    at, must = np.array(columns, np.intp), np.array(needed, np.intp)
    counts, seconds = np.zeros(len(columns)), 0.0
    hours: list[int] = []
    for ring, time, weight, span in _pieces(table, start, end, hours):
        row = ring.at[time]
        seen = int(ring.seen[row, must].min())
        if seen:
            counts += weight * ring.values[row, at]
            seconds += weight * span * seen / WHOLE
    if hours:
        rows = np.array([table.hours.at[hour] for hour in hours], np.intp)
        of_hours = table.hours.seen[np.ix_(rows, must)].min(axis=1)
        counts += table.hours.values[np.ix_(rows[of_hours > 0], at)].sum(axis=0, dtype=np.float64)
        seconds += float(of_hours.sum()) * HOUR / WHOLE
    return dict(zip(columns, counts.tolist(), strict=True)), seconds


def _pieces(table: Table, start: float, end: float, hours: list[int]) -> Iterator[_Piece]:
    """The chunks of a window, newest first, but for whole hours: these are added to `hours`."""
    time = end
    while time - CELL >= start and time in table.ticks.at:
        yield table.ticks, time, 1.0, CELL
        time -= CELL
    while time > start:
        low = max(start, floor(time - 1e-3, HOUR))
        hour = floor(low, HOUR) + HOUR
        if time - low >= HOUR and hour in table.hours.at:
            hours.append(hour)
        else:
            yield from _part(table, low, time, hour)
        time = low


def _part(table: Table, low: float, high: float, hour: int) -> Iterator[_Piece]:
    """A part of one hour: its cells, or its share of the hour where they are not all there."""
    cells = range(floor(low, CELL) + CELL, -floor(-high, CELL) + CELL, CELL)
    if hour in table.hours.at and not all(cell in table.cells.at for cell in cells):
        yield table.hours, hour, (high - low) / HOUR, HOUR
        return
    for cell in cells:
        if cell in table.cells.at:
            yield table.cells, cell, (min(high, cell) - max(low, cell - CELL)) / CELL, CELL
