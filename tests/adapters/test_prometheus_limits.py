"""A failure is tried again once at most; connections and memory are bounded whatever a server does."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from slo_daemon.core.slo.query import FailReason
from tests.adapters.conftest import Hostile, SourceOf, asked
from tests.adapters.hostile_http import NOT_READY, OK, ROWS, Answer, hang_up, http, reset, stall

LATE = 1.5  # seconds that a busy machine may take to notice
TIMED_OUT = http(
    b'{"status":"error","errorType":"timeout","error":"query timed out"}', "503 Service Unavailable"
)


@pytest.mark.parametrize("passing", [NOT_READY, TIMED_OUT, reset, hang_up])
def test_what_passes_is_tried_once_more(passing: Answer, hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(passing, OK)

    error, seconds = asked(source_of(server.url), deadline=2.0)

    assert error is None
    assert len(server.requests) == 2
    assert 0.1 <= seconds < 0.2 + LATE


@pytest.mark.parametrize(
    ("passing", "reason"),
    [(NOT_READY, FailReason.NOT_READY), (TIMED_OUT, FailReason.TIMEOUT), (reset, FailReason.CONNECT)],
)
def test_what_does_not_pass_is_tried_twice_and_no_more(
    passing: Answer, reason: FailReason, hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(passing)

    error, _ = asked(source_of(server.url), deadline=2.0)

    assert error is not None
    assert error.reason is reason
    assert len(server.requests) == 2


def test_the_second_try_ends_by_the_same_deadline(hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(NOT_READY, stall(b""))

    error, seconds = asked(source_of(server.url), deadline=0.8)

    assert error is not None
    assert len(server.requests) == 2
    assert seconds < 0.8 + LATE


RETRY_AFTER = {
    "none": (None, 1),
    "0": ("0", 2),
    "1": ("1", 1),  # does not fit into the deadline
    "an hour": ("3600", 1),
    "negative": ("-5", 1),
    "text": ("soon", 1),
    "a date": ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
    "a fraction": ("0.1", 1),
    "absurd": ("9" * 5000, 1),
    "other digits": ("٠", 1),
}


@pytest.mark.parametrize(("wish", "tries"), RETRY_AFTER.values(), ids=RETRY_AFTER)
def test_throttling_is_heeded_within_the_deadline_only(
    wish: str | None, tries: int, hostile: Hostile, source_of: SourceOf
) -> None:
    headers = {} if wish is None else {"Retry-After": wish}
    raw = http(b"slow down", "429 Too Many Requests", headers={} if wish == "٠" else headers)
    if wish == "٠":
        raw = raw.replace(b"\r\n\r\n", "\r\nRetry-After: ٠\r\n\r\n".encode())
    server = hostile(raw)

    error, seconds = asked(source_of(server.url), deadline=0.8)

    assert error is not None
    assert error.reason is FailReason.THROTTLED
    assert len(server.requests) == tries
    assert seconds < 0.8


def test_a_server_that_wants_a_long_pause_is_not_asked_again(hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(http(b"later", "503 Service Unavailable", headers={"Retry-After": "3600"}))

    error, seconds = asked(source_of(server.url), deadline=5.0)

    assert error is not None
    assert error.reason is FailReason.NOT_READY
    assert len(server.requests) == 1
    assert seconds < 1.0


def test_the_pause_asked_for_is_kept(hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(http(b"later", "429 Too Many Requests", headers={"Retry-After": "1"}), OK)

    error, seconds = asked(source_of(server.url), deadline=5.0)

    assert error is None
    assert 1.0 <= seconds < 2.0


def test_closing_ends_the_wait_for_a_second_try(hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(http(b"later", "503 Service Unavailable", headers={"Retry-After": "4"}))
    source = source_of(server.url)
    threading.Timer(0.2, source.close).start()

    error, seconds = asked(source, deadline=10.0)

    assert error is not None
    assert error.reason is FailReason.NOT_READY
    assert seconds < 1.0


def test_connections_are_kept_and_never_more_than_allowed(hostile: Hostile, source_of: SourceOf) -> None:
    numbers = count()

    def slowly(connection: socket.socket) -> None:
        next(numbers)
        time.sleep(0.02)
        connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))

    kept, closed = hostile(OK), hostile(slowly)
    for server in (kept, closed):
        source = source_of(server.url, concurrency=3)
        with ThreadPoolExecutor(12) as pool:
            errors = [error for error, _ in pool.map(lambda _, s=source: asked(s, 10.0), range(48))]
        assert errors == [None] * 48
        assert server.most_open <= 4  # three for slots, one more for what is asked behind them
    assert kept.connections <= 4
    assert closed.connections == 48


def test_waiting_for_a_free_connection_counts_as_well(hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(stall(b""))
    source = source_of(server.url, concurrency=1)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(asked, source, 1.0)
        time.sleep(0.2)
        error, seconds = asked(source, 0.3)
        first.result()

    assert error is not None
    assert error.reason is FailReason.TIMEOUT
    assert "connections were busy" in error.detail
    assert seconds < 0.3 + LATE
    assert len(server.requests) == 1


def test_after_failures_all_connections_can_be_had_again(hostile: Hostile, source_of: SourceOf) -> None:
    bad: list[Answer] = [
        stall(b""),
        reset,
        OK[:-5].replace(b"200 OK", b"200 OK\r\nConnection: close"),
        NOT_READY,
    ]
    server = hostile(*bad, *bad, *bad, OK)
    source = source_of(server.url, concurrency=1)

    for _ in range(12):
        asked(source, 0.2)

    assert asked(source, 2.0)[0] is None


MEASURE = """
import resource, sys
from slo_daemon.adapters.prometheus import PrometheusSettings, PrometheusSource
from slo_daemon.ports import SourceError

source = PrometheusSource(PrometheusSettings(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    source.query("up", 0.0, 20.0)
except SourceError as error:
    print(error.reason, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
BIG = 100 * 1024 * 1024
START = b'{"status":"success","data":{"resultType":"vector","result":['


def flood(before: bytes) -> Callable[[socket.socket], None]:
    def act(connection: socket.socket) -> None:
        connection.sendall(before + START)
        for _ in range(BIG // 65_536):
            connection.sendall(b" " * 65_536)

    return act


@pytest.mark.parametrize("framing", ["close", "length", "no status", "redirect"])
def test_a_huge_body_is_not_taken_into_memory(framing: str, hostile: Hostile) -> None:
    head = {
        "close": http(b"", framing="close"),
        "length": http(b"", length=BIG),
        "no status": http(b"", "500 Internal Server Error", framing="close"),
        "redirect": http(b"", "302 Found", framing="close", headers={"Location": "/x"}),
    }[framing]
    server = hostile(flood(head))

    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, server.url], capture_output=True, text=True, check=True, timeout=60
    )
    reason, kibibytes = measured.stdout.split()

    assert reason == {"no status": "http", "redirect": "redirect"}.get(framing, "too_large")
    assert int(kibibytes) < 64 * 1024


def test_a_body_just_within_the_cap_is_taken_and_one_byte_more_is_not(
    hostile: Hostile, source_of: SourceOf
) -> None:
    for framing in ("length", "chunked", "close"):
        server = hostile(http(ROWS, framing=framing))
        assert asked(source_of(server.url, max_body=len(ROWS)), 5.0)[0] is None
        error, _ = asked(source_of(server.url, max_body=len(ROWS) - 1), 5.0)
        assert error is not None
        assert error.reason is FailReason.TOO_LARGE
