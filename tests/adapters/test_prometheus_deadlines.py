"""No server can hold a caller longer than its deadline, make it take more memory, or make it try more than twice."""

import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from slo_daemon.adapters.prometheus import PrometheusSource
from slo_daemon.core.slo.query import FailReason
from slo_daemon.ports import SourceError
from tests.adapters.conftest import Hostile, SourceOf
from tests.adapters.hostile_http import Answer, http

ROWS = json.dumps(
    {
        "status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1, "2"]}]},
    }
).encode()
OK = http(ROWS)
DEADLINE = 0.5
LATE = 0.4  # seconds that a busy machine may take to notice

NOT_READY = http(b"Service Unavailable", "503 Service Unavailable")
TIMED_OUT = http(
    b'{"status":"error","errorType":"timeout","error":"query timed out"}', "503 Service Unavailable"
)


def asked(source: PrometheusSource, deadline: float = DEADLINE) -> tuple[SourceError | None, float]:
    """How a query failed, if it did, and how long it took."""
    started = time.monotonic()
    try:
        source.query("up", 0.0, deadline)
    except SourceError as error:
        return error, time.monotonic() - started
    return None, time.monotonic() - started


def stall(after: bytes) -> Callable[[socket.socket], None]:
    def act(connection: socket.socket) -> None:
        connection.sendall(after)
        connection.recv(1)  # until the client goes away

    return act


def drip(before: bytes, slowly: bytes) -> Callable[[socket.socket], None]:
    def act(connection: socket.socket) -> None:
        connection.sendall(before)
        for byte in slowly:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    return act


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_WR)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SLOW = {
    "never answers": stall(b""),
    "stops in the status line": stall(OK[:10]),
    "stops in the headers": stall(OK[:40]),
    "stops before the body": stall(OK[: -len(ROWS)]),
    "stops in the body": stall(OK[:-20]),
    "drips the status line": drip(b"", OK),
    "drips a header line without end": drip(b"HTTP/1.1 200 OK\r\na: ", b"b" * 1000),
    "drips the body": drip(OK[: -len(ROWS)], ROWS),
    "drips a chunk's size": drip(CHUNKED, b"0" * 1000),
    "drips what follows the last chunk": drip(CHUNKED + b"0\r\n", b"a: b\r\n" * 200),
    "drips a body without a length": drip(http(b"", framing="close"), b" " * 1000),
    "stops in a refusal's body": stall(NOT_READY[:-5]),
    "drips interim answers": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
}


@pytest.mark.parametrize("slow", SLOW.values(), ids=SLOW)
def test_a_slow_server_is_left_at_the_deadline(slow: Answer, hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(slow)

    error, seconds = asked(source_of(server.url))

    assert error is not None
    assert error.reason is FailReason.TIMEOUT
    assert DEADLINE - 0.05 <= seconds < DEADLINE + LATE
    assert len(server.requests) == 1


def test_a_deadline_beyond_the_settings_timeout_is_cut_down_to_it(
    hostile: Hostile, source_of: SourceOf
) -> None:
    error, seconds = asked(source_of(hostile(stall(b"")).url, timeout=0.3), deadline=60.0)

    assert error is not None
    assert error.reason is FailReason.TIMEOUT
    assert seconds < 0.3 + LATE


def test_a_server_that_takes_no_connection_is_left_at_the_deadline(source_of: SourceOf) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(8)]  # fill the backlog, so that ours is not even accepted
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        time.sleep(0.1)

        error, seconds = asked(source_of(f"http://127.0.0.1:{port}"))

        for sock in waiting:
            sock.close()
    assert error is not None
    assert error.reason is FailReason.CONNECT
    assert "no connection within" in error.detail
    assert seconds < DEADLINE + LATE


def test_a_server_that_takes_no_request_is_left_at_the_deadline(source_of: SourceOf) -> None:
    huge = "x" * 30_000_000  # more than all buffers on the way hold
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        source = source_of(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        started = time.monotonic()

        with pytest.raises(SourceError) as caught:
            source.query(huge, 0.0, DEADLINE)

    assert caught.value.reason is FailReason.TIMEOUT
    assert time.monotonic() - started < DEADLINE + LATE + 0.5  # encoding the query takes its time as well


def test_a_resolver_that_hangs_is_left_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch, source_of: SourceOf
) -> None:
    never = threading.Event()

    def hang(*_: object, **__: object) -> None:
        never.wait(5)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", hang)  # what a dead name server does to it
    error, seconds = asked(source_of("http://prometheus.invalid:9090"))
    never.set()

    assert error is not None
    assert error.reason is FailReason.CONNECT
    assert seconds < DEADLINE + LATE


def test_a_host_with_a_dead_address_is_reached_at_its_other_one(
    monkeypatch: pytest.MonkeyPatch, hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(OK)
    real = socket.getaddrinfo

    def two_addresses(host: str, *args: object, **kwargs: object) -> object:
        if host != "two.invalid":
            return real(host, *args, **kwargs)  # type: ignore[arg-type]
        return [*real("127.0.0.2", *args, **kwargs), *real("127.0.0.1", *args, **kwargs)]  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", two_addresses)

    error, _ = asked(source_of(f"http://two.invalid:{server.port}"))

    assert error is None


def test_nobody_listening_is_a_failure_to_connect_and_tried_once(source_of: SourceOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    error, seconds = asked(source_of(f"http://127.0.0.1:{port}"))

    assert error is not None
    assert error.reason is FailReason.CONNECT
    assert "refused" in error.detail
    assert seconds < 0.1


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70 + ".invalid"])
def test_an_unknown_host_is_a_failure_to_connect(host: str, source_of: SourceOf) -> None:
    error, _ = asked(source_of(f"http://{host}:9090"), deadline=5.0)

    assert error is not None
    assert error.reason is FailReason.CONNECT
    assert "name is not known" in error.detail


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


def test_a_second_try_that_does_not_fit_into_the_deadline_is_not_made(
    hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(NOT_READY)

    error, seconds = asked(source_of(server.url), deadline=0.1)

    assert error is not None
    assert error.reason is FailReason.NOT_READY
    assert len(server.requests) == 1
    assert seconds < 0.1


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
    assert 1.0 <= seconds < 1.0 + LATE


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
        assert server.most_open <= 3
    assert kept.connections <= 3
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
        assert asked(source_of(server.url, max_body=len(ROWS)))[0] is None
        error, _ = asked(source_of(server.url, max_body=len(ROWS) - 1))
        assert error is not None
        assert error.reason is FailReason.TOO_LARGE
