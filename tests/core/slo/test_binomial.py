"""The exact binomial interval, against published values and against scipy."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import betainc

from slo_daemon.core.slo.binomial import (
    events_needed,
    lower_bound,
    regularised_beta,
    surely_exceeds,
    upper_bound,
)

COUNTS = st.integers(min_value=1, max_value=2_000_000)


@pytest.mark.parametrize(
    ("target", "events"), [(0.95, 59), (0.99, 299), (0.995, 598), (0.999, 2_995), (0.5, 5), (0.0, 1)]
)
def test_so_many_flawless_events_claim_a_target(target: float, events: int) -> None:
    assert events_needed(target) == events


@given(st.floats(min_value=0.01, max_value=0.9999))
def test_needed_events_are_just_enough(target: float) -> None:
    events = events_needed(target)
    assert target**events <= 0.05 * (1 + 1e-6)
    assert events == 1 or target ** (events - 1) > 0.05 * (1 - 1e-6)


def test_no_number_of_events_claims_perfection() -> None:
    assert events_needed(1.0) == inf


@pytest.mark.parametrize("target", [0.95, 0.99, 0.995, 0.999])
def test_flawless_events_just_reach_the_target_with_95_percent(target: float) -> None:
    events = events_needed(target)
    assert lower_bound(events, events) >= target
    assert lower_bound(events - 1, events - 1) < target


@given(COUNTS, st.data())
def test_bounds_are_those_of_clopper_and_pearson(total: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(min_value=0, max_value=total))
    exact = stats.binomtest(hits, total).proportion_ci(confidence_level=0.90, method="exact")
    assert lower_bound(hits, total) == pytest.approx(exact.low, rel=1e-6, abs=1e-9)
    assert upper_bound(hits, total) == pytest.approx(exact.high, rel=1e-6, abs=1e-9)


@given(
    st.floats(min_value=0.0, max_value=1.0),
    st.floats(min_value=0.5, max_value=1e5),
    st.floats(min_value=0.5, max_value=1e5),
)
def test_the_incomplete_beta_function_is_that_of_scipy(x: float, a: float, b: float) -> None:
    assert regularised_beta(x, a, b) == pytest.approx(betainc(a, b, x), rel=1e-7, abs=1e-9)


@given(st.floats(min_value=0.1, max_value=1e6), st.floats(min_value=0.0, max_value=1.0))
def test_the_share_lies_between_its_bounds_also_for_extrapolated_counts(total: float, share: float) -> None:
    hits = total * share
    assert 0.0 <= lower_bound(hits, total) <= hits / total + 1e-9
    assert hits / total - 1e-9 <= upper_bound(hits, total) <= 1.0


@given(COUNTS, st.data())
def test_more_hits_never_lower_a_bound(total: int, data: st.DataObject) -> None:
    fewer, more = sorted(data.draw(st.tuples(*[st.integers(min_value=0, max_value=total)] * 2)))
    assert lower_bound(fewer, total) <= lower_bound(more, total) + 1e-12
    assert upper_bound(fewer, total) <= upper_bound(more, total) + 1e-12


@given(
    st.floats(min_value=0.1, max_value=1e6),
    st.floats(min_value=0.0, max_value=1.0),
    st.floats(min_value=0.01, max_value=0.99),
)
def test_a_share_is_surely_exceeded_just_if_the_lower_bound_reaches_it(
    total: float, part: float, share: float
) -> None:
    bound = lower_bound(total * part, total)
    if abs(bound - share) > 1e-9:
        assert surely_exceeds(total * part, total, share) is (bound > share)


@given(st.floats(min_value=1e7, max_value=1e300), st.floats(min_value=0.0, max_value=1.0))
def test_more_events_than_can_be_told_apart_only_make_a_claim_more_careful(
    total: float, share: float
) -> None:
    low, high = lower_bound(total * share, total), upper_bound(total * share, total)
    assert 0.0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1.0
    assert high - low <= 2 * 1.65 * (0.5 / 1e7**0.5) + 1e-6
