"""Record what people say: incidents, their resolution, feedback. Checked, stored, and only then told to the judges."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite

import structlog

from slo_daemon.core.pilot.records import (
    ContextValue,
    Feedback,
    Incident,
    IncidentChange,
    NewFeedback,
    NewIncident,
    Severity,
)
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.ports import Act, Clock, Recorded, Store, StoreError, Telemetry

log = structlog.get_logger(__name__)

LONGEST_TITLE = 200  # characters, here and below
LONGEST_TEXT = 4_000
LONGEST_USER = 128
MOST_CONTEXT = 20  # entries
LONGEST_CONTEXT_KEY = 64
LONGEST_CONTEXT_VALUE = 1_000
LARGEST_WHOLE = 2**63 - 1
AHEAD = 300.0  # seconds that a reporter's clock may be ahead of ours
EARLIEST = 946_684_800.0  # the year 2000: an older time is a slip, milliseconds taken for seconds are in the far future


class UnknownPilotError(Exception):
    """No such pilot in the specification in force. `known`: the names there are."""

    def __init__(self, pilot: str, known: tuple[str, ...]) -> None:
        super().__init__(pilot)
        self.pilot = pilot
        self.known = known


class UnknownIncidentError(Exception):
    """The pilot has no incident with this id."""

    def __init__(self, pilot: str, incident_id: int) -> None:
        super().__init__(f"{pilot}: {incident_id}")
        self.pilot = pilot
        self.incident_id = incident_id


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field, and what would be right."""

    field: str
    problem: str


class RefusedError(Exception):
    """The values cannot be recorded; all problems at once."""

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        super().__init__("; ".join(f"{p.field}: {p.problem}" for p in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes (for the audit), and what tells a repeated request from a new one (see ports.Act)."""

    actor: str
    key: str | None = None
    content: str = ""


class Recorder:
    """The verbs. `on_recorded(pilot)` is called after each commit, so that readiness is assessed anew.

    All raise UnknownPilotError and StoreError; writes raise RefusedError, and KeyReusedError for a key with other content.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        snapshot: Callable[[], Snapshot],
        telemetry: Telemetry,
        on_recorded: Callable[[str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._snapshot = snapshot
        self._telemetry = telemetry
        self._on_recorded = on_recorded

    def add_incident(
        self,
        pilot: str,
        author: Author,
        *,
        title: str,
        severity: Severity,
        description: str = "",
        started_at: float | None = None,
        resolution: str | None = None,
        resolved_at: float | None = None,
    ) -> Recorded[Incident]:
        """Times are Unix seconds; without `started_at` it starts now. A resolution without a time is one of now."""
        self._known(pilot)
        now = self._clock.now()
        started_at = now if started_at is None else started_at
        resolved_at = now if resolution is not None and resolved_at is None else resolved_at
        problems = [
            *_line("title", title, LONGEST_TITLE),
            *_text("description", description),
            *_time("started_at", started_at, now),
            *_resolution(resolution, resolved_at, started_at, now),
        ]
        _refuse(problems)
        new = NewIncident(pilot, title, severity, description, started_at, resolution, resolved_at)
        with self._watched():
            recorded = self._store.record_incident(new, Act(author.actor, now, author.key, author.content))
        if recorded.created:
            self._told(pilot, "incident_recorded", recorded.record.id)
        return recorded

    def change_incident(
        self, pilot: str, incident_id: int, change: IncidentChange, author: Author
    ) -> Incident:
        """Change or resolve. A resolution without a time resolves an open incident now. Raises UnknownIncidentError."""
        self._known(pilot)
        if change == IncidentChange():
            _refuse([FieldProblem("", "nothing to change was given")])
        with self._watched():
            before = self._store.incident(pilot, incident_id)
        if before is None:
            raise UnknownIncidentError(pilot, incident_id)
        now = self._clock.now()
        resolved_at = change.resolved_at
        if change.resolution is not None and resolved_at is None and not before.resolved:
            resolved_at = now
        problems = [
            *_text("description", change.description or ""),
            *_resolution(change.resolution, resolved_at, before.started_at, now),
        ]
        _refuse(problems)
        full = IncidentChange(change.severity, change.description, change.resolution, resolved_at)
        with self._watched():
            act = Act(author.actor, now, author.key, author.content)
            changed = self._store.change_incident(pilot, incident_id, full, act)
        if changed is None:
            raise UnknownIncidentError(pilot, incident_id)
        self._told(pilot, "incident_changed", incident_id)
        return changed

    def incidents(self, pilot: str, limit: int) -> tuple[Incident, ...]:
        """The latest by start, newest first."""
        self._known(pilot)
        with self._watched():
            return self._store.incidents(pilot, limit)

    def add_feedback(
        self,
        pilot: str,
        author: Author,
        *,
        user: str,
        rating: int,
        text: str = "",
        given_at: float | None = None,
        context: Mapping[str, ContextValue] | None = None,
    ) -> Recorded[Feedback]:
        """`rating` is 1 (worst) to 5; without `given_at` (Unix seconds) it is given now."""
        self._known(pilot)
        now = self._clock.now()
        given_at = now if given_at is None else given_at
        problems = [
            *_line("user", user, LONGEST_USER),
            *_rating(rating),
            *_text("text", text),
            *_time("given_at", given_at, now),
            *_context(context or {}),
        ]
        _refuse(problems)
        new = NewFeedback(pilot, user, rating, text, given_at, dict(context or {}))
        with self._watched():
            recorded = self._store.record_feedback(new, Act(author.actor, now, author.key, author.content))
        if recorded.created:
            self._told(pilot, "feedback_recorded", recorded.record.id)
        return recorded

    def feedback(self, pilot: str, limit: int) -> tuple[Feedback, ...]:
        """The latest by time given, newest first."""
        self._known(pilot)
        with self._watched():
            return self._store.feedback(pilot, limit)

    def _known(self, pilot: str) -> None:
        names = tuple(known.name for known in self._snapshot().specification.pilots)
        if pilot not in names:
            raise UnknownPilotError(pilot, names)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            self._telemetry.store_failed(error.reason)
            raise

    def _told(self, pilot: str, what: str, record_id: int) -> None:
        """The record is committed: that the judges cannot read the store now must not make it look lost."""
        self._telemetry.store_worked()
        log.info(what, pilot=pilot, id=record_id)
        try:
            self._on_recorded(pilot)
        except StoreError as error:
            log.warning("assessment_late", pilot=pilot, reason=error.reason, detail=error.detail)


def _refuse(problems: list[FieldProblem]) -> None:
    if problems:
        raise RefusedError(tuple(problems))


def _text(field: str, text: str, longest: int = LONGEST_TEXT) -> list[FieldProblem]:
    if len(text) > longest:
        return [FieldProblem(field, f"has {len(text)} characters; at most {longest} are kept")]
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        return [FieldProblem(field, "holds a NUL or half a surrogate pair, which is no text")]
    return []


def _line(field: str, text: str, longest: int) -> list[FieldProblem]:
    if not text.strip():
        return [FieldProblem(field, "must not be empty")]
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text):
        return [FieldProblem(field, "must be one line without control characters")]
    return _text(field, text, longest)


def _time(field: str, at: float, now: float) -> list[FieldProblem]:
    if not isfinite(at) or at < EARLIEST:
        return [FieldProblem(field, "is before the year 2000; give RFC 3339 or Unix seconds")]
    if at > now + AHEAD:
        return [FieldProblem(field, "is more than 5 minutes in the future")]
    return []


def _resolution(
    resolution: str | None, resolved_at: float | None, started_at: float, now: float
) -> list[FieldProblem]:
    problems = _text("resolution", resolution or "")
    if resolved_at is not None:
        problems += _time("resolved_at", resolved_at, now)
        if resolved_at < started_at:
            problems.append(
                FieldProblem("resolved_at", "is before started_at; say when the incident started")
            )
    return problems


def _rating(rating: int) -> list[FieldProblem]:
    if isinstance(rating, bool) or rating not in range(1, 6):
        return [FieldProblem("rating", "must be a whole number from 1 to 5")]
    return []


def _context(context: Mapping[str, ContextValue]) -> list[FieldProblem]:
    if len(context) > MOST_CONTEXT:
        return [FieldProblem("context", f"has {len(context)} entries; at most {MOST_CONTEXT} are kept")]
    problems: list[FieldProblem] = []
    for key, value in context.items():
        problems += _line("context", key, LONGEST_CONTEXT_KEY)
        field = f"context.{key}" if len(key) <= LONGEST_CONTEXT_KEY else "context"
        if isinstance(value, str):
            problems += _text(field, value, LONGEST_CONTEXT_VALUE)
        elif isinstance(value, int) and abs(value) > LARGEST_WHOLE:
            problems.append(FieldProblem(field, "is a whole number of more than 64 bits"))
        elif isinstance(value, float) and not isfinite(value):
            problems.append(FieldProblem(field, "is not a finite number"))
    return problems
