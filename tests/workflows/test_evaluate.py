"""One slot from question to snapshot: everything asked at the slot's time, stored before it is shown."""

from dataclasses import replace
from threading import Event, Thread

import pytest

from slo_daemon.core.slo.book import Entry
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import FailReason, Sample
from slo_daemon.core.slo.seen import Seen, see
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Ratio
from slo_daemon.core.slo.state import TransitionReason
from slo_daemon.core.slo.window import Slot, Window
from slo_daemon.ports import SourceError, StoreError
from tests.workflows.world import INTERVAL, NOW, World, slo, split_rows


@pytest.fixture
def world() -> World:
    return World(slo("one", "a"), slo("two", "b"))


def test_every_query_carries_the_slots_time(world: World) -> None:
    world.run()
    assert {asked.at for asked in world.source.asked} == {NOW}


def test_slos_that_share_a_metric_are_asked_together(world: World) -> None:
    world.run()
    assert (
        len(world.source.asked) == 1
    )  # bad and all events of both; that there are rows is the proof of freshness
    assert world.view("p/one").evaluation.value == 1.0  # type: ignore[union-attr]
    world.errors["b"] = 4_000.0
    world.run()
    assert (world.view("p/one").evaluation.met, world.view("p/two").evaluation.met) == (True, False)  # type: ignore[union-attr]


def test_states_and_transitions_are_stored_before_the_snapshot_shows_them(world: World) -> None:
    world.errors["a"] = 9_000.0
    world.run()
    assert world.store.states()["p/one"].level is Level.CRITICAL
    (transition,) = world.store.transitions("p/one")
    assert transition.reason is TransitionReason.THRESHOLD
    assert world.store.undelivered("am") == (transition,)


def test_a_dead_source_holds_every_level_and_is_asked_one_question(world: World) -> None:
    world.errors["a"] = 9_000.0
    world.run()
    world.source.asked.clear()
    world.source.outage = SourceError(FailReason.CONNECT, "connection refused")
    snapshot = world.run(slots=90)
    assert world.source.asked == []
    assert snapshot.source is not None
    assert (snapshot.source.up, snapshot.source.reason) == (False, "connect")
    assert (world.level("p/one"), world.level("p/two")) == (Level.CRITICAL, Level.NONE)
    assert world.view("p/two").data_state is DataState.ERROR
    assert len(world.store.transitions()) == 1


def test_a_failing_query_touches_only_the_slos_that_asked_it() -> None:
    other = Ratio(parse_selector('q{code="500"}'), parse_selector("q"), counts_good=False, as_good=True)
    world = World(slo("one", "a"), replace(slo("two", "b"), indicator=other))
    answer = world._answer

    def script(promql: str, at: float) -> object:
        return (
            SourceError(FailReason.EXECUTION, "too many samples") if "(q[" in promql else answer(promql, at)
        )

    world.source.script = script  # type: ignore[assignment]
    world.run()
    assert world.view("p/one").data_state is DataState.OK
    assert world.view("p/two").data_state is DataState.ERROR
    assert world.view("p/two").evaluation.reason is FailReason.EXECUTION  # type: ignore[union-attr]


def test_a_slot_with_a_wrong_clock_leaves_no_trace(world: World) -> None:
    world.run()
    before = world.store.states()
    world.source.clock += 3600
    snapshot = world.evaluator.run_slot(Slot(world.clock.time, INTERVAL))
    assert snapshot.source is not None
    assert snapshot.source.reason == "clock_skew"
    assert world.store.states() == before
    assert world.view("p/one").data_state is DataState.ERROR


def test_while_the_store_is_down_evaluation_goes_on_and_nothing_is_lost(world: World) -> None:
    world.store.failure = StoreError("full", "no space left on device")
    world.errors["a"] = 9_000.0
    world.run()
    assert world.level("p/one") is Level.CRITICAL
    world.errors["a"] = 0.0
    world.run(slots=2)
    assert world.level("p/one") is Level.NONE
    assert world.told.named("store_failed")
    world.store.failure = None
    world.run()
    assert [t.after for t in world.store.transitions("p/one")] == [Level.NONE, Level.CRITICAL]
    assert len(world.store.undelivered("am")) == 2


def test_after_a_restart_the_stored_level_is_shown_before_anything_is_asked(world: World) -> None:
    world.errors["a"] = 9_000.0
    world.run()
    again = World(slo("one", "a"), slo("two", "b"), store=world.store)
    assert again.source.asked == []
    assert again.level("p/one") is Level.CRITICAL
    assert again.view("p/one").evaluation is None


def test_an_edited_slo_keeps_its_level_and_a_removed_one_is_told_as_over(world: World) -> None:
    world.errors = {"a": 9_000.0, "b": 9_000.0}
    world.run()
    world.adopt(replace(slo("one", "a"), window=Window(600)))
    assert world.level("p/one") is Level.CRITICAL
    assert "p/two" not in world.board.current.slos
    assert set(world.store.states()) == {"p/one"}
    assert world.store.transitions("p/two")[0].reason is TransitionReason.REMOVED


def test_an_slo_removed_while_the_daemon_was_down_is_told_as_over_at_the_start(world: World) -> None:
    world.errors["b"] = 9_000.0
    world.run()
    World(slo("one", "a"), store=world.store)
    assert set(world.store.states()) == {"p/one"}
    assert world.store.transitions("p/two")[0].reason is TransitionReason.REMOVED


def test_a_bug_in_one_slo_does_not_take_the_others_along(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    does = {
        "kind": "broken",
        "asks": lambda *_: {},
        "proof_of": lambda *_: "",
        "probes": tuple,
        "measure": lambda *_: 1 / 0,
    }
    broken = type("Broken", (), does)
    world.adopt(slo("one", "a"), replace(slo("two", "b"), indicator=broken()))
    world.run()
    assert world.view("p/one").data_state is DataState.OK
    assert world.view("p/two").evaluation.reason is FailReason.INTERNAL  # type: ignore[union-attr]
    assert world.told.total("failed") == 1


def test_a_bug_in_what_one_slo_sees_does_not_take_the_others_along(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seeing(entry: Entry, *given: object) -> Seen:
        return see(entry, *given) if entry.slo.name == "one" else 1 / 0  # type: ignore[arg-type,return-value]

    monkeypatch.setattr("slo_daemon.workflows.look.see", seeing)
    world.run(slots=2)
    assert world.view("p/one").data_state is DataState.OK
    evaluation = world.view("p/two").evaluation
    assert evaluation is not None
    assert (evaluation.reason, evaluation.met) == (FailReason.INTERNAL, None)
    assert "please report it" in evaluation.detail
    assert world.told.total("failed") == 2


def test_a_group_without_samples_is_held_and_forgotten_after_a_day() -> None:
    world = World(slo("by-service", "a"))
    indicator = Ratio(parse_selector('r{code="500"}'), parse_selector("r"), counts_good=False, as_good=True)
    grouped = replace(slo("grouped"), indicator=indicator, group_by=("service",), forget_after=3600)

    def script(promql: str, at: float) -> list[Sample]:
        if "timestamp(" in promql:
            return []
        left = [(("service", name),) for name in ("a", "b") if name not in world.gone]
        return [row for labels in left for row in split_rows(0.0, 1_000_000.0, labels)]

    world.source.script = script
    world.adopt(grouped)
    assert set(world.run().slos) == {'p/grouped{service="a"}', 'p/grouped{service="b"}'}
    world.gone.add("b")
    world.run()
    assert world.view('p/grouped{service="b"}').data_state is DataState.NO_DATA
    world.run(slots=59)
    assert 'p/grouped{service="b"}' in world.board.current.slos
    world.run(slots=2)
    assert set(world.board.current.slos) == {'p/grouped{service="a"}'}
    assert set(world.store.states()) == {'p/grouped{service="a"}'}


def test_a_slot_that_is_cut_short_by_a_stop_judges_nothing(world: World) -> None:
    before = world.run()
    world.asker.stop()
    assert world.run() is before


def test_a_slow_answer_to_the_time_is_no_clock_skew(world: World) -> None:
    """The source read its clock seven seconds ago, but ours has not run away."""
    told = world.source.server_time

    def slowly(deadline: float) -> float:
        server = told(deadline)
        world.clock.time += 7.0
        return server

    world.source.server_time = slowly  # type: ignore[method-assign]
    source = world.run().source
    assert source is not None
    assert (source.up, source.skew) == (True, 0.0)
    assert world.told.named("clock_skew") == [(0.0,)]


@pytest.mark.parametrize("offset", [-6.0, 6.0])
def test_a_clock_that_differs_by_more_than_five_seconds_is_a_skew(world: World, offset: float) -> None:
    world.source.clock += offset
    source = world.run().source
    assert source is not None
    assert (source.up, source.reason, source.skew) == (False, "clock_skew", offset)


@pytest.mark.parametrize("reason", [FailReason.TIMEOUT, FailReason.PARTIAL, FailReason.NOT_READY])
def test_a_source_that_tells_the_time_and_answers_nothing_is_one_fault(reason: FailReason) -> None:
    world = World(slo("one", "a"), slo("two", "b"))
    world.errors["a"] = 9_000.0
    world.run()
    world.source.script = lambda _promql, _at: SourceError(reason, "no answer")
    snapshot = world.run(slots=90)
    assert snapshot.source is not None
    assert (snapshot.source.up, snapshot.source.reason) == (False, reason.value)
    assert "answers no question" in snapshot.source.detail
    assert (world.level("p/one"), world.level("p/two")) == (Level.CRITICAL, Level.NONE)
    assert world.told.calls[-1][0] == "heartbeat"
    assert [kwargs["up"] for name, _, kwargs in world.told.calls if name == "source_up"][-1] is False


@pytest.mark.parametrize("reason", [FailReason.EXECUTION, FailReason.BAD_QUERY, FailReason.TOO_LARGE])
def test_questions_that_cannot_be_answered_are_no_fault_of_the_source(reason: FailReason) -> None:
    world = World(slo("one", "a"))
    world.source.script = lambda _promql, _at: SourceError(reason, "many-to-many", permanent=True)
    snapshot = world.run(slots=16)
    assert snapshot.source is not None
    assert snapshot.source.up
    assert world.level("p/one") is Level.WARNING


def test_what_is_owed_is_stored_before_the_store_is_closed(world: World) -> None:
    world.store.failure = StoreError("locked", "another process writes")
    world.errors["a"] = 9_000.0
    world.run()
    world.evaluator.settle()  # still down: nothing happens
    world.store.failure = None
    world.evaluator.settle()
    assert world.store.states()["p/one"].level is Level.CRITICAL
    assert [t.after for t in world.store.undelivered("am")] == [Level.CRITICAL]


def test_a_crash_while_the_source_is_down_is_no_missing_data(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo_daemon.workflows.evaluate.evaluate", lambda *_: 1 / 0)
    world.source.outage = SourceError(FailReason.CONNECT, "connection refused")
    world.run(slots=90)
    assert world.level("p/one") is Level.NONE


def test_a_removal_that_could_not_be_stored_survives_that_the_slo_comes_back(world: World) -> None:
    world.errors["b"] = 9_000.0
    world.run()
    world.store.failure = StoreError("full", "no space left on device")
    world.clock.time -= 30.0  # half way between two slots
    world.adopt(slo("one", "a"))
    world.adopt(slo("one", "a"), slo("two", "b"))
    world.clock.time += 30.0
    assert world.level("p/two") is Level.NONE
    world.run()
    assert world.level("p/two") is Level.CRITICAL
    world.store.failure = None
    world.run()
    assert [(t.before, t.after) for t in reversed(world.store.transitions("p/two"))] == [
        (Level.NONE, Level.CRITICAL),
        (Level.CRITICAL, Level.NONE),
        (Level.NONE, Level.CRITICAL),
    ]
    assert len(world.store.undelivered("am")) == 3
    assert world.store.states()["p/two"].level is Level.CRITICAL


def test_a_renamed_slo_ends_the_old_one_and_begins_anew(world: World) -> None:
    world.errors["a"] = 9_000.0
    world.run()
    world.adopt(slo("uno", "a"), slo("two", "b"))
    assert world.level("p/uno") is Level.NONE
    world.run()
    assert (world.level("p/uno"), list(world.board.current.slos)) == (Level.CRITICAL, ["p/uno", "p/two"])
    assert [t.slo_id for t in world.store.undelivered("am")] == ["p/one", "p/one", "p/uno"]


def test_a_clock_that_is_set_back_with_the_sources_loses_no_level_and_no_transition(world: World) -> None:
    world.run(slots=3)
    world.clock.time -= 2 * 3600.0
    world.source.clock = world.clock.time
    world.errors["a"] = 9_000.0
    world.run()
    assert world.level("p/one") is Level.CRITICAL
    assert world.store.states()["p/one"].level is Level.CRITICAL
    assert len(world.store.undelivered("am")) == 1


def test_a_reload_during_a_slot_waits_and_its_specification_stays(world: World) -> None:
    asked, go_on, adopted = Event(), Event(), Event()
    answer = world._answer

    def script(promql: str, at: float) -> list[Sample]:
        asked.set()
        assert go_on.wait(10)
        return answer(promql, at)

    def reload() -> None:
        world.adopt(slo("one", "a"), slo("three", "b"))
        adopted.set()

    world.source.script = script
    slot, reloading = Thread(target=world.run), Thread(target=reload)
    slot.start()
    assert asked.wait(10)
    reloading.start()
    assert not adopted.wait(0.1)
    go_on.set()
    slot.join()
    reloading.join()
    assert list(world.board.current.slos) == ["p/one", "p/three"]
    assert world.view("p/one").evaluation is not None
    assert world.store.transitions("p/two")[0].reason is TransitionReason.REMOVED
    assert set(world.run().slos) == {"p/one", "p/three"}
    assert set(world.store.states()) == {"p/one", "p/three"}
