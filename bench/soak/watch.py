"""Watching the daemon from outside: its pages, its log, and what the kernel says of its process."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic, perf_counter
from typing import Any

import numpy as np
import requests

from bench.asking import cpu_seconds
from bench.processes import memory
from slo_daemon.demo.child import Child

SCRAPE_SECONDS = 30.0  # between two looks at /metrics, as a Prometheus would look
_LOOK_SECONDS = 0.25  # between two looks at the memory, and at readiness
_PAGE_SECONDS = 30.0
_COUNTER = re.compile(rb"^(slo_daemon_[a-z_]+|process_[a-z_]+)(?:\{[^}]*\})? ([0-9.e+-]+)$", re.MULTILINE)


class SoakError(RuntimeError):
    """The daemon died or was never ready; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Page:
    """One scrape of /metrics: how long it took, its size, and the daemon's own metrics without labels, summed."""

    seconds: float
    size: int
    metrics: dict[str, float]


@dataclass(slots=True)
class Watched:
    """What was seen of the daemon. Seconds and bytes."""

    ready: float = 0.0
    first_slot: float = 0.0
    watched: float = 0.0
    pages: list[Page] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    most_resident: int = 0
    daemon_cpu: float = 0.0
    prometheus_cpu: float = 0.0


class Watch:
    """`url`: where the daemon listens; `log`: its log, as JSON; `shown`: called with what is going on."""

    def __init__(
        self, daemon: Child, url: str, log: Path, prometheus_pid: int, shown: Callable[[str], None]
    ) -> None:
        self._daemon = daemon
        self._url = url
        self._log = log
        self._prometheus = prometheus_pid
        self._shown = shown
        self._http = requests.Session()
        self._http.trust_env = False
        self._pause = Event()
        self.seen = Watched()

    def start(self, began: float, limit: float) -> None:
        """Wait until the daemon is ready and its first slot is done; `began`: when it was started, in time.monotonic()."""
        self._until(began, limit, "ready", lambda: self._get("/-/ready").ok)
        self.seen.ready = monotonic() - began
        self._until(began, limit, "through its first slot", lambda: bool(slots_of(self._log)))
        self.seen.first_slot = monotonic() - began

    def watch(self, seconds: float) -> None:
        """Scrape and look for so long."""
        began = monotonic()
        own, prometheus = cpu_seconds(self._daemon.pid), cpu_seconds(self._prometheus)
        next_scrape = began
        while (now := monotonic()) < began + seconds:
            if now >= next_scrape:
                self.seen.pages.append(self._scrape())
                next_scrape += SCRAPE_SECONDS
                page = self.seen.pages[-1]
                self._shown(
                    f"{(now - began) / 60:.0f} of {seconds / 60:.0f} min, {page.metrics['slo_daemon_evaluation_duration_seconds_count']:.0f} "
                    f"slots, {page.metrics['slo_daemon_evaluations_missed_total']:.0f} missed, {self.seen.most_resident / 2**20:.0f} MiB"
                )
            self._look()
            self._pause.wait(_LOOK_SECONDS)
        self.seen.pages.append(self._scrape())
        self.seen.watched = monotonic() - began
        self.seen.daemon_cpu = cpu_seconds(self._daemon.pid) - own
        self.seen.prometheus_cpu = cpu_seconds(self._prometheus) - prometheus

    def _until(self, began: float, limit: float, what: str, true: Callable[[], bool]) -> None:
        while monotonic() < began + limit:
            self._look()
            try:
                if true():
                    return
            except requests.RequestException:
                pass
            self._shown(f"{monotonic() - began:.0f} s, not yet {what}")
            self._pause.wait(_LOOK_SECONDS)
        raise SoakError(f"the daemon was not {what} within {limit:.0f} s")

    def _get(self, path: str) -> requests.Response:
        return self._http.get(f"{self._url}{path}", timeout=_PAGE_SECONDS)

    def _scrape(self) -> Page:
        began = perf_counter()
        answer = self._get("/metrics")
        seconds = perf_counter() - began
        answer.raise_for_status()
        metrics: dict[str, float] = {}
        for name, value in _COUNTER.findall(answer.content):
            metrics[name.decode()] = metrics.get(name.decode(), 0.0) + float(value)
        return Page(seconds, len(answer.content), metrics)

    def _look(self) -> None:
        if self._daemon.exit_code is not None:
            raise SoakError("the daemon died")
        now, most = memory(self._daemon.pid)
        self.seen.resident.append(now)
        self.seen.most_resident = max(self.seen.most_resident, most)


def slots_of(log: Path) -> list[dict[str, Any]]:
    """The lines that the daemon's log has of its slots: time, seconds, queries, and so on."""
    lines = log.read_text(errors="replace").splitlines()
    return [json.loads(line) for line in lines if '"slot_evaluated"' in line]


def summary(seen: Watched, slots: list[dict[str, Any]]) -> dict[str, Any]:
    """What was watched, as the result keeps it. The first slot is told apart: everything is cold there."""
    first, last = seen.pages[0].metrics, seen.pages[-1].metrics

    def grown(name: str) -> float:
        return last.get(name, 0.0) - first.get(name, 0.0)

    steady = [slot["seconds"] for slot in slots[1:]]
    pages = [page.seconds for page in seen.pages]
    return {
        "ready": seen.ready,
        "first_slot_done": seen.first_slot,
        "first_slot": slots[0]["seconds"] if slots else None,
        "watched": seen.watched,
        "slots": len(steady),
        "missed": last.get("slo_daemon_evaluations_missed_total"),
        "slot_median": _quantile(steady, 50),
        "slot_p95": _quantile(steady, 95),
        "slot_max": _quantile(steady, 100),
        "not_ok": slots[-1].get("not_ok") if slots else None,
        "queries": grown("slo_daemon_queries_total"),
        "query_failures": last.get("slo_daemon_query_failures_total"),
        "samples": grown("slo_daemon_query_samples_total"),
        "store_errors": last.get("slo_daemon_store_errors_total"),
        "page_median": _quantile(pages, 50),
        "page_max": _quantile(pages, 100),
        "page_bytes": max(page.size for page in seen.pages),
        "resident_median": _quantile(seen.resident[len(seen.resident) // 2 :], 50),
        "resident_max": seen.most_resident,
        "daemon_cpu_per_second": seen.daemon_cpu / seen.watched,
        "prometheus_cpu_per_second": seen.prometheus_cpu / seen.watched,
    }


def _quantile(values: list[float] | list[int], percent: float) -> float | None:
    return float(np.percentile(np.array(values, dtype=np.float64), percent)) if values else None
