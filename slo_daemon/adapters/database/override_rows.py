"""Statements for overrides. Each runs in its connection's transaction."""

from dataclasses import replace

from sqlalchemy import Connection, case, func, select, update

from slo_daemon.adapters.database.tables import override_of, overrides
from slo_daemon.adapters.database.written_rows import LARGEST_ID, added, columns, noted, replayed
from slo_daemon.core.pilot.records import OVERRIDE_MEMORY, NewOverride, Override
from slo_daemon.ports import Act, Recorded, WriteKind


def add_override(connection: Connection, new: NewOverride, act: Act) -> Recorded[Override]:
    """Store, or find what the same key has stored."""
    found = replayed(connection, WriteKind.RECORD_OVERRIDE, new.pilot, act, new)
    if found is None:
        values = columns(new) | {"created_at": act.at}
        values["author"] = values.pop("by")
        record_id = added(connection, overrides, values)
        noted(connection, WriteKind.RECORD_OVERRIDE, new.pilot, record_id, act, new)
    else:
        record_id = found
    row = connection.execute(select(overrides).where(overrides.c.id == record_id)).mappings().one()
    return Recorded(override_of(row), created=found is None)


def revoke_override(
    connection: Connection, pilot: str, override_id: int, by: str, act: Act
) -> Override | None:
    """Revoke now, unless it is; None when there is no such override."""
    if not 0 < override_id <= LARGEST_ID:
        return None
    o = overrides.c
    row = (
        connection.execute(select(overrides).where(o.id == override_id, o.pilot == pilot)).mappings().first()
    )
    if row is None:
        return None
    before, asked = override_of(row), (override_id, by)
    if replayed(connection, WriteKind.REVOKE_OVERRIDE, pilot, act, asked) is not None:
        return before
    if before.revoked_at is not None:
        return before
    connection.execute(update(overrides).where(o.id == override_id).values(revoked_at=act.at, revoked_by=by))
    noted(connection, WriteKind.REVOKE_OVERRIDE, pilot, override_id, act, asked)
    return replace(before, revoked_at=act.at, revoked_by=by)


def read_overrides(connection: Connection, pilot: str, limit: int) -> tuple[Override, ...]:
    """The latest, newest first."""
    o = overrides.c
    query = select(overrides).where(o.pilot == pilot).order_by(o.created_at.desc(), o.id.desc()).limit(limit)
    return tuple(override_of(row) for row in connection.execute(query).mappings())


def read_told(connection: Connection, pilot: str, at: float) -> tuple[Override, ...]:
    """Those that are in force at `at` or ended not long before, as they were then, newest first."""
    o = overrides.c
    end = case((o.revoked_at <= at, func.min(o.revoked_at, o.expires_at)), else_=o.expires_at)
    query = (
        select(overrides)
        .where(o.pilot == pilot, o.created_at <= at, end >= at - OVERRIDE_MEMORY)
        .order_by(o.created_at.desc(), o.id.desc())
    )
    return tuple(override_of(row).as_of(at) for row in connection.execute(query).mappings())
