"""What a deployment tool is answered, and when."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.pilot.gates import (
    LONGEST_REASON,
    MOST_REASONS,
    Gate,
    GateReason,
    GateVerdict,
    decide,
    unknown_gate,
    unknown_pilot,
    verdict_of,
)
from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Assessment, Verdict
from slo_daemon.core.slo.window import Slot
from tests.assessments import (
    BLIND,
    FIRED,
    INTERVAL,
    MISSED,
    NOW,
    OPEN,
    QUIET,
    READY,
    assessed,
    finding,
    hold,
    ramp,
)

PASS, FAIL, WAIT = GateVerdict.PASS, GateVerdict.FAIL, GateVerdict.INCONCLUSIVE
ON, STAY, BACK = ramp(Advice.ADVANCE, "week 4 has begun"), ramp(Advice.HOLD, "week 2 of 8"), Advice.ROLLBACK


@pytest.mark.parametrize(
    ("assessment", "promote", "advance", "rollback"),
    [
        (assessed(READY, QUIET), PASS, PASS, PASS),
        (assessed(READY), PASS, PASS, PASS),
        (assessed(READY, QUIET, ramp=STAY), PASS, WAIT, PASS),
        (assessed(MISSED, QUIET), WAIT, WAIT, PASS),
        (assessed(MISSED, QUIET, ramp=ON), WAIT, PASS, PASS),
        (assessed(OPEN, QUIET), WAIT, WAIT, PASS),
        (assessed(), WAIT, WAIT, PASS),
        (assessed(READY, BLIND), WAIT, WAIT, WAIT),
        (assessed(READY, FIRED), FAIL, FAIL, FAIL),
        (assessed(OPEN, FIRED, BLIND, ramp=ON), FAIL, FAIL, FAIL),
        (assessed(READY, QUIET, holds=[hold()]), WAIT, WAIT, PASS),
        (assessed(READY, QUIET, ramp=ON, holds=[hold()]), WAIT, WAIT, PASS),
        (assessed(READY, FIRED, holds=[hold()]), FAIL, FAIL, FAIL),
        (assessed(READY, BLIND, holds=[hold()]), WAIT, WAIT, WAIT),
    ],
)
def test_each_gate_has_its_own_answer(
    assessment: Assessment, promote: GateVerdict, advance: GateVerdict, rollback: GateVerdict
) -> None:
    found = [decide(gate, assessment, NOW, INTERVAL).verdict for gate in Gate]

    assert found == [promote, advance, rollback]


@pytest.mark.parametrize("gate", Gate)
@pytest.mark.parametrize("fired", [True, False])
@pytest.mark.parametrize(
    ("late", "stale"),
    [(0, False), (120, False), (120.1, True), (1e6, True), (-5, False), (-5.1, True), (-1e6, True)],
)
def test_what_is_too_old_or_of_the_future_waits_also_when_a_trigger_had_fired(
    gate: Gate, fired: bool, late: float, stale: bool
) -> None:
    found = decide(gate, assessed(READY, FIRED if fired else QUIET), NOW + late, INTERVAL)

    assert found.stale is stale
    assert (found.verdict is WAIT) is stale
    assert found.age_seconds == pytest.approx(late)
    if stale:
        assert (found.reason, found.ready, found.advice, found.readiness) == (
            GateReason.STALE, False, Advice.HOLD, None,
        )  # fmt: skip


@pytest.mark.parametrize("gate", Gate)
@pytest.mark.parametrize("assessment", [None, assessed(READY, FIRED, slot=None)], ids=["none", "no slot"])
def test_before_the_first_slot_every_gate_waits(gate: Gate, assessment: Assessment | None) -> None:
    found = decide(gate, assessment, NOW, INTERVAL)

    assert verdict_of(gate, assessment, NOW, INTERVAL) is WAIT
    assert (found.verdict, found.reason, found.stale) == (WAIT, GateReason.NOT_ASSESSED, True)
    assert (found.evaluated_at, found.age_seconds) == (None, None)


def test_a_hold_is_named_first() -> None:
    found = decide(Gate.PROMOTE, assessed(MISSED, holds=[hold("Ada", "sale")]), NOW, INTERVAL)

    assert found.reason is GateReason.HELD
    assert found.reasons[0].startswith("held by Ada until 2027-01-15 09:00 UTC: sale")
    assert "latency" in found.reasons[1]
    assert (found.ready, found.readiness) == (False, Verdict.NOT_READY)


def test_a_hold_keeps_the_advice_from_going_on() -> None:
    found = decide(Gate.ADVANCE, assessed(READY, QUIET, ramp=ON, holds=[hold()]), NOW, INTERVAL)

    assert (found.advice, found.readiness, found.ready) == (Advice.HOLD, Verdict.READY, False)


def test_nothing_is_ready_while_a_trigger_has_fired_whatever_else_is_said() -> None:
    odd = replace(assessed(READY, FIRED, ramp=ON), verdict=Verdict.READY, advice=Advice.ADVANCE)
    found = [decide(gate, odd, NOW, INTERVAL) for gate in Gate]

    assert {(f.verdict, f.ready, f.advice) for f in found} == {(FAIL, False, Advice.ROLLBACK)}


def test_a_reason_is_given_where_no_finding_gives_one() -> None:
    assert decide(Gate.PROMOTE, assessed(), NOW, INTERVAL).reasons == ("nothing was judged",)


def test_a_fired_trigger_is_named_with_its_evidence() -> None:
    found = decide(Gate.ADVANCE, assessed(MISSED, FIRED, holds=[hold()]), NOW, INTERVAL)

    assert found.reasons[0] == "rollback trigger fired: Error rate > 1% (2.4 % over 5m)"
    assert (found.reason, found.advice) == (GateReason.FIRED, Advice.ROLLBACK)


def test_reasons_say_what_is_not_known_and_what_the_ramp_waits_for() -> None:
    unseeing = decide(Gate.ROLLBACK, assessed(READY, BLIND), NOW, INTERVAL)
    waiting = decide(Gate.ADVANCE, assessed(READY, QUIET, ramp=STAY), NOW, INTERVAL)
    unknown = decide(Gate.PROMOTE, assessed(OPEN), NOW, INTERVAL)

    assert unseeing.reasons == ("rollback trigger cannot see: Error rate > 1% (no data)",)
    assert waiting.reasons == ("week 2 of 8",)
    assert unknown.reasons == ("not known: every SLO is met now (cannot be told for latency)",)


def test_reasons_are_few_short_and_of_one_line_each() -> None:
    many = [finding(f"t{n}\n\x1b[31m" + "x" * 1_000, Role.ROLLBACK, Truth.TRUE) for n in range(50)]
    found = decide(Gate.PROMOTE, assessed(*many), NOW, INTERVAL)

    assert len(found.reasons) == MOST_REASONS
    assert found.reasons[-1] == "and 41 more"
    assert max(map(len, found.reasons)) == LONGEST_REASON
    assert not any("\n" in text or "\x1b" in text for text in found.reasons)


def test_a_slip_in_a_name_waits_and_names_what_there_is() -> None:
    pilot = unknown_pilot("promote", "serach", [f"p{n}" for n in range(40)])
    gate = unknown_gate("promotion")

    assert (pilot.verdict, pilot.reason) == (WAIT, GateReason.UNKNOWN_PILOT)
    assert pilot.reasons[0].endswith("p9 and 30 more")
    assert (gate.verdict, gate.reason) == (WAIT, GateReason.UNKNOWN_GATE)
    assert "promote, advance, rollback" in gate.reasons[0]


STATES = [
    finding(f"{role} {n}", role, state)
    for role, state, n in product(Role, Truth, range(2))
]  # fmt: skip


@given(
    findings=st.lists(st.sampled_from(STATES), max_size=6),
    advice=st.sampled_from([None, *Advice]),
    held=st.booleans(),
    age=st.one_of(st.floats(-1e7, 1e7), st.sampled_from([-5.0, 0.0, 120.0])),
    interval=st.sampled_from([1.0, 60.0, 3600.0]),
)
def test_a_failure_means_rollback_and_nothing_passes_that_is_not_proven(
    findings: list, advice: Advice | None, held: bool, age: float, interval: float
) -> None:
    plan = None if advice is None else ramp(advice)
    given_ = assessed(*findings, ramp=plan, holds=[hold()] if held else [], slot=Slot(NOW, interval))
    answers = {gate: decide(gate, given_, NOW + age, interval) for gate in Gate}

    real_age = NOW + age - NOW
    fresh = -5 <= real_age <= 2 * interval
    for gate, found in answers.items():
        assert (found.verdict is FAIL) == (fresh and bool(given_.fired)), gate
        assert (found.advice is Advice.ROLLBACK) == (found.verdict is FAIL)
        assert found.stale is not fresh
        assert verdict_of(gate, given_, NOW + age, interval) is found.verdict
        assert 1 <= len(found.reasons) <= MOST_REASONS
        assert not (found.stale and (found.ready or found.verdict is not WAIT))
    passed = {gate for gate, found in answers.items() if found.verdict is PASS}
    if held:
        assert passed <= {Gate.ROLLBACK}
    if Gate.PROMOTE in passed:
        assert answers[Gate.PROMOTE].ready
        assert given_.verdict is Verdict.READY
    if Gate.ROLLBACK in passed:
        assert not given_.fired
        assert not given_.unseeing
    assert answers[Gate.PROMOTE].ready == (Gate.PROMOTE in passed)
