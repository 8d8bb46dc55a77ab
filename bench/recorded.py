"""The series that Sloth's and Pyrra's 5-minute rules would have recorded, in a Prometheus folder of their own.

They come from Prometheus: the rules' expressions are evaluated over the whole history at the rules' interval. They lie
apart because blocks that overlap the history's would make Prometheus compact both while it is measured.
"""

import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from bench.asking import Client
from bench.history import History, Progress
from bench.plan import DAY
from bench.queries import INCREASE_5M, RATIO_5M, SECONDS, is_failed, recorded_increases
from slo_daemon.demo.history import write_blocks
from slo_daemon.demo.openmetrics import MetricKind, Series

INTERVAL = (
    60  # seconds between two evaluations of a rule: Prometheus' default, and the tick of this benchmark
)

_Points = dict[float, float]
_ByCode = dict[tuple[str, str], _Points]


def make_recorded(history: History, client: Client, progress: Progress) -> Path:
    """The folder with the recorded series: kept, or made by asking the history's running Prometheus."""
    folder = history.folder / "recorded"
    if not folder.exists():
        begun = history.folder / "recorded-unfinished"
        shutil.rmtree(begun, ignore_errors=True)
        increases = _increases(history, client, progress)
        write_blocks(list(_series(increases)), begun / "data")
        begun.rename(folder)
    return folder


def _increases(history: History, client: Client, progress: Progress) -> _ByCode:
    plan = history.plan
    found: _ByCode = {}
    start = plan.start + SECONDS["5m"]
    while start <= plan.end:
        end = min(plan.end, start + DAY - INTERVAL)
        for labels, points in client.over(recorded_increases(), start, end, INTERVAL).items():
            by_label = dict(labels)
            found.setdefault((by_label["service"], by_label["code"]), {}).update(points)
        start = end + INTERVAL
        progress((start - plan.start) / (plan.end - plan.start), "recording what rules would have recorded")
    return found


def _series(increases: _ByCode) -> Iterator[Series]:
    for (service, code), points in increases.items():
        yield _recorded(INCREASE_5M, {"service": service, "code": code}, points)
    for service in sorted({service for service, _ in increases}):
        yield _recorded(RATIO_5M, {"service": service}, _ratios(service, increases))


def _ratios(service: str, increases: _ByCode) -> _Points:
    """Failed by all, as a division of two sums is answered: nothing without failed requests' series, NaN for 0 by 0."""
    by_code = {code: points for (name, code), points in increases.items() if name == service}
    failed = next((points for code, points in by_code.items() if is_failed(code)), {})
    ratios = {}
    for when, bad in failed.items():
        total = sum(points.get(when, 0.0) for points in by_code.values())
        ratios[when] = bad / total if total else math.nan
    return ratios


def _recorded(name: str, labels: Mapping[str, str], points: _Points) -> Series:
    times = np.array(sorted(points), dtype=np.float64)
    values = np.array([points[when] for when in times.tolist()], dtype=np.float64)
    return Series(name, tuple(labels.items()), MetricKind.GAUGE, times, values)
