"""A receiver of Alertmanager notifications that remembers what arrived, and when."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from slo_daemon.demo.loopback_http import LoopbackHttp, Reply, Request

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Notification:
    """One webhook call. `arrived` is time.monotonic(); `payload` is Alertmanager's webhook JSON (version 4)."""

    arrived: float
    path: str
    payload: dict[str, Any]

    @property
    def status(self) -> str:
        """`firing` or `resolved`, of the group."""
        return str(self.payload.get("status", ""))

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return list(self.payload.get("alerts", []))

    def names(self, status: str) -> list[str]:
        """The alert names of the alerts in this state."""
        return [alert["labels"]["alertname"] for alert in self.alerts if alert.get("status") == status]


class WebhookReceiver:
    """Accepts POSTs on every path, so that one receiver can serve several routes.

    `status` is the HTTP status it answers with: set it to 503 to play a receiver that is down. Only notifications it
    acknowledged (2xx) are recorded.
    """

    def __init__(self, *, port: int = 0) -> None:
        self.status = 200
        self._changed = threading.Condition()
        self._notifications: list[Notification] = []
        self._http = LoopbackHttp(self._answer, port=port)

    @property
    def url(self) -> str:
        return self._http.url

    @property
    def notifications(self) -> list[Notification]:
        with self._changed:
            return list(self._notifications)

    def start(self) -> Self:
        self._http.start()
        return self

    def stop(self) -> None:
        self._http.stop()

    def wait_for(self, predicate: Callable[[Sequence[Notification]], T], deadline_seconds: float) -> T:
        """Wait until `predicate` over all notifications is true, and return what it returned.

        Raises TimeoutError which lists what did arrive.
        """
        end = time.monotonic() + deadline_seconds
        with self._changed:
            while True:
                found = predicate(self._notifications)
                if found:
                    return found
                left = end - time.monotonic()
                if left <= 0:
                    seen = [
                        f"{n.status} {sorted(a['labels']['alertname'] for a in n.alerts)}"
                        for n in self._notifications
                    ]
                    raise TimeoutError(
                        f"no matching notification within {deadline_seconds:g} s; arrived: {'; '.join(seen) or 'none'}"
                    )
                self._changed.wait(left)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _answer(self, request: Request) -> Reply:
        arrived = time.monotonic()
        if request.method != "POST":
            return Reply(405, b"POST notifications here\n")
        try:
            payload = json.loads(request.body)
        except ValueError:
            return Reply(400, b"the body is not JSON\n")
        if not isinstance(payload, dict):
            return Reply(400, b"the body is not a JSON object\n")
        status = self.status
        if 200 <= status < 300:
            with self._changed:
                self._notifications.append(Notification(arrived, request.path, payload))
                self._changed.notify_all()
        return Reply(status)
