"""A report as Markdown that is pleasant both on a page and in a terminal. A pure rendering: same report, same bytes."""

from collections.abc import Iterable, Mapping

from slo_daemon.core.markdown import bold, bullets, escape, quoted, table
from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.records import Incident, IncidentSummary, Records, RecordsUnavailable, Severity
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.report import (
    ADVICE_WORDS,
    FIRING_WORDS,
    LEVEL_WORDS,
    MET_SYMBOLS,
    SPENT_SYMBOLS,
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
from slo_daemon.core.slo.budget import FULL_COVERAGE, BudgetState, spent_out
from slo_daemon.core.slo.measurement import DataState, Measured, NoTraffic
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import (
    say_cause,
    say_count,
    say_evaluation,
    say_forecast,
    say_left,
    say_measured,
    say_minute,
    say_name,
    say_objective,
    say_rate,
    say_share,
    say_threshold,
    say_time,
)
from slo_daemon.core.snapshot import SloView

NOTHING = "–"  # in a table cell


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
        "Data coverage": _coverage(report),
    }
    parts = [f"# Pilot report: {escape(report.pilot.title)}"]
    parts += [f"## {heading}\n\n{body}" for heading, body in sections.items()]
    parts.append(f"---\n\nReport `{report.id}` of configuration {quoted(report.configuration)}.")
    return "\n\n".join(parts) + "\n"


def _verdict(report: Report) -> str:
    assessment = report.assessment
    slot = f"of {say_time(assessment.slot.time)}" if assessment.slot else "that has not taken place yet"
    lines = [
        f"**{VERDICT_WORDS[assessment.verdict]}**, advice: {ADVICE_WORDS[assessment.advice]}.",
        *([] if assessment.blockers else [f"Why: {escape(assessment.reason)}."]),
        f"Written {say_time(report.at)}, from the evaluation {slot}.",
    ]
    blockers = [f"✗ {escape(text)}" for text in assessment.blockers]
    warnings = [f"⚠ {escape(text)}" for text in assessment.warnings]
    return "\n\n".join(
        [*lines, "### Blockers", bullets(blockers or ["none"]), "### Warnings", bullets(warnings or ["none"])]
    )


def _overview(report: Report) -> str:
    pilot = report.pilot
    features = [f"{name} {'on' if on else 'off'}" for name, on in (pilot.features or {}).items()]
    cohorts = [f"{cohort.name} ({cohort.criteria})" for cohort in pilot.cohorts]
    items = [
        f"Pilot: {escape(pilot.name)}",
        f"Stage: {pilot.stage.value}",
        f"Dates: {pilot.start} to {pilot.last_day} ({report.progress})",
        f"Cohorts: {_listed(cohorts)}",
        f"Features: {_listed(features)}",
        f"Variants: {_listed(pilot.variants)}",
    ]
    if pilot.labels:
        items.append(f"Labels: {_listed(f'{name}={value}' for name, value in pilot.labels)}")
    return bullets(items)


def _ramp(report: Report) -> str:
    ramp = report.pilot.ramp
    if ramp is None:
        return "None is planned."
    span = f"{say_share(ramp.initial)} of the users at first, {say_share(ramp.maximum)} at most."
    return f"{span}\n\n{ramp_markdown(report.pilot, ramp, report.assessment.ramp, report.today)}".rstrip()


def _slos(report: Report) -> str:
    if not report.views:
        return "The pilot has no SLO."
    rows = [_slo_row(view) for view in report.views]
    headings = ("SLO", "Value", "Objective", "Met", "Level", "Data", "Window", "Events")
    notes = [f"{bold(say_name(view.instance))}: {_note(view)}" for view in report.views if _needs_note(view)]
    parts = [table(headings, rows, right=(1, 7)), *([bullets(notes)] if notes else [])]
    return "\n\n".join([*parts, "### Error budgets", _budgets(report), "### Burn rates", _burn_rates(report)])


def _budgets(report: Report) -> str:
    rows = [
        (
            say_name(view.instance),
            f"{SPENT_SYMBOLS[spent_out(budget)]} {say_left(budget)}",
            NOTHING
            if budget.spent is None or budget.state is BudgetState.BACKFILLING
            else say_share(budget.spent),
            str(budget.policy.window),
            say_share(budget.tally.coverage),
            say_forecast(budget) or NOTHING,
        )
        for view in report.views
        if view.evaluation is not None and (budget := view.evaluation.budget) is not None
    ]
    if rows:
        return table(("SLO", "Left", "Spent", "Window", "Seen", "Forecast"), rows, right=(2, 4))
    return (
        "None was evaluated."
        if any(slo.budget for slo in report.pilot.slos)
        else "There are no error budgets."
    )


def _burn_rates(report: Report) -> str:
    rows = [
        (
            say_name(view.instance),
            str(rate.pair),
            rate.pair.severity.word if burn.alerts else f"{rate.pair.severity.word}, only shown",
            f"{say_rate(rate.long_rate, rate.threshold)} and {say_rate(rate.short_rate, rate.threshold)}",
            say_threshold(rate.threshold),
            FIRING_WORDS[rate.firing],
        )
        for view in report.views
        if view.evaluation is not None and (burn := view.instance.slo.burn) is not None
        for rate in view.evaluation.burn_rates
    ]
    if not rows:
        return "There are none."
    return table(("SLO", "Lookbacks", "Level", "Rates", "Too fast above", "Now"), rows, right=(4,))


def _slo_row(view: SloView) -> tuple[str, ...]:
    evaluation, slo = view.evaluation, view.instance.slo
    measurement = evaluation.measurement if evaluation else None
    value = say_measured(measurement, slo.objective) if isinstance(measurement, Measured) else NOTHING
    events = NOTHING
    if isinstance(measurement, NoTraffic):
        events = "0"
    elif isinstance(measurement, Measured) and measurement.total is not None:
        events = f"{measurement.total:,.0f}"
    return (
        say_name(view.instance),
        value,
        say_objective(slo.objective),
        MET_SYMBOLS[evaluation.met if evaluation else None],
        LEVEL_WORDS[view.state.level],
        view.data_state.value.replace("_", " "),
        str(slo.window),
        events,
    )


def _needs_note(view: SloView) -> bool:
    return bool(view.state.level) or view.evaluation is None or view.evaluation.met is not True


def _note(view: SloView) -> str:
    evaluation = view.evaluation
    note = escape(say_evaluation(evaluation))
    if evaluation is not None and evaluation.met is None:
        note = f"{evaluation.reason.value.replace('_', ' ')}: {note}"
    if cause := say_cause(evaluation):
        note = f"{note}; {escape(cause)}"
    if view.state.level is Level.NONE:
        return note
    reason = f" ({view.state.reason.value.replace('_', ' ')})" if view.state.reason else ""
    return f"{note}; level {view.state.level.word} since {say_time(view.state.since)}{reason}"


def _incidents(records: Records | RecordsUnavailable) -> str:
    if isinstance(records, RecordsUnavailable):
        return _unavailable(records)
    if not records.incidents.total:
        return "No incidents were recorded."
    summary = records.incidents
    totals = (
        f"{say_count(summary.total, 'incident')} in total: {_severities(summary.open_by_severity)} open, "
        f"{_severities(summary.resolved_by_severity)} resolved. {summary.started_since:,} started in the last 7 days."
    )
    return f"{totals}{_how_many(summary)}\n\n{bullets([_incident(incident) for incident in summary.recent])}"


def _severities(counts: Mapping[Severity, int]) -> str:
    total = sum(counts.values())
    parts = [f"{counts[s]:,} {s.value}" for s in reversed(Severity) if counts.get(s)]
    return f"{total:,} ({', '.join(parts)})" if parts else f"{total:,}"


def _how_many(summary: IncidentSummary) -> str:
    shown = len(summary.recent)
    return f" The latest {shown}:" if shown < summary.total else ""


def _incident(incident: Incident) -> str:
    if incident.resolved_at is not None:
        symbol, state = "✓", f"resolved after {show_duration(incident.resolved_at - incident.started_at)}"
    else:
        symbol, state = "✗" if incident.severity is Severity.CRITICAL else "⚠", "open"
    began = say_time(incident.started_at)
    lines = [f"{symbol} {incident.severity.value}, {state}, began {began}: {quoted(incident.title)}"]
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
    names = {view.instance.id: say_name(view.instance) for view in report.views}
    rows = [
        (
            say_minute(t.slot),
            names.get(t.slo_id, t.slo_id.partition("/")[2]),
            f"{t.before.word} -> {t.after.word}",
            t.reason.value.replace("_", " "),
        )
        for t in report.transitions.latest
    ]
    if not rows:
        return "None."
    more = "" if report.transitions.complete else "\n\nThere were more; these are the latest."
    return table(("Time (UTC)", "SLO", "Level", "Reason"), rows) + more


def _contacts(report: Report) -> str:
    contacts = [f"{escape(c.role)}: {escape(c.name)}, {escape(c.contact)}" for c in report.pilot.contacts]
    return bullets(contacts) if contacts else "No contacts are configured."


def _coverage(report: Report) -> str:
    states = report.data_states
    counts = [f"{states[state]} {state.value.replace('_', ' ')}" for state in DataState if states.get(state)]
    source = report.source
    if source is None:
        said = "not asked yet"
    else:
        said = "answered" if source.up else f"did not answer: {escape(f'{source.reason}, {source.detail}')}"
    incomplete = [
        f"{say_name(view.instance)} {window.window} ({say_share(window.coverage or 0.0)})"
        for view, window in report.incomplete
    ]
    tally = report.tally
    slots = (
        f"{tally.evaluated:,} evaluated, {tally.missed:,} missed since {say_time(tally.since)}"
        if tally
        else "not counted"
    )
    return bullets(
        [
            f"Data of the SLOs: {', '.join(counts) or 'there are none'}",
            f"Windows seen to less than {say_share(FULL_COVERAGE)}: {_listed(incomplete)}",
            f"Prometheus: {said}",
            f"Slots: {slots}",
        ]
    )


def _unavailable(records: RecordsUnavailable) -> str:
    return f"Not known: {escape(records.detail)}"


def _listed(items: Iterable[str]) -> str:
    return escape(", ".join(items)) or "none"
