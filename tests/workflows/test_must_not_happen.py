"""What windows and budgets must never do, one test for each: the ways in which such numbers go wrong elsewhere."""

import pytest

from slo_daemon.core.pilot.facts import Judged
from slo_daemon.core.pilot.readiness import assess
from slo_daemon.core.slo.budget import BudgetState, spent_out
from slo_daemon.core.slo.chunks import CELL, HOUR
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import FailReason
from slo_daemon.core.slo.window import Slot
from slo_daemon.ports import MOST_POINTS, SourceError
from tests.factories import plain_pilot, records_of
from tests.workflows.truth import APART, DAY, MONTH, PAIRS, START, TOGETHER, TrueWorld, Truth, about, over

LATER = START + 10 * HOUR + 25 * 60
DOWN = SourceError(FailReason.TIMEOUT, "no answer within 5 s")


@pytest.mark.parametrize("indicator", [TOGETHER, APART], ids=["one question", "two questions"])
def test_a_missing_chunk_is_never_read_as_zero(indicator: object) -> None:
    """Half of the cells cannot be asked: what is known of the window is what was seen, and the share that it is."""
    world = TrueWorld(over(HOUR, indicator=indicator), at=LATER)  # type: ignore[arg-type]
    world.truth.burst = (LATER - HOUR, LATER + HOUR)
    world.fill()
    world.run()
    assert world.level("p/s") is Level.CRITICAL
    world.source.outage = DOWN
    world.run(slots=30)
    world.source.outage = None
    world.run()
    evaluation = world.evaluation()
    assert evaluation.value == pytest.approx(0.9)  # and not 0.95, had the missing half been without errors
    assert evaluation.coverage == pytest.approx(0.58, abs=0.1)
    world.source.outage, world.fails = None, {"(e[": DOWN}  # only the errors cannot be asked
    world.run(slots=30)
    world.fails = {}
    world.run()
    assert world.evaluation().met is not True
    assert world.level("p/s") is Level.CRITICAL


def test_a_ratio_is_never_a_mean_of_ratios() -> None:
    """Quiet nights are bad and busy days good: 23 % of the time is 2 % of the requests."""
    world = TrueWorld(over(30 * DAY, budget=MONTH), at=LATER)
    world.fill()
    world.run()
    cells = [world.truth.rates(cell) for cell in range(int(LATER) - 30 * DAY + CELL, int(LATER) + CELL, CELL)]
    mean_of_ratios = sum(1.0 - errors / requests_ for requests_, errors in cells) / len(cells)
    by_events = 1.0 - sum(errors for _, errors in cells) / sum(requests_ for requests_, _ in cells)
    assert by_events - mean_of_ratios > 0.0004  # 40 % of the budget
    assert world.evaluation().value == pytest.approx(by_events, abs=1e-6)
    budget = world.evaluation().budget
    assert budget is not None
    assert budget.remaining == pytest.approx(1.0 - (1.0 - by_events) / 0.001, abs=0.002)


def test_a_month_is_never_a_sum_of_its_5_minute_chunks() -> None:
    """Each hour is asked once more when it is over: what failed scrapes hide between two cells is in it."""
    truth = Truth(hidden=40.0)
    world = TrueWorld(over(30 * DAY, budget=MONTH), truth=truth, at=LATER)
    world.fill()
    begin = world.clock.time
    world.run(slots=5 * 60)  # five hours of slots, whose cells lack what was hidden
    world.fill()
    world.run()
    budget = world.evaluation().budget
    assert budget is not None
    _, errors = world.truth.count(world.clock.time - 60 - 30 * DAY, world.clock.time - 60)
    hours = 30 * 24
    assert budget.tally.bad == pytest.approx(errors + 40.0 * hours, abs=2 * 40.0)  # all but the open hour
    assert about(world.ranges(), HOUR)[-1][-1] > begin


def test_a_partial_budget_never_reads_as_healthy() -> None:
    """Prometheus knows a day of the month, a perfect one."""
    truth = Truth()
    truth.down = [(0.0, LATER - DAY)]
    slo = over(HOUR, budget=MONTH, burn=PAIRS)
    world = TrueWorld(slo, truth=truth, at=LATER)
    world.run()
    first = world.evaluation().budget
    assert first is not None
    assert first.state is BudgetState.BACKFILLING
    assert spent_out(first) is None
    world.fill()
    world.run()
    budget = world.evaluation().budget
    assert budget is not None
    assert (budget.state, spent_out(budget)) == (BudgetState.PARTIAL, None)
    view = world.view("p/s")
    judged = [Judged(view.instance, view.state, view.evaluation)]
    verdict = assess(plain_pilot([slo]), Slot(LATER, 60.0), LATER, judged, records_of())[0].verdict
    assert verdict.value == "INCONCLUSIVE"


def test_a_level_never_falls_because_a_window_was_incomplete() -> None:
    """Critical; then nobody answers for most of an hour; what can be seen after that is good, but it is not the window."""
    world = TrueWorld(over(HOUR), at=LATER)
    world.truth.burst = (LATER - HOUR, LATER + 50 * 60)
    world.fill()
    world.run()
    assert world.level("p/s") is Level.CRITICAL
    world.source.outage = SourceError(FailReason.CONNECT, "connection refused")
    world.run(slots=50)
    world.source.outage = None
    levels = set()
    for _ in range(20):
        world.run()
        levels.add(world.level("p/s"))
    assert levels == {Level.CRITICAL}
    world.fill()
    world.run(slots=50)  # the burst has left the window
    assert world.level("p/s") is Level.NONE


def test_no_question_about_a_range_ever_exceeds_the_servers_limits() -> None:
    world = TrueWorld(over(30 * DAY, budget=MONTH), over(300, "apart", APART), at=LATER)
    world.fill()
    world.pass_time(20 * DAY)  # a long downtime
    world.fill()
    assert max(len(times) for _, times in world.ranges()) <= MOST_POINTS


def test_a_backfill_never_starves_evaluation() -> None:
    """However long it takes, and whatever it finds, slots come in time and see what is there so far."""
    world = TrueWorld(over(30 * DAY, budget=MONTH), at=LATER)
    world.source.ranges = lambda _promql, _start, end, _step: DOWN if end < LATER - 5 * DAY else None
    coverages = []
    for _ in range(30):
        world.backfiller.once(world.clock.time)
        world.run()
        assert world.evaluation().slot.time == world.clock.time - 60.0
        coverages.append(world.evaluation().coverage or 0.0)
    assert coverages == sorted(coverages)
    assert coverages[-1] > 5 / 30
    assert len(world.source.asked) == 30


def test_a_clock_that_is_set_back_never_shows_the_past_as_the_present() -> None:
    world = TrueWorld(over(300), at=LATER)
    world.run(slots=3 * 60)
    world.pass_time(-2.5 * HOUR)
    world.truth.burst = (world.clock.time - HOUR, world.clock.time + HOUR)
    world.run(slots=2)
    assert world.evaluation().value == pytest.approx(0.9)
    assert world.level("p/s") is Level.CRITICAL
