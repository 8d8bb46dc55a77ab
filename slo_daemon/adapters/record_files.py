"""Incidents and ratings of the past, from CSV or JSON files. A file that cannot be understood is refused with its place."""

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

from slo_daemon.core.pilot.records import Feedback, Incident, Severity

LARGEST_FILE = 64 * 1_048_576  # bytes
_TIMES = "RFC 3339 with its zone, or Unix seconds"
_OWN = {"user", "rating", "text", "given_at", "pilot", "id", "recorded_at", "context", "cohort", "variant"}


class RecordFileError(ValueError):
    """The file cannot be read or understood. The message says where and what to do."""


def read_incidents(path: Path, pilot: str | None) -> tuple[Incident, ...]:
    """The incidents of a file. `pilot`: whose they are where the file does not say. Raises RecordFileError."""
    return tuple(
        incident_of(fields, number, place, pilot)
        for number, (place, fields) in enumerate(_records(path, "incidents"), 1)
    )


def read_feedback(path: Path, pilot: str | None) -> tuple[Feedback, ...]:
    """The ratings of a file. `pilot`: whose they are where the file does not say. Raises RecordFileError."""
    return tuple(
        feedback_of(fields, number, place, pilot)
        for number, (place, fields) in enumerate(_records(path, "feedback"), 1)
    )


def incident_of(fields: Mapping[str, Any], number: int, place: str, pilot: str | None) -> Incident:
    """One incident from its fields, as the API tells them too. Raises RecordFileError."""
    started = _moment(fields, "started_at", place)
    if started is None:
        raise RecordFileError(f"{place}: started_at is missing; write {_TIMES}")
    resolved = _moment(fields, "resolved_at", place)
    if resolved is not None and resolved < started:
        raise RecordFileError(f"{place}: resolved_at lies before started_at")
    severity = _text(fields, "severity").lower()
    if severity not in [one.value for one in Severity]:
        raise RecordFileError(f"{place}: severity {severity!r} is not known; write info, warning or critical")
    return Incident(
        id=number,
        pilot=_pilot(fields, place, pilot),
        title=_text(fields, "title"),
        severity=Severity(severity),
        description=_text(fields, "description"),
        started_at=started,
        recorded_at=started,
        resolution=_text(fields, "resolution") or None,
        resolved_at=resolved,
    )


def feedback_of(fields: Mapping[str, Any], number: int, place: str, pilot: str | None) -> Feedback:
    """One rating from its fields, as the API tells them too. Raises RecordFileError."""
    given = _moment(fields, "given_at", place)
    if given is None:
        raise RecordFileError(f"{place}: given_at is missing; write {_TIMES}")
    rating = _text(fields, "rating")
    if rating not in ("1", "2", "3", "4", "5"):
        raise RecordFileError(f"{place}: rating {rating!r} is none; write 1, 2, 3, 4 or 5")
    user = _text(fields, "user")
    if not user:
        raise RecordFileError(f"{place}: user is missing; without it nobody can tell votes apart")
    context = fields.get("context")
    more = {name: value for name, value in fields.items() if name not in _OWN and value not in (None, "")}
    return Feedback(
        id=number,
        pilot=_pilot(fields, place, pilot),
        user=user,
        rating=int(rating),
        text=_text(fields, "text"),
        given_at=given,
        recorded_at=given,
        context={**(context if isinstance(context, dict) else {}), **more},
        cohort=_text(fields, "cohort") or None,
        variant=_text(fields, "variant") or None,
    )


def _records(path: Path, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(place, fields) of every record."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise RecordFileError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise RecordFileError(f"{path}: is not UTF-8; save it as UTF-8") from None
    if len(content) > LARGEST_FILE:
        raise RecordFileError(f"{path}: is larger than {LARGEST_FILE // 1_048_576} MiB; split it")
    if text.lstrip()[:1] in ("[", "{"):
        yield from _of_json(path, text, name)
    else:
        yield from _of_csv(path, text)


def _of_json(path: Path, text: str, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise RecordFileError(f"{path}: is no JSON: {error}") from None
    if isinstance(found, dict):
        found = found.get(name)
    if not isinstance(found, list):
        raise RecordFileError(f"{path}: holds no list of {name}; write a list, or an object with {name!r}")
    for number, fields in enumerate(found, 1):
        if not isinstance(fields, dict):
            raise RecordFileError(f"{path}, record {number}: is no object")
        yield f"{path}, record {number}", fields


def _of_csv(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    rows = csv.DictReader(text.splitlines(keepends=True), strict=True)
    try:
        for fields in rows:
            if None in fields or None in fields.values():
                raise RecordFileError(
                    f"{path}, line {rows.line_num}: does not have the columns of the heading"
                )
            yield f"{path}, line {rows.line_num}", {name.strip(): value for name, value in fields.items()}
    except csv.Error as error:
        raise RecordFileError(f"{path}, line {rows.line_num}: is no CSV: {error}") from None


def _pilot(fields: Mapping[str, Any], place: str, pilot: str | None) -> str:
    found = _text(fields, "pilot") or pilot
    if not found:
        raise RecordFileError(f"{place}: says not of which pilot it is; add a column pilot")
    return found


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return "" if value is None else str(value).strip()


def _moment(fields: Mapping[str, Any], name: str, place: str) -> float | None:
    text = _text(fields, name)
    if not text:
        return None
    with suppress(ValueError):
        at = float(text)
        if isfinite(at):
            return at
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.timestamp()
    raise RecordFileError(f"{place}: {name} {text!r} is no time; write {_TIMES}")
