"""`check`, `schema` and `rules`: about files, without asking anybody."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from slo_daemon.adapters.prometheus_rules import RuleOptions, rule_groups, rule_text
from slo_daemon.adapters.spec_files import read
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.options import (
    ConfigOption,
    Output,
    OutputOption,
    SpecOption,
    colourful,
    settings_of,
    told_problems,
)
from slo_daemon.core.alert import Links
from slo_daemon.core.quantity import QuantityError, parse_duration, show_duration
from slo_daemon.core.slo.phrases import say_count
from slo_daemon.spec.load import load
from slo_daemon.spec.problems import Problem, SpecError, render
from slo_daemon.spec.schema import json_schema_text

_DEFAULT = RuleOptions()


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders with pilots and SLOs.")
    ] = None,
    config: ConfigOption = None,
    spec: SpecOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check pilots and SLOs without asking Prometheus: every problem at once, with its place and remedy.

    Exit code: 0 good (warnings are allowed), 2 something is wrong.

    Example: slo-daemon check config/pilots
    """
    with told_problems():
        settings = settings_of(config, [*(paths or []), *(spec or [])], None)
    found = read(settings.specs)
    problems: tuple[Problem, ...]
    try:
        loaded = load(
            found.texts, scrape_interval=settings.prometheus.scrape_interval, problems=found.problems
        )
    except SpecError as error:
        problems, summary = tuple(error.problems), None
    else:
        problems, summary = loaded.warnings, loaded.specification
    if output is Output.JSON:
        shape = {
            "ok": summary is not None,
            "problems": [_problem_json(problem) for problem in problems],
            "pilots": len(summary.pilots) if summary else None,
            "slos": len(summary.slos) if summary else None,
        }
        print(json.dumps(shape, indent=2))
    else:
        if problems:
            print(render(problems, found.texts, color=colourful(sys.stdout)))
        if summary is not None:
            counts = ((summary.pilots, "pilot"), (summary.slos, "SLO"))
            said = ", ".join(say_count(len(items), word) for items, word in counts)
            print(f"ok: {said} in {say_count(len(found.texts), 'file')}")
    raise typer.Exit(Exit.OK if summary is not None else Exit.USAGE)


def schema(output: OutputOption = Output.JSON) -> None:  # noqa: ARG001 - JSON is all there is
    """Print the JSON Schema of all documents, for editors.

    Example: slo-daemon schema > slo-daemon.schema.json
    """
    print(json_schema_text(), end="")


def rules(
    grafana: Annotated[
        str, typer.Option("--grafana-url", help="URL of the Grafana that has the dashboards of grafana/.")
    ] = "",
    dashboard: Annotated[
        str,
        typer.Option(
            "--dashboard", help="URL of a dashboard of your own that alerts about an SLO link to instead."
        ),
    ] = "",
    daemon: Annotated[
        str, typer.Option("--daemon-url", help="URL of the daemon, for links to reports.")
    ] = "",
    runbooks: Annotated[str, typer.Option("--runbooks", help="URL of the page with the runbooks.")] = "",
    level_range: Annotated[
        str, typer.Option("--level-range", help="How long a level outlives a gap; delays the end of alerts.")
    ] = show_duration(_DEFAULT.level_range),
    keep_firing_for: Annotated[
        str, typer.Option("--keep-firing-for", help="On top of it; 0s for not at all.")
    ] = show_duration(_DEFAULT.keep_firing_for),
    evaluation_interval: Annotated[
        str, typer.Option("--evaluation-interval", help="The daemon's own, if it is longer than a minute.")
    ] = show_duration(_DEFAULT.evaluation_interval),
    report_age: Annotated[
        str, typer.Option("--report-age", help="More than the longest time between two reports.")
    ] = show_duration(_DEFAULT.report_age),
    target_label: Annotated[
        list[str] | None,
        typer.Option(
            "--target-label", help="A label that scraping adds; repeat it. These replace the default."
        ),
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Print the alert rules for Prometheus: as YAML, or the same as JSON.

    Example: slo-daemon rules > /etc/prometheus/rules/slo-daemon.yaml
    """
    options = RuleOptions(
        level_range=_seconds(level_range, "--level-range"),
        keep_firing_for=0 if keep_firing_for == "0s" else _seconds(keep_firing_for, "--keep-firing-for"),
        evaluation_interval=_seconds(evaluation_interval, "--evaluation-interval"),
        report_age=_seconds(report_age, "--report-age"),
        target_labels=tuple(target_label) if target_label else _DEFAULT.target_labels,
        links=Links(
            daemon=daemon or _DEFAULT.links.daemon,
            dashboard=dashboard or _DEFAULT.links.dashboard,
            runbooks=runbooks or _DEFAULT.links.runbooks,
            grafana=grafana or _DEFAULT.links.grafana,
        ),
    )
    if output is Output.JSON:
        print(json.dumps(rule_groups(options), indent=2))
    else:
        print(rule_text(options), end="")


def _seconds(text: str, option: str) -> int:
    try:
        return parse_duration(text)
    except QuantityError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _problem_json(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "field": problem.field,
        "severity": problem.severity.value,
        "message": problem.message,
        "remedy": problem.remedy,
    }
