"""Ratio: the share of good, or of bad, events. Good or bad is counted; the other is derived, once."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from slo_daemon.core.slo.chunks import CELL
from slo_daemon.core.slo.measurement import Measured, Measurement, NoData, Unavailable
from slo_daemon.core.slo.query import MARK, NOT_IN_BY, Absent, Ask, Form, Labels, Samples, mark_of
from slo_daemon.core.slo.selector import Matcher, Selector
from slo_daemon.core.slo.sli.parts import Counted, Counter, Need, Parts, Rows, count, share, too_few_samples


@dataclass(frozen=True, slots=True)
class Ratio:
    """`counted` selects good events (`counts_good`) or bad ones; the value is the share of good (`as_good`) or bad."""

    kind: ClassVar[str] = "ratio"
    counted: Selector
    total: Selector
    counts_good: bool
    as_good: bool

    def asks(self, by: tuple[str, ...], overlap: int) -> dict[str, Ask]:
        """Events counted, and all events; in one question, where the counted ones are some of the others."""
        split = self._split(by)
        if split is not None:
            return {"events": Ask(Form.EVENTS, self.total, CELL, by, split=split, overlap=overlap)}
        return {
            self._counted: Ask(Form.EVENTS, self.counted, CELL, by, overlap=overlap),
            "total": Ask(Form.EVENTS, self.total, CELL, by, overlap=overlap),
        }

    def proof_of(self, by: tuple[str, ...]) -> str:
        """The part whose rows prove that there are new samples."""
        return "total" if self._split(by) is None else "events"

    @property
    def _counted(self) -> str:
        return "good" if self.counts_good else "bad"

    def _split(self, by: tuple[str, ...]) -> Matcher | None:
        """The one matcher by which counted events differ from all events."""
        more = set(self.counted.matchers) - set(self.total.matchers)
        if len(more) != 1 or self.counted.metric != self.total.metric:
            return None
        matcher = next(iter(more))
        same = len(self.counted.matchers) == len(self.total.matchers) + 1
        usable = matcher.label not in by and matcher.label.lower() not in NOT_IN_BY
        return matcher if same and usable else None

    def probes(self) -> tuple[Selector, ...]:
        """The total must be fresh. The counted series may be missing: a service without errors has none."""
        return (self.total,)

    def measure(self, parts: Parts, need: Need) -> Measurement:
        """A missing counted series beside a total is 0 such events: the one place where empty means zero."""
        numbers = self._numbers(parts)
        if isinstance(numbers, NoData | Unavailable):
            return numbers
        counted, total = numbers
        names = (self._counted, "total")
        found = share(counted, total, names, need, counts_good=self.counts_good, as_good=self.as_good)
        if counted or not isinstance(found, Measured) or not self._missing(parts):
            return found
        note = f"no series of {self.counted}: taken as 0; has there never been one, or is the selector wrong?"
        return replace(found, working=(note, *found.working), uncounted=str(self.counted))

    def _missing(self, parts: Parts) -> bool:
        """Whether no series of the counted events is there, so that 0 is not what anybody has counted."""
        if "events" not in parts:
            return isinstance(parts[self._counted], Absent)
        (matcher,) = set(self.counted.matchers) - set(self.total.matchers)
        rows = parts["events"]
        return isinstance(rows, Samples) and all(
            (MARK, mark_of(matcher)) not in row.labels for row in rows.rows
        )

    def counter(self, by: tuple[str, ...]) -> Counter:
        """What makes events of parts that are known to be numbers."""
        split, name, counts_good = self._split(by), self._counted, self.counts_good
        mark = None if split is None else mark_of(split)

        def counts(parts: Rows) -> Counted:
            if mark is not None:
                counted, total = _parted(parts["events"], mark)
            else:
                counted = sum([value for _, value in parts[name]])
                total = sum([value for _, value in parts["total"]])
            counted = min(counted, total)
            good = counted if counts_good else total - counted
            return good, good, total

        return counts

    def _numbers(self, parts: Parts) -> tuple[float, float] | NoData | Unavailable:
        if "events" in parts:
            events = parts["events"]
            if isinstance(events, Absent):
                return too_few_samples(events)
            (matcher,) = set(self.counted.matchers) - set(self.total.matchers)
            return _parted([(row.labels, row.value) for row in events.rows], mark_of(matcher))
        total = count(parts["total"])
        if isinstance(total, NoData | Unavailable):
            return total
        counted = 0.0 if isinstance(parts[self._counted], Absent) else count(parts[self._counted])
        if isinstance(counted, NoData | Unavailable):
            return counted
        return counted, total


def _parted(rows: Iterable[tuple[Labels, float]], mark: str) -> tuple[float, float]:
    """(counted, all) events of an answer to a split question."""
    counted = total = 0.0
    for labels, value in rows:
        total += value
        if (MARK, mark) in labels:
            counted += value
    return counted, total
