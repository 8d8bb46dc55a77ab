"""/metrics: a rendering of the current snapshot, and the daemon's own counters.

`table`: all exported names. `text`: the text format. `snapshot_text`: a snapshot as text. `self_metrics`: the daemon's own
counters. `page`: both together, rendered once for each snapshot.
"""

from slo_daemon.adapters.gauges.page import MetricsPage
from slo_daemon.adapters.gauges.self_metrics import CountingTelemetry, NoTelemetry, SelfMetrics
from slo_daemon.adapters.gauges.table import FAMILIES, Family, Kind

__all__ = ["FAMILIES", "CountingTelemetry", "Family", "Kind", "MetricsPage", "NoTelemetry", "SelfMetrics"]
