"""Programs on a real terminal (a pseudo-terminal of the kernel), and what they write there."""

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

PROGRAM = Path(sys.executable).with_name("slo-daemon")
PATIENCE = 60.0  # seconds
COLOUR = r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7])[0-9;]*m"  # a foreground colour; bold and dim are none


class Terminal:
    """A program that runs on a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self.seen = ""

    def type(self, text: str) -> None:
        """As if somebody pressed these keys."""
        os.write(self._master, text.encode())

    def until(self, wanted: str) -> None:
        """Read until the text is there, and forget what came before its end."""
        end = monotonic() + PATIENCE
        while wanted not in self.seen:
            assert monotonic() < end, f"{wanted!r} did not come after {self.seen!r}"
            assert self._read(), f"the end came, and not {wanted!r}, after {self.seen!r}"
        self.seen = self.seen.partition(wanted)[2]

    def rest(self) -> str:
        """Everything up to the program's end."""
        end = monotonic() + PATIENCE
        while self._read():
            assert monotonic() < end, f"does not end after {self.seen!r}"
        self.process.wait(PATIENCE)
        return self.seen

    def _read(self) -> bool:
        """Whether there may be more."""
        if not select.select([self._master], [], [], 1.0)[0]:
            return True
        try:
            read = os.read(self._master, 65_536)
        except OSError:  # nobody holds the other end any more
            return False
        self.seen += read.decode(errors="replace")
        return bool(read)


def environment(**variables: str) -> dict[str, str]:
    """This process' environment without what speaks of colours, and with the program on PATH."""
    kept = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "TERM")
    }
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "TERM": "xterm-256color", "COLUMNS": "80"} | variables


@contextmanager
def on_terminal(
    command: Sequence[str | Path], variables: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator[Terminal]:
    """The program with a terminal as its input, output and errors; it is gone at the end."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment(**(variables or {})), start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def in_pipe(
    command: Sequence[str | Path], variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The program with pipes as its output and errors."""
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(**(variables or {})),
    )
