import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slo_daemon.core.slo.selector import (
    LONGEST_EXPRESSION,
    Matcher,
    PromQLError,
    Selector,
    parse_expression,
    parse_raw,
    parse_selector,
    quote,
)

names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,12}", fullmatch=True).filter(lambda name: name != "__name__")
# words of PromQL are names as well
metrics = st.one_of(
    st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True),
    st.sampled_from(
        ["sum", "by", "on", "bool", "inf", "NaN", "and", "atan2", "offset", "rate", "group_left", "x"]
    ),
)
matchers = st.builds(Matcher, names, st.sampled_from(["=", "!="]), st.text(max_size=12))
selectors = st.builds(
    lambda metric, some: Selector(metric, tuple(sorted(set(some)))), metrics, st.lists(matchers, max_size=4)
)
pieces = st.sampled_from(
    ["x", "sum", "rate", "(", ")", "{", "}", "[5m]", "[$window]", "[", "]", "=", "=~", "!=", '"', "'", "`", "a", ",", " ",
     "by", "on", "offset 5m", "@ 1", "or", "+", "-", "1", "inf", "__name__", "5m", "\\", "\n", "#", "é", "\0", "1e999", ":"]
)  # fmt: skip
texts = st.one_of(st.text(max_size=60), st.lists(pieces, max_size=20).map("".join))


@given(texts)
def test_any_text_is_a_selector_or_a_problem(text: str) -> None:
    try:
        selector = parse_selector(text)
    except PromQLError as error:
        assert str(error)  # noqa: PT017  nothing but a PromQLError may come out
        return
    assert parse_selector(str(selector)) == selector


@given(texts)
def test_any_text_is_an_expression_or_a_problem(text: str) -> None:
    for parse in (parse_raw, parse_expression):
        try:
            found = parse(text)
        except PromQLError:
            continue
        assert found
        assert list(found) == sorted(set(found))


@given(selectors)
def test_a_selector_is_read_back_as_it_was_written(selector: Selector) -> None:
    assert parse_selector(str(selector)) == selector


@given(selectors)
def test_the_selector_of_an_expression_is_found(selector: Selector) -> None:
    assume("$window" not in str(selector))  # the placeholder is one wherever it stands
    assert parse_raw(f"sum(rate({selector}[$window])) / 2") == (selector,)


def test_quoting_leaves_nothing_that_ends_a_string() -> None:
    assert quote('a"b\\c\nd\te\rf') == '"a\\"b\\\\c\\nd\\te\\rf"'
    assert quote("\ufffd") == '"\\ufffd"'  # Prometheus refuses it bare


def test_equal_selections_are_equal_however_they_are_written() -> None:
    written = [
        'x{b="2",a="1"}',
        'x{a="1",b="2",}',
        "x { b = '2' , a = `1` }",
        '{__name__="x",a="1",b="2"}',
        'x{a="1",a="1",b="2"}',
        'x{a="\\u0031",b="2"} # comment',
    ]

    assert {parse_selector(text) for text in written} == {
        Selector("x", (Matcher("a", "=", "1"), Matcher("b", "=", "2")))
    }


def test_a_metric_named_like_a_word_of_the_language_is_written_as_prometheus_takes_it() -> None:
    assert str(Selector("inf")) == '{__name__="inf"}'
    assert str(Selector("On", (Matcher("a", "=", "b"),))) == '{__name__="On",a="b"}'
    assert str(Selector("on_total")) == "on_total"


def test_a_suffix_belongs_to_the_name() -> None:
    assert str(parse_selector('x{a="b"}').with_suffix("_bucket")) == 'x_bucket{a="b"}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not valid PromQL"),
        ("x{", "not valid PromQL"),
        ('x{a=~"["}', "not valid PromQL"),
        ("rate(x[5m])", "plain selector"),
        ("sum(x)", "plain selector"),
        ("x[5m]", "plain selector"),
        ("1", "plain selector"),
        ('"x"', "plain selector"),
        ("inf", "plain selector"),
        ("-x", "plain selector"),
        ("x offset 5m", "offset"),
        ("x @ 1", "offset"),
        ('{a="b"}', "name exactly one metric"),
        ('{__name__=~"a|b"}', "name exactly one metric"),
        ('{__name__="x",__name__!="y"}', "name exactly one metric"),
        ('{__name__="x",__name__="y"}', "name exactly one metric"),
        ('{"x.y"}', "metric name 'x.y'"),
        ('{__name__="x\\n"}', "metric name"),
        ('{__name__="5m"}', "metric name"),
        ('x{"a.b"="c"}', "label name 'a.b'"),
        ('x{a="b" or c="d"}', "`or`"),
        ("x" * (LONGEST_EXPRESSION + 1), "longer than"),
        ("x{a='\ud800'}", "not valid PromQL"),
    ],
)
def test_what_is_no_plain_selector_is_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(PromQLError, match=said):
        parse_selector(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rate(x[5m])", r"\$window"),
        ("vector($window)", "selects no metric"),
        ("vector(1) + 0 * scalar(vector(5)) # $window", "selects no metric"),
        ("rate($window)", "not valid PromQL"),
        ('rate({a="b"}[$window])', "name exactly one metric"),
    ],
)
def test_what_is_no_raw_expression_is_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(PromQLError, match=said):
        parse_raw(text)


def test_all_selectors_of_an_expression_are_found_wherever_they_stand() -> None:
    expression = (
        "topk(scalar(k), histogram_quantile(0.9, sum by (le) (rate(h_bucket[$window])))) "
        '/ on () group_left () ((-max_over_time(avg(g{a="b"})[$window:1m]))) > bool (c offset 5m or d @ 5)'
    )

    assert [str(selector) for selector in parse_raw(expression)] == ["c", "d", 'g{a="b"}', "h_bucket", "k"]


@pytest.mark.parametrize("nested", ["(" * 4000 + "x" + ")" * 4000, "-" * 8000 + "x", "x" + "+x" * 4000])
def test_an_expression_of_any_depth_is_read_or_refused(nested: str) -> None:
    with pytest.raises(PromQLError, match="nests deeper"):
        parse_expression(nested)
