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
from slo_daemon.core.pilot.verdict import Finding, Truth
from slo_daemon.core.shapes import assessment_json, evaluation_json, slo_json, transitions_json
from slo_daemon.core.slo.measurement import Measured
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import Absent, Failed, FailReason, Reading
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.state import Transition, TransitionReason
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import Snapshot, Specification
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
WINDOW = table({"window": TEXT, "good": NUMBER, "total": NUMBER, "ratio": NUMBER, "coverage": NUMBER})
SLO_SCHEMA = table(
    {
        "id": TEXT, "pilot": TEXT, "slo": TEXT, "labels": {"type": "object"}, "kind": TEXT, "value": NUMBER,
        "unit": {"enum": ["seconds", "ratio", "rating", "per_second", "number"]}, "met": nullable("boolean"),
        "level": {"enum": [0, 1, 2]},
        "data_state": {"enum": ["ok", "no_traffic", "no_data", "stale", "error", "unknown"]}, "reason": TEXT,
        "windows": {"type": "array", "items": WINDOW, "minItems": 1}, "budget": {"type": "null"},
        "burn_rates": {"type": "array", "maxItems": 0},
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
        {"window": "5m", "good": None, "total": 20_000, "ratio": None, "coverage": None}
    ]
    assert (availability["value"], availability["unit"]) == (0.9995, "ratio")
    assert availability["windows"] == [
        {"window": "1h", "good": 99_950, "total": 100_000, "ratio": 0.9995, "coverage": None}
    ]
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
        "ecommerce-semantic-search", "INCONCLUSIVE", "hold",
    )  # fmt: skip
    assert shape["blockers"] == []
    slos, incidents, satisfaction = shape["criteria"][:3]
    assert (slos["state"], slos["value"], slos["n"]) == ("true", 4, 4)
    assert (incidents["state"], incidents["value"]) == ("true", 0)
    assert (satisfaction["state"], satisfaction["value"], satisfaction["n"]) == ("unknown", 4, 3)
    assert satisfaction["interval"] == [pytest.approx(1.5159, abs=1e-4), 5]
    assert {c["reason"] for c in shape["criteria"][3:]} == {"not_judged_yet"}
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


@given(st.lists(st.floats(min_value=0, max_value=1e9), min_size=3, max_size=3))
def test_any_buckets_give_the_shape(counts: list[float]) -> None:
    low, middle, high = sorted(counts)
    rows = bucket_rows({"0.04": low, "0.1": middle, "+Inf": high})
    shape = strict(slo_json(view(P95, all_readings(P95, {"buckets": rows}))))
    SLO.validate(shape)
    assert (shape["value"] is None) == (shape["reason"] in ("beyond_last_bucket", "no_traffic")) or (
        shape["reason"] in ("too_few_events", "no_bucket_edge")
    )
