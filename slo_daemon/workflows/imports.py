"""Take whole files of incidents and ratings: every row, or none and all problems at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.records import NewFeedback, NewIncident
from slo_daemon.ports import Act, Imported, RowConflictError
from slo_daemon.ports.people import Row
from slo_daemon.workflows.checks import (
    FieldProblem,
    RefusedError,
    checked_feedback,
    checked_incident,
    line_problems,
)
from slo_daemon.workflows.desk import Author, Desk

LONGEST_ROW_KEY = 128  # characters
NewT = TypeVar("NewT", NewIncident, NewFeedback)


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row of a file. `where` is told to people (`line 7`); `values`: arguments of `checked_incident` or `checked_feedback`.

    `problems`: what was wrong with it as it was read; then `values` are not looked at.
    """

    where: str
    values: Mapping[str, Any]
    key: str | None = None
    problems: tuple[FieldProblem, ...] = ()


class Importer:
    """The verbs. Both raise UnknownPilotError, RefusedError (fields are named `line 7: rating`), KeyReusedError, StoreError."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def incidents(self, pilot: str, rows: Sequence[FileRow], author: Author) -> Imported:
        """All of them in one transaction."""
        done = self._take(pilot, rows, author, checked_incident, self._desk.store.import_incidents)
        if done.created:
            self._desk.told(pilot, "incidents_imported", rows=done.recorded)
        return done

    def feedback(self, pilot: str, rows: Sequence[FileRow], author: Author) -> Imported:
        """All of them in one transaction."""
        done = self._take(pilot, rows, author, checked_feedback, self._desk.store.import_feedback)
        if done.created:
            self._desk.told(pilot, "feedback_imported", rows=done.recorded)
        return done

    def _take(
        self,
        name: str,
        rows: Sequence[FileRow],
        author: Author,
        checked: Callable[..., tuple[NewT, list[FieldProblem]]],
        store: Callable[[str, Sequence[Row[NewT]], Act], Imported],
    ) -> Imported:
        pilot, now = self._desk.pilot(name), self._desk.clock.now()
        problems: list[FieldProblem] = []
        sound = [_checked(pilot, now, row, checked, problems) for row in rows]
        if problems:
            raise RefusedError(tuple(problems))
        ready = [row for row in sound if row is not None]
        try:
            with self._desk.watched():
                done = store(name, ready, author.at(now))
        except RowConflictError as error:
            said = "was recorded before with another content; give a changed row another key"
            raise RefusedError(
                tuple(FieldProblem(f"{rows[place].where}: key", said) for place in error.rows)
            ) from None
        return done


def _checked(
    pilot: Pilot,
    now: float,
    row: FileRow,
    checked: Callable[..., tuple[NewT, list[FieldProblem]]],
    problems: list[FieldProblem],
) -> Row[NewT] | None:
    found = list(row.problems)
    record = None
    if not found:
        record, found = checked(pilot, now, **row.values)
        if row.key is not None:
            found += line_problems("key", row.key, LONGEST_ROW_KEY)
    problems += [FieldProblem(f"{row.where}: {one.field}", one.problem) for one in found]
    return None if record is None or found else Row(record, row.key)
