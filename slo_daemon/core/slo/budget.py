"""The error budget: how much may go wrong over a long window, how much did, and when none will be left."""

from dataclasses import dataclass
from enum import StrEnum
from math import inf

from slo_daemon.core.slo.window import BudgetWindow, CalendarWindow, Tally

LONGEST_BUDGET = 366 * 86_400  # seconds: a year
FULL_COVERAGE = 0.95  # of the window; with less a budget is partial, and proves nothing good
_DIGITS = 12  # of a ratio: 1 - 0.9 is 0.1, not 0.09999999999999998


class BudgetMethod(StrEnum):
    """What is counted: bad events among all, or slices of time that missed."""

    OCCURRENCES = "occurrences"
    TIMESLICES = "timeslices"


class BudgetState(StrEnum):
    """How much of the window a budget stands on. The value of the label `state` on `slo_error_budget_state`."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    BACKFILLING = "backfilling"


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """`target`: the ratio (0..1) of good events, or of slices that met, over `window`.

    `proven`: a slice counts as missed only when its own events prove that, not when its value is read off; see streaks.
    """

    window: BudgetWindow
    method: BudgetMethod
    target: float
    proven: bool = False

    @property
    def allowed(self) -> float:
        """The ratio that may go wrong: 1 - target."""
        return round(1.0 - self.target, _DIGITS)


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget at one slot.

    `remaining`: the share of the budget that is left: 1 untouched, 0 spent, negative overspent; None when nothing was
    counted. With `state` other than complete it is what was seen so far, and proves nothing good. `exhausted_at` (Unix
    seconds): when none will be left at the present pace; None: not in sight, or nobody can tell.
    """

    policy: BudgetPolicy
    tally: Tally
    state: BudgetState
    remaining: float | None
    exhausted_at: float | None = None

    @property
    def spent(self) -> float | None:
        """The share that is gone: 1 - remaining."""
        return None if self.remaining is None else 1.0 - self.remaining


def budget(
    policy: BudgetPolicy,
    tally: Tally,
    at: float,
    *,
    pace: Tally | None = None,
    pace_seconds: float = 0.0,
    backfilling: bool = False,
) -> Budget:
    """The budget at a slot of time `at`.

    `tally`: what was counted since the window's start; its coverage is of the time since then, so that of a calendar
    window which has just begun can be full. `pace`: the same over the last `pace_seconds`, for the forecast.
    `backfilling`: history of this window is still being fetched.

    remaining = 1 - bad / (allowed * total). A calendar window's budget is that of the whole period: its length is known,
    and how many events it will bring is taken from those so far. So ten minutes down on the first of the month spend the
    same as on the last, and a bad first minute does not spend a month. What was not seen is taken to have been like the
    rest, which a state other than complete warns of.

    A target of 100 % allows nothing: anything bad leaves 0, nothing bad leaves 1.
    """
    remaining = _remaining(policy, tally, at)
    if backfilling:
        state = BudgetState.BACKFILLING
    else:
        state = BudgetState.COMPLETE if tally.coverage >= FULL_COVERAGE else BudgetState.PARTIAL
    exhausted_at = None if remaining is None else _forecast(policy, tally, remaining, at, pace, pace_seconds)
    return Budget(policy, tally, state, remaining, exhausted_at)


def spent_out(budget: Budget) -> bool | None:
    """Whether nothing is left. True: proven. False: proven that something is. None: cannot be told.

    A budget that is not complete can prove only that it is spent: when it would be, had everything unseen been good.
    """
    if budget.remaining is None:
        return None
    tally = budget.tally
    if budget.policy.allowed <= 0.0:
        proven = tally.least_bad > 0.0
    else:
        surely = tally.least_bad / tally.bad if tally.bad > 0.0 else 1.0
        proven = (1.0 - budget.remaining) * surely * min(1.0, tally.coverage) >= 1.0
    if budget.state is not BudgetState.COMPLETE or proven:
        return True if proven else None
    if budget.remaining > 0.0:
        return False
    return None if tally.least_bad < tally.bad else True


def _remaining(policy: BudgetPolicy, tally: Tally, at: float) -> float | None:
    measured = _measured(policy, tally, at)
    if measured <= 0.0:
        return None
    if policy.allowed <= 0.0:
        return 0.0 if tally.bad > 0.0 else 1.0
    return 1.0 - tally.bad / (policy.allowed * measured)


def _measured(policy: BudgetPolicy, tally: Tally, at: float) -> float:
    """How many events or slices the budget is a share of."""
    window = policy.window
    if not isinstance(window, CalendarWindow):
        return tally.total
    start, end = window.start(at), window.end(at)
    return tally.total * (end - start) / (at - start) if at > start else 0.0


def _forecast(
    policy: BudgetPolicy, tally: Tally, remaining: float, at: float, pace: Tally | None, pace_seconds: float
) -> float | None:
    """When nothing will be left, if errors and traffic go on as in the pace's lookback.

    A rolling window: the earliest time, as if nothing of what was spent left the window before; only with a burn rate
    above 1, as a slower pace cannot keep a rolling budget spent. A calendar window: only if that is before the period
    ends.
    """
    if remaining <= 0.0:
        return at
    if pace is None or pace.total <= 0.0 or pace.coverage <= 0.0:
        return None
    if not isinstance(policy.window, CalendarWindow):
        burn = _burn(pace, policy.allowed)
        return at + remaining * policy.window.seconds / burn if burn > 1.0 else None
    seen = pace_seconds * pace.coverage
    if seen <= 0.0 or tally.coverage <= 0.0:
        return None
    left = remaining * policy.allowed * _measured(policy, tally, at) / tally.coverage  # bad ones
    speed = pace.bad / seen  # bad ones a second
    if speed <= 0.0:
        return None
    exhausted_at = at + left / speed
    return exhausted_at if exhausted_at < policy.window.end(at) else None


def _burn(pace: Tally, allowed: float) -> float:
    bad = pace.bad / pace.total
    if allowed <= 0.0:
        return inf if bad > 0.0 else 0.0
    return bad / allowed
