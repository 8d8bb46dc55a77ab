"""What really happened: events by service in bins of one scrape interval, as sums from the history's start."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.plan import EDGES, SCRAPE, HistoryPlan, service_name

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Happened:
    """In a span of time: requests, failed requests, and requests by bucket (not summed up)."""

    total: int
    failed: int
    buckets: Counts

    def quantile(self, share: float) -> float:
        """Seconds, interpolated in the bucket as `histogram_quantile` does; the last finite edge beyond it."""
        under = np.cumsum(self.buckets)
        rank = share * float(under[-1])
        at = int(np.searchsorted(under, rank))
        if at >= len(EDGES):
            return EDGES[-1]
        low = EDGES[at - 1] if at else 0.0
        inside = float(self.buckets[at])
        return low + (EDGES[at] - low) * (rank - (float(under[at]) - inside)) / inside


class Truth:
    """The truth of one service. Spans begin and end at the edges of bins."""

    def __init__(self, plan: HistoryPlan, total: Counts, failed: Counts, buckets: Counts) -> None:
        """Counts of each bin; buckets as [bin, bucket]."""
        self._plan = plan
        self._total, self._failed = _sums(total), _sums(failed)
        self._buckets = _sums(buckets)

    def between(self, start: float, end: float) -> Happened:
        """What happened in [start, end), in Unix seconds. Raises ValueError where that is not known exactly."""
        first, last = self._bin(start), self._bin(end)
        return Happened(
            total=int(self._total[last] - self._total[first]),
            failed=int(self._failed[last] - self._failed[first]),
            buckets=self._buckets[last] - self._buckets[first],
        )

    def _bin(self, when: float) -> int:
        number, rest = divmod(when - self._plan.start, SCRAPE)
        if rest or not 0 <= number <= self._plan.bins:
            raise ValueError(f"{when:.3f} is no edge of a bin of this history")
        return int(number)


def save_truth(folder: Path, number: int, total: Counts, failed: Counts, buckets: Counts) -> None:
    """Write a service's counts by bin into the folder."""
    small = (part.astype(np.uint32) for part in (total, failed, buckets))
    for name, part in zip(_PARTS, small, strict=True):
        np.save(folder / f"{service_name(number)}.{name}.npy", part)


def load_truth(folder: Path, plan: HistoryPlan, number: int) -> Truth:
    """Raises OSError when it is not there."""
    parts = (np.load(folder / f"{service_name(number)}.{name}.npy") for name in _PARTS)
    return Truth(plan, *(part.astype(np.int64) for part in parts))


_PARTS = ("total", "failed", "buckets")


def _sums(counts: Counts) -> Counts:
    return np.concatenate([np.zeros((1, *counts.shape[1:]), dtype=np.int64), np.cumsum(counts, axis=0)])
