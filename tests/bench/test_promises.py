"""What the statistics promise, tried out on simulated pilots that are looked at every hour; and the page that shows it."""

import json
from datetime import timedelta

import numpy as np
import pytest

from bench.__main__ import RESULTS, STATISTICS_PAGE
from bench.document import write_tables
from bench.options import OptionError, StatisticsOptions, statistics_options
from bench.peeking import (
    HOURS,
    Counts,
    Plan,
    counts,
    looks,
    mismatch_evidence,
    plan,
    ramped,
    rating_spreads,
    reach,
)
from bench.promise_tables import promise_tables
from bench.promises import (
    CASES,
    EXPECTED,
    FIRST,
    OPINIONS,
    bucket_claims,
    claims,
    power_at,
    rating_misses,
    split_alarms,
)
from slo_daemon.core.pilot.experiment.feasibility import Question
from slo_daemon.core.pilot.experiment.lift import lift
from slo_daemon.core.pilot.experiment.mismatch import mismatch
from slo_daemon.core.pilot.experiment.strata import Arm, Stratum
from slo_daemon.core.pilot.satisfaction import EXPECTED_VOTES, Votes, satisfaction

PILOTS = 2_000


def strata_of(counted: Counts, pilot: int, look: int) -> list[Stratum]:
    """What the product would have been given at one look."""
    days, hours = divmod(look, HOURS)
    found = []
    for day in range(days + 1):
        until = HOURS if day < days else hours + 1
        n_t, x_t, n_c, x_c = (
            float(part[pilot, day, :until].sum())
            for part in (
                counted.treatment,
                counted.treatment_converted,
                counted.control,
                counted.control_converted,
            )
        )
        if counted.used[day]:
            found.append(Stratum(FIRST + timedelta(days=day), Arm(n_t, x_t), Arm(n_c, x_c), 0.5))
    return found


@pytest.mark.parametrize("pilots", [plan(2_000, 0.1), ramped(3_000, 0.0)], ids=["equal", "ramp"])
def test_the_simulated_intervals_are_the_products_own(pilots: Plan) -> None:
    counted = next(iter(counts(pilots, 3, np.random.default_rng(0))))
    seen = looks(counted)
    low, high = seen.interval(reach(seen.users, EXPECTED))
    compared = 0
    for pilot in range(3):
        for look in (30, 200, 555, 1_000, 1_343):
            found = lift(strata_of(counted, pilot, look), 0.05, EXPECTED)
            assert (found.interval is not None) == seen.enough[pilot, look]
            if found.interval is not None:
                assert found.interval == pytest.approx((low[pilot, look], high[pilot, look]), rel=1e-9)
                compared += 1
    assert compared >= 9


def test_the_simulated_evidence_of_a_mismatch_is_the_products_own() -> None:
    counted = next(iter(counts(plan(2_000, 0.0, share=0.52), 1, np.random.default_rng(0))))
    found = mismatch(strata_of(counted, 0, 239))
    assert found is not None
    n_t, n_c = counted.treatment[0, :10].sum(), counted.control[0, :10].sum()

    assert np.log(found.evidence) == pytest.approx(float(mismatch_evidence(n_t, n_c, 0.5)), rel=1e-9)


def test_the_simulated_interval_of_ratings_is_the_products_own() -> None:
    given = np.random.default_rng(0).choice(np.arange(1.0, 6.0), (1, 90), p=[0.1, 0.1, 0.2, 0.3, 0.3])
    mean, _, careful = rating_spreads(given)
    one, two, three, four, five = (int((given[0] == rating).sum()) for rating in range(1, 6))
    found = satisfaction(Votes((one, two, three, four, five)))
    assert found is not None
    half = float(reach(np.array(90.0), EXPECTED_VOTES) * np.sqrt(careful[0, -1] / 90))

    assert found.always_valid == pytest.approx((mean[0, -1] - half, mean[0, -1] + half), rel=1e-9)


@pytest.mark.parametrize(("name", "pilots", "margin"), CASES, ids=[name for name, _, _ in CASES])
def test_a_claim_is_wrong_in_five_percent_of_the_pilots_at_most_however_often_one_looks(
    name: str, pilots: Plan, margin: float
) -> None:
    own = claims(pilots, PILOTS, margin, seed=21)
    naive = claims(pilots, PILOTS, margin, seed=21, naive=True)

    assert own.claimed <= 0.05
    assert own.wrong <= 0.05  # so the interval holds the truth at all looks together in 95 % of the pilots
    assert naive.wrong > 0.20
    assert naive.claimed > 0.08


@pytest.mark.parametrize("expected", [2_000, 1_000_000])
def test_the_expected_number_of_users_tunes_the_interval_and_breaks_no_promise(expected: float) -> None:
    assert claims(plan(2_000, 0.0), PILOTS, 0.0, seed=22, expected=expected).wrong <= 0.05


def test_a_real_lift_is_found() -> None:
    seen = claims(plan(2_000, 0.15), 200, 0.0, seed=23, hours=HOURS)

    assert seen.claimed > 0.85
    assert seen.days is not None
    assert 15 < seen.days < 30


@pytest.mark.parametrize(("margin", "rate", "true"), [(0.0, 0.03, 0.15), (0.10, 0.03, 0.20)])
def test_the_users_that_are_asked_for_are_enough_and_not_far_too_many(
    margin: float, rate: float, true: float
) -> None:
    seen = power_at(Question(margin, rate, true), 600, seed=24)

    assert seen["end"] == pytest.approx(0.80, abs=0.05)
    assert 0.80 <= seen["ever"] <= 0.92


def test_a_sound_split_is_not_called_broken_and_a_broken_one_is_found() -> None:
    sound, broken = (split_alarms(share, 1_000, seed=25) for share in (0.5, 0.52))

    assert sound["sequential"] <= 0.003
    assert sound["chi_square"] > 0.01
    assert broken["sequential"] > 0.99
    assert broken["users"] == pytest.approx(10_500, rel=0.1)


def test_sessions_of_users_who_come_back_are_judged_right_by_hash_bucket_only() -> None:
    seen = bucket_claims(100, seed=26, days=14)

    assert seen["independent_once"] > 0.12
    assert seen["buckets_once"] <= 0.10
    assert seen["buckets_ever"] <= 0.05


@pytest.mark.parametrize("name", OPINIONS)
def test_the_mean_of_ratings_is_left_out_in_five_percent_at_most_at_all_votes_together(name: str) -> None:
    seen = rating_misses(name, 2_000, seed=27)

    assert seen["always_valid_ever"] <= 0.05
    assert seen["t_ever"] > 0.30


def test_the_page_shows_the_committed_result() -> None:
    result = json.loads((RESULTS / "statistics.json").read_text())
    text = STATISTICS_PAGE.read_text(encoding="utf-8")

    assert write_tables(text, promise_tables(result)) == text
    assert {goal["verdict"] for goal in result["goals"]} == {"reached"}


def test_the_number_of_pilots_can_be_chosen() -> None:
    assert statistics_options({}) == StatisticsOptions()
    assert statistics_options({"STATISTICS_PILOTS": "50"}).pilots == 50
    with pytest.raises(OptionError, match="STATISTICS_PILOTS=4000"):
        statistics_options({"STATISTICS_PILOTS": "many"})
