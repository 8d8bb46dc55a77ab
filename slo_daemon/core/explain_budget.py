"""What explaining an SLO says of its windows, its error budget and its burn rates: lines of plain text."""

from collections.abc import Sequence

from slo_daemon.core.markdown import display_width
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.book import entry_of
from slo_daemon.core.slo.budget import Budget, BudgetMethod, BudgetState
from slo_daemon.core.slo.burn_rate import BurnRate
from slo_daemon.core.slo.chunks import CELL, HOUR, Reducer, reducer_of
from slo_daemon.core.slo.evaluation import Evaluation, WindowValue, windows
from slo_daemon.core.slo.phrases import (
    say_basis,
    say_minute,
    say_rate,
    say_share,
    say_threshold,
    say_value,
)
from slo_daemon.core.slo.slo import Slo

NOTHING = "–"
_FIRING = {True: "fires", False: "does not fire", None: "cannot be told"}


def made_of(slo: Slo) -> str:
    """How the SLO's own window came together: `summed over 1h`."""
    reducers = {reducer_of(ask.form) for ask in entry_of(slo).asks.values()}
    how = "summed" if reducers <= {Reducer.SUM} else "put together"
    return f"asked over {show_duration(CELL)} at a time, {how} over {slo.window}"


def window_lines(evaluation: Evaluation) -> list[str]:
    """All windows, each with the share of it that was seen; nothing where there is only one that is one answer."""
    slo, found = evaluation.instance.slo, windows(evaluation)
    entry = entry_of(slo)
    if len(found) == 1 and (slo.window.seconds <= CELL or entry.alone):
        return []
    counts = any(window.good is not None for window in found)
    rows = [_window_row(slo, window, counts=counts) for window in found]
    head = ("window", "seen", *(("good", "all") if counts else ()), "value")
    legend = [
        f"up to 1h: answers over {show_duration(CELL)}; longer: whole hours, each asked as one, with 5m at the ends"
    ]
    return [
        *_columns((head, *rows), right=range(1, len(head))),
        *(legend if len(found) > 1 or slo.window.seconds > HOUR else []),
    ]


def _window_row(slo: Slo, window: WindowValue, *, counts: bool) -> tuple[str, ...]:
    objective = slo.objective
    points = [q.base for q in (objective.target, objective.warning, objective.critical) if q is not None]
    value = NOTHING if window.value is None else say_value(window.value, objective.unit, points)
    seen = NOTHING if window.coverage is None else say_share(window.coverage)
    good, total = (window.good, window.total) if window.coverage != 0.0 else (None, None)
    return (window.window, seen, *((_count(good), _count(total)) if counts else ()), value)


def budget_lines(evaluation: Evaluation) -> list[str]:
    """What may go wrong, what did, what is left, and when nothing will be. Nothing without a budget."""
    budget, slo = evaluation.budget, evaluation.instance.slo
    if budget is None:
        return []
    policy, tally = budget.policy, budget.tally
    if policy.method is BudgetMethod.OCCURRENCES:
        what, bad = "events", "were bad"
    else:
        what, bad = f"slices of {show_duration(CELL)}", f"missed {slo.objective}"
    share = f", {say_share(tally.bad / tally.total)}" if tally.total > 0.0 else ""
    lines = [
        f"allowed: {say_share(policy.allowed)} of all {what} over {policy.window}",
        f"counted: {_count(tally.bad)} of {_count(tally.total)} {what} {bad}{share}",
        f"basis: {say_basis(budget)}",
    ]
    if budget.spent is None or budget.remaining is None:
        return lines
    spent, left = f"spent: {say_share(budget.spent)}", f"left: {say_share(budget.remaining)}"
    if budget.state is BudgetState.COMPLETE:
        lines += [spent, left]
    else:
        lines += [f"{spent} of what was seen", f"{left}, if the rest was like it; that proves nothing good"]
    return [*lines, *_forecast(budget, entry_of(slo).pace)]


def _forecast(budget: Budget, pace: int) -> list[str]:
    if budget.remaining is None or budget.remaining <= 0.0 or budget.state is BudgetState.BACKFILLING:
        return []
    at = budget.exhausted_at
    when = "no end in sight" if at is None else f"spent on {say_minute(at)} UTC"
    return [f"forecast: {when} at the pace of the last {show_duration(pace)}"]


def burn_lines(evaluation: Evaluation) -> list[str]:
    """Every pair of burn rates; nothing without any."""
    rates, burn = evaluation.burn_rates, evaluation.instance.slo.burn
    if not rates or burn is None:
        return []
    head = ("level", "long", "rate", "short", "rate", "too fast above", "")
    lines = _columns((head, *(_burn_row(rate) for rate in rates)), right=(2, 4, 5))
    if not burn.alerts:
        lines.append("shown only: these pairs raise no level (burn_rates.alert)")
    elif burn.min_failures > 0.0:
        lines.append(
            f"a pair fires with both rates above, and at least {burn.min_failures:g} bad ones in the long lookback"
        )
    return lines


def _burn_row(rate: BurnRate) -> tuple[str, ...]:
    return (
        rate.pair.severity.word,
        _seen(rate.pair.long, rate.long.coverage),
        say_rate(rate.long_rate, rate.threshold),
        _seen(rate.pair.short, rate.short.coverage),
        say_rate(rate.short_rate, rate.threshold),
        say_threshold(rate.threshold),
        _FIRING[rate.firing],
    )


def _seen(seconds: int, coverage: float) -> str:
    """A lookback, with the share of it that was seen unless that is all."""
    shown = show_duration(seconds)
    return shown if coverage >= 1.0 else f"{shown} ({say_share(coverage)} seen)"


def _count(events: float | None) -> str:
    if events is None:
        return NOTHING
    return f"{events:,.0f}" if events >= 100 or events == int(events) else f"{events:,.2f}"


def _columns(rows: Sequence[Sequence[str]], right: Sequence[int] | range) -> list[str]:
    """Cells below each other; `right`: columns aligned to the right."""
    widths = [max(display_width(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = []
        for i, cell in enumerate(row):
            gap = " " * (widths[i] - display_width(cell))
            cells.append(gap + cell if i in right else cell + gap)
        lines.append("  ".join(cells).rstrip())
    return lines
