"""One Alertmanager, told by its API version 2.

Plain http.client, on purpose: no redirects, no proxies from the environment, no hidden retries, and a socket that a timer
can shut, so that a server which trickles its answer cannot hold us longer than the deadline.
"""

import json
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event, Timer
from time import monotonic
from urllib.parse import urlsplit

from slo_daemon.core.alert import Alert
from slo_daemon.ports import Rejection, SinkError

DEADLINE = (
    10.0  # seconds for one `send`, however many requests it takes; looking up the host's name comes on top
)
CONNECT_TIMEOUT = 3.0
BATCH = 500  # alerts in one request
_REFUSED = (400, 413, 422)  # something is wrong with what was sent: bisect
_BODY_LIMIT = 64 * 1024  # bytes read of an answer
_SHOWN = 300  # characters of an answer in a message


class AlertmanagerSink:
    """Posts alerts. One thread at a time.

    `url`: with the path under which Alertmanager is served, if any; without credentials. `authorization`: the whole
    header. `daemon_url`: where the alerts' source link leads. Raises ValueError for a URL that cannot be one.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "",
        authorization: str = "",
        tls: ssl.SSLContext | None = None,
        daemon_url: str = "",
        deadline: float = DEADLINE,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{url!r} is no Alertmanager URL; write for example http://alertmanager:9093")
        if parts.username is not None or parts.password is not None:
            raise ValueError("an Alertmanager URL must not hold credentials; give them as authorization")
        self._host, self._port = parts.hostname, parts.port
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._path = f"{parts.path.rstrip('/')}/api/v2/alerts"
        self._name = name or parts.netloc + parts.path.rstrip("/")
        self._headers = {"Content-Type": "application/json", "Connection": "close"}
        if authorization:
            self._headers["Authorization"] = authorization
        self._daemon_url = daemon_url
        self._deadline = deadline

    @property
    def name(self) -> str:
        """As given, else the URL without its scheme."""
        return self._name

    def send(self, alerts: Sequence[Alert]) -> tuple[Rejection, ...]:
        """Post alerts in batches. A batch that is refused is split until the bad alerts are alone.

        Alertmanager takes the good alerts of a refused batch all the same; they are then sent twice, which does no harm.
        Raises SinkError, also when even an empty batch is refused: then the other side is no Alertmanager.
        """
        end = monotonic() + self._deadline
        waiting = [tuple(alerts[i : i + BATCH]) for i in range(0, len(alerts), BATCH)][::-1]
        rejections: list[Rejection] = []
        trusted = False
        while waiting:
            batch = waiting.pop()
            refusal = self._post(batch, end)
            if not refusal:
                trusted = True
                continue
            if not trusted and self._post((), end):
                raise SinkError(f"{self._name} refuses everything: {refusal}")
            trusted = True
            if len(batch) > 1:
                middle = len(batch) // 2
                waiting += [batch[middle:], batch[:middle]]
            else:
                rejections.append(Rejection(batch[0], refusal))
        return tuple(rejections)

    def _post(self, alerts: Sequence[Alert], end: float) -> str:
        """Post one batch. Empty when it was taken, else why the batch was refused. Raises SinkError."""
        status, text = self._exchange(json.dumps([self._wire(alert) for alert in alerts]).encode(), end)
        if 200 <= status < 300:
            return ""
        shown = " ".join(text.split())[:_SHOWN] or "no explanation"
        if status in _REFUSED:
            return shown
        if 300 <= status < 400:
            raise SinkError(f"{self._name} answered with a redirect ({status}); give the final URL")
        raise SinkError(f"{self._name} answered {status}: {shown}")

    def _exchange(self, body: bytes, end: float) -> tuple[int, str]:
        """One request on its own connection, all of it before `end` (time.monotonic())."""
        left = end - monotonic()
        if left <= 0:
            raise SinkError(self._late())
        timeout = min(CONNECT_TIMEOUT, left)
        connection = (
            HTTPConnection(self._host, self._port, timeout=timeout)
            if self._tls is None
            else HTTPSConnection(self._host, self._port, timeout=timeout, context=self._tls)
        )
        late = Event()
        try:
            connection.connect()
            with _Shutter(connection.sock, max(0.0, end - monotonic()), late):
                connection.sock.settimeout(self._deadline)
                connection.request("POST", self._path, body, self._headers)
                answer = connection.getresponse()
                text = answer.read(
                    _BODY_LIMIT
                )  # a body that ends early is no error here: the status says it all
            if late.is_set():
                raise SinkError(self._late())
            return answer.status, text.decode(errors="replace")
        except (OSError, HTTPException) as error:
            if late.is_set() or isinstance(error, TimeoutError):
                raise SinkError(self._late()) from error
            detail = str(error) or type(error).__name__
            raise SinkError(f"{self._name} cannot be reached: {detail}") from error
        finally:
            connection.close()

    def _late(self) -> str:
        return f"{self._name} did not answer in time"

    def _wire(self, alert: Alert) -> dict[str, object]:
        return {
            "labels": dict(alert.labels),
            "annotations": dict(alert.annotations),
            "startsAt": _rfc3339(alert.starts_at),
            "endsAt": _rfc3339(alert.ends_at),
            **({"generatorURL": self._daemon_url} if self._daemon_url else {}),
        }


class _Shutter:
    """Shuts a socket after some seconds, which ends every wait on it, unless the block is done before."""

    def __init__(self, sock: socket.socket, seconds: float, late: Event) -> None:
        self._sock = sock
        self._late = late
        self._timer = Timer(seconds, self._shut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _shut(self) -> None:
        self._late.set()
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)


def _rfc3339(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
