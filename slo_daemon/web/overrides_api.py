"""Overrides by HTTP: a person's decision against the daemon, with a name, a reason and an end."""

from typing import Annotated

from fastapi import FastAPI, Path, Query, Request, Response

from slo_daemon.web.documents import BEARER, UNAVAILABLE, UNKNOWN, WRITE, takes
from slo_daemon.web.inputs import OverrideBody, content_digest, idempotency_key, shaped, strict_json
from slo_daemon.web.limits import read_body
from slo_daemon.web.outputs import override_json
from slo_daemon.web.parts import Rooms, WebParts
from slo_daemon.web.problems import ProblemError, json_response
from slo_daemon.web.records_api import Key, Limit, PilotName, author_of
from slo_daemon.web.security import PILOT
from slo_daemon.workflows.checks import LARGEST_WHOLE, LONGEST_USER
from slo_daemon.workflows.override import Overrider

OverrideId = Annotated[str, Path(pattern=r"^[0-9]{1,19}$", description="As told when it was recorded.")]
By = Annotated[str, Query(min_length=1, max_length=LONGEST_USER, description="Who revokes it.")]


def override_routes(app: FastAPI, parts: WebParts, rooms: Rooms) -> None:
    """/api/v1/pilots/{pilot}/overrides"""
    overrider = Overrider(parts.recorder)

    @app.post(
        f"{PILOT}/overrides",
        tags=["overrides"],
        summary="Waive a criterion, or hold the rollout, for a time",
        status_code=201,
        openapi_extra=takes(OverrideBody),
        responses=WRITE | {200: {"description": "It was recorded before, with this key."}},
    )
    async def add(request: Request, pilot: PilotName, key: Key = None) -> Response:
        """It counts at once, and stands in every report with its name and reason."""
        checked = idempotency_key(key)
        body = await read_body(request)

        def work() -> Response:
            value = strict_json(body)
            shape = shaped(OverrideBody, value)
            recorded = overrider.add(
                pilot,
                author_of(request, shape.by, checked, content_digest("override", pilot, value)),
                kind=shape.kind,
                criterion=shape.criterion,
                by=shape.by,
                reason=shape.reason,
                expires_at=shape.expires_at,
            )
            told = override_json(recorded.record, overrider.now())
            return json_response(told, 201 if recorded.created else 200)

        return await rooms.store.run(work)

    @app.get(
        f"{PILOT}/overrides",
        tags=["overrides"],
        summary="The latest overrides, newest first, in force or not",
        responses=UNKNOWN | UNAVAILABLE,
    )
    async def overrides(pilot: PilotName, limit: Limit = 100) -> Response:
        def work() -> Response:
            found, now = overrider.overrides(pilot, limit), overrider.now()
            return json_response({"overrides": [override_json(one, now) for one in found]})

        return await rooms.store.run(work)

    @app.delete(
        f"{PILOT}/overrides/{{override_id}}",
        tags=["overrides"],
        summary="Revoke an override",
        openapi_extra=BEARER,
        responses=WRITE,
    )
    async def revoke(
        request: Request, pilot: PilotName, override_id: OverrideId, by: By, key: Key = None
    ) -> Response:
        """It counts no longer, and stays on record. Revoking again changes nothing."""
        checked = idempotency_key(key)
        number = int(override_id)
        if number > LARGEST_WHOLE:
            raise ProblemError(404, "unknown_override", "there is no override with so large an id")

        def work() -> Response:
            author = author_of(request, by, checked, content_digest("revoke", pilot, [number, by]))
            return json_response(override_json(overrider.revoke(pilot, number, by, author), overrider.now()))

        return await rooms.store.run(work)
