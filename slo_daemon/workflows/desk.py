"""Where everything that people write passes: the pilot must be known, the store watched, the judges told after the commit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from slo_daemon.core.pilot.pilot import Pilot
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.ports import Act, Clock, Store, StoreError, Telemetry

log = structlog.get_logger(__name__)


class UnknownPilotError(Exception):
    """No such pilot in the specification in force. `known`: the names there are."""

    def __init__(self, pilot: str, known: tuple[str, ...]) -> None:
        super().__init__(pilot)
        self.pilot = pilot
        self.known = known


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes (for the audit), and what tells a repeated request from a new one (see ports.Act)."""

    actor: str
    key: str | None = None
    content: str = ""

    def at(self, now: float) -> Act:
        """This author's write at a time (Unix seconds)."""
        return Act(self.actor, now, self.key, self.content)


class Desk:
    """What all verbs of the people's side share. `on_recorded(pilot)` is called after each commit that changed something."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        snapshot: Callable[[], Snapshot],
        telemetry: Telemetry,
        on_recorded: Callable[[str], None],
    ) -> None:
        self.store = store
        self.clock = clock
        self.snapshot = snapshot
        self._telemetry = telemetry
        self._on_recorded = on_recorded

    def pilot(self, name: str) -> Pilot:
        """The pilot of this name. Raises UnknownPilotError."""
        pilots = self.snapshot().specification.pilots
        found = next((pilot for pilot in pilots if pilot.name == name), None)
        if found is None:
            raise UnknownPilotError(name, tuple(pilot.name for pilot in pilots))
        return found

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Around every use of the store: its failures are counted. Raises StoreError."""
        try:
            yield
        except StoreError as error:
            self._telemetry.store_failed(error.reason)
            raise

    def told(self, pilot: str, what: str, **more: object) -> None:
        """It is committed: that the judges cannot read the store now must not make it look lost."""
        self._telemetry.store_worked()
        log.info(what, pilot=pilot, **more)
        try:
            self._on_recorded(pilot)
        except StoreError as error:
            log.warning("assessment_late", pilot=pilot, reason=error.reason, detail=error.detail)
