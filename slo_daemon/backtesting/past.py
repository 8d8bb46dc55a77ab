"""What a replay stands on beside the source: a clock that is set, and a store that knows only what had happened by then."""

from collections.abc import Sequence
from dataclasses import dataclass

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.pilot.records import Feedback, Incident, Records, RecordsQuery
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
    """Knows all records of the time and answers as of any moment, and keeps nothing that grows.

    An incident is there from the moment it started, whenever it was told, and is open until it was resolved. Levels live on
    the board, chunks in the history, and what the judges remember with the judges.
    """

    def __init__(self, past: PastRecords) -> None:
        super().__init__()
        self._told = past.incidents is not None
        self._incidents = list(past.incidents or ())
        self._feedback = list(past.feedback)

    def records(self, pilot: str, query: RecordsQuery) -> Records:
        """See ports.Store. Raises StoreError where nobody was asked."""
        if not self._told:
            raise StoreError("not_asked", NOT_TOLD)
        return super().records(pilot, query)

    def save_notes(self, pilot: str, content: str, at: float) -> None:
        """Nothing survives a replay."""

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
