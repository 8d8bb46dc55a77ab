"""Streaks: for how long an SLO has been met, through incidents, gaps and restarts; and what was counted day by day."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.measure import Measure, Purpose, Watched
from slo_daemon.core.slo.query import Sample
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.streak import Streak
from slo_daemon.core.slo.window import Window
from slo_daemon.core.snapshot import Specification
from tests.workflows.world import EVERY, INTERVAL, World, slo, split_rows

HOUR, DAY = 3_600, 86_400
NOON = 1_000_080_000.0  # a full hour
A = slo("availability")


def met_for(of: Slo = A, wanted: int = DAY, target: float = 0.99) -> Measure:
    policy = BudgetPolicy(Window(wanted), BudgetMethod.TIMESLICES, target, proven=True)
    return Measure(replace(of, name=f"met:{of.name}", budget=policy), Purpose.STREAK)


class PastWorld(World):
    """A world whose past is told by `bad(at)`: bad events of a million at a time; None: no samples."""

    def __init__(
        self,
        bad: Callable[[float], float | None],
        *measures: Measure,
        store: MemoryStore | None = None,
        at: float = NOON,
        every: float = EVERY,
    ) -> None:
        self.bad, self.every, self.measures = bad, every, measures
        super().__init__(A, store=store, at=at)

    def adopt(self, *slos: Slo, states: object = None) -> None:
        self.evaluator.adopt(Specification(slos, (), "h", self.measures), {})

    def _answer(self, promql: str, at: float) -> list[Sample]:
        cells = 12 if "[1h" in promql else 1
        bad = [] if "timestamp(" in promql else [self.bad(at - 300 * back) for back in range(cells)]
        known = [one for one in bad if one is not None]
        return split_rows(sum(known), self.every * len(known)) if known else []

    def watched(self) -> Watched:
        (found,) = self.run().measures.values()
        return found

    def streak(self) -> Streak:
        found = self.watched().streak
        assert found is not None
        return found


def filled(bad: Callable[[float], float | None], *measures: Measure, **more: object) -> PastWorld:
    world = PastWorld(bad, *(measures or (met_for(),)), **more)  # type: ignore[arg-type]
    world.run()
    world.fill()
    world.pass_time(300 - INTERVAL)
    return world


def ago(hours: float) -> float:
    return NOON - hours * HOUR


def test_a_day_without_trouble_is_met_for_a_day() -> None:
    found = filled(lambda _: 100.0).streak()
    assert (found.met, found.reason) == (True, "met_throughout")
    assert found.seconds == DAY
    assert found.slices.total == pytest.approx(DAY / 300, abs=1.5)


def test_before_the_past_was_fetched_nobody_can_tell() -> None:
    found = PastWorld(lambda _: 100.0, met_for()).streak()
    assert (found.met, found.reason) == (None, "backfilling")
    assert found.seconds < HOUR


def test_an_outage_ends_a_streak_which_begins_anew_after_it() -> None:
    found = filled(lambda at: 20_000.0 if ago(10) < at <= ago(9.5) else 100.0).streak()
    assert (found.met, found.reason) == (False, "slices_missed")
    assert 9.0 * HOUR <= found.seconds <= 10.2 * HOUR
    assert found.earliest == pytest.approx(found.at + DAY - found.seconds)


def test_one_bad_slice_of_many_does_not_end_a_streak() -> None:
    found = filled(lambda at: 2_000.0 if ago(10) < at <= ago(10) + 300 else 100.0).streak()
    assert found.met is True


def test_strictly_every_slice_counts() -> None:
    measure = met_for(target=1.0)
    found = filled(lambda at: 2_000.0 if ago(10) < at <= ago(10) + 300 else 100.0, measure).streak()
    assert (found.met, found.reason) == (False, "slices_missed")


def test_a_short_outage_that_spends_the_whole_day_misses_the_target_over_all() -> None:
    found = filled(lambda at: 900_000.0 if ago(10) < at <= ago(10) + 600 else 100.0).streak()
    assert (found.met, found.reason) == (False, "target_missed")
    assert found.seconds == pytest.approx(9.9 * HOUR, abs=HOUR)


def test_what_was_not_seen_is_no_success_and_the_streak_begins_where_it_was_seen() -> None:
    found = filled(lambda at: None if at < ago(8) else 100.0).streak()
    assert (found.met, found.reason) == (None, "not_seen")
    assert found.seconds == pytest.approx(8 * HOUR, abs=HOUR)
    assert found.slices.coverage < 0.5


def test_a_single_error_among_few_requests_is_no_bad_slice() -> None:
    """One error of a thousand requests misses 99.9 % by its value alone; a thousand requests prove no such thing."""
    found = filled(lambda at: 1.5 if at % 3_000 < 600 else 0.2, every=1_000.0).streak()
    assert found.slices.bad == 0.0
    assert found.met is True


def test_few_events_prove_nothing_even_over_the_whole_time() -> None:
    found = filled(lambda _: 0.0, every=1.0).streak()
    assert (found.met, found.reason) == (None, "not_proven")


def test_a_restart_goes_on_with_what_is_stored_even_when_the_source_has_forgotten_it() -> None:
    before = filled(lambda _: 100.0)
    assert before.streak().met is True
    later = before.clock.time + 600
    after = PastWorld(lambda at: None if at < ago(0.2) else 100.0, met_for(), store=before.store, at=later)
    after.run()
    after.fill()
    after.pass_time(300)
    assert after.streak().met is True


def test_a_gap_that_the_source_can_fill_is_filled_and_does_not_end_a_streak() -> None:
    before = filled(lambda _: 100.0)
    before.pass_time(6 * HOUR)  # nobody has looked meanwhile
    before.run()
    before.fill()
    before.pass_time(300)
    assert before.streak().met is True


def test_events_are_told_day_by_day_and_the_last_day_is_not_over() -> None:
    since = NOON - 3 * DAY
    policy = BudgetPolicy(Window(5 * DAY), BudgetMethod.OCCURRENCES, 0.5)
    measure = Measure(replace(A, name="experiment:x", budget=policy), Purpose.DAYS, since)
    world = filled(
        lambda at: None if at <= since + DAY else 100.0 if at <= since + 2 * DAY else 400.0, measure
    )
    days = world.watched().days
    assert [day.start for day in days] == [since + DAY * n for n in range(4)]
    assert [round(day.tally.bad / max(1.0, day.tally.total) * EVERY) for day in days[:3]] == [0, 100, 400]
    assert [round(day.tally.coverage, 2) for day in days[:3]] == [0.0, 1.0, 1.0]
    assert days[3].start < world.clock.time
