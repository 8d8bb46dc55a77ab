"""The rules in a real Prometheus that scrapes the real page, with a real Alertmanager behind it."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
import requests

from slo_daemon.adapters.gauges import MetricsPage, SelfMetrics
from slo_daemon.adapters.prometheus_rules import RuleOptions, rule_text
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.slo import SloInstance
from slo_daemon.core.slo.state import SloState
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SloView, Snapshot, Specification
from slo_daemon.demo.loopback_http import LoopbackHttp, Reply, Request
from slo_daemon.demo.servers import AlertmanagerServer, PrometheusServer
from slo_daemon.demo.webhook import Notification, WebhookReceiver
from tests.budgets import BURNING, CALM, spending, with_budget
from tests.factories import bad_readings, healthy_readings, seed_slos

SCRAPE = RULES = 1.0  # seconds
RANGE = 4  # seconds
ROUTES = """
route: {{receiver: webhook, group_by: [alertname, region], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: webhook, webhook_configs: [{{url: "{url}", send_resolved: true}}]}}]
"""


class Daemon:
    """A page over two groups of an SLO; `up` False is a daemon that is gone. Each scrape sees a slot of just now."""

    def __init__(self) -> None:
        self.up = True
        self.critical = False
        self._self_metrics = SelfMetrics()
        self._page = MetricsPage(self._self_metrics)
        slo = next(slo for slo in seed_slos() if slo.name == "availability")
        self._slo = with_budget(replace(slo, runbook="https://wiki.example.org/availability"))
        self.http = LoopbackHttp(self._answer)

    def __enter__(self) -> Self:
        self.http.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.stop()

    def _answer(self, _: Request) -> Reply:
        if not self.up:
            return Reply(503)
        now = time.time()
        self._self_metrics.heartbeat(now)
        self._self_metrics.source_up(up=True)
        slot = Slot(now, 1.0)
        views = []
        for region in ("eu", "us"):
            bad = self.critical and region == "eu"
            readings = bad_readings(self._slo) if bad else healthy_readings(self._slo)
            seen = spending(
                self._slo, 1.34 if bad else 0.2, burn=BURNING if bad else CALM, readings=readings, slot=slot
            )
            instance = SloInstance(self._slo, (("region", region),))
            level = Level.CRITICAL if bad else Level.NONE
            state = SloState(instance.id, level, since=now, last_slot=now)
            views.append(SloView(instance, state, seen.evaluation))
        snapshot = Snapshot(Specification((), (), "h"), slot, None, {v.instance.id: v for v in views})
        return Reply(200, self._page.render(snapshot, now), "text/plain; version=0.0.4; charset=utf-8")


def told(notifications: Sequence[Notification], name: str) -> list[tuple[str, str]]:
    """(status, region) of an alert in every notification, in order."""
    return [
        (a["status"], a["labels"].get("region", ""))
        for n in notifications
        for a in n.alerts
        if a["labels"]["alertname"] == name
    ]


@pytest.mark.servers
@pytest.mark.slow
def test_a_critical_group_alerts_in_time_outlives_an_outage_of_the_daemon_and_ends_on_recovery(
    tmp_path: Path,
) -> None:
    rules = tmp_path / "rules.yaml"
    options = RuleOptions(interval=1, level_range=RANGE, keep_firing_for=0, down_for=3)
    rules.write_text(rule_text(replace(options, exhausted_for=1, exhausted_keep=0)))
    with (
        Daemon() as daemon,
        WebhookReceiver() as webhook,
        AlertmanagerServer(tmp_path / "am", ROUTES.format(url=webhook.url)) as alertmanager,
        PrometheusServer(
            tmp_path / "prometheus",
            targets={"slo-daemon": daemon.http.address},
            scrape_interval=SCRAPE,
            evaluation_interval=RULES,
            rule_files=[rules],
            alertmanagers=[alertmanager.address],
        ) as prometheus,
    ):
        webhook.wait_for(lambda seen: told(seen, "SLOWatchdog"), 20)
        targets = requests.get(f"{prometheus.url}/api/v1/targets", timeout=5).json()["data"]["activeTargets"]
        assert [(t["health"], t["lastError"]) for t in targets] == [("up", "")]

        daemon.critical = True
        began = time.monotonic()
        webhook.wait_for(lambda seen: told(seen, "SLOCritical"), 15)
        assert time.monotonic() - began < SCRAPE + RULES + 8.0  # and what a busy machine takes
        assert told(webhook.notifications, "SLOCritical") == [("firing", "eu")]
        (alert,) = (
            a for n in webhook.notifications for a in n.alerts if a["labels"]["alertname"] == "SLOCritical"
        )
        assert alert["annotations"]["summary"] == (
            "SLO ecommerce-semantic-search/availability (region=eu) is critical"
        )
        assert alert["annotations"]["description"] == (
            "Value over 1h: 97.6%. Objective: at least 99.9 %. Burn rate over 1h: 20.1, too fast above 14.4. "
            "Data state: ok."
        )
        assert alert["annotations"]["runbook_url"] == "https://wiki.example.org/availability"
        assert alert["labels"]["slo_group"] == "region=eu"
        assert "instance" not in alert["labels"]

        webhook.wait_for(lambda seen: told(seen, "SLOBudgetExhausted"), 15)
        (spent,) = (
            a
            for n in webhook.notifications
            for a in n.alerts
            if a["labels"]["alertname"] == "SLOBudgetExhausted"
        )
        assert (spent["labels"]["region"], spent["labels"]["severity"]) == ("eu", "warning")
        assert spent["annotations"]["description"] == (
            "134% of the error budget over 30d is gone. Objective: at least 99.9 %. "
            "Burn rate over 1h: 20.1, too fast above 14.4."
        )

        daemon.up = False
        webhook.wait_for(lambda seen: told(seen, "SLODaemonDown"), 20)
        time.sleep(2 * RANGE)
        assert told(webhook.notifications, "SLOCritical") == [("firing", "eu")]

        daemon.up, daemon.critical = True, False
        webhook.wait_for(lambda seen: ("resolved", "eu") in told(seen, "SLOCritical"), RANGE + 15)
        assert told(webhook.notifications, "SLOCritical") == [("firing", "eu"), ("resolved", "eu")]
