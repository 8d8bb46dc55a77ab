"""Numbers with units, as people write them (`50ms`, `99.9%`, `4.0/5`, `14d`), parsed once and printed back.

Inside the daemon every value is a float in the base unit of its dimension: seconds, a ratio of 1, a rating,
events per second, or a plain number. A `Quantity` remembers how its author wrote it, to speak the same way.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from math import inf, isfinite


class Dimension(StrEnum):
    """What a number measures. The value is the base unit's name, used as the label `unit` on metrics."""

    TIME = "seconds"
    RATIO = "ratio"
    RATING = "rating"
    RATE = "per_second"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of one dimension; `factor` turns an amount in this unit into the base unit."""

    symbol: str
    dimension: Dimension
    factor: Decimal

    def to_base(self, amount: float) -> float:
        """`amount` of this unit in the base unit, as exactly as a Quantity is: 8.3 ms are 0.0083 s."""
        return float(Decimal(repr(amount)) * self.factor)

    def show(self, base: float) -> str:
        """`base` (in the base unit) in this unit, with at most four significant decimals: `42.3ms`, `99.95%`."""
        if not isfinite(base):
            return "infinity" if base == inf else f"{base:g}"
        amount = base / float(self.factor)
        return f"{_trim(amount)}{self.symbol}"


_UNITS = tuple(
    Unit(symbol, dimension, Decimal(factor))
    for symbol, dimension, factor in (
        ("us", Dimension.TIME, "0.000001"),
        ("ms", Dimension.TIME, "0.001"),
        ("s", Dimension.TIME, "1"),
        ("m", Dimension.TIME, "60"),
        ("h", Dimension.TIME, "3600"),
        ("d", Dimension.TIME, "86400"),
        ("w", Dimension.TIME, "604800"),
        ("%", Dimension.RATIO, "0.01"),
        ("ratio", Dimension.RATIO, "1"),
        ("/5", Dimension.RATING, "1"),
        ("/s", Dimension.RATE, "1"),
        ("/min", Dimension.RATE, str(Decimal(1) / Decimal(60))),
        ("", Dimension.NUMBER, "1"),
    )
)
UNITS: dict[str, Unit] = {unit.symbol: unit for unit in _UNITS}
BASE_UNITS: dict[Dimension, Unit] = {unit.dimension: unit for unit in _UNITS if unit.factor == 1}
DURATION_UNITS = ("ms", "s", "m", "h", "d", "w")

_QUANTITY = re.compile(r"\s*([+-]?[0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z%/][a-zA-Z0-9%/]*)?\s*", re.ASCII)
_DURATION = re.compile(r"([0-9]+)(ms|s|m|h|d|w)", re.ASCII)
_LONGEST_NUMBER = 30  # characters; more is a slip of the keyboard, and Decimal would happily take a million


class QuantityError(ValueError):
    """The text is not a number with a known unit. The message says what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount with its unit, e.g. 99.9 %."""

    amount: Decimal
    unit: Unit

    @property
    def base(self) -> float:
        """The amount in the base unit of its dimension: 50ms -> 0.05, 99.9% -> 0.999."""
        return float(self.amount * self.unit.factor)

    @property
    def dimension(self) -> Dimension:
        """What the number measures."""
        return self.unit.dimension

    def __str__(self) -> str:
        return f"{_plain(self.amount)}{self.unit.symbol}"


def parse_quantity(text: str) -> Quantity:
    """`text` as a quantity. Raises QuantityError."""
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if match is None:
        raise QuantityError(
            f"{_quoted(text)} is not a number with a unit; write for example 50ms, 99.9% or 4.0/5"
        )
    symbol = match.group(2) or ""
    unit = UNITS.get(symbol)
    if unit is None:
        known = ", ".join(symbol for symbol in UNITS if symbol)
        raise QuantityError(f"unit {symbol!r} is not known; the units are {known}")
    return Quantity(Decimal(match.group(1)), unit)


def parse_duration(text: str) -> int:
    """A duration such as `5m`, `1h30m` or `8w` in whole seconds, at least one. Raises QuantityError."""
    parts = _DURATION.findall(text) if len(text) <= _LONGEST_NUMBER else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise QuantityError(f"{_quoted(text)} is not a duration; write for example 30s, 5m, 1h30m, 14d or 8w")
    order = [DURATION_UNITS.index(unit) for _, unit in parts]
    if order != sorted(set(order), reverse=True):
        raise QuantityError(
            f"{_quoted(text)} repeats or mixes up its units; write the largest first, as in 1h30m"
        )
    total = sum(Decimal(number) * UNITS[unit].factor for number, unit in parts)
    if total < 1 or total != int(total):
        raise QuantityError(f"{_quoted(text)} is not a whole number of seconds, at least 1s")
    return int(total)


def show_duration(seconds: float) -> str:
    """Seconds as people write them: 5400 -> `1h30m`, 2592000 -> `30d`. Weeks are shown as days."""
    whole = round(seconds)
    if whole <= 0:
        return f"{_trim(seconds)}s" if seconds > 0 else "0s"
    text = ""
    for symbol in ("d", "h", "m", "s"):
        count, whole = divmod(whole, int(UNITS[symbol].factor))
        if count:
            text += f"{count}{symbol}"
    return text


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_NUMBER else text[:_LONGEST_NUMBER] + "...")


def _plain(amount: Decimal) -> str:
    return format(amount, "f")


def _trim(amount: float) -> str:
    """Enough digits to tell values apart, none that pretend precision."""
    if amount == 0:
        return "0"
    magnitude = abs(amount)
    if magnitude >= 1000:
        text = f"{amount:.0f}"
    elif magnitude >= 1:
        text = f"{amount:.3f}"
    else:
        text = f"{amount:.4g}"
        if "e" in text:
            text = f"{amount:.12f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
