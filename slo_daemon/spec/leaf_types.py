"""The leaves as types for the pydantic shapes, each with the JSON Schema that editors use."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from slo_daemon.core.quantity import UNITS, Dimension, Quantity, Unit
from slo_daemon.core.slo.selector import Selector
from slo_daemon.spec import leaves, spans

DURATION_SCHEMA = {
    "type": "string",
    "minLength": 2,
    "pattern": "^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
    "examples": ["30s", "5m", "1h30m", "14d", "8w"],
}
_UNIT_PATTERN = "us|ms|s|m|h|d|w|%|ratio|/5|/s|/min"
_NUMBER_PATTERN = "[+-]?[0-9]+(\\.[0-9]+)?"
_PROMQL_SCHEMA = {"type": "string", "minLength": 1, "maxLength": 8192}
NAME_SCHEMA = {"type": "string", "pattern": f"^{leaves.NAME.pattern}$", "maxLength": 63}
METRIC_KEY_SCHEMA = {"pattern": f"^{leaves.METRIC_KEY.pattern}$"}

CRITERION = "CriterionShape"  # in the JSON Schema: a criterion may hold criteria

Text = Annotated[
    str, PlainValidator(leaves.text), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200})
]
LongText = Annotated[
    str,
    PlainValidator(leaves.long_text),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 2000}),
]
Criterion = Annotated[
    object,
    PlainValidator(leaves.criterion),
    WithJsonSchema({"$ref": f"#/$defs/{CRITERION}"}),
]
Name = Annotated[str, PlainValidator(leaves.name), WithJsonSchema(NAME_SCHEMA)]
Truth = Annotated[bool, PlainValidator(leaves.truth), WithJsonSchema({"type": "boolean"})]
Count = Annotated[
    int,
    PlainValidator(leaves.count),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": leaves.LARGEST_COUNT}),
]
QUANTITY_SCHEMA = {
    "type": ["string", "number"],
    "pattern": f"^ *{_NUMBER_PATTERN} *({_UNIT_PATTERN})? *$",
    "examples": ["50ms", "99.9%", "4.0/5", "100/s", 12],
}
AnyQuantity = Annotated[Quantity, PlainValidator(leaves.quantity), WithJsonSchema(QUANTITY_SCHEMA)]
Time = Annotated[
    Quantity,
    PlainValidator(leaves.quantity_of(Dimension.TIME)),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^ *{_NUMBER_PATTERN} *(us|ms|s|m|h|d|w) *$",
            "examples": ["50ms", "1.5s"],
        }
    ),
]
Share = Annotated[
    float,
    PlainValidator(leaves.share),
    WithJsonSchema(
        {"type": "string", "pattern": f"^ *{_NUMBER_PATTERN} *(%|ratio) *$", "examples": ["99%", "5%"]}
    ),
]
InnerShare = Annotated[
    float,
    PlainValidator(leaves.inner_share),
    WithJsonSchema(
        {"type": "string", "pattern": f"^ *{_NUMBER_PATTERN} *(%|ratio) *$", "examples": ["3%", "50%"]}
    ),
]
RelativeChange = Annotated[
    float,
    PlainValidator(leaves.relative_change),
    WithJsonSchema(
        {"type": "string", "pattern": f"^ *{_NUMBER_PATTERN} *(%|ratio) *$", "examples": ["15%", "-2%"]}
    ),
]
Duration = Annotated[int, PlainValidator(leaves.duration), WithJsonSchema(DURATION_SCHEMA)]
DurationOrZero = Annotated[int, PlainValidator(leaves.duration_or_zero), WithJsonSchema(DURATION_SCHEMA)]
ShortDuration = Annotated[float, PlainValidator(leaves.short_duration), WithJsonSchema(DURATION_SCHEMA)]
Span = Annotated[
    int,
    PlainValidator(spans.span),
    WithJsonSchema({**DURATION_SCHEMA, "examples": ["30m", "1h", "7d", "30d"]}),
]
Lookback = Annotated[
    int,
    PlainValidator(spans.lookback),
    WithJsonSchema({**DURATION_SCHEMA, "examples": ["5m", "30m", "1h", "6h", "3d"]}),
]
Zone = Annotated[
    str,
    PlainValidator(spans.zone),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[A-Za-z][A-Za-z0-9_+/-]*$",
            "examples": ["UTC", "Europe/Berlin", "America/New_York"],
        }
    ),
]
Day = Annotated[date, PlainValidator(leaves.day), WithJsonSchema({"type": "string", "format": "date"})]
QuantileLeaf = Annotated[
    float,
    PlainValidator(leaves.quantile),
    WithJsonSchema({"type": ["string", "number"], "examples": ["p50", "p95", "p99", "p99.9", 0.95]}),
]
UnitLeaf = Annotated[
    Unit,
    PlainValidator(leaves.unit),
    WithJsonSchema({"type": "string", "enum": [symbol for symbol in UNITS if symbol]}),
]
SelectorText = Annotated[Selector, PlainValidator(leaves.selector), WithJsonSchema(_PROMQL_SCHEMA)]
HistogramText = Annotated[Selector, PlainValidator(leaves.histogram), WithJsonSchema(_PROMQL_SCHEMA)]
ExpressionText = Annotated[str, PlainValidator(leaves.expression), WithJsonSchema(_PROMQL_SCHEMA)]
RawText = Annotated[
    str, PlainValidator(leaves.raw_expression), WithJsonSchema({**_PROMQL_SCHEMA, "pattern": "\\$window"})
]
Url = Annotated[
    str,
    PlainValidator(leaves.url),
    WithJsonSchema({"type": "string", "pattern": "^https?://[^/?#@]+([/?#].*)?$"}),
]


def choice_schema(kind: type[StrEnum]) -> dict[str, Any]:
    """The JSON Schema of a closed set of words."""
    return {"type": "string", "enum": [str(member.value) for member in kind]}
