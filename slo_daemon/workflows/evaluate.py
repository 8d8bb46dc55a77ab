"""Evaluate one slot: ask, judge every SLO, store, and only then show."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Lock
from time import monotonic

import structlog

from slo_daemon.core.quantity import show_duration
from slo_daemon.core.slo.budget import BudgetState
from slo_daemon.core.slo.budget_points import BudgetPoint
from slo_daemon.core.slo.chunks import HOUR, floor
from slo_daemon.core.slo.evaluation import Evaluation, evaluate, unusable
from slo_daemon.core.slo.measure import Watched
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.query import FailReason
from slo_daemon.core.slo.seen import Seen
from slo_daemon.core.slo.slo import SloInstance, split_id
from slo_daemon.core.slo.state import SloState, Transition
from slo_daemon.core.slo.step import Outcome, removal, step
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView, Specification
from slo_daemon.ports import Clock, Store, StoreError, Telemetry
from slo_daemon.workflows.ask import Asker
from slo_daemon.workflows.board import Board
from slo_daemon.workflows.history import History
from slo_daemon.workflows.look import CRASHED, Looker

log = structlog.get_logger(__name__)
SLOT_SHARE = 0.8  # of the interval that asking may take; the rest is for judging and storing
UNSAVED_LIMIT = 100_000  # transitions kept in memory while the store is down


class Evaluator:
    """The write line. One slot at a time; a new specification waits for the slot under way."""

    def __init__(
        self,
        asker: Asker,
        history: History,
        store: Store,
        board: Board,
        clock: Clock,
        telemetry: Telemetry,
        *,
        sinks: Sequence[str] = (),
    ) -> None:
        self._asker = asker
        self._history = history
        self._looker = Looker(asker, history, clock, telemetry)
        self._store = store
        self._board = board
        self._clock = clock
        self._telemetry = telemetry
        self._sinks = tuple(sinks)
        self._points_of: int | None = None
        self._turn = Lock()
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
            self._history.adopt(specification.watched, at)
            kept, gone = _bind(specification, known, old.slos, at)
            measured = {measure.slo.id: measure.slo for measure in specification.measures}
            self._save(removals=[removal(state, at) for state in gone])
            self._board.change(
                lambda now: replace(
                    now,
                    specification=specification,
                    slos=kept,
                    measures={
                        key: one
                        for key, one in now.measures.items()
                        if measured.get(one.instance.slo.id) == one.instance.slo
                    },
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
            look = self._looker.look(before, slot, started + slot.interval * SLOT_SHARE)
            if self._asker.stopping:
                return before
            outcomes = [
                self._outcome(instance, seen, look.source, before.slos.get(instance.id), slot)
                for instance, seen in look.seen
            ]
            measures = {
                instance.id: Watched(instance, self._evaluated(instance, seen, slot), past.streak, past.days)
                for instance, seen, past in look.measures
            }
            _log_source(before.source, look.source)
            views, gone = _views(outcomes, before.slos, slot)
            transitions = [outcome.transition for outcome in outcomes if outcome.transition is not None]
            for transition in transitions:
                _log_transition(transition)
            self._save([view.state for view in views.values()], transitions, gone)
            self._keep_points(views, slot)
            snapshot = self._board.change(
                lambda now: replace(
                    now,
                    slot=slot,
                    source=look.source,
                    slos=views,
                    measures=measures,
                    queries=look.queries,
                    samples=look.samples,
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
                queries=look.queries,
                transitions=len(transitions),
                source=look.source.reason or "up",
                not_ok=sum(outcome.evaluation.data_state is not DataState.OK for outcome in outcomes),
            )
            return snapshot

    @property
    def busy(self) -> bool:
        """Whether a slot is under way."""
        return self._turn.locked()

    def settle(self) -> None:
        """Store what is owed, for the last moment before the store is closed. Does nothing while a slot hangs."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            if self._unsaved or self._unforgotten:
                self._save([view.state for view in self._board.current.slos.values()])
        finally:
            self._turn.release()

    def _outcome(
        self,
        instance: SloInstance,
        seen: Seen,
        source: SourceView,
        view: SloView | None,
        slot: Slot,
    ) -> Outcome:
        previous = view.state if view is not None else None
        known = view is not None and view.evaluation is not None and view.evaluation.reason
        evaluation = self._evaluated(instance, seen, slot, told=known is FailReason.INTERNAL)
        if source.reason == FailReason.CLOCK_SKEW:  # a slot of a wrong time must leave no trace
            return Outcome(evaluation, previous or SloState(instance.id, since=slot.time), None)
        return step(evaluation, previous, source_down=not source.up)

    def _evaluated(self, instance: SloInstance, seen: Seen, slot: Slot, *, told: bool = False) -> Evaluation:
        """`told`: that it crashes is told once, not in every slot."""
        try:
            return evaluate(instance, seen, slot)
        except Exception as error:  # a bug in one SLO must not take the others along
            if not told:
                log.exception("slo_crashed", slo=instance.id)
            self._telemetry.slots(failed=1)
            return unusable(instance, slot, f"{CRASHED}: {error!r}")

    def _keep_points(self, views: Mapping[str, SloView], slot: Slot) -> None:
        """What is left of every budget, once an hour, for burn-down plots."""
        hour = floor(slot.time, HOUR)
        if hour == self._points_of:
            return
        points = [
            BudgetPoint(slo_id, hour, left.remaining, left.tally.coverage, left.state.value)
            for slo_id, view in views.items()
            if view.evaluation is not None and (left := view.evaluation.budget) is not None
            if left.state is not BudgetState.BACKFILLING
        ]
        try:
            if points:
                self._store.save_budget_points(points)
                self._points_of = hour
        except StoreError as error:  # the next slot tries again
            self._telemetry.store_failed(error.reason)

    def _save(
        self,
        states: Sequence[SloState] = (),
        transitions: Sequence[Transition] = (),
        removals: Sequence[Transition] = (),
    ) -> None:
        """Commit; while the store is down the daemon goes on from memory and commits what it owes later."""
        self._unsaved = [*self._unsaved, *transitions][-UNSAVED_LIMIT:]
        self._unforgotten += removals
        if not (states or self._unsaved or self._unforgotten):
            return
        try:
            if self._unforgotten:
                self._store.forget(self._unforgotten, self._sinks)
                self._unforgotten = []
            self._store.commit_slot(states, self._unsaved, self._sinks)
        except StoreError as error:
            self._telemetry.store_failed(error.reason)
            owed = len(self._unsaved) + len(self._unforgotten)
            log.warning("store_failed", reason=error.reason, detail=error.detail, owed=owed)
            return
        self._unsaved = []
        self._telemetry.store_worked()


def _views(
    outcomes: Sequence[Outcome], before: Mapping[str, SloView], slot: Slot
) -> tuple[dict[str, SloView], list[Transition]]:
    """What is on the board from now on, and the ends of what is not: groups that were without samples for too long."""
    views, gone = {}, []
    for outcome in outcomes:
        instance, state = outcome.evaluation.instance, outcome.state
        absent = outcome.evaluation.data_state in (DataState.STALE, DataState.NO_DATA)
        if instance.group and absent and state.missing_seconds > instance.slo.forget_after:
            age = show_duration(state.missing_seconds)
            gone.append(removal(state, slot.time, f"the group had no samples for {age} and was forgotten"))
        else:
            views[state.slo_id] = SloView(instance, state, outcome.evaluation)
    evaluated = {outcome.state.slo_id for outcome in outcomes}
    gone += [
        removal(view.state, slot.time, "its groups are evaluated instead")
        for slo_id, view in before.items()
        if slo_id not in evaluated
    ]
    return views, gone


def _bind(
    specification: Specification, known: Mapping[str, SloState], shown: Mapping[str, SloView], at: float
) -> tuple[dict[str, SloView], list[SloState]]:
    """Known states as views of the new specification, in its order, and the states that belong to nothing in it."""
    slos = {slo.id: slo for slo in specification.slos}
    kept: dict[str, list[SloView]] = defaultdict(list)
    left = []
    for key, state in known.items():
        slo_id, group = split_id(key)
        slo = slos.get(slo_id)
        # A grouped SLO without any group has the empty one; whether it still has none, the next slot tells.
        if slo is None or (group and tuple(name for name, _ in group) != tuple(sorted(slo.group_by))):
            left.append(state)
            continue
        old = shown.get(key)
        evaluation = old.evaluation if old is not None and old.instance.slo == slo else None
        kept[slo_id].append(SloView(SloInstance(slo, group), state, evaluation))
    views: dict[str, SloView] = {}
    for slo in specification.slos:
        if not slo.group_by and slo.id not in kept:
            kept[slo.id].append(SloView(SloInstance(slo), SloState(slo.id, since=at), None))
        views.update((view.state.slo_id, view) for view in kept[slo.id])
    return views, left


def _log_source(before: SourceView | None, now: SourceView) -> None:
    """One line when the source goes, and one when it is back."""
    if not now.up and (before is None or before.up or before.reason != now.reason):
        log.warning("source_down", reason=now.reason, detail=now.detail)
    elif now.up and before is not None and not before.up:
        log.info("source_back", was=before.reason)


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
