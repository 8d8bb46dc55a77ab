"""The whole /metrics page."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from threading import Lock

from slo_daemon.adapters.gauges.gate_text import gates_text
from slo_daemon.adapters.gauges.pilot_text import pilots_text
from slo_daemon.adapters.gauges.self_metrics import SelfMetrics
from slo_daemon.adapters.gauges.snapshot_text import SnapshotText, is_stalled
from slo_daemon.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class _Rendered:
    """The families of SLOs, with what they were rendered from."""

    snapshot: Snapshot | None  # None: it was let go
    stalled: bool
    parts: tuple[bytes, ...]

    def holds(self, snapshot: Snapshot, *, stalled: bool) -> bool:
        """Whether rendering that anew would give the same."""
        if self.snapshot is None:
            return False
        same = self.snapshot.slos is snapshot.slos and self.snapshot.slot == snapshot.slot
        return same and self.stalled == stalled


class MetricsPage:
    """Renders snapshots and keeps the last rendering: a scrape between two slots costs nothing.

    Whoever comes while another one renders gets what was there before. An error while rendering is raised and must become
    an HTTP 500: Prometheus then marks the target as down, while a page that ends early would keep the old values of all
    series it lacks.
    """

    def __init__(self, self_metrics: SelfMetrics) -> None:
        self._self_metrics = self_metrics
        self._text = SnapshotText()
        self._rendered: _Rendered | None = None
        self._pilots: tuple[Snapshot, bool, date, bytes] | None = None
        self._turn = Lock()

    def render(self, snapshot: Snapshot, now: float) -> bytes:
        """The page at the time `now` (Unix seconds), in the text format 0.0.4."""
        stalled = is_stalled(snapshot, now)
        pilots = self._of_pilots(snapshot, datetime.fromtimestamp(now, UTC).date(), stalled=stalled)
        own = (gates_text(snapshot, now), self._self_metrics.text())
        return b"".join([*self._of_slos(snapshot, stalled=stalled), pilots, *own])

    def let_go(self) -> None:
        """There is a newer snapshot: keep the page, but not the values that it was rendered from."""
        with self._turn:
            last, self._pilots = self._rendered, None
            if last is not None:
                self._rendered = replace(last, snapshot=None)

    def _of_slos(self, snapshot: Snapshot, *, stalled: bool) -> tuple[bytes, ...]:
        before = self._rendered
        if before is not None and before.holds(snapshot, stalled=stalled):
            return before.parts
        if not self._turn.acquire(blocking=before is None or before.stalled != stalled):
            assert before is not None  # noqa: S101
            return before.parts
        try:
            last = self._rendered
            if last is None or not last.holds(snapshot, stalled=stalled):
                last = self._rendered = _Rendered(
                    snapshot, stalled, self._text.slos(snapshot, stalled=stalled)
                )
            return last.parts
        finally:
            self._turn.release()

    def _of_pilots(self, snapshot: Snapshot, today: date, *, stalled: bool) -> bytes:
        last = self._pilots
        if last is not None and last[0] is snapshot and last[1:3] == (stalled, today):
            return last[3]
        text = pilots_text(snapshot, today, stalled=stalled)
        self._pilots = (snapshot, stalled, today, text)
        return text
