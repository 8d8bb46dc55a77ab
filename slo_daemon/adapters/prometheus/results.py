"""What the answers to queries say: rows, at one time or through time. Whatever is not just that is a SourceError.

The answer to a range query may hold hundreds of thousands of points, so a point is decoded into few objects, and rows
share their times. A native histogram is many rows (histograms.py).
"""

import re
from collections.abc import Iterator
from math import isfinite

import msgspec

from slo_daemon.adapters.prometheus.histograms import Histogram, bucket_rows
from slo_daemon.adapters.prometheus.wire import decoded, fail, opened, quoted, samples_touched, value_of
from slo_daemon.core.slo.query import FailReason, Labels, Sample
from slo_daemon.ports import RangeReply, RangeRow, Reply

_TOLERANCE = 0.001 + 1e-6  # seconds; servers keep milliseconds
# made of these characters, float() takes only what Prometheus calls a number
_PLAIN = re.compile(r"[0-9+\-.eE,]*", re.ASCII)


class _Row(msgspec.Struct, gc=False):  # thousands of rows, none in a cycle: not for the collector
    metric: dict[str, str]
    value: tuple[float, str] | None = None
    histogram: tuple[float, Histogram] | None = None


class _Point(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    time: float
    value: str


class _RangeRow(msgspec.Struct, gc=False):
    metric: dict[str, str]
    values: list[_Point] | None = None
    histograms: list[tuple[float, Histogram]] | None = None


def vector(body: bytes) -> Reply:
    """The rows of an instant query's answer (status 200). Raises SourceError."""
    data = opened(body)
    if data.resultType != "vector":
        fail(
            FailReason.SHAPE,
            f"the answer is a {quoted(data.resultType)}, not a vector: the expression must give one value per group, "
            "so aggregate a range such as x[5m], and write vector(...) around a scalar",
        )
    rows: list[Sample] = []
    for row in decoded(data.result, list[_Row], body):
        labels = tuple(sorted(row.metric.items()))
        if row.value is not None:
            rows.append(Sample(labels, value_of(row.value[1])))
        elif row.histogram is not None:
            rows.extend(Sample(one, count) for one, count in bucket_rows(labels, row.histogram[1]).items())
        else:
            fail(FailReason.BAD_BODY, "a row of the answer has no value")
    return Reply(tuple(rows), samples_touched(data.stats))


def matrix(body: bytes, times: tuple[float, ...]) -> RangeReply:
    """The rows of a range query's answer (status 200). `times`: the steps that were asked for. Raises SourceError.

    Rows hold times of `times` itself: a server's rounding to milliseconds is taken back.
    """
    data = opened(body)
    if data.resultType != "matrix":
        fail(
            FailReason.SHAPE,
            f"the answer to a range query is a {quoted(data.resultType)}, not a matrix: is this Prometheus?",
        )
    steps = _Steps(times)
    rows: dict[Labels, RangeRow] = {}
    count = 0
    for row in decoded(data.result, list[_RangeRow], body):
        for one in _range_rows(row, steps):
            rows[one.labels] = one
            count += 1
    if len(rows) < count:
        fail(FailReason.SHAPE, "two rows of the answer have the same labels: does a proxy mix up answers?")
    return RangeReply(tuple(rows.values()), samples_touched(data.stats))


class _Steps:
    """The times that were asked for, and which of them rows have. Rows mostly have the same ones: then it is one tuple."""

    def __init__(self, times: tuple[float, ...]) -> None:
        self._times = times
        self._step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1.0
        self._known = {times: times}

    def of(self, told: tuple[float, ...]) -> tuple[float, ...]:
        """The steps at these times of the server. Raises SourceError when they are others."""
        found = self._known.get(told)
        if found is None:
            found = self._known[told] = tuple(self._times[number] for number in self._numbers(told))
        return found

    def _numbers(self, told: tuple[float, ...]) -> list[int]:
        numbers: list[int] = []
        for time in told:
            number = round((time - self._times[0]) / self._step)
            if not 0 <= number < len(self._times) or abs(self._times[number] - time) > _TOLERANCE:
                fail(FailReason.SHAPE, f"the answer has a value at {time:.3f}, a time that was not asked for")
            if numbers and number <= numbers[-1]:
                fail(FailReason.SHAPE, f"the times of a row do not ascend at {time:.3f}")
            numbers.append(number)
        return numbers


def _range_rows(row: _RangeRow, steps: _Steps) -> Iterator[RangeRow]:
    labels = tuple(sorted(row.metric.items()))
    if not row.values and not row.histograms:
        fail(FailReason.BAD_BODY, "a row of the answer has no value")
    if row.values:
        told = tuple([point.time for point in row.values])
        yield RangeRow(labels, steps.of(told), _values([point.value for point in row.values]))
    if row.histograms:
        yield from _bucket_range_rows(labels, row.histograms, steps)


def _bucket_range_rows(
    labels: Labels, histograms: list[tuple[float, Histogram]], steps: _Steps
) -> Iterator[RangeRow]:
    """A row for each bucket. It has a time where the histogram at that time has the bucket, as with instant queries."""
    times = steps.of(tuple([time for time, _ in histograms]))
    points: dict[Labels, list[tuple[float, float]]] = {}
    for at, (_, histogram) in zip(times, histograms, strict=True):
        for one, count in bucket_rows(labels, histogram).items():
            points.setdefault(one, []).append((at, count))
    for one, found in points.items():
        own = times if len(found) == len(times) else tuple([at for at, _ in found])
        yield RangeRow(one, own, tuple([count for _, count in found]))


def _values(texts: list[str]) -> tuple[float, ...]:
    if _PLAIN.fullmatch(",".join(texts)):
        try:
            values = tuple(map(float, texts))
        except ValueError:
            pass
        else:
            if all(map(isfinite, values)):
                return values
    return tuple(map(value_of, texts))  # NaN and infinities, or the failure that names the text
