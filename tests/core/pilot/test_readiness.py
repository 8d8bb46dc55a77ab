"""May the rollout widen? The seed's rules, and that nothing unknown, old or missing ever counts as good."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.pilot.facts import Judged
from slo_daemon.core.pilot.pilot import Pilot, Role
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.readiness import assess
from slo_daemon.core.pilot.records import Incident, Records, RecordsUnavailable, Severity
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Assessment, Finding, Verdict
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import Absent, Failed, FailReason
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SloView
from tests.factories import (
    DAY,
    NOW,
    SLOT,
    all_readings,
    bad_readings,
    healthy_readings,
    incident,
    judged,
    one_number,
    plain_pilot,
    ratings_of,
    records_of,
    seed_pilot,
    seed_records,
    seed_slos,
    view,
)

PLAIN = plain_pilot()
GOODNESS = {Verdict.NOT_READY: 0, Verdict.INCONCLUSIVE: 1, Verdict.READY: 2}
UNAVAILABLE = RecordsUnavailable("store_unavailable", "the store cannot be read: disk gone")


def healthy(slos: Sequence[Slo] = PLAIN.slos) -> list[SloView]:
    return [view(slo, healthy_readings(slo)) for slo in slos]


def assessed(
    records: Records | RecordsUnavailable | None = None,
    views: Sequence[SloView] | None = None,
    pilot: Pilot = PLAIN,
    at: float = NOW,
    slot: Slot | None = SLOT,
) -> Assessment:
    shown = healthy(pilot.slos) if views is None else views
    return assess(pilot, slot, at, judged(*shown), records or records_of())[0]


def finding_of(assessment: Assessment, text: str) -> Finding:
    (found,) = (finding for finding in assessment.findings if text in finding.text)
    return found


def test_a_healthy_pilot_is_ready_to_advance() -> None:
    assessment = assessed()
    assert (assessment.verdict, assessment.advice) == (Verdict.READY, Advice.ADVANCE)
    assert assessment.blockers == assessment.warnings == ()
    assert finding_of(assessment, "every SLO").detail == "4 of 4 SLOs met"


def test_a_missed_slo_blocks_and_is_named_with_its_value() -> None:
    views = healthy()
    views[3] = view(PLAIN.slos[3], bad_readings(PLAIN.slos[3]))
    assessment = assessed(views=views)
    assert (assessment.verdict, assessment.advice) == (Verdict.NOT_READY, Advice.HOLD)
    assert assessment.blockers == ("SLOs not met: error-rate (2.4 % against at most 0.1 %)",)
    assert assessment.warnings == ("alert level critical: error-rate",)


@pytest.mark.parametrize(
    ("slo", "readings", "reason"),
    [
        (2, {"bad": Absent("q"), "total": Failed("q", FailReason.TIMEOUT, "slow")}, "timeout"),
        (2, {"bad": Absent("q"), "total": one_number(0)}, "no_traffic"),
        (2, {"bad": Absent("q"), "total": one_number(80)}, "too_few_events"),
    ],
)
def test_an_slo_that_cannot_be_told_leaves_the_verdict_open(
    slo: int, readings: dict[str, Absent | Failed], reason: str
) -> None:
    views = healthy()
    views[slo] = view(PLAIN.slos[slo], all_readings(PLAIN.slos[slo], readings))
    assessment = assessed(views=views)
    assert (assessment.verdict, assessment.advice) == (Verdict.INCONCLUSIVE, Advice.HOLD)
    said = reason.replace("_", " ")
    assert finding_of(assessment, "every SLO").detail == f"cannot be told for availability ({said})"


def test_an_slo_that_was_not_evaluated_leaves_the_verdict_open() -> None:
    views = healthy()
    views[0] = replace(views[0], evaluation=None)
    assert assessed(views=views).verdict is Verdict.INCONCLUSIVE


def test_before_the_first_slot_nothing_is_known() -> None:
    assert assessed(views=[replace(v, evaluation=None) for v in healthy()], slot=None).verdict is (
        Verdict.INCONCLUSIVE
    )


def test_an_evaluation_of_an_earlier_slot_does_not_count() -> None:
    assessment = assessed(slot=Slot(SLOT.time + 30, 30))
    assert assessment.verdict is Verdict.INCONCLUSIVE
    assert "not evaluated in the latest slot" in finding_of(assessment, "every SLO").detail


def test_an_old_slot_does_not_count() -> None:
    assert assessed(at=NOW + 299).verdict is Verdict.READY
    assessment = assessed(at=NOW + 301)
    assert assessment.verdict is Verdict.INCONCLUSIVE
    assert "last evaluated 5m1s ago" in finding_of(assessment, "every SLO").detail


def test_a_pilot_without_slos_is_not_ready() -> None:
    assert assessed(views=[], pilot=replace(PLAIN, slos=())).verdict is Verdict.INCONCLUSIVE


def test_a_grouped_slo_that_has_never_seen_a_group_is_not_forgotten() -> None:
    grouped = replace(PLAIN.slos[2], group_by=("region",))
    pilot = replace(PLAIN, slos=(PLAIN.slos[0], grouped))
    assessment = assessed(views=healthy([PLAIN.slos[0]]), pilot=pilot)
    assert assessment.verdict is Verdict.INCONCLUSIVE
    assert "availability (no group of it was seen yet)" in finding_of(assessment, "every SLO").detail


def test_a_critical_level_that_has_not_cleared_yet_leaves_the_verdict_open() -> None:
    slo = PLAIN.slos[3]
    before = view(slo, bad_readings(slo), slot=Slot(NOW - 30, 30))
    after = view(slo, healthy_readings(slo), previous=before.state)
    assert (after.state.level, after.evaluation.met if after.evaluation else None) == (Level.CRITICAL, True)
    assessment = assessed(views=[*healthy()[:3], after])
    assert assessment.verdict is Verdict.INCONCLUSIVE
    assert "not for long enough" in finding_of(assessment, "every SLO").detail


def test_many_missed_slos_are_counted_when_naming_all_would_be_too_long() -> None:
    slos = [replace(PLAIN.slos[3], name=f"s{i}") for i in range(8)]
    assessment = assessed(views=[view(slo, bad_readings(slo)) for slo in slos], pilot=plain_pilot(slos))
    assert assessment.blockers[0].count("2.4 %") == 5
    assert assessment.blockers[0].endswith(" and 3 more")
    assert (finding_of(assessment, "every SLO").value, finding_of(assessment, "every SLO").n) == (0, 8)


@pytest.mark.parametrize("age", [0.1, 6, 8, 400])
def test_an_unresolved_critical_incident_blocks_however_old_it_is(age: float) -> None:
    records = records_of([incident(severity=Severity.CRITICAL, started_at=NOW - age * DAY)])
    assessment = assessed(records)
    assert assessment.verdict is Verdict.NOT_READY
    assert assessment.blockers == ("1 unresolved critical incident",)


def test_resolved_critical_and_open_lesser_incidents_do_not_block() -> None:
    records = records_of(
        [
            incident(1, Severity.CRITICAL, resolution="fixed"),
            incident(2, Severity.WARNING),
            incident(3, Severity.INFO),
        ]
    )
    assert assessed(records).verdict is Verdict.READY


def test_more_than_five_incidents_in_a_week_warn() -> None:
    six = [incident(i, resolution="fixed") for i in range(6)]
    assert assessed(records_of(six[:5])).warnings == ()
    assert assessed(records_of(six)).warnings == ("many incidents: 6 in the last 7 days",)
    old = [replace(i, started_at=NOW - 8 * DAY) for i in six]
    assert assessed(records_of(old)).warnings == ()


def test_a_blocker_does_not_hide_the_warning_about_many_incidents() -> None:
    assessment = assessed(records_of([incident(i, Severity.CRITICAL) for i in range(6)]))
    assert assessment.blockers == ("6 unresolved critical incidents",)
    assert assessment.warnings == ("many incidents: 6 in the last 7 days",)


@pytest.mark.parametrize(
    ("ratings", "verdict", "reason"),
    [
        ([3] * 15 + [4] * 15, Verdict.READY, "satisfied"),
        ([3] * 16 + [4] * 14, Verdict.NOT_READY, "satisfaction_low"),
        ([1] * 29, Verdict.INCONCLUSIVE, "too_few_votes"),
        ([5] * 29, Verdict.INCONCLUSIVE, "too_few_votes"),
        ([5] * 30, Verdict.READY, "satisfied"),
    ],
)
def test_satisfaction_under_three_and_a_half_blocks_when_enough_have_voted(
    ratings: list[int], verdict: Verdict, reason: str
) -> None:
    assessment = assessed(records_of(ratings=ratings_of(*ratings)))
    assert assessment.verdict is verdict
    found = finding_of(assessment, "satisfaction")
    assert (found.reason, found.n) == (reason, len(ratings))
    assert found.value == pytest.approx(sum(ratings) / len(ratings))
    assert found.interval is not None


def test_satisfaction_under_four_warns_when_enough_have_voted() -> None:
    wanted, below = [4] * 30, [4] * 29 + [3]
    assert assessed(records_of(ratings=ratings_of(*wanted))).warnings == ()
    (warning,) = assessed(records_of(ratings=ratings_of(*below))).warnings
    assert warning.startswith("user satisfaction is below the wanted 4.0/5: mean 3.97/5 from 30 votes")
    assert assessed(records_of(ratings=ratings_of(*below[1:]))).warnings == ()


def test_a_pilot_that_asks_its_users_is_not_ready_before_they_have_answered() -> None:
    asks = replace(PLAIN, success_metrics=tuple(m for m in seed_pilot().success_metrics if "user" in m.name))
    assert finding_of(assessed(pilot=asks), "user satisfaction is at least").reason == "no_feedback"
    assert all("satisfaction" not in finding.text for finding in assessed().findings)


def test_without_the_store_nothing_is_ready() -> None:
    assessment = assessed(UNAVAILABLE)
    assert (assessment.verdict, assessment.advice) == (Verdict.INCONCLUSIVE, Advice.HOLD)
    found = finding_of(assessment, "critical incident")
    assert (found.state, found.reason) == (Truth.UNKNOWN, "store_unavailable")
    assert "the store cannot be read: disk gone" in assessment.advice_reason


def test_without_the_store_a_missed_slo_still_blocks() -> None:
    views = [view(slo, bad_readings(slo)) for slo in PLAIN.slos]
    assert assessed(UNAVAILABLE, views).verdict is Verdict.NOT_READY


def test_what_nobody_has_looked_at_is_listed_as_unknown() -> None:
    pilot = seed_pilot()
    assessment = assessed(records_of(ratings=ratings_of(*[5] * 40)), pilot=pilot)
    by_text = {f.text.partition(":")[0]: (f.state, f.reason) for f in assessment.findings}
    for text in ("All SLOs met for 2+ weeks", "Conversion lift > 10% (significant)", "search_success_rate"):
        assert by_text[text] == (Truth.UNKNOWN, "not_evaluated")
    written = [f.text.partition(":")[0] for f in assessment.findings if f.role is not Role.DEFAULT]
    assert written == [
        *(metric.name for metric in pilot.success_metrics),
        *(criterion.text for criterion in (*pilot.go_live_criteria, *pilot.rollback_triggers)),
    ]
    assert assessment.verdict is Verdict.INCONCLUSIVE


def test_the_seeds_own_example_is_inconclusive_and_blocked_by_nothing() -> None:
    assessment = assessed(seed_records(), pilot=seed_pilot())
    assert assessment.verdict is Verdict.INCONCLUSIVE
    assert assessment.blockers == ()
    assert finding_of(assessment, "every SLO").state is Truth.TRUE
    assert finding_of(assessment, "user satisfaction is at least").reason == "too_few_votes"


# Each SLO is good (0), cannot be told (1) or is missed (2); rising numbers are worse.
CONDITIONS = st.lists(st.integers(min_value=0, max_value=2), min_size=4, max_size=4)
SLOS = seed_slos("plain")
BY_CONDITION = [
    [view(slo, healthy_readings(slo)) for slo in SLOS],
    [
        view(slo, {name: Failed("q", FailReason.HTTP, "500") for name in healthy_readings(slo)})
        for slo in SLOS
    ],
    [view(slo, bad_readings(slo)) for slo in SLOS],
]  # fmt: skip
INCIDENTS = st.lists(
    st.builds(
        incident,
        st.integers(min_value=1, max_value=99),
        st.sampled_from(Severity),
        resolution=st.none() | st.just("fixed"),
        started_at=st.floats(min_value=NOW - 20 * DAY, max_value=NOW),
    ),
    max_size=9,
)
RATINGS = st.lists(st.integers(min_value=1, max_value=5), max_size=60)


def by_conditions(conditions: Sequence[int]) -> list[Judged]:
    return judged(*(BY_CONDITION[condition][i] for i, condition in enumerate(conditions)))


def verdict_of(
    conditions: Sequence[int], incidents: Sequence[Incident], ratings: Sequence[int]
) -> Assessment:
    records = records_of(incidents, ratings_of(*ratings))
    return assess(PLAIN, SLOT, NOW, by_conditions(conditions), records)[0]


@given(CONDITIONS, INCIDENTS, RATINGS, st.integers(min_value=0, max_value=3))
def test_a_worse_slo_never_improves_the_verdict(
    conditions: list[int], incidents: list[Incident], ratings: list[int], which: int
) -> None:
    worse = [min(2, c + 1) if i == which else c for i, c in enumerate(conditions)]
    before, after = (verdict_of(c, incidents, ratings) for c in (conditions, worse))
    assert GOODNESS[after.verdict] <= GOODNESS[before.verdict]


@given(CONDITIONS, INCIDENTS, RATINGS, st.sampled_from(Severity))
def test_one_more_open_incident_never_improves_the_verdict_or_removes_a_warning(
    conditions: list[int], incidents: list[Incident], ratings: list[int], severity: Severity
) -> None:
    before = verdict_of(conditions, incidents, ratings)
    after = verdict_of(conditions, [*incidents, incident(severity=severity)], ratings)
    assert GOODNESS[after.verdict] <= GOODNESS[before.verdict]
    assert len(after.warnings) >= len(before.warnings)


@given(CONDITIONS, INCIDENTS, RATINGS.filter(bool), st.data())
def test_a_lower_rating_never_improves_the_verdict(
    conditions: list[int], incidents: list[Incident], ratings: list[int], data: st.DataObject
) -> None:
    which = data.draw(st.integers(min_value=0, max_value=len(ratings) - 1))
    lower = data.draw(st.integers(min_value=1, max_value=ratings[which]))
    worse = [lower if i == which else rating for i, rating in enumerate(ratings)]
    before, after = (verdict_of(conditions, incidents, r) for r in (ratings, worse))
    assert GOODNESS[after.verdict] <= GOODNESS[before.verdict]


@given(CONDITIONS, INCIDENTS, RATINGS)
def test_ready_means_that_everything_is_known_and_good(
    conditions: list[int], incidents: list[Incident], ratings: list[int]
) -> None:
    assessment = verdict_of(conditions, incidents, ratings)
    assert (assessment.verdict is Verdict.READY) == all(f.state is Truth.TRUE for f in assessment.findings)
    if assessment.verdict is Verdict.READY:
        assert not any(conditions)
        assert not any(i.severity is Severity.CRITICAL and not i.resolved for i in incidents)
        assert not ratings or (len(ratings) >= 30 and sum(ratings) >= 3.5 * len(ratings))


@given(CONDITIONS, INCIDENTS, RATINGS)
def test_the_same_input_gives_the_same_assessment(
    conditions: list[int], incidents: list[Incident], ratings: list[int]
) -> None:
    assert verdict_of(conditions, incidents, ratings) == verdict_of(conditions, incidents, ratings)
