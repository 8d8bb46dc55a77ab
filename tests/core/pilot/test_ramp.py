"""The ramp: which share of users is planned, which is served, and what to do now."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.pilot.pilot import Pilot, Ramp, RampStep
from slo_daemon.core.pilot.ramp import Advice, RampAdvice, Standing, advise, step_served
from tests.factories import seed_pilot

START = date(2026, 10, 23)
RAMP = Ramp(0.05, 0.20, (RampStep(1, 0.05), RampStep(2, 0.10), RampStep(4, 0.15), RampStep(6, 0.20)))
PILOT: Pilot = replace(seed_pilot(), start=START, ramp=RAMP)
WELL = Standing()


def on_day(day: int) -> float:
    """Noon of a day of the pilot; 1 is the first."""
    return datetime(START.year, START.month, START.day, 12, tzinfo=UTC).timestamp() + (day - 1) * 86_400


def advice(day: int, observed: float | None = None, standing: Standing = WELL) -> RampAdvice:
    return advise(PILOT, RAMP, on_day(day), standing, observed)


def test_a_pilot_on_plan_holds_until_the_day_of_the_next_step() -> None:
    found = advice(9, 0.10)
    assert (found.advice, found.scheduled, found.advised) == (Advice.HOLD, 0.10, 0.10)
    assert found.reasons == ("the step to 15 % is planned for 2026-11-13",)
    assert found.next_date == datetime(2026, 11, 13, tzinfo=UTC).timestamp()


def test_on_the_day_of_a_step_a_pilot_that_is_well_advances_to_it() -> None:
    found = advice(22, 0.10)
    assert (found.advice, found.scheduled, found.advised) == (Advice.ADVANCE, 0.15, 0.15)
    assert found.reasons == ("10 % are served, 15 % are planned, and nothing speaks against it",)


def test_a_pilot_that_was_held_up_takes_one_step_at_a_time() -> None:
    assert advice(40, 0.05).advised == 0.10


def test_without_an_observed_share_the_planned_one_is_taken_to_be_served() -> None:
    found = advice(22)
    assert (found.advice, found.advised) == (Advice.HOLD, 0.15)


def test_while_the_served_share_cannot_be_seen_the_one_seen_last_is_taken_to_be_served() -> None:
    blind = Standing(unseen=("not known: error rate > 1%",))
    held = advise(PILOT, RAMP, on_day(40), blind, None, "stale", last=0.05)

    assert (held.advice, held.observed, held.advised) == (Advice.HOLD, None, 0.05)
    assert held.scheduled > held.advised


@pytest.mark.parametrize(
    ("observed", "step"), [(None, None), (0.02, None), (0.05, 0.05), (0.07, 0.05), (0.11, 0.10), (1.0, 0.20)]
)
def test_what_is_remembered_of_the_served_share_is_a_step_of_the_plan(
    observed: float | None, step: float | None
) -> None:
    assert step_served(RAMP, observed) == step


@pytest.mark.parametrize("observed", [0.093, 0.10, 0.108])
def test_what_is_served_need_not_be_the_planned_share_exactly(observed: float) -> None:
    found = advice(9, observed)
    assert (found.advice, found.advised) == (Advice.HOLD, 0.10)


def test_more_than_planned_is_told() -> None:
    assert advice(9, 0.15).reasons[0] == "15 % are served, but only 10 % are planned"


def test_what_speaks_against_it_holds_the_ramp_however_late_it_is() -> None:
    found = advice(
        22, 0.10, Standing(against=("SLOs not met: availability",), unseen=("a trigger is blind",))
    )
    assert (found.advice, found.advised) == (Advice.HOLD, 0.10)
    assert found.reasons == ("SLOs not met: availability", "a trigger is blind")


def test_what_cannot_be_seen_alone_holds_it_too() -> None:
    assert advice(22, 0.10, Standing(unseen=("a trigger is blind",))).advice is Advice.HOLD


def test_a_person_who_wants_to_wait_is_named_first() -> None:
    found = advice(22, 0.10, Standing(against=("SLOs not met",), held=("held by Ada until Monday: sale",)))
    assert found.reasons[0] == "held by Ada until Monday: sale"


def test_a_fired_trigger_rolls_back_to_nobody_even_when_somebody_wants_to_wait() -> None:
    found = advice(22, 0.10, Standing(fired=("error rate > 1%",), held=("held by Ada",)))
    assert (found.advice, found.advised, found.reasons) == (Advice.ROLLBACK, 0.0, ("error rate > 1%",))


def test_before_the_start_nobody_is_served() -> None:
    found = advice(0)
    assert (found.advice, found.advised, found.scheduled) == (Advice.HOLD, 0.0, 0.0)
    assert found.reasons == ("the pilot starts on 2026-10-23",)


def test_the_last_step_waits_for_the_verdict() -> None:
    found = advice(40, 0.20)
    assert (found.advice, found.advised, found.next_date) == (Advice.HOLD, 0.20, None)
    assert "READY" in found.reasons[0]
    ready = advice(40, 0.20, Standing(ready=True))
    assert (ready.advice, ready.advised) == (Advice.ADVANCE, 1.0)


def test_to_hold_is_not_to_narrow_what_is_served_beyond_the_plan() -> None:
    found = advice(40, 0.9, Standing(against=("SLOs not met",)))
    assert (found.advice, found.advised) == (Advice.HOLD, 0.9)
    assert advice(40, 1.0).advised == 1.0


def test_with_every_criterion_met_the_next_step_need_not_wait_for_its_day() -> None:
    found = advice(9, 0.10, Standing(ready=True))
    assert (found.advice, found.advised) == (Advice.ADVANCE, 0.15)


def test_a_ramp_without_steps_has_a_first_and_a_last_share() -> None:
    plain = Ramp(0.05, 0.20)
    held = advise(PILOT, plain, on_day(9), WELL, 0.05)
    assert (held.advice, held.advised, held.reasons) == (Advice.HOLD, 0.05, ("no further step is planned",))


@given(
    day=st.integers(-10, 80),
    observed=st.none() | st.floats(0.0, 1.0),
    trouble=st.sampled_from(
        [Standing(fired=("x",)), Standing(against=("x",)), Standing(unseen=("x",)), Standing(held=("x",))]
    ),
)
def test_nothing_advances_while_anything_speaks_against_it(
    day: int, observed: float | None, trouble: Standing
) -> None:
    found = advice(day, observed, trouble)
    assert found.advice is not Advice.ADVANCE
    assert found.reasons


@given(day=st.integers(1, 80), observed=st.none() | st.floats(0.0, 1.0), ready=st.booleans())
def test_advice_is_a_share_of_the_plan_or_of_everybody_and_never_more_than_one_step_up(
    day: int, observed: float | None, *, ready: bool
) -> None:
    found = advice(day, observed, Standing(ready=ready))
    assert 0.0 <= found.advised <= 1.0
    if found.advice is Advice.ADVANCE:
        now = found.scheduled if observed is None else observed
        steps = [share for share in (0.05, 0.10, 0.15, 0.20, 1.0) if share > now * 1.0001]
        assert found.advised in steps[:2]
        assert ready or found.advised <= found.scheduled * 1.16
