"""Multipliers of intervals that hold at every look: published figures, scipy's quantiles, and one truth in two forms."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slo_daemon.core.pilot.always_valid import (
    always_valid_p,
    multiplier,
    normal_of_student,
    normal_quantile,
    student_of_normal,
    student_tail,
)

ALPHAS = st.floats(min_value=1e-4, max_value=0.2)
UNITS = st.floats(min_value=1.0, max_value=1e8)


@pytest.mark.parametrize(("of_expected", "wider"), [(1.0, 1.55), (0.5, 1.57), (0.25, 1.67)])
def test_the_price_of_peeking_is_about_half_as_wide_again(of_expected: float, wider: float) -> None:
    assert multiplier(50_000 * of_expected, 50_000, 0.05) / 1.959964 == pytest.approx(wider, abs=0.005)


def test_it_is_narrowest_near_the_expected_number_and_infinite_before_the_first() -> None:
    at = {n: multiplier(n, 50_000, 0.05) for n in (500, 5_000, 50_000, 500_000, 50_000_000)}

    assert min(at, key=lambda n: at[n]) == 50_000
    assert multiplier(0, 50_000, 0.05) == inf


@given(UNITS, UNITS, ALPHAS, st.floats(min_value=0, max_value=40))
def test_the_p_value_is_at_most_alpha_exactly_where_the_interval_leaves_the_value_out(
    units: float, expected: float, alpha: float, deviation: float
) -> None:
    reach = multiplier(units, expected, alpha)
    if abs(deviation - reach) > 1e-6 * reach:
        assert (always_valid_p(deviation, units, expected, alpha) <= alpha) == (deviation > reach)


def test_nothing_counted_proves_nothing() -> None:
    assert always_valid_p(10.0, 0, 50_000, 0.05) == 1.0
    assert always_valid_p(0.0, 1_000, 50_000, 0.05) == 1.0


@given(st.floats(min_value=0.0, max_value=30.0), st.floats(min_value=15.0, max_value=1_000.0))
def test_a_deviation_is_as_rare_for_student_as_its_image_is_for_the_normal(z: float, degrees: float) -> None:
    t = student_of_normal(z, degrees)

    assert t >= z
    assert stats.t.sf(t, degrees) == pytest.approx(stats.norm.sf(z), rel=1e-6)
    assert normal_of_student(t, degrees) == pytest.approx(z, abs=1e-6)


def test_what_no_number_can_say_is_infinite() -> None:
    assert student_of_normal(inf, 126) == inf
    assert student_of_normal(1e3, 126) == inf


@given(st.floats(min_value=0.0, max_value=50.0), st.floats(min_value=1.0, max_value=1e4))
def test_the_tail_of_student_is_that_of_scipy(t: float, degrees: float) -> None:
    assert student_tail(t, degrees) == pytest.approx(stats.t.sf(t, degrees), rel=1e-7)


@given(st.floats(min_value=1e-6, max_value=1 - 1e-6))
def test_the_normal_quantile_is_that_of_scipy(probability: float) -> None:
    assert normal_quantile(probability) == pytest.approx(stats.norm.ppf(probability), abs=1e-8)
