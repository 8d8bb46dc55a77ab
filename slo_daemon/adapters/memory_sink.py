"""An AlertSink that keeps alerts in memory by Alertmanager's rules: the fake for tests and rehearsals."""

import re
from collections.abc import Sequence
from threading import Lock

from slo_daemon.core.alert import Alert
from slo_daemon.ports import Rejection, SinkError

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
Identity = tuple[tuple[str, str], ...]


class MemorySink:
    """Keeps the last state of every alert. While `outage` is set, `send` raises SinkError with its text."""

    def __init__(self, name: str = "memory") -> None:
        self._name = name
        self.outage = ""
        self._held: dict[Identity, Alert] = {}
        self._sendings: list[tuple[Alert, ...]] = []
        self._turn = Lock()

    @property
    def name(self) -> str:
        """As given."""
        return self._name

    @property
    def sendings(self) -> tuple[tuple[Alert, ...], ...]:
        """Every batch that was taken, oldest first."""
        with self._turn:
            return tuple(self._sendings)

    def firing(self, now: float) -> tuple[Alert, ...]:
        """The alerts that are not over at `now` (Unix seconds)."""
        with self._turn:
            return tuple(alert for alert in self._held.values() if alert.ends_at > now)

    def send(self, alerts: Sequence[Alert]) -> tuple[Rejection, ...]:
        """Take alerts; refuse label names that Alertmanager refuses, and an end before the start."""
        if self.outage:
            raise SinkError(self.outage)
        rejections = []
        with self._turn:
            self._sendings.append(tuple(alerts))
            for alert in alerts:
                problem = _problem(alert)
                if problem:
                    rejections.append(Rejection(alert, problem))
                else:
                    self._held[alert.identity] = alert
        return tuple(rejections)


def _problem(alert: Alert) -> str:
    if not any(alert.labels.values()):
        return "at least one label pair required"
    for name in (*alert.labels, *alert.annotations):
        if not _LABEL_NAME.fullmatch(name):
            return f'invalid name "{name}"'
    return "start time must be before end time" if alert.ends_at < alert.starts_at else ""
