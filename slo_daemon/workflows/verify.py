"""Verify: one SLO after the other is also asked directly over a long window, and the answer held against the chunks.

The honest guard of windows that are summed: a direct question costs ten thousand times as much, so one at a time is asked.
"""

from collections.abc import Mapping
from enum import StrEnum

import structlog

from slo_daemon.core.slo.book import Entry, entry_of
from slo_daemon.core.slo.chunks import CELL, HOUR, floor
from slo_daemon.core.slo.compare import direct_asks, drift_of, found_in, interval_question, scrape_interval
from slo_daemon.core.slo.query import Absent, Ask, Failed, Form, QueryPlan, Reading
from slo_daemon.core.slo.slo import SloInstance
from slo_daemon.core.snapshot import Snapshot
from slo_daemon.ports import Telemetry
from slo_daemon.workflows.ask import Asker
from slo_daemon.workflows.history import History

log = structlog.get_logger(__name__)
DRIFTED = 0.05  # of an error budget, from which on a difference is called one
LEAST_COVERAGE = 0.99  # of the window, by chunks: less would compare what was seen with what was not
SHORTEST = HOUR  # seconds; over less the phase of scrapes decides more than anything else


class Verified(StrEnum):
    """What a comparison came to. The value of the label `result` on `slo_daemon_verifications_total`."""

    AGREED = "agreed"
    DRIFTED = "drifted"
    FAILED = "failed"
    SKIPPED = "skipped"


class Verifier:
    """Goes round all SLOs that have a budget. Its questions go the way of the background: slots do not wait for them."""

    def __init__(self, asker: Asker, history: History, telemetry: Telemetry) -> None:
        self._asker = asker
        self._history = history
        self._telemetry = telemetry
        self._last = ""
        self._told: set[str] = set()

    def next(self, snapshot: Snapshot) -> SloInstance | None:
        """The one after the last, in the order of the specification."""
        able = [view.instance for view in snapshot.slos.values() if view.instance.slo.budget is not None]
        if not able:
            return None
        ids = [instance.id for instance in able]
        place = ids.index(self._last) + 1 if self._last in ids else 0
        self._last = ids[place % len(ids)]
        return able[place % len(ids)]

    def once(self, snapshot: Snapshot) -> Verified | None:
        """Compare one SLO, as of the last 5-minute border before the snapshot's slot. None: there is none to compare."""
        if snapshot.slot is None or snapshot.source is None or not snapshot.source.up:
            return None
        instance = self.next(snapshot)
        if instance is None:
            return None
        result = self._compare(instance, floor(snapshot.slot.time, CELL))
        self._telemetry.verified(result.value)
        return result

    def _compare(self, instance: SloInstance, at: int) -> Verified:
        entry = entry_of(instance.slo)
        if not direct_asks(entry, instance.group, HOUR):
            return Verified.SKIPPED
        self._check_interval(entry, at)
        span = self._span(entry, instance, at)
        if isinstance(span, Verified):
            return span
        with self._history.sight(at) as sight:
            if not sight.has(entry):
                return Verified.SKIPPED
            chunks, coverage = found_in(entry, instance.group, sight, at - span)
        if coverage < LEAST_COVERAGE:
            return Verified.SKIPPED
        asks = direct_asks(entry, instance.group, span)
        answers = self._ask(asks, at)
        if any(isinstance(reading, Failed) for reading in answers.values()):
            return Verified.FAILED
        drift = drift_of(entry, chunks, answers, span)
        if drift is None:
            return Verified.SKIPPED
        self._telemetry.window_drift(instance.slo.pilot, instance.slo.name, drift)
        if drift > DRIFTED:
            log.warning("windows_drift", slo=instance.id, seconds=span, drift=round(drift, 4))
        return Verified.DRIFTED if drift > DRIFTED else Verified.AGREED

    def _check_interval(self, entry: Entry, at: int) -> None:
        """Whether the SLO's samples come as often as the settings say; told once for each metric."""
        metric = entry.probes[0].selector.metric
        if metric in self._told:
            return
        seconds = scrape_interval(self._asker.ask_behind(interval_question(entry), at))
        if seconds is not None and seconds != entry.slo.scrape_interval:
            self._told.add(metric)
            log.warning(
                "scrape_interval_differs",
                metric=metric,
                slo=entry.slo.id,
                settings=entry.slo.scrape_interval,
                seems=seconds,
            )

    def _span(self, entry: Entry, instance: SloInstance, at: int) -> int | Verified:
        """How far back the source holds data: the budget's window, or half of it, and so on; whole hours."""
        assert entry.slo.budget is not None  # noqa: S101
        span = int(at - entry.slo.budget.window.start(at)) // HOUR * HOUR
        while span >= SHORTEST:
            probes = {
                name: Ask(Form.PRESENCE, ask.selector, CELL, ask.by)
                for name, ask in direct_asks(entry, instance.group, CELL).items()
                if name == entry.proof
            }
            answers = self._ask(probes, at - span + CELL)
            if any(isinstance(reading, Failed) for reading in answers.values()):
                return Verified.FAILED
            if not any(isinstance(reading, Absent) for reading in answers.values()):
                return span
            span = span // 2 // HOUR * HOUR
        return Verified.SKIPPED

    def _ask(self, asks: Mapping[str, Ask], at: float) -> dict[str, Reading]:
        found: dict[Ask, Reading] = {}
        for query in QueryPlan.of(asks.values()).queries:
            found.update(query.readings(self._asker.ask_behind(query.promql, at)))
        return {name: found[ask] for name, ask in asks.items()}
