"""A Store that ends with its process: for tests, and for commands that leave nothing behind."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf

from slo_daemon.adapters.memory_store.people import MemoryPeople
from slo_daemon.core.slo.budget_points import BudgetPoint, crowded
from slo_daemon.core.slo.chunks import ChunkBlock
from slo_daemon.core.slo.state import SloState, Transition, TransitionReason
from slo_daemon.ports import StoreError

_TransitionKey = tuple[float, str, int]  # slot, SLO, sequence: in this order they are oldest first


class MemoryStore(MemoryPeople):
    """A `ports.Store` in memory, behind one lock. While `failure` is set, every call raises it and changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._states: dict[str, SloState] = {}
        self._history: dict[str, list[Transition]] = {}  # by SLO
        self._outbox: dict[str, dict[_TransitionKey, Transition]] = {}  # by sink
        self._chunks: list[ChunkBlock] = []  # as saved
        self._points: dict[float, dict[str, BudgetPoint]] = {}  # by time and SLO
        self._notes: dict[str, str] = {}  # by pilot

    def states(self) -> dict[str, SloState]:
        """See ports.Store."""
        with self._working():
            return dict(self._states)

    def commit_slot(
        self, states: Sequence[SloState], transitions: Sequence[Transition], sinks: Sequence[str]
    ) -> None:
        """See ports.Store."""
        with self._working():
            for state in states:
                stored = self._states.get(state.slo_id)
                if stored is None or _not_older(state.last_slot, stored.last_slot):
                    self._states[state.slo_id] = state
            self._add(transitions, sinks)

    def forget(self, removals: Sequence[Transition], sinks: Sequence[str]) -> None:
        """See ports.Store."""
        with self._working():
            for removal in removals:
                self._states.pop(removal.slo_id, None)
            self._add(removals, sinks)

    def undelivered(self, sink: str, limit: int = 1000) -> tuple[Transition, ...]:
        """See ports.Store."""
        with self._working():
            return tuple(sorted(self._outbox.get(sink, {}).values(), key=_key)[:limit])

    def delivered(self, sink: str, transitions: Sequence[Transition]) -> None:
        """See ports.Store."""
        with self._working():
            for transition in transitions:
                self._outbox.get(sink, {}).pop(_key(transition), None)

    def transitions(self, slo_id: str | None = None, limit: int = 50) -> tuple[Transition, ...]:
        """See ports.Store."""
        with self._working():
            told = [one for told in self._history.values() for one in told if slo_id in (None, one.slo_id)]
            return tuple(sorted(told, key=_key, reverse=True)[:limit])

    def save_chunks(self, blocks: Sequence[ChunkBlock]) -> None:
        """See ports.Store."""
        with self._working():
            for block in blocks:
                if block.times:
                    self._chunks = [one for one in self._chunks if not _same_chunks(one, block)]
                    self._chunks.append(
                        replace(
                            block, values=block.values.copy(), seen=block.seen.copy()
                        )  # never what is shared
                    )

    def chunks(self, asks: Collection[str], since: Mapping[int, float]) -> Iterator[ChunkBlock]:
        """See ports.Store."""
        with self._working():
            saved = self._chunks
        wanted = frozenset(asks)
        for block in saved:
            if block.times[-1] > since.get(block.span, inf) and not wanted.isdisjoint(block.asks):
                yield _cut(block, wanted, since[block.span])

    def prune_chunks(self, before: Mapping[int, float]) -> int:
        """See ports.Store."""
        with self._working():
            kept = [block for block in self._chunks if block.times[-1] > before.get(block.span, -inf)]
            pruned = len(self._chunks) - len(kept)
            self._chunks = kept
            return pruned

    def save_budget_points(self, points: Sequence[BudgetPoint]) -> None:
        """See ports.Store."""
        with self._working():
            for point in points:
                self._points.setdefault(point.at, {})[point.slo_id] = point
            now = max((point.at for point in points), default=-inf)
            for at, later in crowded(self._points, now).items():
                known = {slo_id for other in later for slo_id in self._points[other]}
                kept = {slo_id: point for slo_id, point in self._points[at].items() if slo_id not in known}
                self._points[at] = kept if later else {}
            self._points = {at: kept for at, kept in self._points.items() if kept}

    def budget_points(self, slo_id: str, since: float) -> tuple[BudgetPoint, ...]:
        """See ports.Store."""
        with self._working():
            times = sorted(at for at, points in self._points.items() if at >= since and slo_id in points)
            return tuple(self._points[at][slo_id] for at in times)

    def check(self) -> None:
        """See ports.Store."""
        with self._working():
            pass

    def close(self) -> None:
        """See ports.Store."""
        self.failure = StoreError("closed", "the store in memory was closed")

    def save_notes(self, pilot: str, content: str, at: float) -> None:  # noqa: ARG002 - nobody reads when
        """See ports.Store."""
        with self._working():
            self._notes[pilot] = content

    def notes(self) -> dict[str, str]:
        """See ports.Store."""
        with self._working():
            return dict(self._notes)

    def _add(self, transitions: Sequence[Transition], sinks: Sequence[str]) -> None:
        for transition in transitions:
            told = self._history.setdefault(transition.slo_id, [])
            if not _known(told, transition):
                told.append(transition)
                for sink in sinks:
                    self._outbox.setdefault(sink, {})[_key(transition)] = transition


def _key(transition: Transition) -> _TransitionKey:
    return transition.slot, transition.slo_id, transition.sequence


def _known(told: Sequence[Transition], transition: Transition) -> bool:
    """Whether it is stored. Numbers count from 1 again after a removal, so older namesakes do not matter."""
    end = max((one.slot for one in told if one.reason is TransitionReason.REMOVED), default=-inf)
    return any(
        one.slot == transition.slot or one.slot > end for one in told if one.sequence == transition.sequence
    )


def _not_older(given: float | None, stored: float | None) -> bool:
    return stored is None or (given is not None and given >= stored)


def _same_chunks(block: ChunkBlock, other: ChunkBlock) -> bool:
    return (block.span, block.times, set(block.asks)) == (other.span, other.times, set(other.asks))


def _cut(block: ChunkBlock, asks: Collection[str], since: float) -> ChunkBlock:
    """What a block has of `asks`, in chunks that end after `since`."""
    rows = [row for row, end in enumerate(block.times) if end > since]
    places = [place for place, column in enumerate(block.columns) if column.ask in asks]
    return ChunkBlock(
        block.span,
        block.times[rows[0]],
        tuple(ask for ask in block.asks if ask in asks),
        tuple(block.columns[place] for place in places),
        block.values[rows][:, places],
        block.seen[rows][:, places],
    )
