"""What a failing disk or database means: one of the reasons of StoreError."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from slo_daemon.adapters.database.guards import NO_SPACE
from slo_daemon.ports import StoreError

_NOT_ALLOWED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_REASONS = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR_SHMSIZE: "full",  # the shared memory file could not be made longer
    sqlite3.SQLITE_READONLY: "readonly",
    sqlite3.SQLITE_PERM: "readonly",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
}
_PRIMARY = 0xFF  # an extended result code has the primary one in its lowest byte


@contextmanager
def told_as_store_error(path: Path) -> Iterator[None]:
    """Raise what the disk or SQLite says about `path` as StoreError. A broken constraint is a bug and stays as it is."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise StoreError(_database_reason(error.orig), f"{path}: {error.orig}") from error
    except sqlite3.Error as error:
        raise StoreError(_database_reason(error), f"{path}: {error}") from error
    except NoConnectionError as error:
        raise StoreError("locked", f"{path}: all connections for reading are in use") from error
    except OSError as error:
        raise StoreError(_file_reason(error), f"{error.filename or path}: {error.strerror}") from error


def _database_reason(error: BaseException | None) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return "io"
    return _REASONS.get(code) or _REASONS.get(code & _PRIMARY, "io")


def _file_reason(error: OSError) -> str:
    if error.errno in NO_SPACE:
        return "full"
    return "readonly" if error.errno in _NOT_ALLOWED else "io"
