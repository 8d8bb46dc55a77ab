"""Groups that vanish, in what is measured beside the SLOs: they are there as long as the SLO has them, and no longer."""

from dataclasses import replace

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.measure import Measure, Purpose, Watched
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.query import Sample
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.state import SloState
from slo_daemon.core.slo.window import Window
from slo_daemon.core.snapshot import Specification
from tests.workflows.test_evaluate_groups import EU, US, by_region
from tests.workflows.world import EVERY, NOW, World, split_rows

HOUR, DAY = 3_600, 86_400
FORGOTTEN = 2 * HOUR
BASE = by_region(forget_after=FORGOTTEN)
VALUE = Measure(replace(BASE, name="value:s:3600", window=Window(HOUR)), of=BASE.id)
DAYS = Measure(
    replace(
        BASE,
        name="experiment:lift",
        budget=BudgetPolicy(Window(7 * DAY), BudgetMethod.OCCURRENCES, 0.5),
    ),
    Purpose.DAYS,
    since=NOW - DAY,
)


class Measured(World):
    """Two regions and what is measured of them; `gone` ones have no samples."""

    def __init__(self, *measures: Measure, store: MemoryStore | None = None, at: float = NOW) -> None:
        self.measures = measures
        super().__init__(BASE, store=store, at=at)

    def adopt(self, *slos: Slo, states: dict[str, SloState] | None = None) -> None:
        self.evaluator.adopt(Specification(slos, (), "h", self.measures), states)

    def _answer(self, promql: str, at: float) -> list[Sample]:
        if "timestamp(" in promql:
            return []
        rows = []
        for region in ("eu", "us"):
            if region not in self.gone:
                rows += split_rows(100.0, EVERY, (("region", region),))
        return rows

    def watched(self) -> dict[str, Watched]:
        return {
            dict(one.instance.group).get("region", ""): one for one in self.board.current.measures.values()
        }


def test_a_group_that_its_slo_has_forgotten_is_measured_no_more() -> None:
    """Else it would keep every criterion about the SLO unknown until the next restart."""
    world = Measured(VALUE)
    world.run(slots=2)
    assert set(world.watched()) == {"eu", "us"}
    world.gone.add("us")
    world.run(slots=60)
    assert set(world.board.current.slos) == {EU, US}
    assert world.watched()["us"].evaluation.data_state in (DataState.STALE, DataState.NO_DATA)
    world.run(slots=75)
    assert set(world.board.current.slos) == {EU}
    assert set(world.watched()) == {"eu"}


def test_a_group_that_cannot_be_seen_is_still_measured_after_a_restart() -> None:
    """Else a restart would make the rest of the groups pass for all of them."""
    before = Measured(VALUE)
    before.run(slots=2)
    before.gone.add("us")
    before.run(slots=30)
    after = Measured(VALUE, store=before.store, at=before.clock.time)
    after.gone.add("us")
    after.run()
    assert set(after.board.current.slos) == {EU, US}
    assert set(after.watched()) == {"eu", "us"}
    assert after.watched()["us"].evaluation.data_state is not DataState.OK


def test_a_variant_that_is_over_still_counts_for_its_days_after_a_restart() -> None:
    before = Measured(DAYS)
    before.run()
    before.fill()
    before.pass_time(300)
    before.run()
    assert {name: len(one.days) for name, one in before.watched().items()} == {"eu": 2, "us": 2}
    before.gone.add("us")
    before.pass_time(2 * HOUR)
    after = Measured(DAYS, store=before.store, at=before.clock.time)
    after.gone.add("us")
    after.run()
    assert set(after.watched()) == {"eu", "us"}
    assert sum(day.tally.total for day in after.watched()["us"].days) > 0.0


def test_a_measure_whose_past_cannot_be_told_for_a_bug_takes_no_slo_along() -> None:
    broken = Measure(replace(BASE, name="met:s:3600"), Purpose.STREAK, of=BASE.id)  # its budget is missing
    world = Measured(broken, VALUE)
    world.run(slots=2)
    assert set(world.board.current.slos) == {EU, US}
    assert {one.streak for one in world.board.current.measures.values()} == {None}
    assert len(world.board.current.measures) == 4
