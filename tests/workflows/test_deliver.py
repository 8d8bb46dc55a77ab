"""Direct posting: what fires is told again and again, an end only on evidence, and each Alertmanager on its own."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from slo_daemon.adapters.alertmanager import AlertmanagerSink
from slo_daemon.adapters.memory_sink import MemorySink
from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.core.alert import Alert
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.state import SloState, Transition, TransitionReason
from slo_daemon.core.slo.step import removal
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView, Specification
from slo_daemon.demo.servers import AlertmanagerServer
from slo_daemon.demo.webhook import Notification, WebhookReceiver
from slo_daemon.ports import AlertSink, Clock, Rejection, StoreError
from slo_daemon.workflows.board import Board
from slo_daemon.workflows.deliver import PAGE, RETRY, ROUNDS_AHEAD, Deliverer, Delivery
from tests.factories import NOW, seed_slos
from tests.telling import Told

INTERVAL, RESEND = 30.0, 60.0
AHEAD = ROUNDS_AHEAD * RESEND
UP = SourceView(True, "", "", 0.0)
DOWN = SourceView(False, "connect", "connection refused", None)
AVAILABILITY = next(slo for slo in seed_slos() if slo.name == "availability")


class FixedClock:
    def __init__(self, time_: float = NOW) -> None:
        self.time = time_

    def now(self) -> float:
        return self.time


class Am(MemorySink):
    """Remembers which alerts were over when they were told; with `cut`, the store fails right after a sending."""

    def __init__(self, name: str = "am") -> None:
        super().__init__(name)
        self.world: World | None = None
        self.cut = False
        self.ends: list[str] = []

    def send(self, alerts: Sequence[Alert]) -> tuple[Rejection, ...]:
        rejections = super().send(alerts)
        if self.world is not None:
            now = self.world.now()
            self.ends += [alert.labels["alertname"] for alert in alerts if alert.ends_at <= now]
            self.world.store.failure = StoreError("io", "as if the power went") if self.cut else None
        return rejections


class World:
    """A store, a board and sinks; slots are told by hand: `slot(level)` is one in which the SLO has that level."""

    def __init__(self, *sinks: AlertSink, clock: Clock | None = None, resend: float = RESEND) -> None:
        self.clock = FixedClock()
        self._real_clock = clock
        self.store = MemoryStore()
        self.told = Told()
        self.sinks = sinks
        self.resend = resend
        self.board = Board(Snapshot(Specification((AVAILABILITY,), (), "h"), None, None, {}))

    def now(self) -> float:
        return (self._real_clock or self.clock).now()

    def delivery(self, sink: AlertSink | None = None) -> Delivery:
        """A new one, as after a start of the daemon."""
        return Delivery(
            sink or self.sinks[0], self.store, self.board, self._real_clock or self.clock, self.told,
            interval=INTERVAL if self._real_clock is None else 1.0, resend=self.resend,
        )  # fmt: skip

    def slot(self, level: Level, slo: Slo = AVAILABILITY, source: SourceView = UP) -> None:
        """A slot passes; stored first, then shown."""
        views, transitions = self.decide(level, slo)
        self.commit([views], transitions)
        self.show([views], source)

    def decide(self, level: Level, slo: Slo = AVAILABILITY) -> tuple[SloView, list[Transition]]:
        self.clock.time += INTERVAL
        instance, now = SloInstance(slo), self.now()
        view = self.board.current.slos.get(instance.id)
        state = view.state if view else SloState(instance.id, since=now)
        transitions = []
        if level is not state.level:
            reason = TransitionReason.THRESHOLD if level > state.level else TransitionReason.RECOVERED
            transitions = [
                Transition(instance.id, state.sequence + 1, now, state.level, level, reason, "99.95 %")
            ]
            state = replace(state, level=level, since=now, sequence=state.sequence + 1)
        return SloView(instance, replace(state, last_slot=now), None), transitions

    def commit(self, views: Sequence[SloView], transitions: Sequence[Transition]) -> None:
        self.store.commit_slot([v.state for v in views], transitions, [sink.name for sink in self.sinks])

    def show(self, views: Sequence[SloView], source: SourceView = UP) -> None:
        self.board.change(
            lambda old: replace(
                old,
                slot=Slot(self.now(), INTERVAL),
                source=source,
                slos={**old.slos, **{v.instance.id: v for v in views}},
            )
        )

    def remove(self, slo: Slo = AVAILABILITY) -> None:
        instance = SloInstance(slo)
        state = self.board.current.slos[instance.id].state
        self.store.forget([removal(state, self.now())], [sink.name for sink in self.sinks])

    def unshow(self) -> None:
        self.board.change(lambda old: replace(old, specification=Specification((), (), "h2"), slos={}))

    def undelivered(self) -> int:
        return len(self.store.undelivered(self.sinks[0].name))


def names(alerts: Sequence[Alert]) -> list[str]:
    return sorted(alert.labels["alertname"] for alert in alerts)


@pytest.fixture
def sink() -> Am:
    return Am()


@pytest.fixture
def world(sink: Am) -> World:
    sink.world = World(sink)
    return sink.world


def test_what_fires_is_told_at_once_and_again_with_a_later_end(world: World, sink: Am) -> None:
    world.slot(Level.CRITICAL)
    began = world.clock.time
    delivery = world.delivery()

    assert delivery.round() == RESEND
    world.clock.time += RESEND
    delivery.round()

    first, second = sink.sendings
    assert names(first) == names(second) == ["SLOCritical", "SLOWarning"]
    assert {a.starts_at for a in (*first, *second)} == {began}
    assert {a.ends_at for a in first} == {began + AHEAD}
    assert {a.ends_at for a in second} == {began + RESEND + AHEAD}
    assert world.undelivered() == 0


def test_with_a_long_interval_an_alert_is_valid_for_longer(world: World, sink: Am) -> None:
    world.slot(Level.WARNING)
    Delivery(sink, world.store, world.board, world.clock, world.told, interval=300.0, resend=60.0).round()

    ((alert,),) = sink.sendings
    assert alert.ends_at == world.clock.time + 4 * 300.0


def test_nothing_is_sent_when_nothing_is_to_be_told(world: World, sink: Am) -> None:
    world.slot(Level.NONE)

    assert world.delivery().round() == RESEND
    assert sink.sendings == ()


def test_recovery_is_told_with_the_slot_that_showed_it_and_only_once(world: World, sink: Am) -> None:
    delivery = world.delivery()
    world.slot(Level.CRITICAL)
    delivery.round()
    world.slot(Level.NONE)
    recovered = world.clock.time
    world.clock.time += 5
    delivery.round()
    delivery.round()

    assert [names(sending) for sending in sink.sendings] == [["SLOCritical", "SLOWarning"]] * 2
    assert {a.ends_at for a in sink.sendings[1]} == {recovered}
    assert sink.firing(world.clock.time) == ()
    assert world.undelivered() == 0


def test_from_critical_to_warning_the_critical_alert_ends_and_the_warning_goes_on(
    world: World, sink: Am
) -> None:
    delivery = world.delivery()
    for level in (Level.CRITICAL, Level.WARNING):
        world.slot(level)
        delivery.round()

    assert names(sink.firing(world.clock.time)) == ["SLOWarning"]
    assert sink.ends == ["SLOCritical"]


def test_from_warning_to_critical_nothing_ends(world: World, sink: Am) -> None:
    delivery = world.delivery()
    for level in (Level.WARNING, Level.CRITICAL):
        world.slot(level)
        delivery.round()

    assert names(sink.firing(world.clock.time)) == ["SLOCritical", "SLOWarning"]
    assert sink.ends == []


def test_a_restart_tells_the_same_alert_and_no_end(world: World, sink: Am) -> None:
    world.slot(Level.CRITICAL)
    world.delivery().round()
    world.clock.time += 20
    states = world.store.states()
    restarted = [SloView(SloInstance(AVAILABILITY), state, None) for state in states.values()]
    world.board.change(
        lambda old: replace(old, slot=None, source=None, slos={v.instance.id: v for v in restarted})
    )
    world.delivery().round()

    first, second = sink.sendings
    assert [(a.identity, a.starts_at) for a in first] == [(a.identity, a.starts_at) for a in second]
    assert sink.ends == []


def test_a_crash_between_sending_and_marking_sends_again(world: World, sink: Am) -> None:
    world.slot(Level.CRITICAL)
    world.delivery().round()
    world.slot(Level.NONE)
    sink.cut = True
    assert world.delivery().round() == RETRY
    world.store.failure, sink.cut = None, False
    assert world.undelivered() == 1
    world.delivery().round()

    assert sink.ends == ["SLOWarning", "SLOCritical"] * 2
    assert sink.firing(world.clock.time) == ()
    assert world.undelivered() == 0


def test_an_end_during_an_outage_is_told_afterwards(world: World, sink: Am) -> None:
    delivery = world.delivery()
    world.slot(Level.CRITICAL)
    delivery.round()
    sink.outage = "connection refused"
    for _ in range(60):  # half an hour
        world.slot(Level.CRITICAL)
        assert delivery.round() == RETRY
    world.slot(Level.NONE)
    assert delivery.round() == RETRY
    assert world.undelivered() == 1

    sink.outage = ""
    assert delivery.round() == RESEND
    assert sink.ends == ["SLOWarning", "SLOCritical"]
    assert world.undelivered() == 0


def test_what_began_during_an_outage_is_there_afterwards_with_its_true_start(world: World, sink: Am) -> None:
    delivery = world.delivery()
    sink.outage = "connection refused"
    world.slot(Level.WARNING)
    began = world.clock.time
    for _ in range(60):
        world.slot(Level.WARNING)
        delivery.round()
    sink.outage = ""
    delivery.round()

    (alert,) = sink.firing(world.clock.time)
    assert alert.starts_at == began


def test_a_breach_that_came_and_went_during_an_outage_leaves_nothing_firing(world: World, sink: Am) -> None:
    delivery = world.delivery()
    sink.outage = "connection refused"
    for level in (Level.CRITICAL, Level.NONE):
        world.slot(level)
        delivery.round()
    sink.outage = ""
    delivery.round()

    assert sink.firing(world.clock.time) == ()
    assert world.undelivered() == 0


def test_an_end_never_undoes_a_newer_beginning(world: World, sink: Am) -> None:
    delivery = world.delivery()
    world.slot(Level.CRITICAL)
    delivery.round()
    sink.outage = "connection refused"
    for level in (Level.NONE, Level.CRITICAL):
        world.slot(level)
        delivery.round()
    sink.outage = ""
    delivery.round()

    assert names(sink.firing(world.clock.time)) == ["SLOCritical", "SLOWarning"]
    assert world.undelivered() == 0


def test_an_end_that_is_stored_but_not_yet_shown_waits_for_the_snapshot(world: World, sink: Am) -> None:
    delivery = world.delivery()
    world.slot(Level.CRITICAL)
    delivery.round()
    view, transitions = world.decide(Level.NONE)
    world.commit([view], transitions)

    delivery.round()
    assert names(sink.firing(world.clock.time)) == ["SLOCritical", "SLOWarning"]
    assert world.undelivered() == 1

    world.show([view])
    delivery.round()
    assert sink.firing(world.clock.time) == ()
    assert world.undelivered() == 0


def test_while_the_store_is_down_what_fires_is_told_from_memory(world: World, sink: Am) -> None:
    world.slot(Level.WARNING)
    world.store.failure = StoreError("full", "no space left")
    delivery = world.delivery()
    delivery.round()

    assert names(sink.firing(world.clock.time)) == ["SLOWarning"]
    assert world.told.named("store_failed") == [("full",)]


def test_an_slo_that_was_removed_is_told_as_over_with_the_labels_it_had(world: World, sink: Am) -> None:
    labelled = replace(AVAILABILITY, labels=(("team", "search"),))
    delivery = world.delivery()
    world.slot(Level.CRITICAL, labelled)
    delivery.round()
    world.clock.time += 1
    world.remove(labelled)

    delivery.round()  # stored, not yet shown
    assert len(sink.firing(world.clock.time)) == 2
    world.unshow()
    delivery.round()

    assert sink.firing(world.clock.time) == ()
    assert world.undelivered() == 0


def test_an_slo_that_was_removed_while_the_daemon_was_down_is_told_as_over(world: World, sink: Am) -> None:
    world.slot(Level.WARNING)
    world.delivery().round()
    world.clock.time += 1
    world.remove()
    world.unshow()
    world.delivery().round()

    assert sink.firing(world.clock.time) == ()
    assert world.undelivered() == 0


def test_an_slo_that_was_removed_and_came_back_alerts_anew(world: World, sink: Am) -> None:
    delivery = world.delivery()
    world.slot(Level.CRITICAL)
    delivery.round()
    world.clock.time += 1
    world.remove()
    world.unshow()
    world.slot(Level.WARNING)
    began = world.clock.time
    delivery.round()

    (alert,) = sink.firing(world.clock.time)
    assert alert.labels["alertname"] == "SLOWarning"
    assert alert.starts_at == began
    assert world.undelivered() == 0


def test_a_source_that_is_down_is_one_alert_whose_start_stays(world: World, sink: Am) -> None:
    delivery = world.delivery()
    world.slot(Level.NONE, source=DOWN)
    began = world.clock.time
    delivery.round()
    assert sink.sendings == ()  # one failed slot is no outage

    for _ in range(4):
        world.slot(Level.NONE, source=DOWN)
        delivery.round()
    (alert,) = sink.firing(world.clock.time)
    assert (alert.labels["alertname"], alert.starts_at) == ("SLOBackendDown", began)

    world.slot(Level.NONE, source=UP)
    delivery.round()
    delivery.round()
    assert sink.firing(world.clock.time) == ()
    assert sink.ends == ["SLOBackendDown"]


def test_while_the_source_is_down_levels_are_held_and_nothing_ends(world: World, sink: Am) -> None:
    delivery = world.delivery()
    world.slot(Level.CRITICAL)
    delivery.round()
    for _ in range(20):
        world.slot(Level.CRITICAL, source=DOWN)
        delivery.round()

    assert names(sink.firing(world.clock.time)) == ["SLOBackendDown", "SLOCritical", "SLOWarning"]
    assert sink.ends == []


def test_a_source_that_fails_again_before_its_recovery_was_told_starts_anew(world: World, sink: Am) -> None:
    delivery = world.delivery()
    for _ in range(4):
        world.slot(Level.NONE, source=DOWN)
        delivery.round()
    sink.outage = "connection refused"
    world.slot(Level.NONE, source=UP)
    delivery.round()
    began = 0.0
    for _ in range(4):
        world.slot(Level.NONE, source=DOWN)
        began = began or world.clock.time
        delivery.round()
    sink.outage = ""
    delivery.round()

    (alert,) = sink.sendings[-1]
    assert alert.starts_at == began


def test_before_the_first_slot_after_a_start_nothing_is_said_of_the_source(world: World, sink: Am) -> None:
    delivery = world.delivery()
    for _ in range(4):
        world.slot(Level.NONE, source=DOWN)
        delivery.round()
    sent = len(sink.sendings)
    world.board.change(lambda old: replace(old, slot=None, source=None))
    delivery.round()

    assert len(sink.sendings) == sent
    assert sink.ends == []


def test_sent_and_failed_alerts_are_counted_by_alertmanager(world: World, sink: Am) -> None:
    delivery = world.delivery()
    world.slot(Level.CRITICAL)
    delivery.round()
    sink.outage = "connection refused"
    delivery.round()

    assert world.told.named("alerts_sent") == [("am", 2)]
    assert world.told.named("alerts_failed") == [("am", 2)]


def test_a_refused_alert_is_counted_and_holds_nothing_up(world: World, sink: Am) -> None:
    bad = replace(AVAILABILITY, labels=(("not-a-label", "x"),))
    delivery = world.delivery()
    world.slot(Level.WARNING, bad)
    world.slot(Level.WARNING, next(slo for slo in seed_slos() if slo.name == "error-rate"))

    assert delivery.round() == RESEND
    assert [a.labels["slo"] for a in sink.firing(world.clock.time)] == ["error-rate"]
    assert world.told.named("alerts_sent") == [("am", 1)]
    assert world.told.named("alerts_failed") == [("am", 1)]
    assert world.undelivered() == 0


def test_a_long_outbox_is_emptied_without_waiting(world: World) -> None:
    count = PAGE + 1
    view, _ = world.decide(Level.NONE)
    stored = [
        Transition(
            f"shop/slo-{n}",
            1,
            world.clock.time - 10,
            Level.WARNING,
            Level.NONE,
            TransitionReason.RECOVERED,
            "",
        )
        for n in range(count)
    ]
    world.commit([view], stored)
    delivery = world.delivery()

    assert delivery.round() == 0.0
    assert delivery.round() == RESEND
    assert world.undelivered() == 0


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

    assert time.monotonic() - started < 1.0
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


ROUTES = """
route: {{receiver: webhook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
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
        world = World(*sinks, clock=SystemClock(), resend=1.0)

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
        assert time.monotonic() - began < 1.5

        first.stop(5.0)  # the daemon restarts
        time.sleep(1.5)
        second = start()
        time.sleep(3.0)
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
