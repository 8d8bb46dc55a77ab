"""The whole /metrics page."""

from datetime import UTC, date, datetime
from threading import Lock

from slo_daemon.adapters.gauges.self_metrics import SelfMetrics
from slo_daemon.adapters.gauges.snapshot_text import SnapshotText, is_stalled
from slo_daemon.core.snapshot import Snapshot


class MetricsPage:
    """Renders snapshots and keeps the last rendering: a scrape between two slots costs nothing.

    An error while rendering is raised and must become an HTTP 500: Prometheus then marks the target as down, while a
    page that ends early would keep the old values of all series it lacks.
    """

    def __init__(self, self_metrics: SelfMetrics) -> None:
        self._self_metrics = self_metrics
        self._text = SnapshotText()
        self._rendered: tuple[Snapshot, bool, date, bytes] | None = None
        self._turn = Lock()

    def render(self, snapshot: Snapshot, now: float) -> bytes:
        """The page at the time `now` (Unix seconds), in the text format 0.0.4."""
        return self._of_snapshot(snapshot, now) + self._self_metrics.text()

    def _of_snapshot(self, snapshot: Snapshot, now: float) -> bytes:
        stalled, today = is_stalled(snapshot, now), datetime.fromtimestamp(now, UTC).date()
        with self._turn:
            last = self._rendered
            if last is not None and last[0] is snapshot and last[1:3] == (stalled, today):
                return last[3]
            body = self._text.write(snapshot, today, stalled=stalled).encode(errors="replace")
            self._rendered = (snapshot, stalled, today, body)
            return body
