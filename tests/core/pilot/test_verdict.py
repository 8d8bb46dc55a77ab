"""What findings come to: unknown never passes, what is against counts first, and worse is never better."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.records import RecordsUnavailable
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import EFFECTS, Assessment, Effect, Finding, Verdict, conclude

GOODNESS = {Verdict.NOT_READY: 0, Verdict.INCONCLUSIVE: 1, Verdict.READY: 2}
BOLDNESS = {Advice.ROLLBACK: 0, Advice.HOLD: 1, Advice.ADVANCE: 2}
BADNESS = {Effect.PASS: 0, Effect.OPEN: 1, Effect.BLOCK: 2, Effect.FIRE: 3}


def finding(role: Role, state: Truth, reason: str = "why") -> Finding:
    return Finding(f"{role} {state}", role, state, reason, f"detail of {role} {state}")


FINDINGS = st.builds(finding, st.sampled_from(Role), st.sampled_from(Truth))


def test_every_role_and_truth_has_an_effect() -> None:
    assert set(EFFECTS) == set(product(Role, Truth))


@pytest.mark.parametrize("role", [Role.DEFAULT, Role.GO_LIVE, Role.SUCCESS])
def test_a_criterion_passes_when_true_blocks_when_false_and_is_open_when_unknown(role: Role) -> None:
    effects = [finding(role, state).effect for state in (Truth.TRUE, Truth.FALSE, Truth.UNKNOWN)]
    assert effects == [Effect.PASS, Effect.BLOCK, Effect.OPEN]


def test_a_rollback_trigger_fires_when_true_and_is_quiet_when_false() -> None:
    assert finding(Role.ROLLBACK, Truth.TRUE).effect is Effect.FIRE
    assert finding(Role.ROLLBACK, Truth.FALSE).effect is Effect.PASS


@given(st.lists(FINDINGS))
def test_an_unknown_finding_never_gives_ready(findings: list[Finding]) -> None:
    for role in Role:
        verdict, advice, _ = conclude([*findings, finding(role, Truth.UNKNOWN)])
        assert verdict is not Verdict.READY
        assert advice is not Advice.ADVANCE


@given(st.lists(FINDINGS), FINDINGS, FINDINGS)
def test_a_worse_finding_never_improves_verdict_or_advice(
    others: list[Finding], one: Finding, other: Finding
) -> None:
    worse, better = sorted((one, other), key=lambda f: -BADNESS[f.effect])
    with_worse, with_better = conclude([*others, worse]), conclude([*others, better])
    assert GOODNESS[with_worse[0]] <= GOODNESS[with_better[0]]
    assert BOLDNESS[with_worse[1]] <= BOLDNESS[with_better[1]]


@given(st.lists(FINDINGS))
def test_ready_means_that_everything_passes(findings: list[Finding]) -> None:
    passes = bool(findings) and all(f.effect is Effect.PASS for f in findings)
    assert (conclude(findings)[0] is Verdict.READY) == passes


def test_nothing_judged_is_not_ready() -> None:
    assert conclude([]) == (Verdict.INCONCLUSIVE, Advice.HOLD, "nothing was judged")


def test_a_fired_trigger_advises_rollback_and_is_named() -> None:
    verdict, advice, why = conclude([finding(Role.GO_LIVE, Truth.TRUE), finding(Role.ROLLBACK, Truth.TRUE)])
    assert (verdict, advice) == (Verdict.NOT_READY, Advice.ROLLBACK)
    assert why == "rollback trigger fired: rollback true (detail of rollback true)"


def test_what_has_fired_is_the_first_blocker() -> None:
    found = (finding(Role.GO_LIVE, Truth.FALSE), finding(Role.ROLLBACK, Truth.TRUE))
    verdict, advice, why = conclude(found)
    assessment = Assessment(
        "p", 0.0, None, verdict, advice, why, found, (), RecordsUnavailable("r", "d"), None
    )
    assert assessment.blockers[0] == why
    assert len(assessment.blockers) == 2
