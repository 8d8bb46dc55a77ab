"""One SLO after the other is asked directly over its budget's window, behind the slots, and held against the chunks."""

from collections.abc import Iterator

import pytest

from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.query import FailReason, Sample
from slo_daemon.core.slo.window import Window
from slo_daemon.ports import Reply, SourceError
from slo_daemon.workflows.verify import Verified, Verifier
from tests.workflows.world import EVERY, World, slo

DAY = 86_400
BUDGET = BudgetPolicy(Window(DAY), BudgetMethod.OCCURRENCES, 0.999)
AT = 1_000_000_200.0  # on the 5-minute grid


class Source:
    """Rewrites what the world's source answers to long windows: there, `seen` times as many errors were counted."""

    def __init__(self, world: World) -> None:
        self.more, self.fails, self.holds, self.samples = 1.0, False, float("inf"), 20.0
        self._answer = world.source.script
        self.asked: list[str] = []
        world.source.script = self._script
        self._world = world

    def _script(self, promql: str, at: float) -> Reply | list[Sample] | SourceError:
        if at < self._world.clock.time - self.holds:
            return []
        if "[5m" in promql or "[1h" in promql or "[10m" in promql or "timestamp(" in promql:
            assert callable(self._answer)
            return (
                [Sample((), self.samples)] if "count_over_time" in promql else list(self._answer(promql, at))
            )  # type: ignore[arg-type]
        self.asked.append(promql)
        if self.fails:
            return SourceError(FailReason.TIMEOUT, "too slow")
        hours = {"[1d]": 24, "[12h]": 12, "[6h]": 6}[promql[promql.index("[") : promql.index("]") + 1]]
        # the world counts EVERY in each answer, whatever its span: so an hour holds EVERY, and a day 24 times as much
        bad = self._world.errors.get("a", 0.0) * hours * self.more
        rows = [Sample((("slo_daemon_mark", ""),), EVERY * hours - bad)]
        return [*rows, Sample((("slo_daemon_mark", "1"),), bad)] if bad else rows


@pytest.fixture
def world() -> Iterator[World]:
    world = World(slo("x", budget=BUDGET), at=AT)
    world.errors["a"] = 100.0
    world.fill()
    world.run()
    yield world
    world.asker.close()


def verifier(world: World) -> Verifier:
    return Verifier(world.asker, world.history, world.told)


def test_a_sum_that_agrees_is_told_with_its_small_distance(world: World) -> None:
    source = Source(world)
    assert verifier(world).once(world.board.current) is Verified.AGREED
    assert len(source.asked) == 1
    ((pilot, name, drift),) = world.told.named("window_drift")
    assert (pilot, name) == ("p", "x")
    assert drift < 0.01
    assert world.told.named("verified") == [("agreed",)]


def test_a_sum_that_lies_far_off_is_a_drift_in_error_budgets(world: World) -> None:
    Source(world).more = 2.0
    assert verifier(world).once(world.board.current) is Verified.DRIFTED
    ((_, _, drift),) = world.told.named("window_drift")
    assert drift == pytest.approx(0.1, rel=0.02)  # 100 errors in a million more, where 1,000 are allowed


def test_a_direct_question_that_fails_says_nothing_about_the_sums(world: World) -> None:
    Source(world).fails = True
    assert verifier(world).once(world.board.current) is Verified.FAILED
    assert world.told.named("window_drift") == []


def test_where_the_source_keeps_less_than_the_window_less_is_compared(world: World) -> None:
    source = Source(world)
    source.holds = 13 * 3_600.0
    assert verifier(world).once(world.board.current) is Verified.AGREED
    assert ["[12h]" in promql for promql in source.asked] == [True]


def test_an_slo_whose_history_is_not_whole_yet_is_skipped() -> None:
    world = World(slo("x", budget=BUDGET), at=AT)
    world.run()
    source = Source(world)
    assert verifier(world).once(world.board.current) is Verified.SKIPPED
    assert source.asked == []
    world.asker.close()


def test_all_slos_with_a_budget_have_their_turn_and_others_have_none() -> None:
    world = World(slo("x", budget=BUDGET), slo("y"), slo("z", "b", budget=BUDGET), at=AT)
    world.fill()
    snapshot = world.run()
    turns = verifier(world)
    names = [one.slo.name for _ in range(4) if (one := turns.next(snapshot)) is not None]
    assert names == ["x", "z", "x", "z"]
    world.asker.close()


def test_without_a_slot_or_with_the_source_down_nothing_is_asked(world: World) -> None:
    source = Source(world)
    fresh = World(slo("x", budget=BUDGET), at=AT)
    assert verifier(fresh).once(fresh.board.current) is None
    world.source.outage = SourceError(FailReason.CONNECT, "gone")
    assert verifier(world).once(world.run()) is None
    assert source.asked == []
    fresh.asker.close()


def test_an_slo_that_a_reload_took_away_meanwhile_is_skipped(world: World) -> None:
    before = world.board.current
    world.adopt(slo("other", "b"))
    Source(world)
    assert verifier(world).once(before) is Verified.SKIPPED


@pytest.mark.parametrize(
    ("samples", "asked"), [(40.0, 1), (20.0, 4)]
)  # every 15 s, where 30 s were told; every 30 s
def test_another_scrape_interval_than_the_settings_say_is_told_once_and_not_looked_for_again(
    samples: float, asked: int
) -> None:
    world = World(slo("x", budget=BUDGET), slo("z", "b", budget=BUDGET), at=AT)
    world.fill()
    snapshot = world.run()
    source, turns = Source(world), verifier(world)
    source.samples = samples
    for _ in range(4):
        turns.once(snapshot)
    questions = [
        one.promql for one in world.source.asked_ranges if one.promql.startswith("max(count_over_time")
    ]
    assert len(questions) == asked
    world.asker.close()
