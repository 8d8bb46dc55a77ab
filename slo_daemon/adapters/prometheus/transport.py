"""HTTP in which every wait ends by one deadline: looking up the host, connecting, sending, headers and body.

urllib3 limits single waits, so a server that sends one byte a second could hold a caller for hours. Here urllib3's
total timeout becomes a moment in time, and whatever is awaited next is given what is left until then.
"""

import io
import socket
from concurrent.futures import Future
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from threading import Thread
from time import monotonic
from typing import Any

from requests import Response, Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

_LEAST = 0.001  # seconds; a socket takes 0 for "do not wait at all"

_Address = tuple[Any, ...]  # of socket.getaddrinfo: (address, port, ...)


class _IncomingUntil(io.RawIOBase):
    """A socket's incoming bytes, until `deadline` (time.monotonic()). Later reads raise TimeoutError."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, deadline: float) -> None:
        self._sock = sock
        self._raw = raw
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer whose headers and body must all arrive within the timeout that the socket has at its start."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        deadline = monotonic() + (sock.gettimeout() or 0.0)
        self.fp = io.BufferedReader(_IncomingUntil(sock, self.fp.detach(), deadline))


class _Deadline:
    """A connection's `timeout`: urllib3 sets it once for sending and once for receiving; read, it is what is left."""

    response_class = _Response
    _deadline = 0.0

    @property
    def timeout(self) -> float:
        return max(self._deadline - monotonic(), _LEAST)

    @timeout.setter
    def timeout(self, seconds: Any) -> None:
        # before the first request urllib3 sets a placeholder that is no number
        self._deadline = monotonic() + (seconds if isinstance(seconds, int | float) else 0.0)

    def _new_conn(self: Any) -> socket.socket:
        try:
            addresses = _look_up(self._dns_host, self.port, self.timeout)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"looking up {self.host} took too long") from error
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        problem: OSError = OSError("the name has no address")
        for number, address in enumerate(addresses):
            share = self.timeout / (len(addresses) - number)
            try:
                sock = create_connection(address[:2], share, socket_options=self.socket_options)
            except OSError as error:
                problem = error
                continue
            sock.settimeout(self.timeout)
            return sock
        if isinstance(problem, TimeoutError):
            raise ConnectTimeoutError(self, f"connecting to {self.host} took too long") from problem
        raise NewConnectionError(self, str(problem)) from problem


class _Connection(_Deadline, HTTPConnection):  # type: ignore[misc]  # a property stands for the attribute
    pass


class _TLSConnection(_Deadline, HTTPSConnection):  # type: ignore[misc]
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class DeadlineSession(Session):
    """Asks what lies below `url` and nothing else, by itself: without redirects, cookies or the environment's settings.

    Total deadlines (urllib3's Timeout), at most `connections` connections at once, no retries.
    """

    def __init__(self, url: str, connections: int, ca_file: str | None) -> None:
        super().__init__()
        self.trust_env = False  # no proxies, no netrc, no authorities by environment
        self.verify = ca_file or True
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._url = url
        self._connections = connections
        self.seal()

    def seal(self) -> None:
        """Mount our transport, and no other."""
        self.adapters.clear()
        self.mount(self._url, _DeadlineAdapter(self._connections))

    def get_redirect_target(self, resp: Response) -> None:
        """None: requests reads the whole body of a redirect before it does not follow it."""


class _DeadlineAdapter(HTTPAdapter):
    def __init__(self, connections: int) -> None:
        super().__init__(pool_connections=1, pool_maxsize=connections, pool_block=True, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}


def _look_up(host: str, port: int, seconds: float) -> list[_Address]:
    """The addresses of a host. The system's resolver knows no deadline, so it is left behind when it takes too long.

    Raises TimeoutError or socket.gaierror.
    """
    found: Future[list[_Address]] = Future()

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # a label that is empty or too long
            found.set_exception(socket.gaierror(socket.EAI_NONAME, str(error)))
        except OSError as error:
            found.set_exception(error)
        else:
            found.set_result([row[4] for row in rows])

    Thread(target=ask, name=f"look up {host}", daemon=True).start()
    return found.result(seconds)
