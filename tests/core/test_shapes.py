"""The JSON that other programs read: its shape, its types, and that it never holds what JSON has no number for."""

import json
from dataclasses import replace
from math import inf, nan
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Finding
from slo_daemon.core.shapes import assessment_json, evaluation_json, slo_json, transitions_json
from slo_daemon.core.slo.book import entry_of
from slo_daemon.core.slo.measurement import Measured
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import Absent, Failed, FailReason, Reading
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.state import Transition, TransitionReason
from slo_daemon.core.slo.window import Slot, Tally
from slo_daemon.core.snapshot import Snapshot, Specification
from tests.budgets import A_SECOND, BURNING, slices, spending, with_budget
from tests.core.scenarios import bad_day_report, healthy_report
from tests.factories import (
    NOW,
    all_readings,
    bad_readings,
    bucket_rows,
    healthy_readings,
    one_number,
    seed_pilot,
    seed_records,
    seed_slos,
    snapshot_of,
    view,
)

P95, P99, AVAILABILITY, ERROR_RATE = seed_slos()


def table(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties, **more}


def nullable(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


TEXT, NUMBER = {"type": "string"}, nullable("number")
TEXTS = {"type": "array", "items": TEXT}
INTERVAL = {"anyOf": [{"type": "null"}, {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}]}
WINDOW = table(
    {"window": TEXT, "good": NUMBER, "total": NUMBER, "ratio": NUMBER, "value": NUMBER, "coverage": NUMBER}
)
BUDGET = table(
    {
        "window": TEXT, "method": {"enum": ["occurrences", "timeslices"]}, "target": NUMBER, "remaining": NUMBER,
        "coverage": NUMBER, "state": {"enum": ["complete", "partial", "backfilling", None]}, "good": NUMBER,
        "total": NUMBER, "spent": NUMBER, "exhausted_at": NUMBER,
    },
    additionalProperties=False,
)  # fmt: skip
BURN_RATE = table(
    {
        "severity": {"enum": ["warning", "critical"]}, "long": TEXT, "short": TEXT, "long_rate": NUMBER,
        "short_rate": NUMBER, "threshold": NUMBER, "firing": nullable("boolean"), "long_coverage": NUMBER,
        "short_coverage": NUMBER,
    },
    additionalProperties=False,
)  # fmt: skip
SLO_SCHEMA = table(
    {
        "id": TEXT, "pilot": TEXT, "slo": TEXT, "labels": {"type": "object"}, "kind": TEXT, "value": NUMBER,
        "unit": {"enum": ["seconds", "ratio", "rating", "per_second", "number"]}, "met": nullable("boolean"),
        "level": {"enum": [0, 1, 2]},
        "data_state": {"enum": ["ok", "no_traffic", "no_data", "stale", "error", "unknown"]}, "reason": TEXT,
        "windows": {"type": "array", "items": WINDOW, "minItems": 1}, "coverage": NUMBER,
        "budget": {"anyOf": [{"type": "null"}, BUDGET]}, "burn_rates": {"type": "array", "items": BURN_RATE},
    }
)  # fmt: skip
EVALUATION_SCHEMA = table(
    {"slot": NUMBER, "slos": {"type": "array", "items": SLO_SCHEMA}, "queries": {"type": "integer"}, "samples": nullable("integer")}
)  # fmt: skip
CRITERION = table(
    {
        "text": TEXT, "role": {"enum": ["default", "go_live", "success", "rollback"]},
        "state": {"enum": ["true", "false", "unknown"]}, "reason": TEXT, "value": NUMBER, "interval": INTERVAL,
        "n": NUMBER, "earliest": nullable("string"),
    }
)  # fmt: skip
ASSESSMENT_SCHEMA = table(
    {
        "pilot": TEXT, "verdict": {"enum": ["READY", "NOT_READY", "INCONCLUSIVE"]},
        "advice": {"enum": ["advance", "hold", "rollback"]}, "criteria": {"type": "array", "items": CRITERION},
        "blockers": TEXTS, "warnings": TEXTS,
    }
)  # fmt: skip


SLO, EVALUATION, ASSESSMENT = map(
    jsonschema.Draft202012Validator, (SLO_SCHEMA, EVALUATION_SCHEMA, ASSESSMENT_SCHEMA)
)


def strict(shape: object) -> Any:
    """Through JSON and back, without the numbers that JSON does not have."""
    return json.loads(json.dumps(shape, allow_nan=False))


def snapshot(*parts: tuple[Slo, dict[str, Reading]]) -> Snapshot:
    pilot = replace(seed_pilot(), slos=tuple(slo for slo, _ in parts))
    return snapshot_of(pilot, [view(slo, readings) for slo, readings in parts], seed_records())


def test_the_healthy_example_has_the_evaluations_shape() -> None:
    shape = strict(evaluation_json(snapshot(*((slo, healthy_readings(slo)) for slo in seed_slos()))))
    EVALUATION.validate(shape)
    assert (shape["slot"], shape["queries"], shape["samples"]) == (NOW, 9, 812)
    assert [(s["slo"], s["met"], s["level"], s["data_state"], s["reason"]) for s in shape["slos"]] == [
        (slo.name, True, 0, "ok", "met") for slo in seed_slos()
    ]


def test_values_are_in_base_units_and_events_are_counted() -> None:
    p95, availability, error_rate = (
        strict(slo_json(view(slo, healthy_readings(slo)))) for slo in (P95, AVAILABILITY, ERROR_RATE)
    )
    assert (p95["value"], p95["unit"], p95["kind"]) == (pytest.approx(0.042), "seconds", "quantile")
    assert p95["windows"] == [
        {"window": "5m", "good": None, "total": 20_000, "ratio": None, "value": p95["value"], "coverage": 1}
    ]
    assert (availability["value"], availability["unit"]) == (0.9995, "ratio")
    assert availability["windows"] == [
        {"window": "1h", "good": 99_950, "total": 100_000, "ratio": 0.9995, "value": 0.9995, "coverage": 1}
    ]
    assert (availability["budget"], availability["burn_rates"]) == (None, [])
    assert error_rate["value"] == pytest.approx(0.0008)
    assert error_rate["windows"][0]["ratio"] == pytest.approx(
        0.9992
    )  # of good events, also where bad ones are shown


def test_a_value_beyond_the_last_bucket_is_null_with_the_reason() -> None:
    shape = strict(slo_json(view(P95, bad_readings(P95))))
    assert (shape["value"], shape["met"], shape["level"], shape["reason"]) == (
        None,
        False,
        2,
        "beyond_last_bucket",
    )


@pytest.mark.parametrize(
    ("parts", "state", "reason", "total"),
    [
        ({"bad": Absent("q"), "total": one_number(0)}, "no_traffic", "no_traffic", 0),
        ({"bad": Absent("q"), "total": one_number(20)}, "unknown", "too_few_events", 20),
        ({"bad": Absent("q"), "total": one_number(nan)}, "error", "value", None),
        ({"bad": Absent("q"), "total": one_number(inf)}, "error", "value", None),
        ({"bad": Absent("q"), "total": Failed("q", FailReason.HTTP, "500")}, "error", "http", None),
    ],
)
def test_what_cannot_be_told_is_null_with_a_named_reason(
    parts: dict[str, Reading], state: str, reason: str, total: float | None
) -> None:
    shape = strict(slo_json(view(AVAILABILITY, all_readings(AVAILABILITY, parts))))
    SLO.validate(shape)
    assert (shape["met"], shape["level"], shape["data_state"], shape["reason"]) == (None, 0, state, reason)
    assert shape["windows"][0]["total"] == total
    assert shape["detail"]


def test_a_budget_says_what_is_left_of_what_was_counted_and_seen() -> None:
    shape = strict(slo_json(spending(with_budget(), 0.377)))
    SLO.validate(shape)
    total = 30 * 86_400 * A_SECOND
    assert shape["budget"] == {
        "window": "30d", "method": "occurrences", "target": 0.999, "remaining": pytest.approx(0.623), "coverage": 1,
        "state": "complete", "good": pytest.approx(total * (1 - 0.377 * 0.001)), "total": total,
        "spent": pytest.approx(0.377), "exhausted_at": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "state"),
    [({"coverage": 0.43}, "partial"), ({"coverage": 0.2, "backfilling": True}, "backfilling")],
)
def test_a_budget_that_is_not_whole_says_so(more: dict[str, Any], state: str) -> None:
    shape = strict(slo_json(spending(with_budget(), 0.377, **more)))
    SLO.validate(shape)
    assert (shape["budget"]["state"], shape["budget"]["coverage"]) == (state, more["coverage"])
    assert shape["budget"]["remaining"] == pytest.approx(0.623)


def test_where_nothing_was_seen_nothing_was_counted_which_is_not_zero() -> None:
    shape = strict(slo_json(spending(with_budget(), coverage=0.0, lookback_coverage=0.0)))
    SLO.validate(shape)
    assert {(w["good"], w["total"], w["coverage"]) for w in shape["windows"][1:]} == {(None, None, 0)}
    assert {shape["budget"][name] for name in ("good", "total", "remaining", "spent")} == {None}
    assert {(rate["long_rate"], rate["firing"]) for rate in shape["burn_rates"]} == {(None, None)}


def test_every_window_is_there_once_the_slo_s_own_first_and_the_budget_s_last() -> None:
    shape = strict(slo_json(spending(with_budget(), burn=BURNING)))
    assert [w["window"] for w in shape["windows"]] == ["1h", "5m", "30m", "2h", "6h", "1d", "3d", "30d"]
    assert {w["coverage"] for w in shape["windows"]} == {1}
    five_minutes = shape["windows"][1]
    assert five_minutes["total"] == 300 * A_SECOND
    assert five_minutes["value"] == five_minutes["ratio"] == pytest.approx(1 - 25 * 0.001)


def test_where_slices_are_counted_no_window_passes_them_off_as_events() -> None:
    shape = strict(slo_json(spending(slices(), 0.5)))
    SLO.validate(shape)
    assert [(w["window"], w["good"]) for w in shape["windows"]] == [("5m", None), ("30d", None)]
    assert shape["windows"][1]["total"] is None
    assert (shape["budget"]["method"], shape["budget"]["remaining"]) == ("timeslices", pytest.approx(0.5))


def test_a_pair_of_burn_rates_shows_both_lookbacks_and_whether_it_fires() -> None:
    shape = strict(slo_json(spending(with_budget(), burn=BURNING)))
    SLO.validate(shape)
    first, second, *_ = shape["burn_rates"]
    assert first == {
        "severity": "critical", "long": "1h", "short": "5m", "long_rate": pytest.approx(20.1),
        "short_rate": pytest.approx(25), "threshold": pytest.approx(14.4), "firing": True, "long_coverage": 1,
        "short_coverage": 1,
    }  # fmt: skip
    assert (second["long"], second["short"], second["firing"]) == ("6h", "30m", False)
    assert (shape["level"], shape["met"]) == (2, True)


def test_a_target_of_everything_has_rates_that_are_no_numbers() -> None:
    shape = strict(slo_json(spending(with_budget(target=1.0), readings=healthy_readings(AVAILABILITY))))
    SLO.validate(shape)
    assert shape["burn_rates"][0]["threshold"] == 0
    bad = Tally(99.0, 100.0, 1.0)
    everything = with_budget(target=1.0)
    shown = view(
        everything,
        healthy_readings(everything),
        budget=bad,
        tallies=dict.fromkeys(entry_of(everything).lookbacks, bad),
    )
    infinite = strict(slo_json(shown))["burn_rates"][0]
    assert (infinite["long_rate"], infinite["short_rate"], infinite["firing"]) == (None, None, True)


def test_before_the_first_slot_a_budget_is_its_policy_alone() -> None:
    shape = strict(slo_json(replace(spending(with_budget()), evaluation=None)))
    SLO.validate(shape)
    known = {"window": "30d", "method": "occurrences", "target": 0.999}
    assert {name: value for name, value in shape["budget"].items() if value is not None} == known
    assert shape["windows"] == [
        {"window": "1h", "good": None, "total": None, "ratio": None, "value": None, "coverage": None}
    ]


def test_a_group_carries_its_labels() -> None:
    grouped = replace(AVAILABILITY, group_by=("region",), labels=(("team", "search"),))
    shape = slo_json(view(grouped, healthy_readings(AVAILABILITY), group=(("region", "eu"),)))
    assert shape["id"] == f'{AVAILABILITY.id}{{region="eu"}}'
    assert shape["labels"] == {"region": "eu", "team": "search"}


def test_before_the_first_slot_only_the_remembered_level_is_known() -> None:
    known = view(ERROR_RATE, bad_readings(ERROR_RATE))
    empty = Snapshot(
        Specification((ERROR_RATE,), (), "h"), None, None, {ERROR_RATE.id: replace(known, evaluation=None)}
    )
    shape = strict(evaluation_json(empty))
    EVALUATION.validate(shape)
    assert (shape["slot"], shape["source"]) == (None, None)
    (slo,) = shape["slos"]
    assert (slo["value"], slo["met"], slo["level"], slo["reason"]) == (None, None, 2, "not_evaluated")


def test_a_slot_between_two_seconds_keeps_its_fraction() -> None:
    taken = replace(snapshot((ERROR_RATE, healthy_readings(ERROR_RATE))), slot=Slot(NOW + 0.25, 30.0))
    assert evaluation_json(taken)["slot"] == NOW + 0.25


@pytest.mark.parametrize("report", [healthy_report(), bad_day_report()], ids=["healthy", "bad day"])
def test_an_assessment_has_its_shape(report: Any) -> None:
    ASSESSMENT.validate(strict(assessment_json(report.assessment)))


def test_the_healthy_example_is_assessed_with_its_evidence() -> None:
    shape = strict(assessment_json(healthy_report().assessment))
    assert (shape["pilot"], shape["verdict"], shape["advice"]) == (
        "ecommerce-semantic-search", "NOT_READY", "hold",
    )  # fmt: skip
    assert [blocker[:34] for blocker in shape["blockers"]] == ["0 of 4 objectives met for 14d; not"]
    slos, budgets, incidents, satisfaction = shape["criteria"][:4]
    assert (slos["state"], slos["value"], slos["n"]) == ("true", 4, 4)
    assert (budgets["state"], budgets["value"], budgets["n"]) == ("true", 2, 2)
    assert (incidents["state"], incidents["value"]) == ("true", 0)
    assert (satisfaction["state"], satisfaction["value"], satisfaction["n"]) == ("unknown", 4, 3)
    assert satisfaction["interval"] == [pytest.approx(1.5159, abs=1e-4), 5]
    judged = {c["text"].partition(":")[0]: c for c in shape["criteria"][4:]}
    assert judged["search_success_rate"]["state"] == "true"
    streak = judged["All SLOs met for 2+ weeks"]
    assert (streak["state"], streak["reason"], streak["earliest"]) == (
        "false",
        "slices_missed",
        "2026-11-25T02:48:00Z",
    )
    lift = judged["Conversion lift > 10% (significant)"]
    assert lift["interval"][0] < lift["value"] < lift["interval"][1]
    assert (lift["window"], lift["source_time"]) == ("since 2026-10-23", "2026-11-22T10:00:00Z")
    assert shape["incidents"]["resolved"] == {"info": 0, "warning": 1, "critical": 0}


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_no_number_that_json_lacks_ever_comes_out(a: float, b: float, c: float, d: float) -> None:
    finding = Finding("t", Role.DEFAULT, Truth.FALSE, "r", "d", a, (b, c), d)
    assessment = replace(healthy_report().assessment, findings=(finding,))
    ASSESSMENT.validate(strict(assessment_json(assessment)))
    move = Transition("p/s", 1, NOW, Level.NONE, Level.CRITICAL, TransitionReason.THRESHOLD, "d", a)
    strict(transitions_json([move]))
    shown = view(AVAILABILITY, healthy_readings(AVAILABILITY))
    assert shown.evaluation is not None
    odd = replace(shown.evaluation, measurement=Measured(a, b, c, abs(b), abs(d), facts={"lower_edge": c}))
    SLO.validate(strict(slo_json(replace(shown, evaluation=odd))))


COUNTS = st.floats(min_value=0, max_value=1e12)
TALLIES = st.builds(
    lambda good, bad, coverage: Tally(good, good + bad, coverage), COUNTS, COUNTS, st.floats(0, 1)
)


@given(
    st.sampled_from([0.5, 0.999, 0.99999, 1.0]),
    TALLIES,
    st.lists(TALLIES, min_size=7, max_size=7),
    st.booleans(),
)
def test_any_counts_give_the_shape(target: float, left: Tally, seen: list[Tally], backfilling: bool) -> None:
    slo = with_budget(target=target)
    tallies = dict(zip(entry_of(slo).lookbacks, seen, strict=True))
    shown = view(slo, healthy_readings(slo), tallies=tallies, budget=left, backfilling=backfilling)
    SLO.validate(strict(slo_json(shown)))


@given(st.lists(st.floats(min_value=0, max_value=1e9), min_size=3, max_size=3))
def test_any_buckets_give_the_shape(counts: list[float]) -> None:
    low, middle, high = sorted(counts)
    rows = bucket_rows({"0.04": low, "0.1": middle, "+Inf": high})
    shape = strict(slo_json(view(P95, all_readings(P95, {"buckets": rows}))))
    SLO.validate(shape)
    assert (shape["value"] is None) == (shape["reason"] in ("beyond_last_bucket", "no_traffic")) or (
        shape["reason"] in ("too_few_events", "no_bucket_edge")
    )
