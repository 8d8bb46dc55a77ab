"""Throughput: events per second over the window. Nothing happening is a value here: zero."""

from dataclasses import dataclass
from typing import ClassVar

from slo_daemon.core.slo.measurement import Measured, Measurement, NoData, Unavailable
from slo_daemon.core.slo.query import Ask, Form
from slo_daemon.core.slo.selector import Selector
from slo_daemon.core.slo.sli.parts import Need, Parts, count


@dataclass(frozen=True, slots=True)
class Throughput:
    """Events of a counter, per second."""

    kind: ClassVar[str] = "throughput"
    counter: Selector

    def asks(self, window: int, by: tuple[str, ...]) -> dict[str, Ask]:
        """Events in the window; the same question that ratios ask, so it is often free."""
        return {"total": Ask(Form.EVENTS, self.counter, window, by)}

    def probes(self) -> tuple[Selector, ...]:
        """The counter itself."""
        return (self.counter,)

    def measure(self, parts: Parts, need: Need) -> Measurement:
        """Events divided by the window's seconds."""
        total = count(parts["total"])
        if isinstance(total, NoData | Unavailable):
            return total
        value = total / need.window
        working = (f"{total:,.0f} events / {need.window} s = {need.objective.unit.show(value)}",)
        return Measured(value, value, value, working=working)
