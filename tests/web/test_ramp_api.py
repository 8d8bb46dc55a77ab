"""The ramp's advice over a real socket, with the files that are proposed."""

from dataclasses import replace

import jsonschema
import pytest

from slo_daemon.core.pilot.ramp import Advice
from tests.assessments import FIRED, QUIET, READY, assessed, ramp
from tests.web.house import PILOT, House, Visitor
from tests.web.test_gates_api import judged

RAMP = f"/api/v1/pilots/{PILOT}/ramp"
SHAPE = {
    "type": "object",
    "required": ["pilot", "ramp", "proposal"],
    "additionalProperties": False,
    "properties": {
        "pilot": {"const": PILOT},
        "ramp": {
            "type": "object",
            "required": ["advice", "scheduled", "observed", "observed_detail", "advised", "reasons", "next_date"],
            "additionalProperties": False,
            "properties": {
                "advice": {"enum": ["advance", "hold", "rollback"]},
                **{name: {"type": ["number", "null"], "minimum": 0, "maximum": 1} for name in ("scheduled", "observed", "advised")},
                "observed_detail": {"type": "string"},
                "reasons": {"type": "array", "items": {"type": "string"}},
                "next_date": {"type": ["string", "null"]},
            },
        },
        "proposal": {
            "type": "object",
            "required": ["flagd", "argo_rollouts", "flagger", "left_out"],
            "additionalProperties": False,
            "properties": {
                "flagd": {"type": "object", "required": ["$schema", "flags"]},
                "argo_rollouts": {"type": "string"},
                "flagger": {"type": "string"},
                "left_out": {"type": "array", "items": {"type": "string"}},
            },
        },
    },
}  # fmt: skip


def test_the_advice_comes_with_the_files_that_would_serve_it(house: House, visitor: Visitor) -> None:
    judged(house, assessed(READY, QUIET, ramp=ramp(Advice.ADVANCE, "it is planned")))
    answer = visitor.get(RAMP).json()
    jsonschema.validate(answer, SHAPE)
    assert (answer["ramp"]["advice"], answer["ramp"]["advised"]) == ("advance", 0.1)
    assert "setWeight: 10" in answer["proposal"]["argo_rollouts"]
    assert "stepWeights: [10]" in answer["proposal"]["flagger"]


def test_a_fired_trigger_proposes_nobody(house: House, visitor: Visitor) -> None:
    advice = replace(ramp(Advice.ROLLBACK, "Error rate > 1%"), advised=0.0)
    judged(house, assessed(READY, FIRED, ramp=advice))
    answer = visitor.get(RAMP).json()
    (flag,) = answer["proposal"]["flagd"]["flags"].values()
    assert flag["metadata"]["share"] == 0.0


@pytest.mark.parametrize("assessment", [None, assessed(READY)])
def test_before_the_first_assessment_there_is_no_advice(
    house: House, visitor: Visitor, assessment: object
) -> None:
    judged(house, assessment)  # type: ignore[arg-type]
    answer = visitor.get(RAMP)
    assert (answer.status_code, answer.json()["reason"]) == (404, "not_assessed_yet")


def test_a_pilot_without_a_ramp_and_one_that_there_is_not_are_told_apart(
    house: House, visitor: Visitor
) -> None:
    specification = house.current.specification
    plain = replace(specification.pilots[0], ramp=None)
    house.current = replace(house.current, specification=replace(specification, pilots=(plain,)))
    assert visitor.get(RAMP).json()["reason"] == "no_ramp"
    assert visitor.get("/api/v1/pilots/nobody/ramp").json()["reason"] == "unknown_pilot"
