"""Answers to the questions in which the daemon asks for two counts at once."""

from collections.abc import Mapping

from slo_daemon.core.slo.book import Entry
from slo_daemon.core.slo.query import (
    MARK,
    Absent,
    Failed,
    Reading,
    Sample,
    Samples,
    mark_of,
)
from slo_daemon.core.slo.sli import Ratio
from slo_daemon.core.slo.slo import Slo


def as_asked(slo: Slo, entry: Entry, parts: Mapping[str, Reading]) -> dict[str, Reading]:
    """Counts in the parts that they are asked in: a split question has one for both."""
    match slo.indicator:
        case Ratio(counts_good=counts_good) if "events" in entry.asks and "total" in parts:
            split = entry.asks["events"].split
            assert split is not None
            counted = parts.get("good" if counts_good else "bad", Absent(""))
            return {"events": _split_answer(counted, parts["total"], slo.group_by, mark_of(split))}
        case _:
            return {}


def _split_answer(counted: Reading, total: Reading, by: tuple[str, ...], mark: str) -> Reading:
    """What a split question answers, where two questions would have answered this."""
    for reading in (counted, total):
        if isinstance(reading, Failed):
            return reading
    if not isinstance(total, Samples):
        return total
    own = {row.labels: row.value for row in counted.rows} if isinstance(counted, Samples) else {}
    rows = []
    for row in total.rows:
        bad = own.get(row.labels, 0.0)
        other = "" if mark else "1"
        rows.append(Sample(tuple(sorted((*row.labels, (MARK, other)))), row.value - bad))
        if row.labels in own:
            rows.append(Sample(tuple(sorted((*row.labels, (MARK, mark)))), bad))
    return Samples("q", tuple(rows))
