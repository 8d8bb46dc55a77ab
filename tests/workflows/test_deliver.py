"""Direct posting: what fires is told again and again, and an end only on evidence."""

from dataclasses import replace

import pytest

from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.slo import SloInstance
from slo_daemon.core.slo.state import Transition, TransitionReason
from slo_daemon.core.snapshot import SloView
from slo_daemon.ports import StoreError
from slo_daemon.workflows.deliver import PAGE, RETRY, Delivery
from tests.factories import seed_slos
from tests.workflows.posting import AHEAD, AVAILABILITY, DOWN, RESEND, UP, Am, World, names


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
