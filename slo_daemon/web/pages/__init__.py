"""Pages for people, rendered here: they work without a script, and renew themselves where there is one."""

from collections.abc import Callable

from fastapi import FastAPI, Request, Response

from slo_daemon.core.snapshot import Snapshot
from slo_daemon.ports import SinkError, StoreError
from slo_daemon.web.pages.feedback import (
    ADD_FEEDBACK,
    Heard,
    add_feedback,
    feedback_page,
    may_read,
    read_feedback,
)
from slo_daemon.web.pages.forms import Draft, Forms
from slo_daemon.web.pages.incidents import (
    ADD_INCIDENT,
    RESOLVE_INCIDENT,
    add_incident,
    incidents_page,
    read_incidents,
    resolve_incident,
)
from slo_daemon.web.pages.one_slo import Past, one_slo
from slo_daemon.web.pages.overview import overview
from slo_daemon.web.pages.pilot import Reports, pilot_page
from slo_daemon.web.pages.shell import Shell, Visit
from slo_daemon.web.pages.signing import empty, sign_in_page, take_sign_in, take_sign_out
from slo_daemon.web.pages.slos import slo_list
from slo_daemon.web.parts import Rooms, WebParts
from slo_daemon.web.problems import ProblemError
from slo_daemon.web.records_api import IncidentId, PilotName
from slo_daemon.web.security import ASSETS, FORMS, PAGES, PILOT_PAGE, Doorkeeper
from slo_daemon.web.sessions import Session, Sessions
from slo_daemon.workflows.checks import LARGEST_WHOLE

NOT_PAGES = ("/api/", "/hooks/", "/-/", "/metrics", "/openapi.json")
ShowProblem = Callable[[Request, ProblemError], Response | None]


def page_routes(
    app: FastAPI, parts: WebParts, rooms: Rooms, doorkeeper: Doorkeeper, sessions: Sessions
) -> ShowProblem:
    """All pages and forms. Returns what shows a refusal to a person: None for requests that no page was asked by."""
    shell = Shell(parts, sessions)
    _reading_pages(app, parts, rooms, shell)
    _record_pages(app, parts, rooms, shell, doorkeeper, sessions)

    @app.get("/sign-in", include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        draft = empty(request.query_params.get("next", "/"))
        return sign_in_page(shell, shell.visit(request, "/sign-in"), doorkeeper, draft)

    @app.post("/sign-in", include_in_schema=False)
    async def signed_in(request: Request) -> Response:
        return await take_sign_in(request, shell, doorkeeper, sessions)

    @app.post("/sign-out", include_in_schema=False)
    async def signed_out(request: Request) -> Response:
        return await take_sign_out(request, sessions)

    def show_problem(request: Request, problem: ProblemError) -> Response | None:
        return shell.problem(shell.visit(request, "/"), problem) if _for_people(request) else None

    return show_problem


def _reading_pages(app: FastAPI, parts: WebParts, rooms: Rooms, shell: Shell) -> None:
    @app.get("/", include_in_schema=False)
    async def first(request: Request) -> Response:
        visit = shell.visit(request)
        return await rooms.pages.run(lambda: overview(shell, visit))

    @app.get("/slos", include_in_schema=False)
    async def slos(request: Request) -> Response:
        visit, wish = shell.visit(request), dict(request.query_params)
        return await rooms.pages.run(lambda: slo_list(shell, visit, wish))

    @app.get("/slos/{slo_id:path}", include_in_schema=False)
    async def slo(request: Request, slo_id: str) -> Response:
        visit = shell.visit(request)
        past = await rooms.store.run(lambda: _past(parts, visit.snapshot, slo_id))
        return await rooms.pages.run(lambda: one_slo(shell, visit, slo_id, past, parts.links))

    @app.get(PILOT_PAGE, include_in_schema=False)
    async def pilot(request: Request, pilot: PilotName) -> Response:
        visit = shell.visit(request)
        visit.pilot(pilot)
        reports = await rooms.store.run(lambda: _reports(parts, pilot))
        return await rooms.pages.run(lambda: pilot_page(shell, visit, pilot, reports))

    @app.get(ASSETS, include_in_schema=False)
    async def asset(name: str) -> Response:
        return shell.asset(name)


def _record_pages(
    app: FastAPI, parts: WebParts, rooms: Rooms, shell: Shell, doorkeeper: Doorkeeper, sessions: Sessions
) -> None:
    recorder, forms = parts.recorder, Forms(rooms, doorkeeper, sessions)

    async def incidents_of(
        visit: Visit, pilot: str, draft: Draft | None = None, resolving: int | None = None, told: str = ""
    ) -> Response:
        kept = await rooms.store.run(lambda: read_incidents(recorder, pilot))
        return await rooms.pages.run(  # a hundred long texts are too much for the event loop
            lambda: incidents_page(
                shell, visit, doorkeeper, pilot, kept, draft=draft, resolving=resolving, told=told
            )
        )

    async def feedback_of(visit: Visit, pilot: str, draft: Draft | None = None, told: str = "") -> Response:
        visit.pilot(pilot)
        heard = await rooms.store.run(lambda: read_feedback(recorder, pilot)) if may_read(visit) else Heard()
        return await rooms.pages.run(
            lambda: feedback_page(shell, visit, doorkeeper, pilot, heard, draft=draft, told=told)
        )

    @app.get(ADD_INCIDENT[1], include_in_schema=False)
    async def incidents(request: Request, pilot: PilotName, told: str = "") -> Response:
        return await incidents_of(shell.visit(request), pilot, told=told)

    @app.post(ADD_INCIDENT[1], include_in_schema=False)
    async def incident_added(request: Request, pilot: PilotName) -> Response:
        async def again(draft: Draft, session: Session | None) -> Response:
            return await incidents_of(shell.visit(request, _own(request), session), pilot, draft)

        act = add_incident(recorder, pilot)
        return await forms.take(request, FORMS[ADD_INCIDENT], act, again, ("incident", pilot))

    @app.post(RESOLVE_INCIDENT[1], include_in_schema=False)
    async def incident_resolved(request: Request, pilot: PilotName, incident_id: IncidentId) -> Response:
        number = int(incident_id)
        if number > LARGEST_WHOLE:
            raise ProblemError(404, "unknown_incident", "there is no incident with so large an id")

        async def again(draft: Draft, session: Session | None) -> Response:
            here = _own(request).rpartition("/")[0]
            return await incidents_of(shell.visit(request, here, session), pilot, draft, number)

        act = resolve_incident(recorder, pilot, number)
        return await forms.take(request, FORMS[RESOLVE_INCIDENT], act, again, ("change", f"{pilot}/{number}"))

    @app.get(ADD_FEEDBACK[1], include_in_schema=False)
    async def feedback(request: Request, pilot: PilotName, told: str = "") -> Response:
        return await feedback_of(shell.visit(request), pilot, told=told)

    @app.post(ADD_FEEDBACK[1], include_in_schema=False)
    async def feedback_added(request: Request, pilot: PilotName) -> Response:
        async def again(draft: Draft, session: Session | None) -> Response:
            return await feedback_of(shell.visit(request, _own(request), session), pilot, draft)

        act = add_feedback(recorder, pilot)
        return await forms.take(request, FORMS[ADD_FEEDBACK], act, again, ("feedback", pilot))


def _own(request: Request) -> str:
    return str(request.scope["raw_path"].decode("ascii", "replace"))


def _past(parts: WebParts, snapshot: Snapshot, slo_id: str) -> Past:
    view = snapshot.slos.get(slo_id)
    if view is None:
        return Past()
    course = parts.course(view, snapshot.slot.time) if snapshot.slot is not None else None
    try:
        return Past(parts.history(slo_id), course)
    except StoreError as error:
        return Past((), course, f"The history cannot be read now ({error.reason}).")


def _reports(parts: WebParts, pilot: str) -> Reports:
    try:
        return Reports(parts.reports.reports(pilot))
    except SinkError as error:
        return Reports(lost=f"Reports cannot be read: {error}")


def _for_people(request: Request) -> bool:
    """Whether a page was asked for: by its address, or by a browser where there is nothing."""
    route = request.scope.get("route")
    if route is not None:
        path = str(getattr(route, "path", ""))
        return path in PAGES or (request.method, path) in FORMS
    wants_html = "text/html" in request.headers.get("accept", "")
    return wants_html and not request.url.path.startswith(NOT_PAGES)
