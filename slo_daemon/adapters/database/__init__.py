"""The SQL database: states, transitions, outbox, incidents, feedback, audit. SQLite today.

`tables` and the statements in `slo_rows` and `people_rows` are plain SQL for any database; `sqlite_file` is the one
place that knows SQLite.
"""

from slo_daemon.adapters.database.sqlite_file import SqliteFile
from slo_daemon.adapters.database.store import DatabaseStore

__all__ = ["DatabaseStore", "SqliteFile"]
