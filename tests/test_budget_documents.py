"""The tables of docs/budgets.md are what the program computes."""

from math import inf

import pytest

from slo_daemon.core.quantity import parse_duration, show_duration
from slo_daemon.core.slo.budget import FULL_COVERAGE, LONGEST_BUDGET, BudgetMethod, BudgetState
from slo_daemon.core.slo.burn_rate import (
    DEFAULT_MIN_FAILURES,
    DEFAULT_PAIRS,
    default_pairs,
)
from slo_daemon.core.slo.window import CalendarUnit, CalendarWindow
from tests.burn_times import detection_seconds, reset_seconds
from tests.documents import DOCS, codes, first_codes, rows, text_of

PAGE = text_of(DOCS / "budgets.md")
MONTH, ALLOWED = 30 * 86_400, 0.001
ERROR_RATES = (1.0, 0.1, 0.02, 0.01, 0.005, 0.002)  # the columns of the tables of times


def test_the_default_pairs_are_the_programs() -> None:
    assert rows(PAGE, "pair")[: len(DEFAULT_PAIRS)] == [
        [str(pair), pair.severity.word, f"{pair.share * 100:g} %", f"{pair.factor(MONTH):g}"]
        for pair in DEFAULT_PAIRS
    ]


def test_the_times_of_detection_are_computed() -> None:
    def shown(seconds: float) -> str:
        return "never" if seconds == inf else show_duration(seconds)

    assert rows(PAGE, "pair, from the first error") == [
        [
            str(pair),
            *(shown(detection_seconds(pair, pair.factor(MONTH), ALLOWED, rate)) for rate in ERROR_RATES),
        ]
        for pair in DEFAULT_PAIRS
    ]


def test_the_times_of_reset_are_computed() -> None:
    def shown(seconds: float) -> str:
        return show_duration(seconds) if seconds else "-"

    assert rows(PAGE, "pair, from the last error") == [
        [str(pair), *(shown(reset_seconds(pair, pair.factor(MONTH), ALLOWED, rate)) for rate in ERROR_RATES)]
        for pair in DEFAULT_PAIRS
    ]


def test_the_thresholds_of_other_budgets_are_computed() -> None:
    lengths = {str(CalendarWindow(unit)): CalendarWindow(unit).seconds for unit in CalendarUnit}
    table = rows(PAGE, "budget")

    assert len(table) > 5
    for name, *thresholds in table:
        seconds = lengths.get(name) or parse_duration(name)
        kept = {(pair.long, pair.short): pair.factor(seconds) for pair in default_pairs(ALLOWED, seconds)[0]}
        known = [kept.get((pair.long, pair.short)) for pair in DEFAULT_PAIRS]
        assert thresholds == ["left out" if factor is None else f"{factor:.4g}" for factor in known], name


def test_every_period_state_and_method_has_its_line() -> None:
    periods = {codes(row[0])[0]: row[2] for row in rows(PAGE, "`calendar`")}

    assert periods == {unit.value: show_duration(CalendarWindow(unit).seconds) for unit in CalendarUnit}
    assert first_codes(rows(PAGE, "state")) == [state.value for state in BudgetState]
    assert first_codes(rows(PAGE, "`method`")) == [method.value for method in BudgetMethod]


@pytest.mark.parametrize(
    "said",
    [
        f"at least {FULL_COVERAGE * 100:g} % of the window",
        f"at most {LONGEST_BUDGET // 86_400} days",
        f"by default {DEFAULT_MIN_FAILURES:g}",
    ],
)
def test_the_numbers_in_the_text_are_the_programs(said: str) -> None:
    assert said in " ".join(PAGE.split())
