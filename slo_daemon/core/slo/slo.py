"""A service level objective: who it is, what is measured, what is wanted, and how it alerts."""

import re
from dataclasses import dataclass
from math import ceil

from slo_daemon.core.slo.binomial import events_needed
from slo_daemon.core.slo.budget import BudgetPolicy
from slo_daemon.core.slo.burn_rate import BurnPolicy
from slo_daemon.core.slo.objective import Direction, Objective
from slo_daemon.core.slo.query import Labels
from slo_daemon.core.slo.selector import quote, unquote
from slo_daemon.core.slo.sli import Indicator, LatencyShare, Quantile, Ratio
from slo_daemon.core.slo.window import Window

DEFAULT_CLEAR_FOR = 120  # seconds
DEFAULT_CLEAR_MARGIN = 0.05
DEFAULT_FORGET_AFTER = 86_400  # seconds
DEFAULT_SCRAPE_INTERVAL = 30  # seconds
SHORTEST_FRESHNESS = 300  # seconds
LONGEST_WARNING_WAIT = 900  # seconds of missing data
LONGEST_CRITICAL_WAIT = 3_600
WARNING_BUDGET_SHARE = 0.01
CRITICAL_BUDGET_SHARE = 0.05
ROUNDING = 1e-6  # seconds that floating point may add to a whole number
_PAIR = re.compile(r'([a-zA-Z0-9_]+)=("(?:[^"\\]|\\.)*")')
_GROUP = re.compile(rf"(?:{_PAIR.pattern},)*{_PAIR.pattern}}}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """When a level is raised and lowered: seconds of consecutive evidence, and the margin of the clear threshold."""

    raise_for: int = 0
    clear_for: int = DEFAULT_CLEAR_FOR
    clear_margin: float = DEFAULT_CLEAR_MARGIN


@dataclass(frozen=True, slots=True)
class MissingDataPolicy:
    """Whether missing data raises the level in time. Turning that off needs a written reason."""

    escalate: bool = True
    because: str = ""


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective of a pilot or of a plain set of SLOs (`pilot` is the name of either document).

    `group_by` turns it into one SLO for each combination of label values. `labels` go onto its metrics.
    `burn`: the lookbacks of the budget's burn rates; None without a budget.
    `freshness` (s): how old the newest sample may be; `forget_after` (s): a group without samples for so long is gone;
    `scrape_interval` (s): how far apart its samples are.
    """

    pilot: str
    name: str
    indicator: Indicator
    objective: Objective
    window: Window
    budget: BudgetPolicy | None = None
    burn: BurnPolicy | None = None
    alerting: AlertPolicy = AlertPolicy()
    missing_data: MissingDataPolicy = MissingDataPolicy()
    min_events: int | None = None
    freshness: int = SHORTEST_FRESHNESS
    group_by: tuple[str, ...] = ()
    forget_after: int = DEFAULT_FORGET_AFTER
    scrape_interval: int = DEFAULT_SCRAPE_INTERVAL
    labels: Labels = ()
    description: str = ""
    runbook: str = ""

    @property
    def id(self) -> str:
        """`pilot/name`: stable across reloads and restarts."""
        return f"{self.pilot}/{self.name}"

    def needed_events(self) -> float:
        """How many events it takes to claim the target; 0 for kinds that count none."""
        if self.min_events is not None:
            return float(self.min_events)
        match self.indicator:
            case Quantile(q=q):
                return events_needed(q)
            case Ratio() | LatencyShare():
                target = self.objective.target.base
                good = target if self.objective.direction is Direction.AT_LEAST else 1.0 - target
                needed = events_needed(good)
                return needed if needed != float("inf") else 1.0
            case _:
                return 0.0

    def missing_data_limits(self) -> tuple[float, float]:
        """Seconds of missing data that make a warning and a critical level, as if every missed event had been bad.

        Warning when that would burn 1 % of the budget, critical at 5 %, at the latest after 15 minutes and 1 hour. A
        calendar window counts with its nominal length.
        """
        if self.budget is None:
            return LONGEST_WARNING_WAIT, LONGEST_CRITICAL_WAIT
        whole = self.budget.allowed * self.budget.window.seconds
        return (
            min(LONGEST_WARNING_WAIT, ceil(WARNING_BUDGET_SHARE * whole - ROUNDING)),
            min(LONGEST_CRITICAL_WAIT, ceil(CRITICAL_BUDGET_SHARE * whole - ROUNDING)),
        )


@dataclass(frozen=True, slots=True)
class SloInstance:
    """An SLO, or one group of a grouped SLO: what is evaluated, and what has a state."""

    slo: Slo
    group: Labels = ()

    @property
    def id(self) -> str:
        """`pilot/name`, and for a group `pilot/name{region="eu"}`."""
        if not self.group:
            return self.slo.id
        inner = ",".join(f"{name}={quote(value)}" for name, value in self.group)
        return f"{self.slo.id}{{{inner}}}"

    @property
    def labels(self) -> Labels:
        """The labels of its metrics beside `pilot` and `slo`."""
        return tuple(sorted({**dict(self.slo.labels), **dict(self.group)}.items()))


def split_id(instance_id: str) -> tuple[str, Labels]:
    """The SLO's id and the group in an instance's id: the inverse of `SloInstance.id`. Any other text is its own id."""
    slo_id, brace, inner = instance_id.partition("{")
    if not brace or not _GROUP.fullmatch(inner):
        return instance_id, ()
    return slo_id, tuple((name, unquote(value)) for name, value in _PAIR.findall(inner))
