"""slo-daemon: evaluates SLOs from Prometheus and says whether a pilot rollout may widen."""

__version__ = "0.1.0"
