"""What charts are drawn from: when users are asked back about, what reports keep of the ramp, what was planned."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.courses import (
    MOST_OPINIONS,
    Served,
    counted_of,
    opinion_times,
    planned_of,
    shown_since,
    with_gaps,
    with_served,
)
from slo_daemon.core.pilot.experiment.strata import Arm, Stratum
from slo_daemon.core.pilot.measures import first_midnight
from slo_daemon.core.pilot.pilot import Split, SplitKind
from slo_daemon.core.report import Report, Transitions, compose
from slo_daemon.core.report_json import previous_report, report_json
from tests.core.scenarios import healthy_report
from tests.factories import DAY, NOW, SLOT, records_of, seed_pilot, snapshot_of
from tests.watching import watched_of

HOUR = 3_600.0
START = first_midnight(seed_pilot())


@given(st.floats(0, 400 * DAY))
def test_users_are_asked_back_about_a_few_times_in_order_and_now(age: float) -> None:
    times = opinion_times(seed_pilot(), START + age)
    assert 1 <= len(times) <= MOST_OPINIONS
    assert times[-1] == START + age
    assert list(times) == sorted(set(times))
    assert all((time - START) % DAY == 0 for time in times[:-1])


def test_before_a_pilot_begins_only_now_counts() -> None:
    assert opinion_times(seed_pilot(), START - DAY) == (START - DAY,)


def test_of_a_young_pilot_four_weeks_are_shown_and_of_an_old_one_all_of_it() -> None:
    assert shown_since(seed_pilot(), START + DAY) == START - 27 * DAY
    assert shown_since(seed_pilot(), START + 40 * DAY) == START


def test_what_was_served_is_kept_hourly_for_a_week_and_bounded() -> None:
    kept: tuple[Served, ...] = ()
    now = NOW
    for hour in range(24 * 120):
        now = NOW + hour * HOUR
        kept = with_served(kept, Served(now, 0.1))
    assert len(kept) < 24 * 7 + 4 * 28 + 400
    assert [one.at for one in kept[-3:]] == [now - 2 * HOUR, now - HOUR, now]
    assert kept[0].at < NOW + 2 * DAY
    assert len(kept) == len({one.at for one in kept})


def test_reports_of_every_minute_leave_one_point_an_hour_behind_them() -> None:
    kept: tuple[Served, ...] = ()
    for minute in range(181):
        kept = with_served(kept, Served(NOW + 60 * minute, minute / 1000))
    assert [one.at - NOW for one in kept] == [0.0, HOUR, 2 * HOUR, 3 * HOUR]


def test_a_clock_that_was_set_back_leaves_no_later_points() -> None:
    kept = (Served(NOW, 0.1), Served(NOW + HOUR, 0.2))
    assert with_served(kept, Served(NOW + 60, 0.3)) == (Served(NOW, 0.1), Served(NOW + 60, 0.3))


def test_where_reports_were_missing_the_line_has_a_gap() -> None:
    served = [Served(NOW + hour * HOUR, 0.1) for hour in (0, 1, 2, 30, 31)]
    found = with_gaps(served, NOW + 31 * HOUR)
    assert [one.share for one in found] == [0.1, 0.1, 0.1, None, 0.1, 0.1]


def test_daily_reports_are_no_gaps() -> None:
    served = [Served(NOW + day * DAY, 0.1) for day in range(6)]
    assert list(with_gaps(served, NOW + 5 * DAY)) == served


def test_the_plan_begins_with_the_pilot_and_names_only_changes() -> None:
    assert planned_of(seed_pilot()) == (
        (START, 0.05), (START + 7 * DAY, 0.10), (START + 21 * DAY, 0.15), (START + 35 * DAY, 0.20),
    )  # fmt: skip
    assert planned_of(replace(seed_pilot(), ramp=None)) == ()
    short = replace(seed_pilot(), duration=timedelta(weeks=2))
    assert planned_of(short) == ((START, 0.05), (START + 7 * DAY, 0.10))


def test_an_experiment_that_is_split_by_the_ramp_tells_which_share_came_on_each_day() -> None:
    ((_, trial),) = healthy_report().assessment.trials
    found = {one.at: one.share for one in counted_of(trial)}
    assert found[START + DAY / 2] == pytest.approx(0.05)
    assert found[START + 8.5 * DAY] == pytest.approx(0.10)
    assert len(found) == 31
    equal = replace(trial, experiment=replace(trial.experiment, split=Split(SplitKind.EQUAL)))
    assert counted_of(equal) == ()
    nobody = replace(trial, strata=(Stratum(trial.strata[0].day, Arm(0.0, 0.0), Arm(0.0, 0.0)),))
    assert counted_of(nobody) == (Served(START + DAY / 2, None),)


def observed_report(at: float, previous: Report | None = None) -> Report:
    ramp = seed_pilot().ramp
    assert ramp is not None
    pilot = replace(seed_pilot(), ramp=replace(ramp, observed="a / b"))
    snapshot = snapshot_of(pilot, [], records_of(), SLOT, NOW, watched=watched_of(pilot))
    before = None if previous is None else previous_report(report_json(previous))
    return compose(pilot, snapshot, at, previous=before, transitions=Transitions(()))


def test_every_report_takes_on_what_was_served_from_the_one_before() -> None:
    first = observed_report(NOW)
    second = observed_report(NOW + HOUR, first)
    assert first.served == (Served(NOW, 0.1),)
    assert second.served == (Served(NOW, 0.1), Served(NOW + HOUR, 0.1))
    assert report_json(second)["history"]["served"] == [[NOW, 0.1], [NOW + HOUR, 0.1]]


def test_a_ramp_that_nobody_observes_leaves_no_history() -> None:
    assert healthy_report().served == ()


def test_a_report_from_before_there_was_a_history_is_still_read() -> None:
    old = {key: value for key, value in report_json(healthy_report()).items() if key != "history"}
    assert previous_report(old).served == ()


@pytest.mark.parametrize(
    "broken", [None, {"served": [[1.0]]}, {"served": [[1.0, 7]]}, {"served": [["x", 0.1]]}]
)
def test_a_history_that_is_none_is_refused(broken: object) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        previous_report(report_json(healthy_report()) | {"history": broken})
