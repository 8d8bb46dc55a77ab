"""Native histograms come out as rows by bucket: of any text that a server might send, and of a real Prometheus."""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.adapters.prometheus import results
from slo_daemon.core.slo.query import FailReason, Sample
from slo_daemon.demo.servers import PrometheusServer
from slo_daemon.ports import RangeRow, SourceError
from tests.adapters.conftest import SourceOf
from tests.native_histograms import FEATURE, History, NativeHistogram

START = 1_700_000_000.0
TIMES = (START, START + 60, START + 120)


def answer(kind: str, *rows: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": rows}}).encode()


def histogram(*buckets: list[object], count: str | None = None) -> dict[str, object]:
    total = sum(float(str(bucket[3])) for bucket in buckets)
    told: dict[str, object] = {"count": repr(total) if count is None else count, "sum": "1.5"}
    return told | {"buckets": buckets} if buckets else told


def at_once(value: object, **labels: str) -> dict[str, object]:
    return {"metric": labels, "histogram": [START, value]}


def rows_of(value: object, **labels: str) -> tuple[Sample, ...]:
    return results.vector(answer("vector", at_once(value, **labels))).rows


def failure(value: object, **labels: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        rows_of(value, **labels)
    return caught.value


def test_each_bucket_is_a_row_with_its_own_count_and_the_label_bucket() -> None:
    rows = rows_of(
        histogram([1, "-2", "-1", "4"], [3, "-0.001", "0.001", "1"], [0, "0.5", "1", "2.5"]), a="x", z="y"
    )

    assert rows == (
        Sample((("a", "x"), ("bucket", "-2:-1"), ("z", "y")), 4.0),
        Sample((("a", "x"), ("bucket", "-0.001:0.001"), ("z", "y")), 1.0),
        Sample((("a", "x"), ("bucket", "0.5:1"), ("z", "y")), 2.5),
    )


@pytest.mark.parametrize(
    "empty", [{"count": "0"}, {"count": "0", "buckets": []}, {"count": "0", "buckets": None}]
)
def test_a_histogram_that_counts_nothing_is_a_row_and_not_nothing(empty: object) -> None:
    assert rows_of(empty, service="a") == (Sample((("bucket", ""), ("service", "a")), 0.0),)


@pytest.mark.parametrize(
    ("edge", "text"),
    [("1", "1"), ("1.0", "1"), ("1e0", "1"), ("0.50", "0.5"), ("-0", "0"), ("0.0", "0"), ("+Inf", "+Inf"), ("Inf", "+Inf"),
     ("-Inf", "-Inf"), ("1e-128", "1e-128"), ("4294967296", "4294967296"), ("2.939e-39", "2.939e-39"), ("1e400", None),
     ("NaN", None), ("", None), ("one", None)],
)  # fmt: skip
def test_equal_edges_have_equal_texts_and_what_is_no_edge_is_bad_body(edge: str, text: str | None) -> None:
    told = histogram([0, edge, edge, "3"])

    if text is None:
        assert failure(told).reason is FailReason.BAD_BODY
    else:
        assert rows_of(told)[0].labels == (("bucket", f"{text}:{text}"),)


def test_rows_with_values_and_histograms_stand_side_by_side() -> None:
    body = answer(
        "vector", {"metric": {"a": "1"}, "value": [START, "7"]}, at_once(histogram([0, "1", "2", "3"]))
    )

    assert results.vector(body).rows == (Sample((("a", "1"),), 7.0), Sample((("bucket", "1:2"),), 3.0))


def test_a_label_named_bucket_is_a_wrong_shape_and_the_remedy_is_named() -> None:
    error = failure(histogram([0, "1", "2", "3"]), bucket="mine", z="y")

    assert error.reason is FailReason.SHAPE
    assert "aggregate without it" in error.detail


def test_a_bucket_that_comes_twice_is_a_wrong_shape() -> None:
    assert failure(histogram([0, "1", "2", "3"], [0, "1.0", "2", "3"])).reason is FailReason.SHAPE


@pytest.mark.parametrize("count", ["4", "2", "0", "NaN", "+Inf", "3.001"])
def test_buckets_that_are_not_all_of_the_count_are_a_wrong_value(count: str) -> None:
    error = failure(histogram([0, "1", "2", "1"], [0, "2", "4", "2"], count=count))

    assert error.reason is FailReason.VALUE
    assert "observe NaN" in error.detail


def test_buckets_may_differ_from_the_count_by_what_floats_differ() -> None:
    assert len(rows_of(histogram([0, "1", "2", "0.1"], [0, "2", "4", "0.2"], count="0.3"))) == 2


@pytest.mark.parametrize("value", ["NaN", "+Inf"])
def test_the_count_of_a_bucket_is_a_finite_number(value: str) -> None:
    assert failure(histogram([0, "1", "2", value], count="1")).reason is FailReason.VALUE


BAD = {
    "null": None,
    "a number": 1,
    "without a count": {"buckets": []},
    "a count that is a number": {"count": 1},
    "a count that is no number": {"count": "x"},
    "buckets that are none": {"count": "1", "buckets": {"1": "2"}},
    "a bucket of three parts": {"count": "1", "buckets": [[0, "1", "2"]]},
    "an edge that is a number": {"count": "1", "buckets": [[0, 1, "2", "1"]]},
    "a count of a bucket that is no number": {"count": "1", "buckets": [[0, "1", "2", "one"]]},
}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_what_is_no_histogram_is_bad_body(value: object) -> None:
    assert failure(value).reason is FailReason.BAD_BODY


def test_a_range_has_a_row_for_each_bucket_with_the_times_that_have_it() -> None:
    histograms = [
        [TIMES[0], histogram([0, "1", "2", "3"])],
        [TIMES[1], histogram()| {"count": "0"}],
        [TIMES[2], histogram([0, "1", "2", "4"], [0, "2", "4", "5"])],
    ]  # fmt: skip

    reply = results.matrix(answer("matrix", {"metric": {"a": "x"}, "histograms": histograms}), TIMES)

    assert reply.rows == (
        RangeRow((("a", "x"), ("bucket", "1:2")), (TIMES[0], TIMES[2]), (3.0, 4.0)),
        RangeRow((("a", "x"), ("bucket", "")), (TIMES[1],), (0.0,)),
        RangeRow((("a", "x"), ("bucket", "2:4")), (TIMES[2],), (5.0,)),
    )


def test_a_series_that_became_a_histogram_keeps_its_values_from_before() -> None:
    row = {
        "metric": {},
        "values": [[TIMES[0], "1"]],
        "histograms": [[TIMES[1], histogram([0, "1", "2", "3"])]],
    }

    assert results.matrix(answer("matrix", row), TIMES).rows == (
        RangeRow((), (TIMES[0],), (1.0,)),
        RangeRow((("bucket", "1:2"),), (TIMES[1],), (3.0,)),
    )


@pytest.mark.parametrize(
    ("histograms", "reason"),
    [
        ([[START + 1, histogram([0, "1", "2", "3"])]], FailReason.SHAPE),
        ([[TIMES[1], histogram()], [TIMES[0], histogram()]], FailReason.SHAPE),
        ([[TIMES[0], histogram([0, "1", "2", "3"], count="4")]], FailReason.VALUE),
        ([], FailReason.BAD_BODY),
        ([[TIMES[0]]], FailReason.BAD_BODY),
    ],
)
def test_the_histograms_of_a_range_are_checked_as_values_are(
    histograms: list[object], reason: FailReason
) -> None:
    with pytest.raises(SourceError) as caught:
        results.matrix(answer("matrix", {"metric": {}, "histograms": histograms}), TIMES)

    assert caught.value.reason is reason


@given(
    st.dictionaries(st.integers(-40, 40), st.floats(0, 1e12), max_size=12),
    st.dictionaries(
        st.text(max_size=8).filter(lambda name: name != "bucket"), st.text(max_size=8), max_size=4
    ),
)
def test_the_rows_of_a_histogram_hold_all_that_was_counted_with_sorted_labels(
    counts: dict[int, float], labels: dict[str, str]
) -> None:
    told = histogram(*([0, repr(2.0**n), repr(2.0 ** (n + 1)), repr(count)] for n, count in counts.items()))

    rows = rows_of(told | {"count": repr(math.fsum(counts.values()))})
    labelled = results.vector(
        answer(
            "vector", {"metric": labels, "histogram": [1, told | {"count": repr(math.fsum(counts.values()))}]}
        )
    ).rows

    assert math.fsum(row.value for row in rows) == pytest.approx(math.fsum(counts.values()))
    assert len(rows) == max(1, len(counts))
    for row in labelled:
        assert row.labels == tuple(sorted(row.labels))
        assert dict(row.labels).items() >= labels.items()


@dataclass(frozen=True, slots=True)
class Native:
    """A Prometheus that scraped 20 minutes of native histograms, up to `end`."""

    server: PrometheusServer
    end: float


SCRAPE = 15.0  # seconds between two of the told times


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Native]:
    """`duration_seconds{service}`, schema 0 for a, schema 1 for b; c never observes; a restarts in between.

    Between two scrapes, a: 30 of 0.3 s, 15 of 0.7 s, 1 of 3 s; b: 2 of -0.3, 1 of 0, 3 of 0.5.
    `odd_seconds` observes a NaN each time.
    """
    end = float(int(time.time()))
    times = [end - SCRAPE * (80 - number) for number in range(81)]
    a = NativeHistogram("duration_seconds", {"service": "a"}, schema=0)
    b = NativeHistogram("duration_seconds", {"service": "b"}, schema=1, zero_threshold=0.001)
    c = NativeHistogram("duration_seconds", {"service": "c"})
    odd = NativeHistogram("odd_seconds", {})

    def advance(number: int) -> None:
        if number == 50:
            a.reset()
        for value, count in ((0.3, 30), (0.7, 15), (3.0, 1)):
            a.observe(value, count)
        for value, count in ((-0.3, 2), (0.0, 1), (0.5, 3)):
            b.observe(value, count)
        odd.observe(1.0)
        odd.observe(math.nan)

    with History([a, b, c, odd], times, advance) as exporter:
        folder = tmp_path_factory.mktemp("native")
        server = PrometheusServer(
            folder, targets={"n": exporter.address}, scrape_interval=0.02, flags=[FEATURE]
        )
        with server:
            assert exporter.told.wait(60)
            yield Native(server, end)


def shortened(bucket: str) -> str:
    return ":".join(f"{float(edge):.4g}" for edge in bucket.split(":") if edge)


@pytest.mark.servers
def test_increases_of_a_real_prometheus_are_told_by_bucket(native: Native, source_of: SourceOf) -> None:
    reply = source_of(native.server.url).query(
        "sum by (service) (increase(duration_seconds[10m]))", native.end, 5.0
    )

    scrapes = 600 / SCRAPE
    low, high = "0.3536", "0.5"  # 2^-1.5 and 2^-1; the last digits are the server's
    assert {(row.label("service"), shortened(row.label("bucket"))): row.value for row in reply.rows} == {
        ("a", "0.25:0.5"): pytest.approx(30 * scrapes, rel=0.01),
        ("a", "0.5:1"): pytest.approx(15 * scrapes, rel=0.01),
        ("a", "2:4"): pytest.approx(scrapes, rel=0.01),
        ("b", f"-{low}:-0.25"): pytest.approx(2 * scrapes, rel=0.01),
        ("b", "-0.001:0.001"): pytest.approx(scrapes, rel=0.01),
        ("b", f"{low}:{high}"): pytest.approx(3 * scrapes, rel=0.01),
        ("c", ""): 0.0,
    }


@pytest.mark.servers
def test_a_sum_over_series_with_other_buckets_has_the_coarser_ones(
    native: Native, source_of: SourceOf
) -> None:
    reply = source_of(native.server.url).query("sum(increase(duration_seconds[10m]))", native.end, 5.0)

    scrapes = 600 / SCRAPE
    assert {row.label("bucket"): row.value for row in reply.rows} == {
        "-0.5:-0.25": pytest.approx(2 * scrapes, rel=0.01),
        "-0.001:0.001": pytest.approx(scrapes, rel=0.01),
        "0.25:0.5": pytest.approx(33 * scrapes, rel=0.01),
        "0.5:1": pytest.approx(15 * scrapes, rel=0.01),
        "2:4": pytest.approx(scrapes, rel=0.01),
    }


@pytest.mark.servers
def test_a_quantile_of_the_buckets_lies_where_prometheus_own_one_does(
    native: Native, source_of: SourceOf
) -> None:
    source = source_of(native.server.url)
    asked = 'sum(increase(duration_seconds{service="a"}[10m]))'

    (own,) = source.query(f"histogram_quantile(0.95, {asked})", native.end, 5.0).rows
    rows = source.query(asked, native.end, 5.0).rows

    rank = 0.95 * sum(row.value for row in rows)
    for row in rows:  # in ascending order, as Prometheus tells them
        left, right = map(float, row.label("bucket").split(":"))
        if rank <= row.value:
            break
        rank -= row.value
    assert left < own.value <= right
    assert own.value == pytest.approx(left + (right - left) * rank / row.value)


@pytest.mark.servers
def test_a_range_of_a_real_prometheus_says_what_its_instant_queries_say(
    native: Native, source_of: SourceOf
) -> None:
    source = source_of(native.server.url)
    promql = "sum by (service) (increase(duration_seconds[5m]))"
    start = native.end - 900

    told = {
        (row.labels, at): value
        for row in source.query_range(promql, start, native.end, 300.0, 5.0).rows
        for at, value in zip(row.times, row.values, strict=True)
    }

    assert told == {
        (row.labels, start + 300 * n): row.value
        for n in range(4)
        for row in source.query(promql, start + 300 * n, 5.0).rows
    }
    assert len(told) == 28


@pytest.mark.servers
def test_observed_nans_are_a_wrong_value(native: Native, source_of: SourceOf) -> None:
    with pytest.raises(SourceError) as caught:
        source_of(native.server.url).query("sum(increase(odd_seconds[10m]))", native.end, 5.0)

    assert caught.value.reason is FailReason.VALUE
    assert "observe NaN" in caught.value.detail
