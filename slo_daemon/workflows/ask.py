"""Ask the source: the queries of a plan, a few at a time, all within the slot's deadline."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from time import monotonic

import structlog

from slo_daemon.core.slo.query import Absent, Failed, FailReason, Query, Reading, Sample, Samples
from slo_daemon.ports import MetricSource, RangeReply, SourceError, Telemetry

log = structlog.get_logger(__name__)
LEAST_TIME = 0.05  # seconds; with less left there is no point in asking


@dataclass(frozen=True, slots=True)
class Answers:
    """The reading of each query, how many were sent, and how many samples they touched (None: not told)."""

    readings: Sequence[Reading]
    queries: int
    samples: int | None


class Asker:
    """Sends queries. `concurrency`: how many at once; `timeout`: seconds for one query."""

    def __init__(
        self, source: MetricSource, telemetry: Telemetry, *, concurrency: int, timeout: float
    ) -> None:
        self._source = source
        self._telemetry = telemetry
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="ask")
        self._stopping = Event()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called: answers are incomplete from then on, and nobody should judge by them."""
        return self._stopping.is_set()

    def server_time(self) -> float:
        """The source's clock. Raises SourceError."""
        return self._source.server_time(self._timeout)

    def ask(self, queries: Sequence[Query], at: float, deadline: float) -> Answers:
        """A reading of each query at time `at`; `deadline` in seconds of time.monotonic().

        What could not be asked in time is Failed.
        """
        futures: list[Future[tuple[Reading, int | None]]] = [
            self._pool.submit(self._one, query, at, deadline) for query in queries
        ]
        readings: list[Reading] = []
        samples: int | None = None
        for future in futures:
            reading, touched = future.result()
            samples = samples if touched is None else (samples or 0) + touched
            readings.append(reading)
        return Answers(readings, len(futures), samples)

    def ask_range(self, promql: str, times: Sequence[float]) -> RangeReply:
        """A query at each of these evenly spaced times, in the background of slots. Raises SourceError."""
        started = monotonic()
        if self.stopping:
            raise SourceError(FailReason.TIMEOUT, "the daemon is stopping")
        step = times[1] - times[0] if len(times) > 1 else 1.0
        try:
            reply = self._source.query_range(promql, times[0], times[-1], step, self._timeout)
        except SourceError as error:
            self._telemetry.query_failed(error.reason)
            raise
        self._telemetry.query_done(monotonic() - started, reply.samples)
        return reply

    def ask_behind(self, promql: str, at: float) -> Reading:
        """One query at one time, in the background of slots."""
        try:
            rows = self.ask_range(promql, [at]).rows
        except SourceError as error:
            return Failed(promql, error.reason, error.detail)
        return (
            Samples(promql, tuple(Sample(row.labels, row.values[-1]) for row in rows))
            if rows
            else Absent(promql)
        )

    def stop(self) -> None:
        """Ask nothing more; what is under way ends by its own timeout."""
        self._stopping.set()

    def close(self) -> None:
        """Stop, and wait for what is under way."""
        self.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _one(self, query: Query, at: float, deadline: float) -> tuple[Reading, int | None]:
        started = monotonic()
        if self.stopping:
            return Failed(query.promql, FailReason.TIMEOUT, "the daemon is stopping"), None
        left = min(self._timeout, deadline - started)
        if left < LEAST_TIME:
            self._telemetry.query_failed(FailReason.TIMEOUT)
            return Failed(
                query.promql, FailReason.TIMEOUT, "the slot's time was used up before this was asked"
            ), None
        try:
            reply = self._source.query(query.promql, at, left)
        except SourceError as error:
            self._telemetry.query_failed(error.reason)
            return Failed(query.promql, error.reason, error.detail), None
        except Exception as error:  # a bug in one query must not take the others along
            log.exception("query_crashed", promql=query.promql)
            self._telemetry.query_failed(FailReason.INTERNAL)
            return Failed(query.promql, FailReason.INTERNAL, repr(error)), None
        self._telemetry.query_done(monotonic() - started, reply.samples)
        return (Samples(query.promql, reply.rows) if reply.rows else Absent(query.promql)), reply.samples
