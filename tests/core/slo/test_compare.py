"""A window asked directly is held against the sum of chunks, and the distance is told in error budgets."""

import pytest

from slo_daemon.core.slo.book import entry_of
from slo_daemon.core.slo.budget import BudgetMethod, BudgetPolicy
from slo_daemon.core.slo.compare import direct_asks, drift_of, interval_question, scrape_interval
from slo_daemon.core.slo.query import MARK, Absent, Sample, Samples
from slo_daemon.core.slo.selector import parse_selector
from slo_daemon.core.slo.sli import Quantile, Ratio, Raw
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Window
from tests.factories import at_least, at_most, seed_slos

REQUESTS = parse_selector('r{job="x"}')
DAY = 86_400


def ratio(objective: str = "99.9%", **more: object) -> Slo:
    indicator = Ratio(parse_selector('r{job="x",code="500"}'), REQUESTS, counts_good=False, as_good=True)
    target = float(objective.rstrip("%")) / 100
    budget = BudgetPolicy(Window(30 * DAY), BudgetMethod.OCCURRENCES, target)
    return Slo("p", "s", indicator, at_least(objective), Window(300), budget=budget, **more)  # type: ignore[arg-type]


def answer(bad: float, good: float) -> Samples:
    return Samples("q", (Sample(((MARK, ""),), good), Sample(((MARK, "1"),), bad)))


def test_the_distance_is_a_share_of_what_may_go_wrong() -> None:
    entry = entry_of(ratio())
    chunks = {"events": [(((MARK, ""),), 9_990.0), (((MARK, "1"),), 10.0)]}  # just what is allowed
    assert drift_of(entry, chunks, {"events": answer(10, 9_990)}, DAY) == pytest.approx(0.0)
    assert drift_of(entry, chunks, {"events": answer(11, 9_989)}, DAY) == pytest.approx(0.1)
    assert drift_of(entry, chunks, {"events": answer(5, 9_995)}, DAY) == pytest.approx(0.5)


@pytest.mark.parametrize("direct", [Absent("q"), answer(0, 0)])
def test_where_one_of_them_counted_nothing_there_is_no_distance(direct: Samples | Absent) -> None:
    chunks = {"events": [(((MARK, ""),), 9_990.0), (((MARK, "1"),), 10.0)]}
    assert drift_of(entry_of(ratio()), chunks, {"events": direct}, DAY) is None


def test_an_objective_that_allows_nothing_has_no_budget_to_measure_in() -> None:
    chunks = {"events": [(((MARK, ""),), 9_990.0)]}
    assert drift_of(entry_of(ratio("100%")), chunks, {"events": answer(0, 1)}, DAY) is None


def test_without_events_the_distance_is_a_share_of_the_target() -> None:
    slo = next(slo for slo in seed_slos() if isinstance(slo.indicator, Quantile))
    budget = BudgetPolicy(Window(30 * DAY), BudgetMethod.TIMESLICES, 0.99)
    entry = entry_of(Slo("p", "q", slo.indicator, at_most("50ms"), Window(300), budget=budget))

    def buckets(edge: str) -> list[tuple[tuple[tuple[str, str], ...], float]]:
        return [((("le", "0.01"),), 0.0), ((("le", edge),), 100.0), ((("le", "+Inf"),), 100.0)]

    direct = Samples("q", tuple(Sample(labels, value) for labels, value in buckets("0.02")))
    assert drift_of(entry, {"buckets": buckets("0.02")}, {"buckets": direct}, DAY) == 0.0
    assert drift_of(entry, {"buckets": buckets("0.03")}, {"buckets": direct}, DAY) == pytest.approx(0.19)


def test_one_group_is_asked_for_just_its_own_series_and_without_overlap() -> None:
    slo = ratio(group_by=("region",))
    asks = direct_asks(entry_of(slo), (("region", "eu"),), DAY)
    assert asks["events"].promql() == (
        "sum by (slo_daemon_mark) (label_replace(sum by (code) "
        '(increase(r{job="x",region="eu"}[1d])), "slo_daemon_mark", "1", "code", "500"))'
    )


def test_an_expression_of_ones_own_is_asked_directly_anyway() -> None:
    unit = at_most("50ms").unit
    raw = Raw("sum(rate(r[$window]))", unit, (REQUESTS,))
    budget = BudgetPolicy(Window(DAY), BudgetMethod.TIMESLICES, 0.99)
    assert (
        direct_asks(entry_of(Slo("p", "s", raw, at_most("50ms"), Window(300), budget=budget)), (), DAY) == {}
    )


@pytest.mark.parametrize("seconds", [1, 2, 5, 10, 15, 20, 30, 60, 120, 300])
@pytest.mark.parametrize("more", [0, 1])
def test_the_scrape_interval_is_read_off_the_number_of_samples(seconds: int, more: int) -> None:
    counted = Samples("q", (Sample((), 600 / seconds + more),))
    assert scrape_interval(counted) == seconds


def test_no_samples_tell_no_interval() -> None:
    assert scrape_interval(Absent("q")) is None
    assert scrape_interval(Samples("q", (Sample((), 1.0),))) is None
    assert interval_question(entry_of(ratio())) == 'max(count_over_time(r{job="x"}[10m]))'
