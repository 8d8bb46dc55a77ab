"""The daemon's own counters, by prometheus_client in a registry of their own."""

from collections.abc import Iterable, Sequence
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector
from prometheus_client.exposition import generate_latest

from slo_daemon import __version__
from slo_daemon.adapters.gauges.table import FAMILIES
from slo_daemon.adapters.gauges.text import label_text, number_text
from slo_daemon.core.slo.query import FailReason

STORE_REASONS = ("full", "readonly", "locked", "corrupt", "newer_schema", "closed", "io")
VERIFICATIONS = ("agreed", "drifted", "failed", "skipped")
_DRIFT = FAMILIES["slo_daemon_window_drift_ratio"]
_QUERY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOT_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class _WithoutCreated(CollectorRegistry):
    """A registry that leaves out the `_created` series: twice the counters, for nobody."""

    def collect(self) -> Iterable[Metric]:
        for metric in super().collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class SelfMetrics:
    """What the daemon tells about itself; a `Telemetry`.

    Counters start at 0, so that the first increase is seen. A gauge is absent until there is something to say: a
    timestamp of 0 would claim an age of half a century. `alertmanagers`: names of those that are posted to directly.
    """

    def __init__(self, alertmanagers: Sequence[str] = ()) -> None:
        self._registry = _WithoutCreated()
        self._gauges: dict[str, Gauge] = {}
        self._drifts: dict[tuple[str, str], float] = {}
        self._drift_text: bytes | None = b""
        self._turn = Lock()
        ProcessCollector(registry=self._registry)
        self._scheduled = self._counter("slo_daemon_evaluations_scheduled_total")
        self._missed = self._counter("slo_daemon_evaluations_missed_total")
        self._failed = self._counter("slo_daemon_evaluations_failed_total")
        self._evaluation_duration = self._histogram("slo_daemon_evaluation_duration_seconds", _SLOT_BUCKETS)
        self._queries = self._counter("slo_daemon_queries_total")
        self._query_failures = self._counter("slo_daemon_query_failures_total", FailReason)
        self._query_duration = self._histogram("slo_daemon_query_duration_seconds", _QUERY_BUCKETS)
        self._query_samples = self._counter("slo_daemon_query_samples_total")
        self._verifications = self._counter("slo_daemon_verifications_total", VERIFICATIONS)
        self._store_errors = self._counter("slo_daemon_store_errors_total", STORE_REASONS)
        self._sent = self._counter("slo_daemon_alerts_sent_total", alertmanagers)
        self._not_sent = self._counter("slo_daemon_alerts_failed_total", alertmanagers)
        self._requests = self._counter("slo_daemon_http_requests_total")
        build = FAMILIES["slo_daemon_build_info"]
        Gauge(build.name, build.help, build.labels, registry=self._registry).labels(__version__).set(1)

    def text(self) -> bytes:
        """In the text format 0.0.4."""
        return generate_latest(self._registry) + self._drift_lines()

    def query_done(self, seconds: float, samples: int | None) -> None:
        """A query was answered."""
        self._queries.inc()
        self._query_duration.observe(seconds)
        self._query_samples.inc(samples or 0)

    def query_failed(self, reason: FailReason) -> None:
        """A query was not answered, or not to be trusted."""
        self._queries.inc()
        self._query_failures.labels(reason.value).inc()

    def source_up(self, *, up: bool) -> None:
        """Whether the source answered at all in this slot."""
        self._set("slo_daemon_source_up", up)

    def clock_skew(self, seconds: float) -> None:
        """The source's clock minus ours."""
        self._set("slo_daemon_clock_skew_seconds", seconds)

    def slots(self, *, scheduled: int = 0, missed: int = 0, failed: int = 0) -> None:
        """Slots that were due, that were skipped, and SLO evaluations that crashed."""
        self._scheduled.inc(scheduled)
        self._missed.inc(missed)
        self._failed.inc(failed)

    def evaluation_took(self, seconds: float) -> None:
        """A slot was evaluated, from the first question to the new snapshot."""
        self._evaluation_duration.observe(seconds)

    def heartbeat(self, at: float) -> None:
        """A slot was finished at this time (Unix seconds)."""
        self._set("slo_daemon_heartbeat_timestamp_seconds", at)

    def backfill_missing(self, chunks: int) -> None:
        """So many hour chunks of asks are still to be asked for."""
        self._set("slo_daemon_backfill_missing_chunks", chunks)

    def verified(self, result: str) -> None:
        """A window was also asked directly, with one of VERIFICATIONS as the result."""
        self._verifications.labels(result).inc()

    def window_drift(self, pilot: str, slo: str, ratio: float) -> None:
        """How far the sum of chunks was from the direct answer, in shares of the error budget; the last look counts."""
        with self._turn:
            self._drifts[pilot, slo] = ratio
            self._drift_text = None

    def store_failed(self, reason: str) -> None:
        """The store refused a read or write."""
        self._store_errors.labels(reason).inc()
        self._set("slo_daemon_store_up", 0)

    def store_worked(self) -> None:
        """The store took a write."""
        self._set("slo_daemon_store_up", 1)

    def reload(self, *, ok: bool, at: float) -> None:
        """A configuration was loaded, or refused while the last good one stays."""
        self._set("slo_daemon_config_last_reload_successful", ok)
        if ok:
            self._set("slo_daemon_config_last_reload_success_timestamp_seconds", at)

    def report_written(self, at: float) -> None:
        """A report was written."""
        self._set("slo_daemon_report_last_success_timestamp_seconds", at)

    def alerts_sent(self, alertmanager: str, count: int) -> None:
        """Alerts were taken by an Alertmanager."""
        self._sent.labels(alertmanager).inc(count)

    def alerts_failed(self, alertmanager: str, count: int) -> None:
        """Alerts were not taken."""
        self._not_sent.labels(alertmanager).inc(count)

    def request(self, route: str, code: int) -> None:
        """An HTTP request was answered."""
        self._requests.labels(route, str(code)).inc()

    def _drift_lines(self) -> bytes:
        """In time there is one for each SLO, of which one changes at a time: written by hand, and kept."""
        with self._turn:
            if self._drift_text is None:
                lines = [
                    f"{_DRIFT.name}{{{label_text({'pilot': pilot, 'slo': slo})}}} {number_text(ratio)}\n"
                    for (pilot, slo), ratio in self._drifts.items()
                ]
                self._drift_text = (_DRIFT.head + "".join(lines)).encode(errors="replace")
            return self._drift_text

    def _counter(self, name: str, first_labels: Iterable[str] = ()) -> Counter:
        """A counter of the table; with 0 for every value in `first_labels` of its only label."""
        family = FAMILIES[name]
        counter = Counter(family.name, family.help, family.labels, registry=self._registry)
        for value in first_labels:
            counter.labels(value)
        return counter

    def _histogram(self, name: str, buckets: Sequence[float]) -> Histogram:
        family = FAMILIES[name]
        return Histogram(family.name, family.help, family.labels, registry=self._registry, buckets=buckets)

    def _set(self, name: str, value: float) -> None:
        with self._turn:
            gauge = self._gauges.get(name)
            if gauge is None:
                family = FAMILIES[name]
                gauge = self._gauges[name] = Gauge(family.name, family.help, registry=None)
                gauge.set(value)
                self._registry.register(gauge)
            else:
                gauge.set(value)


class NoTelemetry:
    """A `Telemetry` for one-shot commands and tests: nobody listens."""

    def query_done(self, seconds: float, samples: int | None) -> None:
        """Nothing."""

    def query_failed(self, reason: FailReason) -> None:
        """Nothing."""

    def source_up(self, *, up: bool) -> None:
        """Nothing."""

    def clock_skew(self, seconds: float) -> None:
        """Nothing."""

    def slots(self, *, scheduled: int = 0, missed: int = 0, failed: int = 0) -> None:
        """Nothing."""

    def evaluation_took(self, seconds: float) -> None:
        """Nothing."""

    def heartbeat(self, at: float) -> None:
        """Nothing."""

    def backfill_missing(self, chunks: int) -> None:
        """Nothing."""

    def verified(self, result: str) -> None:
        """Nothing."""

    def window_drift(self, pilot: str, slo: str, ratio: float) -> None:
        """Nothing."""

    def store_failed(self, reason: str) -> None:
        """Nothing."""

    def store_worked(self) -> None:
        """Nothing."""

    def reload(self, *, ok: bool, at: float) -> None:
        """Nothing."""

    def report_written(self, at: float) -> None:
        """Nothing."""

    def alerts_sent(self, alertmanager: str, count: int) -> None:
        """Nothing."""

    def alerts_failed(self, alertmanager: str, count: int) -> None:
        """Nothing."""

    def request(self, route: str, code: int) -> None:
        """Nothing."""


class CountingTelemetry(NoTelemetry):
    """For one-shot commands that tell what they cost: answered queries, and samples touched (None: not told)."""

    def __init__(self) -> None:
        self.queries = 0
        self.samples: int | None = None

    def query_done(self, seconds: float, samples: int | None) -> None:  # noqa: ARG002
        """A query was answered."""
        self.queries += 1
        if samples is not None:
            self.samples = (self.samples or 0) + samples
