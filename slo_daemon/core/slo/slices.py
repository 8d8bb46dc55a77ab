"""Slices of time: each 5-minute cell judged once, as met or missed, so that they can be counted like events.

A slice is judged by its value, as one reads it off a graph; how sure that is does not matter, since thousands of them are
summed. Where a budget says `proven`, it is missed only if its events prove that: of few events a single bad one does not,
and a streak of days should not end by it. One without traffic is seen, but counts for nothing. One without data is not seen.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf

import numpy as np

from slo_daemon.core.slo.book import Entry
from slo_daemon.core.slo.chunks import CELL, HOUR, WHOLE, ChunkBlock, Column, floor
from slo_daemon.core.slo.grouping import by_group
from slo_daemon.core.slo.ledger import Cells
from slo_daemon.core.slo.measurement import Measured, NoTraffic
from slo_daemon.core.slo.query import Absent, Labels, Sample, Samples
from slo_daemon.core.slo.sli.parts import Need, Part
from slo_daemon.core.slo.tallies import JUDGED, MET


def judge(entry: Entry, parts: Mapping[str, Cells], times: Sequence[float]) -> ChunkBlock:
    """Every cell that ends at `times`, for every group. `parts`: the cells of each part over these times."""
    by = entry.slo.group_by
    of_group: dict[str, Mapping[Labels, tuple[tuple[Labels, int], ...]]] = {
        name: by_group([(column.labels, i) for i, column in enumerate(columns)], by)
        for name, (columns, _, _) in parts.items()
    }
    groups = sorted({group for found in of_group.values() for group in found if group or not by})
    shape = (len(times), 2 * len(groups))
    values, seen = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    columns: list[Column] = []
    for g, group in enumerate(groups):
        columns += [Column(entry.slices, tuple(sorted(group + pair))) for pair in (MET, JUDGED)]
        own = {name: found.get(group, ()) for name, found in of_group.items()}
        for t in range(len(times)):
            judged = _judged(entry, {name: _part(entry, name, parts[name], own[name], t) for name in own})
            if judged is not None:
                values[t, 2 * g : 2 * g + 2], seen[t, 2 * g : 2 * g + 2] = judged, WHOLE
    return ChunkBlock(CELL, int(times[0]), (entry.slices,), tuple(columns), values, seen)


def _part(entry: Entry, name: str, cells: Cells, own: Iterable[tuple[Labels, int]], t: int) -> Part:
    _, values, seen = cells
    rows = tuple(Sample(labels, float(values[t, i])) for labels, i in own if seen[t, i])
    return Samples(entry.texts[name], rows) if rows else Absent(entry.texts[name])


def _judged(entry: Entry, parts: Mapping[str, Part]) -> tuple[float, float] | None:
    """(1 if it met, 1 if it counts); None for what was not seen."""
    if entry.proof and isinstance(parts[entry.proof], Absent):
        return None
    budget, objective = entry.slo.budget, entry.slo.objective
    proven = budget is not None and budget.proven
    measurement = entry.slo.indicator.measure(parts, Need(objective, 0.0, CELL))
    if proven and isinstance(measurement, Measured) and not objective.met(measurement.value):
        # Bounds are searched for, so only where they matter: what is met by its value is not surely missed.
        measurement = entry.slo.indicator.measure(parts, Need(objective, inf, CELL))
    match measurement:
        case Measured(value=value, low=low, high=high):
            return float(objective.met(objective.better(low, high) if proven else value)), 1.0
        case NoTraffic():
            return 0.0, 0.0
        case _:
            return None


def hours_of(cells: ChunkBlock) -> ChunkBlock | None:
    """The whole hours in a block of judged cells, as their sums. None when there is none."""
    first = -floor(-(cells.first - CELL), HOUR)
    last = floor(cells.times[-1], HOUR)
    count = (last - first) // HOUR
    if count < 1:
        return None
    skip = (first + CELL - cells.first) // CELL
    shape = (count, HOUR // CELL, len(cells.columns))
    rows = slice(skip, skip + count * (HOUR // CELL))
    values = cells.values[rows].reshape(shape).sum(axis=1, dtype=np.float32)
    seen = (cells.seen[rows].reshape(shape) > 0).sum(axis=1).astype(np.uint8)
    return ChunkBlock(HOUR, first + HOUR, cells.asks, cells.columns, values, seen)
