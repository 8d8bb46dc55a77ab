"""Options that several commands share, and how they become settings."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console

from slo_daemon.adapters.logs import DUMB_TERMINALS, colourful
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.settings import Settings, override, read_settings
from slo_daemon.spec.problems import Problem, SpecError, render
from slo_daemon.workflows.look import LARGEST_SKEW

PIPE_WIDTH = 160  # columns where nobody's terminal says otherwise


class Output(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", envvar="SLO_DAEMON_CONFIG", help="The daemon's settings (kind: Settings)."),
]
SpecOption = Annotated[
    list[Path] | None,
    typer.Option("--spec", metavar="<path>", help="File or folder with pilots and SLOs; may be repeated."),
]
PrometheusOption = Annotated[
    str | None, typer.Option("--prometheus", metavar="<url>", help="URL of Prometheus.")
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="<time>", help="Evaluate as of this time (RFC 3339 or Unix seconds); else now."
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", help="For people, or for programs.")]


def settings_of(config: Path | None, spec: list[Path] | None, prometheus: str | None) -> Settings:
    """The settings file, if any, overridden by the environment and by options. Raises SpecError."""
    options = override(specs=[str(path) for path in spec or ()], prometheus=prometheus)
    loaded = read_settings(config, os.environ, options)
    for warning in loaded.warnings:
        complain(str(warning))
    return loaded.settings


def moment(text: str | None, option: str = "--at") -> float | None:
    """RFC 3339 or Unix seconds as Unix seconds; None stays None. What is no time in the past ends the command."""
    if text is None:
        return None
    at = _unix(text)
    if at is None or not 0.0 <= at < inf:
        problem = "is no time; write 2026-11-22T10:00:00Z or Unix seconds"
    elif at > SystemClock().now() + LARGEST_SKEW:
        problem = "lies in the future, and Prometheus would answer with older numbers; leave it out for now"
    else:
        return at
    raise typer.BadParameter(f"{text!r} {problem}", param_hint=option)


def _unix(text: str) -> float | None:
    with suppress(ValueError):
        return float(text)
    with suppress(ValueError):
        at = datetime.fromisoformat(text)
        return at.timestamp() if at.tzinfo is not None else None
    return None


def console() -> Console:
    """Standard output for people; rich heeds NO_COLOR, FORCE_COLOR and TERM. In a pipe names are not broken."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def watched(stream: TextIO) -> bool:
    """Whether somebody sees how a line changes there: on a terminal that can go back, whatever FORCE_COLOR says."""
    return stream.isatty() and os.environ.get("TERM") not in DUMB_TERMINALS


def complain(text: str) -> None:
    """A message on standard error."""
    print(text, file=sys.stderr)


@contextmanager
def told_problems() -> Iterator[None]:
    """Problems of configuration end the command with exit code 2, each with its place and remedy."""
    try:
        yield
    except SpecError as error:
        complain(render(error.problems, _texts_of(error.problems), color=colourful(sys.stderr)))
        raise typer.Exit(Exit.USAGE) from error
    except ValueError as error:
        complain(f"error: {error}")
        raise typer.Exit(Exit.USAGE) from error


def _texts_of(problems: Iterable[Problem]) -> list[tuple[str, str]]:
    """The files that problems lie in, for showing the lines."""
    texts = []
    for name in sorted({problem.file for problem in problems if problem.line is not None}):
        with suppress(OSError):
            texts.append((name, Path(name).read_text(encoding="utf-8", errors="replace")))
    return texts
