"""OpenMetrics text to Prometheus blocks, in the background, a few texts at a time."""

import os
import shutil
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore
from types import TracebackType
from typing import Self

from bench.plan import BLOCK_HOURS
from slo_daemon.demo.child import spawn
from slo_daemon.demo.servers import ServerError, find_binary

_AT_ONCE = 2
_SECONDS = 3_600.0  # longer than any text takes


class BlockMaker:
    """`add` texts, each of one block's span; after the `with` block all blocks are in the folder, or ServerError is raised.

    Texts are deleted as soon as they are converted. `add` waits while enough of them are under way, which bounds the disk
    and the memory that is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._promtool = find_binary("promtool")
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._room = BoundedSemaphore(_AT_ONCE + 1)
        self._jobs: list[Future[None]] = []
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, text: Path) -> None:
        """Convert a text. Raises ServerError when an earlier one could not be converted."""
        self._room.acquire()
        for job in self._jobs:
            if job.done():
                job.result()
        self._jobs.append(self._pool.submit(self._convert, text))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)
        if kind is None:
            for job in self._jobs:
                job.result()

    def _convert(self, text: Path) -> None:
        blocks, scratch, log = (text.with_suffix(end) for end in (".blocks", ".scratch", ".log"))
        scratch.mkdir()
        command = [self._promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet"]
        command += [f"--max-block-duration={BLOCK_HOURS}h", str(text), str(blocks)]
        try:
            with log.open("wb") as output:
                process = spawn(command, stdout=output, env={**os.environ, "TMPDIR": str(scratch)})
            try:
                code = process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code != 0:
                said = log.read_text(errors="replace").strip()
                raise ServerError(f"promtool could not make blocks (exit code {code}): {said}")
            for block in blocks.iterdir():
                block.rename(self._folder / block.name)
        finally:
            for file in (text, log):
                file.unlink()
            for folder in (blocks, scratch):
                shutil.rmtree(folder, ignore_errors=True)
            self._room.release()
