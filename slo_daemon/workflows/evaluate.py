"""Evaluate one slot: ask, judge every SLO, store, and only then show."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from time import monotonic

import structlog

from slo_daemon.core.slo.evaluation import Evaluation, asks, evaluate, follow_up, groups
from slo_daemon.core.slo.measurement import DataState, Unavailable
from slo_daemon.core.slo.query import Ask, FailReason, Labels, QueryPlan, Reading
from slo_daemon.core.slo.slo import Slo, SloInstance, split_id
from slo_daemon.core.slo.state import SloState, Transition
from slo_daemon.core.slo.step import Outcome, removal, step
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView, Specification
from slo_daemon.ports import Clock, SourceError, Store, StoreError, Telemetry
from slo_daemon.workflows.ask import Asker, all_failed
from slo_daemon.workflows.board import Board

log = structlog.get_logger(__name__)
LARGEST_SKEW = 5.0  # seconds between the source's clock and ours
SLOT_SHARE = 0.8  # of the interval that asking may take; the rest is for judging and storing
UNSAVED_LIMIT = 100_000  # transitions kept in memory while the store is down


@dataclass(frozen=True, slots=True)
class _Round:
    """What a slot has learned: the source, and every reading by SLO and part."""

    source: SourceView
    readings: Mapping[str, Mapping[str, Reading]]  # by slo id, then by part
    queries: int
    samples: int | None


class Evaluator:
    """The write line. One slot at a time; a new specification waits for the slot under way."""

    def __init__(
        self,
        asker: Asker,
        store: Store,
        board: Board,
        clock: Clock,
        telemetry: Telemetry,
        *,
        sinks: Sequence[str] = (),
    ) -> None:
        self._asker = asker
        self._store = store
        self._board = board
        self._clock = clock
        self._telemetry = telemetry
        self._sinks = tuple(sinks)
        self._turn = Lock()
        self._plan: tuple[Specification, QueryPlan] | None = None
        self._unsaved: list[Transition] = []
        self._unforgotten: list[Transition] = []

    def adopt(self, specification: Specification, states: Mapping[str, SloState] | None = None) -> None:
        """Take a specification into force. `states`: the persisted ones, at start; later the board's are kept.

        An SLO that stays keeps its state; one that left is told as over, and forgotten.
        """
        with self._turn:
            old = self._board.current
            known = {key: view.state for key, view in old.slos.items()} if states is None else dict(states)
            at = self._clock.now()
            kept, gone = _bind(specification, known, old.slos, at)
            self._forget([removal(state, at) for state in gone])
            self._board.change(
                lambda now: replace(
                    now,
                    specification=specification,
                    slos=kept,
                    assessments={
                        p.name: now.assessments[p.name]
                        for p in specification.pilots
                        if p.name in now.assessments
                    },
                )
            )

    def run_slot(self, slot: Slot) -> Snapshot:
        """Evaluate every SLO at `slot`; returns the snapshot that readers see from now on."""
        with self._turn:
            started = monotonic()
            before = self._board.current
            round_ = self._ask(before, slot, started + slot.interval * SLOT_SHARE)
            if self._asker.stopping:
                return before
            outcomes = [
                self._outcome(instance, round_, before.slos.get(instance.id), slot)
                for instance in self._instances(before, round_)
            ]
            views, gone = self._views(outcomes, slot)
            transitions = [outcome.transition for outcome in outcomes if outcome.transition is not None]
            for transition in transitions:
                _log_transition(transition)
            self._save([view.state for view in views], transitions)
            self._forget([removal(state, slot.time) for state in gone])
            snapshot = self._board.change(
                lambda now: replace(
                    now,
                    slot=slot,
                    source=round_.source,
                    slos={view.state.slo_id: view for view in views},
                    queries=round_.queries,
                    samples=round_.samples,
                )
            )
            seconds = monotonic() - started
            self._telemetry.evaluation_took(seconds)
            self._telemetry.heartbeat(self._clock.now())
            log.info(
                "slot_evaluated",
                slot=slot.time,
                seconds=round(seconds, 3),
                slos=len(views),
                queries=round_.queries,
                transitions=len(transitions),
                source=round_.source.reason or "up",
                not_ok=sum(outcome.evaluation.data_state is not DataState.OK for outcome in outcomes),
            )
            return snapshot

    def _ask(self, before: Snapshot, slot: Slot, deadline: float) -> _Round:
        specification = before.specification
        plan = self._plan_of(specification)
        source = self._look_at_source()
        if not source.up:
            failed = all_failed(plan, FailReason(source.reason), source.detail)
            return _Round(source, _by_slo(specification.slos, failed), 0, None)
        first = self._asker.ask(plan, slot.time, deadline)
        readings = _by_slo(specification.slos, first.readings)
        known: dict[str, list[Labels]] = {}
        for view in before.slos.values():
            known.setdefault(view.instance.slo.id, []).append(view.instance.group)
        more = {
            slo.id: follow_up(slo, readings[slo.id], known.get(slo.id, []) if slo.group_by else [()])
            for slo in specification.slos
        }
        second = self._asker.ask(
            QueryPlan.of(a for named in more.values() for a in named.values()), slot.time, deadline
        )
        for slo_id, named in more.items():
            readings[slo_id] |= {name: second.readings[ask] for name, ask in named.items()}
        samples = None if first.samples is None else first.samples + (second.samples or 0)
        return _Round(source, readings, first.queries + second.queries, samples)

    def _plan_of(self, specification: Specification) -> QueryPlan:
        """The plan depends on the specification only: the time is an argument of every query."""
        if self._plan is None or self._plan[0] is not specification:
            plan = QueryPlan.of(ask for slo in specification.slos for ask in asks(slo).values())
            self._plan = (specification, plan)
        return self._plan[1]

    def _look_at_source(self) -> SourceView:
        """One cheap question before all others: is the source there, and do its clock and ours agree?"""
        try:
            skew = self._asker.server_time() - self._clock.now()
        except SourceError as error:
            self._telemetry.query_failed(error.reason)
            self._telemetry.source_up(up=False)
            return SourceView(False, error.reason.value, error.detail, None)
        self._telemetry.clock_skew(skew)
        if abs(skew) > LARGEST_SKEW:
            self._telemetry.source_up(up=False)
            detail = f"the source's clock and ours differ by {skew:.1f} s; values would be of another time"
            return SourceView(False, FailReason.CLOCK_SKEW.value, detail, skew)
        self._telemetry.source_up(up=True)
        return SourceView(True, "", "", skew)

    def _instances(self, before: Snapshot, round_: _Round) -> Iterable[SloInstance]:
        """Every SLO; of a grouped one the groups that have samples and those that had."""
        known: dict[str, set[Labels]] = {}
        for view in before.slos.values():
            known.setdefault(view.instance.slo.id, set()).add(view.instance.group)
        for slo in before.specification.slos:
            found = set(groups(slo, round_.readings[slo.id]))
            if slo.group_by:
                found |= known.get(slo.id, set())
            for group in sorted(found):
                yield SloInstance(slo, group)

    def _outcome(self, instance: SloInstance, round_: _Round, view: SloView | None, slot: Slot) -> Outcome:
        previous = view.state if view is not None else None
        readings = round_.readings[instance.slo.id]
        try:
            evaluation = evaluate(instance, readings, slot)
            if round_.source.reason == FailReason.CLOCK_SKEW:  # a slot of a wrong time must leave no trace
                return Outcome(evaluation, previous or SloState(instance.id, since=slot.time), None)
            return step(evaluation, previous, source_down=not round_.source.up)
        except Exception as error:  # a bug in one SLO must not take the others along
            log.exception("slo_crashed", slo=instance.id)
            self._telemetry.slots(failed=1)
            detail = f"slo-daemon itself failed here, please report it: {error!r}"
            measurement = Unavailable(FailReason.INTERNAL, detail)
            evaluation = Evaluation(
                instance,
                slot,
                measurement,
                None,
                DataState.ERROR,
                FailReason.INTERNAL,
                detail,
                None,
                readings,
            )
            return step(evaluation, previous)

    def _views(self, outcomes: Sequence[Outcome], slot: Slot) -> tuple[list[SloView], list[SloState]]:
        """What stays on the board, and the states of groups that have been without samples for too long."""
        views, gone = [], []
        for outcome in outcomes:
            instance, state = outcome.evaluation.instance, outcome.state
            absent = outcome.evaluation.data_state in (DataState.STALE, DataState.NO_DATA)
            last = state.last_good_slot if state.last_good_slot is not None else state.since
            if instance.group and absent and slot.time - last > instance.slo.forget_after:
                gone.append(state)
            else:
                views.append(SloView(instance, state, outcome.evaluation))
        return views, gone

    def _save(self, states: Sequence[SloState], transitions: Sequence[Transition]) -> None:
        """Commit; while the store is down the daemon goes on from memory and commits what it owes later."""
        self._unsaved = [*self._unsaved, *transitions][-UNSAVED_LIMIT:]
        try:
            if self._unforgotten:
                self._store.forget(self._unforgotten, self._sinks)
                self._unforgotten = []
            self._store.commit_slot(states, self._unsaved, self._sinks)
        except StoreError as error:
            self._telemetry.store_failed(error.reason)
            log.warning("store_failed", reason=error.reason, detail=error.detail, owed=len(self._unsaved))
            return
        self._unsaved = []
        self._telemetry.store_worked()

    def _forget(self, removals: Sequence[Transition]) -> None:
        self._unforgotten += removals
        if not self._unforgotten:
            return
        try:
            self._store.forget(self._unforgotten, self._sinks)
        except StoreError as error:
            self._telemetry.store_failed(error.reason)
            log.warning("store_failed", reason=error.reason, detail=error.detail)
            return
        self._unforgotten = []


def _by_slo(slos: Iterable[Slo], readings: Mapping[Ask, Reading]) -> dict[str, dict[str, Reading]]:
    return {slo.id: {name: readings[ask] for name, ask in asks(slo).items()} for slo in slos}


def _bind(
    specification: Specification, known: Mapping[str, SloState], shown: Mapping[str, SloView], at: float
) -> tuple[dict[str, SloView], list[SloState]]:
    """Known states as views of the new specification, in its order, and the states that belong to nothing in it."""
    states: dict[str, list[tuple[Labels, SloState]]] = {}
    for key, state in known.items():
        slo_id, group = split_id(key)
        states.setdefault(slo_id, []).append((group, state))
    views: dict[str, SloView] = {}
    for slo in specification.slos:
        kept = []
        for group, state in states.get(slo.id, []):
            if tuple(name for name, _ in group) == tuple(sorted(slo.group_by)):
                kept.append(group)
                old = shown.get(state.slo_id)
                same = old is not None and old.instance.slo == slo
                views[state.slo_id] = SloView(
                    SloInstance(slo, group), state, old.evaluation if old and same else None
                )
        states[slo.id] = [(group, state) for group, state in states.get(slo.id, []) if group not in kept]
        if not slo.group_by and not kept:
            instance = SloInstance(slo)
            views[instance.id] = SloView(instance, SloState(instance.id, since=at), None)
    return views, [state for left in states.values() for _, state in left]


def _log_transition(transition: Transition) -> None:
    tell = log.warning if transition.after > transition.before else log.info
    tell(
        "level_changed",
        slo=transition.slo_id,
        before=transition.before.word,
        after=transition.after.word,
        reason=transition.reason.value,
        detail=transition.detail,
    )
