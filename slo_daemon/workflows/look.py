"""Look: all that a slot asks, in two rounds, and what each SLO sees of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from slo_daemon.core.slo.book import Entry
from slo_daemon.core.slo.chunks import CELL
from slo_daemon.core.slo.evaluation import unseen
from slo_daemon.core.slo.grouping import groups_in, split
from slo_daemon.core.slo.measure import Measure, Watched
from slo_daemon.core.slo.query import (
    LAST_SEEN_RANGE,
    Ask,
    Failed,
    FailReason,
    Form,
    Labels,
    QueryPlan,
    Reading,
)
from slo_daemon.core.slo.seen import Seen, see
from slo_daemon.core.slo.sight import Sight
from slo_daemon.core.slo.slo import Slo, SloInstance
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SloView, Snapshot, SourceView
from slo_daemon.ports import Clock, SourceError, Telemetry
from slo_daemon.workflows.ask import Asker
from slo_daemon.workflows.history import History
from slo_daemon.workflows.past import NO_PAST, Past, Pasts

log = structlog.get_logger(__name__)
CRASHED = "slo-daemon itself failed here, please report it"
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


_Known = SloView | Watched
_Found = tuple[
    SloInstance, Seen, Mapping[str, Reading]
]  # an instance, what is seen of it, the ages that are known


@dataclass(frozen=True, slots=True)
class Look:
    """What a slot has learned: the source, and what is seen of every instance that is to be judged.

    `measures`: what is seen beside, with what the chunks of the past say of it.
    """

    source: SourceView
    seen: Sequence[tuple[SloInstance, Seen]]
    measures: Sequence[tuple[SloInstance, Seen, Past]]
    queries: int
    samples: int | None


class Looker:
    """Asks for one slot at a time."""

    def __init__(self, asker: Asker, history: History, clock: Clock, telemetry: Telemetry) -> None:
        self._asker = asker
        self._history = history
        self._clock = clock
        self._telemetry = telemetry
        self._pasts = Pasts()
        self._crashed: set[str] = set()  # told once, not in every slot

    def look(self, before: Snapshot, slot: Slot, deadline: float) -> Look:
        """Everything that can be known at `slot`; `deadline` in seconds of time.monotonic().

        `before`: what was known, with the groups and ages that need not be asked again.
        """
        history, source = self._history, self._look_at_source()
        feeds, plan = history.feeds, history.direct
        queries = (*(feed.query for feed in feeds), *plan.queries)
        if source.up:
            first = self._asker.ask(queries, slot.time, deadline)
            readings, count, samples = first.readings, first.queries, first.samples
            source = self._doubted(source, readings)
        else:
            reason = FailReason(source.reason)
            readings = [Failed(query.promql, reason, source.detail) for query in queries]
            count, samples = 0, None
        failed = history.take_slot(list(zip(feeds, readings, strict=False)), slot)
        direct: dict[Ask, Reading] = {}
        for query, reading in zip(plan.queries, readings[len(feeds) :], strict=True):
            direct.update(query.readings(reading))
        found, beside, pasts = self._found(before, slot, direct, failed)
        everything = [*found, *beside]
        asked = self._ask_ages(before, everything, slot, deadline) if source.up else _Ages({}, 0, 0)
        seen = [(instance, _with_ages(one, asked.of(instance), known)) for instance, one, known in everything]
        return Look(
            source,
            seen[: len(found)],
            [(*one, past) for one, past in zip(seen[len(found) :], pasts, strict=True)],
            count + asked.queries,
            None if samples is None else samples + (asked.samples or 0),
        )

    def _found(
        self, before: Snapshot, slot: Slot, direct: Mapping[Ask, Reading], failed: Mapping[str, Failed]
    ) -> tuple[list[_Found], list[_Found], list[Past]]:
        """Every instance of SLOs and of measures, what is seen of it, and the ages that are known of its selectors.

        And the past of each of the latter.
        """
        known: dict[str, dict[Labels, _Known]] = defaultdict(dict)
        shown: list[_Known] = [*before.slos.values(), *before.measures.values()]
        for view in shown:
            known[view.instance.slo.id][view.instance.group] = view
        found: list[_Found] = []
        beside: list[_Found] = []
        pasts: list[Past] = []
        with self._history.sight(slot.time) as sight:
            groups: dict[str, list[Labels]] = {}
            for slo in before.specification.slos:
                own = self._guarded(slo, sight, direct, failed, known[slo.id], slot)
                groups[slo.id] = [instance.group for instance, _, _ in own]
                found += own
            state = (self._history.version, self._history.fetched)
            for measure in before.specification.measures:
                slo = measure.slo
                these = groups.get(measure.of) if slo.group_by else None
                since = measure.since or None
                own = self._guarded(slo, sight, direct, failed, known[slo.id], slot, these, since)
                beside += own
                for instance, _, _ in own:
                    entry = self._history.entries.get(slo.id)
                    pasts.append(
                        NO_PAST
                        if entry is None or not sight.has(entry)
                        else self._past(measure, entry, instance.group, sight, state)
                    )
        self._pasts.keep({measure.slo.id for measure in before.specification.measures})
        return found, beside, pasts

    def _past(self, measure: Measure, entry: Entry, group: Labels, sight: Sight, state: object) -> Past:
        """Without a past nothing is known; a bug in one measure must not take the slot along."""
        try:
            past = self._pasts.of(measure, entry, group, sight, state)
        except Exception:
            if measure.slo.id not in self._crashed:
                log.exception("measure_crashed", measure=measure.slo.id)
            self._crashed.add(measure.slo.id)
            return NO_PAST
        self._crashed.discard(measure.slo.id)
        return past

    def _guarded(
        self,
        slo: Slo,
        sight: Sight,
        direct: Mapping[Ask, Reading],
        failed: Mapping[str, Failed],
        views: Mapping[Labels, _Known],
        slot: Slot,
        groups: Sequence[Labels] | None = None,
        since: float | None = None,
    ) -> list[_Found]:
        """`groups`: those of the SLO that a measure is about; `since`: else those that had samples since that time."""
        try:
            entry = self._history.entries[slo.id]
            return self._seen(entry, sight, direct, failed, views, slot, groups, since)
        except Exception as error:  # a bug in one SLO must not take the others along
            if not _told(views):
                log.exception("slo_crashed", slo=slo.id)
            self._telemetry.slots(failed=1)
            failure = Failed("", FailReason.INTERNAL, f"{CRASHED}: {error!r}")
            blind = Seen((), {"bug": failure}, 0.0)
            return [(SloInstance(slo, group), blind, {}) for group in groups or sorted(views) or [()]]

    def _seen(
        self,
        entry: Entry,
        sight: Sight,
        direct: Mapping[Ask, Reading],
        failed: Mapping[str, Failed],
        views: Mapping[Labels, _Known],
        slot: Slot,
        groups: Sequence[Labels] | None,
        since: float | None,
    ) -> list[_Found]:
        slo = entry.slo
        own = {name: direct[ask] for name, ask in entry.direct.items()}
        if groups is None:
            groups = _groups(entry, sight, own, views, since)
        parts = split(own, slo.group_by, groups)
        found: list[_Found] = []
        for group in groups:
            seen = see(entry, group, sight, parts[group], failed)
            found.append((SloInstance(slo, group), seen, _known_ages(seen, views.get(group), slo, slot)))
        return found

    def _ask_ages(
        self,
        before: Snapshot,
        found: Sequence[_Found],
        slot: Slot,
        deadline: float,
    ) -> "_Ages":
        """When the newest sample was, of selectors that show no fresh ones; asked once for all groups of an SLO."""
        wanted: dict[tuple[str, str], Ask] = {}
        for instance, seen, known in found:
            slo = instance.slo
            for probe in unseen(slo, seen, slot):
                if probe.last_seen not in known:
                    ask = Ask(Form.LAST_SEEN, probe.selector, LAST_SEEN_RANGE, slo.group_by)
                    wanted[slo.id, probe.last_seen] = ask
        if not wanted:
            return _Ages({}, 0, 0)
        plan = QueryPlan.of(wanted.values())
        answers = self._asker.ask(plan.queries, slot.time, deadline)
        readings: dict[Ask, Reading] = {}
        for query, reading in zip(plan.queries, answers.readings, strict=True):
            readings.update(query.readings(reading))
        by_slo: dict[str, dict[str, Reading]] = defaultdict(dict)
        for (slo_id, name), ask in wanted.items():
            by_slo[slo_id][name] = readings[ask]
        groups: dict[str, list[Labels]] = defaultdict(list)
        for instance, _, _ in found:
            if instance.slo.id in by_slo:
                groups[instance.slo.id].append(instance.group)
        slos = {slo.id: slo for slo in before.specification.watched}
        own = {
            slo_id: split(parts, slos[slo_id].group_by, groups[slo_id]) for slo_id, parts in by_slo.items()
        }
        return _Ages(own, answers.queries, answers.samples)

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

    def _doubted(self, source: SourceView, readings: Sequence[Reading]) -> SourceView:
        """A source that tells the time, but answers no question at all for a reason of its own, is down as well."""
        failed = [reading for reading in readings if isinstance(reading, Failed)]
        if self._asker.stopping or not failed or len(failed) < len(readings):
            return source
        if any(one.reason in NOT_THE_SOURCES for one in failed):
            return source
        return self._down(failed[0].reason, f"it answers no question: {failed[0].detail}", source.skew)

    def _down(self, reason: FailReason, detail: str, skew: float | None) -> SourceView:
        self._telemetry.source_up(up=False)
        return SourceView(False, reason.value, detail, skew)


@dataclass(frozen=True, slots=True)
class _Ages:
    """When the newest samples were, by SLO, group and part."""

    own: Mapping[str, Mapping[Labels, Mapping[str, Reading]]]
    queries: int
    samples: int | None

    def of(self, instance: SloInstance) -> Mapping[str, Reading]:
        return self.own.get(instance.slo.id, {}).get(instance.group, {})


def _told(views: Mapping[Labels, _Known]) -> bool:
    """Whether a bug was met in the last slot already: it is told once, not in every slot."""
    return any(
        v.evaluation is not None and v.evaluation.reason is FailReason.INTERNAL for v in views.values()
    )


def _groups(
    entry: Entry,
    sight: Sight,
    direct: Mapping[str, Reading],
    views: Mapping[Labels, _Known],
    since: float | None,
) -> list[Labels]:
    """The groups of an SLO: those that have samples (`since` a time, else lately) and those that had.

    A grouped SLO without any group is judged as a whole: else nobody would notice that nothing is measured.
    """
    by = entry.slo.group_by
    if not by:
        return [()]
    found = set(views)
    if entry.proof:
        lately = sight.at - max(0, entry.slo.freshness - CELL)
        found |= sight.groups(entry.keys[entry.proof], by, lately if since is None else since)
    for reading in direct.values():
        found |= groups_in(reading, by)
    return sorted(found - {()}) or [()]


def _known_ages(seen: Seen, view: _Known | None, slo: Slo, slot: Slot) -> Mapping[str, Reading]:
    """When the newest samples were, as the evaluation before learned it: still true where there are no fresh ones.

    Not if so much time has passed that samples may have come and gone since.
    """
    before = view.evaluation if view is not None else None
    if before is None or not 0.0 <= slot.time - before.slot.time <= slo.freshness:
        return {}
    names = [probe.last_seen for probe in unseen(slo, seen, slot)]
    ages = {name: before.readings[name] for name in names if name in before.readings}
    return {name: reading for name, reading in ages.items() if not isinstance(reading, Failed)}


def _with_ages(seen: Seen, asked: Mapping[str, Reading], known: Mapping[str, Reading]) -> Seen:
    if not asked and not known:
        return seen
    return replace(seen, readings={**known, **seen.readings, **asked})
