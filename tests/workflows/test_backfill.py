"""Backfill: what is missing is asked, the newest first, in pieces that a server takes, and nothing else waits for it."""

from collections.abc import Callable
from threading import Event

import pytest

from slo_daemon.core.quantity import parse_quantity
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.chunks import CELL, HOUR
from slo_daemon.core.slo.objective import Direction, Objective
from slo_daemon.core.slo.query import FailReason, Sample
from slo_daemon.core.slo.selector import parse_raw, parse_selector
from slo_daemon.core.slo.sli import Gauge, Ratio, Raw
from slo_daemon.core.slo.sli.gauge import Aggregate
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Window
from slo_daemon.ports import MOST_POINTS, SourceError
from slo_daemon.workflows.backfill import Backfiller, Progress
from tests.workflows.truth import APART, DAY, MONTH, START, TrueWorld, about, over

LATER = START + 10 * HOUR + 25 * 60 + 60  # not on the 5-minute grid
SLICED = BudgetPolicy(Window(7 * DAY), BudgetMethod.TIMESLICES, 0.99)
RATIO = parse_quantity("0.5ratio").unit
OTHER = Ratio(parse_selector('q{code="500"}'), parse_selector("q"), counts_good=False, as_good=True)


def refuse(reason: FailReason, *, permanent: bool = False) -> SourceError:
    return SourceError(reason, "said by the source", permanent=permanent)


def wait_for(what: Callable[[], object]) -> None:
    for _ in range(1_000):
        if what():
            return
        Event().wait(0.01)
    raise AssertionError("not within 10 s")


def steps(world: TrueWorld) -> int:
    """How many pieces it takes until nothing is missing that can be had now."""
    for count in range(500):
        if not world.backfiller.once(world.clock.time):
            return count
    raise AssertionError("it never ends")


def test_the_cells_of_the_last_hours_come_first_then_the_past_from_its_newest_hour_on() -> None:
    world = TrueWorld(over(30 * DAY, budget=MONTH), at=LATER)
    world.fill()
    asked = world.ranges()
    cells, hours = about(asked, CELL), about(asked, HOUR)
    assert len(cells[0]) == 36  # three hours
    assert sum(len(times) for times in cells) == 26 * 12  # the rest of a day comes last of all
    assert asked[0][1] == cells[0]
    assert cells[0][-1] == LATER - 60
    newest = [times[-1] for times in hours]
    assert newest[0] == START + 10 * HOUR
    assert newest == sorted(newest, reverse=True)
    together = sorted(time for times in hours for time in times)
    assert together == list(range(int(together[0]), START + 11 * HOUR, HOUR))  # each hour once
    assert together[0] <= LATER - 30 * DAY


def test_no_question_is_about_more_points_or_days_than_a_server_takes() -> None:
    year = BudgetPolicy(Window(366 * DAY), BudgetMethod.OCCURRENCES, 0.999)
    world = TrueWorld(over(DAY, budget=year), over(300, "sliced", APART, budget=SLICED), at=LATER)
    world.fill()
    asked = world.ranges()
    assert all(len(times) <= MOST_POINTS for _, times in asked)
    assert all(times[-1] - times[0] < 7 * DAY for _, times in asked)


def test_the_progress_is_told() -> None:
    world, told = TrueWorld(over(30 * DAY, budget=MONTH), at=LATER), list[Progress]()
    world.backfiller.fill(world.clock.time, told.append)
    assert told[0].there == 0
    assert told[-1].missing == 0
    assert [one.missing for one in told] == sorted((one.missing for one in told), reverse=True)
    assert world.told.named("backfill_missing")[-1] == (0,)


def test_a_gap_of_downtime_is_one_question_for_each_query() -> None:
    world = TrueWorld(over(HOUR), over(HOUR, "apart", APART), at=LATER)
    world.fill()
    world.run(slots=10)
    world.pass_time(40 * 60.0)
    world.ranges()
    world.fill()
    asked = world.ranges()
    assert sorted({promql for promql, _ in asked}) == sorted(promql for promql, _ in asked)
    assert [len(times) for times in about(asked, CELL)] == [8] * 3  # bad and total in one; bad; total
    world.run()
    assert world.evaluation().value == pytest.approx(world.truly(HOUR), rel=1e-4)
    assert world.evaluation().coverage == 1.0


def test_what_is_there_is_not_asked_again() -> None:
    world = TrueWorld(over(30 * DAY, budget=MONTH), at=LATER)
    world.fill()
    world.ranges()
    assert not world.backfiller.once(world.clock.time)
    assert world.backfiller.idle
    assert world.ranges() == []


@pytest.mark.parametrize("reason", [FailReason.TOO_LARGE, FailReason.EXECUTION, FailReason.TIMEOUT])
def test_what_is_too_much_is_asked_in_halves(reason: FailReason) -> None:
    """An hour of 10,000 series takes a minute; a week of them more than a server holds."""

    def ranges(_promql: str, start: float, end: float, _step: float) -> SourceError | None:
        return refuse(reason) if end - start >= 10 * HOUR else None

    world = TrueWorld(over(7 * DAY), at=LATER)
    world.source.ranges = ranges
    steps(world)
    asked = [len(times) for times in about(world.ranges(), HOUR)]
    assert asked[1] > asked[2] > asked[3] > asked[4]
    assert asked[1] // asked[2] == 2
    assert set(asked[6:]) == {asked[6]}  # it has learned
    world.run()
    assert world.evaluation().coverage == 1.0


@pytest.mark.parametrize(
    "error",
    [
        refuse(FailReason.BAD_QUERY, permanent=True),
        refuse(FailReason.EXECUTION, permanent=True),
        refuse(FailReason.TIMEOUT),
        refuse(FailReason.TOO_LARGE),
        refuse(FailReason.BAD_BODY),
    ],
    ids=lambda error: error.reason.value,
)
def test_a_query_that_always_fails_holds_up_no_other(error: SourceError) -> None:
    bad = over(DAY, "bad", OTHER)
    world = TrueWorld(bad, over(DAY), at=LATER)
    world.fails["(q["] = error
    assert steps(world) < 40
    world.run()
    assert world.evaluation().coverage == 1.0
    assert world.evaluation().value == pytest.approx(world.truly(DAY), rel=1e-4)
    assert world.evaluation("p/bad").met is None
    assert any("(q[" in name for name in world.backfiller.refused)


def test_a_query_that_failed_for_a_while_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = TrueWorld(over(DAY, indicator=OTHER), at=LATER)
    world.fails["(q["] = refuse(FailReason.EXECUTION, permanent=True)
    steps(world)
    del world.fails["(q["]
    assert steps(world) == 0  # not yet
    now = [1e9]
    monkeypatch.setattr("slo_daemon.workflows.aside.monotonic", lambda: now[0])
    assert steps(world) > 0
    world.run()
    assert world.evaluation().coverage == 1.0
    assert world.backfiller.refused == ()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_one_odd_number_in_the_past_is_not_seen_and_stops_nothing(value: float) -> None:
    """Asking again would bring it again."""
    gauge = Gauge(parse_selector("g"), Aggregate.MAXIMUM, RATIO)
    objective = Objective(Direction.AT_MOST, parse_quantity("80%"))
    slo = Slo("p", "s", gauge, objective, Window(6 * HOUR))
    world = TrueWorld(slo, at=LATER)
    odd = START + 8 * HOUR

    def script(promql: str, at: float) -> list[Sample]:
        return [] if "timestamp(" in promql else [Sample((), value if at == odd else 0.5)]

    world.source.script = script
    assert steps(world) < 20
    world.run()
    evaluation = world.evaluation()
    assert (evaluation.value, evaluation.met) == (0.5, True)
    assert evaluation.coverage == pytest.approx(5 / 6, abs=0.01)


def test_an_answer_that_cannot_be_understood_is_not_asked_for_again_and_again() -> None:
    """A raw query that gives two rows; a proxy that adds a label."""
    expression = "rate(r[$window])"
    raw = Slo(
        "p",
        "raw",
        Raw(expression, parse_quantity("1/s").unit, parse_raw(expression)),
        Objective(Direction.AT_LEAST, parse_quantity("1/s")),
        Window(300),
    )
    world = TrueWorld(raw, over(HOUR), at=LATER)
    world.fails["rate(r["] = [Sample((("pod", pod),), 1.0) for pod in "ab"]
    assert steps(world) < 20
    world.run()
    assert world.evaluation("p/raw").reason.value == "shape"
    assert world.evaluation().coverage == 1.0


def test_of_a_group_of_questions_only_the_one_with_the_odd_answer_is_given_up() -> None:
    def script(promql: str, _at: float) -> list[Sample]:
        return (
            []
            if "timestamp(" in promql
            else [
                Sample((("service", "a"),), 5.0),
                Sample((("service", "a"), ("zone", "x")), 5.0),
                Sample((("service", "b"),), 7.0),
            ]
        )

    gauges = [
        Slo(
            "p",
            service,
            Gauge(parse_selector(f'g{{service="{service}"}}'), Aggregate.MAXIMUM, parse_quantity("1").unit),
            Objective(Direction.AT_MOST, parse_quantity("9")),
            Window(2 * HOUR),
        )
        for service in "ab"
    ]
    world = TrueWorld(*gauges, at=LATER)
    world.source.script = script
    assert steps(world) < 20
    world.run()
    assert world.evaluation("p/a").reason.value == "shape"
    assert (world.evaluation("p/b").value, world.evaluation("p/b").coverage) == (7.0, 1.0)


def test_a_dead_source_is_raised_and_is_no_fault_of_a_query() -> None:
    world = TrueWorld(over(DAY), at=LATER)
    world.source.outage = refuse(FailReason.CONNECT)
    with pytest.raises(SourceError):
        world.backfiller.once(world.clock.time)
    assert world.backfiller.refused == ()
    world.source.outage = None
    world.fill()
    world.run()
    assert world.evaluation().coverage == 1.0


def test_another_specification_makes_a_new_start_for_what_was_given_up() -> None:
    world = TrueWorld(over(DAY, indicator=OTHER), at=LATER)
    world.fails["(q["] = refuse(FailReason.BAD_QUERY, permanent=True)
    steps(world)
    world.fails.clear()
    world.adopt(over(DAY, indicator=OTHER), over(HOUR, "more"))
    world.fill()
    world.run()
    assert world.evaluation().coverage == 1.0


class Background:
    """A backfiller at work in its thread."""

    def __init__(self, world: TrueWorld, busy: Callable[[], bool] = lambda: False) -> None:
        self.filler = Backfiller(world.asker, world.history, world.clock, world.told, busy)

    def __enter__(self) -> Backfiller:
        self.filler.start()
        return self.filler

    def __exit__(self, *_: object) -> None:
        self.filler.stop(10.0)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_PAUSE_AFTER_FAILURE", "LOOK_EVERY", "BUSY_PAUSE"):
        monkeypatch.setattr(f"slo_daemon.workflows.backfill.{name}", 0.01)


@pytest.mark.usefixtures("no_pauses")
def test_a_source_that_is_down_for_a_while_is_asked_again_and_slots_go_on_meanwhile() -> None:
    world, tries = TrueWorld(over(DAY), at=LATER), 0

    def ranges(_promql: str, _start: float, _end: float, _step: float) -> SourceError | None:
        nonlocal tries
        tries += 1
        return refuse(FailReason.CONNECT) if tries < 5 else None

    world.source.ranges = ranges
    with Background(world) as filler:
        wait_for(lambda: tries)
        world.run(slots=3)
        wait_for(lambda: filler.idle and tries >= 5)
    world.run()
    assert world.evaluation().coverage == 1.0


def test_a_bug_in_one_question_keeps_no_other_from_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    world, crashes = TrueWorld(over(DAY, "odd", APART), over(DAY), at=LATER), 2
    take = world.history.take_hours

    def crashing(*given: object) -> object:
        nonlocal crashes
        crashes -= 1
        return take(*given) if crashes < 0 else 1 / 0  # type: ignore[arg-type]

    monkeypatch.setattr(world.history, "take_hours", crashing)
    steps(world)
    now = [1e9]
    monkeypatch.setattr("slo_daemon.workflows.aside.monotonic", lambda: now[0])
    steps(world)
    world.run()
    assert (world.evaluation().coverage, world.evaluation("p/odd").coverage) == (1.0, 1.0)


@pytest.mark.usefixtures("no_pauses")
def test_while_a_slot_is_evaluated_nothing_is_asked_in_the_background() -> None:
    world, busy = TrueWorld(over(DAY), at=LATER), True
    with Background(world, lambda: busy) as filler:
        Event().wait(0.2)
        assert world.source.asked_ranges == []
        busy = False
        wait_for(lambda: filler.idle)


@pytest.mark.usefixtures("no_pauses")
def test_a_stop_ends_it_between_two_questions() -> None:
    world, go_on, asked = TrueWorld(over(30 * DAY, budget=MONTH), at=LATER), Event(), Event()

    def ranges(_promql: str, _start: float, _end: float, _step: float) -> None:
        asked.set()
        assert go_on.wait(10)

    world.source.ranges = ranges
    with Background(world) as filler:
        assert asked.wait(10)
        filler.stop(0.01)
        go_on.set()
    assert len(world.source.asked_ranges) == 1
