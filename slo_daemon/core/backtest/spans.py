"""Runs of one value: however many slots there were, a value that stays is one span."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Span(Generic[ValueT]):
    """A value from `start` up to `end` (Unix seconds)."""

    value: ValueT
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start


class Spans(Generic[ValueT]):
    """Spans as they grow. Times ascend; between two spans there may be a gap."""

    def __init__(self) -> None:
        self._done: list[Span[ValueT]] = []

    def add(self, value: ValueT, start: float, end: float) -> bool:
        """One more slot, that stands from `start` up to `end`. True: it begins a new span."""
        last = self._done[-1] if self._done else None
        if last is not None and last.value == value and last.end == start:
            self._done[-1] = Span(value, last.start, end)
            return False
        self._done.append(Span(value, start, end))
        return True

    def all(self) -> tuple[Span[ValueT], ...]:
        """All so far, oldest first."""
        return tuple(self._done)


def seconds_of(spans: Iterable[Span[ValueT]], wanted: Callable[[ValueT], bool]) -> float:
    """How long the value was one of these, in total."""
    return sum(span.seconds for span in spans if wanted(span.value))


def longest(spans: Iterable[Span[ValueT]], value: ValueT) -> Span[ValueT] | None:
    """The longest span of a value, the first of them where two are as long; None when it never was."""
    own = [span for span in spans if span.value == value]
    return max(own, key=lambda span: span.seconds, default=None)


def first(spans: Sequence[Span[ValueT]], value: ValueT) -> float | None:
    """When the value was there for the first time; None when it never was."""
    return next((span.start for span in spans if span.value == value), None)
