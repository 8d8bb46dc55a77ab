"""The metric source that asks Prometheus."""

from collections.abc import Mapping
from threading import BoundedSemaphore, Event
from time import monotonic
from zlib import crc32

from slo_daemon.adapters.prometheus.client import Answer, Client
from slo_daemon.adapters.prometheus.settings import PrometheusSettings
from slo_daemon.adapters.prometheus.wire import LONGEST_DETAIL, PassingError, clock, fail, refusal, vector
from slo_daemon.core.slo.query import FailReason
from slo_daemon.ports import Reply, SourceError

_QUERY = "/api/v1/query"
_PAUSE = 0.1  # seconds before the second try, and up to as much again
_LEAST = 0.05  # seconds; with less left there is no point in a second try


class PrometheusSource:
    """Instant queries of one Prometheus. Safe to call from several threads; see MetricSource.

    A failure that may soon be over (503, a connection closed without an answer, 429 with Retry-After) is tried once
    more, if that fits into the deadline. Everything else fails at once.
    """

    def __init__(self, settings: PrometheusSettings) -> None:
        self._settings = settings
        self._client = Client(settings)
        self._turns = BoundedSemaphore(settings.concurrency)
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
            return vector(self._ask(form, deadline).body)
        except SourceError as error:
            raise self._presentable(error) from None

    def server_time(self, deadline: float) -> float:
        """Prometheus' own clock, in Unix seconds: the one query that carries no time. Raises SourceError."""
        try:
            answer = self._ask({"query": "time()"}, deadline)
            return clock(answer.body, answer.headers)
        except SourceError as error:
            raise self._presentable(error) from None

    def close(self) -> None:
        """Give the connections back. What is under way ends by its deadline; nothing more is asked."""
        self._closed.set()
        self._client.close()

    def _ask(self, form: Mapping[str, str], deadline: float) -> Answer:
        until = monotonic() + min(deadline, self._settings.timeout)
        try:
            return self._attempt(form, until)
        except PassingError as error:
            # spread by the query's text, so that queries that failed together do not come back together
            pause = _PAUSE * (1.0 + crc32(form["query"].encode()) / 2**32)
            wait = pause if error.wait is None else max(pause, error.wait)
            if until - monotonic() < wait + _LEAST or self._closed.wait(wait):
                raise
        return self._attempt(form, until)

    def _attempt(self, form: Mapping[str, str], until: float) -> Answer:
        if self._closed.is_set():
            fail(FailReason.CONNECT, "the connection to Prometheus was closed: the daemon is stopping")
        left = until - monotonic()
        if left <= 0:
            fail(FailReason.TIMEOUT, "there was no time left to ask")
        if not self._turns.acquire(timeout=left):
            fail(
                FailReason.TIMEOUT,
                f"not asked in time: all {self._settings.concurrency} connections were busy; ask less, or allow more",
            )
        try:
            # Prometheus stops working on the query when nobody waits for it any more
            answer = self._client.ask(_QUERY, {**form, "timeout": f"{until - monotonic():.3f}"}, until)
        finally:
            self._turns.release()
        if answer.status != 200:
            raise refusal(answer.status, answer.headers, answer.body)
        return answer

    def _presentable(self, error: SourceError) -> SourceError:
        """The error as others may see it: short, and without any secret."""
        detail = error.detail
        for secret in (*self._settings.secrets, *self._client.tokens):
            detail = detail.replace(secret, "***")
        return SourceError(error.reason, detail[:LONGEST_DETAIL], permanent=error.permanent)
