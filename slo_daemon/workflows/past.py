"""What the chunks of the past say of measures: streaks and counts by day. They change slowly, and looking costs sums over weeks."""

from dataclasses import dataclass

from slo_daemon.core.slo.book import Entry
from slo_daemon.core.slo.chunks import CELL, floor
from slo_daemon.core.slo.measure import Day, Measure, Purpose, days
from slo_daemon.core.slo.query import Labels
from slo_daemon.core.slo.sight import Sight
from slo_daemon.core.slo.streak import Streak, streak


@dataclass(frozen=True, slots=True)
class Past:
    """Of one group of a measure; empty for measures that only want a value."""

    streak: Streak | None = None
    days: tuple[Day, ...] = ()


NO_PAST = Past()


class Pasts:
    """Looks once in 5 minutes, and anew when history was fetched or the specification changed meanwhile."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Labels], tuple[tuple[int, object], Past]] = {}

    def of(self, measure: Measure, entry: Entry, group: Labels, sight: Sight, state: object) -> Past:
        """The past at the sight's time. `state`: anything that is another one when history has changed."""
        if measure.purpose is Purpose.VALUE:
            return NO_PAST
        place, stamp = (measure.slo.id, group), (floor(sight.at, CELL), state)
        known = self._known.get(place)
        if known is None or known[0] != stamp:
            known = self._known[place] = (stamp, _look(measure, entry, group, sight))
        return known[1]

    def keep(self, names: set[str]) -> None:
        """Forget all other measures."""
        self._known = {place: known for place, known in self._known.items() if place[0] in names}


def _look(measure: Measure, entry: Entry, group: Labels, sight: Sight) -> Past:
    if measure.purpose is Purpose.DAYS:
        return Past(days=days(entry, group, sight, measure.since))
    window = measure.slo.budget.window.longest if measure.slo.budget else 0
    backfilling = not sight.backfilled(entry.slices, sight.at - window)
    return Past(streak(entry, group, sight, backfilling=backfilling))
