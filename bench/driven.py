"""The daemon's own evaluation, driven through slots of the past: its code, a real Prometheus, a real store.

Only the clock is ours: it stands where we are in the history, and the source tells the same time.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from bench.asking import Cost, metered
from bench.soak.prefill import prefill
from slo_daemon.adapters.database import DatabaseStore, SqliteFile
from slo_daemon.adapters.gauges.self_metrics import NoTelemetry
from slo_daemon.adapters.prometheus import PrometheusSettings, PrometheusSource
from slo_daemon.core.slo.query import FailReason
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import Snapshot, Specification
from slo_daemon.ports import RangeReply, Reply
from slo_daemon.spec import load
from slo_daemon.workflows.ask import Asker
from slo_daemon.workflows.backfill import Backfiller
from slo_daemon.workflows.board import Board
from slo_daemon.workflows.evaluate import Evaluator
from slo_daemon.workflows.history import History
from slo_daemon.workflows.verify import Verifier

TICK = 60  # seconds between two slots
_TIMEOUT = 100.0


class Driven:
    """One specification against one Prometheus. Use as a context manager: the store is closed in the end."""

    def __init__(self, texts: Iterable[tuple[str, str]], url: str, pid: int, store: Path, at: float) -> None:
        """`at`: where the clock stands at first (Unix seconds). `store`: a new file."""
        self._stack = ExitStack()
        self._pid = pid
        self.clock = FixedClock(at)
        self.counter = Counter()
        self.specification = load(list(texts)).specification
        store.unlink(missing_ok=True)
        file = SqliteFile(store)
        self._stack.callback(file.close)
        self.store = DatabaseStore(file)
        source = PastSource(
            PrometheusSource(PrometheusSettings(url, timeout=_TIMEOUT)), self.clock, self.counter
        )
        self._stack.callback(source.close)
        self._asker = Asker(source, self.counter, concurrency=2, timeout=_TIMEOUT)
        self._stack.callback(self._asker.close)
        self.history = History(self.store, self.counter, TICK)
        self.evaluator = Evaluator(
            self._asker,
            self.history,
            self.store,
            Board(Snapshot(Specification((), (), ""), None, None, {})),
            self.clock,
            self.counter,
        )
        self.backfiller = Backfiller(self._asker, self.history, self.clock, self.counter)
        self.verifier = Verifier(self._asker, self.history, self.counter)

    def remember(self) -> None:
        """Fill the store with thirty days that were never measured, before `adopt`: where only the amount matters."""
        prefill(self.store, self.specification.slos, self.clock.now(), TICK, _untold)

    def adopt(self) -> None:
        """Take the specification, with what the store has of it."""
        self.evaluator.adopt(self.specification, {})

    def backfill(self) -> Cost:
        """Ask for everything that is missing; what that cost."""
        cost = Cost()
        with self._metered(cost):
            self.backfiller.fill(self.clock.now())
        return cost

    def tick(self, cost: Cost) -> Snapshot:
        """The next slot with all that belongs to it: closed hours too, when they are due."""
        self.clock.time += TICK
        with self._metered(cost):
            snapshot = self.evaluator.run_slot(Slot(self.clock.now(), TICK))
            while self.backfiller.once(self.clock.now()):
                pass
        return snapshot

    def verify(self, snapshot: Snapshot, times: int) -> Cost:
        """What it costs to ask so many SLOs directly too, one after the other, as the daemon does once a minute."""
        cost = Cost()
        for _ in range(times):
            with self._metered(cost):
                self.verifier.once(snapshot)
        return cost

    @contextmanager
    def _metered(self, cost: Cost) -> Iterator[None]:
        queries, samples = self.counter.queries, self.counter.samples
        with metered(cost, self._pid):
            yield
        cost.queries += self.counter.queries - queries
        cost.samples += self.counter.samples - samples

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _untold(share: float) -> None:
    del share


class FixedClock:
    """A clock that stands."""

    def __init__(self, time: float) -> None:
        self.time = time

    def now(self) -> float:
        return self.time


class Counter(NoTelemetry):
    """Counts what is asked. The daemon's threads tell it."""

    def __init__(self) -> None:
        self._turn = Lock()
        self.queries = 0
        self.samples = 0
        self.failures: list[str] = []
        self.verified_as: list[str] = []

    def query_done(self, seconds: float, samples: int | None) -> None:
        del seconds
        with self._turn:
            self.queries += 1
            self.samples += samples or 0

    def query_failed(self, reason: FailReason) -> None:
        with self._turn:
            self.failures.append(reason.value)

    def verified(self, result: str) -> None:
        with self._turn:
            self.verified_as.append(result)


class PastSource:
    """The daemon's own source, but for its clock: it asks for the time, pays for that, and is told ours."""

    def __init__(self, source: PrometheusSource, clock: FixedClock, counter: Counter) -> None:
        self._source = source
        self._clock = clock
        self._counter = counter

    @property
    def url(self) -> str:
        return self._source.url

    def query(self, promql: str, at: float, deadline: float) -> Reply:
        return self._source.query(promql, at, deadline)

    def query_range(self, promql: str, start: float, end: float, step: float, deadline: float) -> RangeReply:
        return self._source.query_range(promql, start, end, step, deadline)

    def server_time(self, deadline: float) -> float:
        self._source.server_time(deadline)
        self._counter.query_done(0.0, 0)
        return self._clock.now()

    def close(self) -> None:
        self._source.close()
