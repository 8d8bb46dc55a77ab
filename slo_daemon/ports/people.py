"""What the store keeps of what people and Alertmanager tell: incidents, feedback, overrides, and who wrote them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from slo_daemon.core.pilot.alert_reports import AlertCounts, AlertReport
from slo_daemon.core.pilot.records import (
    Feedback,
    Incident,
    IncidentChange,
    NewFeedback,
    NewIncident,
    NewOverride,
    Override,
    Records,
    RecordsQuery,
)


class KeyReusedError(Exception):
    """An idempotency key came again with another content."""


class AlreadyResolvedError(Exception):
    """The incident was resolved before, and the change says something else. `incident`: as it is."""

    def __init__(self, incident: Incident) -> None:
        super().__init__(f"incident {incident.id} was resolved before")
        self.incident = incident


class RowConflictError(Exception):
    """Rows of an import have keys that were recorded before with another content. `rows`: their places, from 0."""

    def __init__(self, rows: tuple[int, ...]) -> None:
        super().__init__(f"{len(rows)} rows have a key that was recorded before with another content")
        self.rows = rows


RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True)
class Recorded(Generic[RecordT]):
    """A stored record. `created` is False when the same idempotency key had stored it before."""

    record: RecordT
    created: bool


@dataclass(frozen=True, slots=True)
class Row(Generic[RecordT]):
    """One row of an import. The same `key` in another import is the same row: it is not recorded again."""

    record: RecordT
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """How many rows were recorded, and how many had been before. `created` as in `Recorded`, of the whole import."""

    recorded: int
    known: int
    created: bool


@dataclass(frozen=True, slots=True)
class Act:
    """Who writes, when, and under which idempotency key (None: no key). Every write leaves an audit row.

    `content` names what was asked for (a digest of the request), for the comparison when the key comes again; when it
    is empty the record itself is compared. A request that left a time out asks for the same, though its record's time
    is a later one.
    """

    actor: str
    at: float
    key: str | None = None
    content: str = ""


class WriteKind(StrEnum):
    """The writes that people make. Idempotency keys count for one kind and pilot."""

    RECORD_INCIDENT = "record_incident"
    CHANGE_INCIDENT = "change_incident"
    RECORD_FEEDBACK = "record_feedback"
    RECORD_OVERRIDE = "record_override"
    REVOKE_OVERRIDE = "revoke_override"
    IMPORT_INCIDENTS = "import_incidents"
    IMPORT_FEEDBACK = "import_feedback"
    TAKE_ALERT = "take_alert"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who wrote which record, and when. A write that only found its key again leaves no entry.

    `record_id` of an import is the number of rows that it recorded. An alert that changed nothing leaves no entry.
    """

    actor: str
    at: float
    kind: WriteKind
    pilot: str
    record_id: int
    key: str | None


class PeopleStore(Protocol):
    """The people's side of a Store: see there. All methods raise StoreError."""

    def record_incident(self, incident: NewIncident, act: Act) -> Recorded[Incident]:
        """With a key that has stored an incident: that one, as it is now. Raises KeyReusedError."""

    def change_incident(
        self, pilot: str, incident_id: int, change: IncidentChange, act: Act
    ) -> Incident | None:
        """The changed incident; None when the pilot has none with this id.

        A key that comes again changes nothing again: a late repetition does not undo a newer change.
        Raises KeyReusedError, and AlreadyResolvedError when it would overwrite another resolution (`contradicts`).
        """

    def incident(self, pilot: str, incident_id: int) -> Incident | None:
        """One incident; None when the pilot has none with this id."""

    def incidents(self, pilot: str, limit: int = 100) -> tuple[Incident, ...]:
        """The latest by start, newest first."""

    def take_alerts(self, pilot: str, reports: Sequence[AlertReport], act: Act) -> AlertCounts:
        """Decide (`core.pilot.alert_reports.decide`) and carry out one report after the other, in ONE transaction.

        A repetition of reports finds its incidents and changes nothing. The key of `act` is not used.
        """

    def record_feedback(self, feedback: NewFeedback, act: Act) -> Recorded[Feedback]:
        """Raises KeyReusedError."""

    def feedback(self, pilot: str, limit: int = 100) -> tuple[Feedback, ...]:
        """The latest by time given, newest first."""

    def record_override(self, override: NewOverride, act: Act) -> Recorded[Override]:
        """It counts from `act.at` on. Raises KeyReusedError."""

    def revoke_override(self, pilot: str, override_id: int, by: str, act: Act) -> Override | None:
        """The override, revoked at `act.at`; None when the pilot has none with this id.

        One that was revoked before stays as it is. Raises KeyReusedError.
        """

    def overrides(self, pilot: str, limit: int = 100) -> tuple[Override, ...]:
        """The latest that were recorded, newest first, in force or not."""

    def import_incidents(self, pilot: str, rows: Sequence[Row[NewIncident]], act: Act) -> Imported:
        """All rows in ONE transaction, or none. Rows whose key was recorded before, here or earlier, are left out.

        Raises RowConflictError when such a row says something else now, and KeyReusedError.
        """

    def import_feedback(self, pilot: str, rows: Sequence[Row[NewFeedback]], act: Act) -> Imported:
        """As `import_incidents`."""

    def records(self, pilot: str, query: RecordsQuery) -> Records:
        """Incidents, votes and overrides of a pilot as of `query.at`, summed up; one consistent view.

        An incident counts from its start, or from when it was recorded where that is earlier: a reporter's clock may be
        ahead, and what is open must block at once. A window has the incidents that started no longer than its seconds
        before `at`. A rating counts from the time that it was given. Of the ratings of one user that were given at the same
        time the one recorded last is the newest.
        """

    def audit(self, limit: int = 100) -> tuple[AuditEntry, ...]:
        """The latest writes of people, newest first."""
