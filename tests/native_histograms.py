"""A program with native histograms for Prometheus to scrape, in the protobuf format, the only one that carries them.

The messages are those of Prometheus' client data model (MetricFamily, Metric, LabelPair, Histogram, BucketSpan), written
by their public field numbers. A native histogram cannot be written into blocks beforehand, so a history is scraped:
each scrape tells the next moment with its own timestamp, and an hour goes by in seconds.
"""

import math
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from types import TracebackType
from typing import Self

from slo_daemon.demo.loopback_http import LoopbackHttp, Reply, Request

FEATURE = "--enable-feature=native-histograms"  # the flag of Prometheus 2.40 and later
_CONTENT_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
_HISTOGRAM = 4  # MetricType
_VARINT, _FIXED64, _BYTES = 0, 1, 2  # wire types


class NativeHistogram:
    """One series. Its buckets are the powers of 2^(2^-schema): schema 0 has 1, 2, 4; schema 3 eight buckets to each doubling.

    What is at most `zero_threshold` away from 0 goes into the zero bucket.
    """

    def __init__(
        self, name: str, labels: Mapping[str, str], *, schema: int = 3, zero_threshold: float = 2.0**-128
    ) -> None:
        self.name = name
        self.labels = dict(labels)
        self.schema = schema
        self.zero_threshold = zero_threshold
        self.reset()

    def reset(self) -> None:
        """Begin anew, as after a restart of the program."""
        self.count = self.zeros = 0
        self.sum = 0.0
        self.positive: Counter[int] = Counter()
        self.negative: Counter[int] = Counter()

    def observe(self, value: float, times: int = 1) -> None:
        """NaN counts, but lies in no bucket; so Prometheus' clients have it."""
        self.count += times
        self.sum += value * times
        if math.isnan(value):
            return
        if abs(value) <= self.zero_threshold:
            self.zeros += times
            return
        index = math.ceil(math.log2(abs(value)) * 2.0**self.schema)
        (self.positive if value > 0 else self.negative)[index] += times

    def message(self) -> bytes:
        """As a Histogram."""
        return b"".join(
            [
                _integer(1, self.count),
                _double(2, self.sum),
                _integer(5, _zigzag(self.schema)),
                _double(6, self.zero_threshold),
                _integer(7, self.zeros),
                *_buckets(self.negative, spans=9, deltas=10),
                *_buckets(self.positive, spans=12, deltas=13),
            ]
        )


def exposition(histograms: Iterable[NativeHistogram], at: float | None = None) -> bytes:
    """A page of MetricFamily messages, each after its length. `at`: Unix seconds; None leaves the time to the scraper."""
    ordered = sorted(histograms, key=lambda one: one.name)
    page: list[bytes] = []
    for name, members in groupby(ordered, key=lambda one: one.name):
        parts = [_text(1, name), _integer(3, _HISTOGRAM), *(_bytes(4, _metric(one, at)) for one in members)]
        family = b"".join(parts)
        page.append(_varint(len(family)) + family)
    return b"".join(page)


class NativeExporter:
    """Answers scrapes of a Prometheus that was started with FEATURE; others are told 406.

    `on_scrape` runs before each answer: it may observe, and set `at`, the time that the samples claim to have.
    """

    def __init__(
        self, histograms: Sequence[NativeHistogram], on_scrape: Callable[[], None] = lambda: None
    ) -> None:
        self.histograms = list(histograms)
        self.at: float | None = None
        self.scrapes = 0
        self._on_scrape = on_scrape
        self._lock = threading.Lock()
        self._http = LoopbackHttp(self._answer)

    @property
    def address(self) -> str:
        """host:port, as a target."""
        return self._http.address

    def __enter__(self) -> Self:
        self._http.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.stop()

    def _answer(self, request: Request) -> Reply:
        if "application/vnd.google.protobuf" not in request.accept:
            return Reply(406, b"native histograms need the protobuf format\n")
        with self._lock:
            self._on_scrape()
            self.scrapes += 1
            return Reply(200, exposition(self.histograms, self.at), _CONTENT_TYPE)


class History(NativeExporter):
    """Tells one of `times` (ascending Unix seconds) at each scrape, after `advance(number)` has observed what is new by then.

    Prometheus takes times up to about 50 minutes back. `told` is set once all were told; the last one is then repeated.
    """

    def __init__(
        self, histograms: Sequence[NativeHistogram], times: Sequence[float], advance: Callable[[int], None]
    ) -> None:
        super().__init__(histograms, self._step)
        self.told = threading.Event()
        self._times = list(times)
        self._advance = advance

    def _step(self) -> None:
        if self.scrapes < len(self._times):
            self._advance(self.scrapes)
            self.at = self._times[self.scrapes]
        else:
            self.told.set()


def _metric(histogram: NativeHistogram, at: float | None) -> bytes:
    pairs = [_bytes(1, _text(1, name) + _text(2, value)) for name, value in sorted(histogram.labels.items())]
    time = b"" if at is None else _integer(6, round(at * 1000))
    return b"".join([*pairs, time, _bytes(7, histogram.message())])


def _buckets(counts: Counter[int], *, spans: int, deltas: int) -> Iterable[bytes]:
    """Runs of consecutive buckets as BucketSpans, each with the gap before it, and the counts as differences."""
    end = 0
    for _, run in groupby(enumerate(sorted(counts)), key=lambda pair: pair[1] - pair[0]):
        indexes = [index for _, index in run]
        yield _bytes(spans, _integer(1, _zigzag(indexes[0] - end)) + _integer(2, len(indexes)))
        end = indexes[-1] + 1
    before = 0
    for index in sorted(counts):
        yield _integer(deltas, _zigzag(counts[index] - before))
        before = counts[index]


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _integer(number: int, value: int) -> bytes:
    return _key(number, _VARINT) + _varint(value)


def _double(number: int, value: float) -> bytes:
    return _key(number, _FIXED64) + struct.pack("<d", value)


def _bytes(number: int, value: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last byte have the high bit set."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _zigzag(value: int) -> int:
    """Signed numbers as unsigned ones: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return value * 2 if value >= 0 else -value * 2 - 1
