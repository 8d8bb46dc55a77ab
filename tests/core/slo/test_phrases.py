"""How values are said: in the author's unit, short, and never on the wrong side of a threshold."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.quantity import UNITS, Unit
from slo_daemon.core.slo.phrases import (
    rfc3339,
    say_count,
    say_evaluation,
    say_name,
    say_objective,
    say_time,
    say_value,
    visible,
)
from slo_daemon.core.slo.slo import SloInstance
from tests.factories import NOW, all_readings, at_least, at_most, one_number, seed_slos, view


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.0423177, "ms", "42.3 ms"),
        (0.05, "ms", "50 ms"),
        (0.9995, "%", "99.95 %"),
        (0.0008, "%", "0.08 %"),
        (1.0, "%", "100 %"),
        (0.0, "%", "0 %"),
        (0.99999999, "%", "99.999999 %"),
        (4.2, "/5", "4.2/5"),
        (123.456, "/s", "123/s"),
        (1_234_567.8, "", "1234568"),
        (0.123456, "ratio", "0.123"),
        (1e-9, "s", "0.000000001 s"),
        (-0.5, "", "-0.5"),
        (1.5e308, "ms", "1.5e+308 s"),
        (2e-300, "%", "2e-300"),
        (float("nan"), "ms", "not a number"),
        (float("inf"), "ms", "infinite"),
    ],
)
def test_a_value_is_said_in_its_unit_with_three_digits_or_more(value: float, unit: str, said: str) -> None:
    assert say_value(value, UNITS[unit]) == said


def test_a_value_just_under_the_target_does_not_look_like_the_target() -> None:
    assert say_value(0.998996, UNITS["%"], [0.999]) == "99.8996 %"
    assert say_value(0.050001, UNITS["ms"], [0.05]) == "50.001 ms"


@given(
    st.floats(min_value=0.0, max_value=1.0),
    st.floats(min_value=0.0, max_value=1.0).map(lambda x: round(x, 6)),
)
def test_a_said_value_lies_on_the_same_side_of_the_target_as_the_value(value: float, target: float) -> None:
    said = float(say_value(value, UNITS["ratio"], [target]))
    if abs(value - target) > 1e-9:
        assert (said < target) == (value < target)
        assert (said > target) == (value > target)


@given(st.floats(), st.sampled_from(list(UNITS.values())), st.lists(st.floats(allow_nan=False)))
def test_every_number_can_be_said(value: float, unit: Unit, landmarks: list[float]) -> None:
    assert 0 < len(say_value(value, unit, landmarks)) < 40


def test_objectives_are_said_in_words() -> None:
    assert say_objective(at_most("50ms")) == "at most 50 ms"
    assert say_objective(at_least("99.9%")) == "at least 99.9 %"
    assert say_objective(at_least("4.0/5")) == "at least 4.0/5"
    assert say_objective(at_least("0.95ratio")) == "at least 0.95"


def test_an_evaluation_is_said_in_one_sentence() -> None:
    availability = seed_slos()[2]
    met = view(availability, all_readings(availability, {"bad": one_number(50), "total": one_number(1e5)}))
    few = view(availability, all_readings(availability, {"bad": one_number(0), "total": one_number(80)}))
    assert say_evaluation(met.evaluation) == "99.95 % against at least 99.9 %"
    assert say_evaluation(few.evaluation).startswith("80 events are fewer than the 2,995 that it takes")
    assert say_evaluation(None) == "not evaluated yet"


def test_an_instance_is_said_without_its_pilot() -> None:
    slo = seed_slos("p")[2]
    assert say_name(SloInstance(slo)) == "availability"
    assert say_name(SloInstance(slo, (("region", "eu"),))) == 'availability{region="eu"}'


def test_times_are_said_in_utc() -> None:
    assert say_time(NOW) == "2026-11-22 10:00:00 UTC"
    assert rfc3339(NOW + 0.9) == "2026-11-22T10:00:00Z"


def test_one_is_singular() -> None:
    assert [say_count(n, "query", "queries") for n in (0, 1, 2_000)] == [
        "0 queries",
        "1 query",
        "2,000 queries",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\tand  spaces ", "two lines and spaces"),
        ("\x1b[2Jcleared", "\ufffd[2Jcleared"),
        ("\x9b31mred", "\ufffd31mred"),
        ("abc\u202eexe.txt", "abc\ufffdexe.txt"),
        ("zero\u200bwidth", "zero\ufffdwidth"),
        ("half a \ud83d pair", "half a \ufffd pair"),
        ("👩\u200d🔬 stays", "👩\u200d🔬 stays"),
        ("naïve 検索 ✓", "naïve 検索 ✓"),
    ],
)
def test_what_is_invisible_or_steers_a_terminal_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_visible_text_is_one_printable_line_and_stays_as_it_is(text: str) -> None:
    shown = visible(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    assert not any(unicodedata.category(c) in ("Zl", "Zp") for c in shown)
    assert visible(shown) == shown
    shown.encode()
