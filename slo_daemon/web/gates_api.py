"""Gates as JSON, for Argo Rollouts, pipelines and whoever else asks before going on.

Every question gets 200, also one about a pilot that there is not: a tool that aborts a rollout on errors must not abort
it for a slip in a name. The slip is told in the answer and, once for each name, in the log.
"""

from typing import Annotated

import structlog
from fastapi import FastAPI, Path, Response

from slo_daemon.core.pilot.gates import (
    Gate,
    GateDecision,
    broken_gate,
    decide,
    unknown_gate,
    unknown_pilot,
)
from slo_daemon.core.slo.phrases import rfc3339
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.ports import Clock
from slo_daemon.web.documents import UNKNOWN
from slo_daemon.web.limits import FirstTimes
from slo_daemon.web.parts import WebParts
from slo_daemon.web.problems import json_response
from slo_daemon.web.records_api import PilotName
from slo_daemon.web.security import GATE_METHODS, PILOT
from slo_daemon.workflows.record import UnknownPilotError
from slo_daemon.workflows.rollouts import RolloutEvent

log = structlog.get_logger(__name__)

GateName = Annotated[str, Path(description="`promote`, `advance` or `rollback`.", examples=["promote"])]


def gate_routes(app: FastAPI, parts: WebParts) -> None:
    """/api/v1/pilots/{pilot}/gates/{gate} and .../rollout-events"""
    slips = FirstTimes()  # in the log; more than that are somebody's game

    async def gate(pilot: PilotName, gate: GateName) -> Response:
        """Always 200: `gate.verdict` is `pass`, `fail` (roll back) or `inconclusive` (wait). A body is not read."""
        try:
            decision = decision_of(parts.snapshot(), parts.clock, pilot, gate)
            if decision.reason.startswith("unknown_") and slips.take(pilot[:64], gate[:64]):
                log.warning("gate_unknown", pilot=pilot[:64], gate=gate[:64], detail=decision.reasons[0])
            return json_response({"gate": gate_json(decision, pilot)})
        except Exception:  # a bug: an error would abort rollouts
            log.exception("gate_failed", pilot=pilot[:64], gate=gate[:64])
            return json_response({"gate": gate_json(broken_gate(gate), pilot)})

    for method in GATE_METHODS:
        app.add_api_route(
            f"{PILOT}/gates/{{gate}}",
            gate,
            methods=[method],
            operation_id=f"gate_{method.lower()}",
            tags=["gates"],
            summary="May a deployment tool go on?",
        )

    @app.get(
        f"{PILOT}/rollout-events",
        tags=["gates"],
        summary="What the tool that rolls out told, newest first",
        responses=UNKNOWN,
    )
    async def rollout_events(pilot: PilotName) -> Response:
        """The last 50 since the start of the daemon."""
        known = pilot_names(parts.snapshot())
        if pilot not in known:
            raise UnknownPilotError(pilot, known)
        return json_response({"events": [_event_json(event) for event in parts.rollouts.of(pilot)]})


def decision_of(snapshot: Snapshot, clock: Clock, pilot: str, gate: str) -> GateDecision:
    """The answer of a gate that is named by its path, from what is known now."""
    known = pilot_names(snapshot)
    if pilot not in known:
        return unknown_pilot(gate, pilot, known)
    if gate not in [one.value for one in Gate]:
        return unknown_gate(gate)
    assessment = snapshot.assessments.get(pilot)
    interval = snapshot.slot.interval if snapshot.slot is not None else 0.0
    return decide(Gate(gate), assessment, clock.now(), interval)


def pilot_names(snapshot: Snapshot) -> tuple[str, ...]:
    """Of all pilots that are in force."""
    return tuple(pilot.name for pilot in snapshot.specification.pilots)


def gate_json(decision: GateDecision, pilot: str) -> dict[str, object]:
    """A decision, all fields always there."""
    at, age = decision.evaluated_at, decision.age_seconds
    return {
        "name": decision.gate,
        "pilot": pilot[:64],
        "verdict": decision.verdict.value,
        "reason": decision.reason.value,
        "ready": decision.ready,
        "evaluated_at": None if at is None else rfc3339(at),
        "age_seconds": None if age is None else round(age, 3),
        "advice": decision.advice.value,
        "reasons": list(decision.reasons),
        "stale": decision.stale,
        "readiness": None if decision.readiness is None else decision.readiness.value,
    }


def _event_json(event: RolloutEvent) -> dict[str, object]:
    return {
        "at": rfc3339(event.at),
        "told_at": None if event.told_at is None else rfc3339(event.told_at),
        "hook": event.hook,
        "canary": event.canary,
        "namespace": event.namespace,
        "phase": event.phase,
        "type": event.kind,
        "message": event.message,
    }
