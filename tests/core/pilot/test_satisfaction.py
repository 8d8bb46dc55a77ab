"""The mean rating with its interval: right by scipy, and decided only from enough votes."""

from math import sqrt
from statistics import stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slo_daemon.core.pilot.satisfaction import ENOUGH_VOTES, Satisfaction, satisfaction, t_quantile
from tests.factories import ratings_of

VOTES = st.lists(st.integers(min_value=1, max_value=5), min_size=2, max_size=300)


def opinion_of(*ratings: int) -> Satisfaction:
    opinion = satisfaction(ratings_of(*ratings))
    assert opinion is not None
    return opinion


@given(
    st.floats(min_value=0.6, max_value=0.9999),
    st.integers(min_value=1, max_value=100_000),
)
def test_the_t_quantile_is_that_of_scipy(probability: float, degrees: int) -> None:
    assert t_quantile(probability, degrees) == pytest.approx(
        stats.t.ppf(probability, degrees), rel=1e-6, abs=1e-7
    )


@pytest.mark.parametrize(
    ("degrees", "published"), [(1, 12.706), (2, 4.303), (9, 2.262), (29, 2.045), (60, 2.000), (120, 1.980)]
)
def test_the_t_quantile_is_that_of_the_printed_tables(degrees: int, published: float) -> None:
    assert round(t_quantile(0.975, degrees), 3) == published


@given(VOTES)
def test_the_interval_is_that_of_scipy_within_the_scale(ratings: list[int]) -> None:
    opinion = opinion_of(*ratings)
    assert opinion.mean == pytest.approx(sum(ratings) / len(ratings))
    error = stdev(ratings) / sqrt(len(ratings))
    half = error * float(stats.t.ppf(0.975, len(ratings) - 1))
    expected = (max(1.0, opinion.mean - half), min(5.0, opinion.mean + half))
    assert opinion.interval == pytest.approx(expected, abs=1e-6)


def test_nobody_has_a_mean_of_nothing() -> None:
    assert satisfaction(ratings_of()) is None


def test_a_single_vote_has_a_mean_but_no_interval() -> None:
    assert opinion_of(4) == Satisfaction(1, 4.0, None)


def test_thirty_votes_are_enough_and_twentynine_are_not() -> None:
    assert opinion_of(*[4] * ENOUGH_VOTES).enough
    assert not opinion_of(*[4] * (ENOUGH_VOTES - 1)).enough


def test_it_is_said_in_one_line() -> None:
    assert str(opinion_of(5, 4, 3)) == "mean 4.00/5 from 3 votes, 95 % interval 1.52 to 5.00"
    assert str(opinion_of(2)) == "mean 2.00/5 from 1 vote"
