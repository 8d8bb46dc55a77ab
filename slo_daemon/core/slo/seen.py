"""What a slot knows of one SLO, or of one of its groups: the parts of its windows, and what was counted in them."""

from collections.abc import Mapping
from dataclasses import dataclass

from slo_daemon.core.slo.book import Entry, Probe
from slo_daemon.core.slo.ledger import Group
from slo_daemon.core.slo.query import Absent, Failed, Labels, Reading, Sample, Samples
from slo_daemon.core.slo.sight import Sight
from slo_daemon.core.slo.sli import Raw
from slo_daemon.core.slo.tallies import events, slices
from slo_daemon.core.slo.window import Tally


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found of one SLO (or group) at a slot.

    `probes`: see Entry. `readings`: the parts over its own window, and direct answers, by name. `coverage` and `answered`
    (0..1): the shares of that window that were seen, and that could be asked. `newest`: the end of the newest chunk that
    proves freshness, None where direct probes do. `tallies`: by lookback; `pace` (s) is that of the budget's forecast. `budget`: over the budget's window. `whole`: the
    parts over that window, for kinds whose budget counts slices.
    """

    probes: tuple[Probe, ...]
    readings: Mapping[str, Reading]
    coverage: float = 1.0
    answered: float = 1.0
    newest: float | None = None
    tallies: Mapping[int, Tally] | None = None
    budget: Tally | None = None
    pace: int = 0
    backfilling: bool = False
    whole: "Parts | None" = None


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an SLO over one window, and the shares of it that were seen and that could be asked."""

    readings: Mapping[str, Reading]
    coverage: float
    answered: float


def see(
    entry: Entry, group: Labels, sight: Sight, direct: Mapping[str, Reading], failed: Mapping[str, Failed]
) -> Seen:
    """Everything that a slot knows of one group. `direct`: its own; `failed`: what this slot could not ask, by key."""
    slo, at = entry.slo, sight.at
    columns = {name: sight.columns(key, slo.group_by, group) for name, key in entry.keys.items()}
    own = Parts(direct, 1.0, 1.0)
    if not entry.alone:
        own = parts_over(entry, columns, sight, slo.window.start(at), entry.note, failed)
        if direct:
            own = Parts({**own.readings, **direct}, own.coverage, own.answered)
    newest = sight.newest(entry.keys[entry.proof], columns[entry.proof]) if entry.proof else None
    if slo.budget is None:
        return Seen(entry.probes, own.readings, own.coverage, own.answered, newest)
    begin = sight.begin(slo.budget.window)
    starts = (*[at - span for span in entry.lookbacks], begin)
    if entry.slices:
        counted = slices(entry, group, sight, starts)
        backfilling = not sight.backfilled(entry.slices, begin)
        whole = None
        if not isinstance(slo.indicator, Raw):
            note = f"summed over {slo.budget.window}"
            whole = parts_over(entry, columns, sight, begin, note, {})
    else:
        counted = events(entry, columns, sight, starts)
        backfilling = not all(sight.backfilled(key, begin) for key in entry.keys.values())
        whole = None
    return Seen(
        entry.probes,
        own.readings,
        own.coverage,
        own.answered,
        newest,
        dict(zip(entry.lookbacks, counted[:-1], strict=True)),
        counted[-1],
        entry.pace,
        backfilling,
        whole,
    )


def parts_over(
    entry: Entry,
    columns: Mapping[str, Group],
    sight: Sight,
    start: float,
    note: str,
    failed: Mapping[str, Failed],
) -> Parts:
    """The parts from `start` to the slot; `note` says to people how they came together."""
    readings: dict[str, Reading] = {}
    seen, answered = 0.0, 1.0
    for name, ask in entry.asks.items():
        key = entry.keys[name]
        if failed and key in failed:
            readings[name] = failed[key]
            continue
        rows, covered, told = sight.rows(key, ask.form, columns[name], start)
        answered = min(answered, told)
        if name == entry.proof or not entry.proof:
            seen = covered
        if rows:
            samples = tuple([Sample(labels, value) for labels, value in rows])
            readings[name] = Samples(entry.texts[name], samples, note)
        else:
            readings[name] = Absent(entry.texts[name], note)
    return Parts(readings, min(seen, answered), answered)
