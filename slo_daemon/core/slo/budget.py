"""The error budget's policy: over which window, by which method, against which target.

The budget itself (remaining, spent, forecast) is computed from closed chunks of the window; until those exist an
evaluation carries no budget, and says so.
"""

from dataclasses import dataclass
from enum import StrEnum

from slo_daemon.core.slo.window import Window


class BudgetMethod(StrEnum):
    """What is counted: bad events among all, or slices of time that missed."""

    OCCURRENCES = "occurrences"
    TIMESLICES = "timeslices"


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """`target`: the ratio (0..1) of good events, or of slices that met, over `window`."""

    window: Window
    method: BudgetMethod
    target: float

    @property
    def allowed(self) -> float:
        """The ratio that may go wrong: 1 - target."""
        return 1.0 - self.target
