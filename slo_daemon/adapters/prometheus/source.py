"""The metric source that asks Prometheus."""

from collections.abc import Mapping
from threading import BoundedSemaphore, Event
from time import monotonic
from zlib import crc32

from slo_daemon.adapters.prometheus.client import RANGES, Answer, Client
from slo_daemon.adapters.prometheus.results import matrix, vector
from slo_daemon.adapters.prometheus.settings import PrometheusSettings
from slo_daemon.adapters.prometheus.wire import LONGEST_DETAIL, PassingError, clock, fail, refusal
from slo_daemon.core.slo.query import FailReason
from slo_daemon.ports import RangeReply, Reply, SourceError, range_times

_QUERY = "/api/v1/query"
_QUERY_RANGE = "/api/v1/query_range"
_PAUSE = 0.1  # seconds before the second try, and up to as much again
# VictoriaMetrics moves what is asked about the last 30 s into the past, and ranges onto its own grid, unless it is told not
# to use its cache. Nobody else knows the parameter.
_AS_ASKED = {"nocache": "1"}
_LONG_STEP = 60.0  # seconds
_LEAST = 0.05  # seconds; with less left there is no point in a second try


class _Lane:
    """Requests of one kind: where they go, how many at once, and how many bytes an answer may have.

    `busy`: why there may be no turn.
    """

    def __init__(self, path: str, width: int, max_body: int, busy: str) -> None:
        self.path = path
        self.max_body = max_body
        self.busy = busy
        self.turns = BoundedSemaphore(width)


class PrometheusSource:
    """Queries of one Prometheus. Safe to call from several threads; see MetricSource.

    A failure that may soon be over (503, a connection closed without an answer, 429 with Retry-After) is tried once
    more, if that fits into the deadline. Everything else fails at once.

    Instant queries share `concurrency` turns. A range query has a turn and a connection of its own: history that is
    caught up with never keeps an evaluation waiting here, and the server has one query more at most.
    """

    def __init__(self, settings: PrometheusSettings) -> None:
        self._settings = settings
        self._client = Client(settings)
        all_busy = f"all {settings.concurrency} connections were busy"
        self._instant = _Lane(_QUERY, settings.concurrency, settings.max_body, all_busy)
        other = "another range query was under way"
        self._range = _Lane(_QUERY_RANGE, RANGES, settings.max_range_body, other)
        self._closed = Event()

    @property
    def url(self) -> str:
        """Where it is, without credentials."""
        return self._settings.shown_url

    def query(self, promql: str, at: float, deadline: float) -> Reply:
        """An instant query at time `at`; at most `deadline` seconds in total. Raises SourceError."""
        form = {"query": promql, "time": f"{at:.3f}"}
        if self._settings.stats:
            form["stats"] = "all"
        try:
            return vector(self._ask(self._instant, form, deadline).body)
        except SourceError as error:
            raise self._presentable(error) from None

    def query_range(self, promql: str, start: float, end: float, step: float, deadline: float) -> RangeReply:
        """`query` at each step from `start` to `end`; at most `deadline` seconds in total. Raises SourceError."""
        times = range_times(start, end, step)
        # as `times` has it; any will do for a single time, but with less than a minute VictoriaMetrics answers for its
        # last half minute what held before
        stride = round(step * 1000) / 1000 if len(times) > 1 else max(step, _LONG_STEP)
        form = {
            "query": promql,
            "start": f"{times[0]:.3f}",
            "end": f"{times[-1]:.3f}",
            "step": f"{stride:.3f}",
        }
        if self._settings.stats:
            form["stats"] = "all"
        try:
            return matrix(self._ask(self._range, form, deadline).body, times)
        except SourceError as error:
            raise self._presentable(error) from None

    def server_time(self, deadline: float) -> float:
        """Prometheus' own clock, in Unix seconds: the one query that carries no time. Raises SourceError."""
        try:
            answer = self._ask(self._instant, {"query": "time()"}, deadline)
            return clock(answer.body, answer.headers)
        except SourceError as error:
            raise self._presentable(error) from None

    def close(self) -> None:
        """Give the connections back. What is under way ends by its deadline; nothing more is asked."""
        self._closed.set()
        self._client.close()

    def _ask(self, lane: _Lane, form: Mapping[str, str], deadline: float) -> Answer:
        until = monotonic() + min(deadline, self._settings.timeout)
        try:
            return self._attempt(lane, form, until)
        except PassingError as error:
            # spread by the query's text, so that queries that failed together do not come back together
            pause = _PAUSE * (1.0 + crc32(form["query"].encode()) / 2**32)
            wait = pause if error.wait is None else max(pause, error.wait)
            if until - monotonic() < wait + _LEAST or self._closed.wait(wait):
                raise
        return self._attempt(lane, form, until)

    def _attempt(self, lane: _Lane, form: Mapping[str, str], until: float) -> Answer:
        if self._closed.is_set():
            fail(FailReason.CONNECT, "the connection to Prometheus was closed: the daemon is stopping")
        left = until - monotonic()
        if left <= 0:
            fail(FailReason.TIMEOUT, "there was no time left to ask")
        if not lane.turns.acquire(timeout=left):
            fail(
                FailReason.TIMEOUT,
                f"not asked in time: {lane.busy}; ask less, or allow more time",
            )
        try:
            # Prometheus stops working on the query when nobody waits for it any more
            limited = {**_AS_ASKED, **self._settings.parameters, **form}
            limited["timeout"] = f"{until - monotonic():.3f}"
            answer = self._client.ask(lane.path, limited, until, lane.max_body)
        finally:
            lane.turns.release()
        if answer.status != 200:
            raise refusal(answer.status, answer.headers, answer.body)
        return answer

    def _presentable(self, error: SourceError) -> SourceError:
        """The error as others may see it: short, and without any secret."""
        detail = error.detail
        for secret in (*self._settings.secrets, *self._client.tokens):
            detail = detail.replace(secret, "***")
        return SourceError(error.reason, detail[:LONGEST_DETAIL], permanent=error.permanent)
