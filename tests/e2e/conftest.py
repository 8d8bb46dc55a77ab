"""Fixtures of the small world: each test has its own programs, on free ports, and none is left behind."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slo_daemon.adapters.prometheus_rules import RuleOptions, rule_text
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.core.alert import Links
from slo_daemon.demo.servers import AlertmanagerServer, PrometheusServer
from slo_daemon.demo.service import SearchService
from slo_daemon.demo.traffic import Traffic
from slo_daemon.demo.webhook import WebhookReceiver
from tests.e2e.world import ALERTMANAGER, SCRAPE, DaemonProcess, pilot

# The shipped rules with waits that a test can sit through; the shipped waits have their own promtool scenarios.
GRAFANA = "https://grafana.example.org"
RULES = RuleOptions(
    interval=1,
    level_range=5,
    keep_firing_for=0,
    missing_for=5,
    backend_down_for=3,
    links=Links(grafana=GRAFANA),
)


@dataclass
class World:
    """`source` is the Prometheus that the daemon asks; `watcher` scrapes the daemon and evaluates the shipped rules.

    They are two, so that a test can kill the one and still see what the other tells.
    """

    service: SearchService
    source: PrometheusServer
    watcher: PrometheusServer
    alertmanager: AlertmanagerServer
    webhook: WebhookReceiver
    daemon: DaemonProcess


@pytest.fixture
def start_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """start_world(spec=..., **settings of the daemon)."""
    with ExitStack() as stack:

        def start(spec: dict[str, Any] | None = None, *, direct: bool = False, **settings: Any) -> World:
            webhook = stack.enter_context(WebhookReceiver())
            alertmanager = AlertmanagerServer(
                tmp_path / "alertmanager", ALERTMANAGER.format(webhook=webhook.url)
            )
            stack.enter_context(alertmanager)
            now = SystemClock().now
            service = SearchService(
                now, Traffic(7, pilot_start=now() - 30 * 86_400), first_incident_after=None
            )
            stack.enter_context(service)
            source = PrometheusServer(
                tmp_path / "source", targets={"search": service.address}, scrape_interval=SCRAPE
            )
            stack.enter_context(source)
            if direct:
                links = {"grafana": GRAFANA}
                settings["alertmanager"] = {"urls": [alertmanager.url], "resend": "5s", "links": links}
            daemon = DaemonProcess(
                tmp_path / "daemon", prometheus=source.url, spec=spec or pilot(), **settings
            )
            stack.callback(daemon.stop)
            daemon.start()
            rules = tmp_path / "rules.yaml"
            rules.write_text(rule_text(RULES))
            watcher = PrometheusServer(
                tmp_path / "watcher",
                targets={"slo-daemon": daemon.address},
                scrape_interval=SCRAPE,
                evaluation_interval=SCRAPE,
                rule_files=[] if direct else [rules],
                alertmanagers=[] if direct else [alertmanager.address],
                flags=["--rules.alert.resend-delay=1s"],
            )
            stack.enter_context(watcher)
            return World(service, source, watcher, alertmanager, webhook, daemon)

        yield start
