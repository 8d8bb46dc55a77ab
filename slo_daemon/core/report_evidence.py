"""The judged part of a report as Markdown: findings with their evidence, the ramp, experiments, decisions of people."""

from collections.abc import Iterable, Sequence
from datetime import date

from slo_daemon.core.markdown import bold, bullets, escape, quoted, table
from slo_daemon.core.pilot.experiment.lift import say_interval
from slo_daemon.core.pilot.experiment.strata import Arm
from slo_daemon.core.pilot.pilot import Pilot, Ramp
from slo_daemon.core.pilot.ramp import RampAdvice
from slo_daemon.core.pilot.records import Override, OverrideKind, Records, RecordsUnavailable
from slo_daemon.core.pilot.trials import Trial, outlook_of
from slo_daemon.core.pilot.verdict import Finding
from slo_daemon.core.report import ADVICE_WORDS, EFFECT_SYMBOLS, state_word
from slo_daemon.core.slo.objective import Direction
from slo_daemon.core.slo.phrases import say_count, say_minute, say_share, say_time

NOTHING = "–"  # in a table cell


def findings_markdown(findings: Iterable[Finding], none: str = "") -> str:
    """Each finding with what it stands on."""
    lines = [_finding(finding) for finding in findings]
    return bullets(lines) if lines else none


def _finding(finding: Finding) -> str:
    lines = [
        f"{EFFECT_SYMBOLS[finding.effect]} {state_word(finding)}: {bold(finding.text)}: {escape(finding.detail)}"
    ]
    if finding.override is not None:
        lines.append(f"  - {_waiver(finding.override)}")
    source = finding.source
    evidence = [
        f"over {source.window}" if source.window and source.window[0].isdigit() else source.window,
        f"as of {say_time(source.at)}" if source.at is not None else "",
        f"in this state since {say_minute(finding.since)} UTC" if finding.since is not None else "",
        f"could hold from {say_minute(finding.earliest)} UTC" if finding.earliest is not None else "",
    ]
    told = escape(", ".join(filter(None, evidence)))
    if source.query:
        told = f"{told}, from {quoted(source.query)}" if told else f"from {quoted(source.query)}"
    if told:
        lines.append(f"  - {told}")
    return "\n".join(lines)


def _waiver(override: Override) -> str:
    until = say_minute(override.expires_at)
    return f"waived by {quoted(override.by)} until {until} UTC: {quoted(override.reason)}"


def ramp_markdown(pilot: Pilot, ramp: Ramp, advice: RampAdvice | None, today: date) -> str:
    """Planned, served and advised shares, why, and the steps of the plan."""
    if advice is None:
        return _steps(pilot, ramp, today)
    observed = NOTHING if advice.observed is None else say_share(advice.observed)
    shares = table(
        ("Planned today", "Served", "Advised"),
        [(say_share(advice.scheduled), observed, say_share(advice.advised))],
        right=(0, 1, 2),
    )
    lines = [
        f"Advice: {ADVICE_WORDS[advice.advice]}.",
        shares,
        bullets([escape(text) for text in advice.reasons]),
    ]
    if advice.observed_detail:
        lines.append(f"The served share is not known: {escape(advice.observed_detail)}.")
    if advice.next_date is not None:
        lines.append(f"Next step at the earliest: {say_minute(advice.next_date)} UTC.")
    return "\n\n".join(filter(None, [*lines, _steps(pilot, ramp, today)]))


def _steps(pilot: Pilot, ramp: Ramp, today: date) -> str:
    if not ramp.steps:
        return ""
    rows = [
        (
            str(step.week),
            str(step.first_day(pilot.start)),
            say_share(step.percentage),
            "reached" if step.first_day(pilot.start) <= today else "planned",
        )
        for step in sorted(ramp.steps, key=lambda step: step.week)
    ]
    return table(("Week", "From", "Users", "State"), rows, right=(0, 2))


def experiments_markdown(pilot: Pilot, trials: Sequence[tuple[str, Trial]]) -> str:
    """What each experiment shows, with the interval that may be looked at as often as one likes."""
    return "\n\n".join(_experiment(pilot, trial) for _, trial in trials) or "There is no experiment."


def _experiment(pilot: Pilot, trial: Trial) -> str:
    outcome, experiment = trial.outcome, trial.experiment
    lift = outcome.lift
    arms = table(
        ("Variant", "Users", "Converted", "Rate"),
        [_arm(experiment.treatment, lift.treatment), _arm(experiment.control, lift.control)],
        right=(1, 2, 3),
    )
    parts = [f"{bold(trial.metric.name)}: {escape(str(lift))}."]
    if outcome.mismatch is not None and outcome.mismatch.flagged:
        parts.insert(0, f"✗ Sample ratio mismatch: {escape(str(outcome.mismatch))}.")
    notes = []
    if outcome.mismatch is not None and not outcome.mismatch.flagged:
        notes.append(escape(str(outcome.mismatch)))
    if lift.fixed is not None:
        sure = f"{100 * (1 - lift.alpha):g} %"
        notes.append(
            f"for one look that was agreed on beforehand the {sure} interval would be {say_interval(lift.fixed)}"
        )
    counted = len(trial.strata) - len(outcome.left_out)
    notes.append(f"{say_count(counted, 'day')} compared, each within itself")
    if experiment.independent:
        notes.append(f"declared independent: {escape(experiment.independent)}")
    if outcome.left_out:
        days = ", ".join(str(day) for day in outcome.left_out)
        notes.append(f"left out, as the split changed on them: {days}")
    objective = trial.metric.objective
    above = objective.direction is Direction.AT_LEAST
    outlook = outlook_of(trial, pilot, objective.target.base, above=above)
    if outlook is not None:
        notes.append(escape(str(outlook)))
    return "\n\n".join([*parts, arms, bullets(notes)])


def _arm(name: str, arm: Arm) -> tuple[str, ...]:
    return name, f"{arm.exposed:,.0f}", f"{arm.converted:,.0f}", f"{100 * arm.rate:.3g} %"


def overrides_markdown(records: Records | RecordsUnavailable, at: float) -> str:
    """What people have decided against the daemon, in force and lately over."""
    if isinstance(records, RecordsUnavailable):
        return f"Not known: {escape(records.detail)}"
    lines = [_override(override, at) for override in records.overrides]
    return bullets(lines) if lines else "There are none."


def _override(override: Override, at: float) -> str:
    what = (
        "hold of the rollout"
        if override.kind is OverrideKind.HOLD
        else f"waiver of {quoted(override.criterion)}"
    )
    if override.revoked_at is not None:
        state = f"revoked {say_minute(override.revoked_at)} UTC by {quoted(override.revoked_by or '')}"
    elif override.in_force(at):
        state = f"in force until {say_minute(override.expires_at)} UTC"
    else:
        state = f"over since {say_minute(override.expires_at)} UTC"
    began = say_minute(override.created_at)
    return f"{what} by {quoted(override.by)} from {began} UTC, {state}: {quoted(override.reason)}"
