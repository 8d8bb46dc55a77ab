"""Events, and slices of time, over lookbacks: what budgets and burn rates are made of."""

from collections.abc import Mapping, Sequence
from math import inf

from slo_daemon.core.slo.book import Entry
from slo_daemon.core.slo.ledger import Group
from slo_daemon.core.slo.query import MARK, Form, Labels
from slo_daemon.core.slo.sight import Sight
from slo_daemon.core.slo.sli import LatencyShare, Ratio
from slo_daemon.core.slo.sli.histogram import edge_of
from slo_daemon.core.slo.window import Tally

MET, JUDGED = (("slice", "met"),), (("slice", "judged"),)  # the two columns of an SLO's slices


def events(
    entry: Entry, columns: Mapping[str, Group], sight: Sight, starts: tuple[float, ...]
) -> list[Tally]:
    """(good, all) events since each of `starts`.

    A part other than the proof may have no row at all, as errors have none while there are none; but a question that was
    not answered says no such thing, and takes that time away from what was seen.
    """
    if entry.mark is not None:
        return _marked_events(entry, columns["events"], sight, starts)
    indicator = entry.slo.indicator
    if isinstance(indicator, LatencyShare) and not indicator.native:
        return _bucket_events(entry.keys["buckets"], indicator.threshold, columns["buckets"], sight, starts)
    assert entry.counter is not None, "occurrences are counted by kinds that count events"  # noqa: S101
    found = []
    for start in starts:
        parts, seen, answered = {}, 0.0, 1.0
        for name, ask in entry.asks.items():
            parts[name], covered, told = sight.rows(entry.keys[name], ask.form, columns[name], start)
            answered = min(answered, told)
            if name == entry.proof:
                seen = covered
        counted = entry.counter(parts)
        if counted is None:
            found.append(Tally(0.0, 0.0, 0.0, 0.0))
        else:
            good, most, total = counted
            found.append(Tally(good, total, min(seen, answered), answered, most))
    return found


def _marked_events(entry: Entry, columns: Group, sight: Sight, starts: tuple[float, ...]) -> list[Tally]:
    """The same for a split question: the case of ten thousand SLOs, so nothing is done twice."""
    pair = (MARK, entry.mark)
    counted_at = [place for labels, place in columns if pair in labels]
    others_at = [place for labels, place in columns if pair not in labels]
    counts_good = isinstance(entry.slo.indicator, Ratio) and entry.slo.indicator.counts_good
    found = []
    for window in sight.windows(entry.keys["events"], starts):
        values, covered = window.values, window.covered
        counted = others = most = 0.0
        for place in counted_at:
            counted += values[place]
            most = max(most, covered[place])
        for place in others_at:
            others += values[place]
            most = max(most, covered[place])
        good = counted if counts_good else others
        found.append(Tally(good, counted + others, window.share(most), window.answered(entry.keys["events"])))
    return found


def _bucket_events(
    key: str, threshold: float, columns: Group, sight: Sight, starts: tuple[float, ...]
) -> list[Tally]:
    """The same for a share of requests under a threshold.

    Counted are the edges around the threshold as the histogram has them now, over the part of the lookback in which it
    had them: a deploy that changes edges makes nothing good or bad, and leaves the rest unknown.
    """
    edges: dict[float, list[int]] = {}
    newest = sight.newest(key, columns)
    for labels, place in columns:
        edge = edge_of(dict(labels).get("le", ""))
        if edge is not None and sight.newest(key, ((labels, place),)) >= newest:
            edges.setdefault(edge, []).append(place)
    windows = sight.windows(key, starts)
    if inf not in edges or len(edges) < 2:
        return [Tally(0.0, 0.0, 0.0, 0.0) for _ in windows]
    below = edges.get(max((edge for edge in edges if edge <= threshold), default=inf), [])
    above = edges[min(edge for edge in edges if edge >= threshold)]
    if below is edges[inf]:  # no edge at or below the threshold
        below = []
    needed = sorted({*below, *above, *edges[inf]})
    found = []
    for window, start in zip(windows, starts, strict=True):
        covered = [window.covered[place] for place in needed]
        most = max([window.covered[place] for _, place in columns])
        answered = window.answered(key)
        counts: Mapping[int, float] = {place: window.values[place] for place in needed}
        seen = window.share(most)
        if min(covered) < most - 1.0:
            counts, seen = sight.partly(key, needed, start)
            answered = min(answered, seen)
        total = sum(counts[place] for place in edges[inf])
        good = min(sum(counts[place] for place in below), total)
        at_most = min(max(sum(counts[place] for place in above), good), total)
        found.append(Tally(good, total, min(seen, answered), answered, at_most))
    return found


def slices(entry: Entry, group: Labels, sight: Sight, starts: Sequence[float]) -> list[Tally]:
    """Slices that met, and all that were judged, since each of `starts`."""
    columns = sight.columns(entry.slices, entry.slo.group_by, group)
    found = []
    for start in starts:
        rows, coverage, answered = sight.rows(entry.slices, Form.EVENTS, columns, start)
        by_labels = dict(rows)
        found.append(Tally(by_labels.get(MET, 0.0), by_labels.get(JUDGED, 0.0), coverage, answered))
    return found
