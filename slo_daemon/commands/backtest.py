"""`backtest`: the same pilot file over history: when it would have alerted, gone ready, rolled back."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from slo_daemon.adapters.daemon_api import DaemonApi, DaemonRefusedError, DaemonUnreachableError
from slo_daemon.adapters.record_files import (
    RecordFileError,
    feedback_of,
    incident_of,
    read_feedback,
    read_incidents,
)
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.commands.backtest_text import told
from slo_daemon.commands.daemon import TOKEN_VARIABLE
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.options import (
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
    watched,
)
from slo_daemon.core.backtest.shape import backtest_json
from slo_daemon.core.backtest.svg import timeline_svg
from slo_daemon.core.quantity import QuantityError, parse_duration
from slo_daemon.core.slo.chunks import CELL
from slo_daemon.ports import SourceError
from slo_daemon.spec.what_if import parse_changes

if TYPE_CHECKING:
    from slo_daemon.backtesting.past import PastRecords
    from slo_daemon.backtesting.run import Plan, Watch

INTERRUPTED = 130
_MOST_RECORDS = 1_000  # that a daemon tells at once

TimeHelp = "RFC 3339, Unix seconds, or a duration before"


def backtest(
    config: ConfigOption = None,
    spec: SpecOption = None,
    prometheus: PrometheusOption = None,
    since: Annotated[
        str | None, typer.Option("--from", help=f"First slot: {TimeHelp} --to. Else the pilot's start.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help=f"Last slot: {TimeHelp} now. Else now.")] = None,
    step: Annotated[str, typer.Option("--step", help="Between slots: a multiple of 5m.")] = "5m",
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            "--what-if", help="SLO=VALUE[,VALUE...]: other targets, each replayed alone; may be repeated."
        ),
    ] = None,
    incidents: Annotated[
        Path | None, typer.Option("--incidents", help="Incidents of the past: CSV or JSON.")
    ] = None,
    feedback: Annotated[
        Path | None, typer.Option("--feedback", help="Ratings of the past: CSV or JSON; with --incidents.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Take incidents and ratings from a running daemon.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Write the timeline as SVG to this file.")
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Replay the same files over history: when they would have alerted, been ready, and rolled back.

    Asks Prometheus little: what the slots need is fetched first, a week in a query. What-ifs need no more questions.
    """
    with told_problems(), _told_interrupt():
        from slo_daemon.backtesting.run import plan, run

        seconds = _step(step)
        changes = [change for text in what_if or () for change in parse_changes(text)]
        last = _moment(until, "--to", SystemClock().now())
        first = _moment(since, "--from", SystemClock().now() if last is None else last)
        settings = settings_of(config, spec, prometheus)
        wanted = plan(settings, changes, first=first, last=last, step=seconds)
        past = _past(wanted, incidents, feedback, url)
        try:
            with _watching() as watch:
                done = run(settings, wanted, past, watch=watch)
        except SourceError as error:
            complain(f"error: Prometheus cannot be asked ({error.reason}): {error.detail}")
            raise typer.Exit(Exit.UNREACHABLE) from error
    if plot is not None:
        _write(plot, timeline_svg(done.backtest))
    if output is Output.JSON:
        print(
            json.dumps({**backtest_json(done.backtest), "queries": done.queries}, indent=2, allow_nan=False)
        )
    else:
        told(console(), done.backtest, done.queries)


def _step(text: str) -> int:
    try:
        step = parse_duration(text)
    except QuantityError as error:
        raise typer.BadParameter(str(error), param_hint="--step") from error
    if step % CELL:
        raise typer.BadParameter(
            f"{text} is no multiple of 5m; events are counted in spans of 5 minutes", param_hint="--step"
        )
    return step


def _moment(text: str | None, option: str, before: float) -> float | None:
    """A time, or so long before another one."""
    if text is None:
        return None
    try:
        return before - parse_duration(text)
    except QuantityError:
        return moment(text, option)


def _past(wanted: "Plan", incidents: Path | None, feedback: Path | None, url: str | None) -> "PastRecords":
    """What people told, from files or from a daemon. Raises ValueError."""
    from slo_daemon.backtesting.past import PastRecords

    pilots = [pilot.name for pilot in wanted.variants[0].specification.pilots]
    only = pilots[0] if len(pilots) == 1 else None
    if url is not None:
        if incidents is not None or feedback is not None:
            raise ValueError("--url and files both tell of the past; give one of them")
        return _from_daemon(url, pilots)
    if feedback is not None and incidents is None:
        raise ValueError("--feedback needs --incidents; an empty list [] there says that there were none")
    if incidents is None:
        return PastRecords()
    found = PastRecords(
        read_incidents(incidents, only), read_feedback(feedback, only) if feedback is not None else ()
    )
    named = {one.pilot for one in found.incidents or ()} | {one.pilot for one in found.feedback}
    strange = named - set(pilots)
    if strange:
        raise RecordFileError(f"there is no pilot {min(strange)!r}; known: {', '.join(pilots) or 'none'}")
    return found


def _from_daemon(url: str, pilots: list[str]) -> "PastRecords":
    from slo_daemon.backtesting.past import PastRecords

    token = os.environ.get(TOKEN_VARIABLE, "").strip() or None
    daemon = DaemonApi(url, token)
    incidents, ratings = [], []
    try:
        for pilot in pilots:
            told_incidents = daemon.incidents(pilot, _MOST_RECORDS)
            told_ratings = daemon.feedback(pilot, _MOST_RECORDS) if token else []
            if _MOST_RECORDS in (len(told_incidents), len(told_ratings)):
                complain(f"warning: only the latest {_MOST_RECORDS:,} records of {pilot} are known")
            incidents += [incident_of(one, n, url, pilot) for n, one in enumerate(told_incidents, 1)]
            ratings += [feedback_of(one, n, url, pilot) for n, one in enumerate(told_ratings, 1)]
    except DaemonRefusedError as error:
        raise ValueError(str(error)) from None
    except DaemonUnreachableError as error:
        complain(f"error: {error}")
        raise typer.Exit(Exit.UNREACHABLE) from None
    finally:
        daemon.close()
    if not token:
        complain(f"ratings are left out: reading them needs a token in {TOKEN_VARIABLE}")
    return PastRecords(tuple(incidents), tuple(ratings))


@contextmanager
def _told_interrupt() -> Iterator[None]:
    """Ctrl-C at any time is told, and is no traceback."""
    try:
        yield
    except KeyboardInterrupt:
        complain("interrupted; nothing was written")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _watching() -> Iterator["Watch"]:
    """Two bars on standard error, gone at the end; nothing where nobody watches."""
    from slo_daemon.backtesting.run import Watch

    bars = Progress(
        TextColumn("{task.description:<20}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        transient=True,
        disable=not watched(sys.stderr),
        console=Console(file=sys.stderr),
    )
    with bars:
        recording, replaying = bars.add_task("asking Prometheus"), bars.add_task("replaying", start=False)

        def replayed(done: int, slots: int) -> None:
            bars.start_task(replaying)
            bars.update(replaying, total=slots, completed=done)

        yield Watch(
            lambda done: bars.update(recording, total=max(done.wanted, 1), completed=done.there), replayed
        )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        complain(f"error: {path} cannot be written: {error.strerror or error}")
        raise typer.Exit(Exit.USAGE) from error
