"""What all kinds share: reading one number, and turning counts into a share that says how sure it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite

from slo_daemon.core.quantity import Dimension, Unit
from slo_daemon.core.slo.binomial import SURE, lower_bound, upper_bound
from slo_daemon.core.slo.measurement import (
    INCOMPLETE,
    TOO_FEW_EVENTS,
    Measured,
    Measurement,
    NoData,
    NoTraffic,
    Unavailable,
)
from slo_daemon.core.slo.objective import Objective
from slo_daemon.core.slo.query import Absent, FailReason, Labels, Samples

Part = Samples | Absent
Parts = Mapping[str, Part]
Counted = tuple[float, float, float]  # good events at least, good events at most, all events
Rows = Mapping[str, Sequence[tuple[Labels, float]]]  # by part: labels and value of each row
ALL_ANSWERED = (
    0.999  # of a window; what is missing is asked again within seconds, so less is worth waiting for
)
Counter = Callable[[Rows], Counted | None]  # None: the rows make no sense
EXTRAPOLATION_SLACK = 0.01  # share by which `increase` of two selectors may differ where they should agree
_LEAST_COVERAGE = 1e-6  # with less, anything could be
RATIO_SLACK = 1e-6  # how far a ratio may lie outside 0..1 by rounding


@dataclass(frozen=True, slots=True)
class Need:
    """What a kind must know of its SLO: the objective, how many events it takes to claim it, and the window (s).

    `answered` (0..1): the share of the window that could be asked. With less than all of it the rest could change the
    value. Where the answer was that there are no samples, nothing was counted, and nothing is unknown.
    """

    objective: Objective
    min_events: float
    window: float
    answered: float = 1.0

    @property
    def complete(self) -> bool:
        """Whether what was not seen is too little to matter."""
        return self.answered >= ALL_ANSWERED

    @property
    def seen(self) -> float:
        """Seconds of the window that were seen."""
        return self.window * self.answered

    def unseen(self, total: float) -> float:
        """How many events there would be in what was not seen, had they come as those that were."""
        return 0.0 if self.complete else total * (1.0 / max(self.answered, _LEAST_COVERAGE) - 1.0)

    def incomplete(self) -> str:
        """A sentence about what is missing."""
        return f"only {self.answered:.1%} of the window could be asked; the rest may have been all good or all bad"


def number(part: Part) -> float | NoData | Unavailable:
    """The only value of a part. Unavailable when it is no finite number."""
    if isinstance(part, Absent):
        return NoData(f"no row came back for {part.promql}")
    if len(part.rows) != 1:
        return Unavailable(FailReason.SHAPE, f"{len(part.rows)} rows where one was expected: {part.promql}")
    value = part.rows[0].value
    if not isfinite(value):
        return Unavailable(FailReason.VALUE, f"Prometheus answered {value} to {part.promql}")
    return value


def count(part: Part) -> float | NoData | Unavailable:
    """The only value of a part as a number of events. Negative counts are wrong answers."""
    if isinstance(part, Absent):
        return too_few_samples(part)
    value = number(part)
    if not isinstance(value, NoData | Unavailable) and value < 0:
        return Unavailable(FailReason.VALUE, f"a negative number of events ({value:g})")
    return value


def too_few_samples(part: Absent) -> NoData:
    """An increase without a row: nobody counted zero events, there was nothing to count from."""
    return NoData(f"fewer than two samples lie in the window: no row came back for {part.promql}")


def plain_value(part: Part, need: Need, unit: Unit, name: str) -> Measurement:
    """One number that counts no events, converted from `unit`. A ratio outside 0..1 is a wrong unit, not a value."""
    value = number(part)
    if isinstance(value, NoData | Unavailable):
        return value
    return converted(value, need, unit, name)


def converted(value: float, need: Need, unit: Unit, name: str) -> Measurement:
    """A number in `unit` as a value in the base unit. Where some of the window was not seen, it could be any other."""
    base = unit.to_base(value)
    if not isfinite(base):
        return Unavailable(FailReason.VALUE, f"{value:g}{unit.symbol} is no number of {unit.dimension.value}")
    if need.objective.dimension is Dimension.RATIO and not -RATIO_SLACK <= base <= 1.0 + RATIO_SLACK:
        detail = (
            f'{value:g} is no ratio between 0 and 1; if the metric is in percent, say unit: "%" in the sli'
        )
        return Unavailable(FailReason.VALUE, detail)
    working = (f"{name} = {need.objective.unit.show(base)}",)
    if need.complete:
        return Measured(base, base, base, working=working)
    return Measured(base, -inf, inf, limit=INCOMPLETE, working=(*working, need.incomplete()))


def exceeds(part: float, whole: float) -> bool:
    """Whether `part` is more of `whole` than there can be, even if both were extrapolated a little differently."""
    return part > whole * (1.0 + EXTRAPOLATION_SLACK) + 1.0


def share(
    counted: float, total: float, names: tuple[str, str], need: Need, *, counts_good: bool, as_good: bool
) -> Measurement:
    """`counted` events (good or bad ones) of `total`, as the share of good or bad events; `names` are for people.

    With fewer than the needed events the range is the exact binomial interval; what was not seen widens it. `limit` names
    the last of these.
    """
    if exceeds(counted, total):
        detail = (
            f"{names[0]} ({counted:g}) exceeds {names[1]} ({total:g}): the selectors do not belong together"
        )
        return Unavailable(FailReason.VALUE, detail)
    if total <= 0:
        return NoTraffic((f"{names[1]} = 0",))
    counted = min(counted, total)
    good = counted if counts_good else total - counted
    hits = counted if counts_good == as_good else total - counted
    show = need.objective.unit.show
    working = (
        f"{names[0]} {_n(counted)} / {names[1]} {_n(total)} = {show(counted / total)}",
        *(() if counts_good == as_good else (f"1 - {show(counted / total)} = {show(hits / total)}",)),
    )
    value = hits / total
    low = high = value
    limit = ""
    if total < need.min_events:
        low, high, limit = lower_bound(hits, total), upper_bound(hits, total), TOO_FEW_EVENTS
        claim = (
            f"{_n(total)} events are fewer than the {_n(need.min_events)} that it takes to claim the target, "
            f"so only what is {SURE:.0%} sure counts: between {show(low)} and {show(high)}"
        )
        working = (*working, claim)
    unseen = need.unseen(total)
    if unseen:
        every = total + unseen
        low, high, limit = low * total / every, (high * total + unseen) / every, INCOMPLETE
        working = (*working, need.incomplete())
    return Measured(value, low, high, good, total, limit, working)


def _n(events: float) -> str:
    return f"{events:,.0f}" if events >= 100 or events == int(events) else f"{events:,.2f}"
