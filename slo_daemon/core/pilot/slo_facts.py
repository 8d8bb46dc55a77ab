"""What evaluations say to criteria: a number with its interval, or why there is none; and whether SLOs are met."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from math import inf, nextafter

from slo_daemon.core.pilot.criteria.evidence import Evidence, Known, MetFact, Source, Unknown
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.quantity import UNITS, show_duration
from slo_daemon.core.slo.book import LAST_SEEN
from slo_daemon.core.slo.budget import FULL_COVERAGE, Budget, BudgetState, spent_out
from slo_daemon.core.slo.evaluation import Evaluation, Reason
from slo_daemon.core.slo.measure import Watched
from slo_daemon.core.slo.measurement import INCOMPLETE, Measured
from slo_daemon.core.slo.objective import Direction, Level
from slo_daemon.core.slo.phrases import say_basis, say_evaluation, say_measured, say_share
from slo_daemon.core.slo.query import Reading
from slo_daemon.core.slo.sli import Ratio
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.state import SloState
from slo_daemon.core.slo.streak import Streak, StreakReason
from slo_daemon.core.slo.window import Slot

LONGEST_SLOT_AGE = 300.0  # seconds; with long intervals it is three of them


class FactReason(StrEnum):
    """Why there is no number that decides anything, where no evaluation or record names a reason of its own."""

    NOT_EVALUATED = "not_evaluated"
    NOT_UNDERSTOOD = "not_understood"
    NO_GROUP = "no_group"
    NO_BUDGET = "no_budget"
    NO_RAMP = "no_ramp"
    NO_FEEDBACK = "no_feedback"
    TOO_FEW_VOTES = "too_few_votes"
    NOT_SEEN = "not_seen"
    CRITICAL_LEVEL = "critical_level"
    BUDGET_PARTIAL = "budget_partial"
    BUDGET_BACKFILLING = "budget_backfilling"


NOT_EVALUATED = FactReason.NOT_EVALUATED
_OF_BUDGET = {
    BudgetState.PARTIAL: FactReason.BUDGET_PARTIAL,
    BudgetState.BACKFILLING: FactReason.BUDGET_BACKFILLING,
}
_PERCENT, _NUMBER = UNITS["%"], UNITS[""]
DAY = 86_400.0


def too_old(evaluation: Evaluation | None, slot: Slot | None, at: float) -> str:
    """Why an evaluation does not speak of the present; empty when it does."""
    if evaluation is None or slot is None or evaluation.slot.time != slot.time:
        return "not evaluated in the latest slot"
    return slot_too_old(slot, at)


def slot_too_old(slot: Slot, at: float) -> str:
    """Why nothing that was evaluated in a slot speaks of the present; empty when it does."""
    age = at - slot.time
    if age > max(LONGEST_SLOT_AGE, 3 * slot.interval):
        return f"last evaluated {show_duration(age)} ago"
    return ""


def source_of(evaluation: Evaluation | None, window: str = "") -> Source:
    """Where an evaluation's value comes from."""
    if evaluation is None:
        return Source(window)
    return Source(
        window or str(evaluation.instance.slo.window),
        _asked(evaluation.readings.items()),
        evaluation.slot.time,
    )


def _asked(readings: Iterable[tuple[str, Reading]]) -> str:
    texts = [reading.promql for name, reading in readings if not name.startswith((LAST_SEEN, "fresh: "))]
    return "; ".join(dict.fromkeys(text for text in texts if text))


def number_of(evaluation: Evaluation | None, slot: Slot | None, at: float) -> Evidence:
    """The indicator's value with the range in which it surely lies.

    Of a window that was seen in part, what was seen speaks against the objective, but not for it: the rest may be worse.
    """
    source, doubt = source_of(evaluation), too_old(evaluation, slot, at)
    if doubt or evaluation is None:
        return Unknown(NOT_EVALUATED, doubt, source=source)
    objective, measurement = evaluation.instance.slo.objective, evaluation.measurement
    if isinstance(measurement, Measured):
        low, high, limit = _surely_above(measurement), measurement.high, measurement.limit
        if evaluation.coverage is not None and evaluation.coverage < FULL_COVERAGE:
            at_least = objective.direction is Direction.AT_LEAST
            low, high = (-inf, high) if at_least else (low, inf)
            limit = INCOMPLETE
        return Known(
            measurement.value, low, high, objective.unit, measurement.total, limit, source=source
        )  # fmt: skip
    return Unknown(evaluation.reason.value, evaluation.detail, unit=objective.unit, source=source)


def _surely_above(measurement: Measured) -> float:
    """Beyond the last bucket edge an objective counts as missed whatever its target; a criterion knows only the edge."""
    edge = measurement.facts.get("lower_edge")
    return nextafter(edge, inf) if measurement.low == inf and edge is not None else measurement.low


def worst_of(found: Sequence[tuple[str, Evidence]], direction: Direction) -> Evidence:
    """One number for all groups of an SLO: that of the worst. Groups that cannot be seen may be worse still."""
    if len(found) == 1:
        return found[0][1]
    if not found:
        return Unknown(FactReason.NO_GROUP, "no group of it was seen yet")
    known = [(name, one) for name, one in found if isinstance(one, Known)]
    unseen = [(name, one) for name, one in found if isinstance(one, Unknown)]
    if not known:
        name, one = unseen[0]
        return Unknown(one.reason, f"{name}: {one.detail}", source=one.source)
    at_least = direction is Direction.AT_LEAST
    name, worst = (min if at_least else max)(known, key=lambda pair: pair[1].value)
    low = min(one.low for _, one in known)
    high = max(one.high for _, one in known)
    low, high = (low, worst.high) if at_least else (worst.low, high)
    limit = worst.limit
    if unseen:
        low, high = (-inf, high) if at_least else (low, inf)
        limit = unseen[0][1].reason
    about = f"{name} is the worst of {len(found)} groups"
    if unseen:
        more = f" and {len(unseen) - 1} more" if len(unseen) > 1 else ""
        about = f"nothing is known of {unseen[0][0]}{more} ({unseen[0][1].detail}), and {name} is the worst of the others"
    return Known(worst.value, low, high, worst.unit, worst.n, limit, about, worst.source)


def budget_left(evaluation: Evaluation | None, slot: Slot | None, at: float) -> Evidence:
    """What is left of the error budget. What was seen only in part proves at most that it is spent."""
    budget, doubt = evaluation.budget if evaluation else None, too_old(evaluation, slot, at)
    window = str(budget.policy.window) if budget else ""
    source = source_of(evaluation, window)
    if doubt or budget is None:
        return Unknown(NOT_EVALUATED, doubt or "its budget was not evaluated", source=source)
    left, n = budget.remaining, budget.tally.total
    if left is None:
        return Unknown(Reason.NO_TRAFFIC, f"nothing was counted in {window}", unit=_PERCENT, source=source)
    about = f"of the error budget of {window}"
    if budget.state is BudgetState.COMPLETE:
        return Known(left, left, _most_left(budget, left), _PERCENT, n, "no_bucket_edge", about, source)
    if spent_out(budget):
        return Known(left, -inf, 0.0, _PERCENT, n, budget.state.value, about, source)
    return Unknown(_OF_BUDGET[budget.state], say_basis(budget), left, None, _PERCENT, n, source=source)


def _most_left(budget: Budget, left: float) -> float:
    tally = budget.tally
    return 1.0 - (1.0 - left) * tally.least_bad / tally.bad if tally.bad > 0.0 else left


def burn_rate(slo: Slo, evaluation: Evaluation | None, slot: Slot | None, at: float) -> Evidence:
    """How many times faster than allowed the budget goes, from the share of bad events over a window."""
    found = number_of(evaluation, slot, at)
    if isinstance(found, Unknown) or slo.budget is None:
        return (
            found
            if isinstance(found, Unknown)
            else Unknown(FactReason.NO_BUDGET, f"{slo.name} has no error budget")
        )
    allowed = slo.budget.allowed
    as_bad = isinstance(slo.indicator, Ratio) and not slo.indicator.as_good

    def rate(share: float) -> float:
        bad = share if as_bad else 1.0 - share
        return bad / allowed if allowed > 0.0 else (inf if bad > 0.0 else 0.0)

    ends = sorted((rate(found.low), rate(found.high)))
    return Known(rate(found.value), ends[0], ends[1], _NUMBER, found.n, found.limit, source=found.source)


def slices_burned(evaluation: Evaluation | None, slot: Slot | None, at: float) -> Evidence:
    """The burn rate of a budget that counts slices of time; its window is the lookback.

    Of a window that was seen in part the slices that missed still count; the rest may all have missed.
    """
    found = number_of(evaluation, slot, at)
    counted = evaluation.budget if evaluation is not None else None
    if isinstance(found, Unknown) and found.reason != "no_traffic":
        return found
    if counted is None or evaluation is None or counted.tally.total <= 0.0:
        return Unknown("no_traffic", "no slice of time was judged", unit=_NUMBER, source=found.source)
    tally, allowed = counted.tally, counted.policy.allowed
    share = tally.bad / tally.total
    rate = share / allowed if allowed > 0.0 else (inf if share > 0.0 else 0.0)
    source = source_of(evaluation, str(counted.policy.window))
    if counted.state is BudgetState.COMPLETE:
        return Known(rate, rate, rate, _NUMBER, tally.total, source=source, noun="slices")
    seen = rate * min(1.0, tally.coverage)
    return Known(rate, seen, inf, _NUMBER, tally.total, INCOMPLETE, source=source, noun="slices")


def alert_level(state: SloState, evaluation: Evaluation | None, slot: Slot | None, at: float) -> Evidence:
    """The level. While nobody can look it is held, and could be a higher one."""
    source = source_of(evaluation)
    level = float(state.level)
    unseen = too_old(evaluation, slot, at) or evaluation is None or evaluation.evidence is None
    if unseen and not (evaluation is not None and evaluation.data_state.value == "no_traffic"):
        return Known(level, level, float(Level.CRITICAL), _NUMBER, None, NOT_EVALUATED, source=source)
    return Known(level, level, level, _NUMBER, source=source)


def met_now(
    name: str, state: SloState | None, evaluation: Evaluation | None, slot: Slot | None, at: float
) -> MetFact:
    """Whether an SLO is met now. Met is what was seen whole, and what has no critical level any more."""
    doubt = doubt_of(state, evaluation, slot, at)
    source = source_of(evaluation)
    if doubt is not None:
        return MetFact(name, Truth.UNKNOWN, *doubt, source=source)
    met = evaluation is not None and evaluation.met
    return MetFact(
        name,
        Truth.TRUE if met else Truth.FALSE,
        "met" if met else "missed",
        say_evaluation(evaluation),
        source=source,
    )


def doubt_of(
    state: SloState | None, evaluation: Evaluation | None, slot: Slot | None, at: float
) -> tuple[str, str] | None:
    """Why it cannot be told whether an SLO is met now, as a name and a sentence; None when it can."""
    age = too_old(evaluation, slot, at)
    if age or evaluation is None:
        return NOT_EVALUATED, age
    if evaluation.met is None:
        return evaluation.reason.value, evaluation.reason.value.replace("_", " ")
    if evaluation.met and evaluation.coverage is not None and evaluation.coverage < FULL_COVERAGE:
        window = evaluation.instance.slo.window
        return FactReason.NOT_SEEN, f"met, but only {evaluation.coverage:.1%} of {window} was seen"
    if evaluation.met and state is not None and state.level is Level.CRITICAL:
        return FactReason.CRITICAL_LEVEL, "met again, but not for long enough to lower its critical level"
    return None


def met_for(name: str, watched: Watched | None, slot: Slot | None, at: float) -> MetFact:
    """Whether an SLO has been met for the time that its streak is of."""
    found = watched.streak if watched is not None else None
    if watched is None or found is None or slot is None:
        return MetFact(name, Truth.UNKNOWN, NOT_EVALUATED, "not evaluated in the latest slot")
    evaluation = watched.evaluation
    source = source_of(evaluation, show_duration(found.wanted))
    age = too_old(evaluation, slot, at)
    earliest = found.earliest if found.slices.total > 0.0 else None  # who has seen nothing promises nothing
    if age:
        return MetFact(name, Truth.UNKNOWN, NOT_EVALUATED, age, found.seconds, earliest, source)
    truth = Truth.UNKNOWN if found.met is None else Truth.TRUE if found.met else Truth.FALSE
    return MetFact(
        name, truth, found.reason, say_streak(found, watched), found.seconds, found.earliest, source
    )


def say_streak(found: Streak, watched: Watched) -> str:
    """`11.3 of 14 days, too many slices of time missed: 98.2 % of 5m slices good, 99.97 % over all of it`."""
    parts = []
    if found.slices.total > 0.0:
        parts.append(f"{say_share(found.slices.good / found.slices.total)} of 5m slices good")
    if isinstance(found.whole, Measured):
        parts.append(f"{say_measured(found.whole, watched.instance.slo.objective)} over all of it")
    seen = say_share(found.slices.coverage)
    if seen != say_share(1.0) or not parts:
        parts.append(f"{seen} seen")
    about = ", ".join(parts)
    if found.met:
        return f"met for {say_days(found.wanted)}: {about}"
    length = f"{found.seconds / DAY:.1f} of {say_days(found.wanted)}"
    if found.wanted < DAY:
        length = f"{show_duration(max(0.0, found.seconds))} of {show_duration(found.wanted)}"
    return f"{length}, {_BECAUSE[found.reason]}: {about}"


_BECAUSE = {
    StreakReason.MET: "met",
    StreakReason.TARGET_MISSED: "over the whole time the target is missed",
    StreakReason.SLICES_MISSED: "too many slices of time missed",
    StreakReason.NOT_SEEN: "too little of the time was seen",
    StreakReason.BACKFILLING: "history is still being fetched",
    StreakReason.NOT_PROVEN: "too little happened to prove it",
}


def say_days(seconds: float) -> str:
    """`14 days`; shorter than a day as a duration."""
    days = seconds / DAY
    return f"{days:g} {'day' if days == 1 else 'days'}" if seconds >= DAY else show_duration(seconds)
