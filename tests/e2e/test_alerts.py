"""The whole way of an alert, with real servers: service -> Prometheus -> slo-daemon -> rules -> Alertmanager -> webhook."""

import time
from collections.abc import Callable, Sequence

import pytest

from slo_daemon.demo.webhook import Notification
from tests.e2e.conftest import GRAFANA, World
from tests.e2e.world import GROUP_WAIT, INTERVAL, SCRAPE, pilot, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

WINDOW = 10.0  # seconds of the pilot's SLO: a breach must first fill enough of it
RULES = 2 * SCRAPE  # the watcher scrapes the gauge, then evaluates the rule
SLACK = 10.0  # of a busy machine


def told(name: str, status: str) -> Callable[[Sequence[Notification]], bool]:
    return lambda notifications: any(name in n.names(status) for n in notifications)


def is_healthy(world: World) -> None:
    wait_until(lambda: world.daemon.gauge("slo_met", slo="error-rate") == 1.0, 40, "the SLO is met")


def break_service(world: World) -> None:
    world.service.start_incident("errors", 600)


def is_critical(world: World) -> None:
    wait_until(
        lambda: world.daemon.gauge("slo_alert_level", slo="error-rate") == 2.0, 30, "the level is critical"
    )


@pytest.mark.parametrize("direct", [False, True], ids=["by Prometheus' rules", "posted directly"])
def test_a_breach_reaches_the_webhook_in_time_and_is_resolved_after_recovery(
    start_world: Callable[..., World], direct: bool
) -> None:
    world = start_world(direct=direct)
    is_healthy(world)
    break_service(world)
    began = time.monotonic()
    world.webhook.wait_for(
        told("SLOCritical", "firing"), WINDOW + 2 * INTERVAL + SCRAPE + RULES + GROUP_WAIT + SLACK
    )
    assert time.monotonic() - began < WINDOW + 2 * INTERVAL + SCRAPE + RULES + GROUP_WAIT + SLACK
    assert not told("SLOCritical", "resolved")(world.webhook.notifications)
    alerts = [alert for notification in world.webhook.notifications for alert in notification.alerts]
    links = {alert["labels"]["alertname"]: alert["annotations"]["dashboard_url"] for alert in alerts}
    assert links["SLOCritical"] == (
        f"{GRAFANA}/d/slo-daemon-slo?var-pilot=search&var-slo=error-rate&viewPanel=20"
    )
    world.service.end_incidents()
    world.webhook.wait_for(told("SLOCritical", "resolved"), 60)
    wait_until(
        lambda: world.daemon.gauge("slo_alert_level", slo="error-rate") == 0.0, 30, "the level is none"
    )
    reasons = [line["reason"] for line in world.daemon.logged("level_changed")]
    assert reasons[0] == "threshold"
    assert reasons[-1] == "recovered"


def test_prometheus_dies_while_critical_and_one_alert_says_so(start_world: Callable[..., World]) -> None:
    world = start_world(spec=pilot())
    is_healthy(world)
    break_service(world)
    world.webhook.wait_for(told("SLOCritical", "firing"), 60)
    world.source.kill()
    world.webhook.wait_for(told("SLOBackendDown", "firing"), 60)
    assert world.daemon.gauge("slo_alert_level", slo="error-rate") == 2.0
    assert world.daemon.gauge("slo_data_state", slo="error-rate", state="error") == 1.0
    time.sleep(3 * INTERVAL)
    fired = [name for n in world.webhook.notifications for name in n.names("firing")]
    assert fired.count("SLOBackendDown") == 1
    assert not told("SLOCritical", "resolved")(world.webhook.notifications)
    assert world.daemon.gauge("slo_alert_level", slo="error-rate") == 2.0
    world.source.start().wait_ready()
    world.webhook.wait_for(told("SLOBackendDown", "resolved"), 60)


def test_a_killed_daemon_comes_back_firing_and_nothing_is_resolved_in_between(
    start_world: Callable[..., World],
) -> None:
    world = start_world()
    is_healthy(world)
    break_service(world)
    world.webhook.wait_for(told("SLOCritical", "firing"), 60)
    world.daemon.kill()
    world.source.freeze()  # so that only the persisted level can be shown
    world.daemon.start()
    assert world.daemon.gauge("slo_alert_level", slo="error-rate") == 2.0
    time.sleep(4 * INTERVAL)
    assert world.daemon.gauge("slo_alert_level", slo="error-rate") == 2.0
    world.source.thaw()
    time.sleep(2 * INTERVAL)
    assert not told("SLOCritical", "resolved")(world.webhook.notifications)
    world.service.end_incidents()
    world.webhook.wait_for(told("SLOCritical", "resolved"), 60)


def test_a_target_that_dies_is_stale_within_the_freshness_limit_though_its_long_window_is_perfect(
    start_world: Callable[..., World],
) -> None:
    world = start_world(spec=pilot(window="30m", freshness="10s", min_events=20))
    is_healthy(world)
    world.service.stop()
    died = time.monotonic()
    wait_until(
        lambda: world.daemon.gauge("slo_data_state", slo="error-rate", state="stale") == 1.0,
        30,
        "it is stale",
    )
    assert time.monotonic() - died < 10 + 2 * INTERVAL + SCRAPE + SLACK
    (slo,) = world.daemon.slos()
    assert (slo["met"], slo["value"], slo["data_state"], slo["reason"]) == (None, None, "stale", "stale")
