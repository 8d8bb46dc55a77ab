"""What people tell, in memory: incidents, feedback, overrides, idempotency keys, audit."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from threading import Lock
from typing import Any, TypeVar

from slo_daemon.core.pilot.alert_reports import (
    AlertCounts,
    AlertOutcome,
    AlertReport,
    alert_source,
    decide,
)
from slo_daemon.core.pilot.records import (
    OVERRIDE_MEMORY,
    Feedback,
    Incident,
    IncidentChange,
    IncidentSummary,
    NewFeedback,
    NewIncident,
    NewOverride,
    Override,
    Ratings,
    Records,
    RecordsQuery,
    Severity,
    VoteCounting,
    Votes,
    VotesQuery,
)
from slo_daemon.ports import (
    Act,
    AlreadyResolvedError,
    AuditEntry,
    Imported,
    KeyReusedError,
    Recorded,
    RowConflictError,
    StoreError,
    WriteKind,
)
from slo_daemon.ports.people import Row

_WrittenKey = tuple[WriteKind, str, str]  # kind, pilot, idempotency key
NewT = TypeVar("NewT", NewIncident, NewFeedback)


class MemoryPeople:
    """The people's side of a `ports.Store` in memory, behind one lock. While `failure` is set, every call raises it."""

    def __init__(self) -> None:
        self.failure: StoreError | None = None
        self._lock = Lock()
        self._incidents: list[Incident] = []
        self._feedback: list[Feedback] = []
        self._overrides: list[Override] = []
        self._written: dict[_WrittenKey, tuple[str, int]] = {}  # the content, and the record's id
        self._rows: dict[_WrittenKey, str] = {}  # the content of imported rows that have a key
        self._audit: list[AuditEntry] = []

    def record_incident(self, incident: NewIncident, act: Act) -> Recorded[Incident]:
        """See ports.Store."""
        with self._working():
            known = self._replayed(WriteKind.RECORD_INCIDENT, incident.pilot, act, repr(incident))
            if known is not None:
                return Recorded(self._incidents[known - 1], created=False)
            stored = self._add_incident(incident, act.at)
            self._note(WriteKind.RECORD_INCIDENT, incident.pilot, stored.id, act, repr(incident))
            return Recorded(stored, created=True)

    def change_incident(
        self, pilot: str, incident_id: int, change: IncidentChange, act: Act
    ) -> Incident | None:
        """See ports.Store."""
        with self._working():
            before = _found(self._incidents, pilot, incident_id)
            asked = repr((incident_id, change))
            if before is None or self._replayed(WriteKind.CHANGE_INCIDENT, pilot, act, asked) is not None:
                return before
            if before.contradicts(change):
                raise AlreadyResolvedError(before)
            changed = before.changed(change)
            self._incidents[incident_id - 1] = changed
            self._note(WriteKind.CHANGE_INCIDENT, pilot, incident_id, act, asked)
            return changed

    def incident(self, pilot: str, incident_id: int) -> Incident | None:
        """See ports.Store."""
        with self._working():
            return _found(self._incidents, pilot, incident_id)

    def incidents(self, pilot: str, limit: int = 100) -> tuple[Incident, ...]:
        """See ports.Store."""
        with self._working():
            return _latest_incidents([one for one in self._incidents if one.pilot == pilot], limit)

    def take_alerts(self, pilot: str, reports: Sequence[AlertReport], act: Act) -> AlertCounts:
        """See ports.Store."""
        outcomes: Counter[AlertOutcome] = Counter()
        touched: list[int] = []
        with self._working():
            for report in reports:
                known = [
                    one
                    for one in self._incidents
                    if (one.pilot, one.fingerprint) == (pilot, report.fingerprint)
                ]
                decision = decide(pilot, report, known, act.at)
                outcomes[decision.outcome] += 1
                if decision.new is not None:
                    stored = self._add_incident(decision.new, act.at, **alert_source(report))
                elif decision.changed is not None:
                    stored = decision.changed
                    self._incidents[stored.id - 1] = stored
                else:
                    continue
                touched.append(stored.id)
                self._note(WriteKind.TAKE_ALERT, pilot, stored.id, replace(act, key=None), "")
        return AlertCounts(dict(outcomes), tuple(touched))

    def record_feedback(self, feedback: NewFeedback, act: Act) -> Recorded[Feedback]:
        """See ports.Store."""
        with self._working():
            known = self._replayed(WriteKind.RECORD_FEEDBACK, feedback.pilot, act, _content(feedback))
            if known is not None:
                return Recorded(self._feedback[known - 1], created=False)
            stored = self._add_feedback(feedback, act.at)
            self._note(WriteKind.RECORD_FEEDBACK, feedback.pilot, stored.id, act, _content(feedback))
            return Recorded(stored, created=True)

    def feedback(self, pilot: str, limit: int = 100) -> tuple[Feedback, ...]:
        """See ports.Store."""
        with self._working():
            return _latest_feedback(one for one in self._feedback if one.pilot == pilot)[:limit]

    def record_override(self, override: NewOverride, act: Act) -> Recorded[Override]:
        """See ports.Store."""
        with self._working():
            known = self._replayed(WriteKind.RECORD_OVERRIDE, override.pilot, act, repr(override))
            if known is not None:
                return Recorded(self._overrides[known - 1], created=False)
            values = {one.name: getattr(override, one.name) for one in fields(override)}
            stored = Override(id=len(self._overrides) + 1, created_at=act.at, **values)
            self._overrides.append(stored)
            self._note(WriteKind.RECORD_OVERRIDE, override.pilot, stored.id, act, repr(override))
            return Recorded(stored, created=True)

    def revoke_override(self, pilot: str, override_id: int, by: str, act: Act) -> Override | None:
        """See ports.Store."""
        with self._working():
            before = _found(self._overrides, pilot, override_id)
            asked = repr((override_id, by))
            if before is None or self._replayed(WriteKind.REVOKE_OVERRIDE, pilot, act, asked) is not None:
                return before
            if before.revoked_at is not None:
                return before
            revoked = replace(before, revoked_at=act.at, revoked_by=by)
            self._overrides[override_id - 1] = revoked
            self._note(WriteKind.REVOKE_OVERRIDE, pilot, override_id, act, asked)
            return revoked

    def overrides(self, pilot: str, limit: int = 100) -> tuple[Override, ...]:
        """See ports.Store."""
        with self._working():
            return _latest_overrides([one for one in self._overrides if one.pilot == pilot])[:limit]

    def import_incidents(self, pilot: str, rows: Sequence[Row[NewIncident]], act: Act) -> Imported:
        """See ports.Store."""
        with self._working():
            return self._import(WriteKind.IMPORT_INCIDENTS, pilot, rows, act, repr, self._add_incident)

    def import_feedback(self, pilot: str, rows: Sequence[Row[NewFeedback]], act: Act) -> Imported:
        """See ports.Store."""
        with self._working():
            return self._import(WriteKind.IMPORT_FEEDBACK, pilot, rows, act, _content, self._add_feedback)

    def records(self, pilot: str, query: RecordsQuery) -> Records:
        """See ports.Store."""
        with self._working():
            mine = [one.as_of(query.at) for one in self._incidents if one.pilot == pilot]
            incidents = [one for one in mine if min(one.started_at, one.recorded_at) <= query.at]
            given = _latest_feedback(
                one for one in self._feedback if one.pilot == pilot and one.given_at <= query.at
            )
            everybody = _votes(given, VotesQuery(), query)
            return Records(
                IncidentSummary(
                    total=len(incidents),
                    open_by_severity=_by_severity([i for i in incidents if not i.resolved]),
                    resolved_by_severity=_by_severity([i for i in incidents if i.resolved]),
                    started={
                        window: _by_severity([i for i in incidents if i.started_at >= query.at - window])
                        for window in query.incident_windows
                    },
                    recent=_latest_incidents(incidents, query.recent_incidents),
                ),
                Ratings(everybody, given[: query.recent_feedback]),
                {one: _votes(given, one, query) for one in query.vote_windows},
                _latest_overrides(
                    [
                        one.as_of(query.at)
                        for one in self._overrides
                        if one.pilot == pilot and _still_told(one, query.at)
                    ]
                ),
            )

    def audit(self, limit: int = 100) -> tuple[AuditEntry, ...]:
        """See ports.Store."""
        with self._working():
            return tuple(reversed(self._audit))[:limit]

    @contextmanager
    def _working(self) -> Iterator[None]:
        with self._lock:
            if self.failure is not None:
                raise self.failure
            yield

    def _add_incident(self, new: NewIncident, at: float, **more: Any) -> Incident:
        values = {one.name: getattr(new, one.name) for one in fields(new)}
        stored = Incident(id=len(self._incidents) + 1, recorded_at=at, **values, **more)
        self._incidents.append(stored)
        return stored

    def _add_feedback(self, new: NewFeedback, at: float) -> Feedback:
        values = {one.name: getattr(new, one.name) for one in fields(new)} | {"context": dict(new.context)}
        stored = Feedback(id=len(self._feedback) + 1, recorded_at=at, **values)
        self._feedback.append(stored)
        return stored

    def _import(
        self,
        kind: WriteKind,
        pilot: str,
        rows: Sequence[Row[NewT]],
        act: Act,
        content: Callable[[NewT], str],
        add: Callable[[NewT, float], object],
    ) -> Imported:
        asked = repr([(content(row.record), row.key) for row in rows])
        before = self._replayed(kind, pilot, act, asked)
        if before is not None:
            return Imported(before, len(rows) - before, created=False)
        wanted: dict[int, Row[NewT]] = {}
        keyed: dict[_WrittenKey, str] = {}
        conflicts = []
        for place, row in enumerate(rows):
            key = None if row.key is None else (kind, pilot, row.key)
            known = None if key is None else self._rows.get(key, keyed.get(key))
            if known is None:
                wanted[place] = row
                if key is not None:
                    keyed[key] = content(row.record)
            elif known != content(row.record):
                conflicts.append(place)
        if conflicts:
            raise RowConflictError(tuple(conflicts))
        for row in wanted.values():
            add(row.record, act.at)
        self._rows |= keyed
        self._note(kind, pilot, len(wanted), act, asked)
        return Imported(len(wanted), len(rows) - len(wanted), created=True)

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


RecordT = TypeVar("RecordT", Incident, Override)


def _found(records: Sequence[RecordT], pilot: str, record_id: int) -> RecordT | None:
    if not 0 < record_id <= len(records):
        return None
    found = records[record_id - 1]
    return found if found.pilot == pilot else None


def _latest_incidents(incidents: Sequence[Incident], limit: int) -> tuple[Incident, ...]:
    return tuple(sorted(incidents, key=lambda i: (i.started_at, i.id), reverse=True)[:limit])


def _latest_feedback(feedback: Iterator[Feedback]) -> tuple[Feedback, ...]:
    return tuple(sorted(feedback, key=lambda f: (f.given_at, f.id), reverse=True))


def _latest_overrides(overrides: Sequence[Override]) -> tuple[Override, ...]:
    return tuple(sorted(overrides, key=lambda o: (o.created_at, o.id), reverse=True))


def _still_told(override: Override, at: float) -> bool:
    then = override.as_of(at)
    end = then.expires_at if then.revoked_at is None else min(then.expires_at, then.revoked_at)
    return override.created_at <= at and end >= at - OVERRIDE_MEMORY


def _votes(given: Sequence[Feedback], asked: VotesQuery, query: RecordsQuery) -> Votes:
    """`given`: newest first."""
    wanted = [one for one in given if not asked.segment or asked.segment in (one.cohort, one.variant)]
    if query.votes is VoteCounting.NEWEST:
        wanted = list({one.user: one for one in reversed(wanted)}.values())
    since = float("-inf") if asked.seconds is None else query.at - asked.seconds
    counts = Counter(one.rating for one in wanted if one.given_at >= since)
    return Votes((counts[1], counts[2], counts[3], counts[4], counts[5]))


def _content(feedback: NewFeedback) -> str:
    """What a rating says, whatever the order of its context."""
    return repr([(name, value) for name, value in asdict(feedback).items() if name != "context"]) + repr(
        sorted(feedback.context.items())
    )


def _by_severity(incidents: Sequence[Incident]) -> Mapping[Severity, int]:
    return {severity: sum(one.severity is severity for one in incidents) for severity in Severity}
