"""Short ways to write readings, for tests that say what Prometheus answered."""

from collections.abc import Mapping

from slo_daemon.core.slo.book import entry_of
from slo_daemon.core.slo.query import Absent, Reading, Sample, Samples
from slo_daemon.core.slo.slo import Slo
from tests.factories import all_readings


def number(value: float) -> Samples:
    """One row without labels."""
    return Samples("q", (Sample((), value),))


def buckets(counts: Mapping[str, float]) -> Samples:
    """Cumulative counts by `le`."""
    return Samples("q", tuple(Sample((("le", le),), count) for le, count in counts.items()))


def rows(label: str, values: Mapping[str, float]) -> Samples:
    """One row for each value of a label."""
    return Samples("q", tuple(Sample(((label, key),), value) for key, value in values.items()))


NOTHING = Absent("q")
FRESH = number(20.0)


def readings_of(slo: Slo, parts: Mapping[str, Reading], *, fresh: Reading = FRESH) -> dict[str, Reading]:
    """All readings of a slot: the value's parts, and every direct probe as `fresh`."""
    return all_readings(slo, {name: fresh for name in entry_of(slo).direct if name != "value"} | dict(parts))
