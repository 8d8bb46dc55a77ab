"""Puts the web together: routes, the doorkeeper, and one envelope around every answer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache

import anyio
import structlog
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slo_daemon.core.slo.phrases import rfc3339
from slo_daemon.ports import AlreadyResolvedError, KeyReusedError, SinkError, StoreError, Telemetry
from slo_daemon.web.alertmanager_hook import alertmanager_routes
from slo_daemon.web.documents import DESCRIPTION, openapi
from slo_daemon.web.flagger_api import flagger_routes
from slo_daemon.web.gates_api import gate_routes
from slo_daemon.web.imports_api import import_routes
from slo_daemon.web.inputs import field_problems
from slo_daemon.web.limits import TokenBuckets
from slo_daemon.web.overrides_api import override_routes
from slo_daemon.web.pages import ShowProblem, page_routes
from slo_daemon.web.parts import Rooms, WebParts
from slo_daemon.web.problems import ProblemError, json_response
from slo_daemon.web.ramp_api import ramp_routes
from slo_daemon.web.reading_api import reading_routes
from slo_daemon.web.records_api import record_routes
from slo_daemon.web.security import HEADERS, Doorkeeper, Tokens
from slo_daemon.web.sessions import Sessions
from slo_daemon.web.system import system_routes
from slo_daemon.workflows.checks import RefusedError
from slo_daemon.workflows.desk import UnknownPilotError
from slo_daemon.workflows.override import UnknownOverrideError
from slo_daemon.workflows.record import UnknownIncidentError

log = structlog.get_logger(__name__)

USES_PER_SECOND = 50.0  # of one role, on guarded routes
USE_BURST = 200
REFUSALS_PER_SECOND = 2.0  # of one source without a valid token
REFUSAL_BURST = 20
UNMATCHED = "unmatched"  # the route of requests that none takes: their paths must not become labels


def create_web(
    parts: WebParts,
    *,
    uses: TokenBuckets | None = None,
    refusals: TokenBuckets | None = None,
    sessions: Sessions | None = None,
) -> FastAPI:
    """The ASGI application. Its lifespan waits for writes under way when it ends."""
    rooms = Rooms()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await anyio.to_thread.run_sync(rooms.close)

    doorkeeper = Doorkeeper(
        Tokens(parts.tokens),
        uses or TokenBuckets(USES_PER_SECOND, USE_BURST),
        refusals or TokenBuckets(REFUSALS_PER_SECOND, REFUSAL_BURST),
    )
    app = FastAPI(
        title="slo-daemon",
        version=parts.version,
        description=DESCRIPTION,
        openapi_url=None,  # served below, through the doorkeeper
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        dependencies=[Depends(doorkeeper)],
    )
    for routes in (
        system_routes,
        reading_routes,
        record_routes,
        import_routes,
        override_routes,
        alertmanager_routes,
    ):
        routes(app, parts, rooms)
    show_problem = page_routes(app, parts, rooms, doorkeeper, sessions or Sessions())
    gate_routes(app, parts)
    ramp_routes(app, parts)
    flagger_routes(app, parts)

    described = cache(lambda: openapi(app))

    @app.get("/openapi.json", include_in_schema=False)
    async def document() -> Response:
        return json_response(described())

    for kind, to_problem in _PROBLEMS.items():
        app.add_exception_handler(kind, _answer(to_problem, show_problem))
    app.add_middleware(Envelope, telemetry=parts.telemetry, show_problem=show_problem)
    return app


class Envelope:
    """Around every answer: security headers, the count, and a refusal when something unforeseen happened."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry, show_problem: ShowProblem) -> None:
        self._app = app
        self._telemetry = telemetry
        self._show_problem = show_problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        code = 0

        async def sent(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
                self._count(scope, code)  # before it is sent: who has the answer finds it counted
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in present),
                ]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception:  # a bug: logged here, told without its inner life
            log.exception("request_failed", route=_route(scope))
            if code:
                raise  # half an answer is out; only closing the connection tells that it is cut
            await self._failure(Request(scope))(scope, receive, sent)
        finally:
            if not code:
                self._count(scope, 500)

    def _failure(self, request: Request) -> Response:
        problem = ProblemError(500, "internal", "slo-daemon failed on this request; its log says why")
        try:
            shown = self._show_problem(request, problem)
        except Exception:  # what fails may be the making of pages
            log.exception("problem_not_shown", route=_route(request.scope))
            shown = None
        return shown or problem.response()

    def _count(self, scope: Scope, code: int) -> None:
        self._telemetry.request(_route(scope), code)


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", UNMATCHED))


def _unknown_pilot(error: UnknownPilotError) -> ProblemError:
    known = ", ".join(error.known) or "none"
    return ProblemError(404, "unknown_pilot", f"there is no pilot {error.pilot[:64]!r}; known: {known}")


def _unknown_incident(error: UnknownIncidentError) -> ProblemError:
    return ProblemError(404, "unknown_incident", f"the pilot has no incident {error.incident_id}")


def _unknown_override(error: UnknownOverrideError) -> ProblemError:
    return ProblemError(404, "unknown_override", f"the pilot has no override {error.override_id}")


def _refused(error: RefusedError) -> ProblemError:
    return ProblemError(422, "invalid", "the values cannot be recorded", errors=error.problems)


def _already_resolved(error: AlreadyResolvedError) -> ProblemError:
    at, words = rfc3339(error.incident.resolved_at or 0.0), error.incident.resolution
    said = f"incident {error.incident.id} was resolved at {at}" + (f": {words}" if words else "")
    return ProblemError(409, "already_resolved", f"{said}; to overwrite that, say so: replace true")


def _key_reused(_error: KeyReusedError) -> ProblemError:
    return ProblemError(
        422, "idempotency_key_reused", "this Idempotency-Key came with another request before; use a new one"
    )


def _store_down(error: StoreError) -> ProblemError:
    detail = f"the store cannot be used now ({error.reason}); nothing was recorded by this request"
    return ProblemError(503, "store_unavailable", detail, headers={"Retry-After": "5"})


def _files_down(_error: SinkError) -> ProblemError:
    return ProblemError(
        503, "reports_unavailable", "the reports cannot be read now", headers={"Retry-After": "5"}
    )


def _bad_parameter(error: RequestValidationError) -> ProblemError:
    return ProblemError(422, "invalid", "a parameter is wrong", errors=field_problems(error.errors()))


def _by_framework(error: HTTPException) -> ProblemError:
    reason, detail = {
        404: ("unknown_path", "there is nothing at this path; /openapi.json lists what there is"),
        405: ("method_not_allowed", "this path does not take this method"),
    }.get(error.status_code, ("refused", str(error.detail)))
    return ProblemError(error.status_code, reason, detail, headers=error.headers)


_PROBLEMS: dict[type[Exception], Callable[..., ProblemError]] = {
    ProblemError: lambda error: error,
    UnknownPilotError: _unknown_pilot,
    UnknownIncidentError: _unknown_incident,
    UnknownOverrideError: _unknown_override,
    RefusedError: _refused,
    AlreadyResolvedError: _already_resolved,
    KeyReusedError: _key_reused,
    StoreError: _store_down,
    SinkError: _files_down,
    RequestValidationError: _bad_parameter,
    HTTPException: _by_framework,
}


def _answer(
    to_problem: Callable[..., ProblemError], show_problem: ShowProblem
) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        problem = to_problem(error)
        return show_problem(request, problem) or problem.response()

    return answer
