"""Days of history in a Prometheus data folder, with the truth that it was made from.

promtool reads its whole input once to find the time range and once more for every block it writes. So the history is
cut where blocks are cut, each slice becomes one block, and slices are converted in parallel while the next one is
written.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slo_daemon.demo.child import spawn
from slo_daemon.demo.incidents import Incident, past_incidents
from slo_daemon.demo.openmetrics import (
    FloatArray,
    MetricKind,
    Series,
    increase,
    scrape_times,
    steady_gauge,
    write_openmetrics,
)
from slo_daemon.demo.servers import ServerError, find_binary
from slo_daemon.demo.traffic import COLUMNS, Traffic, accumulate

# One of Prometheus' own block lengths (2 h times a power of 3), aligned as Prometheus aligns them.
_BLOCK_HOURS = 162
_BLOCK_SECONDS = _BLOCK_HOURS * 3600
_PROMTOOL_SECONDS = 300
_DAY = 86400.0

Progress = Callable[[float, str], None]
"""Called with the share done, 0 to 1, and a short text."""


@dataclass(frozen=True, slots=True)
class History:
    """What was written, and the truth about it.

    `totals` has one value per traffic.COLUMNS at `end`, the last sample's time: the live service goes on from there.
    """

    end: float
    series: Sequence[Series]
    totals: FloatArray
    incidents: Sequence[Incident]

    def increase(self, name: str, start: float, end: float, **labels: str) -> float:
        """The events counted between the scrapes at or before `start` and `end`, summed over matching series."""
        return increase(self.series, name, start, end, **labels)


def generate_history(
    data_folder: Path,
    *,
    traffic: Traffic,
    now: float,
    labels: Mapping[str, str],
    days: float = 30.0,
    coarse_interval: float = 60.0,
    fine_interval: float = 5.0,
    fine_hours: float = 6.0,
    incidents: Sequence[Incident] | None = None,
    progress: Progress | None = None,
) -> History:
    """Write `days` of the service's history up to `now` (unix seconds) into Prometheus' data folder.

    `labels` are what the live scrape will add: job and instance. The last `fine_hours` are sampled every
    `fine_interval` seconds, what lies before every `coarse_interval`. Make the fine interval the one of the live scrapes:
    where a window holds samples at unlike distances, Prometheus extrapolates by too little at its edge. `incidents`
    default to those of the traffic's seed. Raises ServerError when promtool is missing or fails.
    """
    end = float(int(now))
    if incidents is None:
        incidents = past_incidents(traffic.seed, end, days)
    if progress is not None:
        progress(0.0, f"simulating {days:g} days of traffic")
    times = _sample_times(end, days, coarse_interval, fine_interval, fine_hours)
    zero = np.zeros((1, len(COLUMNS)))
    values = np.vstack([zero, accumulate(zero[0], traffic.grow(times, incidents))])
    gauges = [i for i, column in enumerate(COLUMNS) if column.family.kind is MetricKind.GAUGE]
    values[0, gauges] = values[1, gauges]
    target = tuple(labels.items())
    series = [
        Series(
            column.name,
            (*target, *column.labels),
            column.family.kind,
            times,
            np.ascontiguousarray(values[:, i]),
        )
        for i, column in enumerate(COLUMNS)
    ]
    series.append(steady_gauge("up", labels, times, 1.0))
    write_blocks(series, data_folder, progress=progress)
    return History(end, series, values[-1].copy(), incidents)


def write_blocks(series: Sequence[Series], data_folder: Path, *, progress: Progress | None = None) -> None:
    """Turn the series into blocks in Prometheus' data folder, which must not be in use by a running Prometheus.

    Raises ServerError when promtool is missing or fails; the folder then has no new block.
    """
    promtool = find_binary("promtool")
    data_folder.mkdir(parents=True, exist_ok=True)
    slices = _slices(series)
    with (
        tempfile.TemporaryDirectory(prefix=".history-", dir=data_folder) as work,
        ThreadPoolExecutor(max_workers=max(2, min(4, os.cpu_count() or 2))) as pool,
    ):
        jobs: list[Future[Path]] = []
        for number, (start, end) in enumerate(slices):
            text = Path(work) / f"{number}.om"
            write_openmetrics((part for one in series if (part := one.between(start, end)).times.size), text)
            jobs.append(pool.submit(_convert, promtool, text))
            if progress is not None:
                progress(
                    0.1 + 0.4 * (number + 1) / len(slices),
                    f"writing history, part {number + 1} of {len(slices)}",
                )
        for number, job in enumerate(jobs):
            job.result()
            if progress is not None:
                progress(
                    0.5 + 0.5 * (number + 1) / len(jobs), f"storing history, part {number + 1} of {len(jobs)}"
                )
        for job in jobs:
            for block in job.result().iterdir():
                block.rename(data_folder / block.name)


def _sample_times(end: float, days: float, coarse: float, fine: float, fine_hours: float) -> FloatArray:
    begin = end - days * _DAY
    turn = max(begin, end - fine_hours * 3600)
    recent = scrape_times(turn, end, fine)
    older = scrape_times(begin, float(recent[0]) - coarse, coarse)
    return np.concatenate([older, recent])


def _slices(series: Iterable[Series]) -> list[tuple[float, float]]:
    """[start, end) of every block that the samples need."""
    spans = [(one.times[0], one.times[-1]) for one in series if one.times.size]
    if not spans:
        raise ValueError("there is no sample to write")
    first = int(min(start for start, _ in spans) // _BLOCK_SECONDS)
    last = int(max(end for _, end in spans) // _BLOCK_SECONDS)
    return [(block * _BLOCK_SECONDS, (block + 1) * _BLOCK_SECONDS) for block in range(first, last + 1)]


def _convert(promtool: str, text: Path) -> Path:
    """Convert one slice into a folder of its own, and drop its text. Returns the folder."""
    blocks, scratch, log = text.with_suffix(".blocks"), text.with_suffix(".scratch"), text.with_suffix(".log")
    scratch.mkdir()
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet"]
    command += [f"--max-block-duration={_BLOCK_HOURS}h", str(text), str(blocks)]
    with log.open("wb") as output:
        # promtool keeps its working data in TMPDIR; ours goes away with the rest even when promtool is killed.
        process = spawn(command, stdout=output, env={**os.environ, "TMPDIR": str(scratch)})
        try:
            code = process.wait(_PROMTOOL_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if code != 0:
        how = f"exit code {code}" if code is not None else f"no end within {_PROMTOOL_SECONDS} s"
        raise ServerError(
            f"promtool could not make blocks ({how}): {log.read_text(errors='replace').strip()}"
        )
    text.unlink()
    shutil.rmtree(scratch, ignore_errors=True)
    return blocks
