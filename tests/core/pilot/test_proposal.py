"""What is proposed to the tools that serve users: files that they take as they are."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.pilot.pilot import Cohort, Split, SplitKind
from slo_daemon.core.pilot.proposal import PARTS, propose, weights
from slo_daemon.core.pilot.ramp import Advice, RampAdvice
from tests.factories import seed_pilot

PILOT = replace(
    seed_pilot(),
    start=date(2026, 10, 23),
    features={"semantic_search": True, "visual_search": False},
    cohorts=(Cohort("power_users", "orders > 10"), Cohort("mobile_users", "device == 'mobile'")),
)


def advice(share: float, what: Advice = Advice.ADVANCE) -> RampAdvice:
    return RampAdvice(what, share, share, share, ("it is time",))


def flag(pilot: Any = PILOT, share: float = 0.05) -> dict[str, Any]:
    (found,) = propose(pilot, advice(share)).flagd["flags"].values()
    return found


def test_users_are_dealt_to_treatment_off_and_control_in_whole_parts() -> None:
    assert weights(0.05) == (("treatment", 50), ("off", 900), ("control", 50))
    assert weights(0.125) == (("treatment", 125), ("off", 750), ("control", 125))
    assert weights(0.75) == (("treatment", 750), ("off", 0), ("control", 250))
    assert weights(0.0) == (("treatment", 0), ("off", PARTS), ("control", 0))


@given(st.floats(0.0, 1.0), st.floats(0.0, 0.5))
def test_a_wider_step_moves_no_user_from_control_to_treatment(share: float, more: float) -> None:
    """flagd walks the list: a user's place among all parts stays, so only borders move."""
    before, after = (_dealt(min(0.5, s)) for s in sorted((share, min(0.5, share + more))))
    assert not any(a == "control" and b == "treatment" for a, b in zip(before, after, strict=True))


def _dealt(share: float) -> list[str]:
    return [name for name, count in weights(share) for _ in range(count)]


def test_the_flag_is_that_of_the_feature_and_cohorts_are_its_rule() -> None:
    document = propose(PILOT, advice(0.05)).flagd
    assert list(document["flags"]) == ["semantic-search"]
    found = flag()
    assert found["variants"] == {"treatment": True, "control": False, "off": False}
    assert found["defaultVariant"] == "off"
    cohorts, fractional, otherwise = found["targeting"]["if"]
    assert cohorts == {"or": [{">": [{"var": "orders"}, 10]}, {"==": [{"var": "device"}, "mobile"]}]}
    assert fractional["fractional"][1:] == [["treatment", 50], ["off", 0], ["control", 950]]
    assert otherwise == "off"


@pytest.mark.parametrize(
    ("split", "share", "parts"),
    [
        (Split(SplitKind.RAMP), 0.05, (50, 0, 950)),
        (Split(SplitKind.EQUAL), 0.05, (50, 900, 50)),
        (Split(SplitKind.EQUAL), 0.6, (600, 0, 400)),
        (Split(SplitKind.FIXED, 0.25), 0.05, (50, 800, 150)),
        (Split(SplitKind.FIXED, 0.25), 0.5, (500, 0, 500)),
    ],
)
def test_control_is_as_large_as_the_experiment_plans_it(
    split: Split, share: float, parts: tuple[int, int, int]
) -> None:
    assert weights(share, split) == tuple(zip(("treatment", "off", "control"), parts, strict=True))


def test_where_the_share_is_to_be_held_and_nobody_can_see_it_nothing_is_proposed() -> None:
    assert PILOT.ramp is not None
    blind = replace(advice(0.05), advice=Advice.HOLD, observed=None)
    watched = replace(PILOT, ramp=replace(PILOT.ramp, observed="vector(0.05)"))
    assert propose(watched, blind) is None
    assert propose(watched, replace(blind, observed=0.05)) is not None
    assert propose(PILOT, blind) is not None  # its plan is all that anybody knows


def test_a_cohort_in_words_is_left_out_and_said_so_and_the_others_stay() -> None:
    pilot = replace(PILOT, cohorts=(Cohort("friends", "people we know"), PILOT.cohorts[0]))
    assert propose(pilot, advice(0.05)).left_out == ("friends",)
    assert flag(pilot)["targeting"]["if"][0] == {">": [{"var": "orders"}, 10]}
    assert "fractional" in flag(replace(pilot, cohorts=pilot.cohorts[:1]))["targeting"]


def test_without_one_feature_the_flag_has_the_pilots_name() -> None:
    pilot = replace(PILOT, features={"a": True, "b": True}, cohorts=())
    assert list(propose(pilot, advice(0.05)).flagd["flags"]) == [pilot.name]


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 1.0])
def test_the_snippets_are_yaml_with_whole_percents(share: float) -> None:
    proposal = propose(PILOT, advice(share))
    argo, flagger = yaml.safe_load(proposal.argo_rollouts), yaml.safe_load(proposal.flagger)
    assert argo["steps"][0] == {"setWeight": round(share * 100)}
    assert flagger["stepWeights"] == [round(share * 100)]
    assert PILOT.name in proposal.argo_rollouts


def test_a_rollback_proposes_nobody() -> None:
    proposal = propose(PILOT, advice(0.0, Advice.ROLLBACK))
    assert "rollback" in proposal.argo_rollouts
    (found,) = proposal.flagd["flags"].values()
    assert found["metadata"] == {"pilot": PILOT.name, "advice": "rollback", "share": 0.0}
