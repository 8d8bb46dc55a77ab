"""A window asked directly, and how far the chunks' answer lies from it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf

from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.book import Entry
from slo_daemon.core.slo.measurement import Measured
from slo_daemon.core.slo.query import Ask, Form, Labels, Reading, Sample, Samples
from slo_daemon.core.slo.selector import Matcher, Selector
from slo_daemon.core.slo.sight import Sight
from slo_daemon.core.slo.sli.parts import Counted, Need, Part, Rows

_COUNTED_OVER = 600  # seconds
_USUAL_INTERVALS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300)  # seconds


def interval_question(entry: Entry) -> str:
    """How many samples the most complete series of an SLO has in 10 minutes, as PromQL."""
    return f"max(count_over_time({entry.probes[0].selector}[{show_duration(_COUNTED_OVER)}]))"


def scrape_interval(reading: Reading) -> int | None:
    """The usual scrape interval (s) that gives so many samples in 10 minutes; None when that cannot be told.

    There are 600/s samples or one more, by the phase of the scrapes; the nearest interval between counts of its neighbours.
    """
    if not isinstance(reading, Samples) or len(reading.rows) != 1 or not 1 < reading.rows[0].value < inf:
        return None
    n = reading.rows[0].value
    near = [s for s in _USUAL_INTERVALS if _COUNTED_OVER / (n + 1) < s <= _COUNTED_OVER / (n - 1)]
    return min(near, key=lambda s: abs(s - _COUNTED_OVER / n), default=round(_COUNTED_OVER / n))


def direct_asks(entry: Entry, group: Labels, span: int) -> dict[str, Ask]:
    """The SLO's questions over `span` seconds, for one group; none for kinds whose windows are asked directly anyway."""
    found = {}
    for name, ask in entry.asks.items():
        if ask.selector is None or ask.form is Form.RAW:
            return {}
        own = tuple(Matcher(label, "=", value) for label, value in group)
        selector = Selector(ask.selector.metric, tuple(sorted((*ask.selector.matchers, *own))))
        found[name] = replace(ask, selector=selector, window=span, by=(), overlap=0)
    return found


def found_in(entry: Entry, group: Labels, sight: Sight, start: float) -> tuple[Rows, float]:
    """The same by chunks, and the share of the window that they saw."""
    parts: dict[str, Sequence[tuple[Labels, float]]] = {}
    seen = answered = 1.0
    for name, ask in entry.asks.items():
        columns = sight.columns(entry.keys[name], entry.slo.group_by, group)
        parts[name], covered, told = sight.rows(entry.keys[name], ask.form, columns, start)
        answered = min(answered, told)
        if name == entry.proof:
            seen = covered
    return parts, min(seen, answered)


def drift_of(entry: Entry, chunks: Rows, direct: Mapping[str, Reading], span: int) -> float | None:
    """How far the two lie apart: in error budgets where events are counted, else in shares of the target.

    None where one of them is no value, or nothing is allowed to go wrong.
    """
    budget = entry.slo.budget
    if budget is None:
        return None
    rows = {
        name: [(row.labels, row.value) for row in reading.rows] if isinstance(reading, Samples) else []
        for name, reading in direct.items()
    }
    if entry.counter is not None and not entry.slices:
        ratios = [_bad_ratio(entry.counter(parts)) for parts in (chunks, rows)]
        if None in ratios or budget.allowed <= 0.0:
            return None
        return abs((ratios[0] or 0.0) - (ratios[1] or 0.0)) / budget.allowed
    values = [_value(entry, parts, span) for parts in (chunks, rows)]
    target = abs(entry.slo.objective.target.base)
    if values[0] is None or values[1] is None or target <= 0.0:
        return None
    return abs(values[0] - values[1]) / target


def _bad_ratio(counted: Counted | None) -> float | None:
    if counted is None:
        return None
    good, _, total = counted
    return (total - good) / total if total > 0.0 else None


def _value(entry: Entry, rows: Rows, span: int) -> float | None:
    parts: dict[str, Part] = {}
    for name, own in rows.items():
        if not own:
            return None
        parts[name] = Samples(entry.texts[name], tuple(Sample(labels, value) for labels, value in own))
    measured = entry.slo.indicator.measure(parts, Need(entry.slo.objective, 0.0, span))
    return measured.value if isinstance(measured, Measured) and abs(measured.value) < inf else None
