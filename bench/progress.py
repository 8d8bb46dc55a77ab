"""What is going on, on a terminal; a plain line for each step where there is none."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Steps:
    """Steps of unlike length, one after the other. Draws only when told something: measuring is not disturbed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=1.0, detail="")

    def step(self, title: str) -> None:
        """Begin the next step."""
        if self._console.is_terminal:
            self._bar.reset(self._task, description=title, detail="")
            self._bar.refresh()
        else:
            self._console.print(title)

    def update(self, share: float, detail: str) -> None:
        """How far the step is, 0 to 1."""
        self._bar.update(self._task, completed=share, detail=detail, refresh=True)

    def told(self, detail: str) -> None:
        """What the step does now, where no share is known."""
        self._bar.update(self._task, detail=detail, refresh=True)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
