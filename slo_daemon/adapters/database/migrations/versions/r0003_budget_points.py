"""Points of burn-down plots."""

from alembic import op
from sqlalchemy import (
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create their tables."""
    op.create_table(
        "budget_slos",
        Column("id", Integer, nullable=False),
        Column("slo_id", Text, nullable=False),
        PrimaryKeyConstraint("id", name="pk_budget_slos"),
        UniqueConstraint("slo_id", name="uq_budget_slos_slo_id"),
    )
    op.create_table(
        "budget_points",
        Column("at", Double, nullable=False),
        Column("slo", Integer, nullable=False),
        Column("remaining", Double),
        Column("coverage", Double, nullable=False),
        Column("state", Text, nullable=False),
        PrimaryKeyConstraint("at", "slo", name="pk_budget_points"),
        ForeignKeyConstraint(["slo"], ["budget_slos.id"], name="fk_budget_points_budget_slos"),
        sqlite_with_rowid=False,
    )
