"""The judged part of a report as Markdown: findings with their evidence, the ramp, experiments, decisions of people."""

from collections.abc import Iterable, Sequence
from datetime import date

from slo_daemon.core import report_rows as rows
from slo_daemon.core.markdown import bold, bullets, escape, quoted, table
from slo_daemon.core.pilot.pilot import Pilot, Ramp
from slo_daemon.core.pilot.ramp import RampAdvice
from slo_daemon.core.pilot.records import Override, OverrideKind, Records, RecordsUnavailable
from slo_daemon.core.pilot.trials import Trial
from slo_daemon.core.pilot.verdict import Finding
from slo_daemon.core.report import ADVICE_WORDS, EFFECT_SYMBOLS, state_word
from slo_daemon.core.slo.phrases import say_minute


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
    told = escape(", ".join(rows.evidence_of(finding)))
    query = finding.source.query
    if query:
        told = f"{told}, from {quoted(query)}" if told else f"from {quoted(query)}"
    if told:
        lines.append(f"  - {told}")
    return "\n".join(lines)


def _waiver(override: Override) -> str:
    until = say_minute(override.expires_at)
    return f"waived by {quoted(override.by)} until {until} UTC: {quoted(override.reason)}"


def ramp_markdown(pilot: Pilot, ramp: Ramp, advice: RampAdvice | None, today: date) -> str:
    """Planned, served and advised shares, why, and the steps of the plan."""
    found = rows.step_rows(pilot, ramp, today)
    steps = table(rows.STEP_HEADINGS, found, right=(0, 2)) if found else ""
    if advice is None:
        return steps
    lines = [
        f"Advice: {ADVICE_WORDS[advice.advice]}.",
        table(rows.SHARE_HEADINGS, [rows.share_row(advice)], right=(0, 1, 2)),
        bullets([escape(text) for text in advice.reasons]),
        *map(escape, rows.ramp_notes(advice)),
    ]
    return "\n\n".join(filter(None, [*lines, steps]))


def experiments_markdown(pilot: Pilot, trials: Sequence[tuple[str, Trial]]) -> str:
    """What each experiment shows, with the interval that may be looked at as often as one likes."""
    return "\n\n".join(_experiment(pilot, trial) for _, trial in trials) or "There is no experiment."


def _experiment(pilot: Pilot, trial: Trial) -> str:
    parts = [
        f"{bold(trial.metric.name)}: {escape(str(trial.outcome.lift))}.",
        table(rows.ARM_HEADINGS, rows.arm_rows(trial), right=(1, 2, 3)),
        bullets([escape(note) for note in rows.trial_notes(pilot, trial)]),
    ]
    mismatch = rows.mismatch_of(trial)
    return "\n\n".join([f"✗ {escape(mismatch)}", *parts] if mismatch else parts)


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
    state = rows.override_state(override, at)
    if override.revoked_at is not None:
        state = f"{state} by {quoted(override.revoked_by or '')}"
    return f"{what} by {quoted(override.by)} {state}: {quoted(override.reason)}"
