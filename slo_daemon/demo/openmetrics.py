"""Series of samples, and the OpenMetrics text that promtool turns into Prometheus blocks.

Made for generated data whose truth is known: a series can be asked what it counted in any window.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class MetricKind(StrEnum):
    """The OpenMetrics types used here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


_SUFFIXES = {
    MetricKind.COUNTER: ("_total",),
    MetricKind.GAUGE: ("",),
    MetricKind.HISTOGRAM: ("_bucket", "_count", "_sum"),
}


@dataclass(frozen=True, slots=True)
class Series:
    """One series with its samples. `times` are unix seconds, ascending, kept to the millisecond; shapes are equal.

    The name is the one that is scraped: `requests_total`, `duration_seconds_bucket`. Raises ValueError when the name
    does not fit the kind, a label is not a label, or the times do not ascend.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    kind: MetricKind
    times: FloatArray
    values: FloatArray

    def __post_init__(self) -> None:
        suffixes = _SUFFIXES[self.kind]
        if not _METRIC_NAME.fullmatch(self.name) or not self.name.endswith(suffixes):
            raise ValueError(
                f"{self.name!r} is no name for a {self.kind}: it must end with {' or '.join(suffixes)}"
            )
        for label, _ in self.labels:
            if not _LABEL_NAME.fullmatch(label):
                raise ValueError(f"{label!r} is no label name (in {self.name})")
        if self.times.shape != self.values.shape:
            raise ValueError(f"{self.name} has {self.times.size} times and {self.values.size} values")
        if self.times.size and not np.all(np.diff(np.rint(self.times * 1000)) > 0):
            raise ValueError(f"the times of {self.name} do not ascend by at least a millisecond each")

    @property
    def family(self) -> str:
        """The name in the TYPE line."""
        suffix = next(suffix for suffix in _SUFFIXES[self.kind] if self.name.endswith(suffix))
        return self.name.removesuffix(suffix)

    def value_at(self, when: float) -> float:
        """The last sample at or before `when`; 0 before the first one."""
        index = int(np.searchsorted(self.times, when, side="right")) - 1
        return float(self.values[index]) if index >= 0 else 0.0

    def increase(self, start: float, end: float) -> float:
        """What a counter without resets counted between the scrapes at or before `start` and `end`."""
        return self.value_at(end) - self.value_at(start)

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        return self.name == name and set(labels.items()) <= set(self.labels)

    def between(self, start: float, end: float) -> "Series":
        """The samples in [start, end)."""
        first, last = np.searchsorted(self.times, (start, end), side="left")
        return Series(self.name, self.labels, self.kind, self.times[first:last], self.values[first:last])


def increase(series: Iterable[Series], name: str, start: float, end: float, **labels: str) -> float:
    """The truth for `sum(increase(name{labels}[end - start]))` at `end`: the counted events, summed over the series.

    Raises KeyError when no series matches, so that a misspelt name is not taken for zero events.
    """
    matching = [one for one in series if one.matches(name, labels)]
    if not matching:
        raise KeyError(f"no series {name} with {labels}")
    return sum(one.increase(start, end) for one in matching)


def scrape_times(start: float, end: float, interval: float) -> FloatArray:
    """The times end, end - interval, ... back to `start`, ascending: a history always has a sample at its end."""
    count = math.floor((end - start) / interval + 1e-9)
    return end - interval * np.arange(count, -1, -1, dtype=np.float64)


def steady_counter(
    name: str,
    labels: Mapping[str, str],
    times: FloatArray,
    per_scrape: float,
    *,
    first: float = 0.0,
    dies_at: float | None = None,
) -> Series:
    """A counter that starts at `first` and grows by `per_scrape` each scrape.

    `dies_at` ends the series after the last scrape at or before that time, as when its target is gone. Text cannot
    carry Prometheus' stale marker: instant selectors go on showing the last value for 5 minutes.
    """
    values = first + per_scrape * np.arange(times.size, dtype=np.float64)
    return _living(Series(name, tuple(labels.items()), MetricKind.COUNTER, times, values), dies_at)


def steady_gauge(
    name: str, labels: Mapping[str, str], times: FloatArray, value: float, *, dies_at: float | None = None
) -> Series:
    """A gauge that never moves."""
    return _living(
        Series(name, tuple(labels.items()), MetricKind.GAUGE, times, np.full(times.size, value)), dies_at
    )


def steady_histogram(
    name: str,
    labels: Mapping[str, str],
    times: FloatArray,
    per_scrape: Mapping[float, float],
    *,
    dies_at: float | None = None,
) -> list[Series]:
    """A classic histogram: `per_scrape` maps each bucket's upper edge to the observations IN that bucket per scrape.

    An edge of `math.inf` takes what lies beyond; it is added when missing. `_sum` counts each observation at its
    bucket's upper edge (those beyond the last finite edge at that edge).
    """
    edges = sorted({*per_scrape, math.inf})
    steps = np.arange(times.size, dtype=np.float64)
    pairs = tuple(labels.items())
    made: list[Series] = []
    below = total = 0.0
    finite = 0.0
    for edge in edges:
        count = per_scrape.get(edge, 0.0)
        finite = edge if math.isfinite(edge) else finite
        below += count
        total += count * finite
        bucket = (*pairs, ("le", number_text(float(edge))))
        made.append(Series(f"{name}_bucket", bucket, MetricKind.HISTOGRAM, times, below * steps))
    made.append(Series(f"{name}_count", pairs, MetricKind.HISTOGRAM, times, below * steps))
    made.append(Series(f"{name}_sum", pairs, MetricKind.HISTOGRAM, times, total * steps))
    return [_living(one, dies_at) for one in made]


def number_text(value: float) -> str:
    """A number as Prometheus' text formats write it; also the text of an `le` label: 0.05, 1.0, +Inf."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)


def write_openmetrics(series: Iterable[Series], path: Path) -> None:
    """Write the series as OpenMetrics text: families together, one TYPE line each, timestamps in seconds, `# EOF`.

    Raises ValueError when one family has two kinds.
    """
    families: dict[str, list[Series]] = {}
    for one in series:
        families.setdefault(one.family, []).append(one)
    texts = _Texts()
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for family, members in families.items():
            kinds = sorted({one.kind for one in members})
            if len(kinds) > 1:
                raise ValueError(f"{family} is both {' and '.join(kinds)}")
            file.write(f"# TYPE {family} {kinds[0]}\n")
            for one in members:
                prefix = _prefix(one)
                lines = zip(_value_texts(one.values), texts.of(one.times), strict=True)
                file.write("".join([f"{prefix}{value} {when}\n" for value, when in lines]))
        file.write("# EOF\n")


class _Texts:
    """The texts of timestamps. Series of one history share their times, so the last ones are kept."""

    def __init__(self) -> None:
        self._times: FloatArray = np.empty(0)
        self._texts: Sequence[str] = ()

    def of(self, times: FloatArray) -> Sequence[str]:
        if not np.array_equal(times, self._times):
            self._times = times
            self._texts = [f"{when:.3f}".removesuffix(".000") for when in times.tolist()]
        return self._texts


def _value_texts(values: FloatArray) -> list[str]:
    if np.all(np.isfinite(values)) and np.all(values == np.rint(values)) and np.all(np.abs(values) < 2**53):
        return [str(value) for value in values.astype(np.int64).tolist()]
    return [number_text(value) for value in values.tolist()]


def _prefix(series: Series) -> str:
    if not series.labels:
        return f"{series.name} "
    pairs = ",".join(f'{label}="{_escaped(value)}"' for label, value in series.labels)
    return f"{series.name}{{{pairs}}} "


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _living(series: Series, dies_at: float | None) -> Series:
    return series if dies_at is None else series.between(-math.inf, math.nextafter(dies_at, math.inf))
