"""Whatever is done to both, the database and the store in memory tell the same, also after the database was reopened."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.pilot.alert_reports import AlertReport
from slo_daemon.core.pilot.records import (
    IncidentChange,
    NewFeedback,
    NewIncident,
    NewOverride,
    OverrideKind,
    RecordsQuery,
    Severity,
    VoteCounting,
    VotesQuery,
)
from slo_daemon.core.slo.budget_points import BudgetPoint
from slo_daemon.core.slo.chunks import CELL, HOUR, ChunkBlock, Column
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.state import SloState, Transition, TransitionReason
from slo_daemon.ports import Act, AlreadyResolvedError, KeyReusedError, RowConflictError, Store
from slo_daemon.ports.people import Row
from tests.adapters.stores import block, open_store, told

SINKS = ("am-0", "am-1")
SLOS = ("shop/a", 'shop/b{zone="1"}')
PILOTS = ("shop", "other")

# Few values each, so that runs meet the same keys, slots and times again and again.
slo_ids = st.sampled_from(SLOS)
slots = st.sampled_from([60.0, 120.0, 180.0, 240.5])
times = st.sampled_from([0.0, 10.0, 10.5, 1e9])
levels = st.sampled_from(Level)
sinks = st.lists(st.sampled_from(SINKS), max_size=2)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
numbers = st.floats(allow_nan=False)
states = st.builds(
    SloState,
    slo_ids,
    level=levels,
    since=numbers,
    reason=st.none() | st.sampled_from(TransitionReason),
    data_state=st.sampled_from(DataState),
    last_slot=st.none() | slots,
    last_good_slot=st.none() | slots,
    warning_run=st.integers(0, 2**31),
    clear_to=levels,
    missing_seconds=numbers,
    sequence=st.integers(0, 3),
)
transitions = st.builds(
    Transition,
    slo_ids,
    st.integers(1, 3),
    slots,
    levels,
    levels,
    st.sampled_from([reason for reason in TransitionReason if reason is not TransitionReason.REMOVED]),
    texts,
    st.none() | numbers,
)
removals = st.builds(
    Transition,
    slo_ids,
    st.integers(1, 4),
    slots,
    levels,
    st.just(Level.NONE),
    st.just(TransitionReason.REMOVED),
    texts,
)
severities = st.sampled_from(Severity)
incidents = st.builds(
    NewIncident,
    st.sampled_from(PILOTS),
    texts,
    severities,
    texts,
    times,
    st.none() | texts,
    st.none() | times,
)
changes = st.builds(
    IncidentChange,
    st.none() | severities,
    st.none() | texts,
    st.none() | texts,
    st.none() | times,
)
contexts = st.dictionaries(
    texts,
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
)
ratings = st.builds(
    NewFeedback,
    st.sampled_from(PILOTS),
    st.sampled_from(["ada", "bob"]),
    st.integers(1, 5),
    texts,
    times,
    contexts,
    st.none() | st.sampled_from(["mobile", "both"]),
    st.none() | st.sampled_from(["control", "both"]),
)
overrides = st.builds(
    NewOverride,
    st.sampled_from(PILOTS),
    st.sampled_from(OverrideKind),
    texts,
    texts,
    texts,
    st.sampled_from([0.0, 10.5, 1e6, 2e9]),
)
alerts = st.builds(
    AlertReport,
    st.sampled_from(["f1", "f2"]),
    times,
    st.none() | times,
    severities,
    texts,
    texts,
)
row_keys = st.none() | st.sampled_from(["r1", "r2"])
vote_queries = st.builds(
    VotesQuery,
    st.none() | st.sampled_from([0.0, 0.5, 1e6]),
    st.sampled_from(["", "mobile", "control", "both", "nobody"]),
)
record_queries = st.builds(
    RecordsQuery,
    times,
    st.frozensets(st.sampled_from([0.0, 0.5, 10.0, 1e9]), max_size=3),
    st.frozensets(vote_queries, max_size=4),
    st.sampled_from(VoteCounting),
    st.integers(0, 3),
    st.integers(0, 3),
)
acts = st.builds(
    Act,
    st.sampled_from(["ada", "ops"]),
    times,
    st.none() | st.sampled_from(["k1", "k2"]),
    st.sampled_from(["", "c"]),
)
points = st.builds(
    BudgetPoint,
    slo_ids,
    st.sampled_from([0, 1, 6, 12, 168, 175, 900, 9700]).map(lambda hours: hours * 3600.0),
    st.none() | numbers,
    st.floats(0, 1),
    st.sampled_from(["complete", "partial"]),
)
chunk_asks = st.sets(st.sampled_from(["events", "buckets", ""]))
chunk_spans = st.sampled_from([CELL, HOUR])
chunk_ends = st.integers(8, 12)  # in spans


@st.composite
def blocks(draw: st.DrawFn) -> ChunkBlock:
    asks = sorted(draw(chunk_asks))
    columns = [Column(ask, labels) for ask in asks for labels in ((), (("le", "1"),), (("le", "2"),))]
    some = draw(st.permutations(columns))[: draw(st.integers(0, 4))]
    times = draw(st.integers(0, 3))
    counts = st.lists(st.floats(0, 1e9, width=32), min_size=times, max_size=times)
    span = draw(chunk_spans)
    first = draw(chunk_ends) * span
    rows = {column: draw(counts) for column in some}
    return block(rows, first, span, asks, times, draw(st.integers(0, 12)))


class TwoStores(RuleBasedStateMachine):
    """The same calls to both; equal answers."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "store.db"
        self.database = open_store(self.path)
        self.memory = MemoryStore()

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    def both(self, call: Callable[[Store], Any]) -> Any:
        mine, theirs = (_answer(call, store) for store in (self.database, self.memory))
        assert _with_kinds(mine) == _with_kinds(theirs)
        return mine

    @rule(states=st.lists(states, max_size=3), told=st.lists(transitions, max_size=3), sinks=sinks)
    def commit_slot(self, states: list[SloState], told: list[Transition], sinks: list[str]) -> None:
        self.both(lambda store: store.commit_slot(states, told, sinks))

    @rule(removals=st.lists(removals, max_size=2), sinks=sinks)
    def forget(self, removals: list[Transition], sinks: list[str]) -> None:
        self.both(lambda store: store.forget(removals, sinks))

    @rule(sink=st.sampled_from(SINKS), data=st.data())
    def deliver(self, sink: str, data: st.DataObject) -> None:
        waiting = self.both(lambda store: store.undelivered(sink))
        taken = data.draw(st.lists(st.sampled_from(waiting))) if waiting else []
        self.both(lambda store: store.delivered(sink, taken))

    @rule(saved=st.lists(blocks(), max_size=3))
    def save_chunks(self, saved: list[ChunkBlock]) -> None:
        self.both(lambda store: store.save_chunks(saved))

    @rule(span=chunk_spans, end=chunk_ends)
    def prune_chunks(self, span: int, end: int) -> None:
        self.both(lambda store: store.prune_chunks({span: float(end * span)}))

    @rule(asks=chunk_asks, span=chunk_spans, end=chunk_ends)
    def read_chunks(self, asks: set[str], span: int, end: int) -> None:
        self.both(lambda store: told(store.chunks(asks, {span: float(end * span)})))

    @rule(saved=st.lists(points, max_size=4))
    def save_budget_points(self, saved: list[BudgetPoint]) -> None:
        self.both(lambda store: store.save_budget_points(saved))

    @rule(incident=incidents, act=acts)
    def record_incident(self, incident: NewIncident, act: Act) -> None:
        self.both(lambda store: store.record_incident(incident, act))

    @rule(pilot=st.sampled_from(PILOTS), number=st.integers(-1, 5), change=changes, act=acts)
    def change_incident(self, pilot: str, number: int, change: IncidentChange, act: Act) -> None:
        self.both(lambda store: store.change_incident(pilot, number, change, act))

    @rule(feedback=ratings, act=acts)
    def record_feedback(self, feedback: NewFeedback, act: Act) -> None:
        self.both(lambda store: store.record_feedback(feedback, act))

    @rule(pilot=st.sampled_from(PILOTS), told=st.lists(alerts, max_size=3), act=acts)
    def take_alerts(self, pilot: str, told: list[AlertReport], act: Act) -> None:
        self.both(lambda store: store.take_alerts(pilot, told, act))

    @rule(override=overrides, act=acts)
    def record_override(self, override: NewOverride, act: Act) -> None:
        self.both(lambda store: store.record_override(override, act))

    @rule(pilot=st.sampled_from(PILOTS), number=st.integers(-1, 5), by=texts, act=acts)
    def revoke_override(self, pilot: str, number: int, by: str, act: Act) -> None:
        self.both(lambda store: store.revoke_override(pilot, number, by, act))

    @rule(rows=st.lists(st.builds(Row, incidents, row_keys), max_size=3), act=acts)
    def import_incidents(self, rows: list[Row[NewIncident]], act: Act) -> None:
        mine = [replace(row, record=replace(row.record, pilot="shop")) for row in rows]
        self.both(lambda store: store.import_incidents("shop", mine, act))

    @rule(rows=st.lists(st.builds(Row, ratings, row_keys), max_size=3), act=acts)
    def import_feedback(self, rows: list[Row[NewFeedback]], act: Act) -> None:
        mine = [replace(row, record=replace(row.record, pilot="shop")) for row in rows]
        self.both(lambda store: store.import_feedback("shop", mine, act))

    @rule(query=record_queries)
    def ask_for_records(self, query: RecordsQuery) -> None:
        self.both(lambda store: store.records("shop", query))

    @rule()
    def reopen(self) -> None:
        self.database.close()
        self.database = open_store(self.path)

    @rule(limit=st.integers(0, 3))
    def ask(self, limit: int) -> None:
        self.both(lambda store: store.undelivered(SINKS[0], limit))
        self.both(lambda store: store.transitions(None, limit))
        self.both(lambda store: store.transitions("shop/a", limit))
        self.both(lambda store: store.audit(limit))
        self.both(lambda store: store.incident("shop", limit))

    @invariant()
    def they_agree(self) -> None:
        self.both(lambda store: store.states())
        self.both(lambda store: store.transitions(limit=1000))
        self.both(lambda store: tuple(store.undelivered(sink) for sink in SINKS))
        self.both(lambda store: tuple(store.incidents(pilot) for pilot in PILOTS))
        self.both(lambda store: tuple(store.feedback(pilot) for pilot in PILOTS))
        self.both(lambda store: tuple(store.records(pilot, RecordsQuery(10.0)) for pilot in PILOTS))
        self.both(lambda store: tuple(store.overrides(pilot) for pilot in PILOTS))
        self.both(lambda store: store.audit(1000))
        self.both(lambda store: tuple(store.budget_points(slo_id, 0.0) for slo_id in SLOS))
        self.both(lambda store: told(store.chunks(["events", "buckets", ""], {CELL: 0.0, HOUR: 0.0})))


def _answer(call: Callable[[Store], Any], store: Store) -> Any:
    try:
        return call(store)
    except KeyReusedError as error:
        return str(error)
    except RowConflictError as error:
        return error.rows
    except AlreadyResolvedError as error:
        return AlreadyResolvedError, error.incident


def _with_kinds(value: Any) -> Any:
    """The same value, but 1, 1.0 and True differ, as do an enumeration's member and its text."""
    if is_dataclass(value):
        return type(value), [(field.name, _with_kinds(getattr(value, field.name))) for field in fields(value)]
    if isinstance(value, Mapping):
        return {(type(key), key): _with_kinds(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [_with_kinds(entry) for entry in value]
    return type(value), value


TwoStores.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
test_the_database_and_memory_tell_the_same = TwoStores.TestCase
