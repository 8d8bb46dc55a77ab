"""The first tables: states, transitions, outbox, incidents, feedback, idempotency keys, audit."""

from alembic import op
from sqlalchemy import (
    JSON,
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Text,
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create them."""
    _measuring_wing()
    _people()
    _bookkeeping()


def _measuring_wing() -> None:
    op.create_table(
        "slo_states",
        Column("slo_id", Text, nullable=False),
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
        PrimaryKeyConstraint("slo_id", name="pk_slo_states"),
    )
    op.create_table(
        "transitions",
        Column("slo_id", Text, nullable=False),
        Column("sequence", Integer, nullable=False),
        Column("slot", Double, nullable=False),
        Column("before", Integer, nullable=False),
        Column("after", Integer, nullable=False),
        Column("reason", Text, nullable=False),
        Column("detail", Text, nullable=False),
        Column("value", Double),
        PrimaryKeyConstraint("slo_id", "sequence", "slot", name="pk_transitions"),
    )
    op.create_index("ix_transitions_slot_slo_id_sequence", "transitions", ["slot", "slo_id", "sequence"])
    op.create_index("ix_transitions_slo_id_slot_sequence", "transitions", ["slo_id", "slot", "sequence"])
    op.create_table(
        "outbox",
        Column("sink", Text, nullable=False),
        Column("slot", Double, nullable=False),
        Column("slo_id", Text, nullable=False),
        Column("sequence", Integer, nullable=False),
        PrimaryKeyConstraint("sink", "slot", "slo_id", "sequence", name="pk_outbox"),
        ForeignKeyConstraint(
            ["slo_id", "sequence", "slot"],
            ["transitions.slo_id", "transitions.sequence", "transitions.slot"],
            name="fk_outbox_transitions",
        ),
    )


def _people() -> None:
    op.create_table(
        "incidents",
        Column("id", Integer, nullable=False),
        Column("pilot", Text, nullable=False),
        Column("title", Text, nullable=False),
        Column("severity", Text, nullable=False),
        Column("description", Text, nullable=False),
        Column("started_at", Double, nullable=False),
        Column("recorded_at", Double, nullable=False),
        Column("resolution", Text),
        Column("resolved_at", Double),
        PrimaryKeyConstraint("id", name="pk_incidents"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incidents_pilot_started_at_id", "incidents", ["pilot", "started_at", "id"])
    op.create_index(
        "ix_incidents_pilot_severity_resolved_at", "incidents", ["pilot", "severity", "resolved_at"]
    )
    op.create_table(
        "feedback",
        Column("id", Integer, nullable=False),
        Column("pilot", Text, nullable=False),
        Column("username", Text, nullable=False),
        Column("rating", Integer, nullable=False),
        Column("text", Text, nullable=False),
        Column("given_at", Double, nullable=False),
        Column("recorded_at", Double, nullable=False),
        Column("context", JSON, nullable=False),
        PrimaryKeyConstraint("id", name="pk_feedback"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feedback_pilot_given_at_id", "feedback", ["pilot", "given_at", "id"])
    op.create_index(
        "ix_feedback_pilot_username_given_at_id_rating",
        "feedback",
        ["pilot", "username", "given_at", "id", "rating"],
    )


def _bookkeeping() -> None:
    op.create_table(
        "idempotency_keys",
        Column("kind", Text, nullable=False),
        Column("pilot", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("content_hash", Text, nullable=False),
        Column("record_id", Integer, nullable=False),
        Column("at", Double, nullable=False),
        PrimaryKeyConstraint("kind", "pilot", "key", name="pk_idempotency_keys"),
    )
    op.create_table(
        "audit",
        Column("id", Integer, nullable=False),
        Column("at", Double, nullable=False),
        Column("actor", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("pilot", Text, nullable=False),
        Column("record_id", Integer, nullable=False),
        Column("key", Text),
        PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
