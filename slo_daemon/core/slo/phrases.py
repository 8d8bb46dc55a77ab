"""How numbers, objectives and times are said to people: the same in reports, in findings and on the terminal.

Rounding happens here and nowhere else, and never so that a value seems to lie on the other side of a threshold.
"""

import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from math import ceil, inf, isfinite, log10

from slo_daemon.core.quantity import BASE_UNITS, UNITS, Dimension, Unit
from slo_daemon.core.slo.budget import Budget, BudgetState, spent_out
from slo_daemon.core.slo.burn_rate import BurnRate
from slo_daemon.core.slo.evaluation import Evaluation, Reason, burning
from slo_daemon.core.slo.measurement import INCOMPLETE, TOO_FEW_EVENTS, Measured
from slo_daemon.core.slo.objective import Direction, Level, Objective
from slo_daemon.core.slo.slo import SloInstance

FEWEST_DIGITS = 3
MOST_DIGITS = 12
SMALLEST, LARGEST = 1e-9, 1e15  # amounts that can be read without an exponent
_SUFFIXED = ("/5", "/s", "/min")  # no space before these
_DIRECTIONS = {Direction.AT_MOST: "at most", Direction.AT_LEAST: "at least"}
# Invisible or layout-changing characters that could make a text look like another one.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # needed to write some languages and emoji


def say_value(value: float, unit: Unit, landmarks: Iterable[float] = ()) -> str:
    """`value` (base unit) in `unit`: `42.3 ms`, `99.95 %`, `4.2/5`.

    As few digits as keep it on its side of every landmark (base unit); three at least, and for a share near the whole two
    of what is missing: `99.953 %`.
    """
    if not isfinite(value):
        return "not a number" if value != value else "infinite"
    factor = float(unit.factor)
    amount = value / factor
    if amount and not SMALLEST <= abs(amount) < LARGEST:
        return with_unit(f"{value:.3g}", BASE_UNITS[unit.dimension])
    marks = [mark / factor for mark in landmarks]
    if unit.dimension is Dimension.RATIO:
        marks += [0.0, 1.0 / factor]
    digits = max(FEWEST_DIGITS, len(str(int(abs(amount)))))  # a whole part is never rounded away
    if unit.dimension is Dimension.RATIO and 0.5 < value < 1.0:  # near the whole, what is missing is the news
        digits = max(digits, len(str(int(amount))) + ceil(-log10(1.0 / factor - amount)) + 1)
        digits = min(digits, MOST_DIGITS)
    while digits < MOST_DIGITS and any(
        _side(_rounded(amount, digits), mark) != _side(amount, mark) for mark in marks
    ):
        digits += 1
    return with_unit(_plain(_rounded(amount, digits), digits), unit)


def with_unit(amount: str, unit: Unit) -> str:
    """An amount and its unit as one reads them."""
    if unit.symbol == "ratio" or not unit.symbol:
        return amount
    return f"{amount}{'' if unit.symbol in _SUFFIXED else ' '}{unit.symbol}"


def say_objective(objective: Objective) -> str:
    """`at most 50 ms`, `at least 99.9 %`."""
    target = objective.target
    return f"{_DIRECTIONS[objective.direction]} {with_unit(format(target.amount, 'f'), target.unit)}"


def say_edge(objective: Objective, level: Level) -> str:
    """Where a level begins: `critical past 99.5 %`; empty when the objective has no threshold for it."""
    threshold = objective.threshold(level)
    return (
        f"{level.word} past {with_unit(format(threshold.amount, 'f'), threshold.unit)}" if threshold else ""
    )


def say_measured(measured: Measured, objective: Objective) -> str:
    """The value of an SLI, exact enough to tell it from target and thresholds; `over 1 s` beyond the last bucket edge."""
    if measured.value == inf:
        return f"over {say_value(measured.facts['lower_edge'], objective.unit)}"
    points = (objective.target, objective.warning, objective.critical)
    return say_value(measured.value, objective.unit, [q.base for q in points if q is not None])


def say_name(instance: SloInstance) -> str:
    """The SLO without its pilot: `availability`, `availability{region="eu"}`."""
    return instance.id.removeprefix(f"{instance.slo.pilot}/")


def say_evaluation(evaluation: Evaluation | None) -> str:
    """What came out, in one sentence: `42.3 ms against at most 50 ms`, or why there is no answer."""
    if evaluation is None:
        return "not evaluated yet"
    measurement, objective = evaluation.measurement, evaluation.instance.slo.objective
    if evaluation.met is not None and isinstance(measurement, Measured):
        note = ", beyond the last bucket edge," if evaluation.reason is Reason.BEYOND_LAST_BUCKET else ""
        shown = f"{say_measured(measurement, objective)}{note} against {say_objective(objective)}"
        return "; ".join(filter(None, (shown, say_uncounted(evaluation), say_doubt(evaluation))))
    return evaluation.detail


def say_uncounted(evaluation: Evaluation) -> str:
    """What was taken as 0 because no series of it is there: right before the first error, and after a typing error."""
    measurement = evaluation.measurement
    uncounted = measurement.uncounted if isinstance(measurement, Measured) else ""
    return f"no series of {uncounted} is there, taken as 0" if uncounted else ""


def say_doubt(evaluation: Evaluation) -> str:
    """Which level cannot be told, and why: `may be critical: no bucket edge at 60 ms`. Empty when the level is sure."""
    evidence, measurement = evaluation.evidence, evaluation.measurement
    if evidence is None or evidence.possible <= evidence.proven or not isinstance(measurement, Measured):
        return ""
    may, objective = f"may be {evidence.possible.word}", evaluation.instance.slo.objective
    if objective.threshold_level(objective.worse(measurement.low, measurement.high)) < evidence.possible:
        pairs = [str(r.pair) for r in evaluation.burn_rates if _may_raise(r, evidence.possible)]
        return f"{may}: too little was seen of {', '.join(pairs)} to tell the burn rates"
    threshold = objective.threshold(evidence.possible)
    if measurement.limit == INCOMPLETE:
        return f"{may}: only {say_share(evaluation.coverage or 0.0)} of the window was seen"
    if measurement.limit == TOO_FEW_EVENTS or threshold is None:
        return f"{may}: too few events to tell"
    return f"{may}: no bucket edge at {with_unit(format(threshold.amount, 'f'), threshold.unit)}"


def _may_raise(rate: BurnRate, level: Level) -> bool:
    return rate.firing is None and rate.pair.severity is level


def say_cause(evaluation: Evaluation | None) -> str:
    """Which burn rates are too fast, where they move the level; else empty."""
    if evaluation is None or evaluation.evidence is None or not evaluation.evidence.burning:
        return ""
    return burning(evaluation)


def say_share(share: float) -> str:
    """A share of something: `43.2 %`; never rounded to nothing or to all."""
    return say_value(share, UNITS["%"])


def say_rate(rate: float | None, threshold: float) -> str:
    """A burn rate: `14.44` beside a threshold of 14.4; a dash where nothing was counted."""
    return "–" if rate is None else say_value(rate, UNITS[""], [threshold])


def say_threshold(threshold: float) -> str:
    """The burn rate that is too fast when it is exceeded: `14.4`."""
    return say_value(threshold, UNITS[""])


def say_basis(budget: Budget) -> str:
    """How much a budget stands on: `partial: 43 % of 30d seen`."""
    return f"{budget.state.value}: {say_share(budget.tally.coverage)} of {budget.policy.window} seen"


def say_left(budget: Budget | None) -> str:
    """What is left, never healthier than it is known: `62.3 %`, `62.3 % (partial: 43 % of 30d seen)`."""
    if budget is None:
        return "–"
    left = "nothing counted" if budget.remaining is None else say_share(budget.remaining)
    match budget.state:
        case BudgetState.COMPLETE:
            return left
        case BudgetState.PARTIAL:
            return f"{left} ({say_basis(budget)})"
        case BudgetState.BACKFILLING:
            return f"not known yet ({say_basis(budget)})"


def say_forecast(budget: Budget) -> str:
    """When nothing will be left: `at this pace spent on 2026-12-03 14:20 UTC`; empty where no end is in sight."""
    if budget.exhausted_at is None or budget.remaining is None or budget.state is BudgetState.BACKFILLING:
        return ""
    if budget.remaining > 0.0:
        return f"at this pace spent on {say_minute(budget.exhausted_at)} UTC"
    if spent_out(budget):
        return "already spent"
    return "spent, if what was not seen was like the rest"


def say_time(unix: float) -> str:
    """`2026-11-22 10:00:00 UTC`."""
    return f"{_utc(unix):%Y-%m-%d %H:%M:%S} UTC"


def say_minute(unix: float) -> str:
    """`2026-11-22 10:00`, for tables whose heading says UTC."""
    return f"{_utc(unix):%Y-%m-%d %H:%M}"


def rfc3339(unix: float) -> str:
    """`2026-11-22T10:00:00Z`, for machines."""
    return f"{_utc(unix):%Y-%m-%dT%H:%M:%SZ}"


def say_count(count: float, singular: str, plural: str | None = None) -> str:
    """`1 incident`, `2 incidents`, `3,400 votes`."""
    return f"{count:,.0f} {singular if count == 1 else plural or singular + 's'}"


def visible(text: str) -> str:
    """`text` in one line, without characters that are invisible, steer a terminal, or turn the reading direction."""
    shown = (
        c if unicodedata.category(c) not in _HIDDEN or c in _JOINERS else " " if c.isspace() else "\ufffd"
        for c in text
    )
    return " ".join("".join(shown).split())


def _utc(unix: float) -> datetime:
    return datetime.fromtimestamp(unix, UTC)


def _side(amount: float, mark: float) -> int:
    return (amount > mark) - (amount < mark)


def _rounded(amount: float, digits: int) -> float:
    return float(f"{amount:.{digits}g}")


def _plain(amount: float, digits: int) -> str:
    """Without exponent and trailing zeros."""
    text = f"{amount:.{digits}g}"
    if "e" in text:
        text = f"{amount:.{MOST_DIGITS + digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
