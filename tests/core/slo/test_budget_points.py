"""Points of burn-down plots are hourly for a week, 6-hourly to 35 days, daily to 400 days, and then gone."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.slo.budget_points import KEPT, crowded, step_at

HOUR, DAY = 3_600, 86_400
NOW = 20_000 * DAY + 7 * HOUR

ages = st.integers(-HOUR, 500 * DAY) | st.integers(0, 500 * 24).map(lambda hours: hours * HOUR)
many_times = st.sets(ages.map(lambda age: float(NOW - age)), max_size=40)


def thinned(times: set[float], now: float) -> set[float]:
    return times - crowded(times, now).keys()


@pytest.mark.parametrize(
    ("age", "step"),
    [
        (-60.0, HOUR),
        (0.0, HOUR),
        (7 * DAY, HOUR),
        (7 * DAY + 1, 6 * HOUR),
        (35 * DAY, 6 * HOUR),
        (35 * DAY + 1, DAY),
        (400 * DAY, DAY),
        (400 * DAY + 1, None),
    ],
)
def test_points_are_further_apart_with_age(age: float, step: int | None) -> None:
    assert step_at(age) == step


def test_a_year_of_hours_comes_to_some_hundred_points() -> None:
    kept = thinned({float(NOW - hour * HOUR) for hour in range(500 * 24)}, NOW)
    assert len(kept) == 169 + 4 * 28 + 365
    assert {at % (6 * HOUR) for at in kept if NOW - at > 7 * DAY} == {0.0}
    assert {at % DAY for at in kept if NOW - at > 35 * DAY} == {0.0}


def test_within_an_hour_the_latest_point_stays() -> None:
    times = {NOW + 300.0 * n for n in range(13)}
    assert thinned(times, NOW + HOUR) == {float(NOW), float(NOW + HOUR)}


def test_the_end_of_a_step_belongs_to_it() -> None:
    old = (NOW - 20 * DAY) // DAY * DAY
    assert crowded({old, old + 1.0, old + 6.0 * HOUR}, NOW) == {old + 1.0: (old + 6.0 * HOUR,)}


def test_what_is_too_old_needs_no_later_point_to_go() -> None:
    assert crowded({0.0}, NOW) == {0.0: ()}
    assert crowded((), NOW) == {}


def test_each_step_is_a_multiple_of_the_one_before() -> None:
    """Else a point could go for the sake of one that goes itself."""
    steps = [step for _, step in KEPT]
    assert all(longer % shorter == 0 for shorter, longer in pairwise(steps))


@given(many_times)
def test_who_goes_has_a_later_one_that_stays_in_its_step(times: set[float]) -> None:
    kept = thinned(times, NOW)
    for at, later in crowded(times, NOW).items():
        step = step_at(NOW - at)
        if step is None:
            assert later == ()
        else:
            assert any(at < other and -(-other // step) == -(-at // step) for other in kept)
            assert all(at < other <= -(-at // step) * step for other in later)


@given(many_times)
def test_no_two_points_that_stay_share_a_step_of_the_older_one(times: set[float]) -> None:
    kept = sorted(thinned(times, NOW))
    for older, newer in pairwise(kept):
        step = step_at(NOW - older)
        assert step is not None
        assert -(-older // step) < -(-newer // step)


@given(many_times, st.lists(st.integers(0, 100 * DAY), max_size=4))
def test_thinned_again_and_again_or_at_once_is_the_same(times: set[float], pauses: list[int]) -> None:
    at_last = NOW + sum(pauses)
    kept, now = thinned(times, NOW), NOW
    for pause in pauses:
        now += pause
        kept = thinned(kept, now)
    assert kept == thinned(times, at_last)
