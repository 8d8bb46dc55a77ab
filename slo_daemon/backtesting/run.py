"""A backtest from end to end: the past recorded once, then replayed for the file as it is and for every change of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from threading import Event
from time import monotonic

from slo_daemon.adapters.recorded_source import RecordedSource, Recording
from slo_daemon.adapters.spec_files import read
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.app import open_source
from slo_daemon.backtesting.past import PastRecords, ReplayClock
from slo_daemon.backtesting.replay import Replay, questions, slot_times
from slo_daemon.core.backtest.story import Backtest, Story
from slo_daemon.core.backtest.tape import Tape
from slo_daemon.core.slo.chunks import CELL
from slo_daemon.core.snapshot import Snapshot, Specification
from slo_daemon.settings import Settings
from slo_daemon.spec.load import load
from slo_daemon.spec.problems import SpecError
from slo_daemon.spec.what_if import Change, changed

DEFAULT_SPAN = 30 * 86_400.0  # seconds, where no pilot says when it began


@dataclass(frozen=True, slots=True)
class Variant:
    """One specification to be replayed. `name`: empty for the file as it is."""

    name: str
    specification: Specification


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be replayed: see `plan`. `slots`: their times (Unix seconds)."""

    variants: tuple[Variant, ...]
    slots: range


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how far it is: steps of questions that are recorded, and (slots, of so many) that are replayed.

    `judged`: every slot as the daemon would have judged it, of one variant after the other.
    """

    recorded: Callable[[Recording], object] = lambda _: None
    replayed: Callable[[int, int], object] = lambda *_: None
    judged: Callable[[Snapshot], object] = lambda _: None


@dataclass(frozen=True, slots=True)
class Done:
    """`queries`: asked of the source; `url`: where it is, without credentials."""

    backtest: Backtest
    queries: int
    url: str


def plan(
    settings: Settings,
    changes: Sequence[Change] = (),
    *,
    first: float | None = None,
    last: float | None = None,
    step: int = CELL,
) -> Plan:
    """The variants and the slots. `first` None: when the first pilot began, or 30 days before `last`; `last` None: now.

    Raises SpecError, for a change too that no file could have; WhatIfError for one of an SLO that there is not; and
    ValueError when there is no slot between the two times.
    """
    found = read(settings.specs)
    interval = settings.prometheus.scrape_interval
    loaded = load(found.texts, scrape_interval=interval, problems=found.problems)
    variants = [Variant("", loaded.specification)]
    for change in changes:
        try:
            varied = load(changed(found.texts, change), scrape_interval=interval)
        except SpecError as error:
            said = [replace(one, message=f"what if {change}: {one.message}") for one in error.problems]
            raise SpecError(said) from None
        variants.append(Variant(str(change), varied.specification))
    now = SystemClock().now()
    last = now if last is None else min(last, now)
    if first is None:
        first = _begun(loaded.specification, last)
    slots = slot_times(first, last, step)
    if not slots:
        raise ValueError(f"there is no slot every {step} s between the two times; move --from or --to")
    return Plan(tuple(variants), slots)


def run(
    settings: Settings, wanted: Plan, past: PastRecords, *, share: float = 0.5, watch: Watch | None = None
) -> Done:
    """Record, and replay every variant. `share`: of the time in which the source is asked. Raises SourceError."""
    watch, slots = watch or Watch(), wanted.slots
    real, clock = open_source(settings), ReplayClock(slots[0])
    source = RecordedSource(real, clock.now)
    source.slots(slots[-1], slots.step)
    pace, started = Event(), [monotonic()]

    def paced(recording: Recording) -> None:
        watch.recorded(recording)
        pace.wait((monotonic() - started.pop()) * (1.0 / share - 1.0))
        started.append(monotonic())

    stories: list[Story] = []
    try:
        for number, variant in enumerate(wanted.variants):
            clock.at = slots[0]
            replay = Replay(variant.specification, source, clock, past, settings, slots.step)
            try:
                source.record(questions(replay.history, slots), settings.prometheus.timeout, paced)
                tape = Tape(variant.name)
                for place, at in enumerate(slots, number * len(slots) + 1):
                    snapshot = replay.slot(at)
                    tape.take(snapshot)
                    watch.judged(snapshot)
                    watch.replayed(place, len(wanted.variants) * len(slots))
            finally:
                replay.close()
            stories.append(tape.story())
    finally:
        source.close()
        real.close()
    told = past.incidents is not None
    end = slots[-1] + slots.step
    return Done(
        Backtest(slots[0], end, slots.step, len(slots), told, tuple(stories)), source.asked, source.url
    )


def _begun(specification: Specification, last: float) -> float:
    """When the first pilot began, if it has."""
    starts = [
        datetime.combine(pilot.start, time(), UTC).timestamp()
        for pilot in specification.pilots
    ]  # fmt: skip
    begun = [start for start in starts if start < last]
    return min(begun, default=last - DEFAULT_SPAN)
