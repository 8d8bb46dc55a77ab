"""A range query's answer comes out as just what it says or as a named failure, and never holds instant queries up."""

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_daemon.adapters.prometheus import results
from slo_daemon.core.slo.query import FailReason
from slo_daemon.ports import MOST_POINTS, RangeReply, RangeRow, SourceError, range_times
from tests.adapters.conftest import Hostile, SourceOf, asked
from tests.adapters.hostile_http import NOT_READY, OK, http, stall

START = 1_700_000_000.0
TIMES = (START, START + 60, START + 120)


def answer(rows: object = (), kind: str = "matrix", **more: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": rows}, **more}).encode()


def series(*points: object, **labels: str) -> dict[str, object]:
    return {"metric": labels, "values": points}


def decoded(*rows: object) -> RangeReply:
    return results.matrix(answer(rows), TIMES)


def failure(*rows: object) -> SourceError:
    with pytest.raises(SourceError) as caught:
        decoded(*rows)
    return caught.value


GOOD = series([TIMES[0], "1"], [TIMES[1], "2"], [TIMES[2], "3"], a="b")
GOOD_RANGE = http(answer([GOOD]))


def test_rows_of_an_answer_share_their_times_and_labels_are_sorted() -> None:
    one, two = decoded(GOOD, series([TIMES[0], "4"], [TIMES[1], "5"], [TIMES[2], "6e-3"], z="1", b="2")).rows

    assert one == RangeRow((("a", "b"),), TIMES, (1.0, 2.0, 3.0))
    assert two == RangeRow((("b", "2"), ("z", "1")), TIMES, (4.0, 5.0, 0.006))
    assert one.times is two.times


def test_a_servers_rounding_of_times_is_taken_back() -> None:
    times = range_times(START + 0.0004, START + 120.0004, 60.0)

    (row,) = results.matrix(answer([series([START, "1"], [START + 60.001, "2"])]), times).rows

    assert row.times == times[:2]


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([[START + 30, "1"]], "not asked for"),
        ([[START + 60.002, "1"]], "not asked for"),
        ([[START - 60, "1"]], "not asked for"),
        ([[START + 180, "1"]], "not asked for"),
        ([[0, "1"]], "not asked for"),
        ([[1e300, "1"]], "not asked for"),
        ([[TIMES[1], "1"], [TIMES[0], "1"]], "do not ascend"),
        ([[TIMES[1], "1"], [TIMES[1], "1"]], "do not ascend"),
        ([[TIMES[1], "1"], [TIMES[1] + 0.001, "1"]], "do not ascend"),
        ([[START + 60 * n, "1"] for n in range(4)], "not asked for"),
    ],
)
def test_times_that_were_not_asked_for_are_a_wrong_shape(points: list[object], said: str) -> None:
    error = failure(GOOD, series(*points))

    assert error.reason is FailReason.SHAPE
    assert said in error.detail


def test_two_rows_with_the_same_labels_are_a_wrong_shape() -> None:
    assert failure(GOOD, GOOD).reason is FailReason.SHAPE


BAD_ROWS: dict[str, object] = {
    "no values": {"metric": {}},
    "values null": {"metric": {}, "values": None},
    "values empty": series(),
    "values an object": {"metric": {}, "values": {}},
    "a point of one part": series([START]),
    "a point of three parts": series([START, "1", "2"]),
    "a point that is none": series("1"),
    "a value that is a number": series([START, 1]),
    "a value that is null": series([START, None]),
    "a time that is text": series(["1", "1"]),
    "a time that is null": series([None, "1"]),
    "no labels": {"values": [[START, "1"]]},
    "a label that is a number": {"metric": {"a": 1}, "values": [[START, "1"]]},
    "a row that is null": None,
}


@pytest.mark.parametrize("row", BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_row_that_is_none_is_bad_body(row: object) -> None:
    assert failure(GOOD, row).reason is FailReason.BAD_BODY


@pytest.mark.parametrize(
    "text",
    ["", "abc", "1e400", "9" * 400, "nan", "inf", "Infinity", "0x10", "1_000", "1,5", "1,", ",", " 1", "1e", ".", "--1", "١"],
)  # fmt: skip
def test_a_value_that_is_no_number_is_bad_body_wherever_it_stands(text: str) -> None:
    for place in range(3):
        texts = ["1", "NaN", "3"]
        texts[place] = text
        error = failure(series(*zip(TIMES, texts, strict=True)))
        assert error.reason is FailReason.BAD_BODY
        assert error.detail.isprintable()


def test_nan_and_infinities_are_passed_on_in_their_places() -> None:
    (row,) = decoded(series([TIMES[0], "NaN"], [TIMES[1], "+Inf"], [TIMES[2], "-Inf"])).rows

    assert math.isnan(row.values[0])
    assert row.values[1:] == (math.inf, -math.inf)


@pytest.mark.parametrize("kind", ["vector", "scalar", "string", ""])
def test_another_type_of_result_is_a_wrong_shape(kind: str) -> None:
    with pytest.raises(SourceError) as caught:
        results.matrix(answer([], kind), TIMES)

    assert caught.value.reason is FailReason.SHAPE


def test_warnings_mean_partial_data_and_no_rows() -> None:
    with pytest.raises(SourceError, match="store 3 is down") as caught:
        results.matrix(answer([GOOD], warnings=["store 3 is down"]), TIMES)

    assert caught.value.reason is FailReason.PARTIAL


@given(
    st.dictionaries(
        st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3).map(lambda d: tuple(sorted(d.items()))),
        st.dictionaries(st.integers(0, 9), st.floats(allow_nan=False, allow_infinity=False), min_size=1),
        max_size=4,
    ),
    st.integers(0, 4_000_000_000_000),
    st.integers(1, 90_000_000),
)  # fmt: skip
def test_ranges_come_back_as_they_were_written(
    rows: dict[Any, dict[int, float]], first: int, stride: int
) -> None:
    times = range_times(first / 1000, (first + 9 * stride) / 1000, stride / 1000)
    written = [
        {"metric": dict(labels), "values": [[times[n], repr(points[n])] for n in sorted(points)]}
        for labels, points in rows.items()
    ]

    assert len(times) == 10
    assert results.matrix(answer(written), times).rows == tuple(
        RangeRow(labels, tuple(times[n] for n in sorted(points)), tuple(points[n] for n in sorted(points)))
        for labels, points in rows.items()
    )


@given(st.integers(0, len(answer([GOOD])) - 1), st.binary(min_size=1, max_size=3))
def test_an_answer_with_changed_bytes_is_still_an_answer_or_a_named_failure(at: int, change: bytes) -> None:
    body = answer([GOOD])

    try:
        rows = results.matrix(body[:at] + change + body[at + len(change) :], TIMES).rows
    except SourceError:
        return
    for row in rows:
        assert set(row.times) <= set(TIMES)
        assert len(row.times) == len(row.values)


@settings(deadline=None)  # 11,000 steps take long on a busy machine
@given(st.floats(0, 4e9), st.floats(0.001, 1e6), st.integers(1, MOST_POINTS))
def test_the_times_of_a_range_begin_at_its_start_and_end_by_its_end(
    start: float, step: float, count: int
) -> None:
    end = start + step * (count - 1)
    try:
        times = range_times(start, end, step)
    except SourceError:  # rounding to milliseconds may make one step more than the limit
        assert count * round(step * 1000) > (count - 1) * step * 1000
        return

    assert times[0] == pytest.approx(start, abs=0.0006)
    assert times[-1] <= end + 0.0006
    assert times[-1] + step > end - 0.0016
    assert all(later - earlier == pytest.approx(step, abs=0.0006) for earlier, later in pairwise(times))


def test_a_range_is_posted_in_the_body_with_its_steps_and_a_timeout(
    hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(http(answer()))

    source_of(server.url + "/prometheus/").query_range("sum(x)" + " " * 100_000, START, START + 3601, 60, 5.0)

    (request,) = server.requests
    assert request.line == "POST /prometheus/api/v1/query_range HTTP/1.1"
    sent = request.form
    assert 4.0 < float(sent.pop("timeout")) <= 5.0
    assert sent == {
        "query": "sum(x)" + " " * 100_000,
        "start": "1700000000.000",
        "end": "1700003600.000",
        "step": "60.000",
        "stats": "all",
        "nocache": "1",
    }


def test_too_many_steps_are_refused_before_anything_is_sent(hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(http(answer()))

    with pytest.raises(SourceError, match="11,001 steps"):
        source_of(server.url).query_range("up", START, START + MOST_POINTS, 1.0, 5.0)

    assert server.connections == 0


def range_asked(source: Any, deadline: float) -> tuple[SourceError | None, float]:
    started = time.monotonic()
    try:
        source.query_range("up", START, START + 120, 60.0, deadline)
    except SourceError as error:
        return error, time.monotonic() - started
    return None, time.monotonic() - started


def test_a_range_is_tried_once_more_like_any_query(hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(NOT_READY, GOOD_RANGE)

    assert range_asked(source_of(server.url), 2.0)[0] is None
    assert len(server.requests) == 2


def test_a_slow_range_is_left_at_its_deadline(hostile: Hostile, source_of: SourceOf) -> None:
    error, seconds = range_asked(source_of(hostile(stall(GOOD_RANGE[:-9])).url), 0.5)

    assert error is not None
    assert error.reason is FailReason.TIMEOUT
    assert seconds < 0.9


def test_no_secret_is_shown_by_the_failure_of_a_range(hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(http(b'{"status":"error","error":"you sent s3cret-token"}', "400 Bad Request"))

    error, _ = range_asked(source_of(server.url, bearer_token=lambda: "s3cret-token"), 2.0)

    assert error is not None
    assert "s3cret" not in str(error)
    assert "***" in error.detail


def test_ranges_that_hang_take_no_turn_away_from_instant_queries(
    hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(stall(b""), OK)
    source = source_of(server.url, concurrency=1)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(range_asked, source, 2.0)
        while not server.requests:
            time.sleep(0.01)
        waiting = [pool.submit(range_asked, source, 0.6) for _ in range(3)]
        answered = [asked(source, 0.3) for _ in range(20)]
        ranges = [one.result() for one in (first, *waiting)]

    assert [error for error, _ in answered] == [None] * 20
    assert sum(seconds for _, seconds in answered) < 1.0
    assert all(error is not None and error.reason is FailReason.TIMEOUT for error, _ in ranges)
    assert all("another range query was under way" in str(error) for error, _ in ranges[1:])
    assert sum("query_range" in request.line for request in server.requests) == 1
    assert server.most_open == 2


def test_instant_queries_that_hang_take_no_turn_away_from_ranges(
    hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(stall(b""), stall(b""), GOOD_RANGE)
    source = source_of(server.url, concurrency=2)

    with ThreadPoolExecutor(2) as pool:
        stuck = [pool.submit(asked, source, 1.0) for _ in range(2)]
        while len(server.requests) < 2:
            time.sleep(0.01)
        error, seconds = range_asked(source, 0.5)
        assert all(one.result()[0] is not None for one in stuck)

    assert error is None
    assert seconds < 0.4


def test_never_is_more_than_one_range_under_way_and_its_connection_is_kept(
    hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(GOOD_RANGE)
    source = source_of(server.url, concurrency=3)

    with ThreadPoolExecutor(8) as pool:
        errors = [error for error, _ in pool.map(lambda _: range_asked(source, 10.0), range(32))]

    assert errors == [None] * 32
    assert server.connections == 1


def test_ranges_have_a_cap_of_their_own(hostile: Hostile, source_of: SourceOf) -> None:
    body = answer([GOOD])
    server = hostile(http(body))

    within = source_of(server.url, max_body=1, max_range_body=len(body))
    beyond = source_of(server.url, max_range_body=len(body) - 1)

    assert range_asked(within, 5.0)[0] is None
    error, _ = range_asked(beyond, 5.0)
    assert error is not None
    assert error.reason is FailReason.TOO_LARGE
    assert "shorter range" in error.detail


def test_a_day_in_hours_of_a_thousand_histograms_is_well_within_the_cap(
    hostile: Hostile, source_of: SourceOf
) -> None:
    times = range_times(START, START + 23 * 3600, 3600.0)
    points = [[time, "12345.678901234567"] for time in times]
    rows = [
        series(*points, le=f"{n % 12}", service=f"{'s' * 60}{n // 12}", zone="z" * 60) for n in range(12_000)
    ]
    body = answer(rows).replace(b", ", b",").replace(b": ", b":")
    source = source_of(hostile(http(body)).url)

    assert len(body) < 0.5 * 32 * 1024 * 1024
    reply = source.query_range("x", times[0], times[-1], 3600.0, 10.0)
    assert len(reply.rows) == 12_000
    assert len({id(row.times) for row in reply.rows}) == 1
