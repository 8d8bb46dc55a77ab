"""Files that guard another one: the lock that keeps a second daemon out, and the ballast for a full disk."""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from slo_daemon.ports import StoreError

BALLAST_BYTES = 1 << 20
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PID_WIDTH = 20


def beside(path: Path, suffix: str) -> Path:
    """`store.db` and `.lock` give `store.db.lock`."""
    return path.with_name(path.name + suffix)


def sync_folder(folder: Path) -> None:
    """Make a rename or a new name in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class LockFile:
    """Held from construction to `release`, by one process and one owner in it. It goes with the process.

    The file stays behind: removing it would let two owners lock two files of one name. Raises StoreError("locked").
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._descriptor, _PID_WIDTH, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise StoreError(
                "locked", f"{path}: the process {owner or '?'} uses this store; one daemon for one store"
            ) from None
        # Always as wide, so that on a full disk the old block is written again.
        with suppress(OSError):  # who holds the lock is told for people; the lock itself holds
            os.pwrite(self._descriptor, f"{os.getpid():<{_PID_WIDTH}}".encode(), 0)

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._descriptor)


class Ballast:
    """Disk space taken in good times, to be given back when the disk is full."""

    size = BALLAST_BYTES
    wanted = 2 * BALLAST_BYTES  # free space to take it: what was just given back is no room

    def __init__(self, path: Path) -> None:
        self._path = path
        self._taken = path.exists() and path.stat().st_size == self.size

    def taken(self) -> bool:
        """Whether the space is taken, after trying to. Raises OSError unless the disk is merely full."""
        if not self._taken:
            try:
                with self._path.open("wb") as file:
                    file.write(bytes(self.wanted))
                    file.flush()
                    os.fsync(file.fileno())
                    file.truncate(self.size)
                self._taken = True
            except OSError as error:
                self._path.unlink(missing_ok=True)
                if error.errno not in NO_SPACE:
                    raise
        return self._taken

    def give_back(self) -> None:
        """Make room."""
        self._taken = False
        self._path.unlink(missing_ok=True)
