"""A pilot's calendar and its planned ramp."""

from datetime import date, timedelta

import pytest

from slo_daemon.core.pilot.pilot import Ramp, RampStep
from tests.factories import START, seed_pilot


@pytest.mark.parametrize(
    ("day", "share"),
    [(-1, 0.0), (0, 0.05), (6, 0.05), (7, 0.10), (20, 0.10), (21, 0.15), (34, 0.15), (35, 0.20), (400, 0.20)],
)
def test_the_planned_share_follows_the_weeks_of_the_pilot(day: int, share: float) -> None:
    ramp = seed_pilot().ramp
    assert ramp is not None
    assert ramp.scheduled(START, START + timedelta(days=day)) == share


def test_a_plan_may_go_down_again_and_never_exceeds_its_maximum() -> None:
    ramp = Ramp(0.05, 0.20, (RampStep(3, 0.10), RampStep(2, 0.50)))
    shares = [ramp.scheduled(START, START + timedelta(weeks=week)) for week in (0, 1, 2)]
    assert shares == [0.05, 0.20, 0.10]


def test_days_are_counted_from_one() -> None:
    pilot = seed_pilot()
    assert pilot.day(START) == 1
    assert pilot.day(date(2026, 11, 22)) == 31
    assert pilot.day(START - timedelta(days=1)) == 0
    assert pilot.last_day == date(2026, 12, 17)
    assert pilot.day(pilot.last_day) == pilot.duration.days == 56


def test_a_step_begins_with_its_week() -> None:
    assert RampStep(1, 0.05).first_day(START) == START
    assert RampStep(4, 0.15).first_day(START) == date(2026, 11, 13)
