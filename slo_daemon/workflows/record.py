"""Record what people say: incidents, their resolution, feedback. Checked, stored, and only then told to the judges."""

from collections.abc import Mapping
from dataclasses import replace

from slo_daemon.core.pilot.records import ContextValue, Feedback, Incident, IncidentChange, Severity
from slo_daemon.ports import Recorded
from slo_daemon.workflows.checks import (
    AHEAD,
    EARLIEST,
    LARGEST_WHOLE,
    FieldProblem,
    RefusedError,
    checked_feedback,
    checked_incident,
    refuse,
    resolution_problems,
    text_problems,
)
from slo_daemon.workflows.desk import Author, Desk, UnknownPilotError

__all__ = [
    "AHEAD",
    "EARLIEST",
    "LARGEST_WHOLE",
    "Author",
    "FieldProblem",
    "Recorder",
    "RefusedError",
    "UnknownIncidentError",
    "UnknownPilotError",
]


class UnknownIncidentError(Exception):
    """The pilot has no incident with this id."""

    def __init__(self, pilot: str, incident_id: int) -> None:
        super().__init__(f"{pilot}: {incident_id}")
        self.pilot = pilot
        self.incident_id = incident_id


class Recorder(Desk):
    """The verbs for one record at a time.

    All raise UnknownPilotError and StoreError; writes raise RefusedError, and KeyReusedError for a key with other content.
    """

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
        now = self.clock.now()
        new, problems = checked_incident(
            self.pilot(pilot),
            now,
            title=title,
            severity=severity,
            description=description,
            started_at=started_at,
            resolution=resolution,
            resolved_at=resolved_at,
        )
        refuse(problems)
        with self.watched():
            recorded = self.store.record_incident(new, author.at(now))
        if recorded.created:
            self.told(pilot, "incident_recorded", id=recorded.record.id)
        return recorded

    def change_incident(
        self, pilot: str, incident_id: int, change: IncidentChange, author: Author
    ) -> Incident:
        """Change or resolve. A resolution without a time resolves an open incident now.

        Raises UnknownIncidentError, and AlreadyResolvedError unless `change.replaces`.
        """
        self.pilot(pilot)
        if change in (IncidentChange(), IncidentChange(replaces=True)):
            refuse([FieldProblem("", "nothing to change was given")])
        with self.watched():
            before = self.store.incident(pilot, incident_id)
        if before is None:
            raise UnknownIncidentError(pilot, incident_id)
        now = self.clock.now()
        resolved_at = change.resolved_at
        if change.resolution is not None and resolved_at is None and not before.resolved:
            resolved_at = now
        problems = [
            *text_problems("description", change.description or ""),
            *resolution_problems(change.resolution, resolved_at, before.started_at, now),
        ]
        refuse(problems)
        full = replace(change, resolved_at=resolved_at)
        with self.watched():
            changed = self.store.change_incident(pilot, incident_id, full, author.at(now))
        if changed is None:
            raise UnknownIncidentError(pilot, incident_id)
        self.told(pilot, "incident_changed", id=incident_id)
        return changed

    def incidents(self, pilot: str, limit: int) -> tuple[Incident, ...]:
        """The latest by start, newest first."""
        self.pilot(pilot)
        with self.watched():
            return self.store.incidents(pilot, limit)

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
        cohort: str | None = None,
        variant: str | None = None,
    ) -> Recorded[Feedback]:
        """`rating` is 1 (worst) to 5; without `given_at` (Unix seconds) it is given now."""
        now = self.clock.now()
        new, problems = checked_feedback(
            self.pilot(pilot),
            now,
            user=user,
            rating=rating,
            text=text,
            given_at=given_at,
            context=context,
            cohort=cohort,
            variant=variant,
        )
        refuse(problems)
        with self.watched():
            recorded = self.store.record_feedback(new, author.at(now))
        if recorded.created:
            self.told(pilot, "feedback_recorded", id=recorded.record.id)
        return recorded

    def feedback(self, pilot: str, limit: int) -> tuple[Feedback, ...]:
        """The latest by time given, newest first."""
        self.pilot(pilot)
        with self.watched():
            return self.store.feedback(pilot, limit)
