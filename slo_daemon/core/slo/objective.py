"""What is wanted: a direction, a target, and the thresholds at which people are told.

`met` and the alert level are two questions. Met compares with the target; the level compares with warning and
critical, both in the objective's direction. A warning may lie before the target (tell me early) or behind it.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from math import inf

from slo_daemon.core.quantity import Dimension, Quantity, Unit

_LARGEST = {Dimension.RATIO: 1.0, Dimension.RATING: 5.0}  # values that nothing exceeds


class Direction(StrEnum):
    """On which side of the target the good values lie."""

    AT_MOST = "at_most"
    AT_LEAST = "at_least"


class Level(IntEnum):
    """The alert level: what is true about the objective. The number is the value of `slo_alert_level`."""

    NONE = 0
    WARNING = 1
    CRITICAL = 2

    @property
    def word(self) -> str:
        """`none`, `warning` or `critical`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Objective:
    """A target with its direction; thresholds are optional. All quantities have the same dimension."""

    direction: Direction
    target: Quantity
    warning: Quantity | None = None
    critical: Quantity | None = None

    @property
    def dimension(self) -> Dimension:
        """What the objective measures."""
        return self.target.dimension

    @property
    def unit(self) -> Unit:
        """The unit its author wrote; values are shown in it."""
        return self.target.unit

    def met(self, value: float) -> bool:
        """Whether `value` (base unit) is at the target or on its good side."""
        target = self.target.base
        return value <= target if self.direction is Direction.AT_MOST else value >= target

    def threshold_level(self, value: float, *, clearing: bool = False, margin: float = 0.0) -> Level:
        """The level that `value` (base unit) reaches: it is past that threshold, not merely at it.

        With `clearing`, thresholds are moved to the good side by `margin` of the objective's span (see
        `clear_threshold`), so that a value must be clearly better before a level is lowered.
        """
        for level in (Level.CRITICAL, Level.WARNING):
            threshold = self.threshold(level)
            if threshold is None:
                continue
            edge = self.clear_threshold(level, margin) if clearing else threshold.base
            if edge is not None and self._past(value, edge):
                return level
        return Level.NONE

    def threshold(self, level: Level) -> Quantity | None:
        """The threshold of a level, if one was given."""
        if level is Level.WARNING:
            return self.warning
        return self.critical if level is Level.CRITICAL else None

    def clear_threshold(self, level: Level, margin: float) -> float | None:
        """The value (base unit) past which a value is not yet good enough to lower `level`.

        The threshold, moved to the good side by `margin` times the span between the thresholds (or between the only
        threshold and the target), or times what lies between it and the best value there can be, if that is less.
        """
        threshold = self.threshold(level)
        if threshold is None:
            return None
        points = [q.base for q in (self.warning, self.critical) if q is not None]
        if len(points) == 1:
            points.append(self.target.base)
        step = margin * min(max(points) - min(points), self._room(threshold.base))
        return threshold.base - step if self.direction is Direction.AT_MOST else threshold.base + step

    def _room(self, value: float) -> float:
        """How much better than `value` a value can be at most; infinite where no best value is known."""
        if self.direction is Direction.AT_LEAST:
            return _LARGEST.get(self.dimension, inf) - value
        return value if value >= 0.0 else inf

    def better(self, first: float, second: float) -> float:
        """The better of two values, in the objective's direction."""
        return min(first, second) if self.direction is Direction.AT_MOST else max(first, second)

    def worse(self, first: float, second: float) -> float:
        """The worse of two values, in the objective's direction."""
        return max(first, second) if self.direction is Direction.AT_MOST else min(first, second)

    def _past(self, value: float, threshold: float) -> bool:
        return value > threshold if self.direction is Direction.AT_MOST else value < threshold

    def __str__(self) -> str:
        sign = "<=" if self.direction is Direction.AT_MOST else ">="
        return f"{sign} {self.target}"
