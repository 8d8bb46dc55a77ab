"""From what SLOs ask to what Prometheus is asked, and back.

An `Ask` is one thing that an SLO wants to know of a span of time. A `QueryPlan` turns the asks of all SLOs into few
queries: equal asks become one, and asks whose selectors differ only in the value of one label become one grouped query,
in shards. Each answer is then taken apart again, so an SLO cannot tell whether it was asked alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.selector import WINDOW_PLACEHOLDER, Matcher, Selector, quote

Labels = tuple[tuple[str, str], ...]  # sorted (name, value) pairs
SHARD = 1_000  # values of the free label in one query of up to an hour's window
LEAST_SHARD = 16
LONGEST_PATTERN = 12_000  # bytes of a shard's values: VictoriaMetrics takes queries of up to 16 KiB
_FREE_WINDOW = 3_600  # seconds; up to here a query costs by its series, beyond that by its samples
NOT_IN_BY = {"inf", "nan", "without"}  # label names that PromQL's `by` does not take, in any case
NATIVE_BUCKET = "bucket"  # the label by which a source tells the buckets of a native histogram: `left:right`
MARK = "slo_daemon_mark"  # the label that tells the two parts of a split answer apart
LAST_SEEN_RANGE = 86_400  # seconds that the search for the newest sample looks back
LAST_SEEN_STEP = 300  # seconds; Prometheus' instant lookback, so that no sample falls between two steps


class Form(StrEnum):
    """What is asked about a selector."""

    EVENTS = "events"  # how many events happened in the window
    BUCKETS = "buckets"  # the same by `le`
    NATIVE = "native"  # the same by the buckets of a native histogram
    AVERAGE = "avg"
    MINIMUM = "min"
    MAXIMUM = "max"
    LATEST = "last"
    PRESENCE = "presence"  # how many samples the window holds: the freshness probe
    LAST_SEEN = "last_seen"  # when the newest sample was, within a day
    RAW = "raw"  # the author's own expression


_INCREASE = "sum{by} (increase({selector}[{window}]))"
_EXPRESSIONS = {
    Form.EVENTS: _INCREASE,
    Form.BUCKETS: _INCREASE,
    Form.NATIVE: _INCREASE,
    Form.AVERAGE: "avg{by} (avg_over_time({selector}[{window}]))",
    Form.MINIMUM: "min{by} (min_over_time({selector}[{window}]))",
    Form.MAXIMUM: "max{by} (max_over_time({selector}[{window}]))",
    Form.LATEST: "avg{by} (last_over_time({selector}[{window}]))",
    Form.PRESENCE: "sum{by} (count_over_time({selector}[{window}]))",
    Form.LAST_SEEN: f"max{{by}} (max_over_time(timestamp({{selector}})[{LAST_SEEN_RANGE}s:{LAST_SEEN_STEP}s]))",
}


COUNTS = {Form.EVENTS, Form.BUCKETS, Form.NATIVE}  # increases of counters, which spans share among them


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
    """An answer with at least one row. `note`: what was done with the answers, where the rows are sums of several."""

    promql: str
    rows: tuple[Sample, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """Asked well, and there is nothing."""

    promql: str
    note: str = ""


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
    `split` (EVENTS only): series are also told apart by whether this matcher takes them; see `mark_of`. `overlap` (s):
    spans of a counter reach so far into the span before, that no increase between two samples is lost at the border.
    """

    form: Form
    selector: Selector | None
    window: int  # seconds
    by: tuple[str, ...] = ()
    expression: str = ""
    split: Matcher | None = None
    overlap: int = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """The labels of the answer's rows."""
        match self.form:
            case Form.BUCKETS:
                return (*self.by, "le")
            case Form.NATIVE:
                return (*self.by, NATIVE_BUCKET)
            case _:
                return (*self.by, MARK) if self.split else self.by

    @property
    def key(self) -> str:
        """What is asked, whatever the span: the name under which chunks are kept."""
        if self.selector is None:
            return f"raw: {self.expression}"
        return replace(self, window=0, overlap=0).promql()

    def promql(self) -> str:
        """The query that asks this alone."""
        if self.selector is None:
            return self.expression.replace(WINDOW_PLACEHOLDER, show_duration(self.window))
        by = (*self.by, "le") if self.form is Form.BUCKETS else self.by
        overlap = self.overlap if self.form in COUNTS else 0
        window = show_duration(self.window + overlap)
        if self.split is None:
            text = _EXPRESSIONS[self.form].format(by=_by(by), selector=self.selector, window=window)
        else:
            inner = _INCREASE.format(by=_by((*by, self.split.label)), selector=self.selector, window=window)
            marked = (
                f'label_replace({inner}, "{MARK}", "1", "{self.split.label}", {quote(_pattern(self.split))})'
            )
            text = f"sum{_by((*by, MARK))} ({marked})"
        if not overlap or self.form is Form.NATIVE:
            return text
        return f"{text} * {self.window} / {self.window + overlap}"

    def scale_over(self, seconds: int) -> float:
        """What answers over a span are to be multiplied by: Prometheus does not scale native histograms, nor says so."""
        return seconds / (seconds + self.overlap) if self.form is Form.NATIVE else 1.0


def mark_of(split: Matcher) -> str:
    """The value of MARK on the rows of series that `split` takes: Prometheus can mark what a pattern fits, not what it does not."""
    return "1" if split.operator in ("=", "=~") else ""


@dataclass(frozen=True, slots=True)
class Query:
    """One query to be sent: `whole` asks for all of `asks`, one for each value of the `free` label where there is one."""

    whole: Ask
    asks: tuple[Ask, ...]
    free: str | None = None

    @property
    def promql(self) -> str:
        """The text that is sent."""
        return self.whole.promql()

    def promql_over(self, seconds: int) -> str:
        """The same question about another span of time."""
        return replace(self.whole, window=seconds).promql()

    def owners(self) -> dict[str, Ask]:
        """The asks by the value of the free label; without one there is one ask, under the empty text."""
        return {_value_of(ask, self.free) if self.free else "": ask for ask in self.asks}

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
                queries.append(Query(ask, (ask,)))
            else:
                buckets[_shape(ask, ask.selector)].append(ask)
        for alike in buckets.values():
            queries.extend(_grouped(alike, shard))
        return QueryPlan(tuple(queries))


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


def _pattern(split: Matcher) -> str:
    """The regular expression of what `split` names, be it to take or to leave out; Prometheus anchors it as in a matcher."""
    return split.value if split.operator in ("=~", "!~") else _literal(split.value)


def _free_matchers(ask: Ask) -> tuple[Matcher, ...]:
    """The matchers whose value may be grouped away: plain equality with something, once per label."""
    matchers = _selector_of(ask).matchers
    taken = (*ask.keys, ask.split.label) if ask.split else ask.keys
    labels = [m.label for m in matchers]
    return tuple(
        m
        for m in matchers
        if m.operator == "="
        and m.value
        and m.label not in taken
        and m.label.lower() not in NOT_IN_BY
        and labels.count(m.label) == 1
    )


def _shape(ask: Ask, selector: Selector) -> object:
    """Asks of one shape differ at most in the values of equality matchers."""
    free = _free_matchers(ask)
    fixed = tuple(m for m in selector.matchers if m not in free)
    labels = tuple(m.label for m in free)
    return (ask.form, selector.metric, ask.window, ask.by, fixed, labels, ask.split, ask.overlap)


def _grouped(alike: list[Ask], shard: int) -> list[Query]:
    if len(alike) == 1:
        return [Query(alike[0], (alike[0],))]
    selectors = [_selector_of(ask) for ask in alike]
    labels = [m.label for m in _free_matchers(alike[0])]
    free = max(labels, key=lambda label: len({_value(s, label) for s in selectors}))
    by_rest: dict[Selector, list[Ask]] = defaultdict(list)
    for ask, selector in zip(alike, selectors, strict=True):
        rest = tuple(m for m in selector.matchers if m.label != free)
        by_rest[Selector(selector.metric, rest)].append(ask)
    queries: list[Query] = []
    most = min(shard, max(LEAST_SHARD, shard * _FREE_WINDOW // alike[0].window))
    for common, asks in by_rest.items():
        for part in _shards(asks, free, most):
            if len(part) == 1:
                queries.append(Query(part[0], (part[0],)))
                continue
            values = sorted(_value_of(ask, free) for ask in part)
            pattern = Matcher(free, "=~", "|".join(map(_literal, values)))
            grouped = Selector(common.metric, tuple(sorted((*common.matchers, pattern))))
            whole = replace(part[0], selector=grouped, by=(free, *part[0].by))
            queries.append(Query(whole, tuple(part), free))
    return queries


def _shards(asks: list[Ask], free: str, most: int) -> Iterator[list[Ask]]:
    """`asks` in pieces of at most `most`, and at most LONGEST_PATTERN; a single one may be longer."""
    part: list[Ask] = []
    length = 0
    for ask in asks:
        own = len(quote(_literal(_value_of(ask, free))).encode()) - 1  # a bar for two quotes
        if part and (len(part) == most or length + own > LONGEST_PATTERN):
            yield part
            part, length = [], 0
        part.append(ask)
        length += own
    yield part


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


def own_labels(ask: Ask, free: str | None, labels: Labels) -> Labels | None:
    """The labels that a row would have got, had `ask` been asked alone. None when it has others."""
    rest = tuple(pair for pair in labels if pair[0] != free)
    own = _with_labels(tuple(sorted(ask.keys)), Sample(rest, 0.0))
    return None if own is None else own.labels


def _with_labels(keys: tuple[str, ...], row: Sample) -> Sample | None:
    """The row with just these labels, as servers leave empty ones out. None when it has others."""
    if any(name not in keys for name, value in row.labels if value):
        return None
    return Sample(tuple((key, row.label(key)) for key in keys), row.value)
