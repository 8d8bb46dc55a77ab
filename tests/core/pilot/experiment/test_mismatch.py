"""The split is tested at every look: evidence by the formula, flags by how far the counts are off."""

from math import exp, lgamma, log

import numpy as np
import pytest
from scipy import stats

from slo_daemon.core.pilot.experiment.mismatch import FLAGGED, Mismatch, mismatch
from slo_daemon.core.pilot.experiment.strata import Arm, Stratum, bucket_stratum
from tests.core.pilot.experiment.counted import day


def found_in(*strata: Stratum) -> Mismatch:
    found = mismatch(strata)
    assert found is not None
    return found


def test_the_evidence_is_the_bayes_factor_of_beta_binomial_against_binomial() -> None:
    found = found_in(day(0, (480, 0), (520, 0), 0.4))

    against = stats.betabinom.pmf(480, 1_000, 40, 60)
    planned = stats.binom.pmf(480, 1_000, 0.4)
    assert found.evidence == pytest.approx(against / planned, rel=1e-8)
    assert found.flagged


def test_evidence_of_steps_with_other_plans_is_multiplied() -> None:
    five, ten = day(0, (600, 0), (9_400, 0), 0.05), day(1, (1_150, 0), (8_850, 0), 0.10)

    assert found_in(five, ten).evidence == pytest.approx(
        found_in(five).evidence * found_in(ten).evidence, rel=1e-9
    )


def test_days_of_one_step_are_one_sample() -> None:
    parts = found_in(day(0, (450, 0), (550, 0), 0.5), day(1, (460, 0), (540, 0), 0.5))
    assert parts.evidence == pytest.approx(found_in(day(0, (910, 0), (1_090, 0), 0.5)).evidence, rel=1e-9)


def test_what_was_flagged_once_stays_flagged() -> None:
    bad, good = day(0, (4_000, 0), (6_000, 0), 0.5), day(1, (56_000, 0), (54_000, 0), 0.5)
    found = found_in(bad, good)

    assert found.evidence < FLAGGED < found.largest
    assert found.flagged


@pytest.mark.parametrize("off", [0.0, 0.004, 0.05])
def test_it_agrees_with_chi_square_where_the_counts_leave_no_doubt(off: float) -> None:
    n = 100_000
    observed = [n * (0.5 + off), n * (0.5 - off)]
    found = found_in(day(0, (observed[0], 0), (observed[1], 0), 0.5))
    p = stats.chisquare(observed).pvalue

    if p > 0.01 or p < 1e-6:
        assert found.flagged == (p < 1e-6)


def test_shares_are_told_with_the_plan_weighted_by_users() -> None:
    found = found_in(day(0, (100, 0), (900, 0), 0.1), day(1, (600, 0), (2_400, 0), 0.2))

    assert (found.observed, found.planned, found.users) == (pytest.approx(0.175), pytest.approx(0.175), 4_000)
    assert "treatment got 17.5 % of 4,000 users where 17.5 % were planned: the split works" in str(found)


def test_a_mismatch_is_said_with_its_odds() -> None:
    found = found_in(day(0, (9_500, 0), (10_500, 0), 0.5))
    assert "treatment got 47.5 % of 20,000 users where 50 % were planned (evidence" in str(found)
    assert "cannot be compared" in str(found)
    assert " : 1)" in str(found_in(day(0, (0, 0), (1_000_000, 0), 0.5)))


@pytest.mark.parametrize("share", [None, 0.0, 1.0])
def test_without_a_planned_split_there_is_no_test(share: float | None) -> None:
    assert mismatch([day(0, (500, 0), (900, 0), share)]) is None
    assert mismatch([]) is None


def test_users_who_are_counted_several_times_are_no_evidence_against_the_split() -> None:
    rng = np.random.default_rng(1)
    plain = buckets = 0
    for _ in range(200):
        strata = [
            bucket_stratum(
                day(0, (0, 0), (0, 0)).day,
                [Arm(20.0 * users, 0.0) for users in rng.poisson(40, 64)],
                [Arm(20.0 * users, 0.0) for users in rng.poisson(40, 64)],
                share=0.5,
            )
        ]
        plain += found_in(Stratum(strata[0].day, strata[0].treatment, strata[0].control, 0.5)).flagged
        buckets += found_in(*strata).flagged

    assert buckets == 0
    assert plain > 30  # each user counted twenty times looks like twenty users


def test_the_formula_is_that_of_the_paper() -> None:
    n, k = (30.0, 70.0), 100.0
    theta = (0.4, 0.6)
    log_e = (
        lgamma(k)
        - lgamma(k + 100)
        + sum(lgamma(k * t + c) - lgamma(k * t) - c * log(t) for c, t in zip(n, theta, strict=True))
    )
    assert found_in(day(0, (n[0], 0), (n[1], 0), theta[0])).evidence == pytest.approx(exp(log_e))
