"""Statements for what people tell: incidents, feedback, idempotency keys, audit. Each runs in its connection's transaction."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, update

from slo_daemon.adapters.database.tables import (
    audit,
    feedback,
    feedback_of,
    idempotency_keys,
    incident_of,
    incidents,
)
from slo_daemon.core.pilot.records import (
    Feedback,
    Incident,
    IncidentChange,
    IncidentSummary,
    NewFeedback,
    NewIncident,
    Ratings,
    Severity,
)
from slo_daemon.ports import Act, AuditEntry, KeyReusedError, Recorded, WriteKind

_LARGEST_ID = 2**63 - 1


def add_incident(connection: Connection, new: NewIncident, act: Act) -> Recorded[Incident]:
    """Store, or find what the same key has stored."""
    found = _replayed(connection, WriteKind.RECORD_INCIDENT, new.pilot, act, new)
    if found is None:
        record_id = _added(connection, incidents, _columns(new) | {"recorded_at": act.at})
        _noted(connection, WriteKind.RECORD_INCIDENT, new.pilot, record_id, act, new)
    else:
        record_id = found
    row = connection.execute(select(incidents).where(incidents.c.id == record_id)).mappings().one()
    return Recorded(incident_of(row), created=found is None)


def change_incident(
    connection: Connection, pilot: str, incident_id: int, change: IncidentChange, act: Act
) -> Incident | None:
    """Change the fields that are given, unless the same key has done so; None when there is no such incident."""
    before = read_incident(connection, pilot, incident_id)
    if before is None:
        return None
    asked = (incident_id, change)
    if _replayed(connection, WriteKind.CHANGE_INCIDENT, pilot, act, asked) is not None:
        return before
    changed = before.changed(change)
    connection.execute(update(incidents).where(incidents.c.id == incident_id).values(**_columns(changed)))
    _noted(connection, WriteKind.CHANGE_INCIDENT, pilot, incident_id, act, asked)
    return changed


def read_incident(connection: Connection, pilot: str, incident_id: int) -> Incident | None:
    """One incident of a pilot."""
    if not 0 < incident_id <= _LARGEST_ID:
        return None
    query = select(incidents).where(incidents.c.id == incident_id, incidents.c.pilot == pilot)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else incident_of(row)


def read_incidents(connection: Connection, pilot: str, limit: int) -> tuple[Incident, ...]:
    """The latest by start, newest first."""
    i = incidents.c
    query = select(incidents).where(i.pilot == pilot).order_by(i.started_at.desc(), i.id.desc()).limit(limit)
    return tuple(incident_of(row) for row in connection.execute(query).mappings())


def add_feedback(connection: Connection, new: NewFeedback, act: Act) -> Recorded[Feedback]:
    """Store, or find what the same key has stored."""
    found = _replayed(connection, WriteKind.RECORD_FEEDBACK, new.pilot, act, new)
    if found is None:
        values = _columns(new) | {"context": dict(new.context), "recorded_at": act.at}
        values["username"] = values.pop("user")
        record_id = _added(connection, feedback, values)
        _noted(connection, WriteKind.RECORD_FEEDBACK, new.pilot, record_id, act, new)
    else:
        record_id = found
    row = connection.execute(select(feedback).where(feedback.c.id == record_id)).mappings().one()
    return Recorded(feedback_of(row), created=found is None)


def read_feedback(connection: Connection, pilot: str, limit: int) -> tuple[Feedback, ...]:
    """The latest by time given, newest first."""
    f = feedback.c
    query = select(feedback).where(f.pilot == pilot).order_by(f.given_at.desc(), f.id.desc()).limit(limit)
    return tuple(feedback_of(row) for row in connection.execute(query).mappings())


def sum_incidents(connection: Connection, pilot: str, since: float, recent: int) -> IncidentSummary:
    """Counted in the database. Every severity has an entry."""
    i = incidents.c
    query = (
        select(i.severity, func.count(), func.count(i.resolved_at))
        .where(i.pilot == pilot)
        .group_by(i.severity)
    )
    still_open, resolved = dict.fromkeys(Severity, 0), dict.fromkeys(Severity, 0)
    for severity, count, over in connection.execute(query):
        still_open[Severity(severity)] = count - over
        resolved[Severity(severity)] = over
    started = select(func.count()).where(i.pilot == pilot, i.started_at >= since)
    return IncidentSummary(
        total=sum(still_open.values()) + sum(resolved.values()),
        open_by_severity=still_open,
        resolved_by_severity=resolved,
        started_since=connection.execute(started).scalar_one(),
        recent=read_incidents(connection, pilot, recent),
    )


def sum_ratings(connection: Connection, pilot: str, recent: int) -> Ratings:
    """Counted in the database: of each user the rating that no later one follows."""
    f = feedback.c
    follower = func.lead(f.id).over(partition_by=f.username, order_by=(f.given_at, f.id))
    rated = select(f.rating, follower.label("follower")).where(f.pilot == pilot).subquery().c
    votes = select(
        func.count(),
        func.coalesce(func.sum(rated.rating), 0),
        func.coalesce(func.sum(rated.rating * rated.rating), 0),
    ).where(rated.follower.is_(None))
    row = connection.execute(votes).one()
    return Ratings(int(row[0]), int(row[1]), int(row[2]), read_feedback(connection, pilot, recent))


def read_audit(connection: Connection, limit: int) -> tuple[AuditEntry, ...]:
    """The latest writes, newest first."""
    a = audit.c
    query = select(a.actor, a.at, a.kind, a.pilot, a.record_id, a.key).order_by(a.id.desc()).limit(limit)
    rows = connection.execute(query).mappings()
    return tuple(AuditEntry(**{**row, "kind": WriteKind(row["kind"])}) for row in rows)


def _added(connection: Connection, table: Table, values: dict[str, Any]) -> int:
    key: Any = connection.execute(insert(table).values(**values)).inserted_primary_key
    return int(key[0])


def _replayed(connection: Connection, kind: WriteKind, pilot: str, act: Act, asked: object) -> int | None:
    """The record that this key has written, if it has. Raises KeyReusedError."""
    if act.key is None:
        return None
    k = idempotency_keys.c
    query = select(k.record_id, k.content_hash).where(k.kind == kind, k.pilot == pilot, k.key == act.key)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.content_hash != _content_hash(act, asked):
        raise KeyReusedError(f"the key {act.key!r} was used before with another content")
    return int(row.record_id)


def _noted(
    connection: Connection, kind: WriteKind, pilot: str, record_id: int, act: Act, asked: object
) -> None:
    """The audit row of a write, and its key."""
    written = {"kind": kind, "pilot": pilot, "key": act.key, "record_id": record_id, "at": act.at}
    connection.execute(insert(audit).values(actor=act.actor, **written))
    if act.key is not None:
        connection.execute(insert(idempotency_keys).values(content_hash=_content_hash(act, asked), **written))


def _content_hash(act: Act, asked: object) -> str:
    text = act.content or json.dumps(asked, default=_columns, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _columns(record: Any) -> dict[str, Any]:
    """A record (or the mapping in it) by field name."""
    if isinstance(record, Mapping):
        return dict(record)
    return {field.name: getattr(record, field.name) for field in fields(record)}
