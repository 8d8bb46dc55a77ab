"""History: what was counted is stored, is there again after a restart, and is never taken for more than was seen."""

from dataclasses import replace
from threading import Event, Thread

import pytest

from slo_daemon.core.quantity import parse_quantity
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy, BudgetState
from slo_daemon.core.slo.chunks import CELL, HOUR
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Direction, Level, Objective
from slo_daemon.core.slo.query import FailReason, Sample
from slo_daemon.core.slo.selector import parse_raw, parse_selector
from slo_daemon.core.slo.sli import Gauge, Raw
from slo_daemon.core.slo.sli.gauge import Aggregate
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Window
from slo_daemon.ports import SourceError, StoreError
from tests.workflows.truth import APART, DAY, MONTH, PAIRS, START, TOGETHER, TrueWorld, Truth, about, over

LATER = START + 10 * HOUR + 25 * 60
HALF = Objective(Direction.AT_LEAST, parse_quantity("50%"))
RATIO = parse_quantity("0.5ratio").unit
SLICED = BudgetPolicy(Window(7 * DAY), BudgetMethod.TIMESLICES, 0.99)


@pytest.mark.parametrize("indicator", [TOGETHER, APART], ids=["one question", "two questions"])
@pytest.mark.parametrize("window", [300, 1_800, HOUR, 6 * HOUR, DAY, 30 * DAY])
def test_a_filled_history_gives_every_window_its_own_events(indicator: object, window: int) -> None:
    world = TrueWorld(over(window, indicator=indicator), at=LATER)  # type: ignore[arg-type]
    world.fill()
    world.run()
    evaluation = world.evaluation()
    assert evaluation.coverage == 1.0
    assert evaluation.value == pytest.approx(world.truly(window), rel=1e-4 if window > HOUR else 1e-6)


def test_slots_of_any_phase_have_windows_that_end_at_the_slot() -> None:
    world = TrueWorld(over(HOUR), at=LATER + 120)
    for _ in range(70):
        world.run()
    assert world.evaluation().value == pytest.approx(world.truly(HOUR), rel=1e-6)


@pytest.mark.parametrize("window", [HOUR, 6 * HOUR])
def test_until_all_parts_of_a_window_are_there_it_claims_no_more_than_was_seen(window: int) -> None:
    """The total comes first, the errors later: in between nothing may look as if there had been no errors."""
    world = TrueWorld(over(window, indicator=APART), truth=Truth(), at=LATER)
    world.truth.burst = (LATER - window, LATER)
    looks = []
    while world.backfiller.once(world.clock.time):
        world.run()
        evaluation = world.evaluation()
        looks.append(evaluation.coverage)
        assert evaluation.met is not True, evaluation.detail
    assert len(looks) >= 2
    assert looks[0] is not None
    assert looks[0] < 0.95
    world.run()
    assert world.evaluation().met is False
    assert world.evaluation().coverage == 1.0


def test_a_part_that_was_not_answered_in_some_slots_is_no_zero() -> None:
    """The errors time out for a while; when they are back, the hour that they were in must not look good."""
    world = TrueWorld(over(HOUR, indicator=APART), at=LATER)
    world.truth.burst = (LATER - HOUR, LATER + 30 * 60)
    world.fill()
    world.run()
    assert world.level("p/s") is Level.CRITICAL
    world.fails["(e["] = SourceError(FailReason.TIMEOUT, "no answer within 5 s")
    world.run(slots=30)
    assert world.evaluation().data_state is DataState.ERROR
    world.fails.clear()
    world.truth.burst = (0.0, 0.0)
    world.run(slots=3)
    assert world.evaluation().coverage == pytest.approx(0.5, abs=0.1)
    assert (world.evaluation().met, world.level("p/s")) != (True, Level.NONE)


def test_a_restart_goes_on_with_windows_that_are_complete_and_asks_nothing_again() -> None:
    first = TrueWorld(over(30 * DAY, budget=MONTH, burn=PAIRS), at=LATER)
    first.fill()
    first.run(slots=7)
    again = TrueWorld(
        over(30 * DAY, budget=MONTH, burn=PAIRS), store=first.store, at=first.clock.time, truth=first.truth
    )
    again.fill()
    assert again.ranges() == []
    again.run()
    evaluation = again.evaluation()
    assert evaluation.budget is not None
    assert (evaluation.budget.state, evaluation.budget.tally.coverage) == (BudgetState.COMPLETE, 1.0)
    assert evaluation.value == pytest.approx(again.truly(30 * DAY), rel=1e-4)
    assert [rate.firing for rate in evaluation.burn_rates] == [False, False]


@pytest.mark.parametrize("seconds", [0, 1, 299, 300, 301, 3_599])
def test_at_no_moment_of_an_hour_a_restart_asks_again_for_what_is_stored(seconds: int) -> None:
    now = START + 10 * HOUR + seconds
    first = TrueWorld(over(6 * HOUR, budget=MONTH), at=now)
    first.fill()
    again = TrueWorld(over(6 * HOUR, budget=MONTH), store=first.store, at=now, truth=first.truth)
    again.fill()
    assert again.ranges() == []


def test_what_is_stored_outlives_the_source() -> None:
    """Prometheus keeps 15 days; of the days before only the store knows."""
    first = TrueWorld(over(30 * DAY, budget=MONTH), at=LATER)
    first.fill()
    first.run()
    value = first.evaluation().value
    gone = Truth()
    gone.down = [(0.0, LATER - 15 * DAY)]
    again = TrueWorld(over(30 * DAY, budget=MONTH), store=first.store, at=LATER, truth=gone)
    again.fill()
    again.run()
    assert again.evaluation().coverage == 1.0
    assert again.evaluation().value == pytest.approx(value)


def test_time_in_which_nothing_was_scraped_is_missing_and_not_without_errors() -> None:
    truth = Truth()
    truth.down = [(LATER - 20 * DAY, LATER - 5 * DAY)]
    world = TrueWorld(over(30 * DAY, budget=MONTH), at=LATER, truth=truth)
    world.fill()
    world.run()
    budget = world.evaluation().budget
    assert budget is not None
    assert budget.state is BudgetState.PARTIAL
    assert budget.tally.coverage == pytest.approx(0.5, abs=0.01)
    assert world.evaluation().coverage == budget.tally.coverage
    assert world.evaluation().value == pytest.approx(world.truly(30 * DAY), rel=1e-4)


def test_an_hour_that_its_cells_saw_in_part_was_seen_in_part() -> None:
    """The target died for 40 minutes; the hour's own answer does not tell."""
    world = TrueWorld(over(6 * HOUR), at=START + 9 * HOUR)
    world.fill()
    dies = world.clock.time + 10 * 60
    world.truth.down = [(dies, dies + 40 * 60)]
    world.run(slots=3 * 60)
    world.fill()
    world.run()
    assert world.evaluation().coverage == pytest.approx(1.0 - 40 / 360, abs=0.02)


def test_an_hour_is_closed_by_its_own_question_and_only_once_it_has_settled() -> None:
    world = TrueWorld(over(DAY), at=START + 9 * HOUR + 4 * 60)
    world.fill()
    assert max(max(times) for times in about(world.ranges(), HOUR)) == START + 8 * HOUR
    world.pass_time(59.0)
    world.fill()
    assert world.ranges() == []
    world.pass_time(1.0)
    world.fill()
    assert about(world.ranges(), HOUR) == [[START + 9 * HOUR]]
    assert not world.backfiller.once(world.clock.time)


def test_a_store_that_is_down_loses_nothing() -> None:
    world = TrueWorld(over(DAY, budget=MONTH), at=LATER)
    world.store.failure = StoreError("full", "no space left on device")
    world.fill()
    world.run(slots=20)
    assert world.evaluation().coverage == 1.0
    world.store.failure = None
    world.run(slots=8)  # what waits is written with the next cells
    again = TrueWorld(over(DAY, budget=MONTH), store=world.store, at=world.clock.time, truth=world.truth)
    again.fill()
    assert again.ranges() == []


def test_a_store_that_cannot_be_read_at_the_start_costs_only_another_backfill() -> None:
    first = TrueWorld(over(DAY), at=LATER)
    first.fill()
    again = TrueWorld(at=LATER, store=first.store)
    again.store.failure = StoreError("io", "input/output error")
    again.adopt(over(DAY))
    assert again.told.named("store_failed") == [("io",)]
    again.store.failure = None
    again.fill()
    again.run()
    assert again.evaluation().coverage == 1.0


def test_an_slo_that_comes_by_a_reload_has_a_whole_window_once_its_hours_are_there() -> None:
    """The cells of yesterday, in which its window begins, only the others have."""
    world = TrueWorld(over(6 * HOUR, "old"), at=LATER)
    world.fill()
    world.run(slots=8 * 60)
    new = over(
        6 * HOUR, "s", replace(TOGETHER, total=parse_selector("r{new=''}"), counted=parse_selector("e"))
    )
    world.adopt(over(6 * HOUR, "old"), new)
    world.fill()
    world.run()
    assert world.evaluation("p/old").coverage == 1.0
    assert world.evaluation("p/s").coverage == 1.0


def test_an_slo_that_stays_keeps_its_history_when_others_come_and_go() -> None:
    world = TrueWorld(over(DAY), at=LATER)
    world.fill()
    world.ranges()
    world.adopt(over(DAY), over(30 * DAY, "other", APART))
    world.adopt(over(DAY))
    world.fill()
    world.run()
    assert world.ranges() == []
    assert world.evaluation().coverage == 1.0


def test_a_longer_window_keeps_what_is_stored_and_asks_only_for_the_rest() -> None:
    world = TrueWorld(over(DAY), at=LATER)
    world.fill()
    world.ranges()
    world.adopt(over(7 * DAY))
    world.fill()
    oldest = START + 10 * HOUR - DAY - 3 * HOUR
    assert all(time <= oldest for times in about(world.ranges(), HOUR) for time in times)
    world.run()
    assert world.evaluation().coverage == 1.0


def test_a_reload_while_a_question_is_under_way_takes_no_answer_for_another() -> None:
    world = TrueWorld(over(DAY), at=LATER)
    asked, go_on = Event(), Event()

    def ranges(_promql: str, _start: float, _end: float, _step: float) -> None:
        asked.set()
        assert go_on.wait(10)

    world.source.ranges = ranges
    filling = Thread(target=world.backfiller.once, args=(world.clock.time,))
    filling.start()
    assert asked.wait(10)
    world.adopt(over(DAY, indicator=APART))
    go_on.set()
    filling.join()
    world.fill()
    world.run()
    assert world.evaluation().coverage == 1.0
    assert world.evaluation().value == pytest.approx(world.truly(DAY), rel=1e-4)


def test_a_value_that_is_just_its_target_is_met_also_after_a_restart() -> None:
    """Counts are stored in single precision; 0.95 must not come back as 0.949999988."""
    gauge = Gauge(parse_selector("g"), Aggregate.MINIMUM, RATIO)
    exact = Objective(Direction.AT_LEAST, parse_quantity("95%"))
    slos = [
        Slo("p", name, replace(gauge, aggregate=aggregate), exact, Window(HOUR))
        for name, aggregate in (
            ("s", Aggregate.MINIMUM),
            ("avg", Aggregate.AVERAGE),
            ("last", Aggregate.LATEST),
        )
    ]
    world = TrueWorld(*slos, at=LATER)
    world.fails = {
        "sum_over_time": [Sample((), 0.95 * 16)],
        "count_over": [Sample((), 16.0)],
        "g[": [Sample((), 0.95)],
    }
    world.fill()
    world.run(slots=7)
    again = TrueWorld(*slos, store=world.store, at=world.clock.time)
    again.fails = world.fails
    again.fill()
    assert again.ranges() == []
    again.run()
    for name in ("s", "avg", "last"):
        assert (again.evaluation(f"p/{name}").value, again.evaluation(f"p/{name}").met) == (0.95, True)


def test_slices_are_judged_as_their_cells_come_and_their_hours_closed_without_another_question() -> None:
    world = TrueWorld(over(300, budget=SLICED, scrape_interval=30), at=START + 9 * HOUR)
    world.fill()
    begin = world.clock.time
    world.truth.burst = (begin + HOUR, begin + HOUR + 3 * CELL)
    world.ranges()
    world.run(slots=3 * 60 + 1)
    world.fill()
    assert about(world.ranges(), CELL) == []
    world.run()
    budget = world.evaluation().budget
    assert budget is not None
    assert budget.tally.coverage == 1.0
    nights = sum(
        world.truth.rates(cell)[1] / world.truth.rates(cell)[0] > 0.001
        for cell in range(int(begin) - 7 * DAY + 3 * HOUR + CELL, int(begin) + 3 * HOUR + CELL, CELL)
    )
    assert budget.tally.bad == pytest.approx(nights, abs=1.5)


def test_a_slice_with_a_part_that_was_not_answered_is_not_judged() -> None:
    world = TrueWorld(over(300, indicator=APART, budget=SLICED), at=LATER)
    odd = [Sample((("pod", "a"),), 1.0)]  # no answer to this question
    world.fails["(e["] = odd
    world.fill()
    world.run()
    budget = world.evaluation().budget
    assert budget is not None
    assert (budget.tally.good, budget.tally.total, budget.remaining) == (0.0, 0.0, None)


def test_an_expression_of_ones_own_is_asked_over_its_window_and_has_no_history() -> None:
    expression = "max_over_time(g[$window])"
    slo = Slo("p", "s", Raw(expression, RATIO, parse_raw(expression)), HALF, Window(HOUR))
    world = TrueWorld(slo, at=LATER)
    world.fill()
    world.run()
    assert world.ranges() == []
    assert world.source.asked[0].promql == "max_over_time(g[1h])"
