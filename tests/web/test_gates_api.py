"""The gates over a real socket, as Argo Rollouts' web provider and pipelines ask them."""

import json
from dataclasses import replace
from itertools import product

import jsonschema
import pytest
from structlog.testing import capture_logs

from slo_daemon.core.pilot.gates import Gate
from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.verdict import Assessment
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.ports import StoreError
from tests.assessments import BLIND, FIRED, INTERVAL, MISSED, QUIET, READY, assessed, hold
from tests.web.house import NOW, PILOT, House, Visitor

GATES = f"/api/v1/pilots/{PILOT}/gates"
SHAPE = {
    "type": "object",
    "required": ["gate"],
    "additionalProperties": False,
    "properties": {
        "gate": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "pilot", "verdict", "reason", "ready", "evaluated_at", "age_seconds", "advice",
                         "reasons", "stale", "readiness"],
            "properties": {
                "name": {"type": "string", "maxLength": 64},
                "pilot": {"type": "string", "maxLength": 64},
                "verdict": {"enum": ["pass", "fail", "inconclusive"]},
                "reason": {"type": "string", "pattern": "^[a-z_]+$"},
                "ready": {"type": "boolean"},
                "evaluated_at": {"type": ["string", "null"], "pattern": "Z$"},
                "age_seconds": {"type": ["number", "null"]},
                "advice": {"enum": ["advance", "hold", "rollback"]},
                "reasons": {"type": "array", "minItems": 1, "maxItems": 10, "items": {"type": "string", "maxLength": 300}},
                "stale": {"type": "boolean"},
                "readiness": {"enum": ["READY", "NOT_READY", "INCONCLUSIVE", None]},
            },
        }
    },
}  # fmt: skip


def judged(house: House, assessment: Assessment | None) -> None:
    """The house's pilot, assessed so in the latest slot."""
    found = {} if assessment is None else {PILOT: assessment}
    house.current = replace(house.current, slot=Slot(NOW, INTERVAL), assessments=found)


def change_pilot(house: House, change: Pilot) -> None:
    specification = replace(house.current.specification, pilots=(change,))
    house.current = replace(house.current, specification=specification)


def test_an_answer_has_all_its_fields(house: House, visitor: Visitor) -> None:
    judged(house, assessed(READY, QUIET))
    house.clock.at = NOW + 12.25

    answer = visitor.get(f"{GATES}/promote")

    assert answer.json() == {
        "gate": {
            "name": "promote",
            "pilot": PILOT,
            "verdict": "pass",
            "reason": "ready",
            "ready": True,
            "evaluated_at": "2027-01-15T08:00:00Z",
            "age_seconds": 12.25,
            "advice": "advance",
            "reasons": ["every criterion is met"],
            "stale": False,
            "readiness": "READY",
        }
    }


ASSESSMENTS = {
    "none": None,
    "ready": assessed(READY),
    "missed": assessed(MISSED),
    "fired": assessed(READY, FIRED),
    "blind": assessed(BLIND),
    "held": assessed(READY, holds=[hold()]),
}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_every_question_is_answered_with_200_and_the_same_shape(
    house: House, visitor: Visitor, method: str
) -> None:
    for assessment, name in product(ASSESSMENTS.values(), (*Gate, "promotion", "%20", "x" * 500)):
        judged(house, assessment)
        answer = visitor.request(method, f"{GATES}/{name}", data=b"{whatever" if method != "GET" else None)

        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/json"
        jsonschema.validate(answer.json(), SHAPE)
        if name not in list(Gate):
            assert answer.json()["gate"]["reason"] == "unknown_gate"
            assert answer.json()["gate"]["verdict"] == "inconclusive"


def test_a_slip_in_the_pilots_name_aborts_nothing_and_is_seen(house: House, visitor: Visitor) -> None:
    judged(house, assessed(READY, FIRED))
    with capture_logs() as logs:
        answers = [visitor.get("/api/v1/pilots/serach/gates/rollback") for _ in range(3)]

    for answer in answers:
        assert answer.status_code == 200
        jsonschema.validate(answer.json(), SHAPE)
        gate = answer.json()["gate"]
        assert (gate["verdict"], gate["reason"]) == ("inconclusive", "unknown_pilot")
        assert "known: search" in gate["reasons"][0]
    assert [log["event"] for log in logs] == ["gate_unknown"]


def test_names_that_are_made_up_do_not_fill_the_log(house: House, visitor: Visitor) -> None:
    with capture_logs() as logs:
        for number in range(150):
            visitor.get(f"/api/v1/pilots/made-up-{number}/gates/promote")

    assert len(logs) == 100


@pytest.mark.parametrize(("late", "verdict"), [(0, "fail"), (120, "fail"), (121, "inconclusive")])
def test_a_stalled_daemon_stops_failing(house: House, visitor: Visitor, late: float, verdict: str) -> None:
    judged(house, assessed(READY, FIRED))
    house.clock.at = NOW + late

    assert visitor.get(f"{GATES}/rollback").json()["gate"]["verdict"] == verdict


def test_a_gate_needs_no_store(house: House, visitor: Visitor) -> None:
    judged(house, assessed(READY))
    house.store.failure = StoreError("io", "gone")

    assert visitor.get(f"{GATES}/promote").json()["gate"]["verdict"] == "pass"


def test_a_bug_of_ours_is_inconclusive_and_logged(house: House) -> None:
    class Broken:
        def now(self) -> float:
            raise RuntimeError("my inner life")

    judged(house, assessed(READY))
    house.clock = Broken()  # type: ignore[assignment]
    with house.open() as visitor, capture_logs() as logs:
        answer = visitor.get(f"{GATES}/promote")

    assert answer.status_code == 200
    jsonschema.validate(answer.json(), SHAPE)
    assert answer.json()["gate"]["reason"] == "internal"
    assert "inner life" not in answer.text
    assert [log["event"] for log in logs] == ["gate_failed"]


def test_answers_come_in_milliseconds(house: House, visitor: Visitor) -> None:
    judged(house, assessed(READY, QUIET))
    times = sorted(visitor.get(f"{GATES}/promote").elapsed.total_seconds() for _ in range(21))

    assert times[5] < 0.03  # a quarter of them: the machine may be busy


@pytest.mark.parametrize("method", ["HEAD", "DELETE", "PATCH", "OPTIONS"])
def test_no_other_method_is_a_question(visitor: Visitor, method: str) -> None:
    assert visitor.request(method, f"{GATES}/promote").status_code == 405


def test_before_the_first_slot_a_gate_waits(house: House, visitor: Visitor) -> None:
    snapshot: Snapshot = replace(house.current, slot=None, assessments={PILOT: assessed(READY, slot=None)})
    house.current = snapshot

    assert visitor.get(f"{GATES}/advance").json()["gate"]["reason"] == "not_assessed"


def test_the_document_describes_the_gates(visitor: Visitor) -> None:
    paths = json.loads(visitor.get("/openapi.json").text)["paths"]

    assert set(paths["/api/v1/pilots/{pilot}/gates/{gate}"]) == {"get", "post", "put"}
