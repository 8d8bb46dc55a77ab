"""Incidents and feedback by HTTP. A write is answered after it is committed, and repeated safely with a key."""

from typing import Annotated

from fastapi import FastAPI, Header, Path, Query, Request, Response

from slo_daemon.core.pilot.records import IncidentChange
from slo_daemon.web.documents import BEARER, GUARDED_READ, UNAVAILABLE, UNKNOWN, WRITE, problem, takes
from slo_daemon.web.inputs import (
    FeedbackBody,
    IncidentBody,
    IncidentChangeBody,
    content_digest,
    idempotency_key,
    shaped,
    strict_json,
)
from slo_daemon.web.limits import read_body
from slo_daemon.web.outputs import feedback_json, incident_json
from slo_daemon.web.parts import Rooms, WebParts
from slo_daemon.web.problems import ProblemError, json_response
from slo_daemon.web.security import PILOT
from slo_daemon.workflows.checks import LARGEST_WHOLE
from slo_daemon.workflows.desk import Author

PilotName = Annotated[
    str, Path(description="The pilot's name (metadata.name).", examples=["ecommerce-semantic-search"])
]
IncidentId = Annotated[str, Path(pattern=r"^[0-9]{1,19}$", description="As told when it was recorded.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="At most 128 visible ASCII characters, unique to this request. The same request with the same key is "
        "recorded once: the first answer is 201, a later one 200 with the same record. Another request with the key "
        "is refused with 422.",
    ),
]


def record_routes(app: FastAPI, parts: WebParts, rooms: Rooms) -> None:
    """/api/v1/pilots/{pilot}/incidents and .../feedback"""
    recorder = parts.recorder

    @app.post(
        f"{PILOT}/incidents",
        tags=["incidents"],
        summary="Record an incident",
        status_code=201,
        openapi_extra=takes(IncidentBody),
        responses=WRITE | {200: {"description": "It was recorded before, with this key."}},
    )
    async def add_incident(request: Request, pilot: PilotName, key: Key = None) -> Response:
        """An open critical incident makes the pilot NOT_READY."""
        checked = idempotency_key(key)
        body = await read_body(request)

        def work() -> Response:
            value = strict_json(body)
            shape = shaped(IncidentBody, value)
            recorded = recorder.add_incident(
                pilot,
                author_of(request, shape.reporter, checked, content_digest("incident", pilot, value)),
                title=shape.title,
                severity=shape.severity,
                description=shape.description,
                started_at=shape.started_at,
                resolution=shape.resolution,
                resolved_at=shape.resolved_at,
            )
            return json_response(incident_json(recorded.record), 201 if recorded.created else 200)

        return await rooms.store.run(work)

    @app.get(
        f"{PILOT}/incidents",
        tags=["incidents"],
        summary="The latest incidents by start, newest first",
        responses=UNKNOWN | UNAVAILABLE,
    )
    async def incidents(pilot: PilotName, limit: Limit = 100) -> Response:
        def work() -> Response:
            found = recorder.incidents(pilot, limit)
            return json_response({"incidents": [incident_json(one) for one in found]})

        return await rooms.store.run(work)

    @app.patch(
        f"{PILOT}/incidents/{{incident_id}}",
        tags=["incidents"],
        summary="Change or resolve an incident",
        openapi_extra=takes(IncidentChangeBody),
        responses=WRITE | {409: problem("It was resolved before, and this says something else of that.")},
    )
    async def change_incident(
        request: Request, pilot: PilotName, incident_id: IncidentId, key: Key = None
    ) -> Response:
        """What is left out stays. What was said of a resolution is overwritten only with `replace`."""
        checked = idempotency_key(key)
        number = int(incident_id)
        if number > LARGEST_WHOLE:
            raise ProblemError(404, "unknown_incident", "there is no incident with so large an id")
        body = await read_body(request)

        def work() -> Response:
            value = strict_json(body)
            shape = shaped(IncidentChangeBody, value)
            digest = content_digest("change", pilot, [number, value])
            change = IncidentChange(
                severity=shape.severity,
                description=shape.description,
                resolution=shape.resolution,
                resolved_at=shape.resolved_at,
                replaces=shape.replace,
            )
            author = author_of(request, shape.reporter, checked, digest)
            return json_response(incident_json(recorder.change_incident(pilot, number, change, author)))

        return await rooms.store.run(work)

    @app.post(
        f"{PILOT}/feedback",
        tags=["feedback"],
        summary="Record a user's rating",
        status_code=201,
        openapi_extra=takes(FeedbackBody),
        responses=WRITE | {200: {"description": "It was recorded before, with this key."}},
    )
    async def add_feedback(request: Request, pilot: PilotName, key: Key = None) -> Response:
        """Of several ratings of one user the newest counts, unless the pilot counts all."""
        checked = idempotency_key(key)
        body = await read_body(request)

        def work() -> Response:
            value = strict_json(body)
            shape = shaped(FeedbackBody, value)
            recorded = recorder.add_feedback(
                pilot,
                author_of(request, None, checked, content_digest("feedback", pilot, value)),
                user=shape.user,
                rating=shape.rating,
                text=shape.text,
                given_at=shape.given_at,
                context=shape.context,
                cohort=shape.cohort,
                variant=shape.variant,
            )
            return json_response(feedback_json(recorded.record), 201 if recorded.created else 200)

        return await rooms.store.run(work)

    @app.get(
        f"{PILOT}/feedback",
        tags=["feedback"],
        summary="The latest ratings, newest first",
        openapi_extra=BEARER,
        responses=GUARDED_READ,
    )
    async def feedback(pilot: PilotName, limit: Limit = 100) -> Response:
        """With the users' ids and words, so not for everybody."""

        def work() -> Response:
            found = recorder.feedback(pilot, limit)
            return json_response({"feedback": [feedback_json(one) for one in found]})

        return await rooms.store.run(work)


def author_of(request: Request, reporter: str | None, key: str | None, content: str) -> Author:
    """For the audit: the token's role, which is proven, and who the client says it was, which is not."""
    role = str(request.state.role)
    return Author(role if reporter is None else f"{role}: {reporter}", key, content)
