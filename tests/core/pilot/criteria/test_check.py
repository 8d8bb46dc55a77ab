"""What is said of a criterion when it is loaded: every message as it is shown."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from slo_daemon.core.pilot.criteria.check import (
    Purpose,
    check,
    check_placed,
    meaning_of,
)
from slo_daemon.core.pilot.criteria.criterion import Criterion, Operand
from slo_daemon.core.pilot.criteria.errors import render
from slo_daemon.core.pilot.criteria.meaning import Kind, Meaning
from slo_daemon.core.pilot.criteria.parse import LONGEST, parse, read
from slo_daemon.core.pilot.criteria.show import show
from slo_daemon.core.pilot.criteria.vocabulary import WORDS, Fault, Vocabulary
from slo_daemon.core.pilot.names import vocabulary_of
from slo_daemon.core.pilot.pilot import FeedbackMetric, Ramp, SuccessMetric
from slo_daemon.core.quantity import UNITS, Dimension
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Gauge, LatencyShare, Quantile, Throughput
from slo_daemon.core.slo.sli.gauge import Aggregate
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Window
from tests.core.pilot.criteria.strategies import CRITERIA
from tests.factories import DURATION, PILOT, at_least, at_most, seed_pilot


def seed_vocabulary() -> Vocabulary:
    """The seed's pilot, with a budget for its availability."""
    pilot = seed_pilot()
    budget = BudgetPolicy(Window(30 * 86_400), BudgetMethod.OCCURRENCES, 0.999)
    slos = tuple(replace(s, budget=budget) if s.name == "availability" else s for s in pilot.slos)
    return vocabulary_of(replace(pilot, slos=slos))


VOCABULARY = seed_vocabulary()
GOOD = [
    "availability < 99.5%", "error-rate[1h] > 1%", "error_rate > 0.01ratio", "query_latency_p95 > 0.2s", "latency_p99 > 200ms for 5m",
    "p99_latency > 200ms", "critical_incidents[7d] == 0", "incidents[90s] <= 3", "open_critical_incidents == 0",
    "user_satisfaction > 4.0/5", "user_satisfaction > 4", "user_satisfaction(mobile_users)[7d] > 4.0/5 point",
    "satisfied_share(treatment) > 80%", "responses >= 30", "conversion_lift > 10% vs control significant at 5%",
    "conversion_lift > -5%", "search_success_rate[1d] > 80%", "zero-result-rate < 15%", "budget_remaining(availability) > 20%",
    "burn_rate(availability)[1h] > 14.4", "alert_level(error_rate) < 2", "scheduled_percentage >= 10%", "time_in_stage > 7d",
    "pilot_age > 2w", "all slos met for 14d", "availability met for 7d strictly", "search_success_rate met for 7d",
    "conversion_lift met", "any slos in (availability, error_rate) met",
]  # fmt: skip
PROBLEMS = [
    ("availabilty < 99.5%", "^^^^^^^^^^^ 'availabilty' is no SLO, success metric or other number that is known here; did you mean 'availability'?"),
    ("xyzzy > 5", "^^^^^ 'xyzzy' is no SLO, success metric or other number that is known here; the names are query-latency-p95, query-latency-p99, availability, error-rate, search_success_rate, zero_result_rate, conversion_lift, user_satisfaction, latency_p95, p95_latency, latency, latency_p99 and 18 more"),
    ("latency > 5ms", "^^^^^^^ latency could be each of query-latency-p95, query-latency-p99; write the name that you mean"),
    ("p50_latency > 5ms", "^^^^^^^^^^^ the pilot has no SLO that p50_latency could stand for; the SLOs are query-latency-p95, query-latency-p99, availability, error-rate"),
    ("throughput > 5/s", "^^^^^^^^^^ the pilot has no SLO that throughput could stand for; the SLOs are query-latency-p95, query-latency-p99, availability, error-rate"),
    ("availability < 99.5", "               ^^^^ 99.5 has no unit, but availability is a ratio; write 99.5%"),
    ("availability < 0.995", "               ^^^^^ 0.995 has no unit, but availability is a ratio; write 99.5%"),
    ("availability < 5ms", "               ^^^ 5ms is a time, but availability is a ratio; write for example 99.5%"),
    ("latency_p99 > 1%", "              ^^ 1% is a ratio, but latency_p99 is a time; write for example 200ms"),
    ("latency_p99 > 200", "              ^^^ 200 has no unit, but latency_p99 is a time; write for example 200ms"),
    ("user_satisfaction > 80%", "                    ^^^ 80% is a ratio, but user_satisfaction is a rating; write for example 4.0/5"),
    ("incidents[1d] > 5%", "                ^^ 5% is a ratio, but incidents[1d] is a plain number; write for example 3"),
    ("availability[1m] < 99.5%", "            ^^^^ 1m is shorter than 5m, the shortest time that an SLO is measured over; write 5m"),
    ("availability < 99.5% over 7m", "                     ^^^^^^^ 7m is no multiple of 5m; write 5m or 10m"),
    ("availability[9w] < 99.5%", None),
    ("availability[999d] < 99.5%", "            ^^^^^^ 999d is longer than 366d, the longest that can be measured; write less"),
    ("availability(a) < 99.5%", "            ^^^ availability takes nothing in parentheses; write availability"),
    ("incidents == 0", "^^^^^^^^^ incidents needs a window; write for example incidents[7d]"),
    ("burn_rate(availability) > 5", "^^^^^^^^^ burn_rate needs a window; write for example burn_rate(availability)[1h]"),
    ("burn_rate[1h] > 5", "^^^^^^^^^ burn_rate needs an SLO; write for example burn_rate(query-latency-p95)"),
    ("burn_rate(error_rate)[1h] > 5", "         ^^^^^^^^^^^^ error-rate has no error budget; give it one with the key budget"),
    ("budget_remaining(availability)[1h] > 5%", "                              ^^^^ budget_remaining has no window; remove the window"),
    ("alert_level(search_success_rate) < 2", "           ^^^^^^^^^^^^^^^^^^^^^ 'search_success_rate' is no SLO of this pilot; the SLOs are query-latency-p95, query-latency-p99, availability, error-rate"),
    ("user_satisfaction(mobile) > 4/5", "                 ^^^^^^^^ 'mobile' is no cohort or variant of this pilot; did you mean 'mobile_users'?"),
    ("open_incidents(critical) == 0", "              ^^^^^^^^^^ open_incidents takes nothing in parentheses; write open_incidents"),
    ("open_incidents[7d] == 0", "              ^^^^ open_incidents has no window; remove the window"),
    ("conversion_lift[7d] > 10%", "               ^^^^ conversion_lift is taken over the whole experiment; remove the window"),
    ("conversion_lift > 10% vs treatment", "                      ^^^^^^^^^^^^ conversion_lift is measured against 'control', not 'treatment'; write vs control"),
    ("availability < 99% vs control", "                   ^^^^^^^^^^ availability is no lift, so it has no control; remove vs"),
    ("availability < 99% significant at 5%", "                   ^^^^^^^^^^^^^^^^^ availability is no lift, so it is not tested for significance; remove it; the comparison holds over the whole interval anyway"),
    ("observed_percentage > 5%", "^^^^^^^^^^^^^^^^^^^ nothing says how many users are served; give a PromQL expression as spec.ramp.observed"),
    ("availability > 100%", "               ^^^^ this is never true: availability lies between 0% and 100%; write another number, or turn the comparison round"),
    ("availability <= 100%", "                ^^^^ this is always true: availability lies between 0% and 100%; write another number, or turn the comparison round"),
    ("incidents[1d] < 0", "                ^ this is never true: incidents[1d] is a whole number from 0 on; write another number, or turn the comparison round"),
    ("incidents[1d] == 1.5", "                 ^^^ this is never true: incidents[1d] is a whole number from 0 on; write another number, or turn the comparison round"),
    ("user_satisfaction > 5/5", "                    ^^^ this is never true: user_satisfaction lies between 1/5 and 5/5; write another number, or turn the comparison round"),
    ("alert_level(availability) > 2", "                            ^ this is never true: alert_level(availability) is a whole number from 0 to 2; write another number, or turn the comparison round"),
    ("budget_remaining(availability) > 100%", "                                 ^^^^ this is never true: budget_remaining(availability) is at most 100%; write another number, or turn the comparison round"),
    ("pilot_age < 0s", "            ^^ this is never true: pilot_age is at least 0s; write another number, or turn the comparison round"),
    ("availabilty met", "^^^^^^^^^^^ 'availabilty' is no SLO or success metric of this pilot; did you mean 'availability'?"),
    ("all slos in (availability, incidents) met", "                           ^^^^^^^^^ 'incidents' is no SLO or success metric of this pilot; the SLOs and success metrics are query-latency-p95, query-latency-p99, availability, error-rate, search_success_rate, zero_result_rate, conversion_lift, user_satisfaction"),
    ("conversion_lift met for 7d", "^^^^^^^^^^^^^^^ conversion_lift is one number for the whole pilot, so it cannot be met for a time; write only met"),
    ("all slos met for 1m", "             ^^^^^^ 1m is shorter than 5m, the shortest time that an SLO is measured over; write 5m"),
    ("all slos met strictly", "^^^^^^^^^^^^^^^^^^^^^ `strictly` is about a time; add for example for 14d"),
]  # fmt: skip
INVERTED = [
    (Purpose.ROLL_BACK, "availability > 99.5%", "             ^ warning: this speaks against going on while availability is large, which is good; write < if you meant that"),
    (Purpose.ROLL_BACK, "incidents[1d] < 3", "              ^ warning: this speaks against going on while incidents[1d] is small, which is good; write > if you meant that"),
    (Purpose.ROLL_BACK, "all slos met", "^^^^^^^^^^^^ warning: this speaks against going on while SLOs are met; put not before it"),
    (Purpose.GO_ON, "error_rate >= 1%", "           ^^ warning: this speaks for going on while error_rate is large, which is bad; write <= if you meant that"),
    (Purpose.GO_ON, "not availability > 99.5%", "                 ^ warning: this speaks against going on while availability is large, which is good; write < if you meant that"),
    (Purpose.ROLL_BACK, "not availability > 99.5%", None),
    (Purpose.ROLL_BACK, "not all slos met", None),
    (Purpose.ROLL_BACK, "availability < 99.5%", None),
    (Purpose.GO_ON, "pilot_age > 7d", None),
    (Purpose.GO_ON, "incidents[7d] == 0", None),
    (None, "availability > 99.5%", None),
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_what_makes_sense_is_taken(text: str) -> None:
    assert check(parse(text), VOCABULARY) == []


@pytest.mark.parametrize(("text", "said"), PROBLEMS, ids=[row[0] for row in PROBLEMS])
def test_what_makes_no_sense_is_pointed_at(text: str, said: str | None) -> None:
    shown = [render(text, problem.place, str(problem)) for problem in check_placed(read(text), VOCABULARY)]
    assert shown == ([f"{text}\n{said}"] if said else [])


@pytest.mark.parametrize(("purpose", "text", "said"), INVERTED, ids=[str(row[:2]) for row in INVERTED])
def test_a_comparison_that_points_the_wrong_way_is_doubted(
    purpose: Purpose | None, text: str, said: str | None
) -> None:
    found = check_placed(read(text), VOCABULARY, purpose)
    assert [render(text, problem.place, str(problem)) for problem in found] == (
        [f"{text}\n{said}"] if said else []
    )
    assert not any(problem.error for problem in found)


def test_all_problems_come_at_once() -> None:
    found = check(parse("xyzzy > 1 and not (availability < 5ms or incidents > 1)"), VOCABULARY)
    assert [problem.place.start for problem in found] == [0, 34, 41]


MEANINGS = [
    (Operand("availability"), Meaning(Kind.SLO_VALUE, Dimension.RATIO, "availability")),
    (Operand("error_rate", window=3600), Meaning(Kind.SLO_VALUE, Dimension.RATIO, "error-rate")),
    (Operand("latency_p95"), Meaning(Kind.SLO_VALUE, Dimension.TIME, "query-latency-p95")),
    (Operand("budget_remaining", "availability"), Meaning(Kind.BUDGET_REMAINING, Dimension.RATIO, "availability")),
    (Operand("burn_rate", "availability", 3600), Meaning(Kind.BURN_RATE, Dimension.NUMBER, "availability")),
    (Operand("alert_level", "error_rate"), Meaning(Kind.ALERT_LEVEL, Dimension.NUMBER, "error-rate")),
    (Operand("critical_incidents", window=604_800), Meaning(Kind.INCIDENTS, Dimension.NUMBER, "critical")),
    (Operand("open_incidents"), Meaning(Kind.OPEN_INCIDENTS, Dimension.NUMBER)),
    (Operand("user_satisfaction", "mobile_users"), Meaning(Kind.SATISFACTION, Dimension.RATING, "mobile_users")),
    (Operand("responses"), Meaning(Kind.RESPONSES, Dimension.NUMBER)),
    (Operand("zero_result_rate"), Meaning(Kind.SUCCESS_METRIC, Dimension.RATIO, "zero_result_rate")),
    (Operand("conversion_lift"), Meaning(Kind.LIFT, Dimension.RATIO, "conversion_lift")),
    (Operand("pilot_age"), Meaning(Kind.PILOT_AGE, Dimension.TIME)),
]  # fmt: skip


@pytest.mark.parametrize(("operand", "meaning"), MEANINGS, ids=lambda value: getattr(value, "name", ""))
def test_a_name_stands_for_one_thing(operand: Operand, meaning: Meaning) -> None:
    assert VOCABULARY.meaning(operand) == meaning


def test_a_name_that_stands_for_nothing_is_a_fault() -> None:
    assert isinstance(VOCABULARY.meaning(Operand("nothing")), Fault)


def test_aliases_stand_for_the_only_slo_of_their_sort() -> None:
    gauge = Gauge(parse_selector("quality"), Aggregate.AVERAGE, UNITS["ratio"])
    slos = (
        Slo(PILOT, "speed", Quantile(DURATION, 0.999), at_most("50ms"), Window(300)),
        Slo(PILOT, "fast", LatencyShare(DURATION, 0.1), at_least("99%"), Window(300)),
        Slo(PILOT, "load", Throughput(parse_selector("x_total")), at_least("1/s"), Window(300)),
        Slo(PILOT, "quality", gauge, at_least("90%"), Window(300)),
    )
    vocabulary = vocabulary_of(replace(seed_pilot(), slos=slos))
    for alias, name in (
        ("latency_p99_9", "speed"),
        ("p99_9_latency", "speed"),
        ("latency", "speed"),
        ("latency_share", "fast"),
        ("throughput", "load"),
    ):
        meaning = vocabulary.meaning(Operand(alias))
        assert isinstance(meaning, Meaning)
        assert meaning.subject == name
    # what is exposed as a gauge can be anything
    assert check(parse("quality > 100%"), vocabulary) == []


def test_own_names_go_before_those_of_the_language() -> None:
    slo = Slo(PILOT, "responses", Throughput(parse_selector("x_total")), at_least("1/s"), Window(300))
    happiness = SuccessMetric("happiness", FeedbackMetric(), at_least("4/5"))
    pilot = replace(seed_pilot(), slos=(slo,), success_metrics=(happiness,), ramp=Ramp(0.1, 0.2, (), "up"))
    vocabulary = vocabulary_of(pilot)
    assert vocabulary.meaning(Operand("responses")) == Meaning(Kind.SLO_VALUE, Dimension.RATE, "responses")
    assert vocabulary.meaning(Operand("responses", "control")) == Meaning(
        Kind.RESPONSES, Dimension.NUMBER, "control"
    )
    assert vocabulary.meaning(Operand("happiness", window=86_400)) == Meaning(
        Kind.SATISFACTION, Dimension.RATING
    )
    assert check(parse("observed_percentage > 5%"), vocabulary) == []


def test_a_pilot_without_a_ramp_or_audiences_says_so() -> None:
    vocabulary = vocabulary_of(replace(seed_pilot(), ramp=None, cohorts=(), variants=()))
    (problem,) = check(parse("scheduled_percentage > 5%"), vocabulary)
    assert str(problem) == "the pilot has no ramp; plan one under spec.ramp"
    (problem,) = check(parse("responses(mobile) > 5"), vocabulary)
    assert str(problem) == (
        "'mobile' is no cohort or variant of this pilot; list them under spec.cohorts or spec.variants"
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("error_rate > 1%", "error-rate > 0.01ratio"),
        ("latency_p99 > 200ms", "query-latency-p99 > 0.2s"),
        ("conversion_lift > 10% vs control", "conversion_lift > 10% significant at 5%"),
        ("a met or b met", "b met or a met"),
        ("all slos in (error-rate, availability) met", "all slos in (availability, error_rate) met"),
        ("any slos in (availability) met", "availability met"),
    ],
)
def test_what_means_the_same_is_told(first: str, second: str) -> None:
    assert meaning_of(parse(first), VOCABULARY) == meaning_of(parse(second), VOCABULARY)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("error_rate > 1%", "error_rate > 2%"),
        ("error_rate > 1%", "error_rate[1h] > 1%"),
        ("error_rate > 1%", "error_rate > 1% point"),
        ("a met or b met", "a met and b met"),
        ("a met", "not a met"),
    ],
)
def test_what_means_something_else_is_told_too(first: str, second: str) -> None:
    assert meaning_of(parse(first), VOCABULARY) != meaning_of(parse(second), VOCABULARY)


@settings(deadline=None, max_examples=200)
@given(CRITERIA)
def test_every_criterion_can_be_checked(criterion: Criterion) -> None:
    if len(text := show(criterion)) <= LONGEST:
        for problem in check(criterion, VOCABULARY, Purpose.GO_ON):
            assert 0 <= problem.place.start < len(text)
            assert problem.message
    assert meaning_of(criterion, VOCABULARY) == meaning_of(criterion, VOCABULARY)


def test_every_word_of_the_language_is_explained() -> None:
    assert [name for name, word in WORDS.items() if not word.about] == []
