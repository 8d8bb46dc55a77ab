"""Raw: the author's own PromQL expression with `$window`, giving one value (per group) in a known unit."""

from dataclasses import dataclass
from typing import ClassVar

from slo_daemon.core.quantity import Unit
from slo_daemon.core.slo.chunks import CELL
from slo_daemon.core.slo.measurement import Measurement
from slo_daemon.core.slo.query import Ask, Form
from slo_daemon.core.slo.selector import Selector
from slo_daemon.core.slo.sli.parts import Need, Parts, plain_value


@dataclass(frozen=True, slots=True)
class Raw:
    """`fresh`: the selectors that must have new samples for the value to count (default: all in the expression)."""

    kind: ClassVar[str] = "raw"
    expression: str
    unit: Unit
    fresh: tuple[Selector, ...]

    def asks(self, by: tuple[str, ...], overlap: int) -> dict[str, Ask]:  # noqa: ARG002 - the author's business
        """The expression as written; it must itself aggregate to the labels of `by`."""
        return {"value": Ask(Form.RAW, None, CELL, by, self.expression)}

    def proof_of(self, by: tuple[str, ...]) -> str:  # noqa: ARG002 - the same for every grouping
        """Nothing in the expression's value proves that it is fresh: its selectors are asked beside it."""
        return ""

    def probes(self) -> tuple[Selector, ...]:
        """Named by the author, else every selector of the expression."""
        return self.fresh

    def measure(self, parts: Parts, need: Need) -> Measurement:
        """The value in the base unit."""
        return plain_value(parts["value"], need, self.unit, "expression")
