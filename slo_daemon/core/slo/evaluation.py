"""From what was seen to what is true of an SLO at one slot: the value, whether the objective is met, and the level's evidence.

Beside the value every slot must prove that the data is fresh: a target that died looks perfect in a long window.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite
from typing import assert_never

from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.book import LAST_SEEN, Probe
from slo_daemon.core.slo.budget import Budget, BudgetMethod, budget
from slo_daemon.core.slo.burn_rate import BurnRate, burn_levels, burn_rates
from slo_daemon.core.slo.chunks import CELL
from slo_daemon.core.slo.measurement import (
    INCOMPLETE,
    NO_BUCKET_EDGE,
    TOO_FEW_EVENTS,
    DataState,
    Measured,
    Measurement,
    NoData,
    NoTraffic,
    Stale,
    Unavailable,
)
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import Absent, Failed, FailReason, Reading, Samples
from slo_daemon.core.slo.seen import Seen
from slo_daemon.core.slo.sli import Raw
from slo_daemon.core.slo.sli.parts import Need, Part
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.window import Slot

_BLIND = Seen((), {}, 0.0)


class Reason(StrEnum):
    """Why an evaluation came out as it did. FailReason's names appear here too, for failed readings."""

    MET = "met"
    MISSED = "missed"
    BEYOND_LAST_BUCKET = "beyond_last_bucket"
    NO_BUCKET_EDGE = NO_BUCKET_EDGE
    TOO_FEW_EVENTS = TOO_FEW_EVENTS
    INCOMPLETE_WINDOW = INCOMPLETE
    NO_TRAFFIC = "no_traffic"
    NO_DATA = "no_data"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one look shows of the level.

    `proven`: the level that the value and the burn rates surely reach. `possible`: the level that cannot be excluded.
    `clear`: the same with the value also held against the clear thresholds; only a look with `clear` below the level
    counts towards lowering it. `by_value`, `burning`: what the value and the burn rates each prove.
    """

    proven: Level
    possible: Level
    clear: Level
    by_value: Level = Level.NONE
    burning: Level = Level.NONE


@dataclass(frozen=True, slots=True)
class WindowValue:
    """One window of an SLO: how much of it was seen, the events counted in it, and the SLI where it has one."""

    window: str
    coverage: float | None
    good: float | None
    total: float | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is true of one SLO at one slot. `readings`: every part by name, with the query it was asked in.

    `coverage`: the share of the SLO's own window that was seen. `whole`: the SLI over the budget's window, for kinds
    whose budget counts slices of time.
    """

    instance: SloInstance
    slot: Slot
    measurement: Measurement
    met: bool | None
    data_state: DataState
    reason: Reason | FailReason
    detail: str
    evidence: Evidence | None  # None: could not look
    readings: Mapping[str, Reading]
    coverage: float | None = None
    budget: Budget | None = None
    burn_rates: tuple[BurnRate, ...] = ()
    seen: Seen = _BLIND
    whole: Measurement | None = None

    @property
    def value(self) -> float | None:
        """The SLI in the base unit; None when there is none."""
        return self.measurement.value if isinstance(self.measurement, Measured) else None


def evaluate(instance: SloInstance, seen: Seen, slot: Slot) -> Evaluation:
    """One SLO (or group) at one slot."""
    slo = instance.slo
    measurement = _measure(instance, seen, slot)
    state, met, reason, detail, evidence = _judge(slo, measurement)
    left, whole = None, None
    rates: tuple[BurnRate, ...] = ()
    if slo.budget is not None and seen.budget is not None:
        policy, tallies = slo.budget, seen.tallies or {}
        left = budget(
            policy, seen.budget, slot.time,
            pace=tallies.get(seen.pace), pace_seconds=seen.pace, backfilling=seen.backfilling,
        )  # fmt: skip
        if slo.burn is not None and slo.burn.pairs:
            rates = burn_rates(slo.burn, policy, tallies, policy.window.seconds)
            if slo.burn.alerts and evidence is not None:
                evidence = _with_burn(evidence, rates)
        if seen.whole is not None and seen.whole.coverage > 0.0:
            whole = _over_budget(slo, seen, slot)
    coverage = None if isinstance(slo.indicator, Raw) else seen.coverage
    return Evaluation(
        instance, slot, measurement, met, state, reason, detail, evidence, seen.readings, coverage, left, rates, seen,
        whole,
    )  # fmt: skip


def burning(evaluation: Evaluation) -> str:
    """Which burn rates fire, worst first: `burning 20.1 x over 1h and 25 x over 5m; 14.4 x is too fast`."""
    firing = sorted((r for r in evaluation.burn_rates if r.firing), key=lambda r: -r.pair.severity)
    return "; ".join(
        f"burning {r.long_rate or 0.0:.3g} x over {show_duration(r.pair.long)} and {r.short_rate or 0.0:.3g} x over "
        f"{show_duration(r.pair.short)}; more than {r.threshold:.3g} x is too fast"
        for r in firing
    )


def unusable(instance: SloInstance, slot: Slot, detail: str) -> Evaluation:
    """An evaluation that could not be made, for no fault of the source."""
    reason = FailReason.INTERNAL
    measurement = Unavailable(reason, detail)
    return Evaluation(instance, slot, measurement, None, DataState.ERROR, reason, detail, None, {})


def windows(evaluation: Evaluation) -> tuple[WindowValue, ...]:
    """Every window that was looked at: the SLO's own, the lookbacks in which it counts events, and its budget's."""
    slo, seen = evaluation.instance.slo, evaluation.seen
    good = total = None
    match evaluation.measurement:
        case Measured(good=counted, total=every):
            good, total = counted, every
        case NoTraffic():
            total = 0.0
    found = [WindowValue(str(slo.window), evaluation.coverage, good, total, evaluation.value)]
    if slo.budget is None or seen.budget is None:
        return tuple(found)
    if slo.budget.method is BudgetMethod.OCCURRENCES:
        spans = {span: tally for span, tally in (seen.tallies or {}).items() if span != slo.window.seconds}
        named = [(show_duration(span), tally) for span, tally in sorted(spans.items())]
        for name, tally in (*named, (str(slo.budget.window), seen.budget)):
            if name != str(slo.window):
                found.append(
                    WindowValue(
                        name, tally.coverage, tally.good, tally.total, _share(slo, tally.good, tally.total)
                    )
                )
    else:
        value = evaluation.whole.value if isinstance(evaluation.whole, Measured) else None
        every = evaluation.whole.total if isinstance(evaluation.whole, Measured) else None
        share = seen.whole.coverage if seen.whole is not None else seen.budget.coverage
        found.append(WindowValue(str(slo.budget.window), share, None, every, value))
    return tuple(found)


def _share(slo: Slo, good: float, total: float) -> float | None:
    """The SLI of counted events: the share of good ones, or of bad ones where that is what the objective is about."""
    if total <= 0.0:
        return None
    as_bad = getattr(slo.indicator, "as_good", True) is False
    return (total - good if as_bad else good) / total


def _with_burn(evidence: Evidence, rates: tuple[BurnRate, ...]) -> Evidence:
    proven, possible = burn_levels(rates)
    return Evidence(
        max(evidence.proven, proven),
        max(evidence.possible, possible),
        max(evidence.clear, possible),
        evidence.by_value,
        proven,
    )


def _over_budget(slo: Slo, seen: Seen, slot: Slot) -> Measurement | None:
    assert slo.budget is not None  # noqa: S101
    assert seen.whole is not None  # noqa: S101
    parts = {
        name: reading for name, reading in seen.whole.readings.items() if not isinstance(reading, Failed)
    }
    span = slot.time - slo.budget.window.start(slot.time)
    if any(isinstance(part, Absent) for part in parts.values()):
        return None
    return slo.indicator.measure(parts, Need(slo.objective, 0.0, span, seen.whole.answered))


def _measure(instance: SloInstance, seen: Seen, slot: Slot) -> Measurement:
    slo = instance.slo
    parts: dict[str, Part] = {}
    for name, reading in seen.readings.items():
        if not isinstance(reading, Failed):
            parts[name] = reading
        elif not name.startswith(LAST_SEEN):  # an age is of no interest where there are fresh samples
            return Unavailable(reading.reason, reading.detail)
    missing = None
    stale = not _is_fresh(slo, seen, slot)
    for about in seen.probes:
        probe = parts.get(about.fresh)
        if stale or isinstance(probe, Absent):
            missing = missing or about
        elif slo.group_by and not instance.group:
            detail = f"no series of {about.selector} has every label of group_by: {', '.join(slo.group_by)}"
            return Unavailable(FailReason.SHAPE, detail)
        elif probe is not None and not all(row.value > 0 for row in probe.rows):
            return Unavailable(FailReason.VALUE, f"no number of samples in the answer to {probe.promql}")
    if missing is not None:
        return _missing(slo, missing, seen, slot)
    need = Need(slo.objective, slo.needed_events(), slo.window.seconds, seen.answered)
    return slo.indicator.measure(parts, need)


def _is_fresh(slo: Slo, seen: Seen, slot: Slot) -> bool:
    """Whether the chunks show samples that are new enough; True where only direct probes can tell."""
    return seen.newest is None or seen.newest >= slot.time - max(0, slo.freshness - CELL)


def unseen(slo: Slo, seen: Seen, slot: Slot) -> tuple[Probe, ...]:
    """The probes that show no fresh sample; none where asking failed."""
    stale = not _is_fresh(slo, seen, slot)
    if not stale and seen.newest is not None:
        return ()
    if any(isinstance(reading, Failed) for reading in seen.readings.values()):
        return ()
    return tuple(p for p in seen.probes if stale or isinstance(seen.readings.get(p.fresh), Absent))


def _missing(slo: Slo, about: Probe, seen: Seen, slot: Slot) -> Measurement:
    """Stale when there ever was a sample, as far as we can see; else the metric does not exist."""
    limit, selector = show_duration(slo.freshness), about.selector
    last_seen = seen.readings.get(about.last_seen)
    if isinstance(last_seen, Failed):
        return Unavailable(last_seen.reason, last_seen.detail)
    if isinstance(last_seen, Samples):
        times = [row.value for row in last_seen.rows]
        if not all(map(isfinite, times)):
            return Unavailable(FailReason.VALUE, f"Prometheus answered {times} to {last_seen.promql}")
        age = slot.time - max(times)
        if age <= slo.freshness and isinstance(seen.readings.get(about.fresh), Samples | None):
            return NoData(f"fewer than two samples of {selector} lie in the last {show_duration(CELL)}")
        return Stale(
            age, f"the newest sample of {selector} is about {show_duration(age)} old; the limit is {limit}"
        )
    parts = [reading for name, reading in seen.readings.items() if not name.startswith(LAST_SEEN)]
    if any(isinstance(part, Samples) for part in parts):
        return Stale(
            None, f"no sample of {selector} within {limit}, though the window still holds older ones"
        )
    return NoData(f"{selector} has no sample within a day: is the name right, and is the target scraped?")


_Judgement = tuple[DataState, bool | None, Reason | FailReason, str, Evidence | None]


def _judge(slo: Slo, measurement: Measurement) -> _Judgement:
    match measurement:
        case Measured():
            return _judge_value(slo, measurement)
        case NoTraffic():
            return DataState.NO_TRAFFIC, None, Reason.NO_TRAFFIC, "fresh data, and nothing happened", None
        case NoData(detail=detail):
            return DataState.NO_DATA, None, Reason.NO_DATA, detail, None
        case Stale(detail=detail):
            return DataState.STALE, None, Reason.STALE, detail, None
        case Unavailable(reason=reason, detail=detail):
            return DataState.ERROR, None, reason, detail, None
        case _:
            assert_never(measurement)


def _judge_value(slo: Slo, measured: Measured) -> _Judgement:
    """Met and level by the range: what holds at both ends is proven, what holds at one end is possible."""
    objective, margin = slo.objective, slo.alerting.clear_margin
    best = objective.better(measured.low, measured.high)
    worst = objective.worse(measured.low, measured.high)
    possible = objective.threshold_level(worst)
    still = objective.threshold_level(measured.value, clearing=True, margin=margin)
    proven = objective.threshold_level(best)
    evidence = Evidence(proven, possible, max(possible, still), proven)
    shown = f"{objective.unit.show(measured.value)} against {objective}"
    if objective.met(worst):
        return DataState.OK, True, Reason.MET, shown, evidence
    if not objective.met(best):
        if measured.value == inf:
            edge = objective.unit.show(measured.facts["lower_edge"])
            shown = f"beyond the last bucket edge {edge} against {objective}"
            return DataState.OK, False, Reason.BEYOND_LAST_BUCKET, shown, evidence
        return DataState.OK, False, Reason.MISSED, shown, evidence
    return DataState.UNKNOWN, None, _REASONS[measured.limit], measured.working[-1], evidence


_REASONS = {
    NO_BUCKET_EDGE: Reason.NO_BUCKET_EDGE,
    TOO_FEW_EVENTS: Reason.TOO_FEW_EVENTS,
    INCOMPLETE: Reason.INCOMPLETE_WINDOW,
}
