"""How budgets and burn rates are said: never healthier than is known, never rounded onto the other side."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.slo.budget import Budget, spent_out
from slo_daemon.core.slo.phrases import (
    say_cause,
    say_doubt,
    say_evaluation,
    say_forecast,
    say_left,
    say_rate,
    say_share,
    say_threshold,
)
from slo_daemon.core.snapshot import SloView
from tests.budgets import AVAILABILITY, BURNING, CALM, DAY, HOUR, spending, with_budget
from tests.factories import all_readings, healthy_readings, one_number, view

SLO = with_budget()


def budget_of(shown: SloView) -> Budget:
    assert shown.evaluation is not None
    assert shown.evaluation.budget is not None
    return shown.evaluation.budget


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (spending(SLO, 0.377), "62.3 %"),
        (spending(SLO, 0.0), "100 %"),
        (spending(SLO, 1.34), "-34 %"),
        (spending(SLO, 0.9999999), "0.00001 %"),
        (spending(SLO, 0.377, coverage=0.43), "62.3 % (partial: 43 % of 30d seen)"),
        (
            spending(SLO, 0.377, coverage=0.43, backfilling=True),
            "not known yet (backfilling: 43 % of 30d seen)",
        ),
        (spending(SLO, coverage=0.0), "nothing counted (partial: 0 % of 30d seen)"),
    ],
)
def test_what_is_left_is_said_with_what_it_stands_on(shown: SloView, said: str) -> None:
    assert say_left(budget_of(shown)) == said


def test_without_a_budget_there_is_a_dash() -> None:
    assert say_left(None) == "–"


@given(st.floats(0.0, 3.0), st.floats(0.0, 1.0))
def test_only_a_whole_budget_is_a_number_alone(spent: float, coverage: float) -> None:
    budget = budget_of(spending(SLO, spent, coverage=coverage))
    assert ("(" in say_left(budget)) == (coverage < 0.95)
    if say_left(budget).endswith("%") and not say_left(budget).startswith(("-", "0 %")):
        assert spent_out(budget) is False


@pytest.mark.parametrize(
    ("rate", "threshold", "said"),
    [(14.44, 14.4, "14.44"), (14.4, 14.4, "14.4"), (14.396, 14.4, "14.396"), (0.4371, 14.4, "0.437"), (None, 1.0, "–"),
     (0.0, 6.0, "0"), (float("inf"), 0.0, "infinite"), (1234.4, 14.4, "1234")],
)  # fmt: skip
def test_a_rate_is_said_so_exactly_that_it_stays_on_its_side_of_the_threshold(
    rate: float | None, threshold: float, said: str
) -> None:
    assert say_rate(rate, threshold) == said


def test_thresholds_and_shares_are_short() -> None:
    assert [say_threshold(limit) for limit in (14.4, 6.0, 1.0333333333)] == ["14.4", "6", "1.03"]
    assert [say_share(share) for share in (0.43217, 1.0, 0.99999, 0.0)] == [
        "43.2 %",
        "100 %",
        "99.999 %",
        "0 %",
    ]


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (spending(SLO, 0.4, burn=CALM | {DAY: 2.0}), "at this pace spent on 2026-12-01 10:00 UTC"),
        (spending(SLO, 0.4), ""),
        (spending(SLO, 1.34), "already spent"),
        (spending(SLO, 1.34, coverage=0.43), "spent, if what was not seen was like the rest"),
        (spending(SLO, 0.4, burn=CALM | {DAY: 2.0}, coverage=0.4, backfilling=True), ""),
        (spending(SLO, coverage=0.0), ""),
    ],
)
def test_the_forecast_says_when_or_nothing(shown: SloView, said: str) -> None:
    assert say_forecast(budget_of(shown)) == said


def test_a_level_that_burn_rates_cannot_exclude_names_the_pairs() -> None:
    shown = spending(SLO, burn=CALM | {HOUR: 13.0, 300: 13.0}, lookback_coverage=0.9)
    assert shown.evaluation is not None
    assert say_doubt(shown.evaluation) == (
        "may be critical: too little was seen of 1h and 5m, 6h and 30m to tell the burn rates"
    )
    assert say_evaluation(shown.evaluation).startswith("99.95 % against at least 99.9 %; may be critical")


def test_a_level_that_an_unseen_part_of_the_window_cannot_exclude_says_how_much_was_seen() -> None:
    objective = AVAILABILITY.objective
    assert objective.critical is not None
    slo = replace(AVAILABILITY, objective=replace(objective, target=objective.critical))
    shown = view(slo, all_readings(slo, {"bad": one_number(0), "total": one_number(100_000)}), coverage=0.9)
    assert shown.evaluation is not None
    assert "may be critical: only 90 % of the window was seen" in say_doubt(shown.evaluation)


def test_the_cause_is_said_only_where_burn_rates_move_the_level() -> None:
    assert say_cause(spending(SLO, burn=BURNING).evaluation) == (
        "burning 20.1 x over 1h and 25 x over 5m; more than 14.4 x is too fast"
    )
    assert say_cause(spending(SLO).evaluation) == ""
    assert say_cause(spending(with_budget(alerts=False), burn=BURNING).evaluation) == ""
    assert say_cause(view(AVAILABILITY, healthy_readings(AVAILABILITY)).evaluation) == ""
    assert say_cause(None) == ""
