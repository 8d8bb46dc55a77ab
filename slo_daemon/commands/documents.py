"""`check`, `schema` and `rules`: about files, without asking anybody."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from slo_daemon.adapters.prometheus_rules import RuleOptions, rule_text
from slo_daemon.adapters.spec_files import read
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.options import (
    ConfigOption,
    Output,
    OutputOption,
    SpecOption,
    settings_of,
    told_problems,
)
from slo_daemon.core.alert import Links
from slo_daemon.spec.load import load
from slo_daemon.spec.problems import Problem, SpecError, render
from slo_daemon.spec.schema import json_schema


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
            print(render(problems, found.texts, color=sys.stdout.isatty()))
        if summary is not None:
            print(f"ok: {len(summary.pilots)} pilots, {len(summary.slos)} SLOs in {len(found.texts)} files")
    raise typer.Exit(Exit.OK if summary is not None else Exit.USAGE)


def schema() -> None:
    """Print the JSON Schema of all documents, for editors.

    Example: slo-daemon schema > slo-daemon.schema.json
    """
    print(json.dumps(json_schema(), indent=2))


def rules(
    dashboard: Annotated[
        str, typer.Option("--dashboard", help="URL of the dashboard that alerts link to.")
    ] = "",
    daemon: Annotated[
        str, typer.Option("--daemon-url", help="URL of the daemon, for links to reports.")
    ] = "",
    runbooks: Annotated[str, typer.Option("--runbooks", help="URL of the page with the runbooks.")] = "",
) -> None:
    """Print the alert rules for Prometheus.

    Example: slo-daemon rules > /etc/prometheus/rules/slo-daemon.yaml
    """
    given = Links(daemon=daemon, dashboard=dashboard, runbooks=runbooks)
    default = RuleOptions()
    links = Links(
        daemon=given.daemon or default.links.daemon,
        dashboard=given.dashboard or default.links.dashboard,
        runbooks=given.runbooks or default.links.runbooks,
    )
    print(rule_text(RuleOptions(links=links)), end="")


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
