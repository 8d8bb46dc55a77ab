"""Each Alertmanager is told on its own, also when one is frozen, gone or restarted."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from slo_daemon.adapters.alertmanager import AlertmanagerSink
from slo_daemon.adapters.memory_sink import MemorySink
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.core.alert import Alert
from slo_daemon.core.slo.objective import Level
from slo_daemon.demo.servers import AlertmanagerServer
from slo_daemon.demo.webhook import Notification, WebhookReceiver
from slo_daemon.ports import Rejection
from slo_daemon.workflows.deliver import Deliverer
from tests.factories import seed_slos
from tests.workflows.posting import World


class Stuck(MemorySink):
    """Takes nothing until it is let go, like a frozen Alertmanager without a deadline."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def send(self, alerts: Sequence[Alert]) -> tuple[Rejection, ...]:
        self.entered.set()
        self.let_go.wait(10)
        return super().send(alerts)


class Crashing(MemorySink):
    """Its first sending meets a bug."""

    def send(self, alerts: Sequence[Alert]) -> tuple[Rejection, ...]:
        if not self.sendings:
            super().send([])
            raise RuntimeError("a bug")
        return super().send(alerts)


def wait_for(condition: Callable[[], object], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def deliverers() -> Iterator[list[Deliverer]]:
    started: list[Deliverer] = []
    yield started
    for deliverer in started:
        deliverer.stop(5.0)


def test_a_frozen_alertmanager_delays_nobody_else(deliverers: list[Deliverer]) -> None:
    frozen, other = Stuck("frozen"), MemorySink("other")
    world = World(frozen, other)
    world.slot(Level.CRITICAL)
    deliverer = Deliverer([world.delivery(sink) for sink in world.sinks])
    deliverers.append(deliverer)
    deliverer.start()
    frozen.entered.wait(5)
    wait_for(lambda: len(other.sendings) == 1)
    world.slot(Level.NONE)
    deliverer.nudge()
    wait_for(lambda: other.firing(world.clock.time) == ())

    assert frozen.sendings == ()
    frozen.let_go.set()
    wait_for(lambda: len(frozen.sendings) >= 2)
    assert frozen.firing(world.clock.time) == ()


def test_stopping_is_prompt_and_ends_no_alert(deliverers: list[Deliverer]) -> None:
    sink = MemorySink("am")
    world = World(sink)
    world.slot(Level.CRITICAL)
    deliverer = Deliverer([world.delivery()])
    deliverer.start()
    wait_for(lambda: sink.sendings)
    started = time.monotonic()
    deliverer.stop(5.0)

    assert time.monotonic() - started < 4.0
    assert len(sink.firing(world.clock.time)) == 2


def test_a_bug_does_not_end_the_telling(deliverers: list[Deliverer]) -> None:
    sink = Crashing("am")
    world = World(sink)
    world.slot(Level.CRITICAL)
    deliverer = Deliverer([world.delivery()])
    deliverers.append(deliverer)
    deliverer.start()
    wait_for(lambda: len(sink.sendings) == 1)
    deliverer.nudge()

    wait_for(lambda: len(sink.firing(world.clock.time)) == 2)


# Alertmanager learns what inhibits in a thread of its own: without a wait it may tell a warning beside its critical alert.
ROUTES = """
route: {{receiver: webhook, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}
inhibit_rules:
  - source_matchers: [alertname = SLOCritical]
    target_matchers: [alertname = SLOWarning]
    equal: [pilot, slo, slo_group]
receivers: [{{name: webhook, webhook_configs: [{{url: "{url}", send_resolved: true}}]}}]
"""


def told(notifications: Sequence[Notification]) -> list[tuple[str, str]]:
    """(status, alert name) of every alert in every notification, in order."""
    return [(a["status"], a["labels"]["alertname"]) for n in notifications for a in n.alerts]


@pytest.mark.servers
@pytest.mark.slow
def test_with_real_alertmanagers_a_breach_is_told_once_and_its_end_on_recovery(
    tmp_path: Path, deliverers: list[Deliverer]
) -> None:
    with (
        WebhookReceiver() as webhook,
        AlertmanagerServer(tmp_path / "a", ROUTES.format(url=webhook.url)) as main,
        AlertmanagerServer(tmp_path / "b", "route: {receiver: x}\nreceivers: [{name: x}]\n") as frozen,
    ):
        frozen.freeze()
        sinks = [
            AlertmanagerSink(main.url, name="main"),
            AlertmanagerSink(frozen.url, name="frozen", deadline=2.0),
        ]
        world = World(
            *sinks, clock=SystemClock(), resend=4.0
        )  # alerts outlive a restart, on a slow machine too

        def start() -> Deliverer:
            deliverer = Deliverer([world.delivery(sink) for sink in sinks])
            deliverers.append(deliverer)
            deliverer.start()
            return deliverer

        first = start()
        world.slot(Level.CRITICAL)
        began = time.monotonic()
        first.nudge()
        webhook.wait_for(lambda seen: ("firing", "SLOCritical") in told(seen), 5)
        assert time.monotonic() - began < 3.5  # it did not wait for the next round

        first.stop(5.0)  # the daemon restarts
        time.sleep(1.5)
        second = start()
        time.sleep(5.0)
        assert told(webhook.notifications) == [("firing", "SLOCritical")]

        world.slot(Level.NONE)
        second.nudge()
        webhook.wait_for(lambda seen: ("resolved", "SLOCritical") in told(seen), 5)
        assert told(webhook.notifications) == [("firing", "SLOCritical"), ("resolved", "SLOCritical")]

        frozen.thaw()
        wait_for(lambda: not world.store.undelivered("frozen"), 15)
        second.stop(5.0)


@pytest.mark.servers
@pytest.mark.slow
def test_an_alertmanager_that_comes_back_is_told_what_fires_and_what_ended(
    tmp_path: Path, deliverers: list[Deliverer]
) -> None:
    with (
        WebhookReceiver() as webhook,
        AlertmanagerServer(tmp_path, ROUTES.format(url=webhook.url)) as server,
    ):
        latency = next(slo for slo in seed_slos() if slo.name == "query-latency-p95")
        world = World(AlertmanagerSink(server.url, name="am"), clock=SystemClock(), resend=1.0)
        deliverer = Deliverer([world.delivery()])
        deliverers.append(deliverer)
        deliverer.start()
        world.slot(Level.WARNING)
        deliverer.nudge()
        webhook.wait_for(lambda seen: ("firing", "SLOWarning") in told(seen), 5)

        time.sleep(1.0)  # Alertmanager notes a notification a moment after it was taken
        server.stop()  # with its notes kept
        world.slot(Level.NONE)
        world.slot(Level.CRITICAL, latency)
        time.sleep(2.5)
        assert world.undelivered() == 2
        server.start().wait_ready()

        webhook.wait_for(lambda seen: ("firing", "SLOCritical") in told(seen), 10)
        webhook.wait_for(lambda seen: ("resolved", "SLOWarning") in told(seen), 10)
        wait_for(lambda: world.undelivered() == 0)
