"""What this daemon costs and says: real slots of the past, evaluated by its own code against the real Prometheus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.accuracy import Estimate
from bench.history import History
from bench.measure import AVAILABILITY, FULL, Bench, Row, Told

NOT_READY = "the engine is not built yet"


@dataclass(frozen=True, slots=True)
class DaemonMeasured:
    """`cost`: of one SLO and tick; `backfill`: of one SLO's 30 days; `growth`: of whole ticks with many SLOs.

    `said`: estimates by window. `quantiles`: seconds by (share, service), at the last evaluation time.
    """

    cost: Sequence[Row]
    backfill: Sequence[Row] = ()
    growth: Sequence[Row] = ()
    said: Mapping[str, Mapping[tuple[float, str], Estimate]] = field(default_factory=dict)
    quantiles: Mapping[tuple[float, str], float] = field(default_factory=dict)


def measure_daemon(bench: Bench, history: History, wide: Sequence[int], told: Told) -> DaemonMeasured:
    """`wide`: numbers of SLOs that whole ticks are measured with."""
    del bench, history, wide, told
    return DaemonMeasured(
        [{"approach": "slo-daemon", "set": name, "not_measured": NOT_READY} for name in (AVAILABILITY, FULL)]
    )
