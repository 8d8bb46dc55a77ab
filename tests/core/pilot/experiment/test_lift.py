"""The lift and its interval: by published examples, by statsmodels, and by what must hold of any counts."""

from math import inf, isfinite, sqrt

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.proportion import confint_proportions_2indep

from slo_daemon.core.pilot.always_valid import multiplier
from slo_daemon.core.pilot.criteria.evidence import Known, Source, Unknown
from slo_daemon.core.pilot.experiment.lift import FEWEST_BUCKETS, LiftReason, lift, say_arm, series
from slo_daemon.core.pilot.experiment.strata import Arm, Stratum, bucket_stratum, comparable
from tests.core.pilot.experiment.counted import FIRST, KOHAVI, day

EXPECTED = 50_000


@st.composite
def arms(draw: st.DrawFn) -> tuple[float, float]:
    exposed = draw(st.floats(min_value=2_000, max_value=1e6))
    return exposed, exposed * draw(st.floats(min_value=0.05, max_value=0.6))


@st.composite
def strata_of(draw: st.DrawFn) -> list[Stratum]:
    days = draw(st.integers(min_value=1, max_value=6))
    return [day(number, draw(arms()), draw(arms())) for number in range(days)]


def test_a_treatment_that_wins_on_every_day_wins_although_it_loses_in_the_pool() -> None:
    found = lift(KOHAVI, 0.05, EXPECTED)

    assert found.treatment.rate / found.control.rate == pytest.approx(0.73, abs=0.005)
    assert found.point == pytest.approx(0.195, abs=0.0005)
    assert found.fixed == pytest.approx((0.153, 0.239), abs=0.002)
    assert found.interval is not None
    assert found.interval[0] > 0.1


@given(strata_of())
def test_the_point_is_the_risk_ratio_of_mantel_and_haenszel(strata: list[Stratum]) -> None:
    tables = [
        np.array([[a.converted, a.exposed - a.converted] for a in (s.treatment, s.control)]) for s in strata
    ]
    found = lift(strata, 0.05, EXPECTED)

    assert found.point is not None
    assert found.point + 1 == pytest.approx(StratifiedTable(tables).riskratio_pooled, rel=1e-9)


@pytest.mark.parametrize("counts", [((40_000, 1_400), (41_000, 1_200)), ((3_000, 400), (90_000, 9_000))])
def test_the_fixed_sample_interval_is_close_to_that_of_the_score_and_of_the_logarithm(
    counts: tuple[tuple[float, float], tuple[float, float]],
) -> None:
    (n_t, x_t), (n_c, x_c) = counts
    found = lift([day(0, *counts)], 0.05, EXPECTED)

    for method in ("score", "log"):
        low, high = confint_proportions_2indep(x_t, n_t, x_c, n_c, compare="ratio", method=method)
        assert found.fixed == pytest.approx((low - 1, high - 1), abs=0.006)


@given(strata_of(), st.sampled_from([0.01, 0.05, 0.1]))
def test_its_ends_are_the_lifts_that_lie_as_many_standard_errors_off_as_the_multiplier_says(
    strata: list[Stratum], alpha: float
) -> None:
    found = lift(strata, alpha, EXPECTED)
    contrast = found.contrast
    assert contrast is not None
    assert found.interval is not None
    reach = multiplier(contrast.users, EXPECTED, alpha)
    for end in found.interval:
        assume(isfinite(end) and end > -1)
        error = sqrt(contrast.treatment_variance + (1 + end) ** 2 * contrast.control_variance)
        off = abs(contrast.treatment - (1 + end) * contrast.control)
        assert off / error == pytest.approx(reach, rel=1e-6)


@given(strata_of(), st.floats(min_value=-0.9, max_value=3.0))
def test_the_p_value_of_a_margin_is_at_most_alpha_exactly_outside_the_interval(
    strata: list[Stratum], margin: float
) -> None:
    found = lift(strata, 0.05, EXPECTED)
    p = found.p_value(margin)
    assert found.interval is not None
    assert p is not None
    low, high = found.interval
    assume(min(abs(margin - low), abs(margin - high)) > 1e-9)

    assert (p <= 0.05) == (not low <= margin <= high)


@given(strata_of())
def test_the_interval_for_all_looks_holds_the_one_for_a_single_look_and_both_hold_the_point(
    strata: list[Stratum],
) -> None:
    found = lift(strata, 0.05, EXPECTED)
    assert found.point is not None
    assert found.interval is not None
    assert found.fixed is not None

    assert -1 <= found.interval[0] <= found.fixed[0] <= found.point <= found.fixed[1] <= found.interval[1]


@given(strata_of())
def test_the_order_of_days_and_days_with_one_variant_only_change_nothing(strata: list[Stratum]) -> None:
    lonely = day(9, (5_000, 400), (0, 0))

    assert lift([lonely, *reversed(strata)], 0.05, EXPECTED) == lift(strata, 0.05, EXPECTED)


@pytest.mark.parametrize(("treatment", "control"), [(29, 100), (100, 29)])
def test_below_thirty_conversions_of_a_variant_the_lift_is_shown_and_nothing_is_claimed(
    treatment: float, control: float
) -> None:
    found = lift([day(0, (2_000, treatment), (2_000, control))], 0.05, EXPECTED)

    assert (found.reason, found.interval, found.fixed) == (LiftReason.TOO_FEW_CONVERSIONS, None, None)
    assert found.point == pytest.approx(treatment / control - 1)
    assert found.p_value(0.0) is None
    assert f"{treatment} conversions in treatment and {control} in control" in found.detail
    enough = lift([day(0, (2_000, 30), (2_000, 30))], 0.05, EXPECTED)
    assert enough.reason is None


def test_thirty_who_do_not_convert_are_needed_too() -> None:
    found = lift([day(0, (2_000, 1_990), (2_000, 1_900))], 0.05, EXPECTED)
    assert found.reason is LiftReason.TOO_FEW_CONVERSIONS


def test_without_a_conversion_in_control_there_is_no_lift() -> None:
    found = lift([day(0, (2_000, 100), (2_000, 0))], 0.05, EXPECTED)
    assert (found.point, found.reason) == (None, LiftReason.TOO_FEW_CONVERSIONS)


def test_more_conversions_than_users_are_told_as_a_fault_of_the_counters() -> None:
    found = lift([day(0, (100, 120), (2_000, 100))], 0.05, EXPECTED)
    assert found.reason is LiftReason.MORE_CONVERSIONS_THAN_USERS
    assert "treatment 120 of 100" in found.detail


def test_users_of_yesterday_may_convert_today() -> None:
    found = lift([day(0, (5_000, 200), (5_000, 150)), day(1, (10, 30), (10, 30))], 0.05, EXPECTED)
    assert found.reason is None


@pytest.mark.parametrize("strata", [[], [day(0, (0, 0), (0, 0))], [day(0, (100, 5), (0, 0))]])
def test_without_users_in_both_variants_there_is_nothing_to_tell(strata: list[Stratum]) -> None:
    assert lift(strata, 0.05, EXPECTED).reason is LiftReason.NO_USERS


def test_an_end_that_the_data_do_not_bound_is_infinite_and_said_so() -> None:
    found = lift([day(0, (400, 40), (400, 31))], 1e-9, EXPECTED)

    assert found.interval == (-1.0, inf)
    assert "-100.0 % to unbounded" in str(found)


def test_the_interval_at_one_expected_number_does_not_depend_on_the_looks_before() -> None:
    half = [day(number, (1_000, 40), (1_000, 30)) for number in range(28)]

    by_day = list(series(half, 0.05, EXPECTED))
    assert [at for at, _ in by_day] == [s.day for s in half]
    assert by_day[-1][1] == lift(half, 0.05, EXPECTED)
    assert by_day[13][1] == lift(half[:14], 0.05, EXPECTED)


def test_evidence_for_criteria_has_the_interval_or_the_reason_why_there_is_none() -> None:
    source = Source("since 2026-10-23", "", 7.0)
    known = lift(KOHAVI, 0.05, EXPECTED).evidence(source)
    unknown = lift(KOHAVI[:1], 0.05, EXPECTED).withheld(LiftReason.NOT_INDEPENDENT, "why").evidence(source)

    assert isinstance(known, Known)
    assert (known.low, known.high) == lift(KOHAVI, 0.05, EXPECTED).interval
    assert (known.n, known.limit, known.source) == (2_000_000, "sampling", source)
    assert isinstance(unknown, Unknown)
    assert (unknown.reason, unknown.detail, unknown.interval) == ("not_independent", "why", None)
    assert unknown.value == pytest.approx(0.1385)


def test_it_is_said_in_one_line() -> None:
    assert str(lift(KOHAVI, 0.05, EXPECTED)) == (
        "lift +19.5 %, always-valid 95 % interval +12.5 % to +27.1 % "
        "(treatment 1.22 % of 510,000, control 1.68 % of 1,490,000)"
    )
    assert str(lift([day(0, (2_000, 10), (2_000, 9))], 0.05, EXPECTED)).startswith(
        "10 conversions in treatment"
    )


# Hash buckets


def bucketed(rng: np.random.Generator, days: int = 3, buckets: int = 64, n: int = 500) -> list[Stratum]:
    def variant() -> list[Arm]:
        exposed = rng.poisson(n, buckets)
        return [Arm(float(e), float(rng.binomial(e, 0.05))) for e in exposed]

    return [bucket_stratum(day(d, (0, 0), (0, 0)).day, variant(), variant()) for d in range(days)]


def test_buckets_of_independent_units_give_about_the_variance_of_the_binomial() -> None:
    rng = np.random.default_rng(3)
    ratios = []
    for _ in range(100):
        strata = bucketed(rng)
        by_bucket = lift(strata, 0.05, EXPECTED).contrast
        plain = lift([Stratum(s.day, s.treatment, s.control) for s in strata], 0.05, EXPECTED).contrast
        assert by_bucket is not None
        assert plain is not None
        assert (by_bucket.treatment, by_bucket.control) == (plain.treatment, plain.control)
        ratios.append(by_bucket.treatment_variance / plain.treatment_variance)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.05)


def test_on_one_day_it_is_the_textbook_variance_of_a_ratio_with_students_t() -> None:
    (stratum,) = bucketed(np.random.default_rng(4), days=1)
    found = lift([stratum], 0.05, EXPECTED)
    contrast = found.contrast
    assert contrast is not None
    m = np.array([t.exposed for t, _ in stratum.buckets])
    x = np.array([t.converted for t, _ in stratum.buckets])
    variance = 64 / 63 * ((x - x.sum() / m.sum() * m) ** 2).sum() / m.sum() ** 2

    assert contrast.treatment_variance == pytest.approx(variance)
    assert contrast.degrees is not None
    assert 63 <= contrast.degrees <= 126
    assert found.fixed is not None
    low = found.fixed[0]
    error = sqrt(contrast.treatment_variance + (1 + low) ** 2 * contrast.control_variance)
    reach = (contrast.treatment - (1 + low) * contrast.control) / error
    assert reach == pytest.approx(stats.t.ppf(0.975, contrast.degrees), rel=1e-6)


def test_users_who_come_back_make_the_interval_wider_although_nothing_else_changes() -> None:
    once = bucketed(np.random.default_rng(5), days=1)
    again = [
        bucket_stratum(day(d, (0, 0), (0, 0)).day, *zip(*once[0].buckets, strict=True)) for d in range(9)
    ]
    first, repeated = lift(once, 0.05, EXPECTED).contrast, lift(again, 0.05, EXPECTED).contrast
    assert first is not None
    assert repeated is not None

    assert repeated.treatment_variance == pytest.approx(first.treatment_variance)


@given(st.floats(min_value=-0.5, max_value=1.0))
def test_the_p_value_fits_the_interval_with_buckets_too(margin: float) -> None:
    found = lift(bucketed(np.random.default_rng(6)), 0.05, EXPECTED)
    p = found.p_value(margin)
    assert found.interval is not None
    assert p is not None
    low, high = found.interval
    assume(min(abs(margin - low), abs(margin - high)) > 1e-6)

    assert (p <= 0.05) == (not low <= margin <= high)


def test_too_few_buckets_or_changing_ones_tell_nothing() -> None:
    rng = np.random.default_rng(7)
    few = bucketed(rng, buckets=FEWEST_BUCKETS - 1)
    mixed = [*bucketed(rng, days=1), *[day(5, (5_000, 200), (5_000, 200))]]

    assert lift(few, 0.05, EXPECTED).reason is LiftReason.TOO_FEW_BUCKETS
    assert lift(mixed, 0.05, EXPECTED).reason is LiftReason.TOO_FEW_BUCKETS


def test_days_are_compared_in_order_and_without_those_that_are_left_out() -> None:
    later, first = day(1, (10, 1), (10, 1)), day(0, (10, 1), (10, 1))
    assert comparable([later, first], {FIRST}) == (later,)
    assert comparable([later, first]) == (first, later)


def test_a_rate_is_never_rounded_to_all_or_to_none() -> None:
    assert say_arm(Arm(10_000.0, 9_996.0)) == "99.96 % of 10,000"
    assert say_arm(Arm(10_000.0, 0.0)) == "0 % of 10,000"
