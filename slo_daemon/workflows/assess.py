"""Assess every pilot: read what people told, judge it with the latest slot, and show the verdicts on the board."""

from collections.abc import Mapping
from dataclasses import replace
from threading import Lock

import structlog

from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.readiness import Judged, assess
from slo_daemon.core.pilot.records import Records, RecordsQuery, RecordsUnavailable
from slo_daemon.core.pilot.verdict import Assessment
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.ports import Store, StoreError, Telemetry
from slo_daemon.workflows.board import Board

log = structlog.get_logger(__name__)
STORE_UNAVAILABLE = "store_unavailable"


class Assessor:
    """Runs after each slot, after a change of the specification, and when somebody has recorded something."""

    def __init__(self, store: Store, board: Board, telemetry: Telemetry) -> None:
        self._store = store
        self._board = board
        self._telemetry = telemetry
        self._turn = Lock()

    def assess_all(self, at: float) -> Snapshot:
        """Judge all pilots as of `at` (Unix seconds); returns the snapshot that readers see from now on.

        Runs take turns: a run that has read older records never overwrites one that has read newer ones.
        """
        with self._turn:
            records = {
                pilot.name: self._records(pilot, at) for pilot in self._board.current.specification.pilots
            }
            return self._board.change(
                lambda now: replace(now, assessments=_assessments(now, records, at))
            )  # fmt: skip

    def _records(self, pilot: Pilot, at: float) -> Records | RecordsUnavailable:
        try:
            return self._store.records(pilot.name, RecordsQuery(at, votes=pilot.votes))
        except StoreError as error:
            self._telemetry.store_failed(error.reason)
            log.warning("records_unavailable", pilot=pilot.name, reason=error.reason, detail=error.detail)
            return RecordsUnavailable(STORE_UNAVAILABLE, f"the store cannot be read: {error.detail}")


def _assessments(
    snapshot: Snapshot, records: Mapping[str, Records | RecordsUnavailable], at: float
) -> dict[str, Assessment]:
    """One for each pilot whose records were read; a pilot that came meanwhile has its turn next."""
    return {
        pilot.name: assess(pilot, snapshot.slot, at, _judged(snapshot, pilot), records[pilot.name])
        for pilot in snapshot.specification.pilots
        if pilot.name in records
    }


def _judged(snapshot: Snapshot, pilot: Pilot) -> list[Judged]:
    return [
        Judged(view.instance, view.state, view.evaluation) for view in snapshot.of_pilot(pilot.name)
    ]  # fmt: skip
