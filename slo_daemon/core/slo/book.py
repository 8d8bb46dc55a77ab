"""What every SLO asks, and what the ledger must keep of it.

An SLO asks for the parts of its indicator in short spans; from their chunks come its own window, the lookbacks of its burn
rates and its budget. Where slices of time are counted, each cell is judged once and kept as a count itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from slo_daemon.core.slo.budget import BudgetMethod
from slo_daemon.core.slo.chunks import CELL, Reach, reach_for
from slo_daemon.core.slo.ledger import Wanted
from slo_daemon.core.slo.query import Ask, Form, mark_of
from slo_daemon.core.slo.selector import Matcher, Selector
from slo_daemon.core.slo.sli import Gauge, LatencyShare, Quantile, Ratio, Raw, Throughput
from slo_daemon.core.slo.sli.parts import Counter
from slo_daemon.core.slo.slo import Slo

LAST_SEEN = "last seen: "  # begins the names of the readings that tell when the newest sample was
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

    `probes`: the selectors that must have new samples. `asks`: in chunks, by part; `texts`: the same as PromQL. `note`:
    how the own window comes together. `direct`: asked as they are in every slot; `alone`: the SLO's own window is one of
    these. `proof`: the part whose rows prove freshness; empty where only direct probes do. `counter`: makes events of
    rows; None for kinds that count none. `mark`: of the counted rows of a split question. `slices`: the key of its judged
    slices; empty without them. `lookbacks` (s): of its burn rates and its forecast; `pace` is that of the forecast.
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
    counter: Counter | None
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
    kind = "proven slices" if slo.budget is not None and slo.budget.proven else "slices"
    return f"{kind}: {slo.indicator.kind} {how} {slo.objective} of {' and '.join(keys.values())}"


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
