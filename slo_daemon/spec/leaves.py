"""One scalar -> one value. Each function takes what stands in the document and gives the value, or says what is wrong.

They raise pydantic's custom error, so that the shapes can hold them; `leaf_types` pairs each with its JSON Schema.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NoReturn, TypeVar

from pydantic_core import PydanticCustomError

from slo_daemon.core.quantity import (
    UNITS,
    Dimension,
    Quantity,
    QuantityError,
    Unit,
    parse_duration,
    parse_quantity,
)
from slo_daemon.core.slo.selector import (
    PromQLError,
    Selector,
    parse_expression,
    parse_raw,
    parse_selector,
)
from slo_daemon.core.spelling import did_you_mean
from slo_daemon.spec.nodes import Form, Scalar
from slo_daemon.spec.problems import shorten

WRONG = "wrong"  # the pydantic error type of everything that is said here
LONGEST_DURATION = 10 * 365 * 86_400  # seconds
LARGEST_COUNT = 1_000_000_000
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
METRIC_KEY = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?", re.ASCII)
_COUNT = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_BARE_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_QUANTILE = re.compile(r"p([0-9]{1,2}(\.[0-9]{1,6})?)|(0\.[0-9]{1,8})", re.ASCII)
_URL = re.compile(r"https?://(?P<userinfo>[^/?#@\s]*@)?[^/?#@\s]+([/?#][^\s]*)?")
_HISTOGRAM_SUFFIXES = ("_bucket", "_count", "_sum")

DIMENSIONS = {
    Dimension.TIME: ("a time", "50ms"),
    Dimension.RATIO: ("a ratio", "99%"),
    Dimension.RATING: ("a rating", "4.0/5"),
    Dimension.RATE: ("a rate", "100/s"),
    Dimension.NUMBER: ("a plain number", "12"),
}  # each in words, with an example

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


def wrong(message: str, remedy: str = "") -> NoReturn:
    """Refuse a value."""
    raise PydanticCustomError(WRONG, "{message}", {"message": message, "remedy": remedy})


def _scalar(value: object) -> Scalar:
    if not isinstance(value, Scalar):
        wrong(f"one value is wanted here, not a {'list' if isinstance(value, list) else 'mapping'}")
    if value.reads_as == "nothing":
        wrong("nothing stands here", "give a value or remove the key")
    return value


def _text(value: object, longest: int, *, lines: bool = False) -> str:
    scalar = _scalar(value)
    if scalar.reads_as:
        wrong(f"text is wanted, but YAML reads {scalar.text} as {scalar.reads_as}", "put it in quotes")
    if not scalar.text.strip():
        wrong("the text is empty")
    if len(scalar.text) > longest:
        wrong(f"the text has {len(scalar.text):,} characters; at most {longest:,} are taken")
    if any(not c.isprintable() and not (lines and c == "\n") for c in scalar.text):
        wrong("the text has control characters" + ("" if lines else " or several lines"))
    return scalar.text


def text(value: object) -> str:
    """One line of text, at most 200 characters."""
    return _text(value, 200)


def long_text(value: object) -> str:
    """Text of several lines, at most 2,000 characters."""
    return _text(value, 2_000, lines=True)


def line(value: object) -> str:
    """One line of text, at most 500 characters."""
    return _text(value, 500).strip()


def criterion(value: object) -> object:
    """A text in the criterion language, or a mapping that says the same; what it says is read by `spec.criteria`."""
    if isinstance(value, list):
        wrong("a criterion is wanted here, not a list", "write a text or a mapping")
    return value if isinstance(value, dict) else line(value)


def name(value: object) -> str:
    """The name of a pilot or an SLO: it can be a label value, a file name and a part of a URL."""
    given = _text(value, 2_000)
    if not NAME.fullmatch(given):
        wrong(
            f"{shorten(given)!r} is not a name",
            "use at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends",
        )
    return given


def metric_key_problem(given: str) -> tuple[str, str] | None:
    """Message and remedy, if `given` cannot name a success metric."""
    if METRIC_KEY.fullmatch(given):
        return None
    return (
        f"{shorten(given)!r} is not a metric's name",
        "use at most 63 lower-case letters, digits, underscores and dashes",
    )


def _as_written(scalar: Scalar) -> str:
    shown = shorten(scalar.text)
    return repr(shown) if scalar.form is Form.QUOTED else shown


def truth(value: object) -> bool:
    """`true` or `false`, unquoted; none of YAML 1.1's other spellings."""
    scalar = _scalar(value)
    if scalar.form is Form.QUOTED or scalar.text not in ("true", "false"):
        shown = _as_written(scalar)
        wrong(f"{shown} is not a truth value", "write true or false")
    return scalar.text == "true"


def count(value: object) -> int:
    """A whole number, at least 1."""
    scalar = _scalar(value)
    if scalar.form is Form.QUOTED or not _COUNT.fullmatch(scalar.text):
        shown = _as_written(scalar)
        wrong(f"{shown} is not a whole number", "write for example 500, without quotes or unit")
    number = int(scalar.text)
    if not 1 <= number <= LARGEST_COUNT:
        wrong(f"{number} is out of range", f"write a whole number from 1 to {LARGEST_COUNT:,}")
    return number


def quantity(value: object) -> Quantity:
    """A number with its unit; whether the unit fits is decided where the indicator is known."""
    try:
        return parse_quantity(_scalar(value).text)
    except QuantityError as error:
        wrong(str(error))


def quantity_of(dimension: Dimension) -> Callable[[object], Quantity]:
    """A reader of quantities of one dimension."""

    def read(value: object) -> Quantity:
        found = quantity(value)
        if found.dimension is not dimension:
            wrong(*unfit(found, dimension))
        return found

    return read


def unfit(found: Quantity, wanted: Dimension, because: str = "") -> tuple[str, str]:
    """What to say of a quantity of the wrong dimension: message and remedy. `because`: what wants the right one."""
    said = "has no unit" if found.dimension is Dimension.NUMBER else f"is {DIMENSIONS[found.dimension][0]}"
    word, example = DIMENSIONS[wanted]
    return f"{found} {said}, but {because or 'this key'} wants {word}", f"write for example {example}"


def share(value: object) -> float:
    """A ratio from 0 % to 100 %, as a number from 0 to 1."""
    found = quantity_of(Dimension.RATIO)(value)
    if not 0 <= found.amount * found.unit.factor <= 1:
        wrong(f"{found} is out of range", "write a ratio from 0% to 100%")
    return found.base


def inner_share(value: object) -> float:
    """A ratio between 0 % and 100 %, neither of them."""
    found = share(value)
    if not 0 < found < 1:
        wrong(f"{quantity(value)} is out of range", "write a ratio between 0% and 100%, for example 3%")
    return found


def relative_change(value: object) -> float:
    """A change as a ratio of what was before, more than -100 %: 0.15 for 15 %."""
    found = quantity_of(Dimension.RATIO)(value)
    if found.base <= -1:
        wrong(f"{found} is out of range", "write a change such as 15%")
    return found.base


def duration(value: object) -> int:
    """Whole seconds, from 1 s to 10 years."""
    written = _scalar(value).text
    if _BARE_NUMBER.fullmatch(written):
        wrong(
            f"{written[:30]} has no unit",
            f"write for example {written[:30]}s, {written[:30]}m or {written[:30]}d",
        )
    try:
        seconds = parse_duration(written)
    except QuantityError as error:
        wrong(str(error))
    if seconds > LONGEST_DURATION:
        wrong(f"{written} is longer than 10 years")
    return seconds


def duration_or_zero(value: object) -> int:
    """Whole seconds; `0s` is taken too."""
    return 0 if _scalar(value).text == "0s" else duration(value)


def short_duration(value: object) -> float:
    """Seconds, also fractions of one: `800ms`, `10s`."""
    written = _scalar(value).text
    if written.endswith("ms") and written[:-2].isdecimal() and written.isascii() and len(written) < 12:
        seconds = int(written[:-2]) / 1000
        if seconds <= 0:
            wrong("0ms is no time", "write for example 800ms or 10s")
        return seconds
    return float(duration(value))


def day(value: object) -> date:
    """A calendar day, quoted or not."""
    written = _scalar(value).text
    try:
        found = date.fromisoformat(written) if _DATE.fullmatch(written) else None
    except ValueError:
        found = None
    if found is None:
        wrong(f"{shorten(written)!r} is not a day", "write year-month-day, for example 2026-10-23")
    if not FIRST_DAY <= found <= LAST_DAY:
        wrong(f"{found} is out of range", f"write a day from {FIRST_DAY} to {LAST_DAY}")
    return found


def quantile(value: object) -> float:
    """`p95`, `p99.9` or `0.95`, as a number between 0 and 1."""
    written = _scalar(value).text
    match = _QUANTILE.fullmatch(written)
    q = Decimal(0)
    if match:
        q = Decimal(match.group(1)) / 100 if match.group(1) else Decimal(match.group(3))
    if not 0 < q < 1:
        wrong(f"{shorten(written)!r} is not a quantile", "write for example p50, p95, p99, p99.9 or 0.95")
    return float(q)


def unit(value: object) -> Unit:
    """The unit in which a metric is exposed."""
    written = _scalar(value).text
    if written not in UNITS or not written:
        known = [symbol for symbol in UNITS if symbol]
        wrong(f"unit {shorten(written)!r} is not known", f"the units are {', '.join(known)}")
    return UNITS[written]


def selector(value: object) -> Selector:
    """A PromQL vector selector."""
    try:
        return parse_selector(_promql(value))
    except PromQLError as error:
        wrong(str(error))


def histogram(value: object) -> Selector:
    """A selector that names a histogram's base metric, without a bucket."""
    found = selector(value)
    for suffix in _HISTOGRAM_SUFFIXES:
        if found.metric.endswith(suffix):
            base = found.metric.removesuffix(suffix)
            wrong(f"{found.metric} is one series of a histogram, not its name", f"write {base}")
    if any(matcher.label == "le" for matcher in found.matchers):
        wrong("the matcher on `le` picks single buckets; slo-daemon needs all of them", "remove it")
    return found


def expression(value: object) -> str:
    """A PromQL expression that selects at least one metric."""
    written = _promql(value)
    try:
        parse_expression(written)
    except PromQLError as error:
        wrong(str(error))
    return written


def raw_expression(value: object) -> str:
    """A PromQL expression with `$window`."""
    written = _promql(value)
    try:
        parse_raw(written)
    except PromQLError as error:
        wrong(str(error))
    return written


def _promql(value: object) -> str:
    scalar = _scalar(value)
    if scalar.reads_as:
        wrong(f"PromQL is wanted, but YAML reads {scalar.text} as {scalar.reads_as}", "put it in quotes")
    if not scalar.text.strip():
        wrong("the PromQL text is empty")
    return scalar.text.strip()


def url(value: object) -> str:
    """An http or https address. A user name and password in it are taken from outside the files only."""
    written = _text(value, 2_000)
    match = _URL.fullmatch(written)
    if match is None:
        wrong("this is not an http or https address", "write for example https://prometheus.example.org")
    if match["userinfo"] and _scalar(value).form is not Form.FREE:
        wrong(
            "the address carries a user name or password",
            "credentials are taken from files or the environment only",
        )
    return written


def choice(kind: type[ChoiceT]) -> Callable[[object], ChoiceT]:
    """A reader of one of a closed set of words."""

    def read(value: object) -> ChoiceT:
        written = _scalar(value).text
        known = [str(member.value) for member in kind]
        if written not in known:
            wrong(f"{shorten(written)!r} is not known here", did_you_mean(written, known, "words"))
        return kind(written)

    return read
