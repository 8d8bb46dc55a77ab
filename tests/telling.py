"""A Telemetry that remembers what it was told."""

from collections import Counter
from typing import Any


class Told:
    """Every call, by name; and how often or how much in sum."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> None:
            self.calls.append((name, args, kwargs))

        return call

    def named(self, name: str) -> list[tuple[Any, ...]]:
        """The positional arguments of every call of `name`."""
        return [args for called, args, _ in self.calls if called == name]

    def total(self, keyword: str) -> int:
        """The sum of a keyword argument over all calls."""
        return sum(kwargs.get(keyword, 0) for _, _, kwargs in self.calls)

    def counts(self) -> Counter[str]:
        """How often each thing happened."""
        return Counter(name for name, _, _ in self.calls)
