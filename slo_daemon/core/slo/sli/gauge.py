"""Gauge: a value that goes up and down, aggregated over the window and across its series."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from slo_daemon.core.quantity import Unit
from slo_daemon.core.slo.chunks import CELL
from slo_daemon.core.slo.measurement import Measurement
from slo_daemon.core.slo.query import Ask, Form
from slo_daemon.core.slo.selector import Selector
from slo_daemon.core.slo.sli.parts import Need, Parts, plain_value

_DIGITS = 12  # of an average: beyond them lies what summing has rounded, and 0.95 must not become 0.9499999999999999


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

    def asks(self, by: tuple[str, ...], overlap: int) -> dict[str, Ask]:  # noqa: ARG002 - gauges share no border
        """The aggregated value."""
        return {"value": Ask(Form(self.aggregate.value), self.metric, CELL, by)}

    def proof_of(self, by: tuple[str, ...]) -> str:  # noqa: ARG002 - the same for every grouping
        """The part whose rows prove that there are new samples."""
        return "value"

    def probes(self) -> tuple[Selector, ...]:
        """The metric itself."""
        return (self.metric,)

    def measure(self, parts: Parts, need: Need) -> Measurement:
        """The value in the base unit."""
        return plain_value(parts["value"], need, self.unit, f"{self.aggregate.value} of the window")
