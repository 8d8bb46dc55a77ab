"""A report as a plain dict, and back: what an earlier report said, to tell what has changed since."""

from collections.abc import Mapping
from typing import Any

from slo_daemon.core.courses import Served
from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.records import Feedback, Incident, Records
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Verdict
from slo_daemon.core.report import PreviousReport, Report, SloFacts, Transitions, Unreadable, changes
from slo_daemon.core.shapes import (
    Json,
    assessment_json,
    number,
    override_json,
    slo_json,
    source_json,
    transitions_json,
)
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import rfc3339


def report_json(report: Report) -> Json:
    """The whole report: an assessment and more; its criteria are told apart by `role`.

    Ratings come without their authors: a report travels far.
    """
    records = report.assessment.records
    known = records if isinstance(records, Records) else None
    return assessment_json(report.assessment) | {
        "report": {"id": report.id, "generated_at": rfc3339(report.at), "at": number(report.at)},
        "configuration": report.configuration,
        "overview": _overview_json(report),
        "slos": [slo_json(view) for view in report.views],
        "overrides": [override_json(o) for o in known.overrides] if known else None,
        "recent_incidents": [_incident_json(i) for i in known.incidents.recent] if known else None,
        "recent_feedback": [_feedback_json(f) for f in known.ratings.recent] if known else None,
        "changes": _changes_json(report),
        "contacts": [
            {"name": c.name, "role": c.role, "contact": c.contact} for c in report.pilot.contacts
        ],
        "data_coverage": {
            "states": {state.value: report.data_states.get(state, 0) for state in DataState},
            "source": source_json(report.source),
            "incomplete_windows": [
                {
                    "slo": view.instance.id,
                    "window": window.window,
                    "coverage": number(window.coverage),
                }
                for view, window in report.incomplete
            ],
            "slots": {
                "since": rfc3339(report.tally.since),
                "evaluated": report.tally.evaluated,
                "missed": report.tally.missed,
            }
            if report.tally
            else None,
        },
        "history": _history_json(report),
    }  # fmt: skip


def _history_json(report: Report) -> Json:
    """What the charts of the report are drawn from, but for the values by hour."""
    return {
        "days": [
            {
                "slo": slo_id,
                "day": rfc3339(day.start)[:10],
                "met": day.met,
                "value": number(day.value),
                "events": number(day.total),
                "coverage": number(day.coverage),
            }
            for slo_id, course in sorted(report.courses.slos.items())
            for day in course.days
        ],
        "satisfaction": [
            {
                "at": rfc3339(one.at),
                "votes": one.satisfaction.votes,
                "mean": number(one.satisfaction.mean),
                "interval": [number(end) for end in one.satisfaction.interval]
                if one.satisfaction.interval
                else None,
            }
            for one in report.courses.opinions
        ],
        "served": [[number(one.at), number(one.share)] for one in report.served],
    }


def _overview_json(report: Report) -> Json:
    pilot = report.pilot
    ramp = pilot.ramp
    return {
        "title": pilot.title,
        "stage": pilot.stage.value,
        "labels": dict(pilot.labels),
        "start": pilot.start.isoformat(),
        "last_day": pilot.last_day.isoformat(),
        "day": pilot.day(report.today),
        "days": pilot.duration.days,
        "ramp": {
            "initial": ramp.initial,
            "maximum": ramp.maximum,
            "steps": [{"week": step.week, "percentage": step.percentage} for step in ramp.steps],
        }
        if ramp
        else None,
        "cohorts": [{"name": c.name, "criteria": c.criteria} for c in pilot.cohorts],
        "features": dict(pilot.features or {}),
        "variants": list(pilot.variants),
    }


def _incident_json(incident: Incident) -> Json:
    return {
        "id": incident.id,
        "title": incident.title,
        "severity": incident.severity.value,
        "description": incident.description,
        "started_at": rfc3339(incident.started_at),
        "resolution": incident.resolution,
        "resolved_at": rfc3339(incident.resolved_at) if incident.resolved_at is not None else None,
    }


def _feedback_json(feedback: Feedback) -> Json:
    return {"rating": feedback.rating, "text": feedback.text, "given_at": rfc3339(feedback.given_at)}


def _changes_json(report: Report) -> Json:
    previous, transitions = report.previous, report.transitions
    return {
        "since": previous.id if isinstance(previous, PreviousReport) else None,
        "problem": "; ".join(x.detail for x in (previous, transitions) if isinstance(x, Unreadable)) or None,
        "told": list(changes(report)),
        "transitions": transitions_json(transitions.latest) if isinstance(transitions, Transitions) else None,
        "transitions_complete": isinstance(transitions, Transitions) and transitions.complete,
    }


def previous_report(content: Mapping[str, Any]) -> PreviousReport:
    """What an earlier `report_json` said. Raises KeyError, TypeError, ValueError or OverflowError for another content."""
    incidents, satisfaction = content["incidents"], content["satisfaction"]
    votes = satisfaction["votes"] if satisfaction else 0
    return PreviousReport(
        id=str(content["report"]["id"]),
        at=float(content["report"]["at"]),
        slot=None if content["slot"] is None else float(content["slot"]),
        verdict=Verdict(content["verdict"]),
        slos={
            str(slo["id"]): SloFacts(_three_valued(slo["met"]), Level(slo["level"]))
            for slo in content["slos"]
        },
        findings={(Role(f["role"]), str(f["text"])): Truth(f["state"]) for f in content["criteria"]},
        incidents=int(incidents["total"]) if incidents else None,
        votes=int(votes) if incidents else None,  # without incidents the store was not readable
        configuration=str(content["configuration"]),
        advice=Advice(content["advice"]),
        served=tuple(_served(at, share) for at, share in (content["history"]["served"] if "history" in content else ())),
    )  # fmt: skip


def _served(at: float, share: float | None) -> Served:
    if share is not None and not 0.0 <= float(share) <= 1.0:
        raise ValueError(f"{share!r} is no share of users")
    return Served(float(at), None if share is None else float(share))


def _three_valued(met: object) -> bool | None:
    if met is None or isinstance(met, bool):
        return met
    raise ValueError(f"met is {met!r}, neither true, false nor null")
