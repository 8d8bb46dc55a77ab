"""A small world of real programs: a service, Prometheus, Alertmanager, a webhook behind it, and the daemon itself."""

import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import requests
import yaml

from slo_daemon.demo.child import Child
from slo_daemon.demo.servers import free_port

T = TypeVar("T")
INTERVAL = 2.0  # seconds between slots
SCRAPE = 1.0
GROUP_WAIT = 1.0

ALERTMANAGER = """
route:
  receiver: everything
  group_by: [alertname, pilot, slo]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 1h
inhibit_rules:
  - source_matchers: [alertname = "SLOBackendDown"]
    target_matchers: [alertname =~ "SLOWarning|SLOCritical|SLODataMissing"]
  - source_matchers: [alertname = "SLOCritical"]
    target_matchers: [alertname = "SLOWarning"]
    equal: [pilot, slo, slo_group]
receivers:
  - name: everything
    webhook_configs: [{{url: "{webhook}", send_resolved: true}}]
"""


def pilot(selector: str = '{variant="treatment"}', **changes: Any) -> dict[str, Any]:
    """A pilot whose windows are seconds long, so that a test sees a breach and a recovery in half a minute."""
    total = f"search_requests_total{selector}"
    bad = total.replace("}", ',code=~"5.."}')
    slo = {
        "name": "error-rate",
        "sli": {"ratio": {"bad": bad, "total": total}, "as": "bad"},
        "objective": {"at_most": "0.5%", "warning": "1%", "critical": "2%"},
        "window": "10s",
        "freshness": "15s",
        "min_events": 20,
        "alerting": {"clear_for": "4s"},
    }
    return {
        "apiVersion": "slo-daemon/v1",
        "kind": "Pilot",
        "metadata": {"name": "search", "title": "Search"},
        "spec": {
            "stage": "canary",
            "start": "2026-01-01",
            "duration": "8w",
            "variants": ["control", "treatment"],
            "slos": [slo | changes],
        },
    }


def wait_until(look: Callable[[], T], seconds: float, what: str) -> T:
    """The first true value of `look`, within `seconds`; a look without an answer counts as not yet."""
    end = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < end:
        try:
            last = look()
        except (requests.ConnectionError, requests.Timeout) as error:
            last = type(error).__name__
        else:
            if last:
                return last
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds:g} s: {what} (last seen: {last!r})")


class DaemonProcess:
    """`slo-daemon run` as a process of its own, on one port and one folder for all its lives."""

    def __init__(
        self,
        folder: Path,
        *,
        prometheus: str,
        spec: Mapping[str, Any],
        tokens: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.spec_file = folder / "pilot.yaml"
        self.settings_file = folder / "settings.yaml"
        self.log = folder / "daemon.log"
        self.write_spec(spec)
        document = {
            "apiVersion": "slo-daemon/v1",
            "kind": "Settings",
            "specs": [str(self.spec_file)],
            "prometheus": {"url": prometheus, "timeout": "1s", "scrape_interval": "1s"},
            "evaluation": {"interval": "2s"},
            "store": {"url": f"sqlite:///{folder / 'state.db'}"},
            "web": {"listen": f"127.0.0.1:{self.port}", "tokens": dict(tokens or {})},
            "reports": {"folder": str(folder / "reports"), "every": "10s"},
            "logs": {"format": "json"},
        }
        self.settings_file.write_text(yaml.safe_dump(document | settings))
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def write_spec(self, spec: Mapping[str, Any] | str) -> None:
        self.spec_file.write_text(spec if isinstance(spec, str) else yaml.safe_dump(dict(spec)))

    def start(self, *, ready_within: float = 20.0) -> "DaemonProcess":
        command = [sys.executable, "-m", "slo_daemon", "run", "--config", str(self.settings_file)]
        self._child = Child(command, self.log)
        try:
            wait_until(
                lambda: self.get("/-/ready").ok, ready_within, f"the daemon is ready; log:\n{self.tail()}"
            )
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None
        return self

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=5)

    def gauge(self, name: str, **labels: str) -> float | None:
        """The value of the only series of `name` with these labels on /metrics; None when there is none."""
        from prometheus_client.parser import text_string_to_metric_families

        found = [
            sample.value
            for family in text_string_to_metric_families(self.get("/metrics").text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert len(found) <= 1, f"{len(found)} series of {name} with {labels}"
        return found[0] if found else None

    def slos(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self.get("/api/v1/slos").json()["slos"]
        return answer

    def logged(self, event: str) -> list[dict[str, Any]]:
        """All log lines of one event, over all of the daemon's lives."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == event]

    def tail(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-30:]) if self.log.exists() else "(no log)"

    def terminate(self, within: float) -> int:
        """SIGTERM; the exit code. Fails when it takes longer than `within` seconds."""
        assert self._child is not None
        self._child.send(signal.SIGTERM)
        code = wait_until(lambda: (self._child.exit_code,) if self._child and self._child.exit_code is not None else None,
                          within, "the daemon ends after SIGTERM")  # fmt: skip
        return code[0]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the daemon."""
        assert self._child is not None
        self._child.send(number)

    def kill(self) -> None:
        """SIGKILL, as the kernel would."""
        assert self._child is not None
        self._child.kill()

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop(15.0)
