"""Alertmanager's alerts as incidents: each outage once, however often, late or out of order it is told.

Alertmanager tells an alert again with every repetition and every change of its group, after failures, and from each
replica. An alert is known by its fingerprint (its labels) and its start. The start alone is no identity: an Alertmanager
that was restarted may begin to count anew. So at any time at most one incident of a fingerprint is open, and

| told | and there is | then |
| --- | --- | --- |
| firing | a resolved incident that ended at or after the alert's start | late: it is over, nothing changes |
| firing | an open incident | merged into it |
| firing | neither | opened |
| resolved | an open incident that began at or before the alert's end | resolved |
| resolved | a resolved incident that overlaps with it | known: nothing changes |
| resolved | neither | recorded as resolved |

A resolution by a person is a resolution like any other: late repetitions do not undo it, and an alert that starts after it
is a new incident. What a person has set is kept when an alert is merged; only a severity that is higher than any told
before is taken over, and a description where there is none.

Every outage is recorded once, provided that its end is told before the end of the next one is; otherwise the two are
recorded as one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from slo_daemon.core.pilot.records import Incident, IncidentSource, NewIncident, Severity

OWN_LABEL = "slo_daemon"  # on every alert that slo-daemon causes, by rules or directly, with the value below
OWN_VALUE = "true"
RESOLUTION = "resolved in Alertmanager"

_SEVERITIES: Mapping[str, Severity] = {
    "critical": Severity.CRITICAL,
    "page": Severity.CRITICAL,
    "warning": Severity.WARNING,
    "info": Severity.INFO,
    "none": Severity.INFO,
}


@dataclass(frozen=True, slots=True)
class AlertReport:
    """One alert of a notification. Unix seconds; `ends_at` is None while it fires."""

    fingerprint: str
    starts_at: float
    ends_at: float | None
    severity: Severity
    title: str
    description: str = ""


class AlertOutcome(StrEnum):
    """What became of a report."""

    OPENED = "opened"
    MERGED = "merged"
    RESOLVED = "resolved"
    RECORDED = "recorded"
    LATE = "late"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class AlertCounts:
    """What became of the reports of one notification, and the ids of the incidents that were added or changed."""

    outcomes: Mapping[AlertOutcome, int]
    touched: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertDecision:
    """What is to be stored: `new` (with the alert's identity beside it), or `changed`, or nothing."""

    outcome: AlertOutcome
    new: NewIncident | None = None
    changed: Incident | None = None


def decide(pilot: str, report: AlertReport, known: Sequence[Incident], at: float) -> AlertDecision:
    """What one report comes to. `known`: the pilot's incidents of this fingerprint; `at`: now (Unix seconds)."""
    running = next((incident for incident in known if not incident.resolved), None)
    over = [(i.started_at, max(i.started_at, i.resolved_at)) for i in known if i.resolved_at is not None]
    if report.ends_at is None:
        if any(end >= report.starts_at for _, end in over):
            return AlertDecision(AlertOutcome.LATE)
        if running is None:
            return AlertDecision(AlertOutcome.OPENED, new=_incident(pilot, report, None))
        return _merged(running, report)
    end = max(report.starts_at, min(report.ends_at, at))  # told as over, so it is over by now
    if running is not None and running.started_at <= end:
        resolution = RESOLUTION if running.resolution is None else running.resolution
        return AlertDecision(
            AlertOutcome.RESOLVED, changed=replace(running, resolution=resolution, resolved_at=end)
        )
    if any(start <= end and report.starts_at <= over_at for start, over_at in over):
        return AlertDecision(AlertOutcome.KNOWN)
    return AlertDecision(AlertOutcome.RECORDED, new=_incident(pilot, report, end))


def severity_of(label: str) -> Severity:
    """What the label `severity` of an alert means; without one that is known it is a warning."""
    return _SEVERITIES.get(label.strip().lower(), Severity.WARNING)


def is_own(labels: Mapping[str, object]) -> bool:
    """Whether slo-daemon itself caused the alert: what it judges must not come back as an incident."""
    return labels.get(OWN_LABEL) == OWN_VALUE


def alert_source(report: AlertReport) -> dict[str, object]:
    """The fields of an incident that say which alert told of it."""
    return {
        "source": IncidentSource.ALERTMANAGER,
        "fingerprint": report.fingerprint,
        "told_severity": report.severity,
    }


def _incident(pilot: str, report: AlertReport, end: float | None) -> NewIncident:
    resolution = None if end is None else RESOLUTION
    return NewIncident(
        pilot, report.title, report.severity, report.description, report.starts_at, resolution, end
    )


def _merged(running: Incident, report: AlertReport) -> AlertDecision:
    told = running.told_severity or running.severity
    merged = replace(running, description=running.description or report.description)
    if report.severity.rank > told.rank:
        worse = max(running.severity, report.severity, key=lambda severity: severity.rank)
        merged = replace(merged, severity=worse, told_severity=report.severity)
    return AlertDecision(AlertOutcome.MERGED, changed=None if merged == running else merged)
