"""The big outage of the demo's past, judged again: the daemon's own machinery over the demo's own Prometheus."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from slo_daemon.backtesting.past import PastRecords
from slo_daemon.backtesting.run import Watch, plan, run
from slo_daemon.core.slo.chunks import CELL
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.demo.changes import Standing, gate_changes, standing, trigger_changes
from slo_daemon.demo.incidents import Incident
from slo_daemon.settings import Settings

BEFORE, AFTER = 1800.0, 5400.0  # seconds of the replay beside the outage


@dataclass(frozen=True, slots=True)
class Moment:
    """One slot (Unix s) in which something changed, and what."""

    at: float
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the daemon would have said. `first`: how things stood before the outage; `moments`: what changed from then on."""

    outage: Incident
    first: Standing
    moments: tuple[Moment, ...]
    slots: int
    queries: int


def replay_outage(settings: Settings, pilot: str, outage: Incident, past: PastRecords) -> Replayed | None:
    """None when the history does not reach back to it. Raises SourceError."""
    wanted = plan(settings, first=outage.start - BEFORE, last=outage.end + AFTER, step=CELL)
    seen: list[Standing] = []

    def judged(snapshot: Snapshot) -> None:
        if snapshot.slot is not None:
            seen.append(standing(snapshot, pilot, snapshot.slot.time, wanted.slots.step))

    done = run(settings, wanted, past, share=1.0, watch=Watch(judged=judged))
    if not seen:
        return None
    return Replayed(outage, seen[0], moments(seen), len(seen), done.queries)


def moments(seen: Sequence[Standing]) -> tuple[Moment, ...]:
    """Where one look differs from the one before in triggers, advice or gates; levels have their own alerts."""
    found = []
    for before, after in pairwise(seen):
        said = [*trigger_changes(before, after)]
        if after.advice is not before.advice and after.advice is not None:
            said.append(f"advice {after.advice.value}")
        gates = [f"{one.gate} {one.verdict.value}" for one in gate_changes(before, after)]
        if gates:
            said.append(f"gates: {', '.join(gates)}")
        if said:
            found.append(Moment(after.at, tuple(said)))
    return tuple(found)
