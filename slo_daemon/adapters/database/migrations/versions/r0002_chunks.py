"""Chunks: what was counted in closed spans of time."""

from alembic import op
from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables of chunks."""
    op.create_table(
        "chunk_asks",
        Column("id", Integer, nullable=False),
        Column("ask", Text, nullable=False),
        PrimaryKeyConstraint("id", name="pk_chunk_asks"),
        UniqueConstraint("ask", name="uq_chunk_asks_ask"),
    )
    op.create_table(
        "chunk_columns",
        Column("id", Integer, nullable=False),
        Column("ask", Integer, nullable=False),
        Column("labels", Text, nullable=False),
        PrimaryKeyConstraint("id", name="pk_chunk_columns"),
        UniqueConstraint("ask", "labels", name="uq_chunk_columns_ask_labels"),
        ForeignKeyConstraint(["ask"], ["chunk_asks.id"], name="fk_chunk_columns_chunk_asks"),
    )
    op.create_table(
        "chunk_blocks",
        Column("id", Integer, nullable=False),
        Column("span", Integer, nullable=False),
        Column("first", Integer, nullable=False),
        Column("last", Integer, nullable=False),
        Column("asks", LargeBinary, nullable=False),
        Column("columns", LargeBinary, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        PrimaryKeyConstraint("id", name="pk_chunk_blocks"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_chunk_blocks_span_last", "chunk_blocks", ["span", "last"])
