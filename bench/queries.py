"""What each way of evaluating SLOs asks of Prometheus, as PromQL.

The rules of Sloth and Pyrra are written here from the shapes that these projects publish; they are run as queries, as
their rules would be.
"""

from bench.history import FAILED_CODE, LATENCY, REQUESTS

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")
QUANTILES = (0.95, 0.99)
QUANTILE_WINDOWS = ("5m", "30d")
LONG = "30d"
SECONDS = {
    "5m": 300,
    "30m": 1800,
    "1h": 3600,
    "2h": 7200,
    "6h": 21600,
    "1d": 86400,
    "3d": 259200,
    "30d": 2592000,
}
RATIO_5M, INCREASE_5M = "slo:sli_error:ratio_rate5m", "http_requests:increase5m"  # recorded series
ANY_FAILED = 'code=~"5.."'


def direct_ratio(service: str, window: str) -> str:
    """The share of failed requests, asked over the whole window."""
    total = f'{REQUESTS}{{service="{service}"}}'
    failed = f'{REQUESTS}{{service="{service}",{ANY_FAILED}}}'
    return f"sum(increase({failed}[{window}])) / sum(increase({total}[{window}]))"


def direct_quantile(service: str, window: str, share: float) -> str:
    buckets = f'{LATENCY}_bucket{{service="{service}"}}'
    return f"histogram_quantile({share}, sum by (le) (increase({buckets}[{window}])))"


def grouped_totals(window: str) -> str:
    """The same sums for all services at once: total requests."""
    return f"sum by (service) (increase({REQUESTS}[{window}]))"


def grouped_failed(window: str) -> str:
    return f"sum by (service) (increase({REQUESTS}{{{ANY_FAILED}}}[{window}]))"


def sloth_window(service: str, window: str) -> str:
    """Sloth's recording rule of one short window."""
    total = f'{REQUESTS}{{service="{service}"}}'
    failed = f'{REQUESTS}{{service="{service}",{ANY_FAILED}}}'
    return f"(sum(rate({failed}[{window}]))) / (sum(rate({total}[{window}])))"


def sloth_long(service: str) -> str:
    """Sloth's rule of the SLO's whole window: the mean of the ratios that were recorded over 5 minutes each."""
    recorded = f'{RATIO_5M}{{service="{service}"}}[{LONG}]'
    return f"sum_over_time({recorded}) / count_over_time({recorded})"


def pyrra_classic(service: str) -> str:
    """Pyrra's rule of the SLO's whole window."""
    return f'sum by (code) (increase({REQUESTS}{{service="{service}"}}[{LONG}]))'


def pyrra_subquery(service: str) -> str:
    """The same with `performanceOverAccuracy`: sums of increases that were recorded over 5 minutes each."""
    return f'sum by (code) (sum_over_time({INCREASE_5M}{{service="{service}"}}[{LONG}:5m]))'


def recorded_increases() -> str:
    """What Prometheus records for Pyrra, and what Sloth's recorded ratios are quotients of, for all services."""
    return f"sum by (service, code) (increase({REQUESTS}[5m]))"


def is_failed(code: str) -> bool:
    return code == FAILED_CODE
