"""The ramp: planned, served and advised shares, and the same as files for the tools that serve users."""

from fastapi import FastAPI, Response

from slo_daemon.core.pilot.proposal import propose
from slo_daemon.core.shapes import ramp_json
from slo_daemon.web.documents import UNKNOWN
from slo_daemon.web.parts import WebParts
from slo_daemon.web.problems import ProblemError, json_response
from slo_daemon.web.records_api import PilotName
from slo_daemon.web.security import PILOT
from slo_daemon.workflows.record import UnknownPilotError


def ramp_routes(app: FastAPI, parts: WebParts) -> None:
    """/api/v1/pilots/{pilot}/ramp"""

    @app.get(
        f"{PILOT}/ramp", tags=["readiness"], summary="Which share of users is advised", responses=UNKNOWN
    )
    async def ramp(pilot: PilotName) -> Response:
        """The advice, and what it would look like for flagd, Argo Rollouts and Flagger. Proposed; nothing is changed.

        `proposal` is null where the served share is to be held, and cannot be seen now.

        404 with the reason `not_assessed_yet` before the first assessment, and `no_ramp` where none is planned.
        """
        snapshot = parts.snapshot()
        found = next((one for one in snapshot.specification.pilots if one.name == pilot), None)
        if found is None:
            raise UnknownPilotError(pilot, tuple(one.name for one in snapshot.specification.pilots))
        if found.ramp is None:
            raise ProblemError(404, "no_ramp", "the pilot has no ramp; plan one under spec.ramp")
        assessment = snapshot.assessments.get(pilot)
        if assessment is None or assessment.ramp is None:
            raise ProblemError(404, "not_assessed_yet", "the pilot was not assessed yet; try again shortly")
        proposal = propose(found, assessment.ramp)
        return json_response(
            {
                "pilot": pilot,
                "ramp": ramp_json(assessment.ramp),
                "proposal": None
                if proposal is None
                else {
                    "flagd": proposal.flagd,
                    "argo_rollouts": proposal.argo_rollouts,
                    "flagger": proposal.flagger,
                    "left_out": list(proposal.left_out),
                },
            }
        )
