"""The HTTP server: uvicorn in the calling thread until a signal, with deadlines that uvicorn does not have."""

import asyncio
import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import FrameType
from typing import Any, cast

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

IDLE_SECONDS = (
    75  # between requests; longer than usual scrape intervals, so that Prometheus keeps its connection
)
DRAIN_SECONDS = 8  # for requests under way when the daemon stops
LONGEST_HEADERS = 16_384  # bytes


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the server waits for clients (seconds, in total and however steadily bytes drip), and for how many."""

    headers: float = 5.0  # from the connection, or the first byte, to the end of the headers
    body: float = 30.0  # from there to the end of the body
    answer: float = 60.0  # from there until the answer is taken
    connections: int = 400  # well below the usual limit of 1,024 open files


class Phase(StrEnum):
    """What a connection is waiting for. The order is that of eviction: the first is the least loss."""

    HEADERS = "headers"
    IDLE = "idle"
    BODY = "body"
    ANSWER = "answer"


_EVICTED = (Phase.HEADERS, Phase.IDLE, Phase.BODY)


class DeadlineProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with a total deadline for each phase.

    When there are too many connections the one that waited longest in the least valuable phase makes room, so that a
    crowd of silent ones cannot keep a scrape out.
    """

    def __init__(self, patience: Patience, **by_uvicorn: Any) -> None:
        super().__init__(**by_uvicorn)
        self.phase = Phase.HEADERS
        self.since = 0.0
        self._most = patience.connections
        self._seconds = {
            Phase.HEADERS: patience.headers,
            Phase.BODY: patience.body,
            Phase.ANSWER: patience.answer,
        }
        self._deadline: asyncio.TimerHandle | None = None
        self._request: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client came."""
        super().connection_made(transport)
        self._enter(Phase.HEADERS)
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """The answer is out; a pipelined request may have begun."""
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        phase = self._phase()
        if phase is not self.phase or self.cycle is not self._request:
            self._enter(phase)

    def _phase(self) -> Phase:
        if self.conn.their_state is h11.SEND_BODY:
            return Phase.BODY
        if self.conn.their_state is not h11.IDLE:
            return Phase.ANSWER
        return Phase.HEADERS if self.cycle is None or self.conn.trailing_data[0] else Phase.IDLE

    def _enter(self, phase: Phase) -> None:
        self._disarm()
        self.phase, self.since, self._request = phase, self.loop.time(), self.cycle
        if phase in self._seconds:
            self._deadline = self.loop.call_later(self._seconds[phase], self.abort)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def abort(self) -> None:
        """Cut the connection, whatever is still unsent."""
        self.transport.abort()

    def _make_room(self) -> None:
        """Connections that are cut stay in uvicorn's set until the loop turns: in a burst they must not be cut again."""
        there = [
            c for c in self.connections if isinstance(c, DeadlineProtocol) and not c.transport.is_closing()
        ]
        others = [connection for connection in there if connection.phase in _EVICTED]
        if len(there) > self._most and others:
            min(others, key=lambda c: (_EVICTED.index(c.phase), c.since)).abort()


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to `host`:`port`; port 0 takes a free one. Raises OSError with the address in its message."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # With the protocol named: only then asyncio turns Nagle's algorithm off, which costs 40 ms an answer.
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror} ({host}:{port})") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()  # finds out now whether somebody else listens there
    except OSError as error:
        listener.close()
        remedy = "; stop what listens there, or set web.listen" if error.errno == errno.EADDRINUSE else ""
        raise OSError(error.errno, f"{error.strerror} ({host}:{port}){remedy}") from error
    return listener


class WebServer:
    """Serves `app` on bound sockets."""

    def __init__(
        self, app: ASGIApp, listeners: list[socket.socket], patience: Patience | None = None
    ) -> None:
        self._listeners = listeners
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=cast("Any", partial(DeadlineProtocol, patience or Patience())),  # called like a class
                ws="none",
                loop="asyncio",
                lifespan="on",
                log_config=None,
                log_level="error",  # anybody can make it warn, with a line for every malformed request
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=DRAIN_SECONDS,
                h11_max_incomplete_event_size=LONGEST_HEADERS,
            )
        )

    def run(self) -> None:
        """Serve until `stop`; then take nothing new, finish what is under way (at most 8 s), and return."""
        self._server.run(sockets=self._listeners)

    def stop(self) -> None:
        """From any thread or signal handler; returns at once."""
        self._server.should_exit = True


def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    on_start: Callable[[], None] = lambda: None,
    on_stop: Callable[[], None] = lambda: None,
) -> None:
    """Serve in the main thread until SIGTERM or SIGINT, then return: the caller decides the exit code.

    `on_start` is called before the first request is answered. `on_stop` is always called, once, when the last answer is
    out: also when `on_start` or the server fails, and when a second SIGINT cuts the draining short.
    """
    server = WebServer(app, [listener])
    with _stopped_by_signals(server.stop):
        try:
            on_start()
            server.run()
        finally:
            listener.close()
            on_stop()


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT call `stop` instead of killing.

    While uvicorn runs it has its own handlers; afterwards it raises the signal again for whoever was there before. That
    is this handler, so the process goes on and can clean up.
    """

    def handler(_signal: int, _frame: FrameType | None) -> None:
        stop()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
