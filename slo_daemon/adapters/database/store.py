"""The Store over an SQL database."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from threading import Lock

from sqlalchemy import select

from slo_daemon.adapters.database import (
    budget_rows,
    chunk_rows,
    feedback_rows,
    import_rows,
    incident_rows,
    override_rows,
    slo_rows,
    written_rows,
)
from slo_daemon.adapters.database.sqlite_file import SqliteFile, upsert
from slo_daemon.adapters.database.tables import budget_points, pilot_notes, slo_states, state_values
from slo_daemon.core.pilot.alert_reports import AlertCounts, AlertReport
from slo_daemon.core.pilot.records import (
    ALL_VOTES,
    Feedback,
    Incident,
    IncidentChange,
    NewFeedback,
    NewIncident,
    NewOverride,
    Override,
    Ratings,
    Records,
    RecordsQuery,
)
from slo_daemon.core.slo.budget_points import BudgetPoint
from slo_daemon.core.slo.chunks import ChunkBlock
from slo_daemon.core.slo.state import SloState, Transition
from slo_daemon.ports import Act, AuditEntry, Imported, Recorded
from slo_daemon.ports.people import Row

_WRITE_STATE = upsert(slo_states, newer_by="last_slot")
_WRITE_POINT = upsert(budget_points)
_WRITE_NOTE = upsert(pilot_notes)


class DatabaseStore:
    """A `ports.Store` over one database file. Every call is one transaction."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._chunks_turn = Lock()  # what is known of the series is what is committed of them
        self._series: chunk_rows.Series | None = None

    def states(self) -> dict[str, SloState]:
        """See ports.Store."""
        with self._file.read() as connection:
            return slo_rows.read_states(connection)

    def commit_slot(
        self, states: Sequence[SloState], transitions: Sequence[Transition], sinks: Sequence[str]
    ) -> None:
        """See ports.Store."""
        with self._file.write() as connection:
            if states:
                connection.exec_driver_sql(_WRITE_STATE, [state_values(state) for state in states])
            slo_rows.add_transitions(connection, transitions, sinks)

    def forget(self, removals: Sequence[Transition], sinks: Sequence[str]) -> None:
        """See ports.Store."""
        with self._file.write() as connection:
            slo_rows.delete_states(connection, removals)
            slo_rows.add_transitions(connection, removals, sinks)

    def undelivered(self, sink: str, limit: int = 1000) -> tuple[Transition, ...]:
        """See ports.Store."""
        with self._file.read() as connection:
            return slo_rows.read_undelivered(connection, sink, limit)

    def delivered(self, sink: str, transitions: Sequence[Transition]) -> None:
        """See ports.Store. Works on a full disk too: it only deletes."""
        with self._file.write(grows=False) as connection:
            slo_rows.delete_delivered(connection, sink, transitions)

    def transitions(self, slo_id: str | None = None, limit: int = 50) -> tuple[Transition, ...]:
        """See ports.Store."""
        with self._file.read() as connection:
            return slo_rows.read_transitions(connection, slo_id, limit)

    def save_chunks(self, blocks: Sequence[ChunkBlock]) -> None:
        """See ports.Store."""
        with self._chunks_turn:
            with self._file.write() as connection:
                series = self._series or chunk_rows.read_series(connection)
                series = chunk_rows.add_series(connection, series, blocks)
                chunk_rows.add_blocks(connection, series, blocks)
            self._series = series

    def chunks(self, asks: Collection[str], since: Mapping[int, float]) -> Iterator[ChunkBlock]:
        """See ports.Store."""
        with self._file.read() as connection:
            yield from chunk_rows.read_blocks(connection, asks, since)

    def prune_chunks(self, before: Mapping[int, float]) -> int:
        """See ports.Store. Tried on a full disk too: it only deletes."""
        with self._chunks_turn, self._file.write(grows=False) as connection:
            self._series = None
            return chunk_rows.delete_blocks(connection, before)

    def save_budget_points(self, points: Sequence[BudgetPoint]) -> None:
        """See ports.Store."""
        if points:
            with self._file.write() as connection:
                rows = budget_rows.rows_of(connection, points)
                connection.exec_driver_sql(_WRITE_POINT, rows)
                budget_rows.thin_out(connection, max(point.at for point in points))

    def budget_points(self, slo_id: str, since: float) -> tuple[BudgetPoint, ...]:
        """See ports.Store."""
        with self._file.read() as connection:
            return budget_rows.read_points(connection, slo_id, since)

    def save_notes(self, pilot: str, content: str, at: float) -> None:
        """See ports.Store."""
        with self._file.write() as connection:
            connection.exec_driver_sql(_WRITE_NOTE, [(pilot, content, at)])

    def notes(self) -> dict[str, str]:
        """See ports.Store."""
        with self._file.read() as connection:
            return {row.pilot: row.content for row in connection.execute(select(pilot_notes))}

    def record_incident(self, incident: NewIncident, act: Act) -> Recorded[Incident]:
        """See ports.Store."""
        with self._file.write() as connection:
            return incident_rows.add_incident(connection, incident, act)

    def change_incident(
        self, pilot: str, incident_id: int, change: IncidentChange, act: Act
    ) -> Incident | None:
        """See ports.Store."""
        with self._file.write() as connection:
            return incident_rows.change_incident(connection, pilot, incident_id, change, act)

    def incident(self, pilot: str, incident_id: int) -> Incident | None:
        """See ports.Store."""
        with self._file.read() as connection:
            return incident_rows.read_incident(connection, pilot, incident_id)

    def incidents(self, pilot: str, limit: int = 100) -> tuple[Incident, ...]:
        """See ports.Store."""
        with self._file.read() as connection:
            return incident_rows.read_incidents(connection, pilot, limit)

    def take_alerts(self, pilot: str, reports: Sequence[AlertReport], act: Act) -> AlertCounts:
        """See ports.Store."""
        with self._file.write() as connection:
            return incident_rows.take_alerts(connection, pilot, reports, act)

    def record_feedback(self, feedback: NewFeedback, act: Act) -> Recorded[Feedback]:
        """See ports.Store."""
        with self._file.write() as connection:
            return feedback_rows.add_feedback(connection, feedback, act)

    def feedback(self, pilot: str, limit: int = 100) -> tuple[Feedback, ...]:
        """See ports.Store."""
        with self._file.read() as connection:
            return feedback_rows.read_feedback(connection, pilot, limit)

    def record_override(self, override: NewOverride, act: Act) -> Recorded[Override]:
        """See ports.Store."""
        with self._file.write() as connection:
            return override_rows.add_override(connection, override, act)

    def revoke_override(self, pilot: str, override_id: int, by: str, act: Act) -> Override | None:
        """See ports.Store."""
        with self._file.write() as connection:
            return override_rows.revoke_override(connection, pilot, override_id, by, act)

    def overrides(self, pilot: str, limit: int = 100) -> tuple[Override, ...]:
        """See ports.Store."""
        with self._file.read() as connection:
            return override_rows.read_overrides(connection, pilot, limit)

    def import_incidents(self, pilot: str, rows: Sequence[Row[NewIncident]], act: Act) -> Imported:
        """See ports.Store."""
        ready = import_rows.incidents_import(rows)
        with self._file.write(bulk=True) as connection:
            return import_rows.carry_out(connection, pilot, ready, act)

    def import_feedback(self, pilot: str, rows: Sequence[Row[NewFeedback]], act: Act) -> Imported:
        """See ports.Store."""
        ready = import_rows.feedback_import(rows)
        with self._file.write(bulk=True) as connection:
            return import_rows.carry_out(connection, pilot, ready, act)

    def records(self, pilot: str, query: RecordsQuery) -> Records:
        """See ports.Store."""
        with self._file.read() as connection:
            votes = feedback_rows.count_votes(connection, pilot, query)
            return Records(
                incident_rows.sum_incidents(connection, pilot, query),
                Ratings(
                    votes[ALL_VOTES],
                    feedback_rows.read_feedback(connection, pilot, query.recent_feedback, query.at),
                ),
                {one: votes[one] for one in query.vote_windows},
                override_rows.read_told(connection, pilot, query.at),
            )

    def audit(self, limit: int = 100) -> tuple[AuditEntry, ...]:
        """See ports.Store."""
        with self._file.read() as connection:
            return written_rows.read_audit(connection, limit)

    def check(self) -> None:
        """See ports.Store. It really writes, and notices a file that was deleted or replaced."""
        self._file.check()

    def close(self) -> None:
        """See ports.Store."""
        self._file.close()
