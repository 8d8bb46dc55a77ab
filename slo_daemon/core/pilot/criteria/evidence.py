"""What a criterion is judged by: numbers with the interval that they surely lie in, or the reason why there are none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from slo_daemon.core.pilot.criteria.criterion import Met, Operand
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.quantity import Unit


@dataclass(frozen=True, slots=True)
class Source:
    """Where a number comes from: the window it was taken over, what was asked for it, and the time (Unix s) it is of."""

    window: str = ""
    query: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A number in the base unit of `unit`, which is the unit to show it in; the true one lies in [`low`, `high`].

    The interval is a point for what was counted. `n`: how many of `noun` (events, votes, users) it stands on. `limit` names why
    the interval is no point (`no_bucket_edge`, `too_few_events`, `sampling`), so that an undecided comparison can say it.
    `about`: a sentence on how it came about.
    """

    value: float
    low: float
    high: float
    unit: Unit
    n: float | None = None
    limit: str = ""
    about: str = ""
    source: Source = field(default=Source())
    noun: str = "events"


@dataclass(frozen=True, slots=True)
class Unknown:
    """No number that decides anything. `reason` is a name, `detail` a sentence. What is known all the same is shown.

    `earliest` (Unix s): when there could be one.
    """

    reason: str
    detail: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    unit: Unit | None = None
    n: float | None = None
    earliest: float | None = None
    source: Source = field(default=Source())


Evidence = Known | Unknown


@dataclass(frozen=True, slots=True)
class MetFact:
    """Whether one SLO (or one group of it, or a success metric) is met, now or for a time.

    `seconds`: for how long it can be counted as met so far; `earliest` (Unix s): when it could be met for long enough.
    """

    name: str
    truth: Truth
    reason: str
    detail: str
    seconds: float | None = None
    earliest: float | None = None
    source: Source = field(default=Source())


class Facts(Protocol):
    """Everything that criteria may ask about, at one time."""

    def value(self, operand: Operand, alpha: float) -> Evidence:
        """A number; its interval misses the truth with probability `alpha` at most, where it is an estimate."""

    def met(self, met: Met) -> Sequence[MetFact]:
        """One fact for each SLO, group or metric that is meant; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a criterion comes to, with its evidence.

    `margin`: how far (base unit) the value, or the bound that decides, lies on the good side of the number it is held
    against; negative: on the other. `earliest` (Unix s): when an unmet criterion could hold.
    """

    truth: Truth
    reason: str
    detail: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    n: float | None = None
    margin: float | None = None
    earliest: float | None = None
    source: Source = field(default=Source())
