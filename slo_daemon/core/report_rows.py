"""What the sections of a report say, as plain text: rows of tables and sentences, before any markup.

Markdown and HTML are both made of these, so that they cannot differ in what they say. The words of strangers are not here:
each rendering quotes them in its own way.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from slo_daemon.core.pilot.experiment.lift import say_interval
from slo_daemon.core.pilot.experiment.strata import Arm
from slo_daemon.core.pilot.pilot import Pilot, Ramp
from slo_daemon.core.pilot.ramp import RampAdvice
from slo_daemon.core.pilot.records import Incident, IncidentSummary, Override, Severity
from slo_daemon.core.pilot.trials import Trial, outlook_of
from slo_daemon.core.pilot.verdict import Finding
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.report import (
    FIRING_WORDS,
    LEVEL_WORDS,
    MET_SYMBOLS,
    SPENT_SYMBOLS,
    Report,
    Transitions,
)
from slo_daemon.core.slo.budget import FULL_COVERAGE, BudgetState, spent_out
from slo_daemon.core.slo.measurement import DataState, Measured, NoTraffic
from slo_daemon.core.slo.objective import Direction, Level
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
    say_uncounted,
)
from slo_daemon.core.snapshot import SloView

NOTHING = "–"  # in a table cell
Row = tuple[str, ...]

SLO_HEADINGS = ("SLO", "Value", "Objective", "Met", "Level", "Data", "Window", "Events")
BUDGET_HEADINGS = ("SLO", "Left", "Spent", "Window", "Seen", "Forecast")
BURN_HEADINGS = ("SLO", "Lookbacks", "Level", "Rates", "Too fast above", "Now")
TRANSITION_HEADINGS = ("Time (UTC)", "SLO", "Level", "Reason")
SHARE_HEADINGS = ("Planned today", "Served", "Advised")
STEP_HEADINGS = ("Week", "From", "Users", "State")
ARM_HEADINGS = ("Variant", "Users", "Converted", "Rate")
MORE_TRANSITIONS = "There were more; these are the latest."


def headline(report: Report) -> str:
    """When it was written, and what it stands on."""
    slot = report.assessment.slot
    told = f"of {say_time(slot.time)}" if slot else "that has not taken place yet"
    return f"Written {say_time(report.at)}, from the evaluation {told}."


def overview(report: Report) -> list[tuple[str, str]]:
    """Names of facts about the pilot, and the facts."""
    pilot = report.pilot
    features = [f"{name} {'on' if on else 'off'}" for name, on in (pilot.features or {}).items()]
    cohorts = [f"{cohort.name} ({cohort.criteria})" for cohort in pilot.cohorts]
    items = [
        ("Pilot", pilot.name),
        ("Stage", pilot.stage.value),
        ("Dates", f"{pilot.start} to {pilot.last_day} ({report.progress})"),
        ("Cohorts", listed(cohorts)),
        ("Features", listed(features)),
        ("Variants", listed(pilot.variants)),
    ]
    if pilot.labels:
        items.append(("Labels", listed([f"{name}={value}" for name, value in pilot.labels])))
    return items


def listed(items: Sequence[str]) -> str:
    """All of them in one line."""
    return ", ".join(items) or "none"


def slo_row(view: SloView) -> Row:
    """One SLO, by `SLO_HEADINGS`."""
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


def budget_rows(report: Report) -> list[Row]:
    """Every budget that was evaluated, by `BUDGET_HEADINGS`."""
    return [
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


def no_budgets(report: Report) -> str:
    """Why there is no row."""
    planned = any(slo.budget for slo in report.pilot.slos)
    return "None was evaluated." if planned else "There are no error budgets."


def burn_rows(report: Report) -> list[Row]:
    """Every pair of lookbacks, by `BURN_HEADINGS`."""
    return [
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


def notes(report: Report) -> list[tuple[str, str]]:
    """SLOs that are not simply met, each with what there is to say of it."""
    return [(say_name(view.instance), _note(view)) for view in report.views if _needs_note(view)]


def _needs_note(view: SloView) -> bool:
    evaluation = view.evaluation
    sure = evaluation is not None and evaluation.met is True and not say_uncounted(evaluation)
    return bool(view.state.level) or not sure


def _note(view: SloView) -> str:
    evaluation = view.evaluation
    note = say_evaluation(evaluation)
    if evaluation is not None and evaluation.met is None:
        note = f"{evaluation.reason.value.replace('_', ' ')}: {note}"
    if cause := say_cause(evaluation):
        note = f"{note}; {cause}"
    if view.state.level is Level.NONE:
        return note
    reason = f" ({view.state.reason.value.replace('_', ' ')})" if view.state.reason else ""
    return f"{note}; level {view.state.level.word} since {say_time(view.state.since)}{reason}"


def evidence_of(finding: Finding) -> list[str]:
    """What a finding stands on, but for the query."""
    source = finding.source
    told = [
        f"over {source.window}" if source.window and source.window[0].isdigit() else source.window,
        f"as of {say_time(source.at)}" if source.at is not None else "",
        f"in this state since {say_minute(finding.since)} UTC" if finding.since is not None else "",
        f"could hold from {say_minute(finding.earliest)} UTC" if finding.earliest is not None else "",
    ]
    return [text for text in told if text]


def ramp_span(ramp: Ramp) -> str:
    """Where the plan begins and ends."""
    return f"{say_share(ramp.initial)} of the users at first, {say_share(ramp.maximum)} at most."


def share_row(advice: RampAdvice) -> Row:
    """The three shares, by `SHARE_HEADINGS`."""
    observed = NOTHING if advice.observed is None else say_share(advice.observed)
    return say_share(advice.scheduled), observed, say_share(advice.advised)


def ramp_notes(advice: RampAdvice) -> list[str]:
    """Sentences below the shares."""
    lines = []
    if advice.observed_detail:
        lines.append(f"The served share is not known: {advice.observed_detail}.")
    if advice.next_date is not None:
        lines.append(f"Next step at the earliest: {say_minute(advice.next_date)} UTC.")
    return lines


def step_rows(pilot: Pilot, ramp: Ramp, today: date) -> list[Row]:
    """The steps of the plan, by `STEP_HEADINGS`."""
    return [
        (
            str(step.week),
            str(step.first_day(pilot.start)),
            say_share(step.percentage),
            "reached" if step.first_day(pilot.start) <= today else "planned",
        )
        for step in sorted(ramp.steps, key=lambda step: step.week)
    ]


def arm_rows(trial: Trial) -> list[Row]:
    """Both variants, by `ARM_HEADINGS`."""
    lift, experiment = trial.outcome.lift, trial.experiment
    return [_arm(experiment.treatment, lift.treatment), _arm(experiment.control, lift.control)]


def _arm(name: str, arm: Arm) -> Row:
    return name, f"{arm.exposed:,.0f}", f"{arm.converted:,.0f}", say_share(arm.rate)


def mismatch_of(trial: Trial) -> str:
    """Why the split cannot be trusted; empty where it can, or is not checked."""
    mismatch = trial.outcome.mismatch
    return f"Sample ratio mismatch: {mismatch}." if mismatch is not None and mismatch.flagged else ""


def trial_notes(pilot: Pilot, trial: Trial) -> list[str]:
    """What else there is to say of an experiment."""
    outcome, experiment = trial.outcome, trial.experiment
    lift = outcome.lift
    told = []
    if outcome.mismatch is not None and not outcome.mismatch.flagged:
        told.append(str(outcome.mismatch))
    if lift.fixed is not None:
        sure = f"{100 * (1 - lift.alpha):g} %"
        told.append(
            f"for one look that was agreed on beforehand the {sure} interval would be {say_interval(lift.fixed)}"
        )
    counted = len(trial.strata) - len(outcome.left_out)
    told.append(f"{say_count(counted, 'day')} compared, each within itself")
    if experiment.independent:
        told.append(f"declared independent: {experiment.independent}")
    if outcome.left_out:
        days = ", ".join(str(day) for day in outcome.left_out)
        told.append(f"left out, as the split changed on them: {days}")
    objective = trial.metric.objective
    outlook = outlook_of(trial, pilot, objective.target.base, above=objective.direction is Direction.AT_LEAST)
    if outlook is not None:
        told.append(str(outlook))
    return told


def override_state(override: Override, at: float) -> str:
    """From when, and whether it is in force at `at`; the name of who revoked it is not part of it."""
    began = f"from {say_minute(override.created_at)} UTC"
    if override.revoked_at is not None:
        return f"{began}, revoked {say_minute(override.revoked_at)} UTC"
    over = "in force until" if override.in_force(at) else "over since"
    return f"{began}, {over} {say_minute(override.expires_at)} UTC"


def incident_totals(summary: IncidentSummary) -> str:
    """How many there are, and how many are told."""
    totals = (
        f"{say_count(summary.total, 'incident')} in total: {_severities(summary.open_by_severity)} open, "
        f"{_severities(summary.resolved_by_severity)} resolved. {summary.started_since:,} started in the last 7 days."
    )
    shown = len(summary.recent)
    return f"{totals} The latest {shown}:" if shown < summary.total else totals


def _severities(counts: Mapping[Severity, int]) -> str:
    total = sum(counts.values())
    parts = [f"{counts[s]:,} {s.value}" for s in reversed(Severity) if counts.get(s)]
    return f"{total:,} ({', '.join(parts)})" if parts else f"{total:,}"


def incident_state(incident: Incident) -> tuple[str, str]:
    """A symbol, and severity, state and beginning in words."""
    if incident.resolved_at is not None:
        symbol, state = "✓", f"resolved after {show_duration(incident.resolved_at - incident.started_at)}"
    else:
        symbol, state = "✗" if incident.severity is Severity.CRITICAL else "⚠", "open"
    return symbol, f"{incident.severity.value}, {state}, began {say_time(incident.started_at)}"


def transition_rows(report: Report, transitions: Transitions) -> list[Row]:
    """Changes of levels, by `TRANSITION_HEADINGS`."""
    names = {view.instance.id: say_name(view.instance) for view in report.views}
    return [
        (
            say_minute(t.slot),
            names.get(t.slo_id, t.slo_id.partition("/")[2]),
            f"{t.before.word} -> {t.after.word}",
            t.reason.value.replace("_", " "),
        )
        for t in transitions.latest
    ]


def coverage(report: Report) -> list[str]:
    """Sentences on how much was seen."""
    states = report.data_states
    counts = [f"{states[state]} {state.value.replace('_', ' ')}" for state in DataState if states.get(state)]
    source = report.source
    if source is None:
        said = "not asked yet"
    else:
        said = "answered" if source.up else f"did not answer: {source.reason}, {source.detail}"
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
    return [
        f"Data of the SLOs: {', '.join(counts) or 'there are none'}",
        f"Windows seen to less than {say_share(FULL_COVERAGE)}: {listed(incomplete)}",
        f"Prometheus: {said}",
        f"Slots: {slots}",
    ]
