"""The one place that speaks SQLite: opening a file so that an acknowledged write survives, and noticing when it would not.

Beside `store.db` lie `store.db-wal` and `store.db-shm` (SQLite's own), `store.db.lock` (held while a daemon runs; it
names the process) and `store.db.ballast`: 1 MiB that is given back to the disk when it is full. Without it not even a
deletion could be written. Until the ballast can be taken again, only writes that make the store smaller are accepted.

A file that is damaged, not ours, or of a newer version is never changed, and never replaced by an empty one.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, or_, text
from sqlalchemy.dialects.sqlite import dialect, insert
from sqlalchemy.pool import QueuePool

from slo_daemon.adapters.database.faults import told_as_store_error
from slo_daemon.adapters.database.guards import Ballast, LockFile, beside, sync_folder
from slo_daemon.adapters.database.schema import migrate, revisions
from slo_daemon.ports import StoreError

BUSY_SECONDS = 5
READERS = 16
USUAL_CACHE, BULK_CACHE = -2_000, -65_536  # negative: KiB
PRAGMAS: Mapping[str, str | int] = {
    "busy_timeout": BUSY_SECONDS * 1000,
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: the log is on the disk before a commit returns
    "foreign_keys": 1,
    "secure_delete": 0,  # where it is on, deleting writes zeros: on a full disk there is no room for them
}
READER_PRAGMAS: Mapping[str, str | int] = {**PRAGMAS, "query_only": 1}

_FileId = tuple[int, int] | None


def upsert(table: Table, newer_by: str | None = None) -> str:
    """Insert a row, or replace the one of the same primary key, unless its `newer_by` is the greater one.

    As text for `exec_driver_sql`, with a `?` for each column: bound by the driver itself, thousands of rows take a
    quarter of the time.
    """
    statement = insert(table)
    given = statement.excluded
    keys = [column.name for column in table.primary_key]
    newer = None
    if newer_by is not None:
        newer = or_(table.c[newer_by].is_(None), given[newer_by] >= table.c[newer_by])
    replacing = statement.on_conflict_do_update(
        index_elements=keys,
        set_={column.name: given[column.name] for column in table.c if column.name not in keys},
        where=newer,
    )
    return str(replacing.compile(dialect=dialect()))


class SqliteFile:
    """An open database file: one writer at a time, and readers that do not wait for it. Safe from several threads.

    Opening creates the file (and its folder) if it is missing, or brings its tables up to date. Raises StoreError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._turn = Lock()
        self._closed = False
        self._doubtful = False  # a write has failed in a way that leaves doubt about the file
        self._logs: tuple[_FileId, ...] | None = None
        with told_as_store_error(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_file = LockFile(beside(self.path, ".lock"))
            try:
                found = _inspect(self.path)
                if found is None:
                    _create(self.path)
                self._file = _file_id(self.path)
                self._ballast = Ballast(beside(self.path, ".ballast"))
                self._writer = _engine(self.path, "BEGIN IMMEDIATE", PRAGMAS, 1)
                self._readers = _engine(self.path, "BEGIN", READER_PRAGMAS, READERS)
            except BaseException:
                self._lock_file.release()
                raise
        try:
            self._start(found)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of what is committed."""
        self._require_open()
        with told_as_store_error(self.path), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def write(self, *, grows: bool = True, bulk: bool = False) -> Iterator[Connection]:
        """A transaction that is on the disk when the block has ended. `grows`: whether the store gets bigger by it.

        `bulk`: it has thousands of rows, which lie everywhere in the indexes; with more memory meanwhile it holds others
        up for a third less.
        """
        if not self._turn.acquire(timeout=BUSY_SECONDS):
            raise StoreError("locked", f"{self.path}: another write takes longer than {BUSY_SECONDS} s")
        try:
            self._require_open()
            with told_as_store_error(self.path):
                if grows:
                    self._require_room()
                with self._writer.begin() as connection:
                    self._require_sound(connection)
                    self._require_same_files()
                    if bulk:
                        connection.exec_driver_sql(f"PRAGMA cache_size = {BULK_CACHE}")
                    yield connection
                    if bulk:
                        connection.exec_driver_sql(f"PRAGMA cache_size = {USUAL_CACHE}")
        except StoreError as error:
            self._learn(error)
            raise
        finally:
            self._turn.release()

    def check(self) -> None:
        """Write something: nothing else proves that writing works."""
        with self.write() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))

    def close(self) -> None:
        """Wait for the write under way, then release everything."""
        with self._turn:
            if not self._closed:
                self._closed = True
                self._readers.dispose()
                self._writer.dispose()
                self._lock_file.release()

    def _start(self, found: str | None) -> None:
        with suppress(StoreError), told_as_store_error(self.path):
            self._require_room()  # a store on a full or read-only disk can still be read; each write asks again
        try:
            self._first_look()
        except StoreError as error:
            if error.reason != "full":
                raise
            self._ballast.give_back()  # even reading takes some room
            self._first_look()
        if found is not None and found != revisions()[0]:
            with self.write() as connection:
                migrate(connection)

    def _first_look(self) -> None:
        """Both kinds of connections, so that what is wrong with them is known when the store is opened."""
        for engine in (self._writer, self._readers):
            with told_as_store_error(self.path), engine.connect() as connection, connection.begin():
                connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError("closed", f"{self.path} was closed")

    def _require_room(self) -> None:
        if not self._ballast.taken():
            raise StoreError(
                "full",
                f"the disk of {self.path} is full; {self._ballast.wanted >> 20} MiB must be free before anything"
                " new is stored",
            )

    def _require_sound(self, connection: Connection) -> None:
        """After a failure that leaves doubt the file is checked before it is written again."""
        if self._doubtful:
            _require_intact(self.path, connection.execute(text("PRAGMA quick_check(1)")).scalar_one())
            self._doubtful = False

    def _require_same_files(self) -> None:
        """A file that was deleted or replaced would go on taking writes, and they would be lost."""
        if not self._same_files():
            raise StoreError(
                "io",
                f"{self.path}, its -wal or its -shm was deleted or replaced while in use; put it back, or restore"
                " a backup while the daemon is stopped",
            )

    def _same_files(self) -> bool:
        logs = tuple(_file_id(beside(self.path, suffix)) for suffix in ("-wal", "-shm"))
        if self._logs is None:  # they are surely there once a write has begun
            self._logs = logs
        return _file_id(self.path) == self._file and logs == self._logs

    def _learn(self, error: StoreError) -> None:
        """What a failed write means for the next one."""
        with suppress(OSError):  # the first error is the one to tell
            if error.reason == "full":
                self._ballast.give_back()
            if error.reason in ("io", "corrupt") and self._same_files():
                self._writer.dispose()
                self._logs = None
                self._doubtful = True


def _inspect(path: Path) -> str | None:
    """The revision of a sound file, read without leaving a trace; None when there is no file. Raises StoreError."""
    log = beside(path, "-wal")
    if not path.exists():
        if log.exists() and log.stat().st_size:
            raise StoreError("corrupt", f"{log} holds writes for {path}, and that is gone: restore it")
        return None
    if not path.stat().st_size:  # a new store gets its name when it is whole, so this is a lost one
        raise StoreError("corrupt", f"{path} is empty: restore a backup, or remove it to begin anew")
    untouched = "mode=ro" if log.exists() else "mode=ro&immutable=1"  # SQLite would make a log to read
    with closing(_connect(path, untouched)) as connection:
        _require_intact(path, connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        ours = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if ours else None
    if row is None:
        raise StoreError("corrupt", f"{path} is a SQLite database, but not a store of slo-daemon")
    if row[0] not in revisions():
        raise StoreError(
            "newer_schema",
            f"{path} has the tables of another slo-daemon (revision {row[0]}, the newest known here is"
            f" {revisions()[0]}): start the version that wrote it, or a newer one",
        )
    return str(row[0])


def _create(path: Path) -> None:
    """A new database, which gets its name when it is whole."""
    new = beside(path, ".new")
    leftovers = [beside(new, suffix) for suffix in ("", "-wal", "-shm", "-journal")]
    try:
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
        new.touch()
        engine = _engine(new, "BEGIN IMMEDIATE", PRAGMAS, 1)
        try:
            with engine.begin() as connection:
                migrate(connection)
        finally:
            engine.dispose()  # the last connection moves the log into the file
        new.rename(path)
        sync_folder(path.parent)
    finally:
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)


def _require_intact(path: Path, answer: Any) -> None:
    if answer != "ok":
        raise StoreError(
            "corrupt", f"{path} is damaged ({answer}): restore a backup; the file was left as it is"
        )


def _engine(path: Path, begin: str, pragmas: Mapping[str, str | int], connections: int) -> Engine:
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=lambda: _configured(_connect(path, "mode=rw"), pragmas),  # rw: never create what is gone
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:  # the driver would begin late, and not at all for DDL
        connection.exec_driver_sql(begin)

    return engine


def _connect(path: Path, options: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?{options}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _configured(connection: sqlite3.Connection, pragmas: Mapping[str, str | int]) -> sqlite3.Connection:
    try:
        for name, wanted in pragmas.items():
            _set(connection, name, wanted)
    except BaseException:
        connection.close()
        raise
    return connection


def _set(connection: sqlite3.Connection, name: str, wanted: str | int) -> None:
    """SQLite ignores what it does not know or cannot do, so every setting is read back."""
    connection.execute(f"PRAGMA {name} = {wanted}")
    got = connection.execute(f"PRAGMA {name}").fetchone()[0]
    if got != wanted:
        raise StoreError("io", f"SQLite does not take {name} = {wanted} here; it stays at {got}")


def _file_id(path: Path) -> _FileId:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
