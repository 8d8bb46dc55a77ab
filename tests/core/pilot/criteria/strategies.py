"""Criteria of all forms, for properties; and facts that say what a test wants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import strategies as st

from slo_daemon.core.pilot.criteria.criterion import All, Any, Compare, Criterion, Met, Not, Op, Operand
from slo_daemon.core.pilot.criteria.evidence import Evidence, Known, MetFact, Unknown
from slo_daemon.core.pilot.criteria.show import KEYWORDS, show_operand
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.quantity import UNITS, Quantity
from slo_daemon.core.slo.window import Slot

PRINTABLE = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
NAMES = (
    st.sampled_from(
        ["availability", "error-rate", "p99_latency", "5xx", "404", "Mobile", "a b", '"', "\\", "ſ"]
    )
    | st.sampled_from(sorted(KEYWORDS))
    | st.text(PRINTABLE, min_size=1, max_size=8)
)
DURATIONS = st.integers(1, 10 * 365 * 86_400)
LITERALS = st.builds(
    Quantity,
    st.decimals(-(10**6), 10**6, places=3) | st.integers(-(10**9), 10**9).map(Decimal),
    st.sampled_from(list(UNITS.values())),
)
OPERANDS = st.builds(Operand, NAMES, st.just("") | NAMES, st.none() | DURATIONS)
COMPARISONS = st.builds(
    Compare,
    OPERANDS,
    st.sampled_from(Op),
    LITERALS,
    st.just(0) | DURATIONS,
    st.just("") | NAMES,
    st.none() | st.integers(1, 500).map(lambda n: n / 1000),
    st.booleans(),
)
METS = st.builds(
    Met, st.lists(NAMES, max_size=3).map(tuple), st.booleans(), st.just(0) | DURATIONS, st.booleans()
)


def _together(children: st.SearchStrategy[Criterion]) -> st.SearchStrategy[Criterion]:
    def several(kind: type[All] | type[Any]) -> st.SearchStrategy[Criterion]:
        other = children.filter(lambda c: not isinstance(c, kind))
        return st.lists(other, min_size=2, max_size=3).map(lambda parts: kind(tuple(parts)))

    return several(All) | several(Any) | st.builds(Not, children)


CRITERIA: st.SearchStrategy[Criterion] = st.recursive(COMPARISONS | METS, _together, max_leaves=4)

INTERVAL = 30.0


def slot(number: int, interval: float = INTERVAL) -> Slot:
    return Slot(1_000_000_020.0 + number * interval, interval)


def known(
    value: float, low: float | None = None, high: float | None = None, unit: str = "%", limit: str = ""
) -> Known:
    """A number in the base unit."""
    return Known(
        value, value if low is None else low, value if high is None else high, UNITS[unit], limit=limit
    )


@dataclass
class Told:
    """Facts by the printed operand and by the name of what is to be met."""

    values: Mapping[str, Evidence] = field(default_factory=dict)
    mets: Sequence[MetFact] = ()
    asked: list[float] = field(default_factory=list)

    def value(self, operand: Operand, alpha: float) -> Evidence:
        self.asked.append(alpha)
        return self.values.get(show_operand(operand), Unknown("no_data", "nothing is known of it"))

    def met(self, met: Met) -> Sequence[MetFact]:
        return [fact for fact in self.mets if not met.names or fact.name in met.names]


def met_fact(name: str, truth: Truth, reason: str = "because", earliest: float | None = None) -> MetFact:
    return MetFact(name, truth, reason, f"{name} said so", earliest=earliest)
