"""The big outage of the demo's past, judged again: the daemon's own machinery over the demo's own Prometheus."""

from collections.abc import Iterator, Sequence
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
    """What the daemon would have said: how it stood before the outage, and what changed from then on."""

    outage: Incident
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
    return Replayed(outage, moments(seen), len(seen), done.queries)


def moments(seen: Sequence[Standing]) -> tuple[Moment, ...]:
    """The first look, and where a later one differs in triggers, advice or gates; levels have their own alerts."""
    found = [Moment(after.at, tuple(_said(before, after))) for before, after in pairwise([Standing(), *seen])]
    return tuple(moment for moment in found if moment.said)


def _said(before: Standing, after: Standing) -> Iterator[str]:
    yield from trigger_changes(before, after)
    if after.advice is not before.advice and after.advice is not None:
        yield f"advice {after.advice.value}"
    gates = [f"{one.gate} {one.verdict.value}" for one in gate_changes(before, after)]
    if gates:
        yield f"gates: {', '.join(gates)}"
