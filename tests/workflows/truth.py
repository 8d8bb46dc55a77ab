"""A source that knows every event to the second, and a world that asks it: windows can be held against the truth."""

import re
from collections.abc import Iterable

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.adapters.scripted_source import Answer
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.burn_rate import BurnPair, BurnPolicy
from slo_daemon.core.slo.chunks import CELL, HOUR
from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import MARK, Sample
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Ratio
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Window
from tests.workflows.world import OBJECTIVE, World, split_rows

DAY = 86_400
START = 11_574 * DAY  # a midnight: 2001-09-09 00:00:00 UTC
_SCALED = re.compile(r"\* (\d+) / \d+$")
MONTH = BudgetPolicy(Window(30 * DAY), BudgetMethod.OCCURRENCES, 0.999)
PAIRS = BurnPolicy((BurnPair(Level.CRITICAL, 0.02, HOUR, 300), BurnPair(Level.WARNING, 0.10, DAY, 2 * HOUR)))
TOGETHER = Ratio(parse_selector('r{code="500"}'), parse_selector("r"), counts_good=False, as_good=True)
APART = Ratio(parse_selector("e"), parse_selector("r"), counts_good=False, as_good=True)  # two questions


def over(seconds: int, name: str = "s", indicator: Ratio = TOGETHER, **more: object) -> Slo:
    """An SLO over a window of so many seconds."""
    return Slo("p", name, indicator, OBJECTIVE, Window(seconds), **more)  # type: ignore[arg-type]


class Truth:
    """Requests and errors at even rates within each 5 minutes. `down`: spans in which nothing was scraped.

    Hours count `hidden` errors more than their cells show, as if failed scrapes had hidden them from these.
    """

    def __init__(self, *, hidden: float = 0.0) -> None:
        self.hidden = hidden  # errors an hour
        self.down: list[tuple[float, float]] = []
        self.burst: tuple[float, float] = (0.0, 0.0)  # a span in which every tenth request fails

    def rates(self, cell: int) -> tuple[float, float]:
        """(requests, errors) a second within the cell that ends at `cell`: busy days, quiet nights, more errors at night."""
        night = cell % DAY < DAY // 4
        requests_ = (2 if night else 40) + cell // CELL % 7
        errors = (
            requests_ / 10 if self.burst[0] < cell <= self.burst[1] else requests_ / (250 if night else 2_000)
        )
        return float(requests_), errors

    def count(self, start: float, end: float) -> tuple[float, float]:
        """(requests, errors) that were scraped between two times."""
        requests_ = errors = 0.0
        for cell in range(int(start // CELL + 1) * CELL, int(-(-end // CELL)) * CELL + 1, CELL):
            low, high = max(start, cell - CELL), min(end, cell)
            seconds = high - low - sum(max(0.0, min(high, b) - max(low, a)) for a, b in self.down)
            rate = self.rates(cell)
            requests_, errors = requests_ + rate[0] * seconds, errors + rate[1] * seconds
        return requests_, errors

    def answer(self, promql: str, at: float) -> list[Sample]:
        """What a source says that scrapes every second, so that there is nothing to extrapolate."""
        if "timestamp(" in promql:
            return []
        scaled = _SCALED.search(promql)
        span = int(scaled[1]) if scaled else CELL
        if any(start <= at - span and at <= end for start, end in self.down):
            return []
        requests_, errors = self.count(at - span, at)
        if span == HOUR:
            errors += self.hidden
        if MARK in promql:
            return split_rows(errors, requests_)
        return [Sample((), errors if "(e[" in promql else requests_)]


class TrueWorld(World):
    """A world whose source knows the truth. `fails`: what makes a query fail, by a part of its text."""

    def __init__(
        self, *slos: Slo, truth: Truth | None = None, store: MemoryStore | None = None, at: float = START
    ) -> None:
        self.truth = truth or Truth()
        self.fails: dict[str, Answer] = {}
        super().__init__(*slos, store=store, at=at)

    def _answer(self, promql: str, at: float) -> Answer:  # type: ignore[override]
        for text, answer in self.fails.items():
            if text in promql:
                return answer
        return self.truth.answer(promql, at)

    def evaluation(self, key: str = "p/s") -> Evaluation:
        found = self.view(key).evaluation
        assert found is not None
        return found

    def truly(self, seconds: float) -> float:
        """The share of good requests over a window that ended at the last slot."""
        slot = self.board.current.slot
        assert slot is not None
        requests_, errors = self.truth.count(slot.time - seconds, slot.time)
        return 1.0 - errors / requests_

    def ranges(self) -> list[tuple[str, list[float]]]:
        """The questions about ranges so far, each with the times that it was about; they are forgotten."""
        asked = [
            (
                one.promql,
                [one.start + one.step * n for n in range(round((one.end - one.start) / one.step) + 1)],
            )
            for one in self.source.asked_ranges
        ]
        self.source.asked_ranges.clear()
        return asked


def about(asked: Iterable[tuple[str, list[float]]], span: int) -> list[list[float]]:
    """The times of the questions about chunks of `span`."""
    return [times for promql, times in asked if promql.endswith(f"* {span} / {span + 30}")]
