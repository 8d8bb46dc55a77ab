"""No server can hold a caller longer than its deadline."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from slo_daemon.core.slo.query import FailReason
from slo_daemon.ports import SourceError
from tests.adapters.conftest import Hostile, SourceOf, asked
from tests.adapters.hostile_http import NOT_READY, OK, ROWS, Answer, drip, http, stall

DEADLINE = 0.5
LATE = 1.5  # seconds that a busy machine may take to notice

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

    error, seconds = asked(source_of(server.url), DEADLINE)

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


@contextmanager
def dead_address(host: str, port: int = 0) -> Iterator[int]:
    """The port of an address that takes no connection: its backlog is full, so the kernel leaves callers waiting."""
    with socket.create_server((host, port), backlog=0) as full, ExitStack() as waiting:
        for _ in range(8):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        time.sleep(0.1)
        yield full.getsockname()[1]


def test_a_server_that_takes_no_connection_is_left_at_the_deadline(source_of: SourceOf) -> None:
    with dead_address("127.0.0.1") as port:
        error, seconds = asked(source_of(f"http://127.0.0.1:{port}"), DEADLINE)

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
    error, seconds = asked(source_of("http://prometheus.invalid:9090"), DEADLINE)
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

    with dead_address("127.0.0.2", server.port):
        error, seconds = asked(source_of(f"http://two.invalid:{server.port}"), 1.0)

    assert error is None
    assert 0.4 < seconds < 1.0


def test_nobody_listening_is_a_failure_to_connect_and_tried_once(source_of: SourceOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    error, seconds = asked(source_of(f"http://127.0.0.1:{port}"), DEADLINE)

    assert error is not None
    assert error.reason is FailReason.CONNECT
    assert "refused" in error.detail
    assert seconds < LATE


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70 + ".invalid"])
def test_an_unknown_host_is_a_failure_to_connect(host: str, source_of: SourceOf) -> None:
    error, _ = asked(source_of(f"http://{host}:9090"), deadline=5.0)

    assert error is not None
    assert error.reason is FailReason.CONNECT
    assert "name is not known" in error.detail
