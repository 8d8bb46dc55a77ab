"""Prometheus and what speaks its query API: Thanos, Mimir, VictoriaMetrics.

`settings`: where it is and how to ask. `transport`: HTTP under one deadline. `client`: one request. `wire`: what an
answer says. `source`: the MetricSource.
"""

from slo_daemon.adapters.prometheus.settings import PrometheusSettings
from slo_daemon.adapters.prometheus.source import PrometheusSource

__all__ = ["PrometheusSettings", "PrometheusSource"]
