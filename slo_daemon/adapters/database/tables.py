"""The tables: what is stored, under which keys, and how rows become values. Times are Unix seconds (double precision).

A change here needs a new file in `migrations/versions`; a test compares the two.
"""

from dataclasses import fields
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    RowMapping,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from slo_daemon.core.pilot.records import (
    Feedback,
    Incident,
    IncidentSource,
    Override,
    OverrideKind,
    Severity,
)
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.state import SloState, Transition, TransitionReason

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
    | {"fk": "fk_%(table_name)s_%(referred_table_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)

slo_states = Table(
    "slo_states",
    metadata,
    Column("slo_id", Text, primary_key=True),
    Column("level", Integer, nullable=False),
    Column("since", Double, nullable=False),
    Column("reason", Text),
    Column("data_state", Text, nullable=False),
    Column("last_slot", Double),
    Column("last_good_slot", Double),
    Column("warning_run", Integer, nullable=False),
    Column("critical_run", Integer, nullable=False),
    Column("clear_run", Integer, nullable=False),
    Column("clear_to", Integer, nullable=False),
    Column("missing_seconds", Double, nullable=False),
    Column("missing_slots", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
)

# The slot is in the key because an SLO that was removed and came back counts from 1 again.
transitions = Table(
    "transitions",
    metadata,
    Column("slo_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("slot", Double, nullable=False),
    Column("before", Integer, nullable=False),
    Column("after", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("value", Double),
    PrimaryKeyConstraint("slo_id", "sequence", "slot"),
    Index(None, "slot", "slo_id", "sequence"),
    Index(None, "slo_id", "slot", "sequence"),
)

# A row is a transition that the sink has not taken; taking it deletes the row.
outbox = Table(
    "outbox",
    metadata,
    Column("sink", Text, nullable=False),
    Column("slot", Double, nullable=False),
    Column("slo_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    PrimaryKeyConstraint("sink", "slot", "slo_id", "sequence"),
    ForeignKeyConstraint(
        ["slo_id", "sequence", "slot"], ["transitions.slo_id", "transitions.sequence", "transitions.slot"]
    ),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("pilot", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("recorded_at", Double, nullable=False),
    Column("resolution", Text),
    Column("resolved_at", Double),
    Column("source", Text),  # NULL: people
    Column("fingerprint", Text),
    Column("told_severity", Text),
    Index(None, "pilot", "started_at", "id"),
    Index(
        None, "pilot", "severity", "started_at", "recorded_at", "resolved_at"
    ),  # all that the summary reads
    Index(None, "pilot", "fingerprint", "started_at", unique=True),  # NULLs, of people, are never equal
    Index(
        "ix_incidents_open_alert",
        "pilot",
        "fingerprint",
        unique=True,
        sqlite_where=text("resolved_at IS NULL AND fingerprint IS NOT NULL"),
    ),
    sqlite_autoincrement=True,  # the id of a deleted record is never given again
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("pilot", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("rating", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("given_at", Double, nullable=False),
    Column("recorded_at", Double, nullable=False),
    Column("context", JSON, nullable=False),
    Column("cohort", Text),
    Column("variant", Text),
    Index(None, "pilot", "given_at", "id"),
    # The votes are counted in nothing but these.
    Index(None, "pilot", "username", "given_at", "id", "rating"),
    Index(
        None,
        *("pilot", "cohort", "username", "given_at", "id", "rating"),
        sqlite_where=text("cohort IS NOT NULL"),
    ),
    Index(
        None,
        *("pilot", "variant", "username", "given_at", "id", "rating"),
        sqlite_where=text("variant IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

overrides = Table(
    "overrides",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("pilot", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("criterion", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("revoked_at", Double),
    Column("revoked_by", Text),
    Index(None, "pilot", "created_at", "id"),
    sqlite_autoincrement=True,
)

# Keys are kept for good; whoever prunes them later must leave at least the last 7 days.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("kind", Text, nullable=False),
    Column("pilot", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("record_id", Integer, nullable=False),
    Column("at", Double, nullable=False),
    PrimaryKeyConstraint("kind", "pilot", "key"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("pilot", Text, nullable=False),
    Column("record_id", Integer, nullable=False),
    Column("key", Text),
    sqlite_autoincrement=True,
)

# Asks are long and blocks have many columns: a block names both by numbers.
chunk_asks = Table(
    "chunk_asks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ask", Text, nullable=False),
    UniqueConstraint("ask"),
)

chunk_columns = Table(
    "chunk_columns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ask", Integer, nullable=False),
    Column("labels", Text, nullable=False),  # JSON: pairs of name and value, sorted
    UniqueConstraint("ask", "labels"),
    ForeignKeyConstraint(["ask"], ["chunk_asks.id"]),
)

# What is in the bytes is told in `chunk_rows`. The payload comes last: a row that is not wanted is not read to its end.
chunk_blocks = Table(
    "chunk_blocks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("span", Integer, nullable=False),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("asks", LargeBinary, nullable=False),
    Column("columns", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index(None, "span", "last"),
    sqlite_autoincrement=True,  # the order in which they were saved, also after the newest was deleted
)

# What the judges of a pilot remember; only they read it.
pilot_notes = Table(
    "pilot_notes",
    metadata,
    Column("pilot", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("at", Double, nullable=False),
)

budget_slos = Table(
    "budget_slos",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slo_id", Text, nullable=False),
    UniqueConstraint("slo_id"),
)

# By time first: what is added lies together, and so does what goes. Millions of rows, so SLOs have numbers.
budget_points = Table(
    "budget_points",
    metadata,
    Column("at", Double, nullable=False),
    Column("slo", Integer, nullable=False),
    Column("remaining", Double),
    Column("coverage", Double, nullable=False),
    Column("state", Text, nullable=False),
    PrimaryKeyConstraint("at", "slo"),
    ForeignKeyConstraint(["slo"], ["budget_slos.id"]),
    sqlite_with_rowid=False,
)


def state_values(state: SloState) -> tuple[str | int | float | None, ...]:
    """A state as a row of `slo_states`, in the order of its columns. Written out, as a slot may have thousands."""
    return (
        state.slo_id,
        int(state.level),
        state.since,
        None if state.reason is None else state.reason.value,
        state.data_state.value,
        state.last_slot,
        state.last_good_slot,
        state.warning_run,
        state.critical_run,
        state.clear_run,
        int(state.clear_to),
        state.missing_seconds,
        state.missing_slots,
        state.sequence,
    )


def state_of(row: RowMapping) -> SloState:
    """A row of `slo_states` as a state."""
    reason = row["reason"]
    return SloState(
        **{
            **row,
            "level": Level(row["level"]),
            "clear_to": Level(row["clear_to"]),
            "data_state": DataState(row["data_state"]),
            "reason": None if reason is None else TransitionReason(reason),
        }
    )


def transition_row(transition: Transition) -> dict[str, Any]:
    """A transition as a row of `transitions`."""
    return {field.name: getattr(transition, field.name) for field in fields(transition)}


def transition_of(row: RowMapping) -> Transition:
    """A row of `transitions` as a transition."""
    return Transition(
        **{
            **row,
            "before": Level(row["before"]),
            "after": Level(row["after"]),
            "reason": TransitionReason(row["reason"]),
        }
    )


def incident_of(row: RowMapping) -> Incident:
    """A row of `incidents` as an incident."""
    told = row["told_severity"]
    return Incident(
        **{
            **row,
            "severity": Severity(row["severity"]),
            "source": IncidentSource(row["source"] or IncidentSource.PEOPLE),
            "told_severity": None if told is None else Severity(told),
        }
    )


def feedback_of(row: RowMapping) -> Feedback:
    """A row of `feedback` as a rating."""
    return Feedback(**{("user" if name == "username" else str(name)): row[name] for name in row})


def override_of(row: RowMapping) -> Override:
    """A row of `overrides` as an override."""
    values = {("by" if name == "author" else str(name)): row[name] for name in row}
    return Override(**{**values, "kind": OverrideKind(row["kind"])})
