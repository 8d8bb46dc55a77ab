"""Whole files of incidents and ratings by HTTP: all rows are recorded, or none."""

from collections.abc import Callable
from hashlib import sha256

from fastapi import FastAPI, Request, Response

from slo_daemon.ports import Imported
from slo_daemon.web.documents import IMPORT, takes_file
from slo_daemon.web.import_files import (
    CSV_TYPE,
    JSON_TYPE,
    FeedbackRow,
    IncidentRow,
    feedback_rows,
    incident_rows,
)
from slo_daemon.web.inputs import idempotency_key
from slo_daemon.web.limits import media_type_of, read_body
from slo_daemon.web.parts import Rooms, WebParts
from slo_daemon.web.problems import MOST_ERRORS, ProblemError, json_response
from slo_daemon.web.records_api import Key, PilotName, author_of
from slo_daemon.web.security import PILOT
from slo_daemon.workflows.checks import RefusedError
from slo_daemon.workflows.desk import Author
from slo_daemon.workflows.imports import FileRow, Importer

FILE_LIMIT = 32 << 20  # bytes


def import_routes(app: FastAPI, parts: WebParts, rooms: Rooms) -> None:
    """/api/v1/pilots/{pilot}/incidents/import and .../feedback/import"""
    importer = Importer(parts.recorder)

    async def take(
        request: Request,
        pilot: str,
        key: str | None,
        read: Callable[[bytes, str], list[FileRow]],
        store: Callable[[str, list[FileRow], Author], Imported],
    ) -> Response:
        checked = idempotency_key(key)
        body = await read_body(request, FILE_LIMIT, frozenset({JSON_TYPE, CSV_TYPE}))
        media_type = media_type_of(request)

        def work() -> Response:
            rows = read(body, media_type)
            author = author_of(request, None, checked, sha256(body).hexdigest())
            try:
                done = store(pilot, rows, author)
            except RefusedError as error:
                raise _refused(error) from None
            told = {
                "rows": len(rows),
                "recorded": done.recorded,
                "known": done.known,
                "created": done.created,
            }
            return json_response(told, 201 if done.created else 200)

        return await rooms.imports.run(work)

    @app.post(
        f"{PILOT}/incidents/import",
        tags=["incidents"],
        summary="Record a file of incidents",
        status_code=201,
        openapi_extra=takes_file(IncidentRow, "incidents"),
        responses=IMPORT,
    )
    async def import_incidents(request: Request, pilot: PilotName, key: Key = None) -> Response:
        """All rows or none, in one transaction. Rows whose `key` was recorded before are left out."""
        return await take(request, pilot, key, incident_rows, importer.incidents)

    @app.post(
        f"{PILOT}/feedback/import",
        tags=["feedback"],
        summary="Record a file of users' ratings",
        status_code=201,
        openapi_extra=takes_file(FeedbackRow, "feedback"),
        responses=IMPORT,
    )
    async def import_feedback(request: Request, pilot: PilotName, key: Key = None) -> Response:
        """All rows or none, in one transaction. Rows whose `key` was recorded before are left out."""
        return await take(request, pilot, key, feedback_rows, importer.feedback)


def _refused(error: RefusedError) -> ProblemError:
    count = len(error.problems)
    shown = f"; the first {MOST_ERRORS} are listed" if count > MOST_ERRORS else ""
    said = f"the file has {count:,} problem{'' if count == 1 else 's'}{shown}; nothing was recorded"
    return ProblemError(422, "invalid", said, errors=error.problems, extra={"problems": count})
