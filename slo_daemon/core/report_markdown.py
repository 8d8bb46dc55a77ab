"""A report as Markdown that is pleasant both on a page and in a terminal. A pure rendering: same report, same bytes."""

from collections.abc import Collection, Sequence

from slo_daemon.core import report_rows as rows
from slo_daemon.core.markdown import bold, bullets, escape, quoted, table
from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.records import Incident, Records, RecordsUnavailable
from slo_daemon.core.report import (
    ADVICE_WORDS,
    VERDICT_WORDS,
    PreviousReport,
    Report,
    Unreadable,
    changes,
)
from slo_daemon.core.report_evidence import (
    experiments_markdown,
    findings_markdown,
    overrides_markdown,
    ramp_markdown,
)
from slo_daemon.core.slo.phrases import (
    say_time,
)


def report_markdown(report: Report) -> str:
    """The whole report. Text from the configuration is escaped; what people and other systems wrote is shown as code."""
    sections = {
        "Verdict": _verdict(report),
        "Overview": _overview(report),
        "SLO compliance": _slos(report),
        "Ramp": _ramp(report),
        "Go-live criteria": findings_markdown(report.findings(Role.DEFAULT, Role.GO_LIVE)),
        "Rollback triggers": findings_markdown(
            report.findings(Role.ROLLBACK), "There are no rollback triggers."
        ),
        "Success metrics": findings_markdown(report.findings(Role.SUCCESS), "There are no success metrics."),
        "Experiment": experiments_markdown(report.pilot, report.assessment.trials),
        "Decisions of people": overrides_markdown(report.assessment.records, report.at),
        "Incidents": _incidents(report.assessment.records),
        "User feedback": _feedback(report),
        "What changed": _changes(report),
        "Contacts": _contacts(report),
        "Data coverage": bullets([escape(text) for text in rows.coverage(report)]),
    }
    parts = [f"# Pilot report: {escape(report.pilot.title)}"]
    parts += [f"## {heading}\n\n{body}" for heading, body in sections.items()]
    parts.append(f"---\n\nReport `{report.id}` of configuration {quoted(report.configuration)}.")
    return "\n\n".join(parts) + "\n"


def _verdict(report: Report) -> str:
    assessment = report.assessment
    lines = [
        f"**{VERDICT_WORDS[assessment.verdict]}**, advice: {ADVICE_WORDS[assessment.advice]}.",
        *([] if assessment.blockers else [f"Why: {escape(assessment.reason)}."]),
        rows.headline(report),
    ]
    blockers = [f"✗ {escape(text)}" for text in assessment.blockers]
    warnings = [f"⚠ {escape(text)}" for text in assessment.warnings]
    return "\n\n".join(
        [*lines, "### Blockers", bullets(blockers or ["none"]), "### Warnings", bullets(warnings or ["none"])]
    )


def _overview(report: Report) -> str:
    return bullets([f"{name}: {escape(said)}" for name, said in rows.overview(report)])


def _ramp(report: Report) -> str:
    ramp = report.pilot.ramp
    if ramp is None:
        return "None is planned."
    told = ramp_markdown(report.pilot, ramp, report.assessment.ramp, report.today)
    return f"{rows.ramp_span(ramp)}\n\n{told}".rstrip()


def _slos(report: Report) -> str:
    if not report.views:
        return "The pilot has no SLO."
    notes = [f"{bold(name)}: {escape(note)}" for name, note in rows.notes(report)]
    parts = [
        table(rows.SLO_HEADINGS, [rows.slo_row(view) for view in report.views], right=(1, 7)),
        *([bullets(notes)] if notes else []),
        "### Error budgets",
        _table(rows.BUDGET_HEADINGS, rows.budget_rows(report), rows.no_budgets(report), right=(2, 4)),
        "### Burn rates",
        _table(rows.BURN_HEADINGS, rows.burn_rows(report), "There are none.", right=(4,)),
    ]
    return "\n\n".join(parts)


def _table(
    headings: Sequence[str], found: Sequence[Sequence[str]], none: str, right: Collection[int] = ()
) -> str:
    return table(headings, found, right=right) if found else none


def _incidents(records: Records | RecordsUnavailable) -> str:
    if isinstance(records, RecordsUnavailable):
        return _unavailable(records)
    if not records.incidents.total:
        return "No incidents were recorded."
    summary = records.incidents
    return (
        f"{rows.incident_totals(summary)}\n\n{bullets([_incident(incident) for incident in summary.recent])}"
    )


def _incident(incident: Incident) -> str:
    symbol, state = rows.incident_state(incident)
    lines = [f"{symbol} {state}: {quoted(incident.title)}"]
    if incident.description:
        lines.append(f"  - {quoted(incident.description)}")
    if incident.resolution:
        lines.append(f"  - resolution: {quoted(incident.resolution)}")
    return "\n".join(lines)


def _feedback(report: Report) -> str:
    records, opinion = report.assessment.records, report.assessment.satisfaction
    if isinstance(records, RecordsUnavailable):
        return _unavailable(records)
    summary = f"Satisfaction: {opinion}." if opinion else "Nobody has rated yet."
    if not records.ratings.recent:
        return summary
    given = [f"{f.rating}/5, {say_time(f.given_at)}: {quoted(f.text)}" for f in records.ratings.recent]
    return f"{summary}\n\n### Recent feedback\n\n{bullets(given)}"


def _changes(report: Report) -> str:
    parts = []
    match report.previous:
        case PreviousReport(id=previous):
            parts.append(f"Since report `{previous}`:")
            parts.append(bullets([escape(text) for text in changes(report)] or ["nothing but time"]))
        case Unreadable(detail=detail):
            parts.append(f"The previous report cannot be read: {escape(detail)}")
        case None:
            parts.append("There is no earlier report to compare with.")
    return "\n\n".join([*parts, "### Level changes", _transitions(report)])


def _transitions(report: Report) -> str:
    if isinstance(report.transitions, Unreadable):
        return f"Not known: {escape(report.transitions.detail)}"
    told = _table(rows.TRANSITION_HEADINGS, rows.transition_rows(report, report.transitions), "None.")
    return told if report.transitions.complete else f"{told}\n\n{rows.MORE_TRANSITIONS}"


def _contacts(report: Report) -> str:
    contacts = [f"{escape(c.role)}: {escape(c.name)}, {escape(c.contact)}" for c in report.pilot.contacts]
    return bullets(contacts) if contacts else "No contacts are configured."


def _unavailable(records: RecordsUnavailable) -> str:
    return f"Not known: {escape(records.detail)}"
