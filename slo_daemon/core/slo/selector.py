"""Plain PromQL vector selectors: parsed, never pasted, so that the daemon owns windows, aggregation and grouping."""

from dataclasses import dataclass
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
        return f"{self.metric}{{{','.join(map(str, self.matchers))}}}" if self.matchers else self.metric


def quote(text: str) -> str:
    """`text` as a PromQL string."""
    escaped = (
        text.replace("\\", "\\\\")
        .replace('"', '\\"')
        .replace("\n", "\\n")
        .replace("\r", "\\r")
        .replace("\t", "\\t")
    )
    return f'"{escaped}"'


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
    except ValueError as error:
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
            matchers.append(Matcher(matcher.name, operator, matcher.value))
    if not metric or any(matcher.label == "__name__" for matcher in matchers):
        raise PromQLError("name exactly one metric, as in requests_total{...}")
    if not _legacy_name(metric):
        raise PromQLError(
            f"metric name {metric!r} has characters that Prometheus' classic names do not allow"
        )
    return Selector(metric, tuple(sorted(set(matchers))))


def _legacy_name(name: str) -> bool:
    return name.isascii() and all(c.isalnum() or c in "_:" for c in name) and not name[0].isdigit()


def _collect(node: Any, found: set[Selector]) -> None:
    if isinstance(node, promql_parser.VectorSelector):
        found.add(_selector(node))
    elif isinstance(node, promql_parser.MatrixSelector):
        found.add(_selector(node.vector_selector))
    elif isinstance(node, promql_parser.Call):
        for argument in node.args:
            _collect(argument, found)
    else:
        for part in ("expr", "lhs", "rhs", "param"):
            inner = getattr(node, part, None)
            if inner is not None:
                _collect(inner, found)
