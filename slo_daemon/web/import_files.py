"""Files of incidents and ratings, JSON or CSV: bytes in; rows out, each with its place and with what is wrong with it."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, ValidationError

from slo_daemon.web.inputs import FeedbackBody, IncidentBody, Moment, Shape, field_problems, strict_json
from slo_daemon.web.problems import ProblemError
from slo_daemon.workflows.checks import FieldProblem
from slo_daemon.workflows.imports import LONGEST_ROW_KEY, FileRow

MOST_ROWS = 100_000
JSON_TYPE, CSV_TYPE = "application/json", "text/csv"
CONTEXT = "context."  # before the name of a column that goes into the context
LONGEST_CELL = 100_000  # characters; what a field may hold is checked later

_NUMBER = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,9}", re.ASCII)

RowKey = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=LONGEST_ROW_KEY,
        description="Names the row: the same key in another file is the same row, and not recorded again.",
    ),
]


class IncidentRow(IncidentBody):
    """An incident in a file. Files tell of the past, so times are required."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "key": "INC-7",
                    "title": "Search answers with errors in eu-west",
                    "severity": "critical",
                    "started_at": "2026-01-31T09:30:00Z",
                    "resolution": "index rolled back",
                    "resolved_at": "2026-01-31T10:00:00Z",
                }
            ]
        }
    )

    key: RowKey = None
    started_at: Moment
    reporter: None = None


class FeedbackRow(FeedbackBody):
    """A rating in a file. Files tell of the past, so the time is required."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "key": "r-1",
                    "user": "u-4711",
                    "rating": 4,
                    "given_at": "2026-01-31T09:30:00Z",
                    "variant": "treatment",
                    "context": {"device": "mobile"},
                }
            ]
        }
    )

    key: RowKey = None
    given_at: Moment


RowT = TypeVar("RowT", bound=Shape)


def incident_rows(body: bytes, media_type: str) -> list[FileRow]:
    """Raises ProblemError for a file that has no rows to speak of; what is wrong with a row stands in the row."""
    return _rows(body, media_type, "incidents", IncidentRow, _incident_values)


def feedback_rows(body: bytes, media_type: str) -> list[FileRow]:
    """As `incident_rows`."""
    return _rows(body, media_type, "feedback", FeedbackRow, _feedback_values)


def _rows(
    body: bytes,
    media_type: str,
    name: str,
    shape: type[RowT],
    values_of: Callable[[RowT], tuple[dict[str, Any], list[FieldProblem]]],
) -> list[FileRow]:
    found = _csv_rows(body, shape) if media_type == CSV_TYPE else _json_rows(body, name)
    rows: list[FileRow] = []
    for where, value in found:
        if len(rows) == MOST_ROWS:
            raise ProblemError(
                422, "too_many_rows", f"the file has more than {MOST_ROWS:,} rows; cut it into several files"
            )
        rows.append(_row(where, value, shape, values_of))
    if not rows:
        raise ProblemError(422, "no_rows", "the file has no rows; nothing was recorded")
    return rows


def _row(
    where: str,
    value: object,
    shape: type[RowT],
    values_of: Callable[[RowT], tuple[dict[str, Any], list[FieldProblem]]],
) -> FileRow:
    if isinstance(value, FieldProblem):
        return FileRow(where, {}, problems=(value,))
    try:
        told = shape.model_validate(value)
    except ValidationError as error:
        return FileRow(where, {}, problems=tuple(field_problems(error.errors())))
    values, problems = values_of(told)
    return FileRow(where, values, getattr(told, "key", None), tuple(problems))


def _incident_values(told: IncidentRow) -> tuple[dict[str, Any], list[FieldProblem]]:
    problems = []
    if told.resolution is not None and told.resolved_at is None:
        problems.append(FieldProblem("resolved_at", "say when it was resolved: a file tells of the past"))
    values = {
        "title": told.title,
        "severity": told.severity,
        "description": told.description,
        "started_at": told.started_at,
        "resolution": told.resolution,
        "resolved_at": told.resolved_at,
    }
    return values, problems


def _feedback_values(told: FeedbackRow) -> tuple[dict[str, Any], list[FieldProblem]]:
    values = {
        "user": told.user,
        "rating": told.rating,
        "text": told.text,
        "given_at": told.given_at,
        "context": told.context,
        "cohort": told.cohort,
        "variant": told.variant,
    }
    return values, []


def _json_rows(body: bytes, name: str) -> Iterator[tuple[str, object]]:
    value = strict_json(body)
    rows = value.get(name) if isinstance(value, dict) and set(value) == {name} else value
    if not isinstance(rows, list):
        raise ProblemError(422, "no_rows", f'the file must be a list of rows, or {{"{name}": [...]}}')
    return ((f"row {number}", row) for number, row in enumerate(rows, 1))


def _csv_rows(body: bytes, shape: type[Shape]) -> Iterator[tuple[str, object]]:
    """Comma-separated, UTF-8, with a row of names first; a cell that is empty was not given."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise ProblemError(
            400, "bad_csv", f"line {line}: this is not UTF-8; save the file as UTF-8"
        ) from None
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    names = _names(reader, shape)
    yield from _cells(reader, names)


def _names(reader: Any, shape: type[Shape]) -> list[str]:
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise ProblemError(400, "bad_csv", f"line 1: {error}") from None
    if not any(names):
        raise ProblemError(422, "no_rows", "the file is empty; the first line names the columns")
    known = [name for name in shape.model_fields if name not in ("reporter", "context")]
    with_context = "context" in shape.model_fields
    problems = []
    for number, name in enumerate(names):
        if name in names[:number]:
            problems.append(FieldProblem("line 1", f"the column {name[:40]!r} is there twice"))
        elif name not in known and not (with_context and name.startswith(CONTEXT) and name != CONTEXT):
            listed = ", ".join([*known, *([f"{CONTEXT}NAME"] if with_context else [])])
            remedy = "separate the columns by commas" if ";" in name or "\t" in name else f"known: {listed}"
            problems.append(FieldProblem("line 1", f"there is no column {name[:40]!r}; {remedy}"))
    if problems:
        raise ProblemError(422, "invalid", "the columns are wrong; nothing was recorded", errors=problems)
    return names


def _cells(reader: Any, names: list[str]) -> Iterator[tuple[str, object]]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ProblemError(400, "bad_csv", f"line {line}: {error}; close every quote") from None
        if cells is None:
            return
        if not any(cells):
            continue
        if len(cells) != len(names):
            said = f"has {len(cells)} cells, but there are {len(names)} columns; put a cell with a comma in quotes"
            yield f"line {line}", FieldProblem("row", said)
        else:
            yield f"line {line}", _value(dict(zip(names, cells, strict=True)))


def _value(cells: Mapping[str, str]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    context: dict[str, str] = {}
    for name, cell in cells.items():
        if not cell:
            continue
        if name.startswith(CONTEXT):
            context[name.removeprefix(CONTEXT)] = cell
        elif name == "rating":
            value[name] = int(cell) if _WHOLE.fullmatch(cell.strip()) else cell
        elif name.endswith("_at"):
            value[name] = float(cell) if _NUMBER.fullmatch(cell.strip()) else cell.strip()
        elif name in ("severity", "key", "cohort", "variant"):
            value[name] = cell.strip()
        else:
            value[name] = cell
    return value | ({"context": context} if context else {})
