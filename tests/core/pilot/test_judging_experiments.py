"""Experiments in the judging: what cannot be seen now says nothing of now, and a new plan is judged anew."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from slo_daemon.core.pilot.criteria.parse import parse
from slo_daemon.core.pilot.facts import PilotFacts
from slo_daemon.core.pilot.measures import first_midnight, measures_of
from slo_daemon.core.pilot.names import vocabulary_of
from slo_daemon.core.pilot.pilot import (
    CriterionText,
    ExperimentMetric,
    Pilot,
    Role,
    Split,
    SplitKind,
    SuccessMetric,
)
from slo_daemon.core.pilot.readiness import assess
from slo_daemon.core.pilot.trials import strata_of, trials_of
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Effect, Finding
from slo_daemon.core.slo.measure import Day, Measure, Purpose, Watched
from slo_daemon.core.slo.query import Absent, Failed, FailReason, Reading
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.slo import SloInstance
from slo_daemon.core.slo.window import Slot, Tally
from tests.factories import (
    DAY,
    NOW,
    SLOT,
    all_readings,
    at_least,
    evaluated,
    one_number,
    records_of,
    seed_pilot,
)

COUNTS = {
    "treatment": (20_000.0, 1_200.0),
    "control": (20_000.0, 600.0),
}  # of each day: twice as many convert
FAILED = Failed("q", FailReason.CONNECT, "connection refused")


def pilot_with(trigger: str = "conversion_lift < -20%", bucket: str = "", **more: object) -> Pilot:
    seed = seed_pilot()
    experiment = ExperimentMetric(
        parse_selector("exposed_total"), parse_selector("converted_total"), "variant", "control", "treatment",
        bucket=bucket,
    )  # fmt: skip
    return replace(
        seed,
        success_metrics=(SuccessMetric("conversion_lift", replace(experiment, **more), at_least("15%")),),  # type: ignore[arg-type]
        go_live_criteria=(),
        rollback_triggers=(CriterionText(trigger, Role.ROLLBACK, parse(trigger)),),
    )


def measure_of(pilot: Pilot) -> Measure:
    (found,) = (one for one in measures_of(pilot) if one.purpose is Purpose.DAYS)
    return found


def counters(
    pilot: Pilot,
    counts: Mapping[str, tuple[float, float]] = COUNTS,
    answers: Mapping[str, Reading] | None = None,
    slot: Slot = SLOT,
    days: int = 5,
) -> list[Watched]:
    """Both variants with `days` equal days each; `answers`: what the latest slot was told of a variant instead of counts."""
    measure, found = measure_of(pilot), []
    for variant, (exposed, converted) in counts.items():
        group = (("variant", variant),)
        told = (answers or {}).get(variant)
        parts = (
            {"good": told, "total": told} if told else {"good": one_number(5.0), "total": one_number(50.0)}
        )
        readings = all_readings(replace(measure.slo, group_by=()), parts)
        evaluation = evaluated(measure.slo, readings, slot, group)
        since = first_midnight(pilot)
        seen = tuple(Day(since + DAY * day, Tally(converted, exposed, 1.0)) for day in range(days))
        found.append(Watched(SloInstance(measure.slo, group), evaluation, None, seen))
    return found


def trigger_of(pilot: Pilot, watched: Sequence[Watched], slot: Slot = SLOT, at: float = NOW) -> Finding:
    assessment, _ = assess(pilot, slot, at, [], records_of(), watched)
    (found,) = (finding for finding in assessment.findings if finding.role is Role.ROLLBACK)
    return found


def test_a_trigger_on_a_lift_is_quiet_while_both_variants_are_seen() -> None:
    pilot = pilot_with()
    assert trigger_of(pilot, counters(pilot)).state is Truth.FALSE


@pytest.mark.parametrize("variant", ["treatment", "control"])
@pytest.mark.parametrize(("answer", "reason"), [(FAILED, "connect"), (Absent("q"), "no_data")])
def test_a_trigger_on_a_lift_is_not_quiet_when_a_variant_cannot_be_seen(
    variant: str, answer: Reading, reason: str
) -> None:
    """What was counted before says nothing of what happens since nobody can look."""
    pilot = pilot_with()
    found = trigger_of(pilot, counters(pilot, answers={variant: answer}))
    assert (found.state, found.reason, found.effect) == (Truth.UNKNOWN, reason, Effect.OPEN)
    assert variant in found.detail


def test_a_lift_of_a_stalled_daemon_says_nothing_of_the_present() -> None:
    pilot = pilot_with()
    found = trigger_of(pilot, counters(pilot), at=NOW + 3 * 3600)
    assert (found.state, found.reason) == (Truth.UNKNOWN, "not_evaluated")
    older = trigger_of(pilot, counters(pilot, slot=Slot(NOW - 30.0, 30.0)))
    assert (older.state, older.reason) == (Truth.UNKNOWN, "not_evaluated")


def test_an_experiment_is_judged_anew_when_the_plan_changes_though_nothing_was_counted_since() -> None:
    by_ramp = pilot_with(split=Split(SplitKind.RAMP))
    assert by_ramp.ramp is not None
    watched = counters(by_ramp)
    old = trials_of(by_ramp, watched)
    steps = tuple(replace(step, percentage=0.5) for step in by_ramp.ramp.steps)
    changed = replace(by_ramp, ramp=replace(by_ramp.ramp, initial=0.5, maximum=0.5, steps=steps))
    assert trials_of(changed, watched, old) == trials_of(changed, watched)


def hashed(pilot: Pilot, absent: Mapping[int, set[str]]) -> list[Watched]:
    """64 hash buckets of both variants; on some days nothing was seen of some of them."""
    measure = measure_of(pilot)
    found = []
    for variant, (exposed, converted) in COUNTS.items():
        for number in range(64):
            bucket = f"{number:02d}"
            group = (("bucket", bucket), ("variant", variant))
            days = tuple(_days(pilot, exposed / 64, converted / 64 + number % 3, bucket, absent))
            readings = all_readings(
                replace(measure.slo, group_by=()), {"good": one_number(1.0), "total": one_number(2.0)}
            )
            found.append(
                Watched(
                    SloInstance(measure.slo, group), evaluated(measure.slo, readings, group=group), None, days
                )
            )
    return found


def _days(
    pilot: Pilot, exposed: float, converted: float, bucket: str, absent: Mapping[int, set[str]]
) -> Iterator[Day]:
    for day in range(5):
        gone = bucket in absent.get(day, set())
        tally = Tally(0.0, 0.0, 0.0) if gone else Tally(converted, exposed, 1.0)
        yield Day(first_midnight(pilot) + DAY * day, tally)


def test_a_hash_bucket_without_a_user_on_one_day_does_not_end_the_experiment() -> None:
    pilot = pilot_with(bucket="bucket")
    (metric,) = pilot.success_metrics
    assert isinstance(metric.source, ExperimentMetric)
    watched = hashed(pilot, {0: {"17"}})
    assert {len(s.buckets) for s in strata_of(metric.source, pilot, watched)} == {64}
    facts = PilotFacts(
        pilot, vocabulary_of(pilot), SLOT, NOW, [], watched, records_of(), trials_of(pilot, watched)
    )
    assert facts.trials["conversion_lift"].outcome.lift.interval is not None


def test_hash_buckets_keep_their_places_when_different_ones_are_missing_on_two_days() -> None:
    pilot = pilot_with(bucket="bucket")
    (metric,) = pilot.success_metrics
    assert isinstance(metric.source, ExperimentMetric)
    strata = strata_of(metric.source, pilot, hashed(pilot, {0: {"00"}, 1: {"63"}}))
    assert strata[0].buckets[0][0].exposed == strata[1].buckets[63][0].exposed == 0.0
    assert strata[0].buckets[1] == strata[1].buckets[1] == strata[2].buckets[1]
