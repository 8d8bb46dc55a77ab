"""What the demo's people tell: one file of ratings that the daemon takes as it is."""

import json
from collections import Counter

from slo_daemon.demo.voices import VOTES, ratings_file
from slo_daemon.web.import_files import JSON_TYPE, feedback_rows

NOW = 1_790_000_000.0
DAY = 86_400.0


def test_the_ratings_are_one_file_without_a_row_that_the_daemon_would_refuse() -> None:
    rows = feedback_rows(ratings_file(7, NOW), JSON_TYPE)
    assert len(rows) == VOTES + 3
    assert [row.problems for row in rows if row.problems] == []


def test_the_ratings_lie_in_the_pilots_thirty_days_and_each_user_rates_once() -> None:
    told = json.loads(ratings_file(7, NOW))["feedback"]
    assert all(NOW - 30 * DAY < one["given_at"] < NOW for one in told)
    assert len({one["user"] for one in told}) == len(told)


def test_before_the_first_outage_there_are_votes_enough_for_the_trigger_on_satisfaction_to_see() -> None:
    told = json.loads(ratings_file(7, NOW))["feedback"]
    assert sum(one["given_at"] < NOW - 26.4 * DAY for one in told) >= 30


def test_some_ratings_name_the_cohort_and_the_variant_of_the_example_pilot_and_some_do_not() -> None:
    told = json.loads(ratings_file(7, NOW))["feedback"]
    cohorts, variants = (
        Counter(one.get("cohort") for one in told),
        Counter(one.get("variant") for one in told),
    )
    assert set(cohorts) == {"power_users", "mobile_users", None}
    assert set(variants) == {"treatment", "control", None}
    assert variants["treatment"] > variants["control"]


def test_another_seed_is_other_people() -> None:
    assert ratings_file(7, NOW) != ratings_file(8, NOW)
    assert ratings_file(7, NOW) == ratings_file(7, NOW)
