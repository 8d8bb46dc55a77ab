"""A real VictoriaMetrics with a known past, as a second source beside Prometheus."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import requests

from slo_daemon.demo.openmetrics import Series
from slo_daemon.demo.servers import ProgramMissingError, Server
from tests.programs import program as find

_PROGRAMS = ("victoria-metrics", "victoria-metrics-prod")  # Debian's name, and that of the releases
_BATCH = 8 * 1024 * 1024  # characters of one import


def victoria_metrics() -> str | None:
    """The program's path; None where it is not installed."""
    return next((found for name in _PROGRAMS if (found := find(name))), None)


class VictoriaMetricsServer(Server):
    """A VictoriaMetrics of one node. Samples that are older than its retention would be dropped without a word."""

    name = "victoria-metrics"

    def __init__(self, folder: Path, *, flags: Sequence[str] = ()) -> None:
        super().__init__(folder)
        self.flags = list(flags)

    def write_configuration(self) -> None:
        """It has none."""

    def load(self, series: Iterable[Series]) -> None:
        """Store these samples; they can be queried on return."""
        lines: list[str] = []
        for one in series:
            lines.append(
                json.dumps(
                    {
                        "metric": {"__name__": one.name, **dict(one.labels)},
                        "values": one.values.tolist(),
                        "timestamps": (one.times * 1000).round().astype(int).tolist(),
                    }
                )
            )
            if sum(map(len, lines)) > _BATCH:
                self._import(lines)
                lines = []
        if lines:
            self._import(lines)
        # what was just stored becomes visible within a second, unless it is asked for
        requests.get(f"{self.url}/internal/force_flush", timeout=60).raise_for_status()

    def _import(self, lines: Sequence[str]) -> None:
        answer = requests.post(f"{self.url}/api/v1/import", data="\n".join(lines).encode(), timeout=120)
        answer.raise_for_status()

    def _command(self, address: str) -> list[str]:
        program = victoria_metrics()
        if program is None:
            raise ProgramMissingError("victoria-metrics is not installed: tools/install-test-tools")
        return [
            program,
            f"-storageDataPath={self.folder / 'data'}",
            f"-httpListenAddr={address}",
            "-retentionPeriod=10y",
            "-memory.allowedBytes=268435456",
            *self.flags,
        ]
