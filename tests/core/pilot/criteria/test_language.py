"""Texts and mappings become criteria and come back; nothing else is ever raised, and every message is exact."""

import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from lark import Lark

from slo_daemon.core.pilot.criteria.criterion import All, Any, Compare, Criterion, Met, Not, Op, Operand
from slo_daemon.core.pilot.criteria.errors import CriterionError
from slo_daemon.core.pilot.criteria.grammar import GRAMMAR
from slo_daemon.core.pilot.criteria.parse import LONGEST, parse, read
from slo_daemon.core.pilot.criteria.phrases import PHRASES, as_language
from slo_daemon.core.pilot.criteria.placed import Piece, comparisons
from slo_daemon.core.pilot.criteria.show import KEYWORDS, show
from slo_daemon.core.pilot.criteria.structured import (
    StructureError,
    from_structured,
    read_structured,
    to_structured,
)
from slo_daemon.core.quantity import parse_quantity
from tests.core.pilot.criteria.strategies import CRITERIA

SEED = [
    ("All SLOs met for 2+ weeks", "all slos met for 14d"),
    ("Zero critical incidents in last week", "critical_incidents[7d] == 0"),
    ("User satisfaction > 4.0", "user_satisfaction > 4.0/5"),
    ("Conversion lift > 10% (significant)", "conversion_lift > 10% vs control significant at 5%"),
    ("Availability < 99.5%", "availability < 99.5%"),
    ("p99 latency > 200ms", "latency_p99 > 200ms"),
    ("Error rate > 1%", "error_rate > 1%"),
    ("User satisfaction < 3.0", "user_satisfaction < 3.0/5"),
]
READ = [
    *SEED,
    # variations
    ("all slos are met for 3 days", "all slos met for 3d"),
    ("All SLOs met for at least 1 week", "all slos met for 7d"),
    ("No incidents in the last 48 hours", "incidents[2d] == 0"),
    ("Zero warning incidents in the last day", "warning_incidents[1d] == 0"),
    ("User satisfaction >= 4.2/5 over 7d", "user_satisfaction[7d] >= 4.2/5"),
    ("Signup lift >= 5% (significant at 1%)", "signup_lift >= 5% vs control significant at 1%"),
    ("Conversion lift > 10%", "conversion_lift > 10%"),
    ("p99.9 latency >= 1.5 s for 10m", "latency_p99_9 >= 1.5s for 10m"),
    ("Cache hit rate < 60% for 5m", "cache_hit_rate < 60% for 5m"),
    # the language
    ("availability < 99.5% over 1h for 5m", "availability[1h] < 99.5% for 5m"),
    ("AVAILABILITY[60m]<99.5 % FOR 5m", "availability[1h] < 99.5% for 5m"),
    ("burn_rate(error-rate)[1h] > 14.4 point", "burn_rate(error-rate)[1h] > 14.4 point"),
    ("conversion_lift > 10% significant", "conversion_lift > 10% significant at 5%"),
    ("user_satisfaction(mobile_users) > 4/5", "user_satisfaction(mobile_users) > 4/5"),
    ('user_satisfaction("mobile users") > 4/5', 'user_satisfaction("mobile users") > 4/5'),
    ("pilot_age >= 1h30m", "pilot_age >= 5400s"),
    ("time_in_stage > 2w", "time_in_stage > 2w"),
    ("all slos in (availability) met", "availability met"),
    ("any slos in (a, b) met for 14d strictly", "any slos in (a, b) met for 14d strictly"),
    ("a met and b met and c met", "a met and b met and c met"),
    ("a met and (b met and c met)", "a met and b met and c met"),
    ("a met or b met and c met", "a met or (b met and c met)"),
    ("not a met and b met", "not a met and b met"),
    ("not (a met or b met)", "not (a met or b met)"),
    ("((a met))", "a met"),
    ("incidents[1d] > 3", "incidents[1d] > 3"),
    ("in > 3", '"in" > 3'),
]
MISTAKES = [
    ("", "", "^ the criterion is empty; write for example availability < 99.5%"),
    ("availability", "            ", "^ the criterion ends too early; write a comparison such as < or >=, (, [ or met"),
    ("availability <", "              ", "^ the criterion ends too early; write a number with its unit"),
    ("availability < 99,5%", "               ", "^^^^^ '99,5%' is not a number with a unit; write for example 50ms, 99.9% or 4.0/5"),
    ("availability < 99.5qq", "               ", "^^^^^^ unit 'qq' is not known; the units are us, ms, s, m, h, d, w, %, ratio, /5, /s, /min"),
    ("availability = 99.5%", "             ", "^ '=' is no comparison; write =="),
    ("availability ≤ 99.5%", "             ", "^ '≤' is no comparison; write <="),
    ("availability <<< 99.5%", "             ", "^^^ '<<<' is no comparison; the comparisons are <, <=, >, >=, ==, !="),
    ("availability < 99.5% fro 5m", "                     ", "^^^ 'fro' is not expected here; did you mean 'for'?"),
    ("availability < 99.5% for 5", "                         ", "^ '5' is not a duration; write for example 30s, 5m, 1h30m, 14d or 8w"),
    ("availability < 99.5% for", "                        ", "^ the criterion ends too early; write a time such as 5m or 14d"),
    ("availability < 99.5% for 99w9d for 1m", "                               ", "^^^^^^ this is said twice; remove one of the two"),
    ("availability < 99.5% for 999w", "                         ", "^^^^ 999w is longer than 10 years; write less"),
    ("a[7d] > 5 over 7d", "          ", "^^^^^^^ the window is given twice; remove one of the two"),
    ("a[7d > 5", "     ", "^ '>' is not expected here; write ]"),
    ("(a > 5", "      ", "^ the criterion ends too early; write )"),
    ("a > 5)", "     ", "^ ')' is not expected here; remove it"),
    ("a > 5 b > 6", "      ", "^ 'b' is not expected here; write for, over, vs, significant, point, and, or or nothing more"),
    ("a ; b", "  ", "^ ';' is not expected here; write a comparison such as < or >=, (, [ or met"),
    ("all slo met", "    ", "^^^ 'slo' is not expected here; did you mean 'slos'?"),
    ("all slos met fir 14d", "             ", "^^^ 'fir' is not expected here; did you mean 'for'?"),
    ("all slos in () met", "             ", "^ ')' is not expected here; write a name"),
    ("not", "   ", "^ the criterion ends too early; write a comparison such as availability < 99.5%, or: all slos met for 14d"),
    ("a > 5 and", "         ", "^ the criterion ends too early; write a comparison such as availability < 99.5%, or: all slos met for 14d"),
    ("a > 5 significant at 70%", "                     ", "^^^ 70% is no level of significance; write for example 5% or 1%"),
    ('a > 5 vs "x', "         ", "^^ a quote is opened here and never closed; close it"),
    ('a("") > 5', "  ", "^^ the name is empty; write the name between the quotes"),
    ("Error rate > 1parsec", "", "^^^^^^^^^^^^^^^^^^^^ unit 'parsec' is not known (read as 'error_rate > 1parsec'); the units are us, ms, s, m, h, d, w, %, ratio, /5, /s, /min"),
    ("All SLOs met for 2+ weaks", "                  ", "^ '+' is not expected here; did you mean 'All SLOs met for 2+ weeks'?"),
    ("Zero critcal incidents in last week", "     ", "^^^^^^^ 'critcal' is not expected here; did you mean 'Zero critical incidents in last week'?"),
    ("Everything looks fine", "           ", "^^^^^ 'looks' is not expected here; write a comparison such as < or >=, (, [ or met"),
    ("a > 5\tand b > 6", "     ", "^ character U+0009 does not belong in a criterion; write it on one line, with plain spaces"),
    ("a > 5 and é > 6", "          ", "^ 'é' is not expected here; write a comparison such as availability < 99.5%, or: all slos met for 14d"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "canonical"), READ, ids=lambda t: t[:40])
def test_a_text_means_what_its_canonical_text_means(text: str, canonical: str) -> None:
    assert show(parse(text)) == canonical
    assert parse(canonical) == parse(text)
    assert show(parse(canonical)) == canonical


@pytest.mark.parametrize(("text", "blank", "said"), MISTAKES, ids=[repr(row[0]) for row in MISTAKES])
def test_a_mistake_is_pointed_at_and_a_remedy_told(text: str, blank: str, said: str) -> None:
    with pytest.raises(CriterionError) as refused:
        parse(text)
    shown = text.replace("\t", "\N{REPLACEMENT CHARACTER}")
    assert refused.value.render() == f"{shown}\n{blank}{said}"
    assert refused.value.column == len(blank) + 1


def test_the_parts_of_a_comparison_are_read() -> None:
    assert parse("lift(x)[7d] >= 10% vs base significant at 1% for 5m point") == Compare(
        Operand("lift", "x", 604_800), Op.AT_LEAST, parse_quantity("10%"), 300, "base", 0.01, True
    )
    assert parse("not all slos in (a, b) met for 14d strictly") == Not(Met(("a", "b"), True, 1_209_600, True))
    assert parse("a met or b met and c met") == Any((Met(("a",)), All((Met(("b",)), Met(("c",))))))


def test_the_places_of_all_pieces_are_known() -> None:
    text = 'a met and burn_rate("x y")[1h] >= 10% vs base significant at 1% for 5m'
    placed = read(text)
    compare = placed.parts[1]
    assert {piece: text[span.start : span.end] for piece, span in compare.places.items()} == {
        Piece.WHOLE: text[10:],
        Piece.NAME: "burn_rate",
        Piece.ARGUMENT: '("x y")',
        Piece.WINDOW: "[1h]",
        Piece.OP: ">=",
        Piece.LITERAL: "10%",
        Piece.AGAINST: "vs base",
        Piece.SIGNIFICANCE: "significant at 1%",
        Piece.HOLD: "for 5m",
    }
    assert [text[span.start : span.end] for span in placed.parts[0].names] == ["a"]


@settings(deadline=None, max_examples=300)
@given(CRITERIA)
def test_a_printed_criterion_is_read_back_as_the_same(criterion: Criterion) -> None:
    text = show(criterion)
    assume(len(text) <= LONGEST)
    assert parse(text) == criterion
    assert as_language(text) is None


@settings(deadline=None, max_examples=300)
@given(CRITERIA)
def test_a_criterion_survives_its_structured_form(criterion: Criterion) -> None:
    assume(len(show(criterion)) <= LONGEST)
    assert from_structured(to_structured(criterion)) == criterion
    assert from_structured(show(criterion)) == criterion


@settings(deadline=None, max_examples=300)
@given(
    st.text()
    | st.text(st.sampled_from(list('ab5%/<>=()[]",.-+\\ ')), max_size=60)
    | st.lists(
        st.sampled_from(
            [*sorted(KEYWORDS), "a", "5%", "14d", "<", "(", ")", "[", "]", ",", '"', "incidents", "2+ weeks"]
        ),
        max_size=14,
    ).map(" ".join)
    | st.text(max_size=6).flatmap(lambda t: st.sampled_from([f"{left} {t}" for left, _ in READ]))
)
@example("not " * 124 + "a met")
@example("(" * 499)
@example("(a met or (b met and " * 20)
@example("ſlos met")
def test_no_text_raises_anything_but_a_criterion_error(text: str) -> None:
    refused = None
    try:
        criterion = parse(text)
    except CriterionError as error:
        refused = error
    if refused is None:
        assert parse(show(criterion)) == criterion
    else:
        assert 1 <= refused.column <= len(text) + 1
        assert refused.message
        assert refused.render().count("\n") == 1


def test_too_much_is_refused() -> None:
    for text, said in (("not " * 17 + "a met", "nested more than 16"), ("a" * 501, "at most 500")):
        with pytest.raises(CriterionError, match=said):
            parse(text)
    assert parse("not " * 16 + "a met")


@settings(deadline=None, max_examples=200)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=8)
        | st.sampled_from(["a > 5", "5m", "<"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["compare", "met", "all", "any", "not", "operand", "op", "value", "for", "slos", "x"]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=12,
    )
)
def test_no_data_raises_anything_but_a_structure_error(data: object) -> None:
    said = ""
    try:
        criterion = from_structured(data)
    except StructureError as error:
        said = error.message
    assert said or parse(show(criterion)) == criterion


STRUCTURED: list[tuple[object, str]] = [
    ({"compare": {"operand": "availability", "window": "1h", "op": "<", "value": "99.5%", "for": "5m"}},
     "availability[1h] < 99.5% for 5m"),
    ({"compare": {"operand": "burn_rate", "of": "availability", "window": "1h", "op": ">", "value": "14.4", "point": "true"}},
     "burn_rate(availability)[1h] > 14.4 point"),
    ({"compare": {"operand": "conversion_lift", "op": ">", "value": "10%", "vs": "control", "significant": "5%"}},
     "conversion_lift > 10% vs control significant at 5%"),
    ({"met": {}}, "all slos met"),
    ({"met": {"slos": ["a", "b"], "every": "false", "for": "14d", "strictly": True}},
     "any slos in (a, b) met for 14d strictly"),
    ({"all": ["a met", {"any": ["b met", {"not": "c met"}]}]}, "a met and (b met or not c met)"),
    ({"all": ["a met"]}, "a met"),
    ({"all": ["a met", {"all": ["b met", "c met"]}]}, "a met and b met and c met"),
]  # fmt: skip
UNSTRUCTURED: list[tuple[object, tuple[str | int, ...], str]] = [
    (["a"], (), "a criterion is a text or a mapping; a mapping has one of the keys compare, met, all, any, not"),
    ({}, (), "the mapping is empty; a mapping has one of the keys compare, met, all, any, not"),
    ({"met": {}, "all": []}, (), "met and all stand side by side; a mapping has one of the keys compare, met, all, any, not"),
    ({"compares": {}}, ("compares",), "unknown key 'compares'; did you mean 'compare'?"),
    ({"compare": "a > 5"}, ("compare",), "a mapping is wanted here; its keys are operand, of, window, op, value, for, vs, significant, point"),
    ({"compare": {"operand": "a", "op": "<"}}, ("compare",), "the key value is missing; compare needs operand, op and value"),
    ({"compare": {"operand": "a", "op": "<", "value": "5", "windw": "1h"}}, ("compare", "windw"), "unknown key 'windw'; did you mean 'window'?"),
    ({"compare": {"operand": "a", "op": "=", "value": "5"}}, ("compare", "op"), "'=' is no comparison; write =="),
    ({"compare": {"operand": "a", "op": "<", "value": 5}}, ("compare", "value"), "a text is wanted here; put it in quotes"),
    ({"compare": {"operand": "", "op": "<", "value": "5"}}, ("compare", "operand"), "a name is one line of at most 200 visible characters"),
    ({"compare": {"operand": "a", "op": "<", "value": "5", "point": "yes"}}, ("compare", "point"), "a truth value is wanted here; write true or false"),
    ({"met": {"slos": []}}, ("met", "slos"), "a list is wanted here, with at least one item"),
    ({"met": {"for": "soon"}}, ("met", "for"), "'soon' is not a duration; write for example 30s, 5m, 1h30m, 14d or 8w"),
    ({"all": []}, ("all",), "a list is wanted here, with at least one item"),
    ({"all": ["a met", {"not": "b mett"}]}, ("all", 1, "not"), "'mett' is not expected here; did you mean 'met'?"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "canonical"), STRUCTURED, ids=[row[1] for row in STRUCTURED])
def test_a_mapping_says_the_same_as_a_text(data: object, canonical: str) -> None:
    assert show(from_structured(data)) == canonical


@pytest.mark.parametrize(
    ("data", "path", "said"), UNSTRUCTURED, ids=[str(row[0])[:50] for row in UNSTRUCTURED]
)
def test_a_mistake_in_a_mapping_has_its_path(data: object, path: tuple[str | int, ...], said: str) -> None:
    with pytest.raises(StructureError) as refused:
        read_structured(data)
    assert refused.value.place.path == path
    assert str(refused.value) == said


def test_a_structure_that_is_too_deep_or_too_long_is_refused() -> None:
    deep: object = "a met"
    for _ in range(17):
        deep = {"not": deep}
    with pytest.raises(StructureError, match="nested more than 16"):
        read_structured(deep)
    with pytest.raises(StructureError, match="more than 500 characters"):
        read_structured({"all": ["availability met for 7d"] * 30})


def test_every_phrase_has_a_true_example() -> None:
    for phrase in PHRASES:
        assert show(parse(phrase.example)) == phrase.meaning
        assert phrase.pattern.fullmatch(phrase.example)


@pytest.mark.parametrize(
    "text",
    ["all slos > 5", "not availability > 5", "a met and b > 5%", "All SLOs met for a while", "Zero regrets"],
)
def test_what_is_no_phrase_is_not_guessed(text: str) -> None:
    assert as_language(text) is None


def test_the_keywords_are_those_of_the_grammar() -> None:
    terminals = Lark(GRAMMAR, parser="lalr", start="criterion").terminals
    words = {t.pattern.value for t in terminals if re.fullmatch(r"[a-z]+", t.pattern.value)}
    assert words == KEYWORDS


def test_comparisons_are_found_in_the_order_they_are_written() -> None:
    found = comparisons(parse("a > 1 and (b > 2 or not c > 3) and d met"))
    assert [compare.operand.name for compare in found] == ["a", "b", "c"]
