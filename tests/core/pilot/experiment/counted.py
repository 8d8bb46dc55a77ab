"""Counts of experiments for tests."""

from collections.abc import Sequence
from datetime import date, timedelta

from slo_daemon.core.pilot.experiment.strata import Arm, Stratum

FIRST = date(2026, 10, 23)


def day(
    number: int,
    treatment: tuple[float, float],
    control: tuple[float, float],
    share: float | None = None,
    buckets: Sequence[tuple[Arm, Arm]] = (),
) -> Stratum:
    """Day `number` (0 is the first), each variant as (exposed, converted)."""
    return Stratum(FIRST + timedelta(days=number), Arm(*treatment), Arm(*control), share, tuple(buckets))


# Kohavi, Tang and Xu, "Trustworthy Online Controlled Experiments" (2020), the example of Simpson's paradox: on both days
# more of treatment's users convert, and of all together fewer.
KOHAVI = (
    day(0, (10_000, 230), (990_000, 20_000)),
    day(1, (500_000, 6_000), (500_000, 5_000)),
)
