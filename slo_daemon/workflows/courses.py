"""Fetch the courses that a report's charts are drawn from: from the ledger and the store. Asks the source nothing."""

from collections.abc import Iterator

import structlog

from slo_daemon.core.courses import MOST_SLOS, Courses, Opinion, opinion_times, shown_since
from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.records import Incident, RecordsQuery
from slo_daemon.core.pilot.satisfaction import satisfaction
from slo_daemon.core.slo.course import LONGEST, Course, course, gather
from slo_daemon.core.snapshot import SloView, Snapshot
from slo_daemon.ports import Store, StoreError, Telemetry
from slo_daemon.workflows.history import History

log = structlog.get_logger(__name__)
_MOST_INCIDENTS = 200


class CourseReader:
    """Reads for reports only: evaluating and assessing do not wait for it, beyond one copy for each SLO."""

    def __init__(self, history: History, store: Store, telemetry: Telemetry) -> None:
        self._history = history
        self._store = store
        self._telemetry = telemetry
        self._crashed: set[str] = set()  # told once, not in every report

    def read(self, pilot: Pilot, snapshot: Snapshot, at: float) -> Courses:
        """The courses of one pilot as of `at` (Unix seconds). What cannot be read is left out."""
        return Courses(
            dict(self._slos(pilot, snapshot)),
            tuple(self._opinions(pilot, at)),
            self._incidents(pilot, at),
        )

    def one(self, view: SloView, at: float) -> Course | None:
        """The course of one SLO up to `at` (Unix seconds); None while nothing is kept of it."""
        return self._guarded(view, at, at - LONGEST)

    def _slos(self, pilot: Pilot, snapshot: Snapshot) -> Iterator[tuple[str, Course]]:
        if snapshot.slot is None:
            return
        views = sorted(snapshot.of_pilot(pilot.name), key=_importance)
        since = shown_since(pilot, snapshot.slot.time)
        for view in views[:MOST_SLOS]:
            found = self._guarded(view, snapshot.slot.time, since)
            if found is not None:
                yield view.instance.id, found

    def _guarded(self, view: SloView, at: float, since: float) -> Course | None:
        """A bug in one chart must not take the report or the page along."""
        try:
            return self._course(view, at, since)
        except Exception:
            if view.instance.id not in self._crashed:
                log.exception("course_crashed", slo=view.instance.id)
            self._crashed.add(view.instance.id)
            return None

    def _course(self, view: SloView, at: float, since: float) -> Course | None:
        entry = self._history.entries.get(view.instance.slo.id)
        with self._history.sight(at) as sight:
            if entry is None or not sight.has(entry):
                return None
            seen = gather(entry, view.instance.group, sight, since)
        return course(seen, view.evaluation.budget if view.evaluation is not None else None)

    def _opinions(self, pilot: Pilot, at: float) -> Iterator[Opinion]:
        for time in opinion_times(pilot, at):
            query = RecordsQuery(time, votes=pilot.votes, recent_incidents=0, recent_feedback=0)
            try:
                found = satisfaction(self._store.records(pilot.name, query).ratings)
            except StoreError as error:
                self._telemetry.store_failed(error.reason)
                return
            if found is not None:
                yield Opinion(time, found)

    def _incidents(self, pilot: Pilot, at: float) -> tuple[Incident, ...]:
        try:
            latest = self._store.incidents(pilot.name, _MOST_INCIDENTS)
        except StoreError as error:
            self._telemetry.store_failed(error.reason)
            return ()
        return tuple(incident.as_of(at) for incident in latest if incident.started_at <= at)


def _importance(view: SloView) -> tuple[int, bool]:
    """The highest levels first, then what is not met."""
    return -view.state.level, view.evaluation is not None and view.evaluation.met is True
