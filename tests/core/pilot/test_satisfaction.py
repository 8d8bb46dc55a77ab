"""The mean rating with its interval: right by scipy, and decided only from enough votes."""

from math import sqrt
from statistics import stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from slo_daemon.core.pilot.always_valid import multiplier
from slo_daemon.core.pilot.satisfaction import (
    ENOUGH_VOTES,
    EXPECTED_VOTES,
    Satisfaction,
    Votes,
    satisfaction,
    satisfied_share,
    t_quantile,
)
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


COUNTS = st.tuples(*[st.integers(min_value=0, max_value=400)] * 5)


def votes_of(ratings: list[int]) -> Votes:
    one, two, three, four, five = (ratings.count(rating) for rating in range(1, 6))
    return Votes((one, two, three, four, five))


@given(VOTES)
def test_votes_counted_by_rating_say_what_sums_of_ratings_say(ratings: list[int]) -> None:
    assert satisfaction(votes_of(ratings)) == opinion_of(*ratings)


@given(COUNTS.filter(lambda counts: sum(counts) > 0))
def test_the_share_of_satisfied_users_has_wilsons_interval(counts: tuple[int, int, int, int, int]) -> None:
    votes = Votes(counts)
    found = satisfied_share(votes)
    assert found is not None

    assert found.share == (counts[3] + counts[4]) / sum(counts)
    wilson = proportion_confint(votes.satisfied, votes.count, 0.05, method="wilson")
    assert found.interval == pytest.approx(wilson, abs=1e-6)
    assert (found.always_valid is None) == (votes.count < ENOUGH_VOTES)


def test_eight_of_ten_satisfied_users_prove_only_about_half() -> None:
    found = satisfied_share(Votes((1, 0, 1, 5, 3)))
    assert found is not None
    assert [round(end, 2) for end in found.interval] == [0.49, 0.94]


def test_the_share_of_nobody_is_unknown() -> None:
    assert satisfied_share(Votes((0, 0, 0, 0, 0))) is None


@given(COUNTS.filter(lambda counts: sum(counts) >= ENOUGH_VOTES))
def test_the_interval_for_all_looks_holds_that_of_a_single_one(
    counts: tuple[int, int, int, int, int],
) -> None:
    found, share = satisfaction(Votes(counts)), satisfied_share(Votes(counts))
    assert found is not None
    assert found.interval is not None
    assert found.always_valid is not None
    assert share is not None
    assert share.always_valid is not None

    assert 1 <= found.always_valid[0] <= found.interval[0] <= found.mean
    assert found.mean <= found.interval[1] <= found.always_valid[1] <= 5
    assert 0 <= share.always_valid[0] < share.always_valid[1] <= 1


def test_with_many_votes_it_is_the_multiplier_times_the_standard_error() -> None:
    ratings = [1, 2, 3, 4, 5, 5, 4, 4] * 2_000
    opinion = opinion_of(*ratings)
    half = multiplier(16_000, EXPECTED_VOTES, 0.05) * stdev(ratings) / sqrt(16_000)

    assert opinion.always_valid == pytest.approx((opinion.mean - half, opinion.mean + half), abs=1e-4)


def test_users_who_all_say_the_same_make_nothing_certain() -> None:
    opinion, share = opinion_of(*[5] * 40), satisfied_share(Votes((0, 0, 0, 0, 40)))
    assert opinion.always_valid is not None
    assert share is not None
    assert share.always_valid is not None

    assert opinion.interval == (5.0, 5.0)
    assert 4.0 < opinion.always_valid[0] < 4.8
    assert 0.75 < share.always_valid[0] < 0.95


def test_below_thirty_votes_there_is_no_interval_for_all_looks() -> None:
    assert opinion_of(*[4, 5] * 14, 3).always_valid is None
    assert opinion_of(*[4, 5] * 15).always_valid is not None


def test_a_smaller_alpha_gives_wider_intervals() -> None:
    votes = Votes((5, 5, 10, 30, 50))
    one, five = satisfaction(votes, 0.01), satisfaction(votes)
    assert one is not None
    assert five is not None
    assert one.interval is not None
    assert five.interval is not None
    assert one.always_valid is not None
    assert five.always_valid is not None

    assert one.interval[0] < five.interval[0]
    assert one.always_valid[0] < five.always_valid[0]
