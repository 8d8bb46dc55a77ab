"""Histogram kinds: the share of requests under a threshold, and quantiles, both from summed buckets.

A classic histogram only knows its bucket edges. Between two edges the daemon shows the linear estimate that
Prometheus' `histogram_quantile` gives, but decides only what the edges prove.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import inf, isfinite, nextafter
from typing import ClassVar

from slo_daemon.core.slo.binomial import surely_exceeds
from slo_daemon.core.slo.measurement import Measured, Measurement, NoData, NoTraffic, Unavailable
from slo_daemon.core.slo.objective import Direction
from slo_daemon.core.slo.query import Absent, Ask, FailReason, Form
from slo_daemon.core.slo.selector import Selector
from slo_daemon.core.slo.sli.parts import Need, Part, Parts, exceeds, share, too_few_samples


@dataclass(frozen=True, slots=True)
class Buckets:
    """Cumulative counts by upper edge (ascending; the last edge is +Inf), as Prometheus keeps them."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]

    @property
    def total(self) -> float:
        """All events."""
        return self.counts[-1]

    def around(self, value: float) -> tuple[int | None, int]:
        """Indices of the last edge <= `value` (None when there is none) and of the first edge >= `value`."""
        below = max((i for i, edge in enumerate(self.edges) if edge <= value), default=None)
        above = min(i for i, edge in enumerate(self.edges) if edge >= value)
        return below, above

    def quantile(self, q: float) -> tuple[float, float, float]:
        """(estimate, lower edge, upper edge) of the q-quantile, 0 < q < 1, total > 0.

        The estimate is linear inside its bucket, as in Prometheus' histogram_quantile, but infinite beyond the last
        finite edge, where Prometheus would answer that edge.
        """
        rank = q * self.total
        index = next(i for i, count in enumerate(self.counts) if count >= rank)
        upper, lower = self.edges[index], self.edges[index - 1] if index else self.bottom
        if not isfinite(upper):
            return inf, lower, inf
        if not isfinite(lower):
            return upper, lower, upper
        before = self.counts[index - 1] if index else 0.0
        return lower + (upper - lower) * (rank - before) / (self.counts[index] - before), lower, upper

    @property
    def bottom(self) -> float:
        """The lower edge of the first bucket: 0, unless the histogram shows that it holds negative values."""
        return 0.0 if self.edges[0] > 0.0 else -inf


def read_buckets(part: Part) -> Buckets | NoTraffic | NoData | Unavailable:
    """Buckets of one histogram from rows labelled `le`. `1` and `1.0` are one edge."""
    if isinstance(part, Absent):
        return too_few_samples(part)
    sums: dict[float, float] = {}
    for row in part.rows:
        le, count = row.label("le"), row.value
        edge = _edge(le)
        if edge is None or not 0.0 <= count < inf:
            return Unavailable(
                FailReason.VALUE, f"bucket edge {le!r} with count {count:g} in the answer to {part.promql}"
            )
        sums[edge] = sums.get(edge, 0.0) + count
    if inf not in sums:
        return Unavailable(FailReason.SHAPE, f"no +Inf bucket in the answer to {part.promql}")
    if len(sums) == 1:
        return Unavailable(
            FailReason.SHAPE,
            f"only the +Inf bucket in the answer to {part.promql}: are the others dropped, or is it a native histogram?",
        )
    edges = tuple(sorted(sums))
    counts = tuple(accumulate((sums[edge] for edge in edges), max))  # extrapolation may leave tiny dips
    if exceeds(counts[-1], sums[inf]):
        return Unavailable(
            FailReason.VALUE,
            f"a bucket holds {counts[-1]:g} of {sums[inf]:g} events in the answer to {part.promql}",
        )
    return Buckets(edges, counts) if counts[-1] > 0 else NoTraffic(("total = 0",))


def _edge(le: str) -> float | None:
    """The number that a bucket's label writes; None when no bucket can end there."""
    try:
        edge = float(le)
    except ValueError:
        return None
    return edge if edge > -inf else None


def _buckets_of(histogram: Selector, window: int, by: tuple[str, ...]) -> dict[str, Ask]:
    return {"buckets": Ask(Form.BUCKETS, histogram.with_suffix("_bucket"), window, by)}


def _count_of(histogram: Selector) -> tuple[Selector, ...]:
    return (histogram.with_suffix("_count"),)


@dataclass(frozen=True, slots=True)
class LatencyShare:
    """The share of requests that took at most `threshold` (base unit of the metric, mostly seconds)."""

    kind: ClassVar[str] = "latency"
    histogram: Selector
    threshold: float

    def asks(self, window: int, by: tuple[str, ...]) -> dict[str, Ask]:
        """All buckets: the threshold may lie between two of them."""
        return _buckets_of(self.histogram, window, by)

    def probes(self) -> tuple[Selector, ...]:
        """The histogram's count series."""
        return _count_of(self.histogram)

    def measure(self, parts: Parts, need: Need) -> Measurement:
        """Exact where the threshold is a bucket edge; else a range between the shares at the edges around it."""
        buckets = read_buckets(parts["buckets"])
        if not isinstance(buckets, Buckets):
            return buckets
        below, above = buckets.around(self.threshold)
        names = (f"within {self.threshold:g}s", "total")
        if below == above:
            return share(buckets.counts[above], buckets.total, names, need, counts_good=True, as_good=True)
        few, many = buckets.counts[below] if below is not None else 0.0, buckets.counts[above]
        least = share(few, buckets.total, names, need, counts_good=True, as_good=True)
        most = share(many, buckets.total, names, need, counts_good=True, as_good=True)
        if not isinstance(least, Measured) or not isinstance(most, Measured):
            return least
        edges = (buckets.edges[below] if below is not None else buckets.bottom, buckets.edges[above])
        show = need.objective.unit.show
        gap = (
            f"no bucket edge at {self.threshold:g}s: {show(least.value)} of {buckets.total:,.0f} lie within {edges[0]:g}s, "
            f"{show(most.value)} within {edges[1]:g}s; the lower share is shown"
        )
        facts = {"lower_edge": edges[0], "upper_edge": edges[1]}
        return Measured(
            least.value,
            least.low,
            most.high,
            few,
            buckets.total,
            "no_bucket_edge",
            (gap, *least.working[1:]),
            facts,
        )


@dataclass(frozen=True, slots=True)
class Quantile:
    """The q-quantile (0 < q < 1) of a histogram, in the metric's base unit."""

    kind: ClassVar[str] = "quantile"
    histogram: Selector
    q: float

    def asks(self, window: int, by: tuple[str, ...]) -> dict[str, Ask]:
        """All buckets: quantiles are computed from sums, never averaged."""
        return _buckets_of(self.histogram, window, by)

    def probes(self) -> tuple[Selector, ...]:
        """The histogram's count series."""
        return _count_of(self.histogram)

    def measure(self, parts: Parts, need: Need) -> Measurement:
        """The estimate, and the bucket in which the quantile surely lies."""
        buckets = read_buckets(parts["buckets"])
        if not isinstance(buckets, Buckets):
            return buckets
        show = need.objective.unit.show
        estimate, lower, upper = buckets.quantile(self.q)
        place = (
            f"beyond the last bucket edge {show(lower)}"
            if estimate == inf
            else f"in the bucket up to {show(upper)}"
        )
        rank = (
            f"rank {self.q:g} x {buckets.total:,.0f} events = {self.q * buckets.total:,.1f} lies {place} "
            f"(from {show(lower)})"
        )
        working = [rank if estimate == inf else f"{rank}: {show(estimate)}"]
        # Beyond the last edge nothing shows that the quantile is below any threshold: where small is good, it is not.
        beyond = estimate == inf and need.objective.direction is Direction.AT_MOST
        low, high, limit = inf if beyond else _above(lower), upper, "no_bucket_edge"
        if buckets.total < need.min_events:
            low, high, limit = *self._sure_range(buckets), "too_few_events"
            working.append(
                f"{buckets.total:,.0f} events are fewer than the {need.min_events:,.0f} that it takes to claim a "
                f"p{self.q * 100:g}, so only what is 95 % sure counts: between {show(low)} and {show(high)}"
            )
        facts: Mapping[str, float] = {"lower_edge": lower, "upper_edge": upper}
        return Measured(estimate, low, high, None, buckets.total, limit, tuple(working), facts)

    def _sure_range(self, buckets: Buckets) -> tuple[float, float]:
        """Edges between which the quantile lies with confidence: exact binomial bounds on the share up to each edge."""
        total = buckets.total
        above = bisect_left(
            buckets.counts, True, key=lambda n: not surely_exceeds(total - n, total, 1.0 - self.q)
        )
        below = bisect_left(buckets.counts, True, key=lambda n: surely_exceeds(n, total, self.q))
        low = _above(buckets.edges[above - 1] if above else buckets.bottom)
        return low, buckets.edges[below] if below < len(buckets.edges) else inf


def _above(edge: float) -> float:
    """The smallest number beyond an edge: a bucket holds what equals its upper edge."""
    return nextafter(edge, inf) if isfinite(edge) else edge
