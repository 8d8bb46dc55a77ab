"""Ask the source: the queries of a plan, a few at a time, all within the slot's deadline."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from time import monotonic

import structlog

from slo_daemon.core.slo.query import Absent, Ask, Failed, FailReason, Query, QueryPlan, Reading, Samples
from slo_daemon.ports import MetricSource, SourceError, Telemetry

log = structlog.get_logger(__name__)
LEAST_TIME = 0.05  # seconds; with less left there is no point in asking


@dataclass(frozen=True, slots=True)
class Answers:
    """All readings of a plan, how many queries were sent, and how many samples they touched (None: not told)."""

    readings: Mapping[Ask, Reading]
    queries: int
    samples: int | None


class Asker:
    """Sends the queries of plans. `concurrency`: how many at once; `timeout`: seconds for one query."""

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

    def ask(self, plan: QueryPlan, at: float, deadline: float) -> Answers:
        """All readings of `plan` at time `at`; `deadline` in seconds of time.monotonic().

        Every ask gets a reading: what could not be asked in time is Failed.
        """
        futures: list[tuple[Query, Future[tuple[Reading, int | None]]]] = [
            (query, self._pool.submit(self._one, query, at, deadline)) for query in plan.queries
        ]
        readings: dict[Ask, Reading] = {}
        samples: int | None = None
        for query, future in futures:
            reading, touched = future.result()
            samples = samples if touched is None else (samples or 0) + touched
            readings.update(query.readings(reading))
        return Answers(readings, len(futures), samples)

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


def all_failed(plan: QueryPlan, reason: FailReason, detail: str) -> dict[Ask, Reading]:
    """Readings of a plan that was not asked at all."""
    return {ask: Failed(query.promql, reason, detail) for query in plan.queries for ask in query.asks}
