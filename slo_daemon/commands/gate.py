"""`slo-daemon gate`: ask a running daemon whether a pilot may go on, for pipelines and hooks of deployment tools."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from time import monotonic
from typing import Annotated, Any

import typer
from rich.console import Console

from slo_daemon.adapters.daemon_api import DaemonApi, DaemonRefusedError, DaemonUnreachableError
from slo_daemon.commands.daemon import DEFAULT_URL, PilotArgument, UrlOption
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.options import Output, OutputOption, complain, watched
from slo_daemon.core.pilot.gates import Gate, GateReason, GateVerdict
from slo_daemon.core.pilot.verdict import Verdict
from slo_daemon.core.quantity import QuantityError, parse_duration, show_duration
from slo_daemon.core.slo.phrases import visible

BETWEEN = 10.0  # seconds between two questions while waiting

Body = dict[str, Any]


def gate(
    pilot: PilotArgument,
    gate: Annotated[
        Gate,
        typer.Option(
            "--gate",
            help="promote: may everybody get it? advance: may the next step of the ramp be taken? "
            "rollback: fails when it must be rolled back.",
        ),
    ] = Gate.PROMOTE,
    url: UrlOption = DEFAULT_URL,
    wait: Annotated[
        str | None,
        typer.Option("--wait", help="Ask again until it is decided, for at most this long, e.g. 30m."),
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Ask a running daemon whether a pilot may go on, and end with an exit code that says so."""
    patience = _seconds(wait)
    try:
        daemon = DaemonApi(url)
    except ValueError as error:
        complain(str(error))
        raise typer.Exit(Exit.USAGE) from None
    try:
        found = _decided(daemon, pilot, gate, patience)
    except DaemonRefusedError as error:
        complain(str(error))
        raise typer.Exit(Exit.USAGE) from None
    except DaemonUnreachableError as error:
        complain(str(error))
        raise typer.Exit(Exit.UNREACHABLE) from None
    except KeyboardInterrupt:
        complain("interrupted; nothing was decided")
        raise typer.Exit(Exit.INCONCLUSIVE) from None
    finally:
        daemon.close()
    print(json.dumps({"gate": found}, ensure_ascii=False) if output is Output.JSON else _text(found))
    raise typer.Exit(exit_of(found))


def exit_of(found: Body) -> Exit:
    """What a gate's answer means to scripts."""
    match found["verdict"], found["reason"]:
        case _, GateReason.UNKNOWN_PILOT | GateReason.UNKNOWN_GATE:
            return Exit.USAGE
        case GateVerdict.PASS, _:
            return Exit.OK
        case GateVerdict.FAIL, _:
            return Exit.NOT_READY
        case _ if found["stale"]:
            return Exit.UNREACHABLE
        case _ if found["name"] == Gate.PROMOTE and found["readiness"] == Verdict.NOT_READY:
            return Exit.NOT_READY
        case _:
            return Exit.INCONCLUSIVE


def _decided(daemon: DaemonApi, pilot: str, gate: Gate, patience: float) -> Body:
    """The answer; while it is inconclusive, or nobody answers, asked again for `patience` seconds."""
    end = monotonic() + patience
    with _progress(patience > 0) as show:
        while True:
            left = end - monotonic()
            try:
                found = daemon.gate(pilot, gate.value)
            except DaemonUnreachableError as error:
                if left <= 0:
                    raise
                show(f"{pilot} {gate}: {error}; for another {show_duration(left)}")
            else:
                if left <= 0 or exit_of(found) not in (Exit.INCONCLUSIVE, Exit.UNREACHABLE):
                    return found
                show(f"{pilot} {gate}: {_first(found)}; for another {show_duration(left)}")
            Event().wait(min(BETWEEN, max(0.0, end - monotonic())))


@contextmanager
def _progress(wanted: bool) -> Iterator[Any]:
    """A line on a terminal that is gone at the end; where there is none, a line whenever something else is waited for."""
    if not wanted or not watched(sys.stderr):
        yield _Changes() if wanted else lambda _text: None
        return
    with Console(stderr=True, highlight=False).status("asking") as status:
        yield lambda text: status.update(visible(text).replace("[", r"\["))


class _Changes:
    """For a pipeline's log: no line for every question."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, text: str) -> None:
        said = visible(text.rpartition("; for another ")[0])
        if said != self._last:
            self._last = said
            complain(f"waiting: {said}")


def _seconds(text: str | None) -> float:
    if text is None:
        return 0.0
    try:
        return float(parse_duration(text))
    except QuantityError as error:
        raise typer.BadParameter(f"{error}; write for example 30m", param_hint="--wait") from error


def _first(found: Body) -> str:
    return str(found["reasons"][0] if found["reasons"] else found["reason"])


def _text(found: Body) -> str:
    """What others wrote must not steer a terminal."""
    lines = [f"{found['pilot']} {found['name']}: {found['verdict']} ({found['reason']})"]
    lines += [f"  {reason}" for reason in found["reasons"]]
    if found["evaluated_at"] is not None:
        age = show_duration(max(0.0, round(found["age_seconds"])))
        readiness = f", {found['readiness']}" if found["readiness"] else ""
        lines.append(f"  as of {found['evaluated_at']}, {age} ago{readiness}; advice: {found['advice']}")
    return "\n".join([visible(lines[0]), *(f"  {visible(line)}" for line in lines[1:])])
