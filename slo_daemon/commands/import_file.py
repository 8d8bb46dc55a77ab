"""Sending a file of incidents or ratings to a running daemon."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from slo_daemon.commands.daemon import daemon_at, end, tell
from slo_daemon.commands.exit_codes import Exit
from slo_daemon.commands.options import Output, watched
from slo_daemon.core.slo.phrases import visible

LARGEST_FILE = 32 << 20  # bytes; the daemon takes no more
JSON_TYPE, CSV_TYPE = "application/json", "text/csv"

FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="CSV with a line of column names, or JSON; at most 100,000 rows."),
]


def import_file(what: str, file: Path, pilot: str, url: str, token_file: Path | None, output: Output) -> None:
    """`what`: incidents or feedback. The key is of the content: a file that was sent before is not recorded again."""
    content = _content(file)
    with daemon_at(url, token_file) as daemon, _waiting(f"importing {visible(file.name)}"):
        done = daemon.import_file(
            pilot, what, content, _type_of(file, content), f"file-{sha256(content).hexdigest()}"
        )
    recorded, known = int(done.get("recorded", 0)), int(done.get("known", 0))
    before = f"; {known:,} had been before" if known else ""
    said = f"{recorded:,} of {recorded + known:,} rows recorded{before}"
    if done.get("created") is False:
        said = f"this file was imported before ({said}); nothing was recorded now"
    tell(output, done, lambda: said)


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise end(Exit.USAGE, f"{file}: {error.strerror or error}") from None
    if len(content) > LARGEST_FILE:
        raise end(Exit.USAGE, f"{file}: has more than 32 MiB; cut it into several files")
    return content


def _type_of(file: Path, content: bytes) -> str:
    """By its name, else by how it begins."""
    suffix = file.suffix.lower()
    if suffix in (".json", ".csv"):
        return JSON_TYPE if suffix == ".json" else CSV_TYPE
    return JSON_TYPE if content.lstrip()[:1] in (b"[", b"{") else CSV_TYPE


@contextmanager
def _waiting(said: str) -> Iterator[None]:
    """A sign of life on a terminal."""
    if not watched(sys.stderr):
        yield
        return
    with Console(file=sys.stderr).status(said):
        yield
