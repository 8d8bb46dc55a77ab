"""The stores under test, and records to put into them."""

from pathlib import Path
from typing import Any

from slo_daemon.adapters.database import DatabaseStore, SqliteFile
from slo_daemon.core.pilot.records import NewFeedback, NewIncident, Severity
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.state import SloState, Transition, TransitionReason
from slo_daemon.ports import Act


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
                return getattr(store, name)(*args, **kwargs)
            finally:
                store.close()

        return call

    def close(self) -> None:
        self._closed = True


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
