"""Marks: a tone for the colour, a symbol and a word for everything that has a state. A colour never speaks alone."""

from slo_daemon.core.pilot.verdict import Assessment, Effect, Verdict
from slo_daemon.core.report import (
    EFFECT_SYMBOLS,
    FIRING_WORDS,
    LEVEL_WORDS,
    MET_SYMBOLS,
    SPENT_SYMBOLS,
    VERDICT_WORDS,
)
from slo_daemon.core.slo.budget import Budget, BudgetState, spent_out
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import say_basis, say_forecast, say_share

Mark = tuple[str, str, str]  # tone (for the colour), symbol, word


def _mark(tone: str, said: str) -> Mark:
    """From the words that reports use: `✓ met`."""
    symbol, _, word = said.partition(" ")
    return tone, symbol, word


VERDICTS = {
    Verdict.READY: _mark("good", VERDICT_WORDS[Verdict.READY]),
    Verdict.NOT_READY: _mark("bad", VERDICT_WORDS[Verdict.NOT_READY]),
    Verdict.INCONCLUSIVE: _mark("open", VERDICT_WORDS[Verdict.INCONCLUSIVE]),
}
LEVELS = {
    Level.NONE: _mark("good", f"● {LEVEL_WORDS[Level.NONE]}"),
    Level.WARNING: _mark("warn", LEVEL_WORDS[Level.WARNING]),
    Level.CRITICAL: _mark("bad", LEVEL_WORDS[Level.CRITICAL]),
}
MET = {
    True: _mark("good", MET_SYMBOLS[True]),
    False: _mark("bad", MET_SYMBOLS[False]),
    None: _mark("open", MET_SYMBOLS[None]),
}
EFFECTS = {
    Effect.PASS: ("good", EFFECT_SYMBOLS[Effect.PASS], "fine"),
    Effect.BLOCK: ("bad", EFFECT_SYMBOLS[Effect.BLOCK], "blocks"),
    Effect.FIRE: ("bad", EFFECT_SYMBOLS[Effect.FIRE], "fired"),
    Effect.OPEN: ("open", EFFECT_SYMBOLS[Effect.OPEN], "open"),
}
DATA = {
    DataState.OK: ("good", "✓", "ok"),
    DataState.NO_TRAFFIC: ("open", "–", "no traffic"),
    DataState.NO_DATA: ("warn", "∅", "no data"),
    DataState.STALE: ("warn", "◷", "stale"),
    DataState.ERROR: ("bad", "✗", "error"),
    DataState.UNKNOWN: ("open", "?", "unknown"),
}
FIRING = {
    True: _mark("bad", FIRING_WORDS[True]),
    False: ("good", "✓", FIRING_WORDS[False]),
    None: _mark("open", FIRING_WORDS[None]),
}
UNASSESSED: Mark = ("open", "…", "not assessed yet")
NO_BUDGET: Mark = ("", "", "–")
_BUDGETS = {  # proven not spent, proven spent, neither
    False: ("good", SPENT_SYMBOLS[False]),
    True: ("bad", SPENT_SYMBOLS[True]),
    None: ("open", SPENT_SYMBOLS[None]),
}


def verdict_mark(assessment: Assessment | None, *, old: bool) -> Mark:
    """The verdict; of an old snapshot it is taken back."""
    if assessment is None:
        return UNASSESSED
    mark = VERDICTS[assessment.verdict]
    return ("open", "◷", f"was {mark[2]}") if old else mark


def budget_mark(budget: Budget | None) -> Mark:
    """What is left; while history is being fetched there is no number that could look healthy."""
    if budget is None:
        return NO_BUDGET
    spent = spent_out(budget)
    tone, symbol = _BUDGETS[spent]
    if budget.remaining is None:
        return tone, symbol, "nothing counted"
    if budget.state is BudgetState.BACKFILLING:
        return tone, symbol, "spent" if spent else "not known yet"
    return tone, symbol, say_share(budget.remaining)


def budget_notes(budget: Budget | None) -> tuple[str, ...]:
    """Of which window, seen how far, and when it will be spent."""
    if budget is None:
        return ()
    basis = f"of {budget.policy.window}" if budget.state is BudgetState.COMPLETE else say_basis(budget)
    forecast = say_forecast(budget)
    return (basis, forecast) if forecast else (basis,)
