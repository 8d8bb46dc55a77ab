"""Refusals, as RFC 9457 problem documents with a named reason."""

from collections.abc import Mapping, Sequence

import msgspec
from fastapi import Response

from slo_daemon.workflows.checks import FieldProblem

PROBLEM_TYPE = "application/problem+json"
MOST_ERRORS = 20  # told at once; the rest is of the same kind
LONGEST_FIELD = 100

_TITLES = {
    400: "The request cannot be read",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not found",
    405: "Not this method",
    409: "Not as it stands",
    413: "Too large",
    415: "Not this content type",
    422: "A value is not acceptable",
    429: "Too many requests",
    500: "slo-daemon failed",
    503: "Not now",
}


class ProblemError(Exception):
    """A refusal: HTTP status, a reason for machines, a sentence for people, and what is wrong with which field.

    `extra`: members of the document beside the usual ones.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{status} {reason}: {detail}")
        self.status = status
        self.reason = reason
        self.detail = detail
        self.errors = tuple(errors[:MOST_ERRORS])
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def response(self) -> Response:
        """The problem document."""
        body: dict[str, object] = {
            "type": f"urn:slo-daemon:problem:{self.reason}",
            "title": _TITLES.get(self.status, "Refused"),
            "status": self.status,
            "reason": self.reason,
            "detail": self.detail,
            **self.extra,
        }
        if self.errors:
            body["errors"] = [{"field": e.field[:LONGEST_FIELD], "problem": e.problem} for e in self.errors]
        return Response(
            msgspec.json.encode(body),
            status_code=self.status,
            headers=self.headers,
            media_type=PROBLEM_TYPE,
        )


def json_response(value: object, status: int = 200) -> Response:
    """`value` as JSON. A number that JSON cannot write (infinite, not a number) becomes null."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
