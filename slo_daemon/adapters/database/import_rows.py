"""Statements for files of incidents and ratings: all rows in one transaction, or none.

Rows are bound by the driver itself (`exec_driver_sql`): a hundred thousand of them take a few seconds less.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Table, select

from slo_daemon.adapters.database.tables import feedback, idempotency_keys, incidents
from slo_daemon.adapters.database.written_rows import noted, replayed
from slo_daemon.core.pilot.records import NewFeedback, NewIncident
from slo_daemon.ports import Act, Imported, RowConflictError, WriteKind
from slo_daemon.ports.people import Row

Values = tuple[Any, ...]

_INCIDENT = (
    "pilot", "title", "severity", "description", "started_at", "resolution", "resolved_at", "recorded_at",
)  # fmt: skip
_FEEDBACK = (
    "pilot", "username", "rating", "text", "given_at", "context", "cohort", "variant", "recorded_at",
)  # fmt: skip
_KEY = ("kind", "pilot", "key", "content_hash", "record_id", "at")
_AT_ONCE = 500  # keys in one query


@dataclass(frozen=True, slots=True)
class Import:
    """Rows ready to be inserted: made before the store's turn to write is taken, which others wait for."""

    kind: WriteKind
    table: Table
    names: tuple[str, ...]
    rows: list[Values]  # but for the time of recording
    keys: list[str | None]
    contents: list[str]  # of rows with a key; else empty


def incidents_import(rows: Sequence[Row[NewIncident]]) -> Import:
    """Rows of incidents."""
    values = [_incident_values(row.record) for row in rows]
    return _ready(WriteKind.IMPORT_INCIDENTS, incidents, _INCIDENT, values, [row.key for row in rows])


def feedback_import(rows: Sequence[Row[NewFeedback]]) -> Import:
    """Rows of ratings."""
    values = [_feedback_values(row.record) for row in rows]
    return _ready(WriteKind.IMPORT_FEEDBACK, feedback, _FEEDBACK, values, [row.key for row in rows])


def _ready(
    kind: WriteKind,
    table: Table,
    names: tuple[str, ...],
    values: list[Values],
    keys: list[str | None],
) -> Import:
    contents = [
        "" if key is None else sha256(repr(value).encode()).hexdigest()
        for key, value in zip(keys, values, strict=True)
    ]
    return Import(kind, table, names, values, keys, contents)


def carry_out(connection: Connection, pilot: str, ready: Import, act: Act) -> Imported:
    """See ports.Store."""
    asked = "" if act.content else list(zip(ready.rows, ready.keys, strict=True))
    before = replayed(connection, ready.kind, pilot, act, asked)
    if before is not None:
        return Imported(before, len(ready.rows) - before, created=False)
    row_kind = f"{ready.kind.value} row"
    known = _known(connection, row_kind, pilot, [key for key in ready.keys if key is not None])
    wanted: list[Values] = []
    keyed: list[Values] = []
    conflicts = []
    for place, (values, key, content) in enumerate(zip(ready.rows, ready.keys, ready.contents, strict=True)):
        if key is not None:
            if key in known:
                if known[key] != content:
                    conflicts.append(place)
                continue
            known[key] = content
            keyed.append((row_kind, pilot, key, content, 0, act.at))  # 0: no record of its own is meant
        wanted.append((*values, act.at))
    if conflicts:
        raise RowConflictError(tuple(conflicts))
    _insert(connection, ready.table, ready.names, wanted)
    _insert(connection, idempotency_keys, _KEY, keyed)
    noted(connection, ready.kind, pilot, len(wanted), act, asked)
    return Imported(len(wanted), len(ready.rows) - len(wanted), created=True)


def _known(connection: Connection, kind: str, pilot: str, keys: Sequence[str]) -> dict[str, str]:
    """The contents of those keys that were recorded before."""
    k = idempotency_keys.c
    found: dict[str, str] = {}
    for first in range(0, len(keys), _AT_ONCE):
        some = keys[first : first + _AT_ONCE]
        query = select(k.key, k.content_hash).where(k.kind == kind, k.pilot == pilot, k.key.in_(some))
        found |= {row.key: row.content_hash for row in connection.execute(query)}
    return found


def _insert(connection: Connection, table: Table, names: tuple[str, ...], rows: list[Values]) -> None:
    if rows:
        marks = ", ".join("?" for _ in names)
        statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our own names
        connection.exec_driver_sql(statement, rows)


def _incident_values(new: NewIncident) -> Values:
    """In the order of `_INCIDENT`, but for the time of recording."""
    return (
        new.pilot,
        new.title,
        new.severity.value,
        new.description,
        new.started_at,
        new.resolution,
        new.resolved_at,
    )


def _feedback_values(new: NewFeedback) -> Values:
    """In the order of `_FEEDBACK`, but for the time of recording."""
    return (
        new.pilot,
        new.user,
        new.rating,
        new.text,
        new.given_at,
        json.dumps(dict(new.context), sort_keys=True),
        new.cohort,
        new.variant,
    )
