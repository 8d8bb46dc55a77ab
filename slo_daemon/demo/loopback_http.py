"""A small threaded HTTP server, on loopback unless it is told otherwise: one function from request to reply."""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

LOOPBACK = "127.0.0.1"
_BODY_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """`query` holds the last value of each parameter."""

    method: str
    path: str
    query: dict[str, str]
    accept: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


class LoopbackHttp:
    """Binds a port when made, so that its address is known before it starts; answers from `start` to `stop`."""

    def __init__(self, answer: Callable[[Request], Reply], *, port: int = 0, host: str = LOOPBACK) -> None:
        self._host = host
        self._server = _AnsweringServer((host, port), answer)
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        return f"{self._host}:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def start(self) -> None:
        if self._thread is None:
            # The poll interval bounds how long stop() waits for the accept loop.
            self._thread = threading.Thread(
                target=self._server.serve_forever,
                kwargs={"poll_interval": 0.05},
                name=f"http-{self.address}",
                daemon=True,
            )
            self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()


class _AnsweringServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answer: Callable[[Request], Reply]) -> None:
        self.answer = answer
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that went away (a scrape timeout, a killed Prometheus) is no error of this server.
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    # HTTP/1.0 closes after each reply: with a kept connection a stopped server would go on answering on it.
    protocol_version = "HTTP/1.0"
    timeout: ClassVar[float] = 10.0
    server: _AnsweringServer

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")  # curl -X POST sends none when there is no body
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            self._send(Reply(411, b"Content-Length is required\n"))
        elif int(length) > _BODY_LIMIT:
            self._send(Reply(413, b"the body is too large\n"))
        else:
            self._answer(self.rfile.read(int(length)))

    def log_message(self, *_: Any) -> None:
        """No access log."""

    def _answer(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        accept = self.headers.get("Accept", "")
        self._send(self.server.answer(Request(self.command, parts.path, query, accept, body)))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
