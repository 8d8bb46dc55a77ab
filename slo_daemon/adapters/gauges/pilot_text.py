"""Pilots as metrics. What is old is not shown, but for what alerts stand on: a trigger that has fired stays fired."""

from datetime import date

from slo_daemon.adapters.gauges.text import Lines, label_text, number_text
from slo_daemon.core.pilot.pilot import Pilot, Role
from slo_daemon.core.pilot.ramp import RampAdvice
from slo_daemon.core.pilot.records import IncidentSummary, Records, Severity
from slo_daemon.core.pilot.satisfaction import Satisfaction
from slo_daemon.core.pilot.trials import Trial
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Assessment, Effect, Verdict
from slo_daemon.core.snapshot import Snapshot


def pilots_text(snapshot: Snapshot, today: date, *, stalled: bool) -> bytes:
    """The families of pilots."""
    lines = Lines()
    for pilot in snapshot.specification.pilots:
        _write_pilot(lines, pilot, snapshot.assessments.get(pilot.name), today, stalled=stalled)
    return lines.text().encode(errors="replace")


def _write_pilot(
    lines: Lines, pilot: Pilot, assessment: Assessment | None, today: date, *, stalled: bool
) -> None:
    own = {"pilot": pilot.name}
    labels = label_text(own)
    ready = not stalled and assessment is not None and assessment.verdict is Verdict.READY
    lines.add("pilot_ready", labels, "1" if ready else "0")
    if pilot.ramp is not None:
        advice = assessment.ramp if assessment is not None and not stalled else None
        _write_ramp(lines, own, pilot.ramp.scheduled(pilot.start, today), advice)
    if assessment is None:
        return
    lines.add("pilot_last_assessment_timestamp_seconds", labels, number_text(assessment.at))
    _write_triggers(lines, own, assessment)
    if stalled:
        return
    for verdict in Verdict:
        named = {**own, "verdict": verdict.value}
        _one_hot(lines, "pilot_verdict", named, chosen=verdict is assessment.verdict)
    _write_criteria(lines, own, assessment)
    if isinstance(assessment.records, Records):
        _write_incidents(lines, own, assessment.records.incidents)
    if assessment.satisfaction is not None:
        _write_satisfaction(lines, labels, assessment.satisfaction)
    for name, trial in assessment.trials:
        _write_trial(lines, {**own, "metric": name}, trial)


def _write_criteria(lines: Lines, own: dict[str, str], assessment: Assessment) -> None:
    # the same criterion may be written twice; a series may not
    for (text, role), finding in {(f.text, f.role): f for f in assessment.findings}.items():
        named = {**own, "criterion": text, "role": role.value}
        for candidate in Truth:
            _one_hot(
                lines,
                "pilot_criterion",
                {**named, "state": candidate.value},
                chosen=candidate is finding.state,
            )
        if finding.earliest is not None:
            name = "pilot_criterion_earliest_timestamp_seconds"
            lines.add(name, label_text(named), number_text(finding.earliest))
        if role is Role.SUCCESS and finding.value is not None:
            metric = label_text({**own, "metric": text.partition(":")[0]})
            lines.add("pilot_success_metric_value", metric, number_text(finding.value))


def _write_triggers(lines: Lines, own: dict[str, str], assessment: Assessment) -> None:
    for finding in {f.text: f for f in assessment.findings if f.role is Role.ROLLBACK}.values():
        named = {**own, "trigger": finding.text}
        _one_hot(lines, "pilot_rollback_triggered", named, chosen=finding.effect is Effect.FIRE)
        _one_hot(lines, "pilot_trigger_blind", named, chosen=finding.blind and finding.effect is Effect.OPEN)


def _write_ramp(lines: Lines, own: dict[str, str], scheduled: float, advice: RampAdvice | None) -> None:
    shares = {"scheduled": scheduled}
    if advice is not None:
        shares["advised"] = advice.advised
        if advice.observed is not None:
            shares["observed"] = advice.observed
    for kind, share in shares.items():
        percent = number_text(round(100 * share, 9))
        lines.add("pilot_ramp_percentage", label_text({**own, "kind": kind}), percent)


def _write_trial(lines: Lines, own: dict[str, str], trial: Trial) -> None:
    lift, mismatch = trial.outcome.lift, trial.outcome.mismatch
    if lift.point is not None:
        bounds = {"point": lift.point}
        if lift.interval is not None:
            bounds |= {"lower": lift.interval[0], "upper": lift.interval[1]}
        for bound, value in bounds.items():
            labels = label_text({**own, "bound": bound})
            lines.add("pilot_experiment_lift_ratio", labels, number_text(value))
    if mismatch is not None:
        _one_hot(lines, "pilot_experiment_mismatch", own, chosen=mismatch.flagged)


def _write_satisfaction(lines: Lines, labels: str, opinion: Satisfaction) -> None:
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
