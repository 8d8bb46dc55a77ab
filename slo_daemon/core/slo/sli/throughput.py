"""Throughput: events per second over the window. Nothing happening is a value here: zero."""

from dataclasses import dataclass
from math import inf
from typing import ClassVar

from slo_daemon.core.slo.chunks import CELL
from slo_daemon.core.slo.measurement import INCOMPLETE, Measured, Measurement, NoData, Unavailable
from slo_daemon.core.slo.query import Ask, Form
from slo_daemon.core.slo.selector import Selector
from slo_daemon.core.slo.sli.parts import Need, Parts, count


@dataclass(frozen=True, slots=True)
class Throughput:
    """Events of a counter, per second."""

    kind: ClassVar[str] = "throughput"
    counter: Selector

    def asks(self, by: tuple[str, ...], overlap: int) -> dict[str, Ask]:
        """Events; the same question that ratios ask, so it is often free."""
        return {"total": Ask(Form.EVENTS, self.counter, CELL, by, overlap=overlap)}

    def proof_of(self, by: tuple[str, ...]) -> str:  # noqa: ARG002 - the same for every grouping
        """The part whose rows prove that there are new samples."""
        return "total"

    def probes(self) -> tuple[Selector, ...]:
        """The counter itself."""
        return (self.counter,)

    def measure(self, parts: Parts, need: Need) -> Measurement:
        """Events divided by the seconds that were seen; what came in the others is not known."""
        total = count(parts["total"])
        if isinstance(total, NoData | Unavailable):
            return total
        value = total / need.seen
        working = (f"{total:,.0f} events / {need.seen:,.0f} s = {need.objective.unit.show(value)}",)
        if need.complete:
            return Measured(value, value, value, working=working)
        return Measured(
            value, total / need.window, inf, limit=INCOMPLETE, working=(*working, need.incomplete())
        )
