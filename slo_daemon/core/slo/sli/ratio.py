"""Ratio: the share of good, or of bad, events. Good or bad is counted; the other is derived, once."""

from dataclasses import dataclass
from typing import ClassVar

from slo_daemon.core.slo.measurement import Measurement, NoData, Unavailable
from slo_daemon.core.slo.query import Absent, Ask, Form
from slo_daemon.core.slo.selector import Selector
from slo_daemon.core.slo.sli.parts import Need, Parts, count, share


@dataclass(frozen=True, slots=True)
class Ratio:
    """`counted` selects good events (`counts_good`) or bad ones; the value is the share of good (`as_good`) or bad."""

    kind: ClassVar[str] = "ratio"
    counted: Selector
    total: Selector
    counts_good: bool
    as_good: bool

    def asks(self, window: int, by: tuple[str, ...]) -> dict[str, Ask]:
        """Events counted, and all events."""
        name = "good" if self.counts_good else "bad"
        return {
            name: Ask(Form.EVENTS, self.counted, window, by),
            "total": Ask(Form.EVENTS, self.total, window, by),
        }

    def probes(self) -> tuple[Selector, ...]:
        """The total must be fresh. The counted series may be missing: a service without errors has none."""
        return (self.total,)

    def measure(self, parts: Parts, need: Need) -> Measurement:
        """A missing counted series beside a total is 0 such events: the one place where empty means zero."""
        name = "good" if self.counts_good else "bad"
        total = count(parts["total"])
        if isinstance(total, NoData | Unavailable):
            return total
        counted = 0.0 if isinstance(parts[name], Absent) else count(parts[name])
        if isinstance(counted, NoData | Unavailable):
            return counted
        return share(
            counted, total, (name, "total"), need, counts_good=self.counts_good, as_good=self.as_good
        )
