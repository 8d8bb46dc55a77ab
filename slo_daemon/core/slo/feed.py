"""From the answers to one query, slot after slot, to chunks.

Tens of thousands of rows come in each slot, and nearly always the same ones: their places are remembered, and only what is
new or strange is looked at row by row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from slo_daemon.core.slo.chunks import CELL, WHOLE, ChunkBlock, Column
from slo_daemon.core.slo.query import (
    COUNTS,
    Failed,
    FailReason,
    Form,
    Labels,
    Query,
    Reading,
    Sample,
    Samples,
    own_labels,
)

_LARGEST = float(np.finfo(np.float32).max)


class Row(Protocol):
    """One series of an answer over several times; `values` beside `times` (Unix seconds)."""

    @property
    def labels(self) -> Labels: ...

    @property
    def times(self) -> Sequence[float]: ...

    @property
    def values(self) -> Sequence[float]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """An answer as chunks that end at `times`. `values` and `seen` are [times, columns of the feed], as in ChunkBlock.

    Gauges are in double precision until they are stored. `answered`: the keys of the asks that the answer answers, also with nothing; `failed`: why it does not, by key.
    """

    times: Sequence[float]
    values: NDArray[np.floating[Any]]
    seen: NDArray[np.uint8]
    answered: tuple[str, ...]
    failed: Mapping[str, Failed]


class Feed:
    """One query of a plan. Columns are added as they appear, and never leave."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.promql = query.promql
        self.keys = tuple(ask.key for ask in query.asks)
        self.columns: list[Column] = []
        self._owners = query.owners()
        self._places: dict[Labels, int] = {}  # by the labels of a row as it is sent
        self._index: dict[Column, int] = {}
        self._whole: dict[Column, int] = {}  # columns that are there or not there together
        self._kin: list[int] = []
        self._exact = query.whole.form not in COUNTS
        self._together = query.whole.split is not None or query.whole.form is Form.NATIVE

    def instant(self, reading: Reading, time: float) -> Taken:
        """The answer to an instant query."""
        if isinstance(reading, Failed):
            return self._nothing((time,), dict.fromkeys(self.keys, reading))
        rows = reading.rows if isinstance(reading, Samples) else ()
        places, failed = self._placed(rows)
        values = np.array([row.value for row in rows], np.float64)
        taken = np.zeros((1, len(self.columns)), np.float64)
        seen = np.zeros((1, len(self.columns)), np.uint8)
        kept = places >= 0
        taken[0, places[kept]], seen[0, places[kept]] = values[kept], WHOLE
        return self._checked((time,), taken, seen, failed)

    def over(self, rows: Sequence[Row], times: Sequence[float], span: int = CELL) -> Taken:
        """The answer to a range query about chunks of `span` that end at just these times, evenly spaced.

        What is no number at one of them was not seen there, and fails nothing: the past will not get better by asking.
        """
        step = times[1] - times[0] if len(times) > 1 else 1
        newest = [Sample(row.labels, row.values[-1]) for row in rows]
        places, failed = self._placed(newest)
        taken = np.zeros((len(times), len(self.columns)), np.float64)
        seen = np.zeros((len(times), len(self.columns)), np.uint8)
        for place, row in zip(places, rows, strict=True):
            if place >= 0:
                at = np.rint((np.asarray(row.times) - times[0]) / step).astype(np.intp)
                taken[at, place], seen[at, place] = row.values, WHOLE
        self._blank(taken, seen)
        return self._checked(times, taken, seen, failed, span)

    def block(self, taken: Taken, span: int) -> ChunkBlock:
        """What was taken, to be stored: the columns that have a row in it."""
        kept = np.flatnonzero(taken.seen.any(axis=0))
        columns = tuple(self.columns[i] for i in kept)
        return ChunkBlock(
            span,
            int(taken.times[0]),
            taken.answered,
            columns,
            taken.values[:, kept].astype(np.float32),
            taken.seen[:, kept],
        )

    def _nothing(self, times: Sequence[float], failed: Mapping[str, Failed]) -> Taken:
        shape = (len(times), len(self.columns))
        return Taken(times, np.zeros(shape, np.float32), np.zeros(shape, np.uint8), (), failed)

    def _placed(self, rows: Sequence[Sample]) -> tuple[NDArray[np.intp], dict[str, Failed]]:
        """The column of each row; -1 for rows that belong to no answer."""
        places = [self._places.get(row.labels, -1) for row in rows]
        if -1 not in places and len(set(places)) == len(places):
            return np.array(places, np.intp), {}
        failed = self._learn(rows)
        places = [self._places.get(row.labels, -1) for row in rows]
        lost = [place < 0 or self.columns[place].ask in failed for place in places]
        return np.where(lost, -1, np.array(places, np.intp)), failed

    def _learn(self, rows: Sequence[Sample]) -> dict[str, Failed]:
        """New columns, and the asks whose rows cannot be understood."""
        readings = self.query.readings(Samples(self.query.promql, tuple(rows)))
        keys = dict(zip(self.query.asks, self.keys, strict=True))
        failed = {keys[ask]: reading for ask, reading in readings.items() if isinstance(reading, Failed)}
        free = self.query.free
        for row in rows:
            value = next((value for name, value in row.labels if name == free), "")
            ask = self._owners.get(value)
            labels = None if ask is None else own_labels(ask, free, row.labels)
            if ask is not None and labels is not None and keys[ask] not in failed:
                self._places[row.labels] = self._place(Column(keys[ask], labels), ask.by)
        return failed

    def _place(self, column: Column, by: Iterable[str]) -> int:
        place = self._index.get(column)
        if place is None:
            place = self._index[column] = len(self.columns)
            self.columns.append(column)
            group = tuple(pair for pair in column.labels if pair[0] in by)
            self._kin.append(self._whole.setdefault(Column(column.ask, group), len(self._whole)))
        return place

    def _checked(
        self,
        times: Sequence[float],
        values: NDArray[np.float64],
        seen: NDArray[np.uint8],
        failed: dict[str, Failed],
        span: int = CELL,
    ) -> Taken:
        """Numbers that cannot be are failures of their ask; what belongs together is there together."""
        wrong = self._wrong(values)
        if wrong.any():
            for place in np.flatnonzero(wrong.any(axis=0)):
                value = values[wrong[:, place], place][0]
                key = self.columns[place].ask
                failed[key] = Failed(
                    self.query.promql,
                    FailReason.VALUE,
                    f"Prometheus answered {value:g} where a number was expected",
                )
        if failed:
            lost = [column.ask in failed for column in self.columns]
            values[:, lost], seen[:, lost] = 0.0, 0
        if self._together and self.columns:
            kin = np.array(self._kin, np.intp)
            any_seen = np.zeros((len(self._whole), len(seen)), np.uint8)
            np.maximum.at(any_seen, kin, seen.T)
            seen = any_seen[kin].T.copy()
        scale = self.query.whole.scale_over(span)
        if scale != 1.0:
            values = values * scale
        answered = self.keys if not failed else tuple(key for key in self.keys if key not in failed)
        return Taken(times, values if self._exact else values.astype(np.float32), seen, answered, failed)

    def _wrong(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """What no answer can be: no number, one that cannot be stored, or a negative count."""
        wrong: NDArray[np.bool_] = ~(np.abs(values) <= _LARGEST)
        return wrong if self._exact else wrong | (values < 0.0)

    def _blank(self, values: NDArray[np.float64], seen: NDArray[np.uint8]) -> None:
        """Where a number cannot be, nothing of its group was seen at that time."""
        wrong, kin = self._wrong(values), np.array(self._kin, np.intp)
        for at in np.flatnonzero(wrong.any(axis=1)):
            lost = np.isin(kin, kin[wrong[at]])
            values[at, lost], seen[at, lost] = 0.0, 0
