"""Numbers with units: what people write is parsed once, compared in base units, and printed back."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.quantity import (
    DURATION_UNITS,
    UNITS,
    Dimension,
    QuantityError,
    parse_duration,
    parse_quantity,
    show_duration,
)


@pytest.mark.parametrize(
    ("text", "base", "dimension"),
    [
        ("50ms", 0.05, Dimension.TIME),
        ("1.5s", 1.5, Dimension.TIME),
        ("99.9%", 0.999, Dimension.RATIO),
        ("0.1%", 0.001, Dimension.RATIO),
        ("4.0/5", 4.0, Dimension.RATING),
        ("120/min", 2.0, Dimension.RATE),
        ("100/s", 100.0, Dimension.RATE),
        ("0.85", 0.85, Dimension.NUMBER),
        ("14d", 1_209_600.0, Dimension.TIME),
    ],
)
def test_a_quantity_is_compared_in_its_base_unit(text: str, base: float, dimension: Dimension) -> None:
    quantity = parse_quantity(text)
    assert quantity.base == pytest.approx(base, rel=1e-15)
    assert quantity.dimension is dimension
    assert str(quantity) == text


@pytest.mark.parametrize(
    "text", ["", "ms", "50 parsecs", "5,0ms", "1e3s", "--5ms", "5ms5", "NaN", "inf", "9" * 400, "٣ms"]
)
def test_what_is_no_quantity_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(QuantityError, match=r"number with a unit|is not known"):
        parse_quantity(text)


@given(
    st.decimals(min_value=Decimal(-10_000), max_value=Decimal(10_000), places=4),
    st.sampled_from(sorted(UNITS)),
)
def test_a_quantity_printed_and_parsed_is_the_same_quantity(amount: Decimal, symbol: str) -> None:
    quantity = parse_quantity(f"{amount:f}{symbol}")
    assert parse_quantity(str(quantity)) == quantity


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("14d", 1_209_600), ("8w", 4_838_400), ("1500ms500ms", None)],
)
def test_durations_are_whole_seconds(text: str, seconds: int | None) -> None:
    if seconds is None:
        with pytest.raises(QuantityError):
            parse_duration(text)
    else:
        assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "5 m", "m5", "30m1h", "5m5m", "1.5h", "0s", "500ms", "-5m"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(QuantityError, match=r"write|whole number"):
        parse_duration(text)


@given(st.integers(min_value=1, max_value=400 * 86_400))
def test_a_duration_shown_and_parsed_is_the_same_duration(seconds: int) -> None:
    assert parse_duration(show_duration(seconds)) == seconds


@given(st.text(max_size=40))
def test_any_text_is_a_value_or_a_named_error(text: str) -> None:
    for parse in (parse_quantity, parse_duration):
        with suppress(QuantityError):
            parse(text)


def test_every_duration_unit_is_a_unit_of_time() -> None:
    assert {UNITS[symbol].dimension for symbol in DURATION_UNITS} == {Dimension.TIME}


@pytest.mark.parametrize(
    ("symbol", "base", "shown"),
    [
        ("ms", 0.0423, "42.3ms"),
        ("%", 0.9995, "99.95%"),
        ("%", 0.00082, "0.082%"),
        ("%", 0.0, "0%"),
        ("s", 1234.5, "1234s"),
    ],
)
def test_values_are_shown_in_the_unit_of_the_objective(symbol: str, base: float, shown: str) -> None:
    assert UNITS[symbol].show(base) == shown
