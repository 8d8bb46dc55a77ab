"""Grouped SLOs from slot to slot: groups come and go, and a group that cannot be seen is never a good one."""

from dataclasses import replace

from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import Sample
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Ratio
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.state import TransitionReason
from slo_daemon.core.slo.window import Window
from slo_daemon.ports import Reply
from tests.workflows.world import OBJECTIVE, World, slo, split_rows

EU, US = 'p/s{region="eu"}', 'p/s{region="us"}'
REGIONS = Ratio(parse_selector('r{code="500"}'), parse_selector("r"), counts_good=False, as_good=True)


def by_region(**more: object) -> Slo:
    return Slo("p", "s", REGIONS, OBJECTIVE, Window(300), group_by=("region",), **more)  # type: ignore[arg-type]


class Regions(World):
    """`errors` of a million requests by region; `quiet` regions have few of them, `gone` ones have no samples."""

    def __init__(self, *slos: Slo, regions: tuple[str, ...] = ("eu", "us")) -> None:
        self.regions = regions
        self.quiet: set[str] = set()
        self.last_seen: dict[str, float] = {}
        super().__init__(*slos)

    def _answer(self, promql: str, at: float) -> list[Sample]:
        rows = []
        for region in self.regions:
            labels = (("region", region),) if "by (region" in promql else ()
            if "timestamp(" in promql:
                if region in self.last_seen:
                    rows.append(Sample(labels, self.last_seen[region]))
            elif region not in self.gone:
                total = 3.0 if region in self.quiet else 1_000_000.0
                rows += split_rows(self.errors.get(region, 0.0), total, labels)
        return rows

    def ages_asked(self) -> int:
        asked = [one for one in self.source.asked if "timestamp(" in one.promql]
        self.source.asked.clear()
        return len(asked)


def test_a_grouped_slo_without_any_group_is_missing_data_and_not_nothing() -> None:
    """Misspelt, or not scraped at all: an SLO of which nothing can be seen must not be silent."""
    world = Regions(by_region(), regions=())
    assert set(world.run().slos) == {"p/s"}
    assert world.view("p/s").data_state is DataState.NO_DATA
    world.run(slots=15)
    assert world.level("p/s") is Level.WARNING
    world.adopt(by_region(), slo("other"))  # a reload does not change that
    assert world.level("p/s") is Level.WARNING
    world.regions = ("eu",)
    assert set(world.run().slos) == {EU, "p/other"}
    assert set(world.store.states()) == {EU, "p/other"}
    assert world.store.transitions("p/s")[0].reason is TransitionReason.REMOVED
    assert "groups" in world.store.transitions("p/s")[0].detail


def test_a_group_that_goes_after_a_quiet_time_is_held_as_long_as_any_other() -> None:
    world = Regions(by_region(forget_after=3600))
    world.errors["eu"] = 9_000.0
    world.run()
    world.errors["eu"] = 0.0
    world.quiet.add("eu")
    world.run(slots=120)  # two hours of too few events
    assert (world.view(EU).data_state, world.level(EU)) == (DataState.UNKNOWN, Level.CRITICAL)
    world.gone.add("eu")
    world.run(slots=60)
    assert world.level(EU) is Level.CRITICAL
    world.run(slots=1)
    assert EU not in world.board.current.slos
    last = world.store.transitions(EU)[0]
    assert (last.reason, last.before) == (TransitionReason.REMOVED, Level.CRITICAL)
    assert last.detail == "the group had no samples for 1h1m and was forgotten"


def test_time_in_which_the_daemon_did_not_run_forgets_no_group() -> None:
    world = Regions(by_region(forget_after=3600))
    world.errors["eu"] = 9_000.0
    world.run()
    world.gone.add("eu")
    world.clock.time += 2 * 86_400
    world.source.clock = world.clock.time
    world.run()
    assert world.level(EU) is Level.CRITICAL


def test_a_level_outlives_a_new_grouping_until_the_next_look() -> None:
    ungrouped = replace(by_region(), group_by=())
    world = Regions(ungrouped, regions=("eu",))
    world.errors["eu"] = 9_000.0
    world.run()
    world.adopt(by_region())
    assert world.level("p/s") is Level.CRITICAL
    world.run()
    assert set(world.board.current.slos) == {EU}
    assert world.level(EU) is Level.CRITICAL
    world.adopt(ungrouped)
    assert world.store.transitions(EU)[0].reason is TransitionReason.REMOVED


def test_a_group_with_a_very_long_name_survives_reload_and_restart() -> None:
    name = "x" * 20_000
    world = Regions(by_region(), regions=(name,))
    world.errors[name] = 9_000.0
    world.run()
    world.adopt(by_region(description="edited"))
    world.run()
    (key,) = world.board.current.slos
    assert world.level(key) is Level.CRITICAL
    assert World(by_region(), store=world.store).level(key) is Level.CRITICAL


def test_the_age_of_what_is_gone_is_asked_once_and_not_in_every_slot() -> None:
    """Finding the newest sample within a day reads a day of samples."""
    world = Regions(by_region())
    world.run()
    assert world.ages_asked() == 0
    world.gone.add("eu")
    world.last_seen["eu"] = world.clock.time - 400.0
    world.run()
    assert world.ages_asked() == 1
    assert "about 6m40s old" in world.view(EU).evaluation.detail  # type: ignore[union-attr]
    world.run(slots=2)
    assert world.ages_asked() == 0
    assert "about 8m40s old" in world.view(EU).evaluation.detail  # type: ignore[union-attr]
    world.gone.add("us")
    world.run()
    assert world.ages_asked() == 1
    assert world.view(US).data_state is DataState.NO_DATA
    world.gone.clear()
    world.run()
    assert world.view(EU).data_state is DataState.OK
    world.gone.add("eu")
    world.last_seen["eu"] = world.clock.time - 301.0
    world.run()
    assert world.ages_asked() == 1
    assert "about 5m1s old" in world.view(EU).evaluation.detail  # type: ignore[union-attr]
    world.clock.time += 3600.0  # slots were missed: samples may have come and gone
    world.source.clock = world.clock.time
    world.run()
    assert world.ages_asked() == 1


def test_an_answer_is_walked_a_few_times_and_not_once_for_each_group() -> None:
    regions, walked = 2_000, 0

    class Counting(tuple[Sample, ...]):
        __slots__ = ()

        def __iter__(self):  # type: ignore[no-untyped-def]
            nonlocal walked
            walked += len(self)
            return super().__iter__()

    world = Regions(by_region(), regions=tuple(f"r{i}" for i in range(regions)))
    answer = world._answer
    world.source.script = lambda promql, at: Reply(Counting(answer(promql, at)))
    assert len(world.run().slos) == regions
    assert walked < 30 * regions
