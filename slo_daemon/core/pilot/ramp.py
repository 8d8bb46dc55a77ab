"""Advice for the ramp: the next step, the present one, or back. The daemon observes and proposes; it changes nothing."""

from dataclasses import dataclass
from enum import StrEnum


class Advice(StrEnum):
    """What the daemon proposes for the ramp; it never changes production."""

    ADVANCE = "advance"
    HOLD = "hold"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class RampAdvice:
    """Three shares of users (ratios 0..1), and what to do.

    `scheduled`: planned for today; `observed`: really served, None where that is not known; `advised`: what the daemon
    proposes from now on. `reasons`: why, most important first. `next_date` (Unix s): when the next step may be taken at
    the earliest, None when there is none or nobody can tell.
    """

    advice: Advice
    scheduled: float
    observed: float | None
    advised: float
    reasons: tuple[str, ...]
    next_date: float | None = None
    observed_detail: str = ""  # why `observed` is not known
