"""Whatever a server answers comes out as just what it says, or as a failure with a named reason: never as a guess."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.adapters.prometheus import results, wire
from slo_daemon.core.slo.query import FailReason, Sample
from slo_daemon.ports import SourceError
from tests.adapters.answers import ONE_ROW, answer, row
from tests.adapters.conftest import Hostile, SourceOf
from tests.adapters.hostile_http import http

BAD_BODIES = {
    "a web page": (b"<!DOCTYPE html><title>Sign in</title>", "web page"),
    "another web page": (b"\n <html><body>It works!</body></html>", "web page"),
    "nothing": (b"", "empty"),
    "an empty object": (b"{}", "cut off"),
    "null": (b"null", "no JSON object"),
    "a list": (b"[]", "no JSON object"),
    "plain text": (b"OK", "no JSON object"),
    "gzip that nobody announced": (b"\x1f\x8b\x08\x00\x00\x00", "no JSON object"),
    "success without data": (b'{"status": "success"}', "cut off"),
    "data null": (b'{"status": "success", "data": null}', "cut off"),
    "data without a result": (b'{"status": "success", "data": {"resultType": "vector"}}', "cut off"),
    "result null": (answer(None), "array"),
    "result an object": (answer({}), "array"),
    "a row without labels": (answer([{"value": [1, "1"]}]), "metric"),
    "a row without a value": (answer([{"metric": {}}]), "no value"),
    "labels null": (answer([{"metric": None, "value": [1, "1"]}]), "object"),
    "a label that is a number": (answer([row(a=1)]), "str"),
    "a value that is a number": (answer([row(1.5)]), "str"),
    "a value that is null": (answer([row(None)]), "str"),
    "a time that is text": (answer([row(time="1")]), "float"),
    "a time that is NaN": (answer([row()]).replace(b"1700000000.123", b"NaN"), "invalid character"),
    "a time beyond numbers": (answer([row()]).replace(b"1700000000.123", b"1e400"), "out of range"),
    "a value of three parts": (answer([{"metric": {}, "value": [1, "1", "2"]}]), "length 2"),
    "a value of one part": (answer([{"metric": {}, "value": [1]}]), "length 2"),
    "one bad row among good ones": (answer([row(a="1"), row("x", a="2")]), "no number"),
    "two answers in one": (ONE_ROW * 2, "trailing"),
    "a byte order mark": (b"\xef\xbb\xbf" + ONE_ROW, "no JSON object"),
    "broken UTF-8": (ONE_ROW.replace(b'"b"', b'"\xff"'), "utf-8"),
    "half a surrogate pair": (ONE_ROW.replace(b'"b"', rb'"\ud800"'), "hex escape"),
    "nesting without end": (b'{"x":' + b"[" * 200_000, "recursion"),
    "nesting without end in the result": (answer()[:-3] + b"[" * 200_000, "recursion"),
    "an error with status 200": (b'{"status": "error", "errorType": "internal", "error": "oops"}', "oops"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "said"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_is_no_answer_is_bad_body(
    body: bytes, said: str, hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(http(body))

    with pytest.raises(SourceError) as caught:
        source_of(server.url).query("up", 0.0, 5.0)

    assert caught.value.reason is FailReason.BAD_BODY
    assert said in caught.value.detail
    assert len(server.requests) == 1


NOT_NUMBERS = [
    "", "abc", "1e400", "-1e400", "9" * 400, "nan", "NAN", "+NaN", "inf", "Infinity", "+inf", "0x10", "1_000", "1,5",
    " 1", "1 ", "1\n", "1e", "e5", ".", "+", "--1", "1.5.2", "١", "½", "1e5e5", "true", "null", "\x00",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_NUMBERS)
def test_a_value_that_is_no_number_is_bad_body(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        results.vector(answer([row(text)]))

    assert caught.value.reason is FailReason.BAD_BODY
    assert caught.value.detail.isprintable()


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0.0), ("-0", -0.0), ("1.5", 1.5), ("1e-300", 1e-300), ("1.7976931348623157e+308", 1.7976931348623157e308),
     ("5e-324", 5e-324), ("+Inf", math.inf), ("-Inf", -math.inf), ("12345678901234567890", 12345678901234567890.0)],
)  # fmt: skip
def test_a_number_is_passed_on_exactly(text: str, value: float) -> None:
    assert results.vector(answer([row(text, a="b")])).rows == (Sample((("a", "b"),), value),)


def test_nan_is_passed_on() -> None:
    (sample,) = results.vector(answer([row("NaN")])).rows

    assert math.isnan(sample.value)


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4),
            st.floats(allow_nan=False, allow_infinity=False),
        ),
        max_size=5,
    )
)
def test_rows_come_back_as_they_were_written(rows: list[tuple[dict[str, str], float]]) -> None:
    body = answer([{"metric": labels, "value": [1, repr(value)]} for labels, value in rows])

    assert results.vector(body).rows == tuple(
        Sample(tuple(sorted(labels.items())), value) for labels, value in rows
    )


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_a_named_failure(body: bytes) -> None:
    try:
        results.vector(body)
    except SourceError as error:
        assert error.reason in FailReason  # noqa: PT017  nothing but a SourceError may come out
    assert wire.refusal(500, {}, body).detail.isprintable()


@given(st.integers(0, len(ONE_ROW) - 1), st.binary(min_size=1, max_size=3))
def test_an_answer_with_changed_bytes_is_still_an_answer_or_a_named_failure(at: int, change: bytes) -> None:
    body = ONE_ROW[:at] + change + ONE_ROW[at + len(change) :]

    try:
        rows = results.vector(body).rows
    except SourceError:
        return
    assert all(isinstance(sample.value, float) for sample in rows)


@pytest.mark.parametrize("kind", ["matrix", "scalar", "string", "streams", ""])
def test_another_type_of_result_is_a_wrong_shape(kind: str) -> None:
    with pytest.raises(SourceError) as caught:
        results.vector(answer([1700000000, "1"], kind))

    assert caught.value.reason is FailReason.SHAPE


def test_the_servers_time_is_a_scalar_or_else_the_date_of_its_answer() -> None:
    date = {"Date": "Tue, 14 Nov 2023 22:13:20 GMT"}
    assert wire.clock(answer([1700000000.5, "1700000000.5"], "scalar"), {}) == 1700000000.5
    assert wire.clock(ONE_ROW, date) == 1700000000.0
    for body, headers in ((ONE_ROW, {}), (ONE_ROW, {"Date": "soon"}), (answer([], "matrix"), date)):
        with pytest.raises(SourceError, match="shape"):
            wire.clock(body, headers)
    with pytest.raises(SourceError, match="bad_body"):
        wire.clock(answer([1, "NaN"], "scalar"), date)


def test_warnings_mean_partial_data_and_no_rows() -> None:
    body = answer([row()], warnings=["store gateway 3: context deadline exceeded", "second"])

    with pytest.raises(SourceError, match="store gateway 3") as caught:
        results.vector(body)

    assert caught.value.reason is FailReason.PARTIAL


def test_an_answer_of_some_of_the_storage_nodes_is_partial_data_and_no_rows() -> None:
    for read in (
        lambda: results.vector(answer([row()], isPartial=True)),
        lambda: results.matrix(answer([], "matrix", isPartial=True), (0.0,)),
    ):
        with pytest.raises(SourceError, match="isPartial") as caught:
            read()
        assert caught.value.reason is FailReason.PARTIAL


@pytest.mark.parametrize("warnings", [["no store matched the query"], [{}]])
def test_warnings_inside_the_data_mean_partial_data_too(warnings: list[Any]) -> None:
    data = {"resultType": "vector", "result": [row()], "warnings": warnings}

    with pytest.raises(SourceError, match="the server warns") as caught:
        results.vector(json.dumps({"status": "success", "data": data}).encode())

    assert caught.value.reason is FailReason.PARTIAL


@pytest.mark.parametrize(
    "more",
    [
        {"infos": ["PromQL info: metric might not be a counter"]},
        {"warnings": []},
        {"warnings": None},
        {"isPartial": False},
        {"something": {"new": [1, 2]}},
    ],
)
def test_infos_and_unknown_fields_do_not_matter(more: dict[str, Any]) -> None:
    assert len(results.vector(answer([row()], **more)).rows) == 1


@pytest.mark.parametrize(
    ("stats", "samples"),
    [
        ({"samples": {"totalQueryableSamples": 12, "peakSamples": 3}}, 12),
        ({"samples": {}}, None),
        ({"seriesFetched": "2"}, None),
        (None, None),
        ("?", None),
    ],
)
def test_sample_counts_are_taken_where_they_are_told(stats: object, samples: int | None) -> None:
    body = json.dumps(
        {"status": "success", "data": {"resultType": "vector", "result": [], "stats": stats}}
    ).encode()

    assert results.vector(body).samples == samples


def refused(kind: str, text: str) -> bytes:
    return json.dumps({"status": "error", "errorType": kind, "error": text}).encode()


PLAIN = b"something is wrong\n"
REFUSALS = {
    "400 JSON": ("400 Bad Request", refused("bad_data", "parse error"), FailReason.BAD_QUERY, 1),
    "400 text": ("400 Bad Request", PLAIN, FailReason.BAD_QUERY, 1),
    "400 of a TLS port": (
        "400 Bad Request", b"Client sent an HTTP request to an HTTPS server.\n", FailReason.TLS, 1,
    ),
    "401": ("401 Unauthorized", b"Unauthorized\n", FailReason.AUTH, 1),
    "403": ("403 Forbidden", b"<html>no</html>", FailReason.AUTH, 1),
    "404": ("404 Not Found", b"404 page not found\n", FailReason.HTTP, 1),
    "405": ("405 Method Not Allowed", PLAIN, FailReason.HTTP, 2),  # by POST, then by GET
    "413": ("413 Payload Too Large", PLAIN, FailReason.HTTP, 1),
    "422 JSON": ("422 Unprocessable Entity", refused("execution", "too many samples"), FailReason.EXECUTION, 1),
    "422 text": ("422 Unprocessable Entity", PLAIN, FailReason.EXECUTION, 1),
    "429": ("429 Too Many Requests", PLAIN, FailReason.THROTTLED, 1),
    "500 JSON": ("500 Internal Server Error", refused("internal", "corrupt block"), FailReason.HTTP, 1),
    "500 text": ("500 Internal Server Error", PLAIN, FailReason.HTTP, 1),
    "502": ("502 Bad Gateway", b"<html>502</html>", FailReason.HTTP, 1),
    "503 JSON timeout": ("503 Service Unavailable", refused("timeout", "query timed out"), FailReason.TIMEOUT, 2),
    "503 JSON other": ("503 Service Unavailable", refused("unavailable", "no store"), FailReason.NOT_READY, 2),
    "503 text": ("503 Service Unavailable", b"Service Unavailable", FailReason.NOT_READY, 2),
    "503 empty": ("503 Service Unavailable", b"", FailReason.NOT_READY, 2),
    "504": ("504 Gateway Timeout", b"<html>504</html>", FailReason.TIMEOUT, 2),
    "201": ("201 Created", ONE_ROW, FailReason.HTTP, 1),
    "204": ("204 No Content", b"", FailReason.HTTP, 1),
    "299": ("299 Whatever", ONE_ROW, FailReason.HTTP, 1),
    "304": ("304 Not Modified", b"", FailReason.REDIRECT, 1),
    "599": ("599 Odd", PLAIN, FailReason.HTTP, 1),
}  # fmt: skip
PERMANENT = {FailReason.BAD_QUERY, FailReason.EXECUTION}


@pytest.mark.parametrize(("status", "body", "reason", "tries"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_has_its_reason_and_only_what_may_pass_is_tried_twice(
    status: str, body: bytes, reason: FailReason, tries: int, hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(http(body, status))

    with pytest.raises(SourceError) as caught:
        source_of(server.url).query("up", 0.0, 5.0)

    assert caught.value.reason is reason
    assert caught.value.permanent is (reason in PERMANENT)
    assert len(server.requests) == tries


def test_the_servers_own_words_are_passed_on_short_and_on_one_line() -> None:
    text = "1:7: parse error:\n\tunexpected \x1b[31m" + "x" * 1000

    error = wire.refusal(400, {}, refused("bad_data", text))

    assert "1:7: parse error: unexpected [31mxxx" in error.detail
    assert error.detail.isprintable()
    assert len(error.detail) < wire.LONGEST_DETAIL


CUT_SHORT = {
    "Content-Length too long": http(ONE_ROW, length=len(ONE_ROW) + 1, headers={"Connection": "close"}),
    "Content-Length much too long": http(ONE_ROW, length=10_000_000, headers={"Connection": "close"}),
    "Content-Length too short": http(ONE_ROW, length=len(ONE_ROW) - 1),
    "Content-Length zero": http(ONE_ROW, length=0),
    "two Content-Lengths": http(ONE_ROW, headers={"Content-Length": "3"}),
    "no last chunk": http(ONE_ROW, framing="chunked", headers={"Connection": "close"})[:-5],
    "half a chunk": http(ONE_ROW, framing="chunked", headers={"Connection": "close"})[:-20],
    "a chunk size that is none": http(ONE_ROW, framing="close", headers={"Transfer-Encoding": "chunked"}),
    "gzip, announced": http(b"\x1f\x8b\x08\x00garbage", headers={"Content-Encoding": "gzip"}),
    "brotli, announced": http(b"\x0b\x02\x80", headers={"Content-Encoding": "br"}),
    "an encoding that is none": http(ONE_ROW, headers={"Content-Encoding": "rot13"}),
    "no HTTP at all": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500 + b"\r\n",
    "a header line without end": b"HTTP/1.1 200 OK\r\na: " + b"b" * 200_000,
}


@pytest.mark.parametrize("raw", CUT_SHORT.values(), ids=CUT_SHORT)
def test_broken_framing_is_bad_body(raw: bytes, hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(raw)

    with pytest.raises(SourceError) as caught:
        source_of(server.url).query("up", 0.0, 5.0)

    assert caught.value.reason is FailReason.BAD_BODY
    assert len(server.requests) == 1


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_all_framings_of_http_are_read(framing: str, hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(http(ONE_ROW, framing=framing))

    assert source_of(server.url).query("up", 0.0, 5.0).rows == (Sample((("a", "b"),), 2.0),)


def test_bytes_left_over_from_one_answer_are_never_read_as_the_next(
    hostile: Hostile, source_of: SourceOf
) -> None:
    forged = http(answer([row("666")]))
    server = hostile(http(ONE_ROW) + forged, http(ONE_ROW))
    source = source_of(server.url)

    values = [source.query("up", 0.0, 5.0).rows[0].value for _ in range(3)]

    assert values == [2.0, 2.0, 2.0]
