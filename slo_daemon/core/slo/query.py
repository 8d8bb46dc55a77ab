"""From what SLOs ask to what Prometheus is asked, and back.

An `Ask` is one thing that an SLO wants to know of a window. A `QueryPlan` turns the asks of all SLOs into few queries:
equal asks become one, and asks whose selectors differ only in the value of one label become one grouped query, in
shards. Each answer is then taken apart again, so an SLO cannot tell whether it was asked alone.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.selector import WINDOW_PLACEHOLDER, Matcher, Selector

Labels = tuple[tuple[str, str], ...]  # sorted (name, value) pairs
SHARD = 1_000  # values of the free label in one query of up to an hour's window
LEAST_SHARD = 16
_FREE_WINDOW = 3_600  # seconds; up to here a query costs by its series, beyond that by its samples
_NOT_IN_BY = {"inf", "nan", "without"}  # label names that PromQL's `by` does not take, in any case
LAST_SEEN_RANGE = 86_400  # seconds that the search for the newest sample looks back
LAST_SEEN_STEP = 300  # seconds; Prometheus' instant lookback, so that no sample falls between two steps


class Form(StrEnum):
    """What is asked about a selector."""

    EVENTS = "events"  # how many events happened in the window
    BUCKETS = "buckets"  # the same by `le`
    AVERAGE = "avg"
    MINIMUM = "min"
    MAXIMUM = "max"
    LATEST = "last"
    PRESENCE = "presence"  # how many samples the window holds: the freshness probe
    LAST_SEEN = "last_seen"  # when the newest sample was, within a day
    RAW = "raw"  # the author's own expression


_EXPRESSIONS = {
    Form.EVENTS: "sum{by} (increase({selector}[{window}]))",
    Form.BUCKETS: "sum{by} (increase({selector}[{window}]))",
    Form.AVERAGE: "avg{by} (avg_over_time({selector}[{window}]))",
    Form.MINIMUM: "min{by} (min_over_time({selector}[{window}]))",
    Form.MAXIMUM: "max{by} (max_over_time({selector}[{window}]))",
    Form.LATEST: "avg{by} (last_over_time({selector}[{window}]))",
    Form.PRESENCE: "sum{by} (count_over_time({selector}[{window}]))",
    Form.LAST_SEEN: f"max{{by}} (max_over_time(timestamp({{selector}})[{LAST_SEEN_RANGE}s:{LAST_SEEN_STEP}s]))",
}


class FailReason(StrEnum):
    """Why a reading could not be had or cannot be trusted."""

    CONNECT = "connect"
    TIMEOUT = "timeout"
    TLS = "tls"
    AUTH = "auth"
    THROTTLED = "throttled"
    NOT_READY = "not_ready"
    BAD_QUERY = "bad_query"
    EXECUTION = "execution"
    HTTP = "http"
    REDIRECT = "redirect"
    BAD_BODY = "bad_body"
    TOO_LARGE = "too_large"
    PARTIAL = "partial"
    SHAPE = "shape"
    VALUE = "value"
    CLOCK_SKEW = "clock_skew"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of an answer: its labels and its value, as Prometheus gave them (NaN and infinities included)."""

    labels: Labels
    value: float

    def label(self, name: str) -> str:
        """The value of a label; the empty string when it is not there, as Prometheus sees it."""
        for key, value in self.labels:
            if key == name:
                return value
        return ""


@dataclass(frozen=True, slots=True)
class Samples:
    """An answer with at least one row."""

    promql: str
    rows: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """Asked well, and there is nothing."""

    promql: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Could not ask, or cannot trust the answer."""

    promql: str
    reason: FailReason
    detail: str


Reading = Samples | Absent | Failed


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing an SLO wants to know. Equal asks are one question.

    `selector` is None for RAW, whose `expression` has the `$window` placeholder. `by`: labels the answer is split by.
    """

    form: Form
    selector: Selector | None
    window: int  # seconds
    by: tuple[str, ...] = ()
    expression: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The labels of the answer's rows."""
        return (*self.by, "le") if self.form is Form.BUCKETS else self.by

    def promql(self) -> str:
        """The query that asks this alone."""
        if self.selector is None:
            return self.expression.replace(WINDOW_PLACEHOLDER, show_duration(self.window))
        return _render(self.form, self.selector, self.window, self.keys)


@dataclass(frozen=True, slots=True)
class Query:
    """One query to be sent. With a `free` label it serves several asks, one for each value of that label."""

    promql: str
    asks: tuple[Ask, ...]
    free: str | None = None

    def readings(self, reading: Reading) -> dict[Ask, Reading]:
        """The answer, taken apart: what each ask would have got alone."""
        if not isinstance(reading, Samples):
            return dict.fromkeys(self.asks, reading)
        if self.free is None:
            return {ask: _checked(ask, reading) for ask in self.asks}
        by_value: dict[str, list[Sample]] = defaultdict(list)
        for row in reading.rows:
            rest = tuple(pair for pair in row.labels if pair[0] != self.free)
            by_value[row.label(self.free)].append(Sample(rest, row.value))
        found: dict[Ask, Reading] = {}
        values = {ask: _value_of(ask, self.free) for ask in self.asks}
        if not by_value.keys() <= set(values.values()):
            # not even the other rows can be trusted: taken for missing ones, they could read as "no errors"
            detail = f"a row has no {self.free} that was asked for: is a proxy dropping labels or mixing up answers?"
            return dict.fromkeys(self.asks, Failed(reading.promql, FailReason.SHAPE, detail))
        for ask, value in values.items():
            rows = by_value.get(value)
            found[ask] = (
                _checked(ask, Samples(reading.promql, tuple(rows))) if rows else Absent(reading.promql)
            )
        return found


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """The queries of one slot. Order: as the asks came, so that equal input gives an equal plan."""

    queries: tuple[Query, ...] = ()

    @staticmethod
    def of(asks: Iterable[Ask], *, shard: int = SHARD) -> "QueryPlan":
        """Few queries for many asks. `shard`: as SHARD; longer windows get smaller shards, so that each ends in time."""
        buckets: dict[object, list[Ask]] = defaultdict(list)
        queries: list[Query] = []
        for ask in dict.fromkeys(asks):
            if ask.selector is None:
                queries.append(Query(ask.promql(), (ask,)))
            else:
                buckets[_shape(ask, ask.selector)].append(ask)
        for alike in buckets.values():
            queries.extend(_grouped(alike, shard))
        return QueryPlan(tuple(queries))


def _render(form: Form, selector: Selector, window: int, keys: tuple[str, ...]) -> str:
    by = f" by ({', '.join(keys)})" if keys else ""
    return _EXPRESSIONS[form].format(by=by, selector=selector, window=show_duration(window))


def _free_matchers(selector: Selector, by: tuple[str, ...]) -> tuple[Matcher, ...]:
    """The matchers whose value may be grouped away: plain equality with something, once per label."""
    labels = [m.label for m in selector.matchers]
    return tuple(
        m
        for m in selector.matchers
        if m.operator == "="
        and m.value
        and m.label not in by
        and m.label.lower() not in _NOT_IN_BY
        and labels.count(m.label) == 1
    )


def _shape(ask: Ask, selector: Selector) -> object:
    """Asks of one shape differ at most in the values of equality matchers."""
    free = _free_matchers(selector, ask.keys)
    fixed = tuple(m for m in selector.matchers if m not in free)
    return (ask.form, selector.metric, ask.window, ask.by, fixed, tuple(m.label for m in free))


def _grouped(alike: list[Ask], shard: int) -> list[Query]:
    if len(alike) == 1:
        return [Query(alike[0].promql(), (alike[0],))]
    selectors = [_selector_of(ask) for ask in alike]
    labels = [m.label for m in _free_matchers(selectors[0], alike[0].keys)]
    free = max(labels, key=lambda label: len({_value(s, label) for s in selectors}))
    by_rest: dict[Selector, list[Ask]] = defaultdict(list)
    for ask, selector in zip(alike, selectors, strict=True):
        rest = tuple(m for m in selector.matchers if m.label != free)
        by_rest[Selector(selector.metric, rest)].append(ask)
    queries: list[Query] = []
    most = min(shard, max(LEAST_SHARD, shard * _FREE_WINDOW // alike[0].window))
    for common, asks in by_rest.items():
        for start in range(0, len(asks), most):
            part = asks[start : start + most]
            if len(part) == 1:
                queries.append(Query(part[0].promql(), (part[0],)))
                continue
            values = sorted(_value_of(ask, free) for ask in part)
            pattern = Matcher(free, "=~", "|".join(map(_literal, values)))
            grouped = Selector(common.metric, tuple(sorted((*common.matchers, pattern))))
            promql = _render(part[0].form, grouped, part[0].window, (free, *part[0].keys))
            queries.append(Query(promql, tuple(part), free))
    return queries


def _selector_of(ask: Ask) -> Selector:
    assert ask.selector is not None, "raw expressions are never grouped"  # noqa: S101
    return ask.selector


def _value(selector: Selector, label: str) -> str:
    return next(m.value for m in selector.matchers if m.label == label)


def _value_of(ask: Ask, label: str) -> str:
    return _value(_selector_of(ask), label)


def _literal(text: str) -> str:
    """`text` as a regular expression (RE2) that matches just this text."""
    return "".join("\\" + c if c in r"\.+*?()|[]{}^$" else c for c in text)


def _checked(ask: Ask, samples: Samples) -> Reading:
    """The rows with exactly the labels that were asked for, each once; anything else is not an answer to this."""
    keys = tuple(sorted(ask.keys))
    rows: dict[Labels, Sample] = {}
    for row in samples.rows:
        sample = row if tuple(name for name, _ in row.labels) == keys else _with_labels(keys, row)
        if sample is None:
            names = ", ".join(name for name, _ in row.labels)
            detail = f"a row has labels ({names}) that were not asked for"
            return Failed(samples.promql, FailReason.SHAPE, detail)
        if sample.labels in rows:
            return Failed(samples.promql, FailReason.SHAPE, "two rows have the same labels; one was expected")
        rows[sample.labels] = sample
    return Samples(samples.promql, tuple(rows.values()))


def _with_labels(keys: tuple[str, ...], row: Sample) -> Sample | None:
    """The row with just these labels, as servers leave empty ones out. None when it has others."""
    if any(name not in keys for name, value in row.labels if value):
        return None
    return Sample(tuple((key, row.label(key)) for key in keys), row.value)
