"""Gauge: a value that goes up and down, aggregated over the window and across its series."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from slo_daemon.core.quantity import Dimension, Unit
from slo_daemon.core.slo.measurement import Measured, Measurement, NoData, Unavailable
from slo_daemon.core.slo.query import Ask, FailReason, Form
from slo_daemon.core.slo.selector import Selector
from slo_daemon.core.slo.sli.parts import Need, Part, Parts, number

RATIO_SLACK = 1e-6


class Aggregate(StrEnum):
    """Over the window; across series avg, min and max do the same, and `last` averages."""

    AVERAGE = "avg"
    MINIMUM = "min"
    MAXIMUM = "max"
    LATEST = "last"


@dataclass(frozen=True, slots=True)
class Gauge:
    """`unit`: the unit in which the metric is exposed (a metric in ms or % is converted)."""

    kind: ClassVar[str] = "gauge"
    metric: Selector
    aggregate: Aggregate
    unit: Unit

    def asks(self, window: int, by: tuple[str, ...]) -> dict[str, Ask]:
        """The aggregated value."""
        return {"value": Ask(Form(self.aggregate.value), self.metric, window, by)}

    def probes(self) -> tuple[Selector, ...]:
        """The metric itself."""
        return (self.metric,)

    def measure(self, parts: Parts, need: Need) -> Measurement:
        """The value in the base unit."""
        return plain_value(parts["value"], need, self.unit, f"{self.aggregate.value} of the window")


def plain_value(part: Part, need: Need, unit: Unit, name: str) -> Measurement:
    """One number that counts no events, converted from `unit`. A ratio outside 0..1 is a wrong unit, not a value."""
    value = number(part)
    if value is None:
        return NoData("the query gave no row")
    if isinstance(value, Unavailable):
        return value
    base = value * float(unit.factor)
    if need.objective.dimension is Dimension.RATIO and not -RATIO_SLACK <= base <= 1.0 + RATIO_SLACK:
        detail = (
            f'{value:g} is no ratio between 0 and 1; if the metric is in percent, say unit: "%" in the sli'
        )
        return Unavailable(FailReason.VALUE, detail)
    return Measured(base, base, base, working=(f"{name} = {need.objective.unit.show(base)}",))
