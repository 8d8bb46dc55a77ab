"""The keys of SLOs. The descriptions are what editors show, so they speak to the author of a spec."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema

from slo_daemon.core.slo.budget import BudgetMethod
from slo_daemon.core.slo.sli import KINDS as INDICATORS
from slo_daemon.core.slo.sli.gauge import Aggregate
from slo_daemon.core.slo.window import CalendarUnit
from slo_daemon.spec import leaves
from slo_daemon.spec.leaf_types import (
    AnyQuantity,
    Count,
    Duration,
    DurationOrZero,
    HistogramText,
    LongText,
    Lookback,
    Name,
    QuantileLeaf,
    RawText,
    SelectorText,
    Share,
    Span,
    Text,
    Time,
    Truth,
    UnitLeaf,
    Url,
    Zone,
    choice_schema,
)
from slo_daemon.spec.shape import Shape

_ONE_DIRECTION: dict[str, Any] = {"oneOf": [{"required": ["at_most"]}, {"required": ["at_least"]}]}
KINDS = tuple(INDICATORS)


class Counted(StrEnum):
    """Which share of the events a ratio shows."""

    GOOD = "good"
    BAD = "bad"


class PairSeverity(StrEnum):
    """Which level a pair of lookbacks raises."""

    WARNING = "warning"
    CRITICAL = "critical"


AggregateWord = Annotated[
    Aggregate, PlainValidator(leaves.choice(Aggregate)), WithJsonSchema(choice_schema(Aggregate))
]
CountedWord = Annotated[
    Counted, PlainValidator(leaves.choice(Counted)), WithJsonSchema(choice_schema(Counted))
]
CalendarWord = Annotated[
    CalendarUnit, PlainValidator(leaves.choice(CalendarUnit)), WithJsonSchema(choice_schema(CalendarUnit))
]
MethodWord = Annotated[
    BudgetMethod, PlainValidator(leaves.choice(BudgetMethod)), WithJsonSchema(choice_schema(BudgetMethod))
]
SeverityWord = Annotated[
    PairSeverity, PlainValidator(leaves.choice(PairSeverity)), WithJsonSchema(choice_schema(PairSeverity))
]
Labels = Annotated[
    dict[str, Text],
    Field(json_schema_extra={"propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"}}),
]
LabelNames = Annotated[list[Text], Field(min_length=1)]


class RatioShape(Shape):
    """The share of good, or of bad, events among all."""

    good: SelectorText | None = Field(
        default=None, description="Counter of good events, as a PromQL selector without rate()."
    )
    bad: SelectorText | None = Field(
        default=None, description="Counter of bad events. Give either good or bad."
    )
    total: SelectorText = Field(description="Counter of all events.")

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["good"]}, {"required": ["bad"]}]})


class LatencyShape(Shape):
    """The share of requests that took at most `threshold`."""

    histogram: HistogramText = Field(
        description="Histogram in seconds by its base name, without _bucket, _count or _sum."
    )
    threshold: Time = Field(
        description="Longest time of a good request; best a bucket edge of the histogram."
    )
    native: Truth = Field(
        default=False,
        description="Whether it is a native histogram of Prometheus; `histogram` is then the metric itself. Default: false, a classic one.",
    )


class QuantileShape(Shape):
    """A quantile of a histogram: the time within which that share of the requests is answered."""

    histogram: HistogramText = Field(
        description="Histogram in seconds by its base name, without _bucket, _count or _sum."
    )
    quantile: QuantileLeaf = Field(description="p50, p95, p99, p99.9 or a number such as 0.95.")
    native: Truth = Field(
        default=False,
        description="Whether it is a native histogram of Prometheus; `histogram` is then the metric itself. Default: false, a classic one.",
    )


class GaugeShape(Shape):
    """A value that goes up and down, aggregated over the window and across its series."""

    metric: SelectorText = Field(description="The gauge, as a PromQL selector.")
    aggregate: AggregateWord = Field(
        default=Aggregate.AVERAGE,
        description="How the window comes to one value: avg (default), min, max or last.",
    )
    unit: UnitLeaf | None = Field(
        default=None,
        description="The unit in which the metric is exposed. Default: the base unit of the objective's kind (s, ratio, /s).",
    )


class ThroughputShape(Shape):
    """Events per second."""

    counter: SelectorText = Field(description="The counter, as a PromQL selector without rate().")


class RawShape(Shape):
    """An expression of your own that gives one value (one per group with group_by)."""

    query: RawText = Field(description="PromQL with $window where the window belongs, e.g. rate(x[$window]).")
    unit: UnitLeaf | None = Field(
        default=None,
        description="The unit of the expression's value. Default: the base unit of the objective's kind.",
    )
    fresh: list[SelectorText] | None = Field(
        default=None,
        min_length=1,
        description="Selectors that must have new samples for the value to count. Default: all in the expression.",
    )


class SliShape(Shape):
    """What is measured: exactly one kind of indicator."""

    ratio: RatioShape | None = Field(default=None, description="Share of good or bad events.")
    as_: CountedWord | None = Field(
        default=None,
        alias="as",
        description="For ratio: show the share of good or of bad events. Default: good with at_least, bad with at_most.",
    )
    latency: LatencyShape | None = Field(default=None, description="Share of requests under a time.")
    quantile: QuantileShape | None = Field(default=None, description="A quantile of a histogram.")
    gauge: GaugeShape | None = Field(default=None, description="A value that goes up and down.")
    throughput: ThroughputShape | None = Field(default=None, description="Events per second.")
    raw: RawShape | None = Field(default=None, description="Your own PromQL.")

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [kind]} for kind in KINDS]})


class TargetShape(Shape):
    """A wanted value with its direction."""

    at_most: AnyQuantity | None = Field(
        default=None, description="The value is good up to this one, e.g. 50ms or 0.1%."
    )
    at_least: AnyQuantity | None = Field(
        default=None, description="The value is good from this one on, e.g. 99.9%."
    )

    model_config = ConfigDict(json_schema_extra=_ONE_DIRECTION)


class ObjectiveShape(TargetShape):
    """What is wanted, and from which values on people are told."""

    warning: AnyQuantity | None = Field(
        default=None, description="Past this value the alert level is warning; before or behind the target."
    )
    critical: AnyQuantity | None = Field(
        default=None, description="Past this value the alert level is critical; beyond the warning."
    )


class BurnPairShape(Shape):
    """Alert when a share of the budget goes within the long lookback, and still goes in the short one."""

    severity: SeverityWord = Field(description="The level that the pair raises: warning or critical.")
    share: Share = Field(
        description="The share of the budget that goes within the long lookback at the threshold, e.g. 2%."
    )
    long: Lookback = Field(description="The lookback that proves: a multiple of 5m, at most 3d.")
    short: Lookback = Field(
        description="The lookback that ends the alert soon after the errors: usually a twelfth of the long one."
    )


class BurnRatesShape(Shape):
    """How fast the budget goes: pairs of lookbacks, and whether they alert."""

    alert: Truth | None = Field(
        default=None,
        description="Whether burn rates raise the alert level. Default: true for occurrences, false for timeslices, whose rates are only shown.",
    )
    min_failures: Count | None = Field(
        default=None,
        description="Bad events (or slices) in the long lookback below which a pair does not fire. Default: 5.",
    )
    pairs: list[BurnPairShape] | None = Field(
        default=None,
        min_length=1,
        description="Default for 30d: 2% in 1h and 5m, 5% in 6h and 30m (critical); 10% in 1d and 2h, 10% in 3d and 6h (warning).",
    )


class BudgetShape(Shape):
    """The error budget: how much may go wrong over a long window."""

    window: Span | None = Field(
        default=None,
        description="A rolling window, e.g. 30d; at least the SLO's own, at most 366d. Give either window or calendar.",
    )
    calendar: CalendarWord | None = Field(
        default=None,
        description="A period of the calendar instead: the budget begins anew each day, week, month, quarter or year.",
    )
    zone: Zone | None = Field(
        default=None,
        description="By whose clock the calendar goes, e.g. Europe/Berlin. Default: UTC.",
    )
    method: MethodWord | None = Field(
        default=None,
        description="What is counted: occurrences (bad events; default for ratio and latency) or timeslices (slices of time that missed; all others).",
    )
    target: Share | None = Field(
        default=None,
        description="Share of time slices that must meet the objective; for timeslices only, as a budget of events follows from the objective.",
    )
    burn_rates: BurnRatesShape | None = Field(
        default=None, description="How fast the budget goes, and when that alerts."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["window"]}, {"required": ["calendar"]}],
            "dependencies": {"zone": ["calendar"]},
        }
    )


class AlertingShape(Shape):
    """When a level is raised and lowered."""

    for_: DurationOrZero | None = Field(
        default=None,
        alias="for",
        description="How long a level must be proven before it is raised. Default: at once.",
    )
    clear_for: DurationOrZero | None = Field(
        default=None,
        description="How long a lower level must be proven before the level is lowered. Default: 2m.",
    )
    clear_margin: Share | None = Field(
        default=None,
        description="How far on the good side of a threshold a value must be to clear it, as a share of the span between the thresholds. Default: 5%.",
    )


class MissingDataShape(Shape):
    """What happens when the data stays away."""

    escalate: Truth = Field(
        default=True, description="Raise the level in time, as if everything unseen had failed."
    )
    because: Text | None = Field(
        default=None, description="Why missing data is no alarm here; needed with escalate: false."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"escalate": {"const": False}}, "required": ["escalate"]},
            "then": {"required": ["because"]},
        }
    )


class SloShape(Shape):
    """One service level objective."""

    name: Name = Field(description="Unique in its document; the SLO's id is document name/SLO name.")
    description: LongText | None = Field(default=None, description="What users notice when it is missed.")
    sli: SliShape = Field(description="What is measured.")
    objective: ObjectiveShape = Field(description="What is wanted. The direction has no default.")
    window: Duration = Field(
        description="Measurement window, e.g. 5m: the value is taken over it at every evaluation."
    )
    budget: BudgetShape | None = Field(default=None, description="Error budget over a longer window.")
    alerting: AlertingShape | None = Field(default=None, description="When a level is raised and lowered.")
    missing_data: MissingDataShape | None = Field(
        default=None, description="What happens when the data stays away."
    )
    min_events: Count | None = Field(
        default=None,
        description="Events in the window from which on a value counts. Default: what it takes to claim the target with 95 % confidence.",
    )
    freshness: Duration | None = Field(
        default=None,
        description="How old the newest sample may be. Default: 5m, or 4 scrape intervals if that is longer.",
    )
    group_by: LabelNames | None = Field(
        default=None, description="Labels: each combination of their values becomes an SLO of its own."
    )
    forget_after: Duration | None = Field(
        default=None, description="After how long without samples a group is gone. Default: 1d."
    )
    labels: Labels | None = Field(default=None, description="Labels on this SLO's metrics and alerts.")
    runbook: Url | None = Field(default=None, description="Where it says what to do when this alerts.")
