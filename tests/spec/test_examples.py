"""The committed examples load, say what the pilot they describe says, and fit the committed schema."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from slo_daemon.adapters.gauges.table import FAMILIES
from slo_daemon.core.pilot.criteria.show import show
from slo_daemon.core.pilot.pilot import (
    Cohort,
    Contact,
    ExperimentMetric,
    FeedbackMetric,
    MeasuredMetric,
    Pilot,
    RampStep,
    Role,
    Split,
    SplitKind,
    Stage,
)
from slo_daemon.core.slo.budget import BudgetMethod
from slo_daemon.core.slo.selector import parse_expression, parse_selector
from slo_daemon.core.slo.sli import KINDS, Quantile, Ratio
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import CalendarWindow, Window
from slo_daemon.core.snapshot import Specification
from slo_daemon.spec import SpecError, load
from slo_daemon.spec.schema import json_schema_text
from slo_daemon.spec.slos import RESERVED_LABELS

CONFIG = Path(__file__).parents[2] / "config"
PILOT = CONFIG / "pilots" / "ecommerce-search.yaml"
ALL_KINDS = CONFIG / "pilots" / "all-kinds.yaml"
SCHEMA = CONFIG / "schema" / "slo-daemon.schema.json"
EXAMPLES = [*sorted((CONFIG / "pilots").glob("*.yaml")), CONFIG / "slo-daemon.yaml"]

TREATMENT = 'search_requests_total{variant="treatment"}'
ERRORS = 'search_requests_total{variant="treatment", code=~"5.."}'


def specification(file: Path) -> Specification:
    return load([(str(file), file.read_text(encoding="utf-8"))], scrape_interval=30).specification


@pytest.fixture(scope="module")
def pilot() -> Pilot:
    (found,) = specification(PILOT).pilots
    return found


def slo(pilot: Pilot, name: str) -> Slo:
    (found,) = [one for one in pilot.slos if one.name == name]
    return found


def test_the_pilot_has_its_name_stage_and_dates(pilot: Pilot) -> None:
    assert pilot.name == "ecommerce-semantic-search"
    assert pilot.title == "E-commerce Semantic Search Pilot"
    assert pilot.stage is Stage.CANARY
    assert pilot.start == date(2026, 10, 23)
    assert pilot.duration == timedelta(weeks=8)
    assert pilot.labels == (("team", "search"),)


def test_the_pilot_has_its_two_cohorts(pilot: Pilot) -> None:
    assert pilot.cohorts == (
        Cohort("power_users", "orders > 10"),
        Cohort("mobile_users", "device == 'mobile'"),
    )


def test_the_ramp_goes_from_5_to_20_percent_in_weeks_1_2_4_and_6(pilot: Pilot) -> None:
    assert pilot.ramp is not None
    assert (pilot.ramp.initial, pilot.ramp.maximum) == (0.05, 0.2)
    assert pilot.ramp.steps == (RampStep(1, 0.05), RampStep(2, 0.1), RampStep(4, 0.15), RampStep(6, 0.2))
    assert {selector.metric for selector in parse_expression(pilot.ramp.observed)} == {
        "search_requests_total"
    }


def test_one_feature_is_on_and_two_are_off(pilot: Pilot) -> None:
    assert pilot.features == {"semantic_search": True, "visual_search": False, "personalization": False}


def test_the_variants_are_control_and_treatment(pilot: Pilot) -> None:
    assert pilot.variants == ("control", "treatment")


def test_the_pilot_has_its_four_slos(pilot: Pilot) -> None:
    assert [one.id for one in pilot.slos] == [
        "ecommerce-semantic-search/query-latency-p95",
        "ecommerce-semantic-search/query-latency-p99",
        "ecommerce-semantic-search/availability",
        "ecommerce-semantic-search/error-rate",
    ]


@pytest.mark.parametrize(
    ("name", "objective", "warning", "critical", "minutes"),
    [
        ("query-latency-p95", "<= 50ms", "45ms", "60ms", 5),
        ("query-latency-p99", "<= 100ms", "90ms", "150ms", 5),
        ("availability", ">= 99.9%", "99.8%", "99.5%", 60),
        ("error-rate", "<= 0.1%", "0.5%", "1%", 5),
    ],
)
def test_an_slo_has_its_target_thresholds_and_window(
    pilot: Pilot, name: str, objective: str, warning: str, critical: str, minutes: int
) -> None:
    found = slo(pilot, name)

    assert str(found.objective) == objective
    assert str(found.objective.warning) == warning
    assert str(found.objective.critical) == critical
    assert found.window.seconds == minutes * 60


@pytest.mark.parametrize(("name", "q"), [("query-latency-p95", 0.95), ("query-latency-p99", 0.99)])
def test_latency_is_a_quantile_of_the_treatments_requests(pilot: Pilot, name: str, q: float) -> None:
    histogram = parse_selector('search_request_duration_seconds{variant="treatment"}')

    assert slo(pilot, name).indicator == Quantile(histogram, q)


@pytest.mark.parametrize(("name", "as_good"), [("availability", True), ("error-rate", False)])
def test_availability_and_error_rate_count_the_same_errors(pilot: Pilot, name: str, as_good: bool) -> None:
    assert slo(pilot, name).indicator == Ratio(
        parse_selector(ERRORS), parse_selector(TREATMENT), counts_good=False, as_good=as_good
    )


def test_the_success_metrics_have_their_targets_and_directions(pilot: Pilot) -> None:
    assert {metric.name: str(metric.objective) for metric in pilot.success_metrics} == {
        "search_success_rate": ">= 80%",
        "zero_result_rate": "<= 15%",
        "conversion_lift": ">= 15%",
        "user_satisfaction": ">= 4.0/5",
    }


def test_the_success_metrics_have_their_sources(pilot: Pilot) -> None:
    success, zero_results, lift, satisfaction = (metric.source for metric in pilot.success_metrics)

    assert isinstance(success, MeasuredMetric)
    assert success.indicator == Ratio(
        parse_selector('search_successful_total{variant="treatment"}'),
        parse_selector(TREATMENT),
        counts_good=True,
        as_good=True,
    )
    assert isinstance(zero_results, MeasuredMetric)
    assert zero_results.indicator == Ratio(
        parse_selector('search_zero_results_total{variant="treatment"}'),
        parse_selector(TREATMENT),
        counts_good=False,
        as_good=False,
    )
    assert lift == ExperimentMetric(
        parse_selector("search_exposed_users_total"),
        parse_selector("search_converted_users_total"),
        "variant",
        "control",
        "treatment",
        split=Split(SplitKind.RAMP),
    )
    assert satisfaction == FeedbackMetric()


def test_the_go_live_criteria_are_kept_as_written_and_read(pilot: Pilot) -> None:
    assert [(c.text, show(c.criterion), c.role) for c in pilot.go_live_criteria] == [
        ("All SLOs met for 2+ weeks", "all slos met for 14d", Role.GO_LIVE),
        ("Zero critical incidents in last week", "critical_incidents[7d] == 0", Role.GO_LIVE),
        ("User satisfaction > 4.0", "user_satisfaction > 4.0/5", Role.GO_LIVE),
        (
            "Conversion lift > 10% (significant)",
            "conversion_lift > 10% vs control significant at 5%",
            Role.GO_LIVE,
        ),
    ]


def test_the_rollback_triggers_are_kept_as_written_and_read(pilot: Pilot) -> None:
    assert [(c.text, show(c.criterion), c.role) for c in pilot.rollback_triggers] == [
        ("Availability < 99.5%", "availability < 99.5%", Role.ROLLBACK),
        ("p99 latency > 200ms", "latency_p99 > 200ms", Role.ROLLBACK),
        ("Error rate > 1%", "error_rate > 1%", Role.ROLLBACK),
        ("User satisfaction < 3.0", "user_satisfaction < 3.0/5", Role.ROLLBACK),
    ]


def test_somebody_can_be_called(pilot: Pilot) -> None:
    assert pilot.contacts == (Contact("Search on-call", "primary", "search-oncall@example.org"),)


def test_the_pilots_only_warning_is_the_silent_gap_of_its_own_values() -> None:
    """Availability has such a gap as well, but the burn rates of its budget alert in it."""
    loaded = load([(str(PILOT), PILOT.read_text(encoding="utf-8"))], scrape_interval=30)

    assert [(warning.field, warning.message) for warning in loaded.warnings] == [
        (
            "spec.slos[3].objective.warning",
            "a value between 0.1% and 0.5% misses the target without any alert",
        ),
    ]


def test_there_is_an_example_of_every_kind_of_indicator_and_none_gives_a_warning() -> None:
    loaded = load([(str(ALL_KINDS), ALL_KINDS.read_text(encoding="utf-8"))], scrape_interval=30)
    slos = loaded.specification.slos

    assert {one.indicator.kind for one in slos} == set(KINDS)
    assert {"cache-hit-rate", "embedding-quality", "query-throughput"} < {one.name for one in slos}
    assert any(one.group_by for one in slos)
    assert {type(one.budget.window) for one in slos if one.budget} == {Window, CalendarWindow}
    assert {one.budget.method for one in slos if one.budget} == set(BudgetMethod)
    assert {one.burn.alerts for one in slos if one.burn} == {True, False}
    assert loaded.warnings == ()


def test_both_examples_can_be_loaded_together() -> None:
    texts = [(str(file), file.read_text(encoding="utf-8")) for file in (PILOT, ALL_KINDS)]

    assert len(load(texts).specification.slos) == 11


class Yaml12Loader(yaml.SafeLoader):
    """Reads as editors do, whose YAML is 1.2: a date is text."""


Yaml12Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def data(text: str) -> Any:
    return yaml.load(text, Loader=Yaml12Loader)  # noqa: S506 - a SafeLoader


def schema_complaints(text: str) -> list[str]:
    validator = Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    return [error.message for error in validator.iter_errors(data(text))]


def test_the_committed_schema_is_the_generated_one() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == json_schema_text()


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_fits_the_schema_that_its_first_line_names(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    first = text.splitlines()[0]

    assert first.startswith("# yaml-language-server: $schema=")
    assert (file.parent / first.partition("=")[2]).resolve() == SCHEMA
    assert schema_complaints(text) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("kind: Pilot", "kind: Pilots"),
        ("stage: canary", "stage: moon"),
        ("duration: 8w", "duration: 8 weeks"),
        ("max: 20%", "max: 20"),
        ("window: 1h", "windw: 1h"),
        ("at_most: 50ms", "at_most: 50msec"),
        ("at_most: 50ms, ", ""),
        ("{at_most: 50ms, ", "{at_most: 50ms, at_least: 1ms, "),
        ("as: good", "as: nice"),
        ("feedback: mean", "feedback: median"),
        ("semantic_search: true", "semantic_search: maybe"),
        ("        quantile: {histogram", "        quantil: {histogram"),
        ("name: availability", "name: Availability"),
        ("budget: {window: 30d}", "budget: {calendar: moon}"),
        ("budget: {window: 30d}", "budget: {window: 30d, calendar: month}"),
        ("budget: {window: 30d}", "budget: {window: 30d, zone: UTC}"),
        ("budget: {window: 30d}", "budget: {target: 99%}"),
        ("budget: {window: 30d}", "budget: {window: 30d, burn_rates: {pairs: []}}"),
        ("budget: {window: 30d}", "budget: {window: 30d, burn_rates: {alert: maybe}}"),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(right: str, wrong: str) -> None:
    text = PILOT.read_text(encoding="utf-8")
    assert right in text
    changed = text.replace(right, wrong, 1)

    assert schema_complaints(changed) != []
    with pytest.raises(SpecError):
        load([("x", changed)])


def properties_of(shape: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The keys of a shape, and of what a criterion's shape holds in itself."""
    for part in shape.get("anyOf", [shape]):
        for key, value in part.get("properties", {}).items():
            if "properties" in value:
                yield from properties_of(value)
            else:
                yield key, value


def test_every_key_in_the_schema_is_described() -> None:
    shapes = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    bare = [
        f"{name}.{key}"
        for name, shape in shapes.items()
        for key, value in properties_of(shape)
        if not (value.get("description") or shapes[value["$ref"].rpartition("/")[2]].get("description"))
    ]

    assert len(shapes) > 20
    assert bare == []


def test_no_label_of_a_spec_can_clash_with_a_label_that_the_daemon_exports() -> None:
    exported = {
        label
        for family in FAMILIES.values()
        if family.name.startswith("slo_") and not family.name.startswith("slo_daemon_")
        for label in family.labels
    }

    assert {"pilot", "slo", "window", "state", "unit"} <= exported
    assert exported <= RESERVED_LABELS
