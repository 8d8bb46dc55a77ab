"""Pieces of the OpenAPI document that FastAPI cannot know, because bodies and errors are handled by us."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from slo_daemon.web.import_files import FeedbackRow, IncidentRow
from slo_daemon.web.inputs import FeedbackBody, IncidentBody, IncidentChangeBody, OverrideBody

Responses = dict[int | str, dict[str, Any]]

DESCRIPTION = """\
Reads SLOs, readiness and reports; answers deployment tools; records incidents, feedback and overrides, and takes alerts of
Alertmanager.

Reading is open, except for feedback. Writing needs `Authorization: Bearer TOKEN` with the token of the role (webhook,
incidents, feedback, admin).
Errors are `application/problem+json` with a `reason` for machines and a `detail` for people. A write is acknowledged only
after it is stored; to be able to repeat it safely, send an `Idempotency-Key`.
"""

BEARER: dict[str, Any] = {"security": [{"bearer": []}]}

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "reason", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "reason": {"type": "string", "description": "A name, for machines."},
        "detail": {"type": "string", "description": "A sentence, for people."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "problem": {"type": "string"}},
            },
        },
    },
}


_SHAPES = (IncidentBody, IncidentChangeBody, FeedbackBody, OverrideBody, IncidentRow, FeedbackRow)
_CSV = {
    "incidents": "key,title,severity,started_at,resolved_at,resolution\n"
    "INC-7,Search is down,critical,2026-01-31T09:30:00Z,2026-01-31T10:00:00Z,index rolled back\n",
    "feedback": "key,user,rating,text,given_at,variant,context.device\n"
    "r-1,u-4711,4,finds what I mean,2026-01-31T09:30:00Z,treatment,mobile\n",
}
_ALERT = {
    "status": "firing",
    "labels": {"alertname": "CheckoutDown", "severity": "critical"},
    "annotations": {"summary": "The checkout does not answer"},
    "startsAt": "2026-01-31T09:30:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "fingerprint": "4c0d1f3b2a5e6978",
}
ALERT_NOTIFICATION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["alerts"],
                    "properties": {"alerts": {"type": "array", "items": {"type": "object"}}},
                },
                "example": {"version": "4", "status": "firing", "truncatedAlerts": 0, "alerts": [_ALERT]},
            }
        },
    }
}


def problem(description: str) -> dict[str, Any]:
    """An error answer."""
    reference = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": reference}}}


UNKNOWN: Responses = {404: problem("There is no such thing; `reason` says which.")}
UNAVAILABLE: Responses = {503: problem("The store or the files cannot be used now; wait for `Retry-After`.")}
WRITE: Responses = {
    400: problem("The body is no acceptable JSON, or the key is malformed."),
    401: problem("No valid token."),
    403: problem("The token is for another role, or no token is configured for this one."),
    413: problem("More than 1 MiB."),
    415: problem("Not JSON, or compressed."),
    422: problem("Fields are wrong, all listed in `errors`; or the key came with another request before."),
    429: problem("Too often; wait for `Retry-After`."),
} | UNKNOWN | {503: problem("Nothing was recorded; send it again after `Retry-After`, with the same key.")}  # fmt: skip
HOOK: Responses = UNKNOWN | {
    200: {
        "description": "It is stored; how many alerts were opened, merged, resolved, recorded, late, known, left out."
    },
    **{code: WRITE[code] for code in (400, 401, 403, 415)},
    413: problem("More than 8 MiB: bound the groups by `max_alerts`."),
    422: problem("There is no list of alerts."),
    503: problem("Nothing was recorded; Alertmanager sends it again."),
}
IMPORT: Responses = WRITE | {
    200: {"description": "The file was recorded before, with this key."},
    201: {"description": "How many rows there are, how many were recorded, how many had been before."},
    413: problem("More than 32 MiB."),
    415: problem("Neither JSON nor CSV, or compressed."),
    422: problem("`problems` tells how many there are; the first 20 are in `errors`. Nothing was recorded."),
}
GUARDED_READ: Responses = {code: WRITE[code] for code in (401, 403, 429)} | UNKNOWN | UNAVAILABLE


def takes(shape: type[BaseModel]) -> dict[str, Any]:
    """A write's body. FastAPI must not read it by itself: it would do so before the token is looked at."""
    reference = {"$ref": f"#/components/schemas/{shape.__name__}"}
    return BEARER | {
        "requestBody": {"required": True, "content": {"application/json": {"schema": reference}}}
    }


def takes_file(shape: type[BaseModel], name: str) -> dict[str, Any]:
    """The body of an import: rows of `shape` as JSON, or as CSV with the same names."""
    rows = {"type": "array", "items": {"$ref": f"#/components/schemas/{shape.__name__}"}}
    within = {"type": "object", "required": [name], "properties": {name: rows}}
    content = {
        "application/json": {"schema": {"anyOf": [rows, within]}},
        "text/csv": {"schema": {"type": "string"}, "example": _CSV[name]},
    }
    return BEARER | {"requestBody": {"required": True, "content": content}}


def openapi(app: FastAPI) -> dict[str, Any]:
    """The whole document."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for shape in _SHAPES:
        schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[shape.__name__] = schema
    schemas["Problem"] = _PROBLEM
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    for path in document["paths"].values():
        for operation in path.values():
            invalid = operation["responses"].get("422")
            if invalid is not None and "HTTPValidationError" in str(invalid):
                operation["responses"]["422"] = problem("A parameter is wrong; see `errors`.")
    return document
