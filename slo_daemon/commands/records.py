"""`slo-daemon incident` and `slo-daemon feedback`: tell a running daemon what happened, and list what was told."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from slo_daemon.adapters.daemon_api import DaemonApi, DaemonRefusedError, DaemonUnreachableError
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.options import Output, OutputOption
from slo_daemon.core.pilot.records import Severity
from slo_daemon.core.slo.phrases import visible

DEFAULT_URL = "http://127.0.0.1:9750"
TOKEN_VARIABLE = "SLO_DAEMON_TOKEN"  # noqa: S105
LONGEST_TOKEN = 4_096  # bytes
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)

incident_app = typer.Typer(
    name="incident", no_args_is_help=True, help="Record, resolve and list incidents of a pilot."
)
feedback_app = typer.Typer(
    name="feedback", no_args_is_help=True, help="Record and list users' ratings of a pilot."
)


PilotOption = Annotated[str, typer.Option("--pilot", help="Name of the pilot (metadata.name).")]
UrlOption = Annotated[str, typer.Option("--url", envvar="SLO_DAEMON_URL", help="Where the daemon listens.")]
TokenOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file", help=f"File that holds the token. Without it: the environment's {TOKEN_VARIABLE}."
    ),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1_000, help="How many at most.")]
ReporterOption = Annotated[
    str | None, typer.Option("--reporter", help="Who says so; kept in the daemon's audit record.")
]


@incident_app.command("add")
def add_incident(
    pilot: PilotOption,
    title: Annotated[str, typer.Option("--title", help="What happened, in one line.")],
    severity: Annotated[Severity, typer.Option("--severity", help="How bad it is.")],
    description: Annotated[str, typer.Option("--description", help="More words.")] = "",
    started_at: Annotated[
        str | None, typer.Option("--started-at", help="When it began (RFC 3339 or Unix seconds); else now.")
    ] = None,
    reporter: ReporterOption = None,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Record an incident. An open critical one makes the pilot NOT_READY."""
    fields = {
        "title": title,
        "severity": severity.value,
        "description": description,
        "started_at": _moment(started_at),
        "reporter": reporter,
    }
    with _daemon(url, token_file) as daemon:
        record = daemon.add_incident(pilot, _given(fields))
    _tell(output, record, lambda: f"incident {record['id']} recorded: {_incident_line(record)}")


@incident_app.command("resolve")
def resolve_incident(
    incident_id: Annotated[int, typer.Argument(min=1, metavar="ID", help="As told when it was recorded.")],
    pilot: PilotOption,
    resolution: Annotated[str, typer.Option("--resolution", help="How it was resolved.")] = "",
    at: Annotated[str | None, typer.Option("--at", help="When (RFC 3339 or Unix seconds); else now.")] = None,
    reporter: ReporterOption = None,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Mark an incident as resolved."""
    fields = _given({"resolved_at": _moment(at), "reporter": reporter}) | {"resolution": resolution}
    with _daemon(url, token_file) as daemon:
        record = daemon.change_incident(pilot, incident_id, fields)
    _tell(output, record, lambda: f"incident {record['id']} resolved: {_incident_line(record)}")


@incident_app.command("list")
def list_incidents(
    pilot: PilotOption,
    limit: LimitOption = 20,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """The latest incidents, newest first."""
    with _daemon(url, token_file) as daemon:
        found = daemon.incidents(pilot, limit)
    rows = [[str(i.get("id")), _of(i, "started_at"), _of(i, "severity"), _of(i, "state"), _of(i, "title")]
            for i in found]  # fmt: skip
    _tell(
        output,
        {"incidents": found},
        lambda: _table(["ID", "STARTED", "SEVERITY", "STATE", "TITLE"], rows) if rows else "no incident",
    )


@feedback_app.command("add")
def add_feedback(
    pilot: PilotOption,
    user: Annotated[str, typer.Option("--user", help="The user's id; the newest rating of a user counts.")],
    rating: Annotated[int, typer.Option("--rating", min=1, max=5, help="1 (worst) to 5 (best).")],
    text: Annotated[str, typer.Option("--text", help="What the user said.")] = "",
    context: Annotated[
        list[str] | None, typer.Option("--context", help="key=value; may be given several times.")
    ] = None,
    given_at: Annotated[
        str | None, typer.Option("--given-at", help="When it was given (RFC 3339 or Unix seconds); else now.")
    ] = None,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Record a user's rating."""
    fields = {
        "user": user,
        "rating": rating,
        "text": text,
        "context": _pairs(context or []),
        "given_at": _moment(given_at),
    }
    with _daemon(url, token_file) as daemon:
        record = daemon.add_feedback(pilot, _given(fields))
    _tell(output, record, lambda: f"feedback {record['id']} recorded: {record['rating']}/5")


@feedback_app.command("list")
def list_feedback(
    pilot: PilotOption,
    limit: LimitOption = 20,
    url: UrlOption = DEFAULT_URL,
    token_file: TokenOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """The latest ratings, newest first. Needs the token of the role feedback: they carry users' ids."""
    with _daemon(url, token_file) as daemon:
        found = daemon.feedback(pilot, limit)
    rows = [[str(f.get("id")), _of(f, "given_at"), f"{f.get('rating')}/5", _of(f, "user"), _of(f, "text")]
            for f in found]  # fmt: skip
    _tell(
        output,
        {"feedback": found},
        lambda: _table(["ID", "GIVEN", "RATING", "USER", "TEXT"], rows) if rows else "no feedback",
    )


@contextmanager
def _daemon(url: str, token_file: Path | None) -> Iterator[DaemonApi]:
    """The daemon; what goes wrong with it becomes a message and an exit code."""
    try:
        daemon = DaemonApi(url, _token(token_file))
    except ValueError as error:
        raise _end(Exit.USAGE, str(error)) from None
    try:
        yield daemon
    except DaemonRefusedError as error:
        raise _end(Exit.USAGE, str(error)) from None
    except DaemonUnreachableError as error:
        raise _end(Exit.UNREACHABLE, str(error)) from None
    finally:
        daemon.close()


def _token(token_file: Path | None) -> str | None:
    """From the file, else from the environment; None when there is neither. Never from an option: others see those."""
    if token_file is None:
        return os.environ.get(TOKEN_VARIABLE, "").strip() or None
    try:
        with token_file.open("rb") as file:
            text = file.read(LONGEST_TOKEN + 1)
    except OSError as error:
        raise _end(Exit.USAGE, f"--token-file {token_file}: {error.strerror or error}") from None
    if len(text) > LONGEST_TOKEN:
        raise _end(Exit.USAGE, f"--token-file {token_file}: more than {LONGEST_TOKEN} bytes are no token")
    return text.decode("utf-8", errors="replace").strip()


def _end(code: Exit, message: str) -> typer.Exit:
    for line in message.split("\n"):
        typer.echo(visible(line) if not line.startswith("  ") else f"  {visible(line)}", err=True)
    return typer.Exit(code)


def _given(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _moment(text: str | None) -> float | str | None:
    """Unix seconds as a number; anything else is for the daemon to understand."""
    return float(text) if text is not None and _NUMBER.fullmatch(text) else text


def _pairs(context: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in context:
        key, equals, value = text.partition("=")
        if not equals or not key or key in pairs:
            raise _end(Exit.USAGE, f"--context {text!r}: write key=value, each key once")
        pairs[key] = value
    return pairs


def _tell(output: Output, value: object, text: Callable[[], str]) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False) if output is Output.JSON else text())


def _incident_line(record: Mapping[str, Any]) -> str:
    return f"{_of(record, 'severity')}, {_of(record, 'state')}, since {_of(record, 'started_at')}: {_of(record, 'title')}"


def _of(record: Mapping[str, Any], name: str) -> str:
    """A field for a terminal: what others wrote must not steer it."""
    return visible(str(record.get(name, "")))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)
    )
    return "\n".join(line.rstrip() for line in lines)
