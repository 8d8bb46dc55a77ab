"""What clients send: strict JSON, and the shapes it must have. Bounds of the values are the recorder's business."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from math import isfinite
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from slo_daemon.core.pilot.records import OverrideKind, Severity
from slo_daemon.web.problems import ProblemError
from slo_daemon.workflows.checks import (
    LONGEST_TEXT,
    LONGEST_TITLE,
    LONGEST_USER,
    MOST_CONTEXT,
    FieldProblem,
)

DEEPEST = 8  # levels of nesting; our shapes have two
LONGEST_KEY = 128

_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)  # RFC 3339
_KEY = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_KEY}}}", re.ASCII)


def moment(value: object) -> float:
    """Unix seconds of RFC 3339 with its zone, or of a number. Raises ValueError and OverflowError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) < 1e15:
            return float(value)
    elif isinstance(value, str) and _MOMENT.fullmatch(value):
        fraction = value.find(".")
        text = value if fraction < 0 else re.sub(r"(\.\d{1,6})\d*", r"\1", value)
        return datetime.fromisoformat(text.upper()).timestamp()
    raise ValueError("give a time with its zone, as in 2026-01-31T09:30:00Z, or Unix seconds")


Moment = Annotated[
    float,
    BeforeValidator(moment),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}],
            "description": "A time: RFC 3339 with its zone, or Unix seconds. At most 5 minutes in the future.",
        }
    ),
]
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
# Lax for the one field: strict mode takes only the enum's own members, and JSON has none.
SeverityName = Annotated[Severity, Field(strict=False)]
Reporter = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=LONGEST_USER,
        pattern=r"^[^\x00-\x1f\x7f-\x9f]+$",
        description="Who says so; kept in the audit record.",
    ),
]


Segment = Annotated[
    str | None,
    Field(min_length=1, max_length=LONGEST_TITLE, description="One of the pilot's, by its name."),
]


class Shape(BaseModel):
    """The shape of a body: no other keys, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class IncidentBody(Shape):
    """A new incident."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "Search answers with errors in eu-west",
                    "severity": "critical",
                    "description": "5xx after the index switch",
                    "started_at": "2026-01-31T09:30:00Z",
                    "reporter": "search on-call",
                }
            ]
        }
    )

    title: Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE, description="One line.")]
    severity: SeverityName
    description: Text = ""
    started_at: Annotated[
        Moment | None, Field(description="When it began; without it, when the request came.")
    ] = None
    resolution: Annotated[Text | None, Field(description="How it was resolved, for one that is over.")] = None
    resolved_at: Annotated[
        Moment | None, Field(description="When it was resolved; without it but with a resolution, now.")
    ] = None
    reporter: Reporter = None


class IncidentChangeBody(Shape):
    """A change of an incident; what is left out stays. A resolution resolves it, now unless `resolved_at` is given."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"resolution": "index rolled back", "reporter": "search on-call"}]}
    )

    severity: SeverityName | None = None
    description: Text | None = None
    resolution: Text | None = None
    resolved_at: Moment | None = None
    replace: Annotated[
        bool, Field(description="Overwrite what was said before of how and when it was resolved.")
    ] = False
    reporter: Reporter = None


class FeedbackBody(Shape):
    """A user's rating. Of several ratings of one user the newest counts, unless the pilot counts all."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user": "u-4711",
                    "rating": 4,
                    "text": "finds what I mean, not what I type",
                    "cohort": "mobile_users",
                    "variant": "treatment",
                    "context": {"query": "red shoes", "device": "mobile"},
                }
            ]
        }
    )

    user: Annotated[
        str, Field(min_length=1, max_length=LONGEST_USER, description="An id; it need not be a name.")
    ]
    rating: Annotated[int, Field(ge=1, le=5, description="1 (worst) to 5 (best), a whole number.")]
    text: Text = ""
    given_at: Annotated[
        Moment | None, Field(description="When it was given; without it, when the request came.")
    ] = None
    cohort: Segment = None
    variant: Segment = None
    context: Annotated[
        dict[str, str | int | float | bool | None],
        Field(max_length=MOST_CONTEXT, description="Anything that helps to understand it; flat."),
    ] = Field(default_factory=dict)


class OverrideBody(Shape):
    """A decision of a person: `waive` one criterion (it counts as passed, or the trigger does not fire), or `hold`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "waive",
                    "criterion": "Error rate > 1%",
                    "by": "Ada, release manager",
                    "reason": "the errors are of a load test, which ends today",
                    "expires_at": "2026-02-01T18:00:00Z",
                }
            ]
        }
    )

    kind: Annotated[OverrideKind, Field(strict=False, description="waive or hold.")]
    criterion: Annotated[
        str, Field(max_length=LONGEST_TEXT, description="For a waiver: the criterion's text, as assessed.")
    ] = ""
    by: Annotated[str, Field(min_length=1, max_length=LONGEST_USER, description="Who decides.")]
    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, description="Why.")]
    expires_at: Annotated[Moment, Field(description="Until when; at most 90 days ahead.")]


BodyT = TypeVar("BodyT", bound=Shape)


def strict_json(body: bytes) -> Any:
    """The value of a JSON text. Raises ProblemError for what JSON allows but nobody means, or what is not JSON.

    That is: duplicate keys, NaN and infinities (also as 1e999), numbers of thousands of digits, deep nesting, NUL
    characters, halves of surrogate pairs, a byte order mark, anything but UTF-8.
    """
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant
        )
        _check(value, 1)
    except RecursionError:
        raise _bad_json("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise _bad_json("it is not UTF-8") from None
    except ValueError as error:
        raise _bad_json(str(error)[:200]) from None
    return value


def shaped(shape: type[BodyT], value: object) -> BodyT:
    """`value` in the given shape. Raises ProblemError that lists every wrong field."""
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise ProblemError(
            422, "invalid", "some fields are wrong", errors=field_problems(error.errors())
        ) from None


def field_problems(errors: Sequence[Any]) -> list[FieldProblem]:
    """Pydantic's errors without the values that were sent: they may be secret, or long."""
    return [FieldProblem(".".join(str(part) for part in error["loc"]), str(error["msg"])) for error in errors]


def idempotency_key(value: str | None) -> str | None:
    """The header's value. Raises ProblemError."""
    if value is None or _KEY.fullmatch(value):
        return value
    raise ProblemError(
        400,
        "idempotency_key",
        f"the Idempotency-Key must be 1 to {LONGEST_KEY} visible ASCII characters without spaces",
    )


def content_digest(kind: str, pilot: str, value: object) -> str:
    """Names what a request asks for: the same JSON value for the same pilot, however it is written."""
    text = json.dumps([kind, pilot, value], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:40]!r} is there twice")
        found[key] = value
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _check(value: object, depth: int) -> None:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("a string holds a NUL or half a surrogate pair, which is no text")
    elif isinstance(value, float):
        if not isfinite(value):
            raise ValueError("a number is too large")
    elif isinstance(value, dict | list):
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")
        for key in value if isinstance(value, dict) else ():
            _check(key, depth)
        for inner in value.values() if isinstance(value, dict) else value:
            _check(inner, depth + 1)


def _bad_json(detail: str) -> ProblemError:
    return ProblemError(400, "bad_json", f"the body is not acceptable JSON: {detail}")
