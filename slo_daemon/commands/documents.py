"""`check`, `schema` and `rules`: about files, without asking anybody."""

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from slo_daemon.adapters.logs import colourful
from slo_daemon.adapters.prometheus_operator import HEAD, prometheus_rule
from slo_daemon.adapters.prometheus_rules import RuleOptions, rule_groups, rule_text, yaml_text
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
from slo_daemon.core.quantity import QuantityError, parse_duration, show_duration
from slo_daemon.core.slo.phrases import say_count
from slo_daemon.spec.load import load
from slo_daemon.spec.problems import Problem, SpecError, render
from slo_daemon.spec.schema import json_schema_text

_DEFAULT = RuleOptions()
_OBJECT_NAME = "slo-daemon"


class RuleFormat(StrEnum):
    """What the rules are for: a Prometheus that reads files, or the Prometheus Operator."""

    PROMETHEUS = "prometheus"
    PROMETHEUSRULE = "prometheusrule"


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders with pilots and SLOs.")
    ] = None,
    config: ConfigOption = None,
    spec: SpecOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check pilots and SLOs without asking Prometheus: every problem at once, with its place and remedy."""
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
    """Print the JSON Schema of all documents, for editors."""
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
    form: Annotated[
        RuleFormat, typer.Option("--format", help="A rule file, or an object for the Prometheus Operator.")
    ] = RuleFormat.PROMETHEUS,
    name: Annotated[
        str | None, typer.Option("--name", help=f"Of the object. Default: {_OBJECT_NAME}.")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", help="Of the object. Default: that of whoever applies it.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="KEY=VALUE, by which a Prometheus selects the object; repeat it."),
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Print the alert rules for Prometheus or the Prometheus Operator: as YAML, or the same as JSON."""
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
    groups = rule_groups(options)
    if form is RuleFormat.PROMETHEUSRULE:
        try:
            document = prometheus_rule(groups, name or _OBJECT_NAME, namespace or "", _labels(label or []))
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        text = yaml_text(document, HEAD)
    else:
        if name or namespace or label:
            raise typer.BadParameter(
                "--name, --namespace and --label belong to an object: add --format prometheusrule"
            )
        document, text = groups, rule_text(options)
    print(json.dumps(document, indent=2) if output is Output.JSON else text.rstrip("\n"))


def _labels(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--label")
        if key in found:
            raise typer.BadParameter(f"the label {key} is given twice", param_hint="--label")
        found[key] = value
    return found


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
