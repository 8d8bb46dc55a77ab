"""What all commands share that speak with a running daemon: where it is, its token, what goes wrong, how answers are shown."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from slo_daemon.adapters.daemon_api import DaemonApi, DaemonRefusedError, DaemonUnreachableError
from slo_daemon.commands.completion import pilot_names
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.options import Output
from slo_daemon.core.slo.phrases import visible

DEFAULT_URL = "http://127.0.0.1:9750"
TOKEN_VARIABLE = "SLO_DAEMON_TOKEN"  # noqa: S105
LONGEST_TOKEN = 4_096  # bytes
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)

PilotOption = Annotated[
    str, typer.Option("--pilot", autocompletion=pilot_names, help="Name of the pilot (metadata.name).")
]
PilotArgument = Annotated[
    str, typer.Argument(autocompletion=pilot_names, help="Name of the pilot (metadata.name).")
]
UrlOption = Annotated[
    str, typer.Option("--url", metavar="<url>", envvar="SLO_DAEMON_URL", help="Where the daemon listens.")
]
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


@contextmanager
def daemon_at(url: str, token_file: Path | None) -> Iterator[DaemonApi]:
    """The daemon; what goes wrong with it becomes a message and an exit code."""
    try:
        daemon = DaemonApi(url, _token(token_file))
    except ValueError as error:
        raise end(Exit.USAGE, str(error)) from None
    try:
        yield daemon
    except DaemonRefusedError as error:
        raise end(Exit.USAGE, str(error)) from None
    except DaemonUnreachableError as error:
        raise end(Exit.UNREACHABLE, str(error)) from None
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
        raise end(Exit.USAGE, f"--token-file {token_file}: {error.strerror or error}") from None
    if len(text) > LONGEST_TOKEN:
        raise end(Exit.USAGE, f"--token-file {token_file}: more than {LONGEST_TOKEN} bytes are no token")
    return text.decode("utf-8", errors="replace").strip()


def end(code: Exit, message: str) -> typer.Exit:
    """An exit with a message on standard error."""
    for line in message.split("\n"):
        typer.echo(visible(line) if not line.startswith("  ") else f"  {visible(line)}", err=True)
    return typer.Exit(code)


def given(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def moment(text: str | None) -> float | str | None:
    """Unix seconds as a number; anything else is for the daemon to understand."""
    return float(text) if text is not None and _NUMBER.fullmatch(text) else text


def tell(output: Output, value: object, text: Callable[[], str]) -> None:
    """A result, for people or for programs."""
    typer.echo(json.dumps(value, ensure_ascii=False) if output is Output.JSON else text())


def field_of(record: Mapping[str, Any], name: str) -> str:
    """A field for a terminal: what others wrote must not steer it."""
    return visible(str(record.get(name, "")))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns that stand below each other."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)
    )
    return "\n".join(line.rstrip() for line in lines)
