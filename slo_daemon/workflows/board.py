"""Where the current snapshot hangs. Writers replace it whole; readers take it and never wait."""

from collections.abc import Callable
from threading import Lock

from slo_daemon.core.snapshot import Snapshot


class Board:
    """Holds one immutable snapshot."""

    def __init__(self, first: Snapshot) -> None:
        self._current = first
        self._writing = Lock()

    @property
    def current(self) -> Snapshot:
        """The latest snapshot."""
        return self._current

    def change(self, change: Callable[[Snapshot], Snapshot]) -> Snapshot:
        """Replace the snapshot by `change` of it. Writers take turns, so that none undoes another's change."""
        with self._writing:
            self._current = change(self._current)
            return self._current
