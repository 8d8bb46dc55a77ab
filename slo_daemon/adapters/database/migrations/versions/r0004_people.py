"""Incidents that Alertmanager tells, segments of ratings, overrides."""

from alembic import op
from sqlalchemy import Column, Double, Integer, PrimaryKeyConstraint, Text, text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add their columns, indexes and the table."""
    for name in ("source", "fingerprint", "told_severity"):
        op.add_column("incidents", Column(name, Text))
    op.drop_index("ix_incidents_pilot_severity_resolved_at", "incidents")
    op.create_index(
        "ix_incidents_pilot_severity_started_at_recorded_at_resolved_at",
        "incidents",
        ["pilot", "severity", "started_at", "recorded_at", "resolved_at"],
    )
    op.create_index(
        "ix_incidents_pilot_fingerprint_started_at",
        "incidents",
        ["pilot", "fingerprint", "started_at"],
        unique=True,
    )
    op.create_index(
        "ix_incidents_open_alert",
        "incidents",
        ["pilot", "fingerprint"],
        unique=True,
        sqlite_where=text("resolved_at IS NULL AND fingerprint IS NOT NULL"),
    )
    for name in ("cohort", "variant"):
        op.add_column("feedback", Column(name, Text))
        op.create_index(
            f"ix_feedback_pilot_{name}_username_given_at_id_rating",
            "feedback",
            ["pilot", name, "username", "given_at", "id", "rating"],
            sqlite_where=text(f"{name} IS NOT NULL"),
        )
    op.create_table(
        "overrides",
        Column("id", Integer, nullable=False),
        Column("pilot", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("criterion", Text, nullable=False),
        Column("author", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("expires_at", Double, nullable=False),
        Column("revoked_at", Double),
        Column("revoked_by", Text),
        PrimaryKeyConstraint("id", name="pk_overrides"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_overrides_pilot_created_at_id", "overrides", ["pilot", "created_at", "id"])
