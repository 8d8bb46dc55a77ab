"""The latest chunks of one span, in rows that are used again."""

from math import inf
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]
Numbers = NDArray[np.floating[Any]]  # counts in single precision, gauges in double
_GROWTH = 1.1  # arrays grow by a tenth: most columns come at once, and memory counts
ArrayT = TypeVar("ArrayT", bound=NDArray[Any])


class Ring:
    """The latest chunks of one span, in no order of rows. `values` and `seen` as in ChunkBlock, `asked` by ask.

    What an ask was not answered is 0 in `values` and `seen`.
    """

    def __init__(self, rows: int, *, exact: bool = False) -> None:
        self._free = list(range(rows - 1, -1, -1))  # rows that hold no chunk
        self.at: dict[float, int] = {}  # row by the time at which its chunk ends
        self.values: Numbers = np.zeros((rows, 0)) if exact else np.zeros((rows, 0), np.float32)
        self.seen = np.zeros((rows, 0), np.uint8)
        self.asked = np.zeros((rows, 0), np.bool_)
        self.version = 0
        self._complete: dict[float, bool] = {}

    def grow(self, columns: int, asks: int) -> None:
        """Room for so many columns and asks."""
        have = self.values.shape[1]
        if columns > have:
            self.values, self.seen = _wider(self.values, columns), _wider(self.seen, columns)
        if asks > self.asked.shape[1]:
            self.asked = _wider(self.asked, asks)
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
        if not self._free:
            oldest = min(self.at, default=inf)
            if time < oldest:
                return None
            self._close(oldest)
        row = self.at[time] = self._free.pop()
        return row

    def forget_after(self, time: float) -> None:
        """Drop the chunks that end after `time`."""
        late = [one for one in self.at if one > time]
        for one in late:
            self._close(one)
        if late:
            self.changed()

    def _close(self, time: float) -> None:
        row = self.at.pop(time)
        self.values[row], self.seen[row], self.asked[row] = 0.0, 0, False
        self._free.append(row)

    def complete(self, time: float, asks: int) -> bool:
        """Whether every one of the first `asks` asks was answered for the chunk that ends at `time`."""
        known = self._complete.get(time)
        if known is None:
            row = self.at.get(time)
            known = self._complete[time] = row is not None and bool(self.asked[row, :asks].all())
        return known


def _wider(array: ArrayT, columns: int) -> ArrayT:
    """The same with room for more columns; what is not used yet takes no memory."""
    rows, have = array.shape
    wider = np.zeros((rows, max(columns, int(have * _GROWTH))), array.dtype)
    wider[:, :have] = array
    return wider  # type: ignore[return-value]
