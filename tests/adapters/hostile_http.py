"""An HTTP server on loopback that answers each request just as badly as it is told to."""

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    line: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The fields of the body, each with its only value."""
        return {
            name: value for name, (value,) in parse_qs(self.body.decode(), keep_blank_values=True).items()
        }


Answer = bytes | Callable[[socket.socket], None]
"""Bytes to send before the connection is closed, or whatever is to be done with the connection."""


def http(
    body: bytes,
    status: str = "200 OK",
    *,
    headers: Mapping[str, str] | None = None,
    length: int | None = None,
    framing: str = "length",
) -> bytes:
    """An HTTP/1.1 answer. `length`: what Content-Length says (default: the truth). `framing`: length, chunked or close."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json"]
    if framing == "length":
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    elif framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    else:
        lines.append("Connection: close")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


ROWS = json.dumps(
    {
        "status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1, "2"]}]},
    }
).encode()
OK = http(ROWS)
NOT_READY = http(b"Service Unavailable", "503 Service Unavailable")


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


class HostileServer:
    """`answers` are used in turn, one for each request, the last one for all later requests.

    Connections stay open after an answer, as HTTP/1.1 wants it, unless the answer is a function or says otherwise.
    """

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answers = answers
        self.requests: list[Request] = []
        self.connections = 0
        self.open_now = 0
        self.most_open = 0
        self._tls = tls
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=64)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{LOOPBACK}:{self.port}"

    def wait(self, seconds: float) -> bool:
        """Do nothing for a while. True when the server is to stop."""
        return self._stop.wait(seconds)

    def close(self) -> None:
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._sockets:
                _shut(sock)
        for thread in self._threads:
            thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self.open_now += 1
            self.most_open = max(self.most_open, self.open_now)
            self._sockets.add(sock)
        connection = sock
        try:
            if self._tls:
                connection = self._tls.wrap_socket(sock, server_side=True)
            while (request := _read(connection)) is not None:
                with self._lock:
                    number = len(self.requests)
                    self.requests.append(request)
                answer = self.answers[min(number, len(self.answers) - 1)]
                if callable(answer):
                    answer(connection)
                    break
                connection.sendall(answer)
                if b"\r\nConnection: close\r\n" in answer:
                    break
        except OSError:  # the client went away, which is what it should do
            pass
        finally:
            with self._lock:
                self.open_now -= 1
                self._sockets.discard(sock)
            _shut(connection)
            connection.close()
            sock.close()


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _read(sock: socket.socket) -> Request | None:
    """The next request; None when the client has closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        if not part:
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (text.split(": ", 1) for text in rest)}
    while len(body) < int(headers.get("content-length", "0")):
        part = sock.recv(65536)
        if not part:
            return None
        body += part
    return Request(line, headers, body)
