"""What every SLO needs of the ledger, and what it finds there at one slot.

An SLO asks for the parts of its indicator in short spans; from their chunks come its own window, the lookbacks of its burn
rates and its budget. Where slices of time are counted, each cell is judged once and kept as a count itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.budget import BudgetMethod
from slo_daemon.core.slo.chunks import CELL, Reach, reach_for
from slo_daemon.core.slo.ledger import Group, Ledger, Wanted
from slo_daemon.core.slo.query import Absent, Ask, Failed, Form, Labels, Reading, Sample, Samples
from slo_daemon.core.slo.selector import Selector
from slo_daemon.core.slo.sli import Gauge, LatencyShare, Quantile, Ratio, Raw, Throughput
from slo_daemon.core.slo.sli.parts import Rows
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import Tally

MET, JUDGED = (("slice", "met"),), (("slice", "judged"),)  # the two columns of an SLO's slices
LAST_SEEN = "last seen: "  # begins the names of the readings that tell when the newest sample was
_ALMOST = 1e-4  # of a window; less is rounding
_SHORTEST_PACE, _LONGEST_PACE = 3_600, 86_400  # seconds that the forecast of a budget looks back


@dataclass(frozen=True, slots=True)
class Probe:
    """A selector that must have new samples, and the names of the readings about it: whether it has, and since when not."""

    selector: Selector
    fresh: str
    last_seen: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One SLO's page: what it asks, under which keys its chunks are kept, and which spans it needs.

    `probes`: the selectors that must have new samples. `asks`: in chunks, by part; `texts`: as PromQL. `direct`: asked as they are in every slot;
    `alone`: the SLO's own window is one of these. `lookbacks` (s): of its burn rates and its
    forecast. `proof`: the part whose rows prove freshness; empty where only direct probes do. `counter`: makes (good,
    all) events of rows; None for kinds that count none. `slices`: the key of its judged slices; empty without them.
    """

    slo: Slo
    probes: tuple[Probe, ...]
    asks: Mapping[str, Ask]
    keys: Mapping[str, str]
    texts: Mapping[str, str]
    direct: Mapping[str, Ask]
    alone: bool
    proof: str
    counter: Callable[[Rows], tuple[float, float]] | None
    slices: str
    lookbacks: tuple[int, ...]
    pace: int


def entry_of(slo: Slo) -> Entry:
    """The page of an SLO."""
    indicator, by = slo.indicator, slo.group_by
    timeslices = slo.budget is not None and slo.budget.method is BudgetMethod.TIMESLICES
    asks = indicator.asks(by, slo.scrape_interval)
    probes = tuple(Probe(s, f"fresh: {s}", f"{LAST_SEEN}{s}") for s in indicator.probes())
    direct: dict[str, Ask] = {}
    alone = slo.window.seconds < CELL or (isinstance(indicator, Raw) and slo.window.seconds != CELL)
    if alone:  # there are no chunks of less than 5 minutes, and none of an expression of one's own
        direct = {name: _over(ask, slo.window.seconds) for name, ask in asks.items()}
        if slo.budget is None:
            asks = {}
    proof = indicator.proof_of(by)
    if proof not in asks or slo.freshness < CELL:
        direct |= {probe.fresh: Ask(Form.PRESENCE, probe.selector, slo.freshness, by) for probe in probes}
    pace, lookbacks = 0, set()
    if slo.budget is not None:
        thirtieth = slo.budget.window.seconds // 30 // CELL * CELL
        pace = min(_LONGEST_PACE, max(_SHORTEST_PACE, thirtieth))
        lookbacks = {pace} | {
            span for pair in (slo.burn.pairs if slo.burn else ()) for span in (pair.long, pair.short)
        }
    keys = {name: ask.key for name, ask in asks.items()}
    counts = isinstance(indicator, Ratio | LatencyShare)
    return Entry(
        slo=slo,
        probes=probes,
        asks=asks,
        keys=keys,
        texts={name: ask.promql() for name, ask in asks.items()},
        direct=direct,
        alone=alone,
        proof=proof if proof in asks else "",
        counter=indicator.counter(by) if isinstance(indicator, Ratio | LatencyShare) and counts else None,
        slices=_slices_key(slo, keys) if timeslices else "",
        lookbacks=tuple(sorted(lookbacks)),
        pace=pace,
    )


def _over(ask: Ask, seconds: int) -> Ask:
    """The same question about one span that is not added up with others."""
    overlap = 0 if ask.form is Form.NATIVE else ask.overlap  # what is not scaled must not overlap
    return replace(ask, window=seconds, overlap=overlap)


def _slices_key(slo: Slo, keys: Mapping[str, str]) -> str:
    """Slices are judged against the objective as it was: another objective, or another measure, counts anew."""
    match slo.indicator:
        case Quantile(q=q):
            how = f"p{q * 100:g}"
        case LatencyShare(threshold=threshold):
            how = f"within {threshold:g}s"
        case Ratio(counts_good=counts_good, as_good=as_good):
            how = f"{'good' if counts_good else 'bad'} as {'good' if as_good else 'bad'}"
        case Gauge(unit=unit) | Raw(unit=unit):
            how = f"in {unit.symbol or '1'}"
        case Throughput():
            how = "rate"
    return f"slices: {slo.indicator.kind} {how} {slo.objective} of {' and '.join(keys.values())}"


def wanted(entries: Iterable[Entry]) -> dict[str, Wanted]:
    """What the ledger must keep for all of them."""
    found: dict[str, Wanted] = {}

    def want(key: str, form: Form, reach: Reach) -> None:
        have = found.get(key)
        if have is not None:
            reach = Reach(max(reach.cells, have.reach.cells), max(reach.hours, have.reach.hours))
        found[key] = Wanted(form, reach)

    for entry in entries:
        slo, budget = entry.slo, entry.slo.budget
        longest = max(budget.window.longest if budget else 0, *entry.lookbacks, 0)
        if entry.slices:
            want(entry.slices, Form.EVENTS, reach_for(longest))
        whole = max(slo.window.seconds, longest)
        for name, ask in entry.asks.items():
            want(entry.keys[name], ask.form, reach_for(CELL if ask.form is Form.RAW else whole))
    return found


class Sight:
    """The ledger as one slot sees it. Sums are made once for each window, and shared by all SLOs."""

    def __init__(self, ledger: Ledger, at: float) -> None:
        self._ledger = ledger
        self.at = at
        self._sums: dict[tuple[int, float], tuple[list[float], list[float], list[float]]] = {}
        self._asked: dict[tuple[int, float], Sequence[bool]] = {}

    def has(self, entry: Entry) -> bool:
        """Whether the ledger keeps what an SLO asks; a new specification may have come in between."""
        return all(map(self._ledger.has, entry.keys.values()))

    def columns(self, key: str, by: tuple[str, ...], group: Labels) -> Group:
        """The columns of one group of an ask."""
        return self._ledger.groups(key, by).get(group, ())

    def groups(self, key: str, by: tuple[str, ...], since: float) -> set[Labels]:
        """The groups that had a row in a chunk that ended at `since` or later."""
        table = self._ledger.table(key)
        return {
            group
            for group, columns in self._ledger.groups(key, by).items()
            if table.newest([place for _, place in columns]) >= since
        }

    def newest(self, key: str, columns: Group) -> float:
        """The end of the newest chunk with a row; 0.0 when there is none."""
        return self._ledger.table(key).newest([place for _, place in columns])

    def rows(
        self, key: str, form: Form, columns: Group, start: float
    ) -> tuple[list[tuple[Labels, float]], float]:
        """Labels and value of each column over the window from `start` to the slot, and the share of it that was seen."""
        if not columns or start >= self.at:
            return [], 0.0
        values, covered, _ = self._of(key, start)
        most = max([covered[place] for _, place in columns])
        if most <= 0.0:
            return [], 0.0
        # a bucket edge that was not there all the time says nothing about the whole window
        least = most - 1.0 if form is Form.BUCKETS else 0.0
        rows = [
            (labels, values[place])
            for labels, place in columns
            if covered[place] > 0.0 and covered[place] >= least
        ]
        return rows, self._share(most, start)

    def answered(self, key: str, start: float) -> float:
        """The share of the window for which an ask was answered, be it with nothing."""
        _, _, answered = self._of(key, start)
        return self._share(answered[self._ledger.table(key).asks[key]], start)

    def _share(self, seconds: float, start: float) -> float:
        share = seconds / (self.at - start)
        return 1.0 if share > 1.0 - _ALMOST else share

    def backfilled(self, key: str, start: float) -> bool:
        """Whether every closed hour since `start` was asked for."""
        table = self._ledger.table(key)
        place = (id(table), start)
        if place not in self._asked:
            self._asked[place] = table.asked_throughout(start, self.at - 2 * 3_600).tolist()
        return self._asked[place][table.asks[key]]

    def _of(self, key: str, start: float) -> tuple[list[float], list[float], list[float]]:
        table = self._ledger.table(key)
        place = (id(table), start)
        sums = self._sums.get(place)
        if sums is None:
            found = table.sums(start, self.at)
            sums = self._sums[place] = (
                found.values.tolist(),
                found.covered.tolist(),
                found.answered.tolist(),
            )
        return sums


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found of one SLO (or group) at a slot.

    `probes`: see Entry. `readings`: the parts over its own window, and direct answers, by name. `coverage` (0..1) of that window. `newest`:
    the end of the newest chunk that proves freshness, None where direct probes do. `tallies`: by lookback. `budget`: over
    the budget's window. `whole`: the parts over that window, for kinds whose budget counts slices.
    """

    probes: tuple[Probe, ...]
    readings: Mapping[str, Reading]
    coverage: float
    newest: float | None = None
    tallies: Mapping[int, Tally] | None = None
    budget: Tally | None = None
    backfilling: bool = False
    whole: Mapping[str, Reading] | None = None
    whole_coverage: float = 0.0


def see(
    entry: Entry, group: Labels, sight: Sight, direct: Mapping[str, Reading], failed: Mapping[str, Failed]
) -> Seen:
    """Everything that a slot knows of one group. `direct`: its own; `failed`: what this slot could not ask, by key."""
    slo, at = entry.slo, sight.at
    columns = {name: sight.columns(key, slo.group_by, group) for name, key in entry.keys.items()}
    start = slo.window.start(at)
    if entry.alone:
        readings, coverage = dict(direct), 1.0
    else:
        readings, coverage = _readings(entry, columns, sight, start, failed)
        readings.update(direct)
    newest = sight.newest(entry.keys[entry.proof], columns[entry.proof]) if entry.proof else None
    if slo.budget is None:
        return Seen(entry.probes, readings, coverage, newest)
    begin = slo.budget.window.start(at)
    spans = {span: at - span for span in entry.lookbacks}
    if entry.slices:
        tallies = {span: _slices(entry, group, sight, since) for span, since in spans.items()}
        whole, whole_coverage = None, 0.0
        if entry.asks and not isinstance(slo.indicator, Raw):
            whole, whole_coverage = _readings(entry, columns, sight, begin, {})
        backfilling = not sight.backfilled(entry.slices, begin)
        of_budget = _slices(entry, group, sight, begin)
        return Seen(
            entry.probes, readings, coverage, newest, tallies, of_budget, backfilling, whole, whole_coverage
        )
    tallies = {span: _events(entry, columns, sight, since) for span, since in spans.items()}
    backfilling = not all(sight.backfilled(key, begin) for key in entry.keys.values())
    return Seen(
        entry.probes, readings, coverage, newest, tallies, _events(entry, columns, sight, begin), backfilling
    )


def _readings(
    entry: Entry, columns: Mapping[str, Group], sight: Sight, start: float, failed: Mapping[str, Failed]
) -> tuple[dict[str, Reading], float]:
    readings: dict[str, Reading] = {}
    share = 0.0
    span = f"summed over {show_duration(sight.at - start)}"
    for name, ask in entry.asks.items():
        key = entry.keys[name]
        if failed and key in failed:
            readings[name] = failed[key]
            continue
        rows, covered = sight.rows(key, ask.form, columns[name], start)
        if name == entry.proof or not entry.proof:
            share = covered
        if rows:
            readings[name] = Samples(
                entry.texts[name], tuple([Sample(labels, value) for labels, value in rows]), span
            )
        else:
            readings[name] = Absent(entry.texts[name], span)
    return readings, coverage_of(entry, sight, start, share)


def _events(entry: Entry, columns: Mapping[str, Group], sight: Sight, start: float) -> Tally:
    assert entry.counter is not None, "occurrences are counted by kinds that count events"  # noqa: S101
    parts, coverage = {}, 0.0
    for name, ask in entry.asks.items():
        parts[name], covered = sight.rows(entry.keys[name], ask.form, columns[name], start)
        if name == entry.proof:
            coverage = covered
    good, total = entry.counter(parts)
    return Tally(good, total, coverage_of(entry, sight, start, coverage))


def coverage_of(entry: Entry, sight: Sight, start: float, proven: float) -> float:
    """The share of a window that was seen: of what the proof shows, less what another part was not answered for.

    That part may have no row at all, as errors have none while there are none. A question that was not answered says no
    such thing.
    """
    if len(entry.keys) > 1:
        for name, key in entry.keys.items():
            if name != entry.proof and proven > 0.0:
                proven = max(0.0, proven - (1.0 - sight.answered(key, start)))
    return proven


def _slices(entry: Entry, group: Labels, sight: Sight, start: float) -> Tally:
    columns = sight.columns(entry.slices, entry.slo.group_by, group)
    rows, coverage = sight.rows(entry.slices, Form.EVENTS, columns, start)
    by_labels = dict(rows)
    return Tally(by_labels.get(MET, 0.0), by_labels.get(JUDGED, 0.0), coverage)
