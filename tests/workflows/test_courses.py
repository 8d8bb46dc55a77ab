"""Courses of SLOs from the ledger: by hour, by day, and how a budget was spent; with gaps where nothing was seen."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from slo_daemon.core.pilot.records import NewFeedback, NewIncident, Severity
from slo_daemon.core.quantity import UNITS
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.course import Course, DaySeen, course, gather
from slo_daemon.core.slo.sli import Raw
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Window
from slo_daemon.core.snapshot import Snapshot, Specification
from slo_daemon.ports import Act, StoreError
from slo_daemon.workflows.courses import CourseReader
from tests.factories import plain_pilot
from tests.workflows.test_streaks import DAY, HOUR, NOON, A, PastWorld, ago
from tests.workflows.world import EVERY, INTERVAL

MIDNIGHT = NOON - NOON % DAY
WEEK = BudgetPolicy(Window(7 * DAY), BudgetMethod.OCCURRENCES, 0.999)
BUDGETED = replace(A, budget=WEEK)
SLICED = replace(A, budget=replace(WEEK, method=BudgetMethod.TIMESLICES, target=0.99))


class CourseWorld(PastWorld):
    """A world with one SLO and a filled past."""

    def __init__(self, bad: object, slo: Slo = BUDGETED, **more: object) -> None:
        self.slo = slo
        super().__init__(bad, **more)  # type: ignore[arg-type]
        self.run()
        self.fill()
        self.pass_time(300 - INTERVAL)
        self.run()

    def adopt(self, *slos: Slo, states: object = None) -> None:
        self.evaluator.adopt(Specification((self.slo,), (), "h"), {})

    @property
    def at(self) -> float:
        slot = self.board.current.slot
        assert slot is not None
        return slot.time

    def course(self, since: float = NOON - 6 * DAY) -> Course:
        view = self.view(self.slo.id)
        with self.history.sight(self.at) as sight:
            seen = gather(self.history.entries[self.slo.id], (), sight, since)
        return course(seen, view.evaluation.budget if view.evaluation else None)


def steady(_: float) -> float:
    return 500.0  # of a million: half of what is allowed


def test_every_hour_has_the_value_of_its_own_events() -> None:
    def worse(at: float) -> float:
        return 3_000.0 if ago(10) < at <= ago(9) else 500.0

    hours = {hour.end: hour for hour in CourseWorld(worse).course().hours}
    assert hours[ago(9)].value == pytest.approx(0.997)
    assert hours[ago(8)].value == pytest.approx(0.9995)
    assert hours[ago(8)].coverage == 1.0


def test_an_hour_without_samples_is_a_gap_and_no_zero() -> None:
    def gone(at: float) -> float | None:
        return None if ago(10) < at <= ago(8) else 500.0

    hours = {hour.end: hour for hour in CourseWorld(gone).course().hours}
    assert [hours[ago(n)].value for n in (9, 8)] == [None, None]
    assert [hours[ago(n)].coverage for n in (9, 8)] == [0.0, 0.0]
    assert hours[ago(7)].value == pytest.approx(0.9995)


def test_the_latest_hour_is_as_much_of_it_as_there_has_been() -> None:
    world = CourseWorld(steady)
    latest = world.course().hours[-1]
    assert latest.end == world.at
    assert latest.value == pytest.approx(0.9995)
    assert latest.coverage == pytest.approx(1.0)


@pytest.mark.parametrize("seconds", [0.0, 60.0, 240.0])
def test_what_no_cell_can_hold_yet_is_not_missing(seconds: float) -> None:
    world = CourseWorld(steady)
    world.pass_time(seconds)
    world.run()
    found = world.course()
    assert (found.days[-1].met, found.days[-1].coverage) == (True, 1.0)
    assert found.hours[-1].coverage == 1.0
    assert found.spent[-1].at == world.at
    assert found.spent[-1].sure


def test_a_day_is_judged_by_all_of_its_events() -> None:
    def worse(at: float) -> float:
        return 5_000.0 if MIDNIGHT - 2 * DAY < at <= MIDNIGHT - 2 * DAY + 6 * HOUR else 500.0

    days = {day.start: day for day in CourseWorld(worse).course().days}
    bad = days[MIDNIGHT - 2 * DAY]
    assert (bad.met, bad.coverage) == (False, 1.0)
    assert bad.value == pytest.approx(1.0 - (5_000 * 6 + 500 * 18) / 24e6)
    assert bad.total == pytest.approx(288 * EVERY)
    assert days[MIDNIGHT - DAY].met is True


def test_a_day_of_which_much_was_not_seen_says_how_much() -> None:
    def gone(at: float) -> float | None:
        return None if MIDNIGHT - DAY < at <= MIDNIGHT - 12 * HOUR else 500.0

    day = next(day for day in CourseWorld(gone).course().days if day.start == MIDNIGHT - DAY)
    assert (day.met, day.coverage) == (None, pytest.approx(0.5))


def sliced_day(bad: Callable[[float], float | None]) -> DaySeen:
    """Yesterday of a kind that has no value over a day; 99 % of its slices must meet."""
    world = CourseWorld(bad, SLICED)
    entry = world.history.entries[SLICED.id]
    raw = replace(SLICED, indicator=Raw("up", UNITS[""], ()))
    with world.history.sight(world.at) as sight:
        seen = gather(replace(entry, slo=raw, asks={}, keys={}, proof=""), (), sight, NOON - 6 * DAY)
    return next(day for day in course(seen, None).days if day.start == MIDNIGHT - DAY)


@pytest.mark.parametrize(
    ("bad_hours", "seen_hours", "met"),
    [(0, 24, True), (1, 24, False), (0, 6, None), (1, 2, False)],
    ids=[
        "all good",
        "an hour bad",
        "a good quarter says nothing of the rest",
        "too many bad whatever the rest was",
    ],
)
def test_a_day_of_slices_is_judged_by_what_they_prove(
    bad_hours: int, seen_hours: int, met: bool | None
) -> None:
    def day(at: float) -> float | None:
        if not MIDNIGHT - DAY < at <= MIDNIGHT:
            return 500.0
        since = at - (MIDNIGHT - DAY)
        return None if since > seen_hours * HOUR else 20_000.0 if since <= bad_hours * HOUR else 500.0

    found = sliced_day(day)
    assert (found.met, found.coverage) == (met, pytest.approx(seen_hours / 24))


def test_one_bad_slice_of_a_day_that_was_hardly_seen_proves_nothing() -> None:
    def day(at: float) -> float | None:
        if not MIDNIGHT - DAY < at <= MIDNIGHT:
            return 500.0
        since = at - (MIDNIGHT - DAY)
        return None if since > HOUR else 20_000.0 if since <= 300 else 500.0

    found = sliced_day(day)
    assert found.coverage == pytest.approx(1 / 24)
    assert found.met is None


def test_days_before_the_first_that_was_seen_are_not_told() -> None:
    def young(at: float) -> float | None:
        return 500.0 if at > MIDNIGHT - DAY else None

    assert [day.start for day in CourseWorld(young).course().days] == [MIDNIGHT - DAY, MIDNIGHT]


def test_a_day_without_traffic_is_neither_met_nor_missed() -> None:
    days = CourseWorld(lambda _: 0.0, every=0.0).course().days
    assert {(day.met, day.value) for day in days} == {(None, None)}


@pytest.mark.parametrize("slo", [BUDGETED, SLICED], ids=["occurrences", "timeslices"])
def test_a_budget_is_spent_where_things_went_wrong_and_ends_at_what_is_left(slo: Slo) -> None:
    def outage(at: float) -> float:
        return 20_000.0 if ago(50) < at <= ago(48) else 0.0

    world = CourseWorld(outage, slo)
    evaluation = world.view(slo.id).evaluation
    assert evaluation is not None
    assert evaluation.budget is not None
    left = evaluation.budget.remaining
    spent = world.course(NOON - 8 * DAY).spent
    assert spent[-1].left == left
    assert left is not None
    assert left < 1.0
    assert {one.left for one in spent if one.at <= ago(50) and one.left is not None} == {1.0}
    after = [one.left for one in spent if one.at >= ago(47)]
    assert after == pytest.approx([left] * len(after))
    assert len(spent) <= 242


def test_what_was_not_seen_of_a_budget_is_a_gap() -> None:
    def gone(at: float) -> float | None:
        return None if ago(60) < at <= ago(40) else 1_500.0

    spent = CourseWorld(gone).course(NOON - 8 * DAY).spent
    assert {one.left for one in spent if ago(58) < one.at <= ago(41)} == {None}
    known = [one.left for one in spent if one.left is not None]
    assert known == sorted(known, reverse=True)


def test_without_a_budget_nothing_is_spent_and_only_what_is_kept_is_told() -> None:
    found = CourseWorld(steady, A).course()
    assert found.spent == ()
    assert {hour.value for hour in found.hours if hour.end < NOON - 5 * HOUR} == {None}


def test_nothing_is_told_of_what_was_never_seen() -> None:
    assert CourseWorld(lambda _: None).course() == Course()


class Read:
    """A reader over a world, and a pilot that has the world's SLO."""

    def __init__(self) -> None:
        self.world = CourseWorld(steady)
        self.pilot = replace(plain_pilot(), name=BUDGETED.pilot, slos=(BUDGETED,))
        self.reader = CourseReader(self.world.history, self.world.store, self.world.told)

    @property
    def snapshot(self) -> Snapshot:
        return self.world.board.current


def test_a_reader_brings_courses_opinions_and_incidents_together() -> None:
    read = Read()
    store, pilot, at = read.world.store, read.pilot.name, read.world.at
    store.record_incident(NewIncident(pilot, "down", Severity.CRITICAL, "", at - 60), Act("a", at))
    store.record_incident(NewIncident(pilot, "later", Severity.INFO, "", at + 60), Act("a", at))
    store.record_feedback(NewFeedback(pilot, "u", 4, "", at - 60, {}), Act("a", at))
    found = read.reader.read(read.pilot, read.snapshot, at)
    assert list(found.slos) == [BUDGETED.id]
    assert found.slos[BUDGETED.id].days
    assert [(one.at, one.satisfaction.mean) for one in found.opinions][-1] == (at, 4.0)
    assert [one.title for one in found.incidents] == ["down"]


def test_a_reader_asks_the_source_nothing() -> None:
    read = Read()
    before = len(read.world.source.asked)
    read.reader.read(read.pilot, read.snapshot, read.world.at)
    assert len(read.world.source.asked) == before


def test_without_a_store_the_ledger_still_tells_its_part() -> None:
    read = Read()
    read.world.store.failure = StoreError("io", "disk gone")
    found = read.reader.read(read.pilot, read.snapshot, read.world.at)
    assert found.slos
    assert (found.opinions, found.incidents) == ((), ())


def test_before_the_first_slot_there_is_no_course() -> None:
    read = Read()
    assert read.reader.read(read.pilot, replace(read.snapshot, slot=None), read.world.at).slos == {}


def test_a_reader_tells_the_course_of_one_slo_without_a_pilot() -> None:
    read = Read()
    (view,) = read.snapshot.slos.values()
    found = read.reader.one(view, read.world.at)
    assert found is not None
    assert found.days
    assert found.spent


def test_a_reader_knows_no_course_of_an_slo_that_is_not_kept() -> None:
    read = Read()
    (view,) = read.snapshot.slos.values()
    gone = replace(view, instance=replace(view.instance, slo=replace(view.instance.slo, name="gone")))
    assert read.reader.one(gone, read.world.at) is None
