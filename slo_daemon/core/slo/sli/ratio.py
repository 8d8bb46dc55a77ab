"""Ratio: the share of good, or of bad, events. Good or bad is counted; the other is derived, once."""

from dataclasses import dataclass
from typing import ClassVar

from slo_daemon.core.slo.measurement import Measurement, Unavailable
from slo_daemon.core.slo.query import Ask, Form
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
        """A missing counted series beside a fresh total is 0 such events: the one place where empty means zero."""
        total = count(parts["total"], missing=0.0)
        counted = count(parts["good" if self.counts_good else "bad"], missing=0.0)
        if isinstance(total, Unavailable):
            return total
        if isinstance(counted, Unavailable):
            return counted
        names = ("good" if self.counts_good else "bad", "total")
        return share(counted, total, names, need, counts_good=self.counts_good, as_good=self.as_good)
