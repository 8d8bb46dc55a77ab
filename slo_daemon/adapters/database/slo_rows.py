"""Statements for the measuring wing: states, transitions, outbox. Each runs in the transaction of its connection."""

from collections.abc import Iterator, Sequence
from math import inf

from sqlalchemy import Connection, bindparam, delete, func, insert, select, tuple_

from slo_daemon.adapters.database.tables import (
    outbox,
    slo_states,
    state_of,
    transition_of,
    transition_row,
    transitions,
)
from slo_daemon.core.slo.state import SloState, Transition, TransitionReason

_BATCH = 300  # keys a question; a database bounds the parameters of one statement


def read_states(connection: Connection) -> dict[str, SloState]:
    """All states, by SLO id."""
    rows = connection.execute(select(slo_states).order_by(slo_states.c.slo_id)).mappings()
    return {row["slo_id"]: state_of(row) for row in rows}


def delete_states(connection: Connection, removals: Sequence[Transition]) -> None:
    """The states of removed SLOs go."""
    if removals:
        connection.execute(
            delete(slo_states).where(slo_states.c.slo_id == bindparam("gone")),
            [{"gone": removal.slo_id} for removal in removals],
        )


def add_transitions(connection: Connection, told: Sequence[Transition], sinks: Sequence[str]) -> None:
    """New transitions, and one outbox row for each of them and each sink. Known ones are left alone."""
    new = _unknown(connection, told)
    if not new:
        return
    connection.execute(insert(transitions), [transition_row(one) for one in new])
    entries = [{"sink": sink, **_key(one)} for sink in dict.fromkeys(sinks) for one in new]
    if entries:
        connection.execute(insert(outbox), entries)


def read_undelivered(connection: Connection, sink: str, limit: int) -> tuple[Transition, ...]:
    """What a sink has not taken, oldest first."""
    query = (
        select(transitions)
        .join(outbox)
        .where(outbox.c.sink == sink)
        .order_by(outbox.c.slot, outbox.c.slo_id, outbox.c.sequence)
        .limit(limit)
    )
    return tuple(transition_of(row) for row in connection.execute(query).mappings())


def delete_delivered(connection: Connection, sink: str, taken: Sequence[Transition]) -> None:
    """What a sink has taken leaves its outbox."""
    if taken:
        connection.execute(
            delete(outbox).where(
                outbox.c.sink == bindparam("taker"),
                outbox.c.slot == bindparam("of_slot"),
                outbox.c.slo_id == bindparam("of_slo"),
                outbox.c.sequence == bindparam("of_sequence"),
            ),
            [
                {"taker": sink, "of_slot": one.slot, "of_slo": one.slo_id, "of_sequence": one.sequence}
                for one in taken
            ],
        )


def read_transitions(connection: Connection, slo_id: str | None, limit: int) -> tuple[Transition, ...]:
    """The latest transitions, newest first."""
    t = transitions.c
    query = select(transitions).order_by(t.slot.desc(), t.slo_id.desc(), t.sequence.desc()).limit(limit)
    if slo_id is not None:
        query = query.where(t.slo_id == slo_id)
    return tuple(transition_of(row) for row in connection.execute(query).mappings())


def _unknown(connection: Connection, told: Sequence[Transition]) -> list[Transition]:
    """Those that are not stored. Numbers count from 1 again after a removal, so older namesakes do not matter."""
    t = transitions.c
    stored: dict[tuple[str, int], list[float]] = {}
    removed: dict[str, float] = {}
    for batch in _batches(told):
        names = [(one.slo_id, one.sequence) for one in batch]
        namesakes = select(t.slo_id, t.sequence, t.slot).where(tuple_(t.slo_id, t.sequence).in_(names))
        for slo_id, sequence, slot in connection.execute(namesakes):
            stored.setdefault((slo_id, sequence), []).append(slot)
        removals = (
            select(t.slo_id, func.max(t.slot))
            .where(t.slo_id.in_({one.slo_id for one in batch}), t.reason == TransitionReason.REMOVED)
            .group_by(t.slo_id)
        )
        removed.update((slo_id, slot) for slo_id, slot in connection.execute(removals))
    new = []
    for one in told:
        slots = stored.setdefault((one.slo_id, one.sequence), [])
        end = removed.get(one.slo_id, -inf)
        if any(slot == one.slot or slot > end for slot in slots):
            continue
        new.append(one)
        slots.append(one.slot)
        if one.reason is TransitionReason.REMOVED:
            removed[one.slo_id] = max(one.slot, end)
    return new


def _key(transition: Transition) -> dict[str, str | int | float]:
    return {"slot": transition.slot, "slo_id": transition.slo_id, "sequence": transition.sequence}


def _batches(items: Sequence[Transition]) -> Iterator[Sequence[Transition]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))
