"""What every SLO needs of the ledger, and what it finds there at one slot.

An SLO asks for the parts of its indicator in short spans; from their chunks come its own window, the lookbacks of its burn
rates and its budget. Where slices of time are counted, each cell is judged once and kept as a count itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from slo_daemon.core.slo.budget import BudgetMethod
from slo_daemon.core.slo.chunk_table import Table
from slo_daemon.core.slo.chunks import CELL, Reach, reach_for
from slo_daemon.core.slo.ledger import Group, Ledger, Wanted
from slo_daemon.core.slo.query import (
    MARK,
    Absent,
    Ask,
    Failed,
    Form,
    Labels,
    Reading,
    Sample,
    Samples,
    mark_of,
)
from slo_daemon.core.slo.selector import Matcher, Selector
from slo_daemon.core.slo.sli import Gauge, LatencyShare, Quantile, Ratio, Raw, Throughput
from slo_daemon.core.slo.sli.parts import Rows
from slo_daemon.core.slo.slo import Slo
from slo_daemon.core.slo.window import BudgetWindow, Tally

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
    all) events of rows; None for kinds that count none. `mark`: of the counted rows of a split question. `note`: how the
    own window comes together. `slices`: the key of its judged slices; empty without them.
    """

    slo: Slo
    probes: tuple[Probe, ...]
    asks: Mapping[str, Ask]
    keys: Mapping[str, str]
    texts: Mapping[str, str]
    note: str
    direct: Mapping[str, Ask]
    alone: bool
    proof: str
    counter: Callable[[Rows], tuple[float, float]] | None
    mark: str | None
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
    return Entry(
        slo=slo,
        probes=probes,
        asks=asks,
        keys=keys,
        texts={name: ask.promql() for name, ask in asks.items()},
        note=f"summed over {slo.window}",
        direct=direct,
        alone=alone,
        proof=proof if proof in asks else "",
        counter=indicator.counter(by) if isinstance(indicator, Ratio | LatencyShare) else None,
        mark=mark_of(split) if isinstance(indicator, Ratio) and (split := asks_split(asks)) else None,
        slices=_slices_key(slo, keys) if timeslices else "",
        lookbacks=tuple(sorted(lookbacks)),
        pace=pace,
    )


def asks_split(asks: Mapping[str, Ask]) -> Matcher | None:
    """The matcher of the SLO's one split question, if it asks such."""
    return asks["events"].split if "events" in asks else None


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
        self._sums: dict[tuple[int, float], Summed] = {}
        self._windows: dict[tuple[int, tuple[float, ...]], Sequence[Summed]] = {}
        self._begins: dict[BudgetWindow, float] = {}
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
    ) -> tuple[list[tuple[Labels, float]], float, float]:
        """Labels and value of each column over the window from `start` to the slot.

        And the shares of the window that were seen, and that could be asked, be the answer empty or not.
        """
        (window,) = self.windows(key, (start,))
        answered = window.answered(key)
        covered = window.covered
        most = max([covered[place] for _, place in columns], default=0.0)
        if most <= 0.0:
            return [], 0.0, answered
        # a bucket edge that was not there all the time says nothing about the whole window
        least = most - 1.0 if form is Form.BUCKETS else 0.0
        rows = [
            (labels, window.values[place])
            for labels, place in columns
            if covered[place] > 0.0 and covered[place] >= least
        ]
        return rows, window.share(most), answered

    def windows(self, key: str, starts: tuple[float, ...]) -> Sequence["Summed"]:
        """The windows from each of `starts` to the slot, of the table that holds an ask."""
        table = self._ledger.table(key)
        place = (id(table), starts)
        found = self._windows.get(place)
        if found is None:
            found = self._windows[place] = tuple(self._summed(table, start) for start in starts)
        return found

    def begin(self, window: BudgetWindow) -> float:
        """Where a budget's window begins that holds the slot."""
        start = self._begins.get(window)
        if start is None:
            start = self._begins[window] = window.start(self.at)
        return start

    def backfilled(self, key: str, start: float) -> bool:
        """Whether every closed hour since `start` was asked for."""
        table = self._ledger.table(key)
        place = (id(table), start)
        if place not in self._asked:
            self._asked[place] = table.asked_throughout(start, self.at - 2 * 3_600).tolist()
        return self._asked[place][table.asks[key]]

    def _summed(self, table: Table, start: float) -> "Summed":
        place = (id(table), start)
        summed = self._sums.get(place)
        if summed is None:
            if start < self.at:
                found = table.sums(start, self.at)
                lists = (found.values.tolist(), found.covered.tolist(), found.answered.tolist())
            else:  # a calendar window that begins at the slot
                lists = ([0.0] * len(table.columns), [0.0] * len(table.columns), [0.0] * len(table.asks))
            summed = self._sums[place] = Summed(self.at - start, *lists, table.asks)
        return summed


@dataclass(frozen=True, slots=True, eq=False)
class Summed:
    """One window of a table, as plain lists: by column what was counted and the seconds seen, by ask the seconds answered."""

    seconds: float
    values: Sequence[float]
    covered: Sequence[float]
    asked: Sequence[float]
    places: Mapping[str, int]

    def share(self, seconds: float) -> float:
        """Seconds as a share of the window."""
        if self.seconds <= 0.0:
            return 0.0
        share = seconds / self.seconds
        return 1.0 if share > 1.0 - _ALMOST else share

    def answered(self, key: str) -> float:
        """The share of the window for which an ask was answered."""
        return self.share(self.asked[self.places[key]])


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found of one SLO (or group) at a slot.

    `probes`: see Entry. `readings`: the parts over its own window, and direct answers, by name. `coverage` and `answered`
    (0..1): the shares of that window that were seen, and that could be asked. `newest`: the end of the newest chunk that
    proves freshness, None where direct probes do. `tallies`: by lookback. `budget`: over the budget's window. `whole`: the
    parts over that window, for kinds whose budget counts slices.
    """

    probes: tuple[Probe, ...]
    readings: Mapping[str, Reading]
    coverage: float = 1.0
    answered: float = 1.0
    newest: float | None = None
    tallies: Mapping[int, Tally] | None = None
    budget: Tally | None = None
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
        own = _parts(entry, columns, sight, slo.window.start(at), entry.note, failed)
        if direct:
            own = Parts({**own.readings, **direct}, own.coverage, own.answered)
    newest = sight.newest(entry.keys[entry.proof], columns[entry.proof]) if entry.proof else None
    if slo.budget is None:
        return Seen(entry.probes, own.readings, own.coverage, own.answered, newest)
    begin = sight.begin(slo.budget.window)
    starts = (*[at - span for span in entry.lookbacks], begin)
    if entry.slices:
        counted = [_slices(entry, group, sight, start) for start in starts]
        backfilling = not sight.backfilled(entry.slices, begin)
        whole = None
        if not isinstance(slo.indicator, Raw):
            note = f"summed over {slo.budget.window}"
            whole = _parts(entry, columns, sight, begin, note, {})
    else:
        counted = _events(entry, columns, sight, starts)
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
        backfilling,
        whole,
    )


def _parts(
    entry: Entry,
    columns: Mapping[str, Group],
    sight: Sight,
    start: float,
    note: str,
    failed: Mapping[str, Failed],
) -> Parts:
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


def _events(
    entry: Entry, columns: Mapping[str, Group], sight: Sight, starts: tuple[float, ...]
) -> list[Tally]:
    """(good, all) events since each of `starts`.

    A part other than the proof may have no row at all, as errors have none while there are none; but a question that was
    not answered says no such thing, and takes that time away from what was seen.
    """
    if entry.mark is not None:
        return _marked_events(entry, columns["events"], sight, starts)
    assert entry.counter is not None, "occurrences are counted by kinds that count events"  # noqa: S101
    found = []
    for start in starts:
        parts, seen, answered = {}, 0.0, 1.0
        for name, ask in entry.asks.items():
            parts[name], covered, told = sight.rows(entry.keys[name], ask.form, columns[name], start)
            answered = min(answered, told)
            if name == entry.proof:
                seen = covered
        good, total = entry.counter(parts)
        found.append(Tally(good, total, min(seen, answered), answered))
    return found


def _marked_events(entry: Entry, columns: Group, sight: Sight, starts: tuple[float, ...]) -> list[Tally]:
    """The same for a split question: the case of ten thousand SLOs, so nothing is done twice."""
    pair = (MARK, entry.mark)
    counted_at = [place for labels, place in columns if pair in labels]
    others_at = [place for labels, place in columns if pair not in labels]
    counts_good = isinstance(entry.slo.indicator, Ratio) and entry.slo.indicator.counts_good
    found = []
    for window in sight.windows(entry.keys["events"], starts):
        values, covered = window.values, window.covered
        counted = others = most = 0.0
        for place in counted_at:
            counted += values[place]
            most = max(most, covered[place])
        for place in others_at:
            others += values[place]
            most = max(most, covered[place])
        good = counted if counts_good else others
        found.append(Tally(good, counted + others, window.share(most), window.answered(entry.keys["events"])))
    return found


def _slices(entry: Entry, group: Labels, sight: Sight, start: float) -> Tally:
    columns = sight.columns(entry.slices, entry.slo.group_by, group)
    rows, coverage, answered = sight.rows(entry.slices, Form.EVENTS, columns, start)
    by_labels = dict(rows)
    return Tally(by_labels.get(MET, 0.0), by_labels.get(JUDGED, 0.0), coverage, answered)
