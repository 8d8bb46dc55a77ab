"""Measures: what else is watched of SLOs and other numbers, beside each SLO's own evaluation.

A measure is evaluated like an SLO, but has no level and no state. It is made of the same chunks, so most cost the source
nothing: another window is another sum.
"""

from dataclasses import dataclass
from enum import StrEnum

from slo_daemon.core.slo.book import Entry
from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.query import Labels
from slo_daemon.core.slo.sight import Sight
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.streak import Streak
from slo_daemon.core.slo.tallies import events
from slo_daemon.core.slo.window import Tally

DAY = 86_400
MARK = ":"  # in the name of every measure, and of no SLO


class Purpose(StrEnum):
    """What is wanted of a measure beside its value."""

    VALUE = "value"
    STREAK = "streak"  # for how long it has been met, of its budget's window
    DAYS = "days"  # its events, day by day since a time


@dataclass(frozen=True, slots=True)
class Measure:
    """`slo` says what is measured; its name has a `:`. `since`: where the first day begins (Unix seconds).

    `of`: the id of the SLO that it is about, whose groups it has; empty where it is about none.
    """

    slo: Slo
    purpose: Purpose = Purpose.VALUE
    since: float = 0.0
    of: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """What was counted on one day (UTC) that began at `start` (Unix seconds)."""

    start: float
    tally: Tally


@dataclass(frozen=True, slots=True)
class Watched:
    """A measure (or one group of it) at one slot."""

    instance: SloInstance
    evaluation: Evaluation
    streak: Streak | None = None
    days: tuple[Day, ...] = ()


def days(entry: Entry, group: Labels, sight: Sight, since: float) -> tuple[Day, ...]:
    """Events of every day from `since` to the slot, as far back as they are kept; the last one is not over yet."""
    at = sight.at
    starts = tuple(
        since + DAY * day for day in range(max(0, int((at - since) // DAY) + 1)) if since + DAY * day < at
    )
    if not starts:
        return ()
    columns = {name: sight.columns(key, entry.slo.group_by, group) for name, key in entry.keys.items()}
    tallies = events(entry, columns, sight, starts)
    seen = [tally.coverage * (at - start) for start, tally in zip(starts, tallies, strict=True)]
    found = []
    for number, start in enumerate(starts):
        length = min(DAY, at - start)
        good, total, covered = tallies[number].good, tallies[number].total, seen[number]
        if number + 1 < len(starts):
            after = tallies[number + 1]
            good, total, covered = good - after.good, total - after.total, covered - seen[number + 1]
        total = max(0.0, total)
        tally = Tally(min(max(0.0, good), total), total, min(1.0, max(0.0, covered / length)))
        found.append(Day(start, tally))
    return tuple(found)
