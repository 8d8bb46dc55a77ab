"""The kinds of indicators. One kind is one file and one line in the table KINDS.

Every kind says what it asks of a span of time, which of the answers proves that the data is fresh, which selectors that
stands for, and what its readings come to. Failed and stale readings never reach a kind: evaluation deals with them first.
"""

from slo_daemon.core.slo.sli.gauge import Gauge
from slo_daemon.core.slo.sli.histogram import LatencyShare, Quantile
from slo_daemon.core.slo.sli.ratio import Ratio
from slo_daemon.core.slo.sli.raw import Raw
from slo_daemon.core.slo.sli.throughput import Throughput

Indicator = Ratio | LatencyShare | Quantile | Gauge | Throughput | Raw

KINDS: dict[str, type[Indicator]] = {
    "ratio": Ratio,
    "latency": LatencyShare,
    "quantile": Quantile,
    "gauge": Gauge,
    "throughput": Throughput,
    "raw": Raw,
}

__all__ = ["KINDS", "Gauge", "Indicator", "LatencyShare", "Quantile", "Ratio", "Raw", "Throughput"]
