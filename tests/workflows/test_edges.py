"""Bucket edges that change: a deploy with other edges makes no request good or bad, and leaves nothing sure that is not."""

from dataclasses import replace

import pytest

from slo_daemon.core.quantity import parse_quantity
from slo_daemon.core.slo.budget import spent_out
from slo_daemon.core.slo.chunks import CELL, HOUR
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Direction, Level, Objective
from slo_daemon.core.slo.query import Sample
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import LatencyShare, Quantile
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Window
from tests.workflows.truth import MONTH, PAIRS, START, TrueWorld

LATER = START + 10 * HOUR + 25 * 60
DEPLOY = LATER - 20 * 60
A_CELL = 30_000.0  # requests
SHARE = Objective(Direction.AT_LEAST, *map(parse_quantity, ("99.9%", "99.8%", "99.5%")))
FAST = LatencyShare(parse_selector("h"), 0.25)
OLD = {"0.1": 0.6, "0.5": 0.9999, "+Inf": 1.0}  # the share of requests within each edge


class Histogram(TrueWorld):
    """A histogram with other edges since the deploy: all requests are as fast as before."""

    def __init__(self, *slos: Slo, old: dict[str, float], new: dict[str, float]) -> None:
        self.old, self.new = old, new
        super().__init__(*slos, at=LATER)

    def _answer(self, promql: str, at: float) -> list[Sample]:
        if "timestamp(" in promql:
            return []
        span = HOUR if promql.endswith("3600 / 3630") else CELL
        after = min(span, max(0.0, at - DEPLOY)) * A_CELL / CELL
        counts = {le: share * (span * A_CELL / CELL - after) for le, share in self.old.items()}
        for le, share in self.new.items() if after else ():
            counts[le] = counts.get(le, 0.0) + share * after
        gone = [le for le in self.old if le not in self.new and at - span >= DEPLOY]
        return [Sample((("le", le),), count) for le, count in counts.items() if le not in gone]


def slo(indicator: LatencyShare | Quantile = FAST, window: int = 300, **more: object) -> Slo:
    given = {"objective": SHARE, "window": Window(window), "budget": MONTH, "burn": PAIRS} | more
    return Slo("p", "s", indicator, **given)  # type: ignore[arg-type]


def looked(world: Histogram) -> Histogram:
    world.fill()
    world.run(slots=3)
    return world


def test_an_edge_at_the_threshold_that_is_new_leaves_the_past_unknown_and_pages_nobody() -> None:
    world = looked(Histogram(slo(), old=OLD, new={"0.1": 0.6, "0.25": 0.9999, "0.5": 0.9999, "+Inf": 1.0}))
    evaluation = world.evaluation()
    assert evaluation.met is True
    assert world.level("p/s") is Level.NONE
    assert {rate.firing for rate in evaluation.burn_rates} == {None, False}
    budget = evaluation.budget
    assert budget is not None
    assert budget.tally.coverage < 0.01
    assert (budget.state.value, spent_out(budget)) == ("partial", None)
    assert budget.remaining == pytest.approx(0.9, abs=0.02)  # of what can be told


def test_when_all_edges_change_nothing_is_called_good_and_nothing_without_traffic() -> None:
    world = looked(Histogram(slo(), old=OLD, new={"0.2": 0.9, "0.25": 0.9999, "0.4": 0.9999, "+Inf": 1.0}))
    evaluation = world.evaluation()
    budget = evaluation.budget
    assert budget is not None
    assert budget.tally.coverage < 0.01
    assert spent_out(budget) is None
    assert world.level("p/s") is Level.NONE
    assert None in {rate.firing for rate in evaluation.burn_rates}


def test_a_burn_that_fires_goes_on_when_the_edges_change() -> None:
    """Unknown is not over."""
    at_edge = {"0.1": 0.5, "0.25": 0.9, "0.5": 0.95, "+Inf": 1.0}
    world = Histogram(slo(), old=at_edge, new=at_edge)
    looked(world)
    assert world.level("p/s") is Level.CRITICAL
    world.new = {"0.2": 0.8, "0.3": 0.89, "+Inf": 1.0}
    world.run(slots=10)
    assert world.level("p/s") is Level.CRITICAL


@pytest.mark.parametrize(
    ("within", "firing"),
    [((0.6, 0.9999), False), ((0.6, 0.7), True)],
    ids=["it may be all good", "surely bad"],
)
def test_burn_rates_between_two_edges_are_proven_by_the_upper_and_excluded_by_the_lower(
    within: tuple[float, float], firing: bool
) -> None:
    edges = {"0.1": within[0], "0.5": within[1], "+Inf": 1.0}
    world = looked(Histogram(slo(), old=edges, new=edges))
    rates = world.evaluation().burn_rates
    assert {rate.firing for rate in rates} == ({True} if firing else {None})
    assert (world.level("p/s") is Level.CRITICAL) is firing
    budget = world.evaluation().budget
    assert budget is not None
    assert spent_out(budget) is (True if firing else None)
    assert budget.tally.total - budget.tally.good == pytest.approx(budget.tally.total * (1 - within[0]))
    assert budget.tally.least_bad == pytest.approx(budget.tally.total * (1 - within[1]))


def test_a_window_in_which_all_edges_changed_is_told_by_the_part_that_has_the_new_ones() -> None:
    quantile = Quantile(parse_selector("h"), 0.5)
    objective = Objective(Direction.AT_MOST, parse_quantity("300ms"))
    old, new = {"0.1": 0.4, "0.4": 1.0, "+Inf": 1.0}, {"0.2": 0.4, "0.3": 1.0, "+Inf": 1.0}
    world = looked(
        Histogram(slo(quantile, HOUR, objective=objective, budget=None, burn=None), old=old, new=new)
    )
    evaluation = world.evaluation()
    assert evaluation.value == pytest.approx(0.2 + 0.1 * (0.5 - 0.4) / 0.6)
    assert evaluation.coverage == pytest.approx(20 / 60, abs=0.1)
    assert evaluation.data_state is DataState.UNKNOWN


def test_an_edge_that_comes_in_the_middle_of_a_window_is_left_out_of_it() -> None:
    """The edges that were there all the time tell less, but of the whole window."""
    old, new = {"0.1": 0.4, "0.4": 1.0, "+Inf": 1.0}, {"0.1": 0.4, "0.2": 0.9, "0.4": 1.0, "+Inf": 1.0}
    quantile = Quantile(parse_selector("h"), 0.5)
    objective = Objective(Direction.AT_MOST, parse_quantity("400ms"))
    world = looked(
        Histogram(slo(quantile, HOUR, objective=objective, budget=None, burn=None), old=old, new=new)
    )
    evaluation = world.evaluation()
    assert evaluation.value == pytest.approx(0.1 + 0.3 * (0.5 - 0.4) / 0.6)
    assert (evaluation.met, evaluation.coverage) == (True, 1.0)


def test_edges_written_in_two_ways_are_one() -> None:
    """Prometheus 3 writes 1.0 where Prometheus 2 wrote 1."""
    share = replace(FAST, threshold=1.0)
    world = looked(
        Histogram(
            slo(share),
            old={"0.1": 0.6, "1": 0.9999, "+Inf": 1.0},
            new={"0.1": 0.6, "1.0": 0.9999, "+Inf": 1.0},
        )
    )
    assert world.evaluation().met is True
    assert world.level("p/s") is Level.NONE
