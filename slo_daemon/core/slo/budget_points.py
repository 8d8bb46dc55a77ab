"""Points of burn-down plots: what was left of a budget, hour by hour, and coarser with age."""

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil

_HOUR, _DAY = 3_600, 86_400
# Up to which age there is one point in each step, both in seconds. Older ones go. Each step is a multiple of the one before.
KEPT = ((7 * _DAY, _HOUR), (35 * _DAY, 6 * _HOUR), (400 * _DAY, _DAY))


@dataclass(frozen=True, slots=True)
class BudgetPoint:
    """What was left at one time (Unix seconds). `remaining`, `coverage` and `state` as in Budget."""

    slo_id: str
    at: float
    remaining: float | None
    coverage: float
    state: str


def step_at(age: float) -> int | None:
    """How far apart points of this age are kept, both in seconds; None when they are not kept at all."""
    return next((step for most, step in KEPT if age <= most), None)


def crowded(times: Collection[float], now: float) -> Mapping[float, tuple[float, ...]]:
    """The times whose points may go, each with the later times in its step: a point at one of them stands for it.

    Steps end at their multiples, so of a whole day the point of midnight (UTC) stays. A time with no later ones is too
    old: its points go whatever else there is.
    """
    ordered = sorted(times)
    found: dict[float, tuple[float, ...]] = {}
    for place, time in enumerate(ordered):
        step = step_at(now - time)
        end = None if step is None else ceil(time / step) * step
        later = () if end is None else tuple(ordered[place + 1 : bisect_right(ordered, end)])
        if later or end is None:
            found[time] = later
    return found
