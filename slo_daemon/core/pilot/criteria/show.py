"""A criterion in the language, always in the same words: what `parse` reads back to an equal value."""

import re
from decimal import Decimal
from typing import assert_never

from slo_daemon.core.pilot.criteria.criterion import All, Any, Compare, Criterion, Met, Not, Operand
from slo_daemon.core.quantity import show_duration

# Where a name is wanted these would be, or could look like, something else. A test compares them with the grammar.
KEYWORDS = frozenset(
    {
        "all", "and", "any", "at", "for", "in", "met", "not", "or", "over", "point", "significant", "slos", "strictly", "vs",
    }
)  # fmt: skip
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*", re.ASCII)


def show(criterion: Criterion) -> str:
    """The criterion's canonical text."""
    match criterion:
        case Compare():
            return _comparison(criterion)
        case Met():
            return _met(criterion)
        case All(parts):
            return " and ".join(f"({show(p)})" if isinstance(p, Any) else show(p) for p in parts)
        case Any(parts):
            return " or ".join(f"({show(p)})" if isinstance(p, All) else show(p) for p in parts)
        case Not(part):
            return f"not ({show(part)})" if isinstance(part, All | Any) else f"not {show(part)}"
        case _:
            assert_never(criterion)


def show_operand(operand: Operand) -> str:
    """`availability`, `critical_incidents[7d]`, `burn_rate(availability)[1h]`."""
    argument = f"({show_name(operand.argument)})" if operand.argument else ""
    window = f"[{show_duration(operand.window)}]" if operand.window is not None else ""
    return f"{_lower_name(operand.name)}{argument}{window}"


def show_name(name: str) -> str:
    """A name, in quotes where it is not a plain word."""
    return name if _PLAIN.fullmatch(name) and name.lower() not in KEYWORDS else _quoted(name)


def show_percent(share: float) -> str:
    """0.05 -> `5%`, exactly."""
    return f"{format((Decimal(repr(share)) * 100).normalize(), 'f')}%"


def _lower_name(name: str) -> str:
    """The name of a number or an SLO: without quotes it is read in lower case."""
    return show_name(name) if name == name.lower() else _quoted(name)


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _comparison(compare: Compare) -> str:
    text = f"{show_operand(compare.operand)} {compare.op} {compare.literal}"
    if compare.point:
        text += " point"
    if compare.against:
        text += f" vs {show_name(compare.against)}"
    if compare.significance is not None:
        text += f" significant at {show_percent(compare.significance)}"
    return f"{text} for {show_duration(compare.hold)}" if compare.hold else text


def _met(met: Met) -> str:
    names = ", ".join(map(_lower_name, met.names))
    if met.every and len(met.names) == 1:
        text = f"{names} met"
    else:
        text = f"{'all' if met.every else 'any'} slos{f' in ({names})' if names else ''} met"
    text += f" for {show_duration(met.duration)}" if met.duration else ""
    return f"{text} strictly" if met.strictly else text
