"""The simulated search service: a real HTTP server with real /metrics, on loopback unless it is told otherwise.

GET /metrics, and POST /incident?kind=errors|latency|overload|outage&seconds=N to make treatment misbehave at once.
"""

import math
import threading
from collections.abc import Callable, Iterable
from itertools import groupby
from types import TracebackType
from typing import Self

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from slo_daemon.demo.incidents import Incident, IncidentKind, LiveSchedule
from slo_daemon.demo.loopback_http import LOOPBACK, LoopbackHttp, Reply, Request
from slo_daemon.demo.openmetrics import FloatArray
from slo_daemon.demo.traffic import COLUMNS, Traffic, accumulate, columns

_STEP_SECONDS = 0.5
_LONGEST_INCIDENT = 3600.0


class SearchService(Collector):
    """The service lives from `start` to `stop`; its address is known, and its port taken, as soon as it is made.

    `clock` returns unix seconds. The first scheduled incident begins at the earliest `first_incident_after` seconds
    after the start; with None only those asked for happen.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        traffic: Traffic,
        *,
        port: int = 0,
        host: str = LOOPBACK,
        first_incident_after: float | None = 240.0,
    ) -> None:
        self._clock = clock
        self._traffic = traffic
        self._first_incident_after = first_incident_after
        self._schedule: LiveSchedule | None = None
        self._asked_for: list[Incident] = []
        self._totals: FloatArray = np.zeros(len(COLUMNS))
        self._through: float | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self._http = LoopbackHttp(self._answer, port=port, host=host)

    @property
    def address(self) -> str:
        """host:port: the scrape target, and so the `instance` label."""
        return self._http.address

    @property
    def url(self) -> str:
        return self._http.url

    def continue_from(self, totals: FloatArray, since: float) -> None:
        """Go on counting from these totals, which held at `since` (unix seconds): the end of a history."""
        with self._lock:
            self._totals = totals.copy()
            self._through = since

    def start(self) -> Self:
        now = self._clock()
        with self._lock:
            if self._through is None:
                self._through = now
            if self._first_incident_after is not None:
                self._schedule = LiveSchedule(self._traffic.seed, now, self._first_incident_after)
        self._advance()
        self._http.start()
        self._thread = threading.Thread(target=self._run, name="search-service", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._http.stop()

    def start_incident(self, kind: IncidentKind, seconds: float) -> Incident:
        """Begin an incident now."""
        incident = Incident.of(kind, self._clock(), seconds)
        with self._lock:
            self._asked_for.append(incident)
        return incident

    def end_incidents(self) -> None:
        """End every incident that was asked for. Scheduled ones go on."""
        self._advance()
        with self._lock:
            self._asked_for.clear()

    def value(self, name: str, **labels: str) -> float:
        """The sum of the matching series now. Raises KeyError when there is none."""
        self._advance()
        with self._lock:
            return float(self._totals[columns(name, **labels)].sum())

    def collect(self) -> Iterable[Metric]:
        self._advance()
        with self._lock:
            totals = self._totals.tolist()
        for family, members in groupby(
            zip(COLUMNS, totals, strict=True), key=lambda member: member[0].family
        ):
            metric = Metric(family.name, family.help, family.kind)
            for column, value in members:
                metric.add_sample(column.name, dict(column.labels), value)
            yield metric

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stopping.wait(_STEP_SECONDS):
            self._advance()

    def _advance(self) -> None:
        """Let the time since the last step happen. A clock that went back is waited for: counters never fall."""
        with self._lock:
            now, since = self._clock(), self._through
            if since is None or now < since + 0.001:
                return
            scheduled = self._schedule.between(since, now) if self._schedule is not None else []
            growth = self._traffic.grow(np.array([since, now]), [*scheduled, *self._asked_for])
            self._totals = accumulate(self._totals, growth)[-1]
            self._through = now
            self._asked_for = [incident for incident in self._asked_for if incident.end > now]

    def _answer(self, request: Request) -> Reply:
        match request.method, request.path:
            case "GET", "/metrics":
                encode, content_type = choose_encoder(request.accept)
                return Reply(200, encode(self._registry), content_type)
            case "POST", "/incident":
                return self._begin(request.query)
            case _:
                return Reply(404, b"here are: GET /metrics, POST /incident?kind=KIND&seconds=N\n")

    def _begin(self, query: dict[str, str]) -> Reply:
        kinds = [kind.value for kind in IncidentKind]
        kind = query.get("kind", "")
        if kind not in kinds:
            return Reply(400, f"kind must be one of {', '.join(kinds)}\n".encode())
        try:
            seconds = float(query.get("seconds", ""))
        except ValueError:
            seconds = math.nan
        if not 0 < seconds <= _LONGEST_INCIDENT:
            return Reply(400, f"seconds must be a number from 0 to {_LONGEST_INCIDENT:g}\n".encode())
        self.start_incident(IncidentKind(kind), seconds)
        return Reply(202, f"{kind} for {seconds:g} s\n".encode())
