"""Take what Alertmanager tells of other people's alerts, and keep it as incidents."""

from collections.abc import Sequence

import structlog

from slo_daemon.core.pilot.alert_reports import AlertCounts, AlertReport
from slo_daemon.workflows.checks import AHEAD, EARLIEST
from slo_daemon.workflows.desk import Author, Desk

log = structlog.get_logger(__name__)


class AlertIntake:
    """The verb. Raises UnknownPilotError and StoreError."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def take(
        self, pilot: str, reports: Sequence[AlertReport], author: Author, *, truncated: int = 0
    ) -> tuple[AlertCounts, int]:
        """What became of the reports, and how many were left out because their times cannot be.

        `truncated`: how many alerts Alertmanager has left out.
        """
        self._desk.pilot(pilot)
        now = self._desk.clock.now()
        if truncated:
            log.warning("alerts_truncated", pilot=pilot, missing=truncated)
        sound = [report for report in reports if _sound(report, now)]
        if len(sound) < len(reports):
            log.warning("alerts_left_out", pilot=pilot, count=len(reports) - len(sound))
        if not sound:
            return AlertCounts({}), len(reports)
        with self._desk.watched():
            counts = self._desk.store.take_alerts(pilot, sound, author.at(now))
        if counts.touched:
            self._desk.told(pilot, "alerts_taken", ids=list(counts.touched))
        return counts, len(reports) - len(sound)


def _sound(report: AlertReport, now: float) -> bool:
    return EARLIEST <= report.starts_at <= now + AHEAD
