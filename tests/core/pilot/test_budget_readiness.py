"""May the rollout widen? Not with an error budget that is spent, and not while nobody can tell."""

from dataclasses import replace

import pytest

from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Assessment, Verdict
from slo_daemon.core.snapshot import SloView
from tests.budgets import slices, spending, with_budget
from tests.core.pilot.test_readiness import PLAIN, assessed, finding_of
from tests.factories import NOW, healthy_readings, view

BUDGETED = replace(PLAIN, slos=(with_budget(PLAIN.slos[2]), slices(PLAIN.slos[0]), PLAIN.slos[1]))
NO_BUDGET_SPENT = "no error budget is spent"


def with_budgets(*first_two: SloView) -> Assessment:
    """A pilot with two budgets and an SLO without one; all SLOs are met."""
    return assessed(views=[*first_two, view(PLAIN.slos[1], healthy_readings(PLAIN.slos[1]))], pilot=BUDGETED)


def test_budgets_that_are_not_spent_let_a_pilot_advance() -> None:
    assessment = with_budgets(spending(BUDGETED.slos[0], 0.877), spending(BUDGETED.slos[1], 0.5))
    finding = finding_of(assessment, NO_BUDGET_SPENT)
    assert assessment.verdict is Verdict.READY
    assert (finding.role, finding.state, finding.reason) == (Role.DEFAULT, Truth.TRUE, "budgets_left")
    assert (finding.value, finding.n) == (2, 2)
    assert finding.detail == "2 error budgets not spent; the least is left of availability, 12.3 %"


def test_a_spent_budget_blocks_and_is_named_though_every_slo_is_met_now() -> None:
    assessment = with_budgets(spending(BUDGETED.slos[0], 1.34), spending(BUDGETED.slos[1], 0.5, coverage=0.4))
    assert assessment.verdict is Verdict.NOT_READY
    assert finding_of(assessment, "every SLO").state is Truth.TRUE
    assert finding_of(assessment, NO_BUDGET_SPENT).reason == "budget_spent"
    (blocker,) = assessment.blockers
    assert blocker == (
        "error budgets spent: availability (134 % of 30d spent); "
        "cannot be told for query-latency-p95 (partial: 40 % of 30d seen)"
    )


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (spending(BUDGETED.slos[0], 0.1, coverage=0.43), "partial: 43 % of 30d seen"),
        (spending(BUDGETED.slos[0], 1.3, coverage=0.43), "partial: 43 % of 30d seen"),
        (
            spending(BUDGETED.slos[0], 0.1, coverage=0.43, backfilling=True),
            "backfilling: 43 % of 30d seen",
        ),
        (spending(BUDGETED.slos[0], 0.1, coverage=0.0), "partial: 0 % of 30d seen"),
    ],
)
def test_a_budget_that_proves_nothing_leaves_the_verdict_open(first: SloView, said: str) -> None:
    assessment = with_budgets(first, spending(BUDGETED.slos[1], 0.5))
    finding = finding_of(assessment, NO_BUDGET_SPENT)
    assert (assessment.verdict, finding.state) == (Verdict.INCONCLUSIVE, Truth.UNKNOWN)
    assert (finding.reason, finding.value, finding.n) == ("budget_unknown", 1, 2)
    assert finding.detail == f"cannot be told for availability ({said})"


def test_a_part_of_the_window_is_enough_to_prove_a_budget_spent() -> None:
    assessment = with_budgets(
        spending(BUDGETED.slos[0], 3.0, coverage=0.43, backfilling=True), spending(BUDGETED.slos[1], 0.5)
    )
    assert finding_of(assessment, NO_BUDGET_SPENT).state is Truth.FALSE
    assert assessment.blockers == ("error budgets spent: availability (300 % of 30d spent)",)


def test_a_budget_that_was_not_evaluated_now_is_not_known() -> None:
    views = [spending(BUDGETED.slos[0]), replace(spending(BUDGETED.slos[1]), evaluation=None)]
    finding = finding_of(with_budgets(*views), NO_BUDGET_SPENT)
    assert finding.detail == "cannot be told for query-latency-p95 (not evaluated in the latest slot)"
    old = finding_of(assessed(views=views, pilot=BUDGETED, at=NOW + 301), NO_BUDGET_SPENT)
    assert "availability (last evaluated 5m1s ago)" in old.detail
    unseen = finding_of(assessed(views=views[1:], pilot=BUDGETED), NO_BUDGET_SPENT)
    assert "availability (no group of it was seen yet)" in unseen.detail


def test_a_pilot_without_budgets_is_not_asked_for_them() -> None:
    assert not [f for f in assessed().findings if f.text == NO_BUDGET_SPENT]
