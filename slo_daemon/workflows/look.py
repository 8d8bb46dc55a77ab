"""Look: all that a slot asks, in two rounds, and what each SLO got of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from slo_daemon.core.slo.evaluation import ages, asks, follow_up, groups, split, with_ages
from slo_daemon.core.slo.query import Ask, Failed, FailReason, Labels, QueryPlan, Reading
from slo_daemon.core.slo.slo import SloInstance
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView, Specification
from slo_daemon.ports import Clock, SourceError, Telemetry
from slo_daemon.workflows.ask import Answers, Asker, all_failed

LARGEST_SKEW = 5.0  # seconds between the source's clock and ours
NOT_THE_SOURCES = frozenset(  # reasons for which a question fails though the source is well
    {
        FailReason.BAD_QUERY,
        FailReason.EXECUTION,
        FailReason.TOO_LARGE,
        FailReason.SHAPE,
        FailReason.VALUE,
        FailReason.INTERNAL,
    }
)

_Ages = Mapping[str, Reading]  # when the newest samples were, by part


@dataclass(frozen=True, slots=True)
class Look:
    """What a slot has learned: the source, and the readings of every instance that is to be judged."""

    source: SourceView
    readings: Sequence[tuple[SloInstance, Mapping[str, Reading]]]
    queries: int
    samples: int | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a slot asks in its first round. It depends on the specification only: the time is an argument of every query."""

    specification: Specification
    asks: Mapping[str, Mapping[str, Ask]]  # by slo id, then by part
    queries: QueryPlan

    @staticmethod
    def of(specification: Specification) -> "_Plan":
        by_slo = {slo.id: asks(slo) for slo in specification.slos}
        return _Plan(
            specification,
            by_slo,
            QueryPlan.of(ask for parts in by_slo.values() for ask in parts.values()),
        )

    def readings(self, answers: Mapping[Ask, Reading]) -> dict[str, dict[str, Reading]]:
        return {
            slo_id: {name: answers[ask] for name, ask in parts.items()} for slo_id, parts in self.asks.items()
        }


class Looker:
    """Asks for one slot at a time."""

    def __init__(self, asker: Asker, clock: Clock, telemetry: Telemetry) -> None:
        self._asker = asker
        self._clock = clock
        self._telemetry = telemetry
        self._plan = _Plan.of(Specification((), (), ""))

    def look(self, before: Snapshot, slot: Slot, deadline: float) -> Look:
        """Everything that can be known at `slot`; `deadline` in seconds of time.monotonic().

        `before`: the specification to ask for, with the groups and ages that are known.
        """
        specification = before.specification
        if self._plan.specification is not specification:
            self._plan = _Plan.of(specification)
        plan, source = self._plan, self._look_at_source()
        if source.up:
            first = self._asker.ask(plan.queries, slot.time, deadline)
            source = self._doubted(source, first.readings)
        else:
            reason = FailReason(source.reason)
            first = Answers(all_failed(plan.queries, reason, source.detail), 0, None)
        readings = plan.readings(first.readings)
        known = _known(specification, readings, before.slos.values(), slot)
        more = {slo.id: follow_up(slo, readings[slo.id], known[slo.id]) for slo in specification.slos}
        second = self._asker.ask(
            QueryPlan.of(ask for parts in more.values() for ask in parts.values()), slot.time, deadline
        )
        for slo_id, parts in more.items():
            readings[slo_id] |= {name: second.readings[ask] for name, ask in parts.items()}
        of_instances = [
            (SloInstance(slo, group), with_ages(own, known[slo.id][group]))
            for slo in specification.slos
            for group, own in split(slo, readings[slo.id], known[slo.id]).items()
        ]
        samples = None if first.samples is None else first.samples + (second.samples or 0)
        return Look(source, of_instances, first.queries + second.queries, samples)

    def _look_at_source(self) -> SourceView:
        """One cheap question before all others: is the source there, and do its clock and ours agree?"""
        before = self._clock.now()
        try:
            server = self._asker.server_time()
        except SourceError as error:
            self._telemetry.query_failed(error.reason)
            return self._down(error.reason, error.detail, None)
        # It read its clock at some moment while we waited: what lies within the wait is no difference.
        skew = server - min(max(server, before), max(before, self._clock.now()))
        self._telemetry.clock_skew(skew)
        if abs(skew) > LARGEST_SKEW:
            self._telemetry.query_failed(FailReason.CLOCK_SKEW)
            detail = f"the source's clock and ours differ by {skew:.1f} s; values would be of another time"
            return self._down(FailReason.CLOCK_SKEW, detail, skew)
        self._telemetry.source_up(up=True)
        return SourceView(True, "", "", skew)

    def _doubted(self, source: SourceView, answers: Mapping[Ask, Reading]) -> SourceView:
        """A source that tells the time, but answers no question at all for a reason of its own, is down as well."""
        failed = [reading for reading in answers.values() if isinstance(reading, Failed)]
        if self._asker.stopping or not failed or len(failed) < len(answers):
            return source
        if any(one.reason in NOT_THE_SOURCES for one in failed):
            return source
        return self._down(failed[0].reason, f"it answers no question: {failed[0].detail}", source.skew)

    def _down(self, reason: FailReason, detail: str, skew: float | None) -> SourceView:
        self._telemetry.source_up(up=False)
        return SourceView(False, reason.value, detail, skew)


def _known(
    specification: Specification,
    readings: Mapping[str, Mapping[str, Reading]],
    shown: Iterable[SloView],
    slot: Slot,
) -> dict[str, dict[Labels, _Ages]]:
    """Every SLO with its groups, those that have samples and those that had, and the ages that are known of each.

    A grouped SLO without any group is judged as a whole: else nobody would notice that nothing is measured.
    """
    views: dict[str, dict[Labels, SloView]] = defaultdict(dict)
    for view in shown:
        views[view.instance.slo.id][view.instance.group] = view
    known: dict[str, dict[Labels, _Ages]] = {}
    for slo in specification.slos:
        own = views[slo.id]
        found = groups(slo, readings[slo.id])
        if slo.group_by:
            found = (found | own.keys()) - {()} or {()}
        known[slo.id] = {
            group: ages(own[group].evaluation, slot) if group in own else {} for group in sorted(found)
        }
    return known
