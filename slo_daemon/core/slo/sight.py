"""The ledger as one slot sees it: the sums of windows, and the shares of them that were seen and answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slo_daemon.core.slo.book import Entry
from slo_daemon.core.slo.chunk_table import Table
from slo_daemon.core.slo.edge_windows import sums_where
from slo_daemon.core.slo.hours import Hours, hours_of
from slo_daemon.core.slo.ledger import Group, Ledger
from slo_daemon.core.slo.query import Form, Labels
from slo_daemon.core.slo.window import BudgetWindow

_ALMOST = 1e-4  # of a window; less is rounding


class Sight:
    """The ledger as one slot sees it. Sums are made once for each window, and shared by all SLOs."""

    def __init__(self, ledger: Ledger, at: float) -> None:
        self._ledger = ledger
        self.at = at
        self._sums: dict[tuple[int, float], Summed] = {}
        self._windows: dict[tuple[int, tuple[float, ...]], Sequence[Summed]] = {}
        self._begins: dict[BudgetWindow, float] = {}
        self._asked: dict[tuple[int, float], Sequence[bool]] = {}

    def has(self, entry: Entry) -> bool:
        """Whether the ledger keeps what an SLO asks; a new specification may have come in between."""
        return all(map(self._ledger.has, entry.keys.values()))

    def columns(self, key: str, by: tuple[str, ...], group: Labels) -> Group:
        """The columns of one group of an ask."""
        return self._ledger.groups(key, by).get(group, ())

    def groups(self, key: str, by: tuple[str, ...], since: float) -> set[Labels]:
        """The groups that had a row in a chunk that ended at `since` or later."""
        table = self._ledger.table(key)
        return {
            group
            for group, columns in self._ledger.groups(key, by).items()
            if table.newest([place for _, place in columns]) >= since
        }

    def hours(self, key: str, columns: Group, ends: Sequence[int]) -> Hours:
        """The hours that end at `ends`, one by one."""
        return hours_of(self._ledger.table(key), key, columns, ends)

    def newest(self, key: str, columns: Group) -> float:
        """The end of the newest chunk with a row; 0.0 when there is none."""
        return self._ledger.table(key).newest([place for _, place in columns])

    def rows(
        self, key: str, form: Form, columns: Group, start: float
    ) -> tuple[list[tuple[Labels, float]], float, float]:
        """Labels and value of each column over the window from `start` to the slot.

        And the shares of the window that were seen, and that could be asked, be the answer empty or not.
        """
        (window,) = self.windows(key, (start,))
        answered = window.answered(key)
        covered = window.covered
        most = max([covered[place] for _, place in columns], default=0.0)
        if most <= 0.0:
            return [], 0.0, answered
        # a bucket edge that was not there all the time says nothing about the whole window
        least = most - 1.0 if form is Form.BUCKETS else 0.0
        rows = [
            (labels, window.values[place])
            for labels, place in columns
            if covered[place] > 0.0 and covered[place] >= least
        ]
        if form is Form.BUCKETS and len(rows) < 2 < len(columns):  # all edges but +Inf have changed
            newest = self.newest(key, columns)
            now = [one for one in columns if self.newest(key, (one,)) >= newest]
            counts, share = self.partly(key, [place for _, place in now], start)
            if share > 0.0:
                return [(labels, counts[place]) for labels, place in now], share, min(answered, share)
        return rows, window.share(most), answered

    def partly(self, key: str, places: Sequence[int], start: float) -> tuple[Mapping[int, float], float]:
        """What columns counted in that part of a window in which all of them had a row; its share of the window."""
        counts, seconds = sums_where(self._ledger.table(key), start, self.at, places, places)
        return counts, seconds / (self.at - start) if self.at > start else 0.0

    def windows(self, key: str, starts: tuple[float, ...]) -> Sequence["Summed"]:
        """The windows from each of `starts` to the slot, of the table that holds an ask."""
        table = self._ledger.table(key)
        place = (id(table), starts)
        found = self._windows.get(place)
        if found is None:
            found = self._windows[place] = tuple(self._summed(table, start) for start in starts)
        return found

    def begin(self, window: BudgetWindow) -> float:
        """Where a budget's window begins that holds the slot."""
        start = self._begins.get(window)
        if start is None:
            start = self._begins[window] = window.start(self.at)
        return start

    def backfilled(self, key: str, start: float) -> bool:
        """Whether every closed hour since `start` was asked for."""
        table = self._ledger.table(key)
        place = (id(table), start)
        if place not in self._asked:
            self._asked[place] = table.asked_throughout(start, self.at - 2 * 3_600).tolist()
        return self._asked[place][table.asks[key]]

    def _summed(self, table: Table, start: float) -> "Summed":
        place = (id(table), start)
        summed = self._sums.get(place)
        if summed is None:
            if start < self.at:
                found = table.sums(start, self.at)
                lists = (found.values.tolist(), found.covered.tolist(), found.answered.tolist())
            else:  # a calendar window that begins at the slot
                lists = ([0.0] * len(table.columns), [0.0] * len(table.columns), [0.0] * len(table.asks))
            summed = self._sums[place] = Summed(self.at - start, *lists, table.asks)
        return summed


@dataclass(frozen=True, slots=True, eq=False)
class Summed:
    """One window of a table, as plain lists: by column what was counted and the seconds seen, by ask the seconds answered."""

    seconds: float
    values: Sequence[float]
    covered: Sequence[float]
    asked: Sequence[float]
    places: Mapping[str, int]

    def share(self, seconds: float) -> float:
        """Seconds as a share of the window."""
        if self.seconds <= 0.0:
            return 0.0
        share = seconds / self.seconds
        return 1.0 if share > 1.0 - _ALMOST else share

    def answered(self, key: str) -> float:
        """The share of the window for which an ask was answered."""
        return self.share(self.asked[self.places[key]])
