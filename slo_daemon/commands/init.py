"""`init`: a first file of SLOs, made from the names of metrics, to be changed in an editor."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated

import typer

from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.options import complain

DEFAULT_BAD = 'code=~"5.."'


class Kind(StrEnum):
    """Which document is printed."""

    PILOT = "Pilot"
    SLOS = "Slos"


def init(
    name: Annotated[str, typer.Argument(help="Name of the pilot or service, for example new-search.")],
    requests: Annotated[
        str, typer.Option("--requests", metavar="<counter>", help="Counter of all events, without labels.")
    ],
    bad: Annotated[
        str, typer.Option("--bad", metavar="<labels>", help="Labels of the bad ones among them.")
    ] = DEFAULT_BAD,
    labels: Annotated[
        str, typer.Option("--labels", metavar="<labels>", help='Labels of all series, such as job="search".')
    ] = "",
    latency: Annotated[
        str | None,
        typer.Option(
            "--latency", metavar="<histogram>", help="Histogram of durations in seconds, without _bucket."
        ),
    ] = None,
    kind: Annotated[
        Kind, typer.Option("--kind", help="A rollout with criteria, or SLOs alone.")
    ] = Kind.PILOT,
) -> None:
    """Print a first file, made from the names of your metrics. Nobody is asked; the file has been checked.

    Objectives, dates and criteria in it are a start. Change them, then look: slo-daemon evaluate.
    """
    from slo_daemon.spec.load import load
    from slo_daemon.spec.problems import SpecError

    text = first_file(
        name,
        requests=requests,
        bad=bad,
        labels=labels,
        latency=latency and latency.removesuffix("_bucket"),
        start=datetime.fromtimestamp(SystemClock().now(), UTC).date(),
        kind=kind,
    )
    try:
        load([("the new file", text)])
    except SpecError as error:
        for problem in error.problems:
            complain(f"error: {problem.field}: {problem.message}; {problem.remedy}".rstrip("; "))
        raise typer.Exit(Exit.USAGE) from None
    typer.echo(text, nl=False)


def first_file(
    name: str, *, requests: str, bad: str, labels: str, latency: str | None, start: date, kind: Kind
) -> str:
    """The YAML. Values are quoted, so that whatever they hold stays a value; `load` tells what is wrong with them."""
    parts = [
        "# yaml-language-server: $schema=slo-daemon.schema.json",
        "# The schema for your editor: slo-daemon schema > slo-daemon.schema.json",
        "apiVersion: slo-daemon/v1",
        f"kind: {kind.value}",
        f"metadata: {{name: {_quoted(name)}}}",
        "spec:",
        *(_PILOT_HEAD.format(start=start.isoformat()).splitlines() if kind is Kind.PILOT else ()),
        "  slos:",
        _AVAILABILITY.format(bad=_selector(requests, labels, bad), total=_selector(requests, labels)),
        *([_LATENCY.format(histogram=_selector(latency, labels))] if latency else ()),
        *([_PILOT_TAIL] if kind is Kind.PILOT else ()),
    ]
    return "\n".join(part.rstrip("\n") for part in parts) + "\n"


def _selector(metric: str, *labels: str) -> str:
    inside = ", ".join(label for label in labels if label)
    return _quoted(f"{metric}{{{inside}}}" if inside else metric)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_PILOT_HEAD = """\
  stage: canary                     # development, staging, canary or production
  start: {start}
  duration: 8w
  ramp:                             # what is planned; the daemon advises, it changes nothing
    initial: 5%
    max: 20%
    steps: [{{week: 1, percentage: 5%}}, {{week: 3, percentage: 10%}}, {{week: 5, percentage: 20%}}]
"""
_AVAILABILITY = """\
    - name: availability
      sli:
        ratio:
          bad: {bad}
          total: {total}
      objective: {{at_least: 99.9%, warning: 99.8%, critical: 99%}}
      window: 1h
      budget: {{window: 30d}}         # alerts when it burns too fast
"""
_LATENCY = """\
    - name: latency-p95
      sli:
        quantile: {{histogram: {histogram}, quantile: p95}}
      objective: {{at_most: 250ms, warning: 250ms, critical: 500ms}}   # best an edge of your buckets
      window: 5m
"""
_PILOT_TAIL = """\
  go_live_criteria:
    - All SLOs met for 2+ weeks
    - Zero critical incidents in last week
  rollback_triggers:
    - availability < 99% for 5m
"""
