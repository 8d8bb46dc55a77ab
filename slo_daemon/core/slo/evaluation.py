"""From readings to what is true of an SLO at one slot: the value, whether the objective is met, and the level's evidence.

`asks` and `follow_up` say what must be known; `evaluate` turns the readings into an Evaluation. Every slot asks for
the parts of the value and, beside them, whether the selectors have samples at all: a target that died looks perfect in
a long window.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import assert_never

from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.measurement import (
    DataState,
    Measured,
    Measurement,
    NoData,
    NoTraffic,
    Stale,
    Unavailable,
)
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import (
    LAST_SEEN_RANGE,
    Absent,
    Ask,
    Failed,
    FailReason,
    Form,
    Labels,
    Reading,
    Sample,
    Samples,
)
from slo_daemon.core.slo.selector import Selector
from slo_daemon.core.slo.sli.parts import Need, Part
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.window import Slot


class Reason(StrEnum):
    """Why an evaluation came out as it did. FailReason's names appear here too, for failed readings."""

    MET = "met"
    MISSED = "missed"
    BEYOND_LAST_BUCKET = "beyond_last_bucket"
    NO_BUCKET_EDGE = "no_bucket_edge"
    TOO_FEW_EVENTS = "too_few_events"
    NO_TRAFFIC = "no_traffic"
    NO_DATA = "no_data"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one look shows of the level.

    `proven`: the level that the value surely reaches. `possible`: the level that cannot be excluded. `clear`: the same
    with the value also held against the clear thresholds; only a look with `clear` below the level counts towards
    lowering it.
    """

    proven: Level
    possible: Level
    clear: Level


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is true of one SLO at one slot. `readings`: every part by name, with the query it was asked in."""

    instance: SloInstance
    slot: Slot
    measurement: Measurement
    met: bool | None
    data_state: DataState
    reason: Reason | FailReason
    detail: str
    evidence: Evidence | None  # None: could not look
    readings: Mapping[str, Reading]

    @property
    def value(self) -> float | None:
        """The SLI in the base unit; None when there is none."""
        return self.measurement.value if isinstance(self.measurement, Measured) else None


def value_asks(slo: Slo) -> dict[str, Ask]:
    """The parts of the value over the measurement window, by name."""
    return slo.indicator.asks(slo.window.seconds, slo.group_by)


def probe_asks(slo: Slo) -> dict[str, Ask]:
    """The freshness probes, by name: how many samples each selector has within the freshness limit."""
    return {f"fresh: {s}": Ask(Form.PRESENCE, s, slo.freshness, slo.group_by) for s in slo.indicator.probes()}


def asks(slo: Slo) -> dict[str, Ask]:
    """Everything that a slot asks for this SLO, by name."""
    return value_asks(slo) | probe_asks(slo)


def follow_up(slo: Slo, readings: Mapping[str, Reading], known: Iterable[Labels]) -> dict[str, Ask]:
    """What to ask in a second round: when the newest sample was, of selectors whose probe is empty.

    `known`: the groups that must be accounted for; for an SLO without `group_by` the one empty group.
    """
    return {
        f"last seen: {selector}": Ask(Form.LAST_SEEN, selector, LAST_SEEN_RANGE, slo.group_by)
        for selector in slo.indicator.probes()
        if any(isinstance(_of_group(readings[f"fresh: {selector}"], group), Absent) for group in known)
    }


def groups(slo: Slo, readings: Mapping[str, Reading]) -> tuple[Labels, ...]:
    """The groups that have samples, sorted; for an SLO without `group_by` the one empty group.

    A row that lacks a grouping label belongs to no group.
    """
    if not slo.group_by:
        return ((),)
    found: set[Labels] = set()
    for name in probe_asks(slo):
        reading = readings.get(name)
        if isinstance(reading, Samples):
            found.update(row.labels for row in reading.rows if all(value for _, value in row.labels))
    return tuple(sorted(found))


def evaluate(instance: SloInstance, readings: Mapping[str, Reading], slot: Slot) -> Evaluation:
    """One SLO (or group) at one slot. `readings`: by the names of `asks` and `follow_up`."""
    own = {name: _of_group(reading, instance.group) for name, reading in readings.items()}
    measurement = _measure(instance.slo, own, slot)
    state, met, reason, detail, evidence = _judge(instance.slo, measurement)
    return Evaluation(instance, slot, measurement, met, state, reason, detail, evidence, own)


def _of_group(reading: Reading, group: Labels) -> Reading:
    """The rows of one group, without the group's labels."""
    if not group or not isinstance(reading, Samples):
        return reading
    wanted = set(group)
    rows = tuple(
        Sample(tuple(pair for pair in row.labels if pair not in wanted), row.value)
        for row in reading.rows
        if wanted.issubset(row.labels)
    )
    return Samples(reading.promql, rows) if rows else Absent(reading.promql)


def _measure(slo: Slo, readings: Mapping[str, Reading], slot: Slot) -> Measurement:
    parts: dict[str, Part] = {}
    for name in asks(slo):
        reading = readings[name]
        if isinstance(reading, Failed):
            return Unavailable(reading.reason, reading.detail)
        parts[name] = reading
    for selector in slo.indicator.probes():
        probe = parts[f"fresh: {selector}"]
        if isinstance(probe, Samples) and not all(row.value > 0 for row in probe.rows):
            return Unavailable(FailReason.VALUE, f"no number of samples in the answer to {probe.promql}")
    missing = [s for s in slo.indicator.probes() if isinstance(parts[f"fresh: {s}"], Absent)]
    if missing:
        return _missing(slo, missing[0], readings, parts, slot)
    need = Need(slo.objective, slo.needed_events(), slo.window.seconds)
    return slo.indicator.measure({name: parts[name] for name in value_asks(slo)}, need)


def _missing(
    slo: Slo, selector: Selector, readings: Mapping[str, Reading], parts: Mapping[str, Part], slot: Slot
) -> Measurement:
    """Stale when there ever was a sample, as far as we can see; else the metric does not exist."""
    limit = show_duration(slo.freshness)
    last_seen = readings.get(f"last seen: {selector}")
    if isinstance(last_seen, Failed):
        return Unavailable(last_seen.reason, last_seen.detail)
    if isinstance(last_seen, Samples):
        times = [row.value for row in last_seen.rows]
        if not all(map(isfinite, times)):
            return Unavailable(FailReason.VALUE, f"Prometheus answered {times} to {last_seen.promql}")
        age = slot.time - max(times)
        return Stale(
            age, f"the newest sample of {selector} is about {show_duration(age)} old; the limit is {limit}"
        )
    if any(isinstance(parts[name], Samples) for name in value_asks(slo)):
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
    evidence = Evidence(objective.threshold_level(best), possible, max(possible, still))
    shown = f"{objective.unit.show(measured.value)} against {objective}"
    if objective.met(worst):
        return DataState.OK, True, Reason.MET, shown, evidence
    if not objective.met(best):
        if measured.value == float("inf"):
            edge = objective.unit.show(measured.facts["lower_edge"])
            shown = f"beyond the last bucket edge {edge} against {objective}"
            return DataState.OK, False, Reason.BEYOND_LAST_BUCKET, shown, evidence
        return DataState.OK, False, Reason.MISSED, shown, evidence
    reason = Reason.TOO_FEW_EVENTS if measured.limit == "too_few_events" else Reason.NO_BUCKET_EDGE
    return DataState.UNKNOWN, None, reason, measured.working[-1], evidence
