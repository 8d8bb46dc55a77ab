"""Alembic's entry: the migrations run on the connection, and in the transaction, that the store brings along."""

from alembic import context

from slo_daemon.adapters.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by building a new one
)
context.run_migrations()
