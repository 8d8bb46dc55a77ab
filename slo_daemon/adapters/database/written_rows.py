"""Statements for what every write of people leaves: its audit row, and its idempotency key."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from slo_daemon.adapters.database.tables import audit, idempotency_keys
from slo_daemon.ports import Act, AuditEntry, KeyReusedError, WriteKind

LARGEST_ID = 2**63 - 1


def added(connection: Connection, table: Table, values: dict[str, Any]) -> int:
    """Insert a row; its id."""
    key: Any = connection.execute(insert(table).values(**values)).inserted_primary_key
    return int(key[0])


def replayed(connection: Connection, kind: WriteKind, pilot: str, act: Act, asked: object) -> int | None:
    """The record that this key has written, if it has. Raises KeyReusedError."""
    if act.key is None:
        return None
    k = idempotency_keys.c
    query = select(k.record_id, k.content_hash).where(k.kind == kind, k.pilot == pilot, k.key == act.key)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.content_hash != content_hash(act, asked):
        raise KeyReusedError(f"the key {act.key!r} was used before with another content")
    return int(row.record_id)


def noted(
    connection: Connection, kind: WriteKind, pilot: str, record_id: int, act: Act, asked: object
) -> None:
    """Write the audit row, and the key."""
    written = {"kind": kind, "pilot": pilot, "key": act.key, "record_id": record_id, "at": act.at}
    connection.execute(insert(audit).values(actor=act.actor, **written))
    if act.key is not None:
        connection.execute(insert(idempotency_keys).values(content_hash=content_hash(act, asked), **written))


def unkeyed(act: Act) -> Act:
    """The same act without its key."""
    return replace(act, key=None)


def read_audit(connection: Connection, limit: int) -> tuple[AuditEntry, ...]:
    """The latest writes, newest first."""
    a = audit.c
    query = select(a.actor, a.at, a.kind, a.pilot, a.record_id, a.key).order_by(a.id.desc()).limit(limit)
    rows = connection.execute(query).mappings()
    return tuple(AuditEntry(**{**row, "kind": WriteKind(row["kind"])}) for row in rows)


def content_hash(act: Act, asked: object) -> str:
    """Names what a key stands for."""
    text = act.content or json.dumps(asked, default=columns, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def columns(record: Any) -> dict[str, Any]:
    """A record (or the mapping in it) by field name."""
    if isinstance(record, Mapping):
        return dict(record)
    return {field.name: getattr(record, field.name) for field in fields(record)}
