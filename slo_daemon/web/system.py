"""Routes for Prometheus, for an orchestrator and for an operator."""

from fastapi import FastAPI, Response

from slo_daemon.web.documents import BEARER, problem
from slo_daemon.web.parts import Rooms, WebParts
from slo_daemon.web.problems import ProblemError, json_response

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def system_routes(app: FastAPI, parts: WebParts, rooms: Rooms) -> None:
    """/metrics and /-/..."""

    @app.get(
        "/metrics",
        tags=["system"],
        summary="Metrics for Prometheus",
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        response_class=Response,
    )
    async def metrics() -> Response:
        """The text exposition format. An error while collecting is a 500, never a part of the metrics."""
        return Response(await rooms.metrics.run(parts.metrics), media_type=METRICS_TYPE)

    @app.get(
        "/-/healthy",
        tags=["system"],
        summary="Is the evaluation loop alive?",
        responses={503: problem("It is stuck.")},
    )
    async def healthy() -> Response:
        """503 only when a restart would help: never because Prometheus, the store or Alertmanager is down."""
        stuck = parts.stuck()
        if stuck:
            raise ProblemError(503, "stuck", stuck)
        return json_response({"healthy": True})

    @app.get(
        "/-/ready",
        tags=["system"],
        summary="Is this process ready to be scraped and written to?",
        responses={503: problem("Not yet; `reasons` lists what is missing.")},
    )
    async def ready() -> Response:
        """The process, not the pilot's rollout: that is `readiness`."""
        reasons = list(await rooms.store.run(parts.unready))
        if reasons:
            raise ProblemError(
                503, "not_ready", "; ".join(reasons), extra={"ready": False, "reasons": reasons}
            )
        return json_response({"ready": True, "reasons": []})

    @app.post(
        "/-/reload",
        tags=["system"],
        summary="Load the specification again",
        openapi_extra=BEARER,
        responses={
            400: problem("Refused: `problems` lists everything that is wrong; the last good one stays."),
            401: problem("No valid token."),
            403: problem("The token is not for the role admin, or none is configured."),
        },
    )
    async def reload() -> Response:
        """Parses everything, then swaps. SIGHUP and a change of the files do the same."""
        problems = list(await rooms.reload.run(parts.reload))
        if problems:
            count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
            raise ProblemError(
                400,
                "bad_specification",
                f"{count}; the last good specification stays in force",
                extra={"problems": problems},
            )
        return json_response({"reloaded": True, "hash": parts.snapshot().specification.hash})
