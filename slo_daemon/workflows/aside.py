"""What failed and is left alone for a while: twice as long each time, so that it holds nothing up and is not forgotten."""

from time import monotonic

FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3_600.0  # seconds


class Aside:
    """Names, and until when they are left alone."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._pause: dict[str, float] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All that failed last time."""
        return tuple(sorted(self._pause))

    def holds(self, name: str) -> bool:
        """Whether it is to be left alone now."""
        return self._until.get(name, 0.0) > monotonic()

    def put(self, name: str) -> bool:
        """Leave it alone for a while. True the first time."""
        first = name not in self._pause
        self._pause[name] = FIRST_PAUSE if first else min(2.0 * self._pause[name], LONGEST_PAUSE)
        self._until[name] = monotonic() + self._pause[name]
        return first

    def forget(self) -> None:
        """Begin anew."""
        self._until.clear()
        self._pause.clear()

    def release(self, name: str) -> None:
        """It worked."""
        self._until.pop(name, None)
        self._pause.pop(name, None)
