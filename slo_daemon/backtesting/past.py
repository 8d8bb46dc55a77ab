"""What a replay stands on beside the source: a clock that is set, and a store that knows only what had happened by then."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.pilot.records import Feedback, Incident, Records
from slo_daemon.core.slo.budget_points import BudgetPoint
from slo_daemon.core.slo.chunks import ChunkBlock
from slo_daemon.core.slo.state import SloState, Transition
from slo_daemon.ports import StoreError

NOT_TOLD = "the backtest was given no incidents; give --incidents, --feedback or --url"


@dataclass(frozen=True, slots=True)
class PastRecords:
    """All that people told of the whole time. `incidents` None: nobody was asked, so nobody can tell that there were none."""

    incidents: tuple[Incident, ...] | None = None
    feedback: tuple[Feedback, ...] = ()


class ReplayClock:
    """The time that is replayed."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        """Unix seconds."""
        return self.at


class PastStore(MemoryStore):
    """Answers as of the clock's time, and keeps nothing that grows: levels live on the board, chunks in the history.

    An incident is there from the moment it started, whenever it was told, and is open until it was resolved.
    """

    def __init__(self, clock: ReplayClock, past: PastRecords) -> None:
        super().__init__()
        self._clock = clock
        self._past = past
        incidents = past.incidents or ()
        self._moments = sorted(
            [incident.started_at for incident in incidents]
            + [incident.resolved_at for incident in incidents if incident.resolved_at is not None]
            + [one.given_at for one in past.feedback]
        )
        self._passed: int | None = None
        self._counted: dict[tuple[str, int, int], Records] = {}

    def records(
        self, pilot: str, since: float, recent_incidents: int = 10, recent_feedback: int = 5
    ) -> Records:
        """See ports.Store. Raises StoreError where nobody was asked."""
        if self._past.incidents is None:
            raise StoreError("not_asked", NOT_TOLD)
        with self._working():
            before = sum(incident.started_at < since for incident in self._incidents)
            key = pilot, before, self._passed or 0
        known = self._counted.get(key)
        if known is None:
            self._counted.clear()
            known = super().records(pilot, since, recent_incidents, recent_feedback)
            self._counted[key] = known
        return known

    def commit_slot(
        self, states: Sequence[SloState], transitions: Sequence[Transition], sinks: Sequence[str]
    ) -> None:
        """Nothing survives a replay."""

    def forget(self, removals: Sequence[Transition], sinks: Sequence[str]) -> None:
        """Nothing was kept."""

    def save_chunks(self, blocks: Sequence[ChunkBlock]) -> None:
        """The history has them."""

    def save_budget_points(self, points: Sequence[BudgetPoint]) -> None:
        """Nobody plots them."""

    @contextmanager
    def _working(self) -> Iterator[None]:
        with super()._working():
            passed = bisect_right(self._moments, self._clock.at)
            if passed != self._passed:
                self._passed = passed
                self._incidents = [
                    _as_of(one, self._clock.at)
                    for one in self._past.incidents or ()
                    if one.started_at <= self._clock.at
                ]
                self._feedback = [one for one in self._past.feedback if one.given_at <= self._clock.at]
            yield


def _as_of(incident: Incident, at: float) -> Incident:
    """The incident as it stood at a time."""
    if incident.resolved_at is None or incident.resolved_at <= at:
        return incident
    return replace(incident, resolved_at=None, resolution=None)
