"""What the tool that carries a rollout out told: the latest events of each pilot, in memory only.

They are for people who want to see what happened around a verdict. Nothing is judged by them, so losing them in a
restart costs nothing, and nobody can fill a disk with them.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import structlog

from slo_daemon.core.slo.phrases import visible

log = structlog.get_logger(__name__)
MOST_EVENTS = 50  # of one pilot
LONGEST_NAME = 128
LONGEST_MESSAGE = 500
CUT = "…"


@dataclass(frozen=True, slots=True)
class RolloutEvent:
    """`at`: when it came (Unix s); `told_at`: when it happened, as the sender says. Texts are in one line each."""

    at: float
    hook: str
    canary: str
    namespace: str
    phase: str
    kind: str
    message: str
    told_at: float | None = None


class RolloutEvents:
    """The last `MOST_EVENTS` of each pilot that is known."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[RolloutEvent]] = {}
        self._turn = Lock()

    def add(self, pilot: str, event: RolloutEvent, known: Sequence[str]) -> None:
        """Keep an event of a pilot, and forget those of pilots that are not `known` any more. Texts are cut."""
        event = RolloutEvent(
            event.at,
            event.hook,
            _line(event.canary, LONGEST_NAME),
            _line(event.namespace, LONGEST_NAME),
            _line(event.phase, LONGEST_NAME),
            _line(event.kind, LONGEST_NAME),
            _line(event.message, LONGEST_MESSAGE),
            event.told_at,
        )
        with self._turn:
            for gone in self._kept.keys() - set(known):
                del self._kept[gone]
            if pilot in known:
                self._kept.setdefault(pilot, deque(maxlen=MOST_EVENTS)).append(event)
        log.info(
            "rollout_event",
            pilot=pilot[:LONGEST_NAME],
            hook=event.hook,
            canary=event.canary,
            namespace=event.namespace,
            phase=event.phase,
            kind=event.kind,
            message=event.message,
        )

    def of(self, pilot: str) -> tuple[RolloutEvent, ...]:
        """Newest first."""
        with self._turn:
            return tuple(reversed(self._kept.get(pilot, ())))


def _line(text: str, longest: int) -> str:
    line = visible(text[: 2 * longest])
    return line if len(line) <= longest else line[: longest - 1] + CUT
