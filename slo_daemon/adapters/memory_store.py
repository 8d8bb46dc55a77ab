"""A Store that ends with its process: for tests, and for commands that leave nothing behind."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import inf
from threading import Lock

from slo_daemon.core.pilot.records import (
    Feedback,
    Incident,
    IncidentChange,
    IncidentSummary,
    NewFeedback,
    NewIncident,
    Ratings,
    Records,
    Severity,
)
from slo_daemon.core.slo.budget_points import BudgetPoint, crowded
from slo_daemon.core.slo.chunks import ChunkBlock
from slo_daemon.core.slo.state import SloState, Transition, TransitionReason
from slo_daemon.ports import Act, AuditEntry, KeyReusedError, Recorded, StoreError, WriteKind

_TransitionKey = tuple[float, str, int]  # slot, SLO, sequence: in this order they are oldest first
_WrittenKey = tuple[WriteKind, str, str]  # kind, pilot, idempotency key


class MemoryStore:
    """A `ports.Store` in memory, behind one lock. While `failure` is set, every call raises it and changes nothing."""

    def __init__(self) -> None:
        self.failure: StoreError | None = None
        self._lock = Lock()
        self._states: dict[str, SloState] = {}
        self._history: dict[str, list[Transition]] = {}  # by SLO
        self._outbox: dict[str, dict[_TransitionKey, Transition]] = {}  # by sink
        self._chunks: list[ChunkBlock] = []  # as saved
        self._points: dict[float, dict[str, BudgetPoint]] = {}  # by time and SLO
        self._incidents: list[Incident] = []
        self._feedback: list[Feedback] = []
        self._written: dict[_WrittenKey, tuple[str, int]] = {}  # the content, and the record's id
        self._audit: list[AuditEntry] = []

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

    def record_incident(self, incident: NewIncident, act: Act) -> Recorded[Incident]:
        """See ports.Store."""
        with self._working():
            known = self._replayed(WriteKind.RECORD_INCIDENT, incident.pilot, act, repr(incident))
            if known is not None:
                return Recorded(self._incidents[known - 1], created=False)
            stored = Incident(
                id=len(self._incidents) + 1,
                pilot=incident.pilot,
                title=incident.title,
                severity=incident.severity,
                description=incident.description,
                started_at=incident.started_at,
                recorded_at=act.at,
                resolution=incident.resolution,
                resolved_at=incident.resolved_at,
            )
            self._incidents.append(stored)
            self._note(WriteKind.RECORD_INCIDENT, incident.pilot, stored.id, act, repr(incident))
            return Recorded(stored, created=True)

    def change_incident(
        self, pilot: str, incident_id: int, change: IncidentChange, act: Act
    ) -> Incident | None:
        """See ports.Store."""
        with self._working():
            before = self._find(pilot, incident_id)
            asked = repr((incident_id, change))
            if before is None or self._replayed(WriteKind.CHANGE_INCIDENT, pilot, act, asked) is not None:
                return before
            changed = before.changed(change)
            self._incidents[incident_id - 1] = changed
            self._note(WriteKind.CHANGE_INCIDENT, pilot, incident_id, act, asked)
            return changed

    def incident(self, pilot: str, incident_id: int) -> Incident | None:
        """See ports.Store."""
        with self._working():
            return self._find(pilot, incident_id)

    def incidents(self, pilot: str, limit: int = 100) -> tuple[Incident, ...]:
        """See ports.Store."""
        with self._working():
            return self._latest_incidents(pilot, limit)

    def record_feedback(self, feedback: NewFeedback, act: Act) -> Recorded[Feedback]:
        """See ports.Store."""
        with self._working():
            known = self._replayed(WriteKind.RECORD_FEEDBACK, feedback.pilot, act, _content(feedback))
            if known is not None:
                return Recorded(self._feedback[known - 1], created=False)
            stored = Feedback(
                id=len(self._feedback) + 1,
                pilot=feedback.pilot,
                user=feedback.user,
                rating=feedback.rating,
                text=feedback.text,
                given_at=feedback.given_at,
                recorded_at=act.at,
                context=dict(feedback.context),
            )
            self._feedback.append(stored)
            self._note(WriteKind.RECORD_FEEDBACK, feedback.pilot, stored.id, act, _content(feedback))
            return Recorded(stored, created=True)

    def feedback(self, pilot: str, limit: int = 100) -> tuple[Feedback, ...]:
        """See ports.Store."""
        with self._working():
            return self._latest_feedback(pilot)[:limit]

    def records(
        self, pilot: str, since: float, recent_incidents: int = 10, recent_feedback: int = 5
    ) -> Records:
        """See ports.Store."""
        with self._working():
            incidents = [incident for incident in self._incidents if incident.pilot == pilot]
            summary = IncidentSummary(
                total=len(incidents),
                open_by_severity=_by_severity([i for i in incidents if not i.resolved]),
                resolved_by_severity=_by_severity([i for i in incidents if i.resolved]),
                started_since=sum(incident.started_at >= since for incident in incidents),
                recent=self._latest_incidents(pilot, recent_incidents),
            )
            given = self._latest_feedback(pilot)
            votes = {one.user: one.rating for one in reversed(given)}.values()
            ratings = Ratings(
                len(votes), sum(votes), sum(vote * vote for vote in votes), given[:recent_feedback]
            )
            return Records(summary, ratings)

    def audit(self, limit: int = 100) -> tuple[AuditEntry, ...]:
        """See ports.Store."""
        with self._working():
            return tuple(reversed(self._audit))[:limit]

    def check(self) -> None:
        """See ports.Store."""
        with self._working():
            pass

    def close(self) -> None:
        """See ports.Store."""
        self.failure = StoreError("closed", "the store in memory was closed")

    @contextmanager
    def _working(self) -> Iterator[None]:
        with self._lock:
            if self.failure is not None:
                raise self.failure
            yield

    def _add(self, transitions: Sequence[Transition], sinks: Sequence[str]) -> None:
        for transition in transitions:
            told = self._history.setdefault(transition.slo_id, [])
            if not _known(told, transition):
                told.append(transition)
                for sink in sinks:
                    self._outbox.setdefault(sink, {})[_key(transition)] = transition

    def _find(self, pilot: str, incident_id: int) -> Incident | None:
        if not 0 < incident_id <= len(self._incidents):
            return None
        found = self._incidents[incident_id - 1]
        return found if found.pilot == pilot else None

    def _latest_incidents(self, pilot: str, limit: int) -> tuple[Incident, ...]:
        mine = [incident for incident in self._incidents if incident.pilot == pilot]
        return tuple(sorted(mine, key=lambda i: (i.started_at, i.id), reverse=True)[:limit])

    def _latest_feedback(self, pilot: str) -> tuple[Feedback, ...]:
        mine = [one for one in self._feedback if one.pilot == pilot]
        return tuple(sorted(mine, key=lambda f: (f.given_at, f.id), reverse=True))

    def _replayed(self, kind: WriteKind, pilot: str, act: Act, content: str) -> int | None:
        """The id of the record that this key has written, if it has. Raises KeyReusedError."""
        written = None if act.key is None else self._written.get((kind, pilot, act.key))
        if written is None:
            return None
        if written[0] != (act.content or content):
            raise KeyReusedError(f"the key {act.key!r} was used before with another content")
        return written[1]

    def _note(self, kind: WriteKind, pilot: str, record_id: int, act: Act, content: str) -> None:
        self._audit.append(AuditEntry(act.actor, act.at, kind, pilot, record_id, act.key))
        if act.key is not None:
            self._written[kind, pilot, act.key] = (act.content or content, record_id)


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


def _content(feedback: NewFeedback) -> str:
    """What a rating says, whatever the order of its context."""
    return repr((feedback.pilot, feedback.user, feedback.rating, feedback.text, feedback.given_at)) + repr(
        sorted(feedback.context.items())
    )


def _by_severity(incidents: Sequence[Incident]) -> Mapping[Severity, int]:
    return {severity: sum(one.severity is severity for one in incidents) for severity in Severity}
