"""Series as a story tells them: phases (`2h at 20/s, 5m missing, rest at 1% of 20/s`), or promtool's notation."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from slo_daemon.core.quantity import QuantityError, parse_duration
from slo_daemon.demo.openmetrics import FloatArray, MetricKind, Series

_NUMBER = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_PROMTOOL = re.compile(rf"(?:(_)|({_NUMBER})(?:([+-]\d+(?:\.\d+)?))?)(?:x(\d+))?")
_PHASE = re.compile(r"(\S+) (?:(missing)|at (?:([\d.]+)% of )?(\S+))")
_RATE = re.compile(rf"({_NUMBER})(?:/(s|min|h|d))?")
_NAME = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"([^"\\]*)"\s*(?:,|$)')
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_PHASES_EXAMPLE = (
    "write phases such as 2h at 20/s, 5m missing, rest at 1% of 20/s, or promtool's 0+1200x60 _x5"
)


class NotationError(ValueError):
    """A series cannot be read; the message says what is wrong and what to write."""


def series_of(name: str, text: str, start: float, end: float, scrape: float) -> Series:
    """One series, sampled every `scrape` seconds in [start, end] as far as its text tells. Raises NotationError."""
    metric, labels = _name(name)
    times = np.arange(start, end + 0.5, scrape)
    values = _values(text, times.size, scrape)
    values = np.concatenate([values, np.full(max(0, times.size - values.size), math.nan)])[: times.size]
    there = ~np.isnan(values)
    try:
        return Series(metric, labels, _kind(metric), times[there], values[there])
    except ValueError as error:
        raise NotationError(str(error)) from None


def _name(name: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    match = _NAME.fullmatch(name.strip())
    labels: list[tuple[str, str]] = []
    rest = (match[2] or "") if match else ""
    while match is not None and rest:
        pair = _LABEL.match(rest)
        if pair is None:
            match = None
            break
        labels.append((pair[1], pair[2]))
        rest = rest[pair.end() :]
    if match is None:
        raise NotationError(f'{name!r} is no series; write for example requests_total{{code="200"}}')
    return match[1], tuple(labels)


def _kind(metric: str) -> MetricKind:
    if metric.endswith("_total"):
        return MetricKind.COUNTER
    return MetricKind.HISTOGRAM if metric.endswith(("_bucket", "_count", "_sum")) else MetricKind.GAUGE


def _values(text: str, count: int, scrape: float) -> FloatArray:
    """As many values as the text tells, NaN where one is missing; not much more than `count`."""
    if " at " in text or "missing" in text or "reset" in text:
        return _phases(text, count, scrape)
    values: list[float] = []
    for item in text.split():
        match = _PROMTOOL.fullmatch(item)
        if match is None:
            raise NotationError(f"{item!r} is not understood; {_PHASES_EXAMPLE}")
        times = int(match[4] or 0)
        if match[1]:
            values += [math.nan] * (times if match[4] else 1)  # as promtool: _x5 are five, 1x5 are six values
        else:
            values += [float(match[2]) + i * float(match[3] or 0.0) for i in range(times + 1)]
    return np.array(values)


@dataclass(frozen=True)
class _Phase:
    """`steps` samples in which a counter grows by `rate` (events per second), or a gauge is `value`."""

    steps: int
    rate: float | None = None
    value: float | None = None
    reset: bool = False


def _phases(text: str, count: int, scrape: float) -> FloatArray:
    """A phase has the samples after its begin up to its end; the first one has that of the story's start too."""
    found: list[float] = []
    total = 0.0
    for phase in _read_phases(text, count - 1, scrape):
        steps = phase.steps if found or phase.reset else phase.steps + 1
        if phase.reset:
            total = 0.0
        elif phase.value is not None:
            found += [phase.value] * steps
        elif phase.rate is None:
            found += [math.nan] * steps
        else:
            first = 1 if found else 0
            grown = total + phase.rate * scrape * np.arange(first, first + steps)
            total = float(grown[-1])
            found += np.floor(grown + 1e-6).tolist()
    return np.array(found)


def _read_phases(text: str, count: int, scrape: float) -> Iterator[_Phase]:
    told = 0
    for part in (one.strip() for one in text.split(",")):
        if part == "reset":
            yield _Phase(0, reset=True)
            continue
        match = _PHASE.fullmatch(part)
        rate = _RATE.fullmatch(match[4]) if match is not None and match[4] else None
        if match is None or (match[4] and rate is None):
            raise NotationError(f"{part!r} is not understood; {_PHASES_EXAMPLE}")
        if told >= count:
            raise NotationError(f"{part!r} lies behind the last slot; remove it, or expect something later")
        steps = count - told if match[1] == "rest" else _steps(match[1], scrape)
        told += steps
        if match[2] or rate is None:
            yield _Phase(steps)
            continue
        number = float(rate[1]) * (float(match[3]) / 100.0 if match[3] else 1.0)
        if rate[2]:
            yield _Phase(steps, rate=number / _SECONDS[rate[2]])
        else:
            yield _Phase(steps, value=number)


def _steps(text: str, scrape: float) -> int:
    try:
        seconds = parse_duration(text)
    except QuantityError as error:
        raise NotationError(f"{text!r} is no duration ({error}); {_PHASES_EXAMPLE}") from None
    if seconds % scrape:
        raise NotationError(f"{text} is no multiple of the time between two samples, {scrape:g}s")
    return int(seconds / scrape)
