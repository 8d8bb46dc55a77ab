"""Alembic migrations, run when a store is opened. The newest revision gives exactly the tables of `database.tables`."""
