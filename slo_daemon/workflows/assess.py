"""Assess every pilot: read what people told, judge it with the latest slot, and show the verdicts on the board."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from threading import Lock

import structlog

from slo_daemon.core.pilot.facts import Judged
from slo_daemon.core.pilot.measures import records_asked
from slo_daemon.core.pilot.memory import NOTHING_REMEMBERED, PilotMemory
from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.readiness import assess
from slo_daemon.core.pilot.records import Override, Records, RecordsUnavailable
from slo_daemon.core.pilot.verdict import Assessment
from slo_daemon.core.slo.measure import Watched
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.ports import Store, StoreError, Telemetry
from slo_daemon.workflows.board import Board
from slo_daemon.workflows.notes import read_notes, write_notes

log = structlog.get_logger(__name__)
STORE_UNAVAILABLE = "store_unavailable"
NOT_ASKED = "not_asked"  # the reason of a store that there is none of


class Assessor:
    """Runs after each slot, after a change of the specification, and when somebody has recorded something.

    What it remembers of each pilot is kept in the store, so that a restart neither forgets that a trigger has fired nor
    gives a blind one time again.
    """

    def __init__(self, store: Store, board: Board, telemetry: Telemetry) -> None:
        self._store = store
        self._board = board
        self._telemetry = telemetry
        self._turn = Lock()
        self._memories: dict[str, PilotMemory] = {}
        self._overrides: dict[str, tuple[Override, ...]] = {}  # as they were last read
        self._crashed: set[str] = set()  # told once, not in every slot
        self._saved: dict[str, str] | None = None  # None until the store has been read

    def assess_all(self, at: float) -> Snapshot:
        """Judge all pilots as of `at` (Unix seconds); returns the snapshot that readers see from now on.

        Runs take turns: a run that has read older records never overwrites one that has read newer ones.
        """
        with self._turn:
            self._recall()
            pilots = self._board.current.specification.pilots
            records = {}
            for pilot in pilots:
                try:
                    records[pilot.name] = self._records(pilot, at)
                except Exception as error:  # noqa: BLE001, as below
                    self._crash(pilot, error)
            snapshot = self._board.change(
                lambda now: replace(now, assessments=dict(self._assessed(now, records, at)))
            )
            self._remember(at)
            return snapshot

    def _assessed(
        self, snapshot: Snapshot, records: Mapping[str, Records | RecordsUnavailable], at: float
    ) -> Iterator[tuple[str, Assessment]]:
        """One for each pilot whose records were read; a pilot that came meanwhile has its turn next."""
        watched: dict[str, list[Watched]] = defaultdict(list)
        for one in snapshot.measures.values():
            watched[one.instance.slo.pilot].append(one)
        for pilot in snapshot.specification.pilots:
            if pilot.name not in records:
                continue
            before = snapshot.assessments.get(pilot.name)
            try:
                assessment, self._memories[pilot.name] = assess(
                    pilot,
                    snapshot.slot,
                    at,
                    _judged(snapshot, pilot),
                    records[pilot.name],
                    watched[pilot.name],
                    self._memories.get(pilot.name, NOTHING_REMEMBERED),
                    dict(before.trials) if before is not None else {},
                )
            # a bug in one pilot must not take the others along; without a verdict nothing passes
            except Exception as error:  # noqa: BLE001
                self._crash(pilot, error)
                continue
            self._crashed.discard(pilot.name)
            yield pilot.name, assessment

    def _crash(self, pilot: Pilot, error: Exception) -> None:
        if pilot.name not in self._crashed:
            log.error("pilot_crashed", pilot=pilot.name, exc_info=error)
        self._crashed.add(pilot.name)

    def _records(self, pilot: Pilot, at: float) -> Records | RecordsUnavailable:
        try:
            found = self._store.records(pilot.name, records_asked(pilot, at))
        except StoreError as error:
            self._telemetry.store_failed(error.reason)
            log.warning("records_unavailable", pilot=pilot.name, reason=error.reason, detail=error.detail)
            detail = (
                error.detail if error.reason == NOT_ASKED else f"the store cannot be read: {error.detail}"
            )
            return RecordsUnavailable(STORE_UNAVAILABLE, detail, self._overrides.get(pilot.name, ()))
        self._overrides[pilot.name] = found.overrides
        return found

    def _recall(self) -> None:
        if self._saved is not None:
            return
        try:
            saved = self._store.notes()
        except StoreError as error:  # tried again at the next turn; until then nothing is written over it
            self._telemetry.store_failed(error.reason)
            return
        self._saved = saved
        for pilot, text in saved.items():
            try:
                read = read_notes(text)
            except (KeyError, TypeError, ValueError) as error:
                log.warning("notes_unreadable", pilot=pilot, detail=repr(error))
                continue
            known = self._memories.get(pilot)
            self._memories[pilot] = read if known is None else known.after(read)

    def _remember(self, at: float) -> None:
        for pilot, memory in self._memories.items() if self._saved is not None else ():
            text = write_notes(memory)
            if self._saved is None or self._saved.get(pilot) == text:
                continue
            try:
                self._store.save_notes(pilot, text, at)
                self._saved[pilot] = text
            except StoreError as error:
                self._telemetry.store_failed(error.reason)


def _judged(snapshot: Snapshot, pilot: Pilot) -> list[Judged]:
    return [Judged(view.instance, view.state, view.evaluation) for view in snapshot.of_pilot(pilot.name)]
