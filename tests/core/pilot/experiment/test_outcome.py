"""An experiment as a whole: what is trusted, what is not, and which days count."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from slo_daemon.core.pilot.experiment.feasibility import outlook_so_far, planned_days
from slo_daemon.core.pilot.experiment.lift import LiftReason
from slo_daemon.core.pilot.experiment.outcome import judge
from slo_daemon.core.pilot.experiment.strata import (
    Arm,
    Stratum,
    bucket_stratum,
    days_of_change,
    left_out_days,
    planned_share,
)
from slo_daemon.core.pilot.pilot import (
    CountedUnit,
    ExperimentMetric,
    Pilot,
    Ramp,
    RampStep,
    Split,
    SplitKind,
    Stage,
)
from slo_daemon.core.slo.selector import parse_selector
from tests.core.pilot.experiment.counted import FIRST, day

METRIC = ExperimentMetric(
    parse_selector("exposed_total"), parse_selector("converted_total"), "variant", "control", "treatment"
)
REQUESTS = replace(METRIC, unit=CountedUnit.REQUESTS)
STRATA = [day(number, (1_000, 50), (1_000, 40), 0.5) for number in range(20)]
RAMP = Ramp(0.05, 0.2, (RampStep(1, 0.05), RampStep(2, 0.10), RampStep(4, 0.20), RampStep(5, 0.20)))
PILOT = Pilot("search", "Search", Stage.CANARY, FIRST, timedelta(weeks=8), (), ramp=RAMP)


def test_users_counted_once_are_judged() -> None:
    found = judge(METRIC, STRATA)

    assert found.lift.reason is None
    assert found.lift.interval is not None
    assert found.lift.interval[0] < 0.25 < found.lift.interval[1]
    assert found.mismatch is not None
    assert not found.mismatch.flagged
    assert [at for at, _ in found.by_day] == [s.day for s in STRATA]
    assert found.by_day[-1][1] == found.lift


def test_requests_are_not_independent_unless_somebody_says_why() -> None:
    refused = judge(REQUESTS, STRATA)
    declared = judge(replace(REQUESTS, independent="one request per user and day"), STRATA)

    assert refused.lift.reason is LiftReason.NOT_INDEPENDENT
    assert (refused.lift.interval, refused.lift.p_value(0.0)) == (None, None)
    assert refused.lift.point == pytest.approx(0.25)
    assert refused.mismatch is None
    assert refused.by_day == ()
    assert declared.lift == judge(METRIC, STRATA).lift


def test_requests_by_hash_bucket_are_judged_between_buckets() -> None:
    rng = np.random.default_rng(2)
    strata = [
        bucket_stratum(
            s.day,
            [Arm(float(n), float(rng.binomial(n, 0.05))) for n in rng.poisson(200, 64)],
            [Arm(float(n), float(rng.binomial(n, 0.05))) for n in rng.poisson(200, 64)],
            0.5,
        )
        for s in STRATA
    ]
    found = judge(replace(REQUESTS, bucket="bucket"), strata).lift

    assert found.reason is None
    assert found.contrast is not None
    assert found.contrast.degrees is not None


def test_a_configured_bucket_label_that_no_series_has_does_not_count() -> None:
    assert judge(replace(REQUESTS, bucket="bucket"), STRATA).lift.reason is LiftReason.NOT_INDEPENDENT


def test_a_broken_split_makes_the_lift_unknown_whatever_it_is() -> None:
    broken = [day(number, (1_000, 50), (1_200, 40), 0.5) for number in range(20)]
    found = judge(METRIC, broken)

    assert found.lift.reason is LiftReason.SAMPLE_RATIO_MISMATCH
    assert found.lift.interval is None
    assert found.lift.detail == str(found.mismatch)
    unchecked = [replace(s, share=None) for s in broken]
    assert judge(METRIC, unchecked).lift.reason is None


def test_days_that_are_left_out_are_named_and_count_for_nothing() -> None:
    strange = day(7, (90_000, 80_000), (5, 1), 0.5)
    strata = [*STRATA[:7], strange, *STRATA[8:]]
    found = judge(METRIC, strata, left_out={strange.day})

    assert found.left_out == (strange.day,)
    assert found.lift == judge(METRIC, [*STRATA[:7], *STRATA[8:]]).lift


def test_without_a_count_there_is_no_other_reason() -> None:
    assert judge(REQUESTS, []).lift.reason is LiftReason.NO_USERS


def test_only_first_days_of_steps_that_change_the_share_are_left_out() -> None:
    assert days_of_change(RAMP, FIRST) == {FIRST + timedelta(weeks=1), FIRST + timedelta(weeks=3)}
    assert days_of_change(None, FIRST) == frozenset()
    ramped = replace(METRIC, split=Split(SplitKind.RAMP))
    assert left_out_days(ramped, PILOT) == days_of_change(RAMP, FIRST)
    assert left_out_days(METRIC, PILOT) == frozenset()


@pytest.mark.parametrize(
    ("split", "first", "last"),
    [
        (Split(SplitKind.RAMP), 0.05, 0.20),
        (Split(SplitKind.EQUAL), 0.5, 0.5),
        (Split(SplitKind.FIXED, 0.25), 0.25, 0.25),
        (Split(SplitKind.UNCHECKED), None, None),
    ],
)
def test_the_planned_share_is_that_of_the_split(
    split: Split, first: float | None, last: float | None
) -> None:
    metric = replace(METRIC, split=split)

    assert planned_share(metric, PILOT, FIRST) == first
    assert planned_share(metric, PILOT, PILOT.last_day) == last


def test_the_users_of_a_ramp_are_planned_day_by_day_without_the_days_of_change() -> None:
    planned = list(planned_days(replace(METRIC, split=Split(SplitKind.RAMP)), PILOT, 1_000))

    assert len(planned) == 56 - 2
    assert (planned[0].treatment, planned[0].control) == (50, 950)
    assert (planned[-1].day, planned[-1].treatment) == (PILOT.last_day, 200)
    assert len(list(planned_days(METRIC, PILOT, 1_000))) == 56


def test_the_outlook_goes_on_with_as_many_users_as_came_lately() -> None:
    found = outlook_so_far(METRIC, PILOT, STRATA, 0.0)
    assert found is not None

    assert found.question.base_rate == pytest.approx(0.04)
    assert found.question.lift == pytest.approx(0.25)
    assert (found.coming.treatment, found.last_day) == (56_000, PILOT.last_day)
    assert found.answered is not None
    assert "reached about" in str(found)


def test_the_lift_that_the_author_reckons_with_counts_more_than_the_one_seen_so_far() -> None:
    found = outlook_so_far(replace(METRIC, expected_lift=0.05), PILOT, STRATA, 0.0)
    assert found is not None

    assert found.question.lift == 0.05
    assert found.answered is None
    assert "0 % where it really is 5 % takes about" in str(found)


def test_a_pilot_that_is_over_has_only_what_was_counted() -> None:
    late = [replace(s, day=s.day + timedelta(weeks=6)) for s in STRATA]
    found = outlook_so_far(METRIC, PILOT, late, 0.0)
    assert found is not None
    assert found.coming.treatment == 20_000


@pytest.mark.parametrize("strata", [[], [day(0, (1_000, 10), (1_000, 0))], [day(0, (10, 10), (10, 10))]])
def test_before_control_has_converted_there_is_no_outlook(strata: list[Stratum]) -> None:
    assert outlook_so_far(METRIC, PILOT, strata, 0.0) is None
