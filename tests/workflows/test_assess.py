"""Assessing: what people told and what was measured meet, and a broken store never makes a pilot ready."""

from dataclasses import replace
from threading import Event, Thread

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.records import NewFeedback, NewIncident, Records, RecordsQuery, Severity
from slo_daemon.core.pilot.verdict import Verdict
from slo_daemon.core.snapshot import Snapshot, Specification
from slo_daemon.ports import Act, StoreError
from slo_daemon.workflows.assess import Assessor
from slo_daemon.workflows.board import Board
from tests.factories import DAY, NOW, SLOT, healthy_readings, plain_pilot, seed_slos, view
from tests.telling import Told

PLAIN = plain_pilot()
OTHER = replace(plain_pilot(seed_slos("other")), name="other")


class World:
    """A board with healthy SLOs, a store in memory, and an assessor."""

    def __init__(self, *pilots: Pilot, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.told = Told()
        slos = tuple(slo for pilot in pilots for slo in pilot.slos)
        views = [view(slo, healthy_readings(slo)) for slo in slos]
        self.board = Board(
            Snapshot(Specification(slos, pilots, "h"), SLOT, None, {v.instance.id: v for v in views})
        )
        self.assessor = Assessor(self.store, self.board, self.told)

    def incident(self, severity: Severity, age: float = 0.0, pilot: str = "plain") -> None:
        reported = NewIncident(pilot, "down", severity, "", NOW - age)
        self.store.record_incident(reported, Act("somebody", NOW))

    def verdict(self, pilot: str = "plain", at: float = NOW) -> Verdict:
        return self.assessor.assess_all(at).assessments[pilot].verdict


def test_an_assessment_is_shown_on_the_board() -> None:
    world = World(PLAIN, OTHER)
    snapshot = world.assessor.assess_all(NOW)
    assert world.board.current is snapshot
    assert {name: a.verdict for name, a in snapshot.assessments.items()} == {
        "plain": Verdict.READY,
        "other": Verdict.READY,
    }


def test_a_recorded_incident_changes_the_next_verdict_of_its_own_pilot_only() -> None:
    world = World(PLAIN, OTHER)
    world.incident(Severity.CRITICAL, age=30 * DAY)
    assert world.verdict("plain") is Verdict.NOT_READY
    assert world.verdict("other") is Verdict.READY


def test_incidents_of_the_last_seven_days_are_counted_from_the_time_of_the_assessment() -> None:
    world = World(PLAIN)
    for _ in range(6):
        world.incident(Severity.INFO, age=6 * DAY)
    assert world.assessor.assess_all(NOW).assessments["plain"].warnings == (
        "many incidents: 6 in the last 7 days",
    )
    assert world.assessor.assess_all(NOW + 2 * DAY).assessments["plain"].warnings == ()


def test_ratings_are_read_from_the_store() -> None:
    world = World(PLAIN)
    for i in range(30):
        rating = NewFeedback("plain", f"user{i}", 2, "", NOW, {})
        world.store.record_feedback(rating, Act("somebody", NOW))
    assert world.verdict() is Verdict.NOT_READY


def test_an_unreadable_store_is_inconclusive_and_never_ready() -> None:
    world = World(PLAIN)
    assert world.verdict() is Verdict.READY
    world.store.failure = StoreError("io", "disk gone")
    assessment = world.assessor.assess_all(NOW).assessments["plain"]
    assert (assessment.verdict, assessment.advice) == (Verdict.INCONCLUSIVE, Advice.HOLD)
    assert "store_unavailable" in {finding.reason for finding in assessment.findings}
    assert world.told.named("store_failed") == [("io",)]
    world.store.failure = None
    assert world.verdict() is Verdict.READY


def test_evaluations_of_a_stopped_daemon_grow_too_old_to_be_ready() -> None:
    world = World(PLAIN)
    assert world.verdict(at=NOW + 60) is Verdict.READY
    assert world.verdict(at=NOW + 3600) is Verdict.INCONCLUSIVE


def test_slos_without_a_pilot_are_not_assessed() -> None:
    world = World()
    assert world.assessor.assess_all(NOW).assessments == {}


class SlowStore(MemoryStore):
    """Holds its first reader back after it has read."""

    def __init__(self) -> None:
        super().__init__()
        self.reading, self.go_on = Event(), Event()
        self._first = True

    def records(self, pilot: str, query: RecordsQuery) -> Records:
        found = super().records(pilot, query)
        if self._first:
            self._first = False
            self.reading.set()
            assert self.go_on.wait(10)
        return found


def test_a_run_that_has_read_older_records_never_overwrites_a_newer_verdict() -> None:
    store = SlowStore()
    world = World(PLAIN, store=store)
    early = Thread(target=world.assessor.assess_all, args=(NOW,))
    early.start()
    assert store.reading.wait(10)
    world.incident(Severity.CRITICAL)
    late = Thread(target=world.assessor.assess_all, args=(NOW,))
    late.start()
    store.go_on.set()
    early.join(10)
    late.join(10)
    assert world.board.current.assessments["plain"].verdict is Verdict.NOT_READY


def test_a_pilot_that_comes_while_records_are_read_waits_for_the_next_run() -> None:
    store = SlowStore()
    world = World(PLAIN, store=store)
    run = Thread(target=world.assessor.assess_all, args=(NOW,))
    run.start()
    assert store.reading.wait(10)
    world.board.change(lambda now: replace(now, specification=Specification((), (PLAIN, OTHER), "h2")))
    store.go_on.set()
    run.join(10)
    assert set(world.board.current.assessments) == {"plain"}
    assert set(world.assessor.assess_all(NOW).assessments) == {"plain", "other"}
