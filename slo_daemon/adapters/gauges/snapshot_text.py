"""A snapshot as metrics. What is old is not shown: values vanish, levels and timestamps stay.

An alert level is there for every known SLO as long as it is configured, before the first slot too. Its data state is that
of the last slot, the persisted one after a restart: so a restart does not interrupt what alerts on it. Once nobody has
looked for `LONGEST_SLOT_AGE` the data state is `unknown`.
"""

from datetime import date
from typing import NamedTuple

from slo_daemon.adapters.gauges.text import Lines, label_text, number_text
from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.pilot.readiness import LONGEST_SLOT_AGE
from slo_daemon.core.pilot.records import IncidentSummary, Records, Severity
from slo_daemon.core.pilot.verdict import Assessment, Truth, Verdict
from slo_daemon.core.slo.evaluation import Evaluation
from slo_daemon.core.slo.measurement import DataState, Measured
from slo_daemon.core.slo.phrases import say_objective
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.snapshot import SloView, Snapshot


class _Series(NamedTuple):
    """The label texts of one SLO, made once and used in every slot."""

    slo: Slo
    own: str
    value: str
    objective: str
    ratio: str
    info: str
    states: tuple[tuple[DataState, str], ...]


class SnapshotText:
    """Writes snapshots. Keeps the label texts of the SLOs it saw last; one caller at a time."""

    def __init__(self) -> None:
        self._series: dict[str, _Series] = {}

    def write(self, snapshot: Snapshot, today: date, *, stalled: bool) -> str:
        """All families of a snapshot. `stalled`: its slot is too old to speak of the present (see `is_stalled`)."""
        lines = Lines()
        self._write_slos(lines, snapshot, stalled=stalled)
        for pilot in snapshot.specification.pilots:
            _write_pilot(lines, pilot, snapshot.assessments.get(pilot.name), today, stalled=stalled)
        return lines.text()

    def _write_slos(self, lines: Lines, snapshot: Snapshot, *, stalled: bool) -> None:
        latest, limit = latest_slot(snapshot), longest_age(snapshot)
        used: dict[str, _Series] = {}
        for slo_id, view in snapshot.slos.items():
            series = self._series.get(slo_id)
            if series is None or series.slo is not view.instance.slo:
                series = _series_of(view.instance)
            used[slo_id] = series
            evaluation = view.evaluation
            if stalled or evaluation is None or latest - evaluation.slot.time > limit:
                evaluation = None
            oldest = float("inf") if stalled else latest - limit
            _write_slo(lines, series, view, evaluation, _data_state(view, evaluation, oldest))
        self._series = used


def latest_slot(snapshot: Snapshot) -> float:
    """Unix seconds of the newest slot that anything in the snapshot stems from; 0.0 when there never was one."""
    if snapshot.slot is not None:
        return snapshot.slot.time
    return max((view.state.last_slot or 0.0 for view in snapshot.slos.values()), default=0.0)


def longest_age(snapshot: Snapshot) -> float:
    """How old (seconds) a slot may be to speak of the present."""
    return LONGEST_SLOT_AGE if snapshot.slot is None else max(LONGEST_SLOT_AGE, 3 * snapshot.slot.interval)


def is_stalled(snapshot: Snapshot, now: float) -> bool:
    """Whether nobody has evaluated anything for too long at the time `now` (Unix seconds)."""
    return now - latest_slot(snapshot) > longest_age(snapshot)


def _series_of(instance: SloInstance) -> _Series:
    slo = instance.slo
    own = label_text({**dict(instance.labels), "pilot": slo.pilot, "slo": slo.name})
    window, unit = str(slo.window), slo.objective.dimension.value
    info = {
        "sli": slo.indicator.kind,
        "objective": say_objective(slo.objective),
        "window": window,
        "runbook": slo.runbook,
    }
    return _Series(
        slo=slo,
        own=own,
        value=f"{own},{label_text({'window': window, 'unit': unit})}",
        objective=f"{own},{label_text({'unit': unit})}",
        ratio=f"{own},{label_text({'window': window})}",
        info=f"{own},{label_text(info)}",
        states=tuple((state, f"{own},{label_text({'state': state.value})}") for state in DataState),
    )


def _data_state(view: SloView, evaluation: Evaluation | None, oldest: float) -> DataState:
    """The current evaluation's, else that of the last slot unless it lies before `oldest` (Unix seconds)."""
    if evaluation is not None:
        return evaluation.data_state
    last = view.state.last_slot
    return view.state.data_state if last is not None and last >= oldest else DataState.UNKNOWN


def _write_slo(
    lines: Lines, series: _Series, view: SloView, evaluation: Evaluation | None, data_state: DataState
) -> None:
    state = view.state
    lines.add("slo_alert_level", series.own, str(int(state.level)))
    for candidate, labels in series.states:
        lines.add("slo_data_state", labels, "1" if candidate is data_state else "0")
    lines.add("slo_objective_value", series.objective, number_text(series.slo.objective.target.base))
    lines.add("slo_info", series.info, "1")
    if state.last_good_slot is not None:
        last_good = number_text(state.last_good_slot)
        lines.add("slo_last_good_evaluation_timestamp_seconds", series.own, last_good)
    if evaluation is None:
        return
    if evaluation.met is not None:
        lines.add("slo_met", series.own, "1" if evaluation.met else "0")
    measured = evaluation.measurement
    if isinstance(measured, Measured):
        lines.add("slo_sli_value", series.value, number_text(measured.value))
        if measured.good is not None and measured.total:
            lines.add("slo_sli_ratio", series.ratio, number_text(measured.good / measured.total))


def _write_pilot(
    lines: Lines, pilot: Pilot, assessment: Assessment | None, today: date, *, stalled: bool
) -> None:
    own = {"pilot": pilot.name}
    labels = label_text(own)
    ready = not stalled and assessment is not None and assessment.verdict is Verdict.READY
    lines.add("pilot_ready", labels, "1" if ready else "0")
    if pilot.ramp is not None:
        percent = round(100 * pilot.ramp.scheduled(pilot.start, today), 9)
        lines.add("pilot_ramp_percentage", label_text({**own, "kind": "scheduled"}), number_text(percent))
    if assessment is None:
        return
    lines.add("pilot_last_assessment_timestamp_seconds", labels, number_text(assessment.at))
    if stalled:
        return
    for verdict in Verdict:
        named = {**own, "verdict": verdict.value}
        _one_hot(lines, "pilot_verdict", named, chosen=verdict is assessment.verdict)
    # the same criterion may be written twice; a series may not
    for (text, role), truth in {(f.text, f.role): f.state for f in assessment.findings}.items():
        for candidate in Truth:
            named = {**own, "criterion": text, "role": role.value, "state": candidate.value}
            _one_hot(lines, "pilot_criterion", named, chosen=candidate is truth)
    if isinstance(assessment.records, Records):
        _write_incidents(lines, own, assessment.records.incidents)
    opinion = assessment.satisfaction
    if opinion is not None:
        lines.add("pilot_user_satisfaction_responses", labels, str(opinion.votes))
        lines.add("pilot_user_satisfaction_mean", labels, number_text(opinion.mean))
        if opinion.interval is not None:
            for name, end in zip(("lower", "upper"), opinion.interval, strict=True):
                lines.add(f"pilot_user_satisfaction_{name}", labels, number_text(end))


def _one_hot(lines: Lines, name: str, labels: dict[str, str], *, chosen: bool) -> None:
    lines.add(name, label_text(labels), "1" if chosen else "0")


def _write_incidents(lines: Lines, own: dict[str, str], incidents: IncidentSummary) -> None:
    counts = {"open": incidents.open_by_severity, "resolved": incidents.resolved_by_severity}
    for state, by_severity in counts.items():
        for severity in Severity:
            labels = label_text({**own, "severity": severity.value, "state": state})
            lines.add("pilot_incidents", labels, str(by_severity.get(severity, 0)))
