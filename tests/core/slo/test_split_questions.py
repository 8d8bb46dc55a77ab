"""Good and all events in one question, and questions about any span: what is sent, and that it is the same thing asked."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.slo.query import MARK, Ask, Form, QueryPlan, mark_of
from slo_daemon.core.slo.selector import Matcher, Selector, parse_expression, parse_selector

R = parse_selector("r")


def split(operator: str, value: str, **more: object) -> Ask:
    return Ask(Form.EVENTS, R, 300, split=Matcher("code", operator, value), **more)  # type: ignore[arg-type]


def test_a_split_question_marks_the_series_that_a_matcher_takes() -> None:
    assert split("=", "500").promql() == (
        'sum by (slo_daemon_mark) (label_replace(sum by (code) (increase(r[5m])), "slo_daemon_mark", "1", "code", "500"))'
    )


def test_groups_stay_apart_in_a_split_question() -> None:
    text = split("=", "500", by=("region",)).promql()
    assert text.startswith(
        "sum by (region, slo_daemon_mark) (label_replace(sum by (region, code) (increase(r[5m]))"
    )


@pytest.mark.parametrize(("operator", "mark"), [("=", "1"), ("=~", "1"), ("!=", ""), ("!~", "")])
def test_what_a_negative_matcher_takes_has_the_empty_mark(operator: str, mark: str) -> None:
    """Prometheus can mark what fits a pattern, not what does not."""
    assert mark_of(Matcher("code", operator, "5..")) == mark
    positive = {"!=": "=", "!~": "=~"}.get(operator, operator)
    assert split(operator, "5..").promql() == split(positive, "5..").promql()


@pytest.mark.parametrize(
    ("operator", "value", "pattern"),
    [
        ("=", "a.b", r'"a\\.b"'),
        ("=", "(x|y)*", r'"\\(x\\|y\\)\\*"'),
        ("=", 'say "hi"', r'"say \"hi\""'),
        ("=", "back\\slash", r'"back\\\\slash"'),
        ("=", "$1", r'"\\$1"'),
        ("=~", "5..|timeout", '"5..|timeout"'),
        ("!~", "2..", '"2.."'),
        ("!=", "2.0", r'"2\\.0"'),
    ],
)
def test_a_plain_value_means_itself_and_a_pattern_what_it_says(
    operator: str, value: str, pattern: str
) -> None:
    assert split(operator, value).promql().endswith(f'"code", {pattern}))')


@given(st.sampled_from(["=", "!=", "=~", "!~"]), st.text(min_size=1))
def test_any_value_makes_a_question_that_can_be_read(operator: str, value: str) -> None:
    text = split(operator, value).promql()
    assert parse_expression(text) == (R,)


def test_split_questions_are_grouped_like_others() -> None:
    def of(service: str) -> Ask:
        selector = Selector("r", (Matcher("service", "=", service),))
        return Ask(Form.EVENTS, selector, 300, split=Matcher("code", "=", "500"))

    (query,) = QueryPlan.of([of("a"), of("b")]).queries
    assert query.free == "service"
    assert query.promql.startswith("sum by (service, slo_daemon_mark)")
    other = replace(of("a"), split=Matcher("code", "=", "404"))
    assert len(QueryPlan.of([of("b"), other]).queries) == 2


def test_the_label_that_is_split_by_is_not_grouped_away() -> None:
    asks = [
        Ask(
            Form.EVENTS,
            Selector("r", (Matcher("code", "=", code),)),
            300,
            split=Matcher("code", "=~", "5.."),
        )
        for code in ("1", "2")
    ]
    assert len(QueryPlan.of(asks).queries) == 2


COUNTED = [Form.EVENTS, Form.BUCKETS]
GAUGES = [Form.AVERAGE, Form.MINIMUM, Form.MAXIMUM, Form.LATEST, Form.PRESENCE]


@pytest.mark.parametrize("form", COUNTED)
def test_a_counter_is_asked_a_little_further_back_and_scaled_to_its_span(form: Form) -> None:
    """Else what happens between the last sample of a chunk and the first of the next belongs to none."""
    ask = Ask(form, parse_selector("x"), 300, overlap=30)
    assert "[5m30s]" in ask.promql()
    assert ask.promql().endswith("* 300 / 330")


@pytest.mark.parametrize("form", GAUGES)
def test_gauges_share_no_border(form: Form) -> None:
    ask = Ask(form, parse_selector("x"), 300, overlap=30)
    assert ask.promql() == replace(ask, overlap=0).promql()


def test_a_native_histogram_is_not_scaled_by_prometheus_but_by_us() -> None:
    ask = Ask(Form.NATIVE, parse_selector("x"), 300, overlap=30)
    assert ask.promql() == "sum (increase(x[5m30s]))"
    assert ask.scale_over(300) == pytest.approx(300 / 330)
    assert ask.scale_over(3600) == pytest.approx(3600 / 3630)


@pytest.mark.parametrize("seconds", [300, 3600, 86_400])
def test_the_same_question_can_be_asked_about_any_span(seconds: int) -> None:
    asks = [Ask(Form.EVENTS, Selector("x", (Matcher("s", "=", s),)), 300, overlap=30) for s in "ab"]
    (query,) = QueryPlan.of(asks).queries
    (direct,) = QueryPlan.of([replace(ask, window=seconds) for ask in asks]).queries
    assert query.promql_over(seconds) == direct.promql


asks = st.builds(
    lambda form, metric, value, by, overlap: Ask(
        form, Selector(metric, (Matcher("s", "=", value),) if value else ()), 300, by, overlap=overlap
    ),
    st.sampled_from([*COUNTED, *GAUGES]),
    st.sampled_from(["x", "y"]),
    st.sampled_from(["", "a", "b"]),
    st.sampled_from([(), ("region",)]),
    st.sampled_from([0, 30]),
)


@given(asks, st.sampled_from([60, 300, 3600]), st.sampled_from([0, 15, 30]))
def test_the_key_of_a_question_names_what_is_asked_whatever_span_and_overlap(
    ask: Ask, window: int, overlap: int
) -> None:
    assert replace(ask, window=window, overlap=overlap).key == ask.key


@given(asks, asks)
def test_other_questions_have_other_keys(one: Ask, other: Ask) -> None:
    same = replace(one, overlap=0, window=0) == replace(other, overlap=0, window=0)
    assert (one.key == other.key) is same


def test_the_mark_cannot_be_taken_for_a_label_of_the_series() -> None:
    assert MARK.startswith("slo_daemon_")
