"""One pilot: may it widen? Every criterion with its evidence, the ramp, experiments, people's records, reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

from fastapi import Response

from slo_daemon.core import report_rows
from slo_daemon.core.courses import Served
from slo_daemon.core.html import Html
from slo_daemon.core.pilot.pilot import Pilot, Role
from slo_daemon.core.pilot.records import Override, OverrideKind, Records, RecordsUnavailable
from slo_daemon.core.pilot.trials import Trial
from slo_daemon.core.pilot.verdict import Assessment, Finding
from slo_daemon.core.report import ADVICE_WORDS, state_word
from slo_daemon.core.report_charts import lift_chart, ramp_chart
from slo_daemon.core.slo.phrases import say_count, say_minute
from slo_daemon.core.snapshot import SloView
from slo_daemon.web.pages.marks import EFFECTS, Mark, verdict_mark
from slo_daemon.web.pages.rows import counts, incident_marks, row_of, trouble_of
from slo_daemon.web.pages.shell import Shell, Visit
from slo_daemon.web.reading_api import Form

MOST_SLOS = 50  # in the table; the list of SLOs has all
MOST_REPORTS = 10
REPORT_FORMS: tuple[str, ...] = get_args(Form)
FORM_NAMES = {"html": "HTML", "md": "Markdown", "json": "JSON"}


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One criterion. `key`: names it on the page. `evidence`: what it stands on, `query`: what was asked for it."""

    key: str
    mark: Mark
    state: str
    text: str
    detail: str
    waiver: Override | None
    evidence: Sequence[str]
    query: str


@dataclass(frozen=True, slots=True)
class Findings:
    """The criteria of one kind. `none`: what is said where there are none, "" where nothing is."""

    heading: str
    rows: Sequence[FindingRow]
    none: str


@dataclass(frozen=True, slots=True)
class TrialBox:
    """One experiment. `mismatch`: why its split cannot be trusted, "" where it can. `chart`: SVG, "" without one."""

    name: str
    said: str
    mismatch: str
    arms: Sequence[report_rows.Row]
    notes: Sequence[str]
    chart: str


@dataclass(frozen=True, slots=True)
class OverrideRow:
    """One decision of a person."""

    what: str
    by: str
    reason: str
    mark: Mark
    span: str


@dataclass(frozen=True, slots=True)
class Reports:
    """Ids of the kept reports, newest first. `lost`: why they cannot be told, "" when they can."""

    ids: Sequence[str] = ()
    lost: str = ""


def pilot_page(shell: Shell, visit: Visit, name: str, reports: Reports) -> Response:
    """/pilots/{pilot}. Raises UnknownPilotError."""
    pilot, assessment = visit.pilot(name), visit.assessment(name)
    verdict = verdict_mark(visit.snapshot.assessments.get(name), old=visit.age is not None)
    views = visit.snapshot.of_pilot(name)
    records = assessment.records if assessment is not None else None
    today = datetime.fromtimestamp(visit.now, UTC).date()
    return shell.page(
        "pilot.html",
        visit,
        pilot.title,
        headline=verdict[2],
        pilot=pilot,
        day=_day(pilot, visit.now),
        verdict=verdict,
        assessment=assessment,
        advice=ADVICE_WORDS[assessment.advice] if assessment is not None else "",
        findings=_findings(assessment) if assessment is not None else [],
        ramp=assessment.ramp if assessment is not None else None,
        ramp_advice=ADVICE_WORDS[assessment.ramp.advice]
        if assessment is not None and assessment.ramp is not None
        else "",
        steps=[
            (step, step.first_day(pilot.start), step.first_day(pilot.start) <= today)
            for step in sorted(pilot.ramp.steps, key=lambda step: step.week)
        ]
        if pilot.ramp is not None
        else [],
        ramp_chart=_ramp_chart(pilot, assessment, visit.now) if assessment is not None else "",
        trials=_trials(pilot, assessment, visit.now) if assessment is not None else [],
        counts=counts(views, name),
        rows=[row_of(view) for view in _worst_first(views)[:MOST_SLOS]],
        slos=len(views),
        records=records if isinstance(records, Records) else None,
        records_lost=records.detail if isinstance(records, RecordsUnavailable) else "",
        overrides=[_override(one, visit.now) for one in records.overrides] if records is not None else [],
        reports=reports,
        report_forms=[(form, FORM_NAMES[form]) for form in FORM_NAMES if form in REPORT_FORMS],
        most_reports=MOST_REPORTS,
    )


def _worst_first(views: Sequence[SloView]) -> list[SloView]:
    return sorted(views, key=trouble_of)


def _day(pilot: Pilot, now: float) -> str:
    day, days = pilot.day(datetime.fromtimestamp(now, UTC).date()), pilot.duration.days
    if day < 1:
        return f"starts in {say_count(1 - day, 'day')}"
    return f"day {day} of {days}" if day <= days else f"over since {pilot.end}"


def _findings(assessment: Assessment) -> list[Findings]:
    numbered = [
        (finding.role, _finding(number, finding)) for number, finding in enumerate(assessment.findings)
    ]
    kinds = (
        ("What every pilot needs", Role.DEFAULT, ""),
        ("Go-live criteria", Role.GO_LIVE, "The pilot has no go-live criteria of its own."),
        ("Rollback triggers", Role.ROLLBACK, "There are no rollback triggers."),
        ("Success metrics", Role.SUCCESS, "There are no success metrics."),
    )
    return [
        Findings(heading, [row for role, row in numbered if role is wanted], none)
        for heading, wanted, none in kinds
    ]


def _finding(number: int, finding: Finding) -> FindingRow:
    return FindingRow(
        key=f"criterion-{number}",
        mark=EFFECTS[finding.effect],
        state=state_word(finding),
        text=finding.text,
        detail=finding.detail,
        waiver=finding.override,
        evidence=report_rows.evidence_of(finding),
        query=finding.source.query,
    )


def _ramp_chart(pilot: Pilot, assessment: Assessment, now: float) -> str:
    """What was served before is told by reports, and by an experiment that the ramp splits; here the present is added."""
    observed = assessment.ramp.observed if assessment.ramp is not None else None
    served = () if observed is None else (Served(now, observed),)
    trials = [trial for _, trial in assessment.trials]
    chart = ramp_chart(pilot, trials, served, now, incident_marks(assessment))
    return chart.markup if chart is not None else ""


def _trials(pilot: Pilot, assessment: Assessment, now: float) -> list[TrialBox]:
    at = assessment.slot.time if assessment.slot is not None else now
    marks = incident_marks(assessment)
    return [
        _trial(pilot, trial, lift_chart(place, trial, at, marks))
        for place, (_, trial) in enumerate(assessment.trials)
    ]


def _trial(pilot: Pilot, trial: Trial, charts: Sequence[Html]) -> TrialBox:
    return TrialBox(
        name=trial.metric.name,
        said=str(trial.outcome.lift),
        mismatch=report_rows.mismatch_of(trial),
        arms=report_rows.arm_rows(trial),
        notes=report_rows.trial_notes(pilot, trial),
        chart="".join(chart.markup for chart in charts) if trial.outcome.by_day else "",
    )


def _override(override: Override, now: float) -> OverrideRow:
    hold = override.kind is OverrideKind.HOLD
    what = "hold of the rollout" if hold else f"waiver of {override.criterion}"
    began, ends = say_minute(override.created_at), say_minute(override.expires_at)
    if override.revoked_at is not None:
        mark, span = (
            ("open", "–", "revoked"),
            f"on {say_minute(override.revoked_at)} UTC by {override.revoked_by}",
        )
    elif override.in_force(now):
        mark, span = ("warn", "⚠", "in force"), f"until {ends} UTC"
    else:
        mark, span = ("open", "–", "over"), f"since {ends} UTC"
    return OverrideRow(what, override.by, override.reason, mark, f"{span}, made {began} UTC")
