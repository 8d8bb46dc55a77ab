"""The stores under test, and records to put into them."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slo_daemon.adapters.database import DatabaseStore, SqliteFile
from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.pilot.records import NewFeedback, NewIncident, Severity
from slo_daemon.core.slo.budget_points import BudgetPoint
from slo_daemon.core.slo.chunks import HOUR, ChunkBlock, Column
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.state import SloState, Transition, TransitionReason
from slo_daemon.ports import Act, Store, StoreError

ROOT = Path(__file__).resolve().parents[2]


def open_store(path: Path) -> DatabaseStore:
    """A store over an SQLite file."""
    return DatabaseStore(SqliteFile(path))


class Reopening:
    """A store that is opened for each call and closed after it: nothing may live in memory only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed = False

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            store = open_store(self._path)
            try:
                if self._closed:
                    store.close()
                answer = getattr(store, name)(*args, **kwargs)
                return iter(list(answer)) if isinstance(answer, Iterator) else answer
            finally:
                store.close()

        return call

    def close(self) -> None:
        self._closed = True


def refused(call: Callable[[], object]) -> StoreError:
    """How a call was refused."""
    with pytest.raises(StoreError) as caught:
        call()
    return caught.value


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """Past the store, as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def program(name: str, folder: Path, *before: str) -> list[str]:
    """The command line of a program of `store_child`, run by `before`."""
    return [*before, sys.executable, "-m", "tests.adapters.store_child", name, str(folder)]


def run(command: list[str]) -> list[Any]:
    """What a program told, line by line."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


STORES: dict[str, Callable[[Path], Store]] = {
    "database": open_store,
    "database reopened for each call": Reopening,
    "memory": lambda _: MemoryStore(),
}


def state(slo_id: str = "shop/latency", slot: float | None = 60.0, **fields: Any) -> SloState:
    return SloState(slo_id, last_slot=slot, **fields)


def transition(
    slo_id: str = "shop/latency",
    sequence: int = 1,
    slot: float = 60.0,
    reason: TransitionReason = TransitionReason.THRESHOLD,
    detail: str = "p95 was 61 ms",
) -> Transition:
    after = Level.NONE if reason is TransitionReason.REMOVED else Level.CRITICAL
    return Transition(slo_id, sequence, slot, Level.NONE, after, reason, detail, 0.061)


def removal(slo_id: str = "shop/latency", sequence: int = 2, slot: float = 120.0) -> Transition:
    return transition(slo_id, sequence, slot, TransitionReason.REMOVED, "left the configuration")


def incident(title: str = "search is down", pilot: str = "shop", **fields: Any) -> NewIncident:
    values = {"severity": Severity.CRITICAL, "description": "all of it", "started_at": 1000.0} | fields
    return NewIncident(pilot, title, **values)


def rating(user: str = "ada", stars: int = 4, pilot: str = "shop", **fields: Any) -> NewFeedback:
    values = {"text": "found it", "given_at": 2000.0, "context": {"query": "boots"}} | fields
    return NewFeedback(pilot, user, stars, **values)


def act(key: str | None = None, at: float = 5000.0, actor: str = "ops", content: str = "") -> Act:
    return Act(actor, at, key, content)


def point(slo_id: str = "shop/latency", at: float = 3600.0, **fields: Any) -> BudgetPoint:
    values = {"remaining": 0.5, "coverage": 0.99, "state": "complete"} | fields
    return BudgetPoint(slo_id, at, **values)


Told = dict[
    tuple[int, str, int], dict[Column, tuple[float, int]]
]  # by span, ask, end: counts, and twelfths seen


def column(ask: str = "events", **labels: str) -> Column:
    return Column(ask, tuple(sorted(labels.items())))


def block(
    rows: Mapping[Column, Sequence[float]],
    first: int = 10 * HOUR,
    span: int = HOUR,
    asks: Iterable[str] = ("events",),
    times: int = 1,
    seen: int = 12,
) -> ChunkBlock:
    """Each of `rows`: the counts of one column; with none, `times` says how many times were asked."""
    values = np.array(list(rows.values()), dtype=np.float32).reshape(len(rows), -1 if rows else times).T
    return ChunkBlock(
        span, first, tuple(asks), tuple(rows), values, np.full(values.shape, seen, dtype=np.uint8)
    )


def told(blocks: Iterable[ChunkBlock]) -> Told:
    """What a reader knows after these blocks: for each ask and time what the last one says. Rows that are there only."""
    latest: Told = {}
    for one in blocks:
        assert one.values.shape == one.seen.shape == (len(one.times), len(one.columns))
        assert (one.values.dtype, one.seen.dtype) == (np.float32, np.uint8)
        for row, end in enumerate(one.times):
            for ask in one.asks:
                latest[one.span, ask, end] = {
                    column: (float(one.values[row, place]), int(one.seen[row, place]))
                    for place, column in enumerate(one.columns)
                    if column.ask == ask and one.seen[row, place]
                }
    return latest
