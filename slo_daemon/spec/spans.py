"""Leaves about spans of time: windows and lookbacks, which are sums of 5-minute chunks, and the zones of calendars."""

from functools import cache
from zoneinfo import available_timezones

from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.budget import LONGEST_BUDGET
from slo_daemon.core.slo.burn_rate import LONGEST_LOOKBACK, SHORTEST_LOOKBACK
from slo_daemon.core.spelling import closest
from slo_daemon.spec.leaves import duration, text, wrong
from slo_daemon.spec.problems import shorten

_NO_PLACES = {"localtime", "Factory"}  # in the zone database, and different on every machine or nowhere


def span_problem(seconds: int, longest: int = LONGEST_BUDGET) -> tuple[str, str] | None:
    """Message and remedy, if nothing can be measured over so many seconds: there must be chunks of 5 minutes for it."""
    shown, least = show_duration(seconds), show_duration(SHORTEST_LOOKBACK)
    if seconds < SHORTEST_LOOKBACK:
        return f"{shown} is shorter than {least}, the shortest span that is measured", f"write {least}"
    if seconds > longest:
        return (
            f"{shown} is longer than {show_duration(longest)}, the longest that can be measured",
            "write less",
        )
    before = seconds // SHORTEST_LOOKBACK * SHORTEST_LOOKBACK
    if seconds == before:
        return None
    around = f"write {show_duration(before)} or {show_duration(before + SHORTEST_LOOKBACK)}"
    return f"{shown} is no multiple of {least}", around


def span(value: object) -> int:
    """A duration from 5m to a year that is a multiple of 5m, in seconds."""
    return _span(value, LONGEST_BUDGET)


def lookback(value: object) -> int:
    """A duration from 5m to 3d that is a multiple of 5m, in seconds."""
    return _span(value, LONGEST_LOOKBACK)


def _span(value: object, longest: int) -> int:
    seconds = duration(value)
    problem = span_problem(seconds, longest)
    if problem:
        wrong(*problem)
    return seconds


def zone(value: object) -> str:
    """The name of a time zone in the IANA database, as it is spelt there."""
    written = text(value)
    if written not in _zones():
        wrong(f"{shorten(written)!r} is no time zone of the IANA database", _zone_meant(written))
    return written


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - _NO_PLACES)


def _zone_meant(written: str) -> str:
    """A zone is often written without its continent, with a blank, or in small letters."""
    folded = written[:100].casefold().replace(" ", "_")
    alike = {known.casefold(): known for known in sorted(_zones())}
    by_place = {name.rpartition("/")[2]: known for name, known in alike.items()}
    meant = alike.get(folded) or by_place.get(folded) or alike.get(closest(folded, list(alike)) or "")
    return f"did you mean {meant!r}?" if meant else "write for example Europe/Berlin or UTC"
