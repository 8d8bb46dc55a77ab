"""Sentences that people write for criteria, and what they mean in the language. What is in no line is not guessed.

Each line is a pattern, matched against the whole text in any case, and its translation. A comparison may go on with
what the language allows behind its number, as in `Error rate > 1% for 5m`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from slo_daemon.core.pilot.criteria.show import KEYWORDS

_OP = r"(?P<op>[<>]=?|==|!=)"
_NUMBER = r"[+-]?[0-9]+(?:\.[0-9]+)?"
_TAIL = r"(?P<tail>(?: +(?:for|over) +[0-9a-z]+)*)"
_SPAN = r"(?:(?P<count>[0-9]+) *\+?[ -]*)?(?P<unit>minute|hour|day|week)s?"
_UNITS = {"minute": "m", "hour": "h", "day": "d", "week": "w"}
_WORD = r"[a-z][a-z0-9]*"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence that is understood. `example` and `meaning` are for the documentation, and tested."""

    example: str
    meaning: str
    pattern: re.Pattern[str]
    translate: Callable[[re.Match[str]], str]


def as_language(text: str) -> str | None:
    """What a phrase means, in the language; None for a text that is none of the phrases."""
    words = " ".join(text.split())
    for phrase in PHRASES:
        match = phrase.pattern.fullmatch(words)
        if match is not None and not _named_like_a_keyword(match):
            return phrase.translate(match)
    return None


def _named_like_a_keyword(match: re.Match[str]) -> bool:
    name = match.groupdict().get("name")
    return name is not None and not KEYWORDS.isdisjoint(name.lower().split())


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.ASCII | re.IGNORECASE)


def _duration(match: re.Match[str]) -> str:
    return f"{match['count'] or 1}{_UNITS[match['unit'].lower()]}"


def _name(match: re.Match[str]) -> str:
    return match["name"].lower().replace(" ", "_").replace(".", "_")


def _met(match: re.Match[str]) -> str:
    return f"all slos met for {_duration(match)}"


def _no_incidents(match: re.Match[str]) -> str:
    severity = f"{match['severity'].lower()}_" if match["severity"] else ""
    return f"{severity}incidents[{_duration(match)}] == 0"


def _satisfaction(match: re.Match[str]) -> str:
    return f"user_satisfaction {match['op']} {match['number']}/5{match['tail']}"


def _significant(match: re.Match[str]) -> str:
    level = match["level"] or "5%"
    return f"{_name(match)} {match['op']} {match['number']} vs control significant at {level}"


def _latency(match: re.Match[str]) -> str:
    quantile = match["quantile"].lower().replace(".", "_")
    return f"latency_{quantile} {match['op']} {match['number']}{match['tail']}"


def _words(match: re.Match[str]) -> str:
    return f"{_name(match)} {match['op']} {match['number']}{match['tail']}"


PHRASES = (
    Phrase(
        "All SLOs met for 2+ weeks",
        "all slos met for 14d",
        _pattern(rf"all slos (?:are |were )?met for (?:at least )?{_SPAN}"),
        _met,
    ),
    Phrase(
        "Zero critical incidents in last week",
        "critical_incidents[7d] == 0",
        _pattern(
            rf"(?:zero|no) (?:(?P<severity>critical|warning|info) )?incidents? (?:in|for|within) (?:the )?(?:last )?{_SPAN}"
        ),
        _no_incidents,
    ),
    Phrase(
        "User satisfaction > 4.0",
        "user_satisfaction > 4.0/5",
        _pattern(rf"user satisfaction {_OP} (?P<number>{_NUMBER})(?: ?/ ?5)?{_TAIL}"),
        _satisfaction,
    ),
    Phrase(
        "Conversion lift > 10% (significant)",
        "conversion_lift > 10% vs control significant at 5%",
        _pattern(
            rf"(?P<name>{_WORD}(?: {_WORD}){{0,4}}) {_OP} (?P<number>{_NUMBER}%)"
            rf" ?\(significant(?: at (?P<level>{_NUMBER}%))?\)"
        ),
        _significant,
    ),
    Phrase(
        "p99 latency > 200ms",
        "latency_p99 > 200ms",
        _pattern(rf"(?P<quantile>p[0-9]+(?:\.[0-9]+)?) latency {_OP} (?P<number>{_NUMBER} ?[a-z]+){_TAIL}"),
        _latency,
    ),
    Phrase(
        "Error rate > 1%",
        "error_rate > 1%",
        _pattern(
            rf"(?P<name>{_WORD}(?: {_WORD}){{1,4}}) {_OP} (?P<number>{_NUMBER}(?: ?[a-z%/][a-z0-9/]*)?){_TAIL}"
        ),
        _words,
    ),
)
