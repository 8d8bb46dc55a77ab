"""Write the readiness report of every pilot: assess, compose, render, store."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from slo_daemon.core.courses import NO_COURSES
from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.report import (
    PreviousReport,
    Report,
    SlotTally,
    Transitions,
    Unreadable,
    compose,
)
from slo_daemon.core.report_html import report_html
from slo_daemon.core.report_json import previous_report, report_json
from slo_daemon.core.report_markdown import report_markdown
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.ports import ReportFiles, ReportSink, SinkError, Store, StoreError, Telemetry
from slo_daemon.workflows.assess import Assessor
from slo_daemon.workflows.courses import CourseReader

log = structlog.get_logger(__name__)
TRANSITIONS_READ = 500


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report with its texts by format (`md`, `html`, `json`). `files` is None when there is no sink or it refused: `problem`."""

    report: Report
    texts: Mapping[str, str]
    files: ReportFiles | None = None
    problem: str = ""


class Reporter:
    """Makes reports. Without a `sink` they are only returned, and nothing is known of earlier ones; without `courses`
    there is nothing to draw of the past.
    """

    def __init__(
        self,
        assessor: Assessor,
        store: Store,
        telemetry: Telemetry,
        sink: ReportSink | None = None,
        *,
        courses: CourseReader | None = None,
    ) -> None:
        self._assessor = assessor
        self._store = store
        self._telemetry = telemetry
        self._sink = sink
        self._courses = courses

    def report_all(self, at: float, tally: SlotTally | None = None) -> tuple[WrittenReport, ...]:
        """One report for each pilot, as of `at` (Unix seconds). A refused report does not stop the others."""
        snapshot = self._assessor.assess_all(at)
        transitions = self._transitions()
        written = tuple(
            self._one(pilot, snapshot, at, transitions, tally)
            for pilot in snapshot.specification.pilots
            if pilot.name in snapshot.assessments
        )
        if self._sink is not None and all(report.files for report in written):
            self._telemetry.report_written(at)
        return written

    def _one(
        self,
        pilot: Pilot,
        snapshot: Snapshot,
        at: float,
        transitions: Transitions | Unreadable,
        tally: SlotTally | None,
    ) -> WrittenReport:
        courses = NO_COURSES if self._courses is None else self._courses.read(pilot, snapshot, at)
        report = compose(
            pilot,
            snapshot,
            at,
            previous=self._previous(pilot),
            transitions=transitions,
            tally=tally,
            courses=courses,
        )
        texts = {"md": report_markdown(report), "html": report_html(report), "json": json_text(report)}
        if self._sink is None:
            return WrittenReport(report, texts)
        try:
            files = self._sink.write(pilot.name, report.id, texts)
        except SinkError as error:
            log.warning("report_not_written", pilot=pilot.name, report=report.id, detail=str(error))
            return WrittenReport(report, texts, None, str(error))
        log.info(
            "report_written", pilot=pilot.name, report=report.id, verdict=report.assessment.verdict.value
        )
        return WrittenReport(report, texts, files)

    def _previous(self, pilot: Pilot) -> PreviousReport | Unreadable | None:
        if self._sink is None:
            return None
        try:
            text = self._sink.read(pilot.name, "latest", "json")
            return None if text is None else previous_report(json.loads(text))
        except SinkError as error:
            return Unreadable(str(error))
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            return Unreadable(f"it is not a report of this program ({error!r})")

    def _transitions(self) -> Transitions | Unreadable:
        try:
            latest = self._store.transitions(limit=TRANSITIONS_READ)
        except StoreError as error:
            self._telemetry.store_failed(error.reason)
            return Unreadable(f"the store cannot be read: {error.detail}")
        return Transitions(latest, complete=len(latest) < TRANSITIONS_READ)


def json_text(report: Report) -> str:
    """The report as JSON: keys sorted, ASCII only, so that no text can steer a terminal; same report, same bytes."""
    return json.dumps(report_json(report), sort_keys=True, indent=2, allow_nan=False) + "\n"
