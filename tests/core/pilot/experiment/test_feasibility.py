"""How many users an answer takes: the published table, statsmodels, and plans with a ramp."""

from datetime import date, timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower

from slo_daemon.core.pilot.experiment.feasibility import (
    Day,
    Question,
    always_valid_sample,
    fixed_sample,
    outlook,
    say_users,
)
from tests.core.pilot.experiment.counted import FIRST

TABLE = [
    (0.01, 0.15, 0.0, 74_000),
    (0.01, 0.10, 0.0, 163_000),
    (0.01, 0.15, 0.10, 733_000),
    (0.01, 0.20, 0.10, 187_000),
    (0.03, 0.15, 0.0, 24_200),
    (0.03, 0.10, 0.0, 53_200),
    (0.03, 0.15, 0.10, 239_000),
    (0.03, 0.20, 0.10, 61_000),
    (0.05, 0.15, 0.0, 14_200),
    (0.05, 0.10, 0.0, 31_200),
    (0.05, 0.15, 0.10, 140_000),
    (0.05, 0.20, 0.10, 35_800),
    (0.10, 0.15, 0.0, 6_700),
    (0.10, 0.10, 0.0, 14_700),
    (0.10, 0.15, 0.10, 66_000),
    (0.10, 0.20, 0.10, 16_800),
]


@pytest.mark.parametrize(("rate", "true", "margin", "users"), TABLE)
def test_the_sizes_of_a_fixed_sample_are_those_of_the_table(
    rate: float, true: float, margin: float, users: float
) -> None:
    assert fixed_sample(Question(margin, rate, true)).treatment == pytest.approx(users, rel=0.005)


@pytest.mark.parametrize("ratio", [1.0, 4.0, 19.0])
def test_without_a_margin_they_are_those_of_statsmodels(ratio: float) -> None:
    question = Question(0.0, 0.03, 0.15)
    treated, control = 0.03 * 1.15, 0.03
    spread = treated * (1 - treated) + control * (1 - control) / ratio
    common = (spread / (1 + 1 / ratio)) ** 0.5  # the deviation that both arms share in statsmodels
    size = NormalIndPower().solve_power(
        (treated - control) / common, alpha=0.05, power=0.8, ratio=ratio, alternative="two-sided"
    )
    found = fixed_sample(question, ratio)

    assert found.treatment == pytest.approx(size, rel=1e-3)
    assert found.control == pytest.approx(ratio * found.treatment)


@given(
    st.floats(min_value=0.005, max_value=0.3),
    st.floats(min_value=0.02, max_value=0.5),
    st.floats(min_value=0.2, max_value=20.0),
)
def test_looking_all_the_time_takes_more_users_than_looking_once(
    rate: float, true: float, ratio: float
) -> None:
    question = Question(0.0, rate, true)
    once, always = fixed_sample(question, ratio), always_valid_sample(question, ratio)

    assert 1.4 < always.treatment / once.treatment < 40


def test_near_the_expected_number_it_takes_nearly_twice_as_many() -> None:
    question = Question(0.0, 0.03, 0.15)
    size = 2 * always_valid_sample(question).treatment
    tuned = Question(0.0, 0.03, 0.15, expected_users=size)

    ratio = always_valid_sample(tuned).treatment / fixed_sample(tuned).treatment
    assert ratio == pytest.approx((3.035 + 0.842) ** 2 / (1.960 + 0.842) ** 2, abs=0.01)


@pytest.mark.parametrize(
    ("margin", "true", "above"), [(0.15, 0.15, True), (0.15, 0.10, True), (0.0, 0.1, False)]
)
def test_what_is_not_so_is_shown_by_no_number_of_users(margin: float, true: float, above: bool) -> None:
    question = Question(margin, 0.03, true, above=above)

    assert fixed_sample(question).treatment == inf
    found = outlook(question, [Day(FIRST, 1e9, 1e9)])
    assert found.answered is None
    assert str(found).startswith("no number of users shows a lift of")


def days(count: int, users: float, share: float = 0.5, start: date = FIRST) -> list[Day]:
    return [Day(start + timedelta(days=d), users * share, users * (1 - share)) for d in range(count)]


QUESTION = Question(0.0, 0.03, 0.15)


def test_a_plan_with_one_split_needs_what_the_size_says() -> None:
    need = always_valid_sample(QUESTION).treatment
    found = outlook(QUESTION, days(56, 4_000))

    assert found.needed.treatment == pytest.approx(need, rel=1e-6)
    assert found.coming.treatment == 112_000
    assert found.answered == FIRST + timedelta(days=int(need // 2_000))
    assert found.last_day == FIRST + timedelta(days=55)


def test_too_few_users_are_told_with_what_would_be_needed() -> None:
    found = outlook(Question(0.10, 0.03, 0.15), days(56, 1_000))

    assert found.answered is None
    assert str(found) == (
        "to show a lift of more than 10 % where it really is 15 % takes about 534,000 users per arm; "
        "28,000 users per arm come until 2026-12-17"
    )


def test_an_unequal_split_is_told_for_both_variants() -> None:
    found = outlook(QUESTION, days(56, 20_000, 0.05))

    assert found.answered is not None
    assert "users in treatment and" in str(found)
    assert f"reached about {found.answered.isoformat()}" in str(found)


@given(
    st.lists(st.tuples(st.floats(100, 50_000), st.floats(0.0, 1.0)), min_size=1, max_size=40),
    st.floats(min_value=0.02, max_value=0.5),
)
def test_there_is_a_day_of_the_answer_exactly_when_as_many_come_as_are_needed(
    plan: list[tuple[float, float]], true: float
) -> None:
    coming = [
        Day(FIRST + timedelta(days=d), users * share, users * (1 - share))
        for d, (users, share) in enumerate(plan)
    ]
    found = outlook(Question(0.0, 0.03, true), coming)

    assert (found.answered is not None) == (found.needed.treatment <= found.coming.treatment)
    if found.answered is not None:
        until = [day for day in coming if day.day <= found.answered]
        assert outlook(Question(0.0, 0.03, true), until).answered == found.answered


def test_days_with_one_variant_only_tell_nothing() -> None:
    found = outlook(QUESTION, [Day(FIRST, 0.0, 1e6), Day(FIRST + timedelta(days=1), 1e6, 0.0)])

    assert (found.coming.treatment, found.coming.control, found.answered) == (0, 0, None)
    assert found.needed == always_valid_sample(QUESTION)


def test_a_size_is_said_with_no_more_digits_than_it_has_and_than_one_can_read() -> None:
    told = {
        12.4: "12", 999.6: "1,000", 23_456: "23,500", 733_412: "733,000", 999_900: "1 million", 14_150_000: "14.2 million",
        20_449_000: "20.4 million", 2_345_000_000: "2.34 billion", inf: "infinitely many",
    }  # fmt: skip
    assert {size: say_users(size) for size in told} == told


def test_more_users_than_there_are_people_are_told_as_that() -> None:
    question = Question(margin=0.1, base_rate=0.001, lift=0.100_01)
    days = [Day(FIRST, 1_000.0, 1_000.0)]
    told = str(outlook(question, days))
    assert told.startswith("no service has the users that it takes to show a lift of more than 10 %")
    assert "billion" not in told
    assert "1,000 users per arm come until" in told
