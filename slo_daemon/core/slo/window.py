"""Slots and windows: when an evaluation takes place, and over which span of time.

Every query of an evaluation carries its slot's time, so the same slot gives the same answer whenever it is asked.
"""

from dataclasses import dataclass

from slo_daemon.core.quantity import show_duration


@dataclass(frozen=True, slots=True)
class Slot:
    """A scheduled evaluation: `time` in Unix seconds, a multiple of `interval` (seconds) in the running daemon.

    A one-shot evaluation may name any time; its interval then only says how slots would follow.
    """

    time: float
    interval: float

    def slots_in(self, seconds: float) -> int:
        """How many consecutive slots cover `seconds`: at least one."""
        return max(1, -int(-seconds // self.interval))


def slot_at(now: float, interval: float) -> Slot:
    """The latest aligned slot at or before `now` (Unix seconds)."""
    return Slot(time=now // interval * interval, interval=interval)


@dataclass(frozen=True, slots=True)
class Window:
    """A rolling window that ends at the slot. Calendar windows stand beside it when budgets need them."""

    seconds: int

    def __str__(self) -> str:
        return show_duration(self.seconds)
