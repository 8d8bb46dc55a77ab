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
from slo_daemon.core.slo.chunks import CELL
from slo_daemon.core.slo.measurement import (
    INCOMPLETE,
    NO_BUCKET_EDGE,
    TOO_FEW_EVENTS,
    Measured,
    Measurement,
    NoData,
    NoTraffic,
    Unavailable,
)
from slo_daemon.core.slo.objective import Direction
from slo_daemon.core.slo.query import NATIVE_BUCKET, Absent, Ask, FailReason, Form, Sample, Samples
from slo_daemon.core.slo.selector import Selector
from slo_daemon.core.slo.sli.parts import (
    Counted,
    Counter,
    Need,
    Part,
    Parts,
    Rows,
    exceeds,
    share,
    too_few_samples,
)


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
    """Buckets of one histogram from rows labelled `le`, or of a native one. `1` and `1.0` are one edge."""
    if isinstance(part, Absent):
        return too_few_samples(part)
    if part.rows[0].labels and part.rows[0].labels[0][0] == NATIVE_BUCKET:
        return read_native(part)
    sums: dict[float, float] = {}
    for row in part.rows:
        le, count = row.label("le"), row.value
        edge = edge_of(le)
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


def edge_of(le: str) -> float | None:
    """The number that a bucket's label writes; None when no bucket can end there."""
    try:
        edge = float(le)
    except ValueError:
        return None
    return edge if edge > -inf else None


def read_native(part: Samples) -> Buckets | NoTraffic | Unavailable:
    """Buckets of a native histogram, from rows labelled `left:right` with what each holds.

    Only edges that lie inside no bucket count: when the resolution was reduced in between, the finer edges are lost.
    """
    held: list[tuple[float, float, float]] = []
    for row in part.rows:
        text = row.label(NATIVE_BUCKET)
        if not text:  # a histogram without any bucket
            continue
        left, right = map(float, text.split(":"))
        if not row.value >= 0.0 or not left < right:
            detail = f"bucket {text!r} with count {row.value:g} in the answer to {part.promql}"
            return Unavailable(FailReason.VALUE, detail)
        if row.value > 0.0:
            held.append((left, right, row.value))
    if not held:
        return NoTraffic(("total = 0",))
    edges: list[float] = []
    counts: list[float] = []
    total = 0.0
    for left, right, count in sorted(held):
        if edges and left < edges[-1]:  # overlaps: one wider bucket
            edges[-1], counts[-1] = max(right, edges[-1]), counts[-1] + count
        else:
            if not edges or left > edges[-1]:
                edges.append(left)
                counts.append(total)
            edges.append(right)
            counts.append(total + count)
        total += count
    if edges[-1] < inf:
        edges.append(inf)
        counts.append(total)
    return Buckets(tuple(edges), tuple(counts))


def _buckets_of(histogram: Selector, by: tuple[str, ...], overlap: int, *, native: bool) -> dict[str, Ask]:
    if native:
        return {"buckets": Ask(Form.NATIVE, histogram, CELL, by, overlap=overlap)}
    return {"buckets": Ask(Form.BUCKETS, histogram.with_suffix("_bucket"), CELL, by, overlap=overlap)}


def _counted_by(histogram: Selector, *, native: bool) -> tuple[Selector, ...]:
    return (histogram if native else histogram.with_suffix("_count"),)


@dataclass(frozen=True, slots=True)
class LatencyShare:
    """The share of requests that took at most `threshold` (base unit of the metric, mostly seconds)."""

    kind: ClassVar[str] = "latency"
    histogram: Selector
    threshold: float
    native: bool = False

    def asks(self, by: tuple[str, ...], overlap: int) -> dict[str, Ask]:
        """All buckets: the threshold may lie between two of them."""
        return _buckets_of(self.histogram, by, overlap, native=self.native)

    def proof_of(self, by: tuple[str, ...]) -> str:  # noqa: ARG002 - the same for every grouping
        """The part whose rows prove that there are new samples."""
        return "buckets"

    def probes(self) -> tuple[Selector, ...]:
        """The histogram's count series."""
        return _counted_by(self.histogram, native=self.native)

    def counter(self, by: tuple[str, ...]) -> Counter:  # noqa: ARG002 - the same for every grouping
        """What makes events of parts that are known to be numbers. Between two edges the good ones have a range."""

        def counts(parts: Rows) -> Counted | None:
            rows = tuple(Sample(labels, value) for labels, value in parts["buckets"])
            buckets = read_buckets(Samples("", rows)) if rows else NoTraffic()
            if isinstance(buckets, NoTraffic):
                return 0.0, 0.0, 0.0
            if not isinstance(buckets, Buckets):
                return None
            below, above = buckets.around(self.threshold)
            least = buckets.counts[below] if below is not None else 0.0
            return least, buckets.counts[above], buckets.total

        return counts

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
            least.limit or NO_BUCKET_EDGE,
            (gap, *least.working[1:]),
            facts,
        )


@dataclass(frozen=True, slots=True)
class Quantile:
    """The q-quantile (0 < q < 1) of a histogram, in the metric's base unit."""

    kind: ClassVar[str] = "quantile"
    histogram: Selector
    q: float
    native: bool = False

    def asks(self, by: tuple[str, ...], overlap: int) -> dict[str, Ask]:
        """All buckets: quantiles are computed from sums, never averaged."""
        return _buckets_of(self.histogram, by, overlap, native=self.native)

    def proof_of(self, by: tuple[str, ...]) -> str:  # noqa: ARG002 - the same for every grouping
        """The part whose rows prove that there are new samples."""
        return "buckets"

    def probes(self) -> tuple[Selector, ...]:
        """The histogram's count series."""
        return _counted_by(self.histogram, native=self.native)

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
        low, high, limit = inf if beyond else _above(lower), upper, NO_BUCKET_EDGE
        unseen, few = need.unseen(buckets.total), buckets.total < need.min_events
        if estimate != inf and need.objective.met(low) != need.objective.met(high):
            working.append(
                f"the target {need.objective.target} lies within the same bucket, from {show(lower)} to {show(upper)}; "
                "take an edge of the histogram as the target, or give it a bucket that ends there"
            )
        if few or unseen:
            low, high = self._sure_range(buckets, unseen, few=few)
            limit = INCOMPLETE if unseen else TOO_FEW_EVENTS
        if few:
            working.append(
                f"{buckets.total:,.0f} events are fewer than the {need.min_events:,.0f} that it takes to claim a "
                f"p{self.q * 100:g}, so only what is 95 % sure counts: between {show(low)} and {show(high)}"
            )
        if unseen:
            working.append(need.incomplete())
        facts: Mapping[str, float] = {"lower_edge": lower, "upper_edge": upper}
        return Measured(estimate, low, high, None, buckets.total, limit, tuple(working), facts)

    def _sure_range(self, buckets: Buckets, unseen: float, *, few: bool) -> tuple[float, float]:
        """Edges between which the quantile surely lies.

        With `unseen` events more, which may all have been fast, or all slow. With `few`: with confidence, by exact binomial
        bounds on the share up to each edge.
        """
        rank, total = self.q * (buckets.total + unseen), buckets.total
        fast, slow = (rank - unseen) / total, rank / total
        low, high = -inf, inf
        if fast > 0.0:
            low = _surely_above(buckets, fast) if few else _above(buckets.quantile(fast)[1])
        if slow < 1.0:
            high = _surely_within(buckets, slow) if few else buckets.quantile(slow)[2]
        return low, high


def _surely_above(buckets: Buckets, q: float) -> float:
    total = buckets.total
    above = bisect_left(buckets.counts, True, key=lambda n: not surely_exceeds(total - n, total, 1.0 - q))
    return _above(buckets.edges[above - 1] if above else buckets.bottom)


def _surely_within(buckets: Buckets, q: float) -> float:
    below = bisect_left(buckets.counts, True, key=lambda n: surely_exceeds(n, buckets.total, q))
    return buckets.edges[below] if below < len(buckets.edges) else inf


def _above(edge: float) -> float:
    """The smallest number beyond an edge: a bucket holds what equals its upper edge."""
    return nextafter(edge, inf) if isfinite(edge) else edge
