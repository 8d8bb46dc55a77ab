"""Prometheus and what speaks its query API: Thanos, Mimir, VictoriaMetrics.

`settings`: where it is and how to ask. `transport`: HTTP under one deadline. `client`: one request. `wire`: what every
answer has. `results`: its rows. `histograms`: native histograms as rows. `source`: the MetricSource.
"""

from slo_daemon.adapters.prometheus.settings import PrometheusSettings
from slo_daemon.adapters.prometheus.source import PrometheusSource

__all__ = ["PrometheusSettings", "PrometheusSource"]
