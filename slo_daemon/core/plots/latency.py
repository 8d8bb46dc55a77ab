"""Latency as a histogram knows it: its buckets, the thresholds, and the bucket in which a quantile lies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite

from slo_daemon.core.plots.drawing import (
    WIDTH,
    Say,
    Scale,
    box,
    chart,
    cut,
    key_line,
    label,
    nothing,
    straight,
)
from slo_daemon.core.slo.phrases import say_share

_LEFT, _RIGHT = 66.0, WIDTH - 52.0
_ROW, _TOP, _BAR = 16.0, 4.0, 11.0
_MOST_ROWS = 16
_STYLES = ("plot-target", "plot-warning", "plot-critical")
_INKS = ("plot-good", "plot-warn", "plot-bad")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A line at a latency. `grave`: 0 the target, 1 warning, 2 critical."""

    name: str
    at: float
    grave: int


@dataclass(frozen=True, slots=True)
class Latencies:
    """A histogram: upper edges, ascending, the last one infinite, and how many events lie up to each.

    `quantile`: its name and the edges of the bucket it lies in; None where no quantile is asked about.
    """

    edges: Sequence[float]
    counts: Sequence[float]
    thresholds: Sequence[Threshold]
    quantile: tuple[str, float, float] | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    lower: float
    upper: float
    share: float


def latency(key: str, title: str, seen: Latencies, say: Say) -> str:
    """A row for each bucket with the share of events in it. A threshold inside a bucket is drawn through its row."""
    total = seen.counts[-1] if seen.counts else 0.0
    if not 0.0 < total < inf:
        return nothing(key, title, "no event in this window")
    rows = _rows(seen, total)
    height = _TOP + _ROW * len(rows) + 8 + 14 * len(seen.thresholds)
    return chart(key, title, _about(seen, rows, say), height, _body(seen, rows, say))


def _rows(seen: Latencies, total: float) -> list[_Row]:
    """The buckets from the first to the last that matters; the ones before and after are taken together."""
    edges, counts = list(seen.edges), list(seen.counts)
    wanted = {threshold.at for threshold in seen.thresholds}
    if seen.quantile is not None:
        wanted |= {seen.quantile[1], seen.quantile[2]}
    while len(edges) > 2:
        empty_end = edges[-2] > max(wanted, default=0.0) and counts[-2] >= total and counts[-3] >= total
        if not empty_end:
            break
        del edges[-2], counts[-2]
    while len(edges) > _MOST_ROWS:  # the least important edge goes: the one that parts the fewest events
        lost = min(
            (i for i in range(len(edges) - 1)),
            key=lambda i: (edges[i] in wanted, counts[i + 1] - (counts[i - 1] if i else 0.0), i),
        )
        del edges[lost], counts[lost]
    found, before, lower = [], 0.0, 0.0 if edges[0] > 0.0 else -inf
    for edge, count in zip(edges, counts, strict=True):
        found.append(_Row(lower, edge, max(0.0, count - before) / total))
        before, lower = max(count, before), edge
    return found


def _body(seen: Latencies, rows: Sequence[_Row], say: Say) -> Iterator[str]:
    here: list[str] = []
    scale = Scale(0.0, max(*(row.share for row in rows), 0.01), _LEFT, _RIGHT)
    for place, row in enumerate(rows):
        y = _TOP + place * _ROW
        holds = seen.quantile is not None and seen.quantile[1] < row.upper <= seen.quantile[2]
        yield straight(_LEFT, y + _ROW - 1.5, _RIGHT, y + _ROW - 1.5, "plot-rule")
        name = f"≤ {say(row.upper)}" if isfinite(row.upper) else f"> {say(row.lower)}"
        yield label(_LEFT - 5, y + 10.5, cut(name, _LEFT - 5), "plot-strong" if holds else "", anchor="end")
        end = scale(row.share)
        if row.share > 0.0:
            style = "plot-point" if holds else "plot-band plot-edge-line"
            yield box(_LEFT, y + 1, max(end - _LEFT, 1.0), _BAR, style, f"{name}: {say_share(row.share)}")
        yield label(WIDTH - 2, y + 10.5, say_share(row.share) if row.share else "0", "plot-ink", anchor="end")
        if holds and seen.quantile is not None:
            here = [_here(seen.quantile[0], end, y)]
    bottom = _TOP + _ROW * len(rows)
    yield straight(_LEFT, _TOP, _LEFT, bottom, "plot-axis")
    lines = sorted(seen.thresholds, key=lambda one: (one.at, one.grave))
    for threshold in lines:
        y = _TOP + _ROW * _place(rows, threshold.at) - 1.5
        yield straight(_LEFT, y, _RIGHT, y, _STYLES[threshold.grave])
    yield from here
    for place, threshold in enumerate(lines):
        inside = "" if any(row.upper == threshold.at for row in rows) else ": inside a bucket"
        said = cut(f"{threshold.name} {say(threshold.at)}{inside}", _RIGHT - _LEFT)
        yield from key_line(
            _LEFT, bottom + 16 + 14 * place, _STYLES[threshold.grave], said, _INKS[threshold.grave]
        )


def _here(name: str, end: float, y: float) -> str:
    said = f"◆ {name} lies here"
    room = 6.0 * len(said) + 8
    if end + room < _RIGHT:
        return label(end + 5, y + 10.5, said, "plot-strong plot-over")
    return label(end - 5, y + 10.5, said, "plot-over plot-on-line", anchor="end")


def _place(rows: Sequence[_Row], at: float) -> float:
    """How many rows lie above a latency, with a fraction inside a bucket that has two ends."""
    for place, row in enumerate(rows):
        if at == row.upper:
            return place + 1.0
        if at < row.upper:
            if isfinite(row.upper) and isfinite(row.lower):
                return place + Scale(row.lower, row.upper, 0.0, 1.0)(at)
            return place + 0.5
    return float(len(rows))


def _about(seen: Latencies, rows: Sequence[_Row], say: Say) -> str:
    told = "; ".join(
        f"{'up to ' + say(row.upper) if isfinite(row.upper) else 'more'}: {say_share(row.share)}"
        for row in rows
    )
    where = ""
    if seen.quantile is not None:
        name, lower, upper = seen.quantile
        between = f"between {say(lower)} and {say(upper)}" if isfinite(upper) else f"beyond {say(lower)}"
        where = f"The {name} lies {between}. "
    lines = ", ".join(f"{threshold.name} {say(threshold.at)}" for threshold in seen.thresholds)
    return f"{where}Shares of events by bucket: {told}. {f'Lines: {lines}.' if lines else ''}"
