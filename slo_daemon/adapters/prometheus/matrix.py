"""What the answer to a range query says: rows through time. Whatever is not just that is a SourceError.

An answer may hold hundreds of thousands of points, so a point is decoded into few objects, and rows share their times.
"""

import re
from math import isfinite

import msgspec

from slo_daemon.adapters.prometheus.wire import decoded, fail, opened, quoted, samples_touched, value_of
from slo_daemon.core.slo.query import FailReason, Labels
from slo_daemon.ports import RangeReply, RangeRow

_TOLERANCE = 0.001 + 1e-6  # seconds; servers keep milliseconds
# made of these characters, float() takes only what Prometheus calls a number
_PLAIN = re.compile(r"[0-9+\-.eE,]*", re.ASCII)


class _Point(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    time: float
    value: str


class _Row(msgspec.Struct, gc=False):
    metric: dict[str, str]
    values: list[_Point] | None = None
    histograms: msgspec.Raw = msgspec.Raw(b"")


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
    found = decoded(data.result, list[_Row], body)
    for row in found:
        one = _range_row(row, steps)
        rows[one.labels] = one
    if len(rows) < len(found):
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


def _range_row(row: _Row, steps: _Steps) -> RangeRow:
    if bytes(row.histograms):
        fail(FailReason.SHAPE, "a row is a native histogram")
    if not row.values:
        fail(FailReason.BAD_BODY, "a row of the answer has no value")
    told = tuple([point.time for point in row.values])
    return RangeRow(tuple(sorted(row.metric.items())), steps.of(told), _values([p.value for p in row.values]))


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
