"""slo-generator from PyPI, in an environment of its own, asking about a time of ours.

Its Prometheus backend asks without a time, so it can only tell how things are now. A relay in between adds the time, and
counts the queries and samples; it costs neither Prometheus nor slo-generator anything, but some milliseconds of each
query's wall time.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from bench.asking import Client, Cost, QueryError, cpu_seconds
from bench.history import REQUESTS
from bench.plan import service_name
from bench.queries import SECONDS, WINDOWS
from slo_daemon.demo.loopback_http import LoopbackHttp, Reply, Request

GOAL = 0.999
_CHILD = Path(__file__).with_name("slo_generator_child.py")
_SECONDS = 900
_UNPRINTED = -1  # what slo-generator calls no data


class UnavailableError(RuntimeError):
    """slo-generator cannot be run here; the message says why."""


@dataclass(slots=True)
class SloGenerator:
    """`python`: of the environment that slo-generator is installed in. Costs add up over runs."""

    python: Path
    client: Client
    pid: int
    cost: Cost = field(default_factory=Cost)

    @property
    def version(self) -> str:
        """Raises UnavailableError."""
        code = "from importlib.metadata import version; print(version('slo-generator'))"
        return self._run(["-c", code], "").strip()

    def reports(self, services: Sequence[int], at: float) -> dict[str, dict[str, Any]]:
        """What slo-generator says of each service at `at`, by name: its report of every window.

        Raises UnavailableError.
        """
        relay = _Relay(self.client, at)
        server = LoopbackHttp(relay.answer)
        server.start()
        try:
            before = cpu_seconds(self.pid)
            queries, samples = self.client.queries, self.client.samples
            done = json.loads(self._run([str(_CHILD)], json.dumps(_order(server.url, services))))
            self.cost.prometheus_cpu += cpu_seconds(self.pid) - before
        finally:
            server.stop()
        self.cost.queries += self.client.queries - queries
        self.cost.samples += self.client.samples - samples
        self.cost.client_cpu += done["cpu"]
        self.cost.wall += done["wall"]
        self.cost.rounds += len(services)
        return {
            name: {report["error_budget_policy_step_name"]: report for report in reports}
            for name, reports in done["reports"].items()
        }

    def _run(self, arguments: Sequence[str], given: str) -> str:
        command = [str(self.python), "-I", "-W", "ignore", *arguments]
        try:
            done = subprocess.run(
                command, input=given, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError(f"slo-generator could not be run: {type(error).__name__}") from error
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UnavailableError(f"slo-generator failed: {last}")
        return done.stdout


@dataclass(slots=True)
class _Relay:
    client: Client
    at: float
    _turn: Lock = field(default_factory=Lock)

    def answer(self, request: Request) -> Reply:
        if request.path != "/api/v1/query":
            return Reply(404)
        form: Mapping[str, str] = {"query": request.query["query"], "time": f"{self.at:.3f}"}
        with self._turn:
            try:
                data = self.client.post(request.path, form)
            except QueryError as error:
                return Reply(422, str(error).encode())
        body = json.dumps({"status": "success", "data": data}).encode()
        return Reply(200, body, "application/json")


def _order(url: str, services: Sequence[int]) -> dict[str, Any]:
    return {
        "url": url,
        "goal": GOAL,
        "windows": {window: SECONDS[window] for window in WINDOWS},
        "slos": {name: _filters(name) for name in map(service_name, services)},
    }


def _filters(service: str) -> dict[str, str]:
    return {
        "good": f'{REQUESTS}{{service="{service}",code!~"5.."}}[window]',
        "bad": f'{REQUESTS}{{service="{service}",code=~"5.."}}[window]',
    }
