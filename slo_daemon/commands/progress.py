"""A bar on standard error while history is fetched; nothing where nobody watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from slo_daemon.commands.options import watched
from slo_daemon.workflows.backfill import Progress as Done


@contextmanager
def fetching() -> Iterator[Callable[[Done], None]]:
    """What is to be told how far the fetching is. The bar is gone at the end, and is only there on a terminal."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("hours of questions"),
        TimeRemainingColumn(),
        transient=True,
        disable=not watched(sys.stderr),
        console=Console(file=sys.stderr),
    )
    with bar:
        task = bar.add_task("fetching history", total=None)
        yield lambda done: bar.update(task, total=max(done.wanted, 1), completed=done.there)
