"""The incidents of a pilot, and the forms that record and resolve them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import Response

from slo_daemon.core.pilot.records import Incident, IncidentChange, Severity
from slo_daemon.ports import AlreadyResolvedError, KeyReusedError, StoreError
from slo_daemon.web.pages.forms import Draft, Fields, blank, form_moment
from slo_daemon.web.pages.marks import Mark
from slo_daemon.web.pages.shell import Shell, Visit
from slo_daemon.web.security import FORMS, PILOT_PAGE, Doorkeeper
from slo_daemon.workflows.checks import (
    LONGEST_TEXT,
    LONGEST_TITLE,
    FieldProblem,
    RefusedError,
    checked_incident,
    refuse,
    text_problems,
)
from slo_daemon.workflows.desk import Author
from slo_daemon.workflows.record import Recorder

MOST_INCIDENTS = 100
MOST_OLDER = (
    100  # that are open still, beside the latest ones: they keep a pilot from widening, however old they are
)
_READ = 1_000
ADD_INCIDENT = ("POST", f"{PILOT_PAGE}/incidents")
RESOLVE_INCIDENT = ("POST", f"{PILOT_PAGE}/incidents/{{incident_id}}")
_SEVERITIES: dict[Severity, Mark] = {
    Severity.CRITICAL: ("bad", "✗", "critical"),
    Severity.WARNING: ("warn", "⚠", "warning"),
    Severity.INFO: ("open", "i", "info"),
}
_OPEN: Mark = ("bad", "○", "open")
_RESOLVED: Mark = ("good", "✓", "resolved")
_RESOLVED_MEANWHILE = FieldProblem(
    "resolution", "was written by somebody else meanwhile: the incident is resolved"
)
_RESOLVED_BEFORE = FieldProblem("resolution", "was recorded with other words before, by this same form")


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident. `draft`: of the form that resolves it."""

    incident: Incident
    state: Mark
    severity: Mark
    draft: Draft


@dataclass(frozen=True, slots=True)
class Kept:
    """The latest `_READ` incidents, newest first. `lost`: why they cannot be told, "" when they can."""

    incidents: Sequence[Incident] = ()
    lost: str = ""

    def shown(self) -> Sequence[Incident]:
        """The latest, and older ones that are open."""
        older = [incident for incident in self.incidents[MOST_INCIDENTS:] if not incident.resolved]
        return [*self.incidents[:MOST_INCIDENTS], *older[:MOST_OLDER]]


def read_incidents(recorder: Recorder, pilot: str) -> Kept:
    """From the store. Raises UnknownPilotError."""
    try:
        return Kept(recorder.incidents(pilot, _READ))
    except StoreError as error:
        return Kept(lost=f"Incidents cannot be read now ({error.reason}).")


def incidents_page(
    shell: Shell,
    visit: Visit,
    doorkeeper: Doorkeeper,
    pilot: str,
    kept: Kept,
    *,
    draft: Draft | None = None,
    resolving: int | None = None,
    told: str = "",
) -> Response:
    """/pilots/{pilot}/incidents. `draft` was not taken: of the incident `resolving`, else of a new one.

    `told`: `recorded-7` or `resolved-7`, what was done just now. Raises UnknownPilotError.
    """
    shown = kept.shown()
    rows = [_row(one, draft if draft is not None and one.id == resolving else None) for one in shown]
    new = draft if draft is not None and resolving is None else None
    allowed = FORMS[ADD_INCIDENT]
    known = {f"{verb}-{one.id}": f"Incident {one.id} is {verb}." for one in kept.incidents for verb in ("recorded", "resolved")}  # fmt: skip
    return shell.page(
        "incidents.html",
        visit,
        "Incidents",
        status=200 if draft is None else draft.status,
        still=draft is not None,
        pilot=visit.pilot(pilot),
        tab="incidents",
        rows=sorted(rows, key=lambda row: row.incident.resolved),
        most=MOST_INCIDENTS,
        more=len(shown) < len(kept.incidents) or len(kept.incidents) == _READ,
        lost=kept.lost,
        told=known.get(told, ""),
        draft=new or blank(severity=""),
        failed=draft,
        may=visit.session is not None and visit.session.role_for(allowed) is not None,
        configured=doorkeeper.open_to(allowed),
        severities=[severity.value for severity in reversed(Severity)],
        longest_title=LONGEST_TITLE,
        longest_text=LONGEST_TEXT,
    )


def _row(incident: Incident, draft: Draft | None) -> IncidentRow:
    state = _RESOLVED if incident.resolved else _OPEN
    return IncidentRow(incident, state, _SEVERITIES[incident.severity], draft or blank())


def add_incident(recorder: Recorder, pilot: str) -> Callable[[Fields, Author], str]:
    """What a filled-in form does; it answers where to go then. Raises as `Recorder` does."""

    def act(fields: Fields, author: Author) -> str:
        problems: list[FieldProblem] = []
        started_at = form_moment(fields, "started_at", problems)
        severity = _severity(fields, problems)
        title, description = fields.get("title", "").strip(), fields.get("description", "")
        if problems:  # all of them at once
            now = recorder.clock.now()
            more = checked_incident(
                recorder.pilot(pilot), now, title=title, severity=severity, description=description
            )
            refuse([*more[1], *problems])
        recorded = recorder.add_incident(
            pilot, author, title=title, severity=severity, description=description, started_at=started_at
        )
        return _page(pilot, "recorded", recorded.record.id)

    return act


def resolve_incident(recorder: Recorder, pilot: str, incident_id: int) -> Callable[[Fields, Author], str]:
    """The same for the form beside an open incident. Raises UnknownIncidentError too."""

    def act(fields: Fields, author: Author) -> str:
        problems: list[FieldProblem] = []
        resolution = fields.get("resolution", "")
        resolved_at = form_moment(fields, "resolved_at", problems)
        if not resolution.strip():
            problems.append(FieldProblem("resolution", "must not be empty: others will ask how it ended"))
        refuse([*problems, *text_problems("resolution", resolution)] if problems else [])
        change = IncidentChange(resolution=resolution, resolved_at=resolved_at)
        try:
            changed = recorder.change_incident(pilot, incident_id, change, author)
        except AlreadyResolvedError:  # what another one has written must not vanish, nor what was typed here
            raise RefusedError((_RESOLVED_MEANWHILE,)) from None
        except KeyReusedError:
            raise RefusedError((_RESOLVED_BEFORE,)) from None
        return _page(pilot, "resolved", changed.id)

    return act


def _severity(fields: Fields, problems: list[FieldProblem]) -> Severity:
    value = fields.get("severity", "")
    if value in list(Severity):
        return Severity(value)
    names = ", ".join(reversed(Severity))
    problems.append(FieldProblem("severity", f"must be one of {names}"))
    return Severity.INFO


def _page(pilot: str, verb: str, incident_id: int) -> str:
    return (
        f"{PILOT_PAGE.replace('{pilot}', pilot)}/incidents?told={verb}-{incident_id}#incident-{incident_id}"
    )
