"""Asking Prometheus as cheaply as can be, and metering what it costs both sides."""

import http.client
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any
from urllib.parse import urlencode

Labels = tuple[tuple[str, str], ...]
_TICK = os.sysconf("SC_CLK_TCK")  # per second: what /proc counts in
_SECONDS = 180.0


class QueryError(RuntimeError):
    """Prometheus refused or failed; the message has its own words."""


@dataclass(slots=True)
class Cost:
    """What some queries cost. Seconds; `samples`: what Prometheus touched (`totalQueryableSamples`), which is exact.

    `rounds`: how often the same was done. CPU seconds are of Prometheus' process with all its threads, and of the client's.
    """

    queries: int = 0
    samples: int = 0
    prometheus_cpu: float = 0.0
    client_cpu: float = 0.0
    wall: float = 0.0
    rounds: int = 0

    def per(self, times: float) -> dict[str, float]:
        """The cost of one of so many, for the record."""
        names = ("queries", "samples", "prometheus_cpu", "client_cpu", "wall")
        return {name: getattr(self, name) / times for name in names}


@dataclass(slots=True)
class Client:
    """One kept connection, POSTed forms, the standard library's decoder. Counts queries and samples."""

    address: str
    queries: int = 0
    samples: int = 0
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)

    def at(self, promql: str, when: float) -> dict[Labels, float]:
        """An instant query: rows by their labels. Raises QueryError."""
        found = self.post("/api/v1/query", {"query": promql, "time": f"{when:.3f}"})
        return {_labels(row["metric"]): float(row["value"][1]) for row in found["result"]}

    def over(
        self, promql: str, start: float, end: float, step: float
    ) -> dict[Labels, list[tuple[float, float]]]:
        """A range query: (time, value) by labels. Raises QueryError."""
        form = {"query": promql, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        found = self.post("/api/v1/query_range", form)
        return {
            _labels(row["metric"]): [(float(when), float(value)) for when, value in row["values"]]
            for row in found["result"]
        }

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def post(self, path: str, form: Mapping[str, str]) -> Any:
        """The `data` of an answer. Raises QueryError."""
        if self._connection is None:
            host, _, port = self.address.rpartition(":")
            self._connection = http.client.HTTPConnection(host, int(port), timeout=_SECONDS)
        body = urlencode({**form, "stats": "all"})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", path, body, headers)
        answer = json.loads(self._connection.getresponse().read())
        if answer["status"] != "success":
            raise QueryError(f"{answer.get('errorType')}: {answer.get('error')} ({form['query']})")
        data = answer["data"]
        self.queries += 1
        self.samples += data["stats"]["samples"]["totalQueryableSamples"]
        return data


@contextmanager
def metered(cost: Cost, pid: int, client: Client | None = None) -> Iterator[None]:
    """Adds what happens inside to `cost`. `pid`: of Prometheus. Without `client` the caller counts queries and samples."""
    queries, samples = (client.queries, client.samples) if client else (0, 0)
    server, own, began = cpu_seconds(pid), process_time(), perf_counter()
    yield
    cost.wall += perf_counter() - began
    cost.client_cpu += process_time() - own
    cost.prometheus_cpu += cpu_seconds(pid) - server
    if client:
        cost.queries += client.queries - queries
        cost.samples += client.samples - samples
    cost.rounds += 1


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads, living and gone: counted in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _labels(metric: Mapping[str, str]) -> Labels:
    return tuple(sorted(metric.items()))
