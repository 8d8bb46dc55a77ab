"""What a person sees in a terminal: verdict, SLOs, budgets, findings, level changes, as rich renderables.

Every state has a symbol and a word, so nothing is lost without colour; rich leaves colour out when the output is no
terminal. Text from elsewhere enters as `Text` without control characters: neither markup nor escape codes in it work.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from slo_daemon.core.pilot.experiment.lift import say_interval, say_lift
from slo_daemon.core.pilot.gates import GateDecision, GateVerdict
from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.ramp import Advice, RampAdvice
from slo_daemon.core.pilot.trials import Trial
from slo_daemon.core.pilot.verdict import Assessment, Effect, Finding, Verdict, against
from slo_daemon.core.quantity import show_duration
from slo_daemon.core.report import (
    ADVICE_WORDS,
    EFFECT_SYMBOLS,
    LEVEL_WORDS,
    MET_SYMBOLS,
    SPENT_SYMBOLS,
    VERDICT_WORDS,
    state_word,
)
from slo_daemon.core.slo.budget import Budget, BudgetState, spent_out
from slo_daemon.core.slo.burn_rate import BurnRate
from slo_daemon.core.slo.measurement import DataState, Measured
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.phrases import (
    say_cause,
    say_count,
    say_doubt,
    say_evaluation,
    say_measured,
    say_minute,
    say_name,
    say_objective,
    say_rate,
    say_share,
    say_time,
    say_uncounted,
    visible,
)
from slo_daemon.core.snapshot import SloView, Snapshot

GOOD, DOUBTFUL, BAD, QUIET = "green", "yellow", "bold red", "dim"
VERDICT_STYLES = {Verdict.READY: GOOD, Verdict.NOT_READY: BAD, Verdict.INCONCLUSIVE: DOUBTFUL}
EFFECT_STYLES = {Effect.PASS: GOOD, Effect.BLOCK: BAD, Effect.FIRE: BAD, Effect.OPEN: DOUBTFUL}
LEVEL_STYLES = {Level.NONE: "", Level.WARNING: DOUBTFUL, Level.CRITICAL: BAD}
SPENT_STYLES = {False: GOOD, True: BAD, None: DOUBTFUL}
MET_STYLES = {True: GOOD, False: BAD, None: DOUBTFUL}
ADVICE_STYLES = {Advice.ADVANCE: GOOD, Advice.HOLD: DOUBTFUL, Advice.ROLLBACK: BAD}
GATE_SYMBOLS = {GateVerdict.PASS: "✓", GateVerdict.FAIL: "✗", GateVerdict.INCONCLUSIVE: "?"}
GATE_STYLES = {GateVerdict.PASS: GOOD, GateVerdict.FAIL: BAD, GateVerdict.INCONCLUSIVE: DOUBTFUL}
ROLE_HEADINGS = {
    Role.DEFAULT: "Criteria that every pilot has",
    Role.GO_LIVE: "Go-live criteria",
    Role.SUCCESS: "Success metrics",
    Role.ROLLBACK: "Rollback triggers",
}


def verdict_banner(assessment: Assessment, title: str) -> RenderableType:
    """The verdict in a frame: the first thing to look at. `findings_list` tells what stands behind it."""
    verdict = Text(VERDICT_WORDS[assessment.verdict], style=VERDICT_STYLES[assessment.verdict])
    verdict.append(f"   advice: {ADVICE_WORDS[assessment.advice]}", style="default not bold")
    lines: list[Text] = [verdict]
    blockers = [f for f in assessment.findings if f.effect in (Effect.BLOCK, Effect.FIRE)]
    if blockers:
        lines += [Text(f"✗ {visible(against(replace(f, detail=_in_short(f))))}") for f in blockers]
    else:
        lines.append(Text(visible(assessment.reason)))
    lines += [Text(f"⚠ {visible(text)}") for text in assessment.warnings]
    return Panel(
        Group(*lines),
        title=Text(visible(title), style="bold"),
        title_align="left",
        border_style=VERDICT_STYLES[assessment.verdict],
    )


def slo_table(views: Iterable[SloView], *, pilots: bool = False) -> RenderableType:
    """The SLOs with value, objective, level and data state. `pilots`: name each SLO with its pilot."""
    table = _table()
    table.add_column("SLO", overflow="fold")
    table.add_column("Value", justify="right", no_wrap=True)
    table.add_column("Objective", no_wrap=True)
    table.add_column("Met", no_wrap=True)
    table.add_column("Level", no_wrap=True)
    table.add_column("Data", no_wrap=True)
    for view in views:
        evaluation, objective = view.evaluation, view.instance.slo.objective
        met = evaluation.met if evaluation else None
        measurement = evaluation.measurement if evaluation else None
        value = say_measured(measurement, objective) if isinstance(measurement, Measured) else "–"
        table.add_row(
            Text(visible(view.instance.id if pilots else say_name(view.instance))),
            Text(value),
            Text(say_objective(objective)),
            Text(MET_SYMBOLS[met], style=MET_STYLES[met]),
            Text(LEVEL_WORDS[view.state.level], style=LEVEL_STYLES[view.state.level]),
            Text(
                view.data_state.value.replace("_", " "),
                style="" if view.data_state is DataState.OK else DOUBTFUL,
            ),
        )
    return table


def budget_table(views: Iterable[SloView], *, pilots: bool = False) -> RenderableType | None:
    """The error budgets with the pair of burn rates that is nearest to its threshold; None when there are none."""
    table = _table()
    table.add_column("Error budget of", overflow="fold")
    table.add_column("Left", no_wrap=True)
    table.add_column("Of", overflow="fold")
    table.add_column("Seen", justify="right", no_wrap=True)
    table.add_column("Burns", overflow="fold")
    table.add_column("Spent on", no_wrap=True)
    for view in views:
        budget = view.evaluation.budget if view.evaluation else None
        if view.evaluation is None or budget is None:
            continue
        spent = spent_out(budget)
        known = budget.remaining is not None and budget.state is not BudgetState.BACKFILLING
        left = say_share(budget.remaining or 0.0) if known else budget.state.value
        table.add_row(
            Text(visible(view.instance.id if pilots else say_name(view.instance))),
            Text(f"{SPENT_SYMBOLS[spent]} {left}", style=SPENT_STYLES[spent]),
            Text(str(budget.policy.window)),
            Text(say_share(budget.tally.coverage)),
            _burns(view.evaluation.burn_rates),
            Text(_spent_on(budget)),
        )
    return table if table.row_count else None


def _burns(rates: Sequence[BurnRate]) -> Text:
    """The long lookback of the pair that fires, or is nearest to it."""
    known = [(rate, rate.long_rate) for rate in rates if rate.long_rate is not None]
    if not known:
        return Text("–")
    rate, long = max(known, key=lambda pair: _urgency(*pair))
    said = f"{say_rate(long, rate.threshold)} x over {show_duration(rate.pair.long)}"
    if rate.firing is not True:
        return Text(said)
    return Text(f"✗ {said}", style=BAD if rate.pair.severity is Level.CRITICAL else DOUBTFUL)


def _urgency(rate: BurnRate, long: float) -> tuple[int, float]:
    """Firing ones by their level, then what is nearest to its threshold."""
    return rate.pair.severity if rate.firing else 0, long / (rate.threshold or 1.0)


def _spent_on(budget: Budget) -> str:
    """The day of the forecast; a dash where no end is in sight, or the budget is spent."""
    at, left = budget.exhausted_at, budget.remaining
    if at is None or left is None or left <= 0.0 or budget.state is BudgetState.BACKFILLING:
        return "–"
    return say_minute(at)[:10]


def slo_notes(views: Iterable[SloView]) -> RenderableType:
    """One sentence for each SLO that is not simply met."""
    lines = []
    for view in views:
        evaluation = view.evaluation
        open_questions = evaluation is None or say_doubt(evaluation) or say_uncounted(evaluation)
        if evaluation is not None and evaluation.met and not view.state.level and not open_questions:
            continue
        note = "; ".join(filter(None, (say_evaluation(evaluation), say_cause(evaluation))))
        if view.state.level:
            note += f"; level {view.state.level.word} since {say_time(view.state.since)}"
        met = evaluation.met if evaluation else None
        lines.append((MET_SYMBOLS[met][0], MET_STYLES[met], say_name(view.instance), note))
    return _list(lines)


def findings_list(assessment: Assessment) -> RenderableType:
    """All findings by role. What passes is told in short; reports tell what it stands on."""
    parts: list[RenderableType] = []
    for role, heading in ROLE_HEADINGS.items():
        own = [finding for finding in assessment.findings if finding.role is role]
        if own:
            parts += [Text(heading, style="bold"), _findings(own), Text()]
    return Group(*parts[:-1])


def _findings(findings: Sequence[Finding]) -> RenderableType:
    return _list(
        (EFFECT_SYMBOLS[f.effect], EFFECT_STYLES[f.effect], f"{f.text}: {_state(f)}", _told(f))
        for f in findings
    )


def _told(finding: Finding) -> str:
    """Without the name that the text begins with; everything, unless it passes by its own state."""
    passes = finding.effect is Effect.PASS and finding.override is None
    detail = _in_short(finding) if passes else finding.detail
    return detail.removeprefix(f"{finding.text.partition(':')[0]} is ")


def _in_short(finding: Finding) -> str:
    """Details name first what decides, and after a semicolon what it stands on."""
    return finding.detail.partition("; ")[0]


def _state(finding: Finding) -> str:
    if finding.override is not None:
        return f"{finding.state.value}, waived by {visible(finding.override.by)}"
    return state_word(finding)


def pilot_blocks(assessment: Assessment) -> RenderableType:
    """The ramp and the experiments, as far as the pilot has them, each after an empty line."""
    parts: list[RenderableType] = []
    if assessment.ramp is not None:
        parts += [Text(), ramp_block(assessment.ramp)]
    if assessment.trials:
        parts += [Text(), experiment_block(assessment.trials)]
    return Group(*parts)


def ramp_block(ramp: RampAdvice) -> RenderableType:
    """Planned, served and advised shares of users, what to do, why, and when the next step may be taken."""
    observed = "not known" if ramp.observed is None else say_share(ramp.observed)
    shares = f"planned {say_share(ramp.scheduled)}, served {observed}, advised {say_share(ramp.advised)}"
    told = [*ramp.reasons]
    if ramp.observed is None and ramp.observed_detail:
        told.append(f"the served share is not known: {ramp.observed_detail}")
    if ramp.next_date is not None:
        told.append(f"next step at the earliest: {say_minute(ramp.next_date)} UTC")
    heading = Text.assemble(
        ("Ramp", "bold"), f"  {shares}; ", (ADVICE_WORDS[ramp.advice], ADVICE_STYLES[ramp.advice])
    )
    return Group(heading, *(_indented(text) for text in told))


def experiment_block(trials: Iterable[tuple[str, Trial]]) -> RenderableType:
    """Both arms of each experiment, the lift with its always-valid interval, and what a look too many would make of it."""
    return Group(*(part for _, trial in trials for part in _experiment(trial)))


def _experiment(trial: Trial) -> Iterator[RenderableType]:
    lift, metric = trial.outcome.lift, trial.metric
    yield Text.assemble(
        ("Experiment", "bold"), f"  {visible(metric.name)}: {say_objective(metric.objective)}"
    )
    table = _table()
    table.add_column("  Variant", overflow="fold")
    for heading in ("Users", "Converted", "Rate"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, arm in ((trial.experiment.treatment, lift.treatment), (trial.experiment.control, lift.control)):
        table.add_row(
            Text(f"  {visible(name)}"),
            f"{arm.exposed:,.0f}",
            f"{arm.converted:,.0f}",
            f"{100 * arm.rate:.3g} %",
        )
    yield table
    if lift.interval is None:
        yield _indented(f"? {lift.detail}", DOUBTFUL)
        return
    yield _indented(
        f"lift {say_lift(lift.point)}, always-valid {lift.sure} interval {say_interval(lift.interval)}"
    )
    if lift.fixed is not None:
        only_once = f"not used: the fixed-sample interval {say_interval(lift.fixed)} holds for one look only"
        yield _indented(only_once, QUIET)


def gates_block(decisions: Iterable[GateDecision]) -> RenderableType:
    """What deployment tools would be answered now, and the named reason."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    heading = "Gates"
    for decision in decisions:
        said = Text(f"{GATE_SYMBOLS[decision.verdict]} {decision.verdict.value}")
        said.stylize(GATE_STYLES[decision.verdict])
        reason = Text(decision.reason.value.replace("_", " "))
        grid.add_row(Text(heading, style="bold"), Text(visible(decision.gate)), said, reason)
        heading = ""
    return grid


def snapshot_summary(snapshot: Snapshot) -> RenderableType:
    """When was looked, at what cost, and whether the source answered."""
    slot = f"evaluated at {say_time(snapshot.slot.time)}" if snapshot.slot else "not evaluated yet"
    samples = f", {snapshot.samples:,} samples" if snapshot.samples is not None else ""
    cost = f"{say_count(len(snapshot.slos), 'SLO')} {slot}, {say_count(snapshot.queries, 'query', 'queries')}{samples}"
    lines = [Text(cost, style=QUIET)]
    if snapshot.source is not None and not snapshot.source.up:
        problem = visible(f"{snapshot.source.reason}: {snapshot.source.detail}")
        lines.append(Text(f"✗ Prometheus did not answer. {problem}", style=BAD))
    return Group(*lines)


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")


def _indented(text: str, style: str = "") -> RenderableType:
    return Padding(Text(visible(text), style=style), (0, 0, 0, 2))


def _list(lines: Iterable[tuple[str, str, str, str]]) -> RenderableType:
    """Lines of (symbol, its style, heading, text), wrapped under their heading."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for symbol, style, heading, text in lines:
        body = Text(visible(heading), style="bold")
        body.append(f"  {visible(text)}", style="default not bold")
        grid.add_row(Text(symbol, style=style), body)
    return grid
