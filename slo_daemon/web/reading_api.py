"""What is known: SLOs, readiness and reports. The snapshot answers at once; history and reports are read on threads."""

import re
from functools import partial
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from slo_daemon.core.pilot.readiness import as_of
from slo_daemon.core.report_style import policy_of
from slo_daemon.core.shapes import assessment_json, evaluation_json, points_json
from slo_daemon.core.snapshot import SloView, Snapshot
from slo_daemon.web.documents import UNAVAILABLE, UNKNOWN
from slo_daemon.web.parts import Rooms, WebParts
from slo_daemon.web.problems import ProblemError, json_response
from slo_daemon.web.records_api import PilotName
from slo_daemon.web.security import PILOT
from slo_daemon.workflows.desk import UnknownPilotError

REPORT_ID = re.compile(r"latest|[0-9A-Za-z][0-9A-Za-z_-]{0,63}", re.ASCII)
MARKDOWN_TYPE = "text/markdown; charset=utf-8"
MOST_NAMED = 20  # groups of an SLO, in an error

DEFAULT_DAYS, MOST_DAYS = 35, 400
Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="How far back.")]
Form = Literal["md", "html", "json"]
SloId = Annotated[
    str,
    Path(
        description='`pilot/slo`, or `pilot/slo{label="value"}` for one group of a grouped SLO.',
        examples=["ecommerce-semantic-search/availability"],
    ),
]
ReportId = Annotated[
    str, Path(description="An id from the list of reports, or `latest`.", examples=["latest"])
]


def reading_routes(app: FastAPI, parts: WebParts, rooms: Rooms) -> None:
    """/api/v1/slos, /api/v1/pilots/{pilot}/readiness and .../reports"""

    @app.get("/api/v1/slos", tags=["slos"], summary="All SLOs as they stand")
    async def slos() -> Response:
        """The latest evaluation of every SLO: value, windows, level, data state. `slot` is null before the first."""
        snapshot = parts.snapshot()
        return await rooms.store.run(lambda: json_response(evaluation_json(snapshot)))

    @app.get(
        "/api/v1/slos/{slo_id:path}",
        tags=["slos"],
        summary="Explain one SLO",
        responses=UNKNOWN | UNAVAILABLE,
    )
    async def explain(slo_id: SloId) -> Response:
        """The queries that were sent, the samples they gave, the arithmetic, the state and its history."""
        view = _slo(parts.snapshot(), slo_id)
        return await rooms.store.run(lambda: json_response(parts.explain(view, parts.history(slo_id))))

    @app.get(
        "/api/v1/budgets/{slo_id:path}",
        tags=["slos"],
        summary="What was left of one SLO's error budget",
        responses=UNKNOWN | UNAVAILABLE,
    )
    async def budget(slo_id: SloId, days: Days = DEFAULT_DAYS) -> Response:
        """Points for a burn-down plot, oldest first: hourly for 7 days, every 6 hours up to 35 days, then daily."""
        _slo(parts.snapshot(), slo_id)
        since = parts.clock.now() - days * 86_400
        return await rooms.store.run(
            lambda: json_response({"id": slo_id, "points": points_json(parts.points(slo_id, since))})
        )

    @app.get(f"{PILOT}/readiness", tags=["readiness"], summary="May the rollout widen?", responses=UNKNOWN)
    async def readiness(pilot: PilotName) -> Response:
        """The verdict with every finding. 404 with the reason `not_assessed_yet` before the first assessment."""
        snapshot = parts.snapshot()
        _known(snapshot, pilot)
        assessment = snapshot.assessments.get(pilot)
        if assessment is None:
            raise ProblemError(404, "not_assessed_yet", "the pilot was not assessed yet; try again shortly")
        return json_response(assessment_json(as_of(assessment, parts.clock.now())))

    @app.get(
        f"{PILOT}/reports",
        tags=["reports"],
        summary="The kept reports, newest first",
        responses=UNKNOWN | UNAVAILABLE,
    )
    async def reports(pilot: PilotName) -> Response:
        _known(parts.snapshot(), pilot)
        return await rooms.store.run(lambda: json_response({"reports": list(parts.reports.reports(pilot))}))

    @app.get(
        f"{PILOT}/reports/{{report_id}}",
        tags=["reports"],
        summary="One report",
        responses={
            200: {
                "content": {kind: {"schema": {"type": "string"}} for kind in ("text/markdown", "text/html")},
                "description": "As JSON; as a page with `format=html` or for browsers (`Accept: text/html`); as Markdown "
                "with `format=md` or `Accept: text/markdown`.",
            },
        }
        | UNKNOWN
        | UNAVAILABLE,
    )
    async def report(
        request: Request,
        pilot: PilotName,
        report_id: ReportId,
        form: Annotated[
            Form | None, Query(alias="format", description="Wins over the Accept header.")
        ] = None,
    ) -> Response:
        _known(parts.snapshot(), pilot)
        if not REPORT_ID.fullmatch(report_id):
            raise _no_report(report_id)
        accept = request.headers.get("accept", "").lower()
        forms = (form,) if form else _accepted(accept)
        for wanted in forms:
            text = await rooms.store.run(partial(parts.reports.read, pilot, report_id, wanted))
            if text is not None:
                return _report_response(text, wanted, browser="text/html" in accept)
        raise _no_report(report_id)


def _accepted(accept: str) -> tuple[Form, ...]:
    """The formats that may be sent, the best first: reports that were kept from before there were pages have none."""
    if "text/html" in accept:
        return "html", "json"
    return ("md",) if "text/markdown" in accept else ("json",)


def _report_response(text: str, form: Form, *, browser: bool) -> Response:
    match form:
        case "json":
            return Response(text, media_type="application/json")
        case "html":
            # The hash is of the style sheet as it was when the report was written.
            style = text.partition("<style>")[2].partition("</style>")[0]
            return HTMLResponse(text, headers={"Content-Security-Policy": policy_of(style)})
        case "md":  # a browser would save Markdown to a file instead of showing it
            return Response(text, media_type="text/plain; charset=utf-8" if browser else MARKDOWN_TYPE)


def _known(snapshot: Snapshot, pilot: str) -> None:
    names = tuple(known.name for known in snapshot.specification.pilots)
    if pilot not in names:
        raise UnknownPilotError(pilot, names)


def _slo(snapshot: Snapshot, slo_id: str) -> SloView:
    view = snapshot.slos.get(slo_id)
    if view is not None:
        return view
    groups = [key for key, view in snapshot.slos.items() if view.instance.slo.id == slo_id]
    if groups:
        raise ProblemError(
            404,
            "grouped_slo",
            "this SLO has one result for each group; ask for one of `groups`",
            extra={"groups": groups[:MOST_NAMED]},
        )
    raise ProblemError(404, "unknown_slo", "there is no such SLO; /api/v1/slos lists all")


def _no_report(report_id: str) -> ProblemError:
    return ProblemError(404, "unknown_report", f"there is no report {report_id[:64]!r} in this format")
