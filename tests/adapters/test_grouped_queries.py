"""Grouped queries on a real Prometheus give each ask what it would have got alone, whatever its label values hold."""

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slo_daemon.adapters.prometheus import PrometheusSource
from slo_daemon.core.slo.query import (
    MARK,
    Absent,
    Ask,
    Form,
    Labels,
    Query,
    QueryPlan,
    Reading,
    Sample,
    Samples,
    mark_of,
)
from slo_daemon.core.slo.selector import Matcher, Selector
from tests.adapters.conftest import SourceOf, World
from tests.adapters.nasty_labels import NASTY

pytestmark = pytest.mark.servers

ABSENT = ("b|a", "aXb", "\\E", "nobody", "\t", "\ufffd\ufffd", ".", "|", "(", "[", "a" * 500)


class Asker:
    """Asks the world, and remembers what each ask gives alone."""

    def __init__(self, source: PrometheusSource, at: float) -> None:
        self._source = source
        self._at = at
        self.alone = cache(self._alone)

    def rows(self, promql: str) -> tuple[Sample, ...]:
        return self._source.query(promql, self._at, 10.0).rows

    def readings(self, query: Query) -> dict[Ask, Reading]:
        rows = self.rows(query.promql)
        return query.readings(Samples(query.promql, rows) if rows else Absent(query.promql))

    def _alone(self, ask: Ask) -> Reading:
        return self.readings(Query(ask, (ask,)))[ask]


@pytest.fixture
def asker(world: World, source_of: SourceOf) -> Asker:
    return Asker(source_of(world.url), world.end)


def assert_same(together: Reading, alone: Reading) -> None:
    assert type(together) is type(alone)
    if isinstance(together, Samples) and isinstance(alone, Samples):
        assert {row.labels: pytest.approx(row.value) for row in together.rows} == {
            row.labels: row.value for row in alone.rows
        }


def of_service(value: str, form: Form = Form.EVENTS, by: tuple[str, ...] = (), window: int = 1800) -> Ask:
    return Ask(form, Selector("requests_total", (Matcher("service", "=", value),)), window, by)


@pytest.mark.parametrize("value", NASTY)
def test_a_value_selects_its_own_series_and_no_other_alone_and_in_a_group(value: str, asker: Asker) -> None:
    alone = of_service(value, Form.PRESENCE, by=("service",))
    (grouped,) = QueryPlan.of([of_service(value), of_service("nobody")]).queries

    for promql in (alone.promql(), grouped.promql):
        assert [row.labels for row in asker.rows(promql)] == [(("service", value),)]


def test_all_nasty_values_are_one_query_and_each_gets_its_own_numbers(asker: Asker) -> None:
    asks = [of_service(value) for value in (*NASTY, *ABSENT)]
    (query,) = QueryPlan.of(asks).queries

    found = asker.readings(query)

    assert sum(isinstance(reading, Samples) for reading in found.values()) == len(NASTY)
    for ask in asks:
        assert_same(found[ask], asker.alone(ask))


asks = st.builds(
    of_service,
    st.sampled_from((*NASTY, *ABSENT)),
    st.sampled_from([form for form in Form if form not in (Form.RAW, Form.BUCKETS)]),
    st.sampled_from([(), ("zone",), ("service",), ("zone", "service")]),
    st.sampled_from([300, 1800]),
)
asks_by_zone = st.builds(
    lambda ask, zone: Ask(
        ask.form,
        Selector("requests_total", tuple(sorted((*ask.selector.matchers, Matcher("zone", "=", zone))))),
        ask.window,
        (),
    ),
    asks,
    st.sampled_from(["east", "west", "", "north"]),
)
splits = st.builds(
    lambda service, split, by: Ask(
        Form.EVENTS,
        Selector("requests_total", (Matcher("service", "=", service),)),
        1800,
        by,
        split=Matcher("zone", *split),
        overlap=30,
    ),
    st.sampled_from((*NASTY, *ABSENT)),
    st.one_of(
        st.tuples(st.sampled_from(["=", "!="]), st.sampled_from(["east", "e.*", "(", "$", "nowhere"])),
        st.tuples(st.sampled_from(["=~", "!~"]), st.sampled_from(["east", "e.*", "a|b", "$", "nowhere"])),
    ),
    st.sampled_from([(), ("service",)]),
)
buckets = st.builds(
    lambda service, by: Ask(
        Form.BUCKETS, Selector("duration_seconds_bucket", (Matcher("service", "=", service),)), 1800, by
    ),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from([(), ("service",)]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    several=st.lists(st.one_of(asks, asks_by_zone, splits, buckets), min_size=2, max_size=25),
    shard=st.integers(1, 30),
)
def test_what_is_asked_together_is_what_is_asked_alone(asker: Asker, several: list[Ask], shard: int) -> None:
    plan = QueryPlan.of(several, shard=shard)

    for query in plan.queries:
        for ask, reading in asker.readings(query).items():
            assert_same(reading, asker.alone(ask))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(several=st.lists(splits, min_size=1, max_size=12))
def test_one_question_for_counted_and_all_events_is_what_two_would_have_got(
    asker: Asker, several: list[Ask]
) -> None:
    for query in QueryPlan.of(several).queries:
        for ask, reading in asker.readings(query).items():
            assert ask.selector is not None
            assert ask.split is not None
            plain = Ask(Form.EVENTS, ask.selector, ask.window, ask.by, overlap=ask.overlap)
            counted = Selector(ask.selector.metric, tuple(sorted((*ask.selector.matchers, ask.split))))
            mark = (MARK, mark_of(ask.split))
            assert_same(_summed(reading, None), asker.alone(plain))
            some = asker.alone(Ask(Form.EVENTS, counted, ask.window, ask.by, overlap=ask.overlap))
            assert_same(_summed(reading, mark), some)


def _summed(reading: Reading, only: tuple[str, str] | None) -> Reading:
    """The rows of a split answer, all or those with one mark, summed over the mark."""
    if not isinstance(reading, Samples):
        return reading
    sums: dict[Labels, float] = {}
    for row in reading.rows:
        if only is None or only in row.labels:
            labels = tuple(pair for pair in row.labels if pair[0] != MARK)
            sums[labels] = sums.get(labels, 0.0) + row.value
    return Samples("q", tuple(Sample(*one) for one in sums.items())) if sums else Absent("q")
