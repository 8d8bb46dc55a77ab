"""What the judges of a pilot remember."""

from alembic import op
from sqlalchemy import Column, Double, PrimaryKeyConstraint, Text

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "pilot_notes",
        Column("pilot", Text, nullable=False),
        Column("content", Text, nullable=False),
        Column("at", Double, nullable=False),
        PrimaryKeyConstraint("pilot", name="pk_pilot_notes"),
    )
