"""Statements for incidents. Each runs in its connection's transaction."""

from collections import Counter
from collections.abc import Sequence
from math import inf
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from slo_daemon.adapters.database.tables import incident_of, incidents
from slo_daemon.adapters.database.written_rows import LARGEST_ID, added, columns, noted, replayed, unkeyed
from slo_daemon.core.pilot.alert_reports import (
    AlertCounts,
    AlertOutcome,
    AlertReport,
    alert_source,
    decide,
)
from slo_daemon.core.pilot.records import (
    Incident,
    IncidentChange,
    IncidentSource,
    IncidentSummary,
    NewIncident,
    RecordsQuery,
    Severity,
)
from slo_daemon.ports import Act, AlreadyResolvedError, Recorded, WriteKind


def add_incident(connection: Connection, new: NewIncident, act: Act) -> Recorded[Incident]:
    """Store, or find what the same key has stored."""
    found = replayed(connection, WriteKind.RECORD_INCIDENT, new.pilot, act, new)
    if found is None:
        record_id = added(connection, incidents, columns(new) | {"recorded_at": act.at})
        noted(connection, WriteKind.RECORD_INCIDENT, new.pilot, record_id, act, new)
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
    if replayed(connection, WriteKind.CHANGE_INCIDENT, pilot, act, asked) is not None:
        return before
    if before.contradicts(change):
        raise AlreadyResolvedError(before)
    changed = before.changed(change)
    _write(connection, changed)
    noted(connection, WriteKind.CHANGE_INCIDENT, pilot, incident_id, act, asked)
    return changed


def take_alerts(connection: Connection, pilot: str, reports: Sequence[AlertReport], act: Act) -> AlertCounts:
    """One report after the other, each with what the ones before it have left."""
    outcomes: Counter[AlertOutcome] = Counter()
    touched = []
    i = incidents.c
    for report in reports:
        query = select(incidents).where(i.pilot == pilot, i.fingerprint == report.fingerprint)
        known = [incident_of(row) for row in connection.execute(query).mappings()]
        decision = decide(pilot, report, known, act.at)
        outcomes[decision.outcome] += 1
        if decision.new is not None:
            values = columns(decision.new) | alert_source(report) | {"recorded_at": act.at}
            record_id = added(connection, incidents, values)
        elif decision.changed is not None:
            record_id = decision.changed.id
            _write(connection, decision.changed)
        else:
            continue
        touched.append(record_id)
        noted(connection, WriteKind.TAKE_ALERT, pilot, record_id, unkeyed(act), "")
    return AlertCounts(dict(outcomes), tuple(touched))


def read_incident(connection: Connection, pilot: str, incident_id: int) -> Incident | None:
    """One incident of a pilot."""
    if not 0 < incident_id <= LARGEST_ID:
        return None
    query = select(incidents).where(incidents.c.id == incident_id, incidents.c.pilot == pilot)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else incident_of(row)


def read_incidents(connection: Connection, pilot: str, limit: int, at: float = inf) -> tuple[Incident, ...]:
    """The latest by start, newest first, as of `at`."""
    i = incidents.c
    query = select(incidents).where(i.pilot == pilot)
    if at < inf:
        query = query.where(_known_at(at))
    query = query.order_by(i.started_at.desc(), i.id.desc()).limit(limit)
    return tuple(incident_of(row).as_of(at) for row in connection.execute(query).mappings())


def sum_incidents(connection: Connection, pilot: str, query: RecordsQuery) -> IncidentSummary:
    """Counted in the database, in one pass over one index. Every severity has an entry."""
    i, at = incidents.c, query.at
    windows = sorted(query.incident_windows)
    counted = (
        select(
            i.severity,
            func.count(),
            func.count().filter(i.resolved_at <= at),
            *(func.count().filter(i.started_at >= at - window) for window in windows),
        )
        .where(i.pilot == pilot, _known_at(at))
        .group_by(i.severity)
    )
    still_open, resolved = dict.fromkeys(Severity, 0), dict.fromkeys(Severity, 0)
    started = {window: dict.fromkeys(Severity, 0) for window in windows}
    for row in connection.execute(counted):
        severity, count, over, *within = row
        still_open[Severity(severity)] = count - over
        resolved[Severity(severity)] = over
        for window, number in zip(windows, within, strict=True):
            started[window][Severity(severity)] = number
    return IncidentSummary(
        total=sum(still_open.values()) + sum(resolved.values()),
        open_by_severity=still_open,
        resolved_by_severity=resolved,
        started=started,
        recent=read_incidents(connection, pilot, query.recent_incidents, at),
    )


def _known_at(at: float) -> ColumnElement[bool]:
    return or_(incidents.c.started_at <= at, incidents.c.recorded_at <= at)


def _write(connection: Connection, incident: Incident) -> None:
    values: dict[str, Any] = columns(incident)
    if incident.source is IncidentSource.PEOPLE:
        values["source"] = None
    connection.execute(update(incidents).where(incidents.c.id == incident.id).values(**values))
