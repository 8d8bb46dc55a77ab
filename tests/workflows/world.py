"""An evaluator in a world of its own: a scripted source, a store in memory, a board, and a clock that is set by hand."""

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.adapters.scripted_source import ScriptedSource
from slo_daemon.core.quantity import parse_quantity
from slo_daemon.core.slo.objective import Direction, Level, Objective
from slo_daemon.core.slo.query import MARK, Sample
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Ratio
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.state import SloState
from slo_daemon.core.slo.window import Slot, Window
from slo_daemon.core.snapshot import SloView, Snapshot, Specification
from slo_daemon.workflows.ask import Asker
from slo_daemon.workflows.backfill import Backfiller
from slo_daemon.workflows.board import Board
from slo_daemon.workflows.evaluate import Evaluator
from slo_daemon.workflows.history import History
from tests.telling import Told

NOW = 1_000_000_020.0
INTERVAL = 60.0
EVERY = 1_000_000.0  # requests in each answer
OBJECTIVE = Objective(Direction.AT_LEAST, *map(parse_quantity, ("99.9%", "99.8%", "99.5%")))


class FixedClock:
    """A clock that stands still until it is set."""

    time = NOW

    def now(self) -> float:
        return self.time


def slo(name: str, service: str = "a", **more: object) -> Slo:
    """The availability of a service, over 5 minutes unless `more` says so."""
    indicator = Ratio(
        parse_selector(f'r{{code="500",service="{service}"}}'),
        parse_selector(f'r{{service="{service}"}}'),
        counts_good=False,
        as_good=True,
    )
    given = {"window": Window(300)} | more
    return Slo("p", name, indicator, OBJECTIVE, **given)  # type: ignore[arg-type]


def split_rows(errors: float, every: float, labels: tuple[tuple[str, str], ...] = ()) -> list[Sample]:
    """The rows that answer a split question: of good and, where there are any, of bad events."""
    found = [Sample(tuple(sorted((*labels, (MARK, "")))), every - errors)]
    if errors:
        found.append(Sample(tuple(sorted((*labels, (MARK, "1")))), errors))
    return found


class World:
    """`errors` of a million requests, by service; `gone` services have no samples."""

    def __init__(self, *slos: Slo, store: MemoryStore | None = None, at: float = NOW) -> None:
        self.errors: dict[str, float] = {}
        self.gone: set[str] = set()
        self.source = ScriptedSource(self._answer, clock=at)
        self.store = store or MemoryStore()
        self.clock = FixedClock()
        self.clock.time = at
        self.told = Told()
        self.board = Board(Snapshot(Specification((), (), ""), None, None, {}))
        self.asker = Asker(self.source, self.told, concurrency=2, timeout=5.0)
        self.history = History(self.store, self.told, INTERVAL)
        self.backfiller = Backfiller(self.asker, self.history, self.clock, self.told)
        self.evaluator = Evaluator(
            self.asker, self.history, self.store, self.board, self.clock, self.told, sinks=["am"]
        )
        self.adopt(*slos, states=self.store.states())

    def adopt(self, *slos: Slo, states: dict[str, SloState] | None = None) -> None:
        self.evaluator.adopt(Specification(slos, (), "h"), states)

    def run(self, slots: int = 1) -> Snapshot:
        for _ in range(slots):
            snapshot = self.evaluator.run_slot(Slot(self.clock.time, INTERVAL))
            self.pass_time(INTERVAL)
        return snapshot

    def pass_time(self, seconds: float) -> None:
        """Nobody does anything meanwhile."""
        self.clock.time += seconds
        self.source.clock = self.clock.time

    def fill(self) -> None:
        """Backfill all that is missing now."""
        self.backfiller.fill(self.clock.time)

    def view(self, key: str) -> SloView:
        return self.board.current.slos[key]

    def level(self, key: str) -> Level:
        return self.view(key).state.level

    def _answer(self, promql: str, at: float) -> list[Sample]:
        if "timestamp(" in promql:
            return []
        rows = []
        for service in ("a", "b"):
            asked = any(text in promql for text in (f'"{service}"', f'{service}"', f"{service}|"))
            if asked and service not in self.gone:
                labels = (("service", service),) if "by (service" in promql else ()
                rows += split_rows(self.errors.get(service, 0.0), EVERY, labels)
        return rows
