"""From readings to what is true of an SLO at one slot: the value, whether the objective is met, and the level's evidence.

`asks` and `follow_up` say what must be known; `evaluate` turns the readings into an Evaluation. Every slot asks for
the parts of the value and, beside them, whether the selectors have samples at all: a target that died looks perfect in
a long window.
"""

from collections import defaultdict
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

_FRESH, _LAST_SEEN = "fresh: ", "last seen: "


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


def asks(slo: Slo) -> dict[str, Ask]:
    """Everything that a slot asks for this SLO, by name: the parts of the value over its window, and its probes."""
    probes = {_fresh(s): Ask(Form.PRESENCE, s, slo.freshness, slo.group_by) for s in slo.indicator.probes()}
    return slo.indicator.asks(slo.window.seconds, slo.group_by) | probes


def follow_up(
    slo: Slo, readings: Mapping[str, Reading], known: Mapping[Labels, Mapping[str, Reading]]
) -> dict[str, Ask]:
    """What to ask in a second round: when the newest sample was, of selectors whose probe is empty.

    `known`: the groups that must be accounted for (for an SLO without `group_by` the one empty group), with the ages
    that need not be asked again.
    """
    found = {}
    for selector in slo.indicator.probes():
        name, probe = _last_seen(selector), readings[_fresh(selector)]
        ageless = {group for group, ages in known.items() if name not in ages}
        if not isinstance(probe, Failed) and not ageless <= _present(slo, probe):
            found[name] = Ask(Form.LAST_SEEN, selector, LAST_SEEN_RANGE, slo.group_by)
    return found


def ages(evaluation: Evaluation | None, slot: Slot) -> dict[str, Reading]:
    """When the newest samples were, as an evaluation learned it: still true at `slot` where a probe is still empty.

    Not if so much time has passed that samples may have come and gone since.
    """
    if evaluation is None:
        return {}
    passed = slot.time - evaluation.slot.time
    if not 0.0 <= passed <= evaluation.instance.slo.freshness:
        return {}
    return {
        name: reading
        for name, reading in evaluation.readings.items()
        if name.startswith(_LAST_SEEN) and not isinstance(reading, Failed)
    }


def with_ages(readings: Mapping[str, Reading], known: Mapping[str, Reading]) -> Mapping[str, Reading]:
    """An instance's readings, with the known ages of what its probes did not find and nobody asked again."""
    older = {
        name: reading
        for name, reading in known.items()
        if isinstance(readings.get(_FRESH + name.removeprefix(_LAST_SEEN)), Absent)
    }
    return {**older, **readings} if older else readings


def groups(slo: Slo, readings: Mapping[str, Reading]) -> set[Labels]:
    """The groups that have samples; for an SLO without `group_by` the one empty group."""
    if not slo.group_by:
        return {()}
    probes = (readings[_fresh(selector)] for selector in slo.indicator.probes())
    return set[Labels]().union(*(_present(slo, probe) for probe in probes)) - {()}


def split(
    slo: Slo, readings: Mapping[str, Reading], wanted: Iterable[Labels]
) -> dict[Labels, Mapping[str, Reading]]:
    """The readings of every wanted group. The empty group of a grouped SLO gets the rows that belong to no group."""
    if not slo.group_by:
        return {(): readings}
    own: dict[Labels, dict[str, Reading]] = {group: {} for group in wanted}
    for name, reading in readings.items():
        rows = _rows_by_group(slo, reading)
        for group, parts in own.items():
            found = rows.get(group)
            if not isinstance(reading, Samples):
                parts[name] = reading
            else:
                parts[name] = Samples(reading.promql, tuple(found)) if found else Absent(reading.promql)
    return dict(own)


def _present(slo: Slo, probe: Reading) -> set[Labels]:
    if slo.group_by:
        return set(_rows_by_group(slo, probe))
    return {()} if isinstance(probe, Samples) else set()


def _rows_by_group(slo: Slo, reading: Reading) -> dict[Labels, list[Sample]]:
    """Rows by group, without the group's labels. A row that lacks a grouping label belongs to no group: to the empty one."""
    found: dict[Labels, list[Sample]] = defaultdict(list)
    for row in reading.rows if isinstance(reading, Samples) else ():
        group = tuple(pair for pair in row.labels if pair[0] in slo.group_by and pair[1])
        if len(group) == len(slo.group_by):
            rest = tuple(pair for pair in row.labels if pair[0] not in slo.group_by)
            found[group].append(Sample(rest, row.value))
        else:
            found[()].append(row)
    return found


def _fresh(selector: Selector) -> str:
    return f"{_FRESH}{selector}"


def _last_seen(selector: Selector) -> str:
    return f"{_LAST_SEEN}{selector}"


def evaluate(instance: SloInstance, readings: Mapping[str, Reading], slot: Slot) -> Evaluation:
    """One SLO (or group) at one slot. `readings`: its own ones, by the names of `asks` and `follow_up`."""
    measurement = _measure(instance, readings, slot)
    state, met, reason, detail, evidence = _judge(instance.slo, measurement)
    return Evaluation(instance, slot, measurement, met, state, reason, detail, evidence, readings)


def unusable(instance: SloInstance, readings: Mapping[str, Reading], slot: Slot, detail: str) -> Evaluation:
    """An evaluation that could not be made, for no fault of the source."""
    reason = FailReason.INTERNAL
    measurement = Unavailable(reason, detail)
    return Evaluation(instance, slot, measurement, None, DataState.ERROR, reason, detail, None, readings)


def _measure(instance: SloInstance, readings: Mapping[str, Reading], slot: Slot) -> Measurement:
    slo = instance.slo
    parts: dict[str, Part] = {}
    for name, reading in readings.items():
        if not isinstance(reading, Failed):
            parts[name] = reading
        elif not name.startswith(_LAST_SEEN):  # an age is of no interest where the probe has samples
            return Unavailable(reading.reason, reading.detail)
    missing = None
    for selector in slo.indicator.probes():
        probe = parts[_fresh(selector)]
        if isinstance(probe, Absent):
            missing = missing or selector
        elif slo.group_by and not instance.group:
            detail = f"no series of {selector} has every label of group_by: {', '.join(slo.group_by)}"
            return Unavailable(FailReason.SHAPE, detail)
        elif not all(row.value > 0 for row in probe.rows):
            return Unavailable(FailReason.VALUE, f"no number of samples in the answer to {probe.promql}")
    if missing is not None:
        return _missing(slo, missing, readings, slot)
    return slo.indicator.measure(parts, Need(slo.objective, slo.needed_events(), slo.window.seconds))


def _missing(slo: Slo, selector: Selector, readings: Mapping[str, Reading], slot: Slot) -> Measurement:
    """Stale when there ever was a sample, as far as we can see; else the metric does not exist."""
    limit = show_duration(slo.freshness)
    last_seen = readings.get(_last_seen(selector))
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
    if any(isinstance(readings[name], Samples) for name in slo.indicator.asks(slo.window.seconds, ())):
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
