"""`evaluate`, `explain` and `report`: one look at Prometheus, no daemon needed."""

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from slo_daemon.commands.completion import pilot_names, slo_names
from slo_daemon.commands.exit_codes import OF_VERDICT, Exit
from slo_daemon.commands.options import (
    AtOption,
    ConfigOption,
    Output,
    OutputOption,
    PrometheusOption,
    SpecOption,
    complain,
    console,
    moment,
    settings_of,
    told_problems,
)
from slo_daemon.commands.progress import fetching
from slo_daemon.console import (
    budget_table,
    findings_list,
    pilot_blocks,
    slo_notes,
    slo_table,
    snapshot_summary,
    verdict_banner,
)
from slo_daemon.core.explain import explain_json, explain_text
from slo_daemon.core.pilot.verdict import Verdict
from slo_daemon.core.shapes import assessment_json, evaluation_json
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.snapshot import SloView, Snapshot

if TYPE_CHECKING:
    from slo_daemon.once import Once

OnceOption = Annotated[
    bool,
    typer.Option(
        "--once", show_default=False, help="One look; the only way there is, so it may be left out."
    ),
]


class ReportForm(StrEnum):
    """How a report is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


_WORST_FIRST = (Verdict.NOT_READY, Verdict.INCONCLUSIVE, Verdict.READY)


def evaluate(
    config: ConfigOption = None,
    spec: SpecOption = None,
    prometheus: PrometheusOption = None,
    at: AtOption = None,
    output: OutputOption = Output.TEXT,
    once: OnceOption = True,  # noqa: ARG001 - accepted, as the contract writes it
) -> None:
    """Evaluate every SLO once."""
    snapshot = _look(config, spec, prometheus, at, judging=False).snapshot
    if output is Output.JSON:
        _print_json(evaluation_json(snapshot))
    else:
        screen = console()
        pilots = len(snapshot.specification.pilots) != 1
        screen.print(slo_table(snapshot.slos.values(), pilots=pilots))
        _print_budgets(screen, snapshot.slos.values(), pilots=pilots)
        if snapshot.source is None or snapshot.source.up:  # else all of them say what the summary says
            screen.print(slo_notes(snapshot.slos.values()))
        screen.print(snapshot_summary(snapshot))
    raise typer.Exit(_unless_down(snapshot, _verdict(snapshot)))


def explain(
    slo: Annotated[
        str,
        typer.Argument(
            autocompletion=slo_names,
            help="Name or id of the SLO: availability, or my-pilot/availability.",
        ),
    ],
    config: ConfigOption = None,
    spec: SpecOption = None,
    prometheus: PrometheusOption = None,
    at: AtOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show how one SLO comes to its value and level: queries, samples, arithmetic, reason."""
    snapshot = _look(config, spec, prometheus, at, slo, judging=False).snapshot
    views = [
        view
        for view in snapshot.slos.values()
        if slo in (view.state.slo_id, view.instance.slo.id, view.instance.slo.name)
    ]
    if not views:
        known = ", ".join(snapshot.slos) or "none"
        complain(f"error: there is no SLO {slo!r}; known: {known}")
        raise typer.Exit(Exit.USAGE)
    if output is Output.JSON:
        _print_json([explain_json(view) for view in views] if len(views) > 1 else explain_json(views[0]))
    else:
        print("\n\n".join(explain_text(view) for view in views))
    raise typer.Exit(_unless_down(snapshot, Exit.OK))


def report(
    config: ConfigOption = None,
    spec: SpecOption = None,
    prometheus: PrometheusOption = None,
    at: AtOption = None,
    pilot: Annotated[
        str | None, typer.Option("--pilot", autocompletion=pilot_names, help="Only this pilot.")
    ] = None,
    form: Annotated[
        ReportForm, typer.Option("--output", help="For people, for documents, or for programs.")
    ] = ReportForm.TEXT,
    once: OnceOption = True,  # noqa: ARG001 - accepted, as the contract writes it
) -> None:
    """Judge the readiness of every pilot once.

    One look knows no incidents and no feedback; the running daemon's reports do.
    """
    found = _look(config, spec, prometheus, at)
    written = [w for w in found.reports if pilot in (None, w.report.pilot.name)]
    if not written:
        known = ", ".join(w.report.pilot.name for w in found.reports) or "none"
        complain(
            f"error: there is no pilot {pilot or 'at all (documents of kind Slos have no readiness)'}; known: {known}"
        )
        raise typer.Exit(Exit.USAGE)
    if form is ReportForm.HTML and len(written) > 1:
        names = ", ".join(w.report.pilot.name for w in written)
        complain(f"error: a page is of one pilot; choose one with --pilot: {names}")
        raise typer.Exit(Exit.USAGE)
    assessments = [w.report.assessment for w in written]
    if form is ReportForm.JSON:
        shapes = [assessment_json(assessment) for assessment in assessments]
        _print_json(shapes[0] if len(shapes) == 1 else shapes)
    elif form is ReportForm.MARKDOWN:
        print("\n".join(w.texts["md"] for w in written), end="")
    elif form is ReportForm.HTML:
        print(written[0].texts["html"], end="")
    else:
        screen = console()
        for w in written:
            screen.print(verdict_banner(w.report.assessment, w.report.pilot.title))
            screen.print(slo_table(w.report.views))
            _print_budgets(screen, w.report.views)
            screen.print()
            screen.print(findings_list(w.report.assessment))
            screen.print(pilot_blocks(w.report.assessment))
    worst = next(v for v in _WORST_FIRST if any(a.verdict is v for a in assessments))
    raise typer.Exit(_unless_down(found.snapshot, OF_VERDICT[worst]))


def _verdict(snapshot: Snapshot) -> Exit:
    """A miss is sure whatever else is not; then what would be the source's fault."""
    met = [view.evaluation.met if view.evaluation else None for view in snapshot.slos.values()]
    if False in met:
        return Exit.NOT_READY
    if any(view.data_state is DataState.STALE for view in snapshot.slos.values()):
        return Exit.UNREACHABLE
    return Exit.INCONCLUSIVE if None in met or not met else Exit.OK


def _look(
    config: ConfigOption,
    spec: SpecOption,
    prometheus: PrometheusOption,
    at: AtOption,
    only: str | None = None,
    *,
    judging: bool = True,
) -> "Once":
    from slo_daemon.once import evaluate_once

    with told_problems():
        settings, slot = settings_of(config, spec, prometheus), moment(at)
        with fetching() as shown:
            found = evaluate_once(settings, slot, shown, only, judging=judging)
    source = found.snapshot.source
    if source is not None and not source.up:
        complain(f"error: Prometheus at {found.url} cannot be asked ({source.reason}): {source.detail}")
    return found


def _print_budgets(screen: Console, views: Iterable[SloView], *, pilots: bool = False) -> None:
    table = budget_table(views, pilots=pilots)
    if table is not None:
        screen.print(Text(), table, sep="\n")


def _unless_down(snapshot: Snapshot, code: Exit) -> Exit:
    return code if snapshot.source is not None and snapshot.source.up else Exit.UNREACHABLE


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, allow_nan=False))
