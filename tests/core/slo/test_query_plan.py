"""Few queries for many asks, and back: an SLO cannot tell whether it was asked alone."""

from collections import defaultdict
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.slo.query import (
    LEAST_SHARD,
    LONGEST_PATTERN,
    SHARD,
    Absent,
    Ask,
    Failed,
    FailReason,
    Form,
    Query,
    QueryPlan,
    Reading,
    Sample,
    Samples,
)
from slo_daemon.core.slo.selector import Matcher, Selector, parse_expression, parse_selector


def ask(selector: str, form: Form = Form.EVENTS, window: int = 300, by: tuple[str, ...] = ()) -> Ask:
    return Ask(form, parse_selector(selector), window, by)


def raw(expression: str, window: int = 300) -> Ask:
    return Ask(Form.RAW, None, window, (), expression)


def rows(*found: tuple[dict[str, str], float]) -> Samples:
    return Samples("q", tuple(Sample(tuple(sorted(labels.items())), value) for labels, value in found))


def texts(plan: QueryPlan) -> list[str]:
    return [query.promql for query in plan.queries]


@pytest.mark.parametrize(
    ("form", "promql"),
    [
        (Form.EVENTS, 'sum (increase(x{a="b"}[5m]))'),
        (Form.BUCKETS, 'sum by (le) (increase(x{a="b"}[5m]))'),
        (Form.AVERAGE, 'avg (avg_over_time(x{a="b"}[5m]))'),
        (Form.NATIVE, 'sum (increase(x{a="b"}[5m]))'),
        (Form.MINIMUM, 'min (min_over_time(x{a="b"}[5m]))'),
        (Form.MAXIMUM, 'max (max_over_time(x{a="b"}[5m]))'),
        (Form.LATEST, 'avg (last_over_time(x{a="b"}[5m]))'),
        (Form.PRESENCE, 'sum (count_over_time(x{a="b"}[5m]))'),
        (Form.LAST_SEEN, 'max (max_over_time(timestamp(x{a="b"})[86400s:300s]))'),
    ],
)
def test_each_form_has_its_query(form: Form, promql: str) -> None:
    assert ask('x{a="b"}', form).promql() == promql
    assert texts(QueryPlan.of([ask('x{a="b"}', form)])) == [promql]
    assert parse_expression(promql) == (parse_selector('x{a="b"}'),)


def test_a_raw_expression_is_asked_as_it_was_written() -> None:
    plan = QueryPlan.of([raw("rate(x[$window]) / $window", 5400), raw("rate(x[$window]) / $window", 60)])

    assert texts(plan) == ["rate(x[1h30m]) / 1h30m", "rate(x[1m]) / 1m"]


def test_grouping_labels_stand_in_the_query() -> None:
    assert ask("x", by=("region", "pod")).promql() == "sum by (region, pod) (increase(x[5m]))"
    assert ask("x", Form.BUCKETS, by=("region",)).promql() == "sum by (region, le) (increase(x[5m]))"


def test_no_asks_are_no_queries() -> None:
    assert QueryPlan.of([]).queries == ()


def test_equal_asks_are_one_query_whoever_asks() -> None:
    asks = [ask('x{a="1",b="2"}'), ask("x{b='2',a=`1`}"), ask('{__name__="x",a="1",b="2"}')]

    plan = QueryPlan.of(asks)

    assert texts(plan) == ['sum (increase(x{a="1",b="2"}[5m]))']
    assert plan.queries[0].asks == (asks[0],)
    assert set(asks) == {asks[0]}


def test_asks_that_differ_in_one_labels_value_are_one_query() -> None:
    plan = QueryPlan.of([ask('x{service="b",code=~"5.."}'), ask('x{service="a",code=~"5.."}')])

    assert texts(plan) == ['sum by (service) (increase(x{code=~"5..",service=~"a|b"}[5m]))']


def test_the_label_with_the_most_values_is_grouped_away() -> None:
    asks = [ask(f'x{{env="{env}",service="{service}"}}') for env in "pt" for service in "abcd"]

    assert texts(QueryPlan.of(asks)) == [
        'sum by (service) (increase(x{env="p",service=~"a|b|c|d"}[5m]))',
        'sum by (service) (increase(x{env="t",service=~"a|b|c|d"}[5m]))',
    ]


@pytest.mark.parametrize(
    "other",
    [
        ask('y{service="b"}'),
        ask('x{service="b"}', Form.PRESENCE),
        ask('x{service="b"}', window=3600),
        ask('x{service="b"}', by=("region",)),
        ask('x{service="b",code="500"}'),
        ask('x{service!="b"}'),
        ask('x{service=~"b"}'),
        ask('x{service=""}'),
        ask("x"),
        ask('x{service="b",service=~"b|c"}'),
        ask('x{service="b",service!="c"}'),
    ],
)
def test_asks_that_differ_otherwise_stay_alone(other: Ask) -> None:
    one = ask('x{service="a"}')

    assert texts(QueryPlan.of([one, other])) == [one.promql(), other.promql()]


def test_a_label_that_the_answer_is_split_by_is_not_grouped_away() -> None:
    asks = [ask(f'x{{service="{service}"}}', by=("service",)) for service in "ab"]
    edges = [ask(f'x_bucket{{le="{edge}"}}', Form.BUCKETS) for edge in ("0.1", "0.5")]

    for alike in (asks, edges):
        assert texts(QueryPlan.of(alike)) == [one.promql() for one in alike]


@pytest.mark.parametrize("label", ["nan", "inf", "Without"])
def test_a_label_that_promql_cannot_group_by_is_not_grouped_away(label: str) -> None:
    asks = [ask(f'x{{{label}="{value}"}}') for value in "ab"]

    assert len(QueryPlan.of(asks).queries) == 2


def test_grouped_values_mean_themselves_and_no_pattern() -> None:
    plan = QueryPlan.of(
        [Ask(Form.EVENTS, Selector("x", (Matcher("a", "=", v),)), 300) for v in ("a.b", "c|d", '"')]
    )

    assert texts(plan) == [r'sum by (a) (increase(x{a=~"\"|a\\.b|c\\|d"}[5m]))']


def test_values_are_asked_in_shards() -> None:
    asks = [ask(f'x{{service="{n:04}"}}') for n in range(2 * SHARD + 1)]

    plan = QueryPlan.of(asks)

    assert [len(query.asks) for query in plan.queries] == [SHARD, SHARD, 1]
    assert plan.queries[-1].promql == asks[-1].promql()
    assert plan.queries[-1].free is None


@pytest.mark.parametrize("letter", ["a", ".", "日", "\\"])
def test_no_grouped_query_is_longer_than_every_server_takes(letter: str) -> None:
    values = [f"{n:04}{letter * 40}" for n in range(SHARD)]
    asks = [Ask(Form.EVENTS, Selector("x", (Matcher("service", "=", value),)), 300) for value in values]

    queries = QueryPlan.of(asks).queries

    assert [one for query in queries for one in query.asks] == asks
    for query in queries:
        assert len(query.promql.encode()) < LONGEST_PATTERN + 500 < 16_384
    assert all(len(query.promql.encode()) > LONGEST_PATTERN - 500 for query in queries[:-1])


def test_long_windows_are_asked_in_smaller_shards_so_that_each_query_ends_in_time() -> None:
    def shards(window: int) -> list[int]:
        asks = [ask(f'x{{service="{n:04}"}}', window=window) for n in range(SHARD)]
        return [len(query.asks) for query in QueryPlan.of(asks).queries]

    assert shards(3600) == [SHARD]
    assert shards(7200) == [SHARD // 2] * 2
    assert max(shards(30 * 86400)) == LEAST_SHARD


def test_every_ask_is_in_just_one_query() -> None:
    asks = [ask('x{s="a"}'), ask('x{s="b"}'), ask("y"), raw("z[$window]")]
    carried = [one for query in QueryPlan.of([*asks, *asks]).queries for one in query.asks]

    assert sorted(map(asks.index, carried)) == [0, 1, 2, 3]


GROUPED = QueryPlan.of([ask('x{s="a"}'), ask('x{s="b"}')]).queries[0]
A, B = GROUPED.asks


def test_a_grouped_answer_is_taken_apart_without_the_label_that_joined_it() -> None:
    found = GROUPED.readings(rows(({"s": "b"}, 2.0), ({"s": "a"}, 1.0)))

    assert found == {A: rows(({}, 1.0)), B: rows(({}, 2.0))}


def test_who_is_not_in_a_grouped_answer_is_absent() -> None:
    assert GROUPED.readings(rows(({"s": "b"}, 2.0))) == {A: Absent("q"), B: rows(({}, 2.0))}


@pytest.mark.parametrize("reading", [Absent("q"), Failed("q", FailReason.TIMEOUT, "slow")])
def test_what_is_true_of_the_query_is_true_of_all_its_asks(reading: Reading) -> None:
    assert GROUPED.readings(reading) == {A: reading, B: reading}


@pytest.mark.parametrize(
    "answer",
    [
        rows(({"s": "a"}, 1.0), ({"s": "c"}, 3.0)),
        rows(({}, 1.0)),
        rows(({"s": ""}, 1.0)),
        rows(({"t": "a"}, 1.0)),
    ],
    ids=["a value nobody asked for", "the label is missing", "the label is empty", "another label"],
)
def test_a_grouped_answer_with_a_row_that_belongs_to_nobody_is_no_answer_to_anybody(answer: Samples) -> None:
    for reading in GROUPED.readings(answer).values():
        assert isinstance(reading, Failed)
        assert reading.reason is FailReason.SHAPE


@pytest.mark.parametrize(
    "answer",
    [
        rows(({"s": "a"}, 1.0), ({"s": "a", "t": "1"}, 2.0), ({"s": "b"}, 2.0)),
        rows(({"s": "a", "t": "1"}, 2.0), ({"s": "b"}, 2.0)),
        rows(({"s": "a"}, 1.0), ({"s": "a"}, 1.0), ({"s": "b"}, 2.0)),
    ],
    ids=["an extra row", "an extra label", "the same row twice"],
)
def test_extra_rows_and_labels_are_a_wrong_shape_for_whom_they_concern(answer: Samples) -> None:
    found = GROUPED.readings(answer)

    concerned = found[A]
    assert isinstance(concerned, Failed)
    assert concerned.reason is FailReason.SHAPE
    assert found[B] == rows(({}, 2.0))


@pytest.mark.parametrize("labels", [{"s": "a"}, {"__name__": "x"}, {"le": "1"}])
def test_an_answer_to_one_ask_has_no_label_that_was_not_asked_for(labels: dict[str, str]) -> None:
    for one in (ask("x"), raw("x + $window")):
        (reading,) = QueryPlan.of([one]).queries[0].readings(rows((labels, 1.0))).values()

        assert isinstance(reading, Failed)
        assert reading.reason is FailReason.SHAPE
        assert next(iter(labels)) in reading.detail


def test_rows_have_all_labels_that_were_asked_for_even_if_prometheus_leaves_empty_ones_out() -> None:
    one = ask("x", Form.BUCKETS, by=("region",))
    answer = rows(({"region": "eu", "le": "1", "zone": ""}, 1.0), ({"le": "1"}, 2.0))

    (reading,) = QueryPlan.of([one]).queries[0].readings(answer).values()

    assert reading == rows(({"region": "eu", "le": "1"}, 1.0), ({"region": "", "le": "1"}, 2.0))


def test_nan_and_infinities_are_passed_on() -> None:
    found = GROUPED.readings(rows(({"s": "a"}, float("nan")), ({"s": "b"}, float("-inf"))))

    first = found[A]
    assert isinstance(first, Samples)
    assert isnan(first.rows[0].value)
    assert found[B] == rows(({}, float("-inf")))


values = st.sampled_from(["", "a", "b", "a|b", "c"])
some_asks = st.lists(
    st.builds(
        lambda form, metric, matchers, window, by: Ask(
            form, Selector(metric, tuple(sorted(set(matchers)))), window, by
        ),
        st.sampled_from([Form.EVENTS, Form.BUCKETS, Form.PRESENCE]),
        st.sampled_from(["x", "y"]),
        st.lists(
            st.builds(Matcher, st.sampled_from("pqr"), st.sampled_from(["=", "=", "="]), values), max_size=3
        ),
        st.sampled_from([60, 300]),
        st.sampled_from([(), ("p",), ("p", "q")]),
    ),
    max_size=30,
)
DATA = [
    ({"__name__": metric, "p": p, "q": q, "le": "+Inf"}, float(number))
    for number, (metric, p, q) in enumerate(
        (m, p, q) for m in "xy" for p in ("a", "b", "a|b", "c") for q in ("a", "")
    )
]


def answered(query: Query) -> Reading:
    """What a server with DATA says to `query`: the rows that any of its asks selects, summed by its labels."""
    sums: dict[tuple[tuple[str, str], ...], float] = defaultdict(float)
    keys = query.whole.keys if query.whole.form is not Form.BUCKETS else (*query.whole.by, "le")
    for labels, value in DATA:
        if any(selects(one, labels) for one in query.asks):
            sums[tuple(sorted((key, labels.get(key, "")) for key in keys if labels.get(key)))] += value
    found = tuple(Sample(labels, value) for labels, value in sums.items())
    return Samples(query.promql, found) if found else Absent(query.promql)


def selects(one: Ask, labels: dict[str, str]) -> bool:
    assert one.selector is not None
    return labels["__name__"] == one.selector.metric and all(
        labels.get(matcher.label, "") == matcher.value for matcher in one.selector.matchers
    )


def without_text(reading: Reading) -> object:
    return (type(reading), sorted(reading.rows, key=str) if isinstance(reading, Samples) else None)


@given(some_asks, st.integers(1, 5))
def test_no_ask_can_tell_whether_it_was_asked_alone(asks: list[Ask], shard: int) -> None:
    plan = QueryPlan.of(asks, shard=shard)
    together = {
        one: found for query in plan.queries for one, found in query.readings(answered(query)).items()
    }

    assert together.keys() == set(asks)
    assert sum(len(query.asks) for query in plan.queries) == len(set(asks))
    for one in asks:
        alone = Query(one, (one,))
        assert without_text(together[one]) == without_text(alone.readings(answered(alone))[one])


@given(some_asks)
def test_the_same_asks_give_the_same_plan(asks: list[Ask]) -> None:
    assert QueryPlan.of(asks) == QueryPlan.of(list(asks))
