"""Plain PromQL vector selectors: parsed, never pasted, so that the daemon owns windows, aggregation and grouping."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import promql_parser

_OPERATORS = {  # by name: the parser's own operators are not hashable
    str(promql_parser.MatchOp.Equal): "=",
    str(promql_parser.MatchOp.NotEqual): "!=",
    str(promql_parser.MatchOp.Re): "=~",
    str(promql_parser.MatchOp.NotRe): "!~",
}
WINDOW_PLACEHOLDER = "$window"
LONGEST_EXPRESSION = 8_192  # characters
DEEPEST_EXPRESSION = 200  # levels; each level copies what is below it, so depth costs time
_METRIC = re.compile("[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED = {  # words of the language, in any case; a metric of such a name cannot be written bare
    "anchored",
    "atan2",
    "bool",
    "group_left",
    "group_right",
    "ignoring",
    "inf",
    "nan",
    "on",
    "smoothed",
}
_ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\ufffd": "\\ufffd",  # bare, Prometheus takes it for broken UTF-8
}
_ESCAPING = str.maketrans(_ESCAPES)
_ESCAPED = re.compile("|".join(map(re.escape, _ESCAPES.values())))
_PLAIN = {escaped: plain for plain, escaped in _ESCAPES.items()}


class PromQLError(ValueError):
    """The text is not the PromQL that was asked for. The message says what is wrong."""


@dataclass(frozen=True, slots=True, order=True)
class Matcher:
    """One label matcher: `code=~"5.."`."""

    label: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.operator}{quote(self.value)}"


@dataclass(frozen=True, slots=True, order=True)
class Selector:
    """A metric name with label matchers, sorted, so that equal selections are equal values."""

    metric: str
    matchers: tuple[Matcher, ...] = ()

    def with_suffix(self, suffix: str) -> "Selector":
        """The same selection of the metric named `metric` + `suffix` (`_bucket`, `_count`)."""
        return Selector(self.metric + suffix, self.matchers)

    def __str__(self) -> str:
        bare = self.metric.lower() not in _RESERVED
        named = () if bare else (Matcher("__name__", "=", self.metric),)
        matchers = ",".join(map(str, (*named, *self.matchers)))
        return (self.metric if bare else "") + (f"{{{matchers}}}" if matchers else "")


def quote(text: str) -> str:
    """`text` as a PromQL string."""
    return f'"{text.translate(_ESCAPING)}"'


def unquote(quoted: str) -> str:
    """The text that `quote` was given."""
    return _ESCAPED.sub(lambda found: _PLAIN[found[0]], quoted[1:-1])


@lru_cache(maxsize=32_768)  # each is read when its document is checked, and again when it is understood
def parse_selector(text: str) -> Selector:
    """A vector selector such as `requests_total{code=~"5.."}`. Raises PromQLError."""
    parsed = _parse(text)
    if not isinstance(parsed, promql_parser.VectorSelector):
        raise PromQLError(
            'only a plain selector such as requests_total{code=~"5.."} is taken here: '
            "rate(), sum() and [5m] are added by slo-daemon; use sli.raw for your own expression"
        )
    if parsed.offset is not None or parsed.at is not None:
        raise PromQLError("`offset` and `@` are not taken here: slo-daemon sets the time of every query")
    return _selector(parsed)


def parse_raw(expression: str) -> tuple[Selector, ...]:
    """The selectors inside a whole expression with a `$window` placeholder, sorted. Raises PromQLError."""
    if WINDOW_PLACEHOLDER not in expression:
        raise PromQLError(
            f"write {WINDOW_PLACEHOLDER} where the window belongs, for example rate(x[{WINDOW_PLACEHOLDER}])"
        )
    return parse_expression(expression.replace(WINDOW_PLACEHOLDER, "5m"))


def parse_expression(expression: str) -> tuple[Selector, ...]:
    """The selectors inside any PromQL expression, sorted; at least one. Raises PromQLError."""
    found: set[Selector] = set()
    _collect(_parse(expression), found)
    if not found:
        raise PromQLError("the expression selects no metric, so nobody could tell whether its data is fresh")
    return tuple(sorted(found))


def _parse(text: str) -> Any:
    if len(text) > LONGEST_EXPRESSION:
        raise PromQLError(f"the expression is longer than {LONGEST_EXPRESSION} characters")
    try:
        return promql_parser.parse(text)
    except (ValueError, OverflowError) as error:
        raise PromQLError(f"not valid PromQL: {error}") from error
    except BaseException as error:
        # The parser's own faults (a duration of 10^20 seconds) come as a BaseException that no module exports.
        if type(error).__name__ != "PanicException":
            raise
        raise PromQLError(f"not valid PromQL: {error}") from error


def _selector(parsed: Any) -> Selector:
    if parsed.matchers.or_matchers:
        raise PromQLError(
            "`or` between matchers is not understood by Prometheus; write one regular expression"
        )
    matchers, metric = [], parsed.name
    for matcher in parsed.matchers.matchers:
        operator = _OPERATORS[str(matcher.op)]
        if matcher.name == "__name__" and operator == "=" and metric is None:
            metric = matcher.value
        else:
            _check_name("label", matcher.name, _LABEL)
            matchers.append(Matcher(matcher.name, operator, matcher.value))
    if not metric or any(matcher.label == "__name__" for matcher in matchers):
        raise PromQLError("name exactly one metric, as in requests_total{...}")
    _check_name("metric", metric, _METRIC)
    return Selector(metric, tuple(sorted(set(matchers))))


def _check_name(what: str, name: str, classic: re.Pattern[str]) -> None:
    if not classic.fullmatch(name):
        raise PromQLError(f"{what} name {name!r} has characters that Prometheus' classic names do not allow")


def _collect(root: Any, found: set[Selector]) -> None:
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > DEEPEST_EXPRESSION:
            raise PromQLError(f"the expression nests deeper than {DEEPEST_EXPRESSION} levels")
        if isinstance(node, promql_parser.VectorSelector):
            found.add(_selector(node))
        elif isinstance(node, promql_parser.MatrixSelector):
            found.add(_selector(node.vector_selector))
        elif isinstance(node, promql_parser.Call):
            waiting.extend((argument, depth + 1) for argument in node.args)
        else:
            parts = (getattr(node, part, None) for part in ("expr", "lhs", "rhs", "param"))
            waiting.extend((part, depth + 1) for part in parts if part is not None)
