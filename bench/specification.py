"""The specifications that the daemon is measured with, as YAML like anybody's."""

from collections.abc import Iterator, Sequence

from bench.history import LATENCY, REQUESTS
from bench.plan import service_name

PART = 1_000  # SLOs in one document: a file may have 1 MiB
_HEAD = "apiVersion: slo-daemon/v1\nkind: Slos\nmetadata: {{name: {name}}}\nspec:\n  slos:\n"
_RATIO = """\
    - name: {service}
      sli:
        ratio:
          bad: '{metric}{{service="{service}",code=~"5.."}}'
          total: '{metric}{{service="{service}"}}'
      objective: {{at_least: 99.9%, warning: 99.9%, critical: 99.5%}}
      window: {window}
      budget: {{window: 30d}}
"""
_QUANTILE = """\
    - name: {service}-{quantile}-{window}
      sli:
        quantile: {{histogram: '{metric}{{service="{service}"}}', quantile: {quantile}}}
      objective: {{at_most: 1s, warning: 1s, critical: 5s}}
      window: {window}
"""


def ratios(services: Sequence[int], window: str = "5m") -> Iterator[tuple[str, str]]:
    """(file name, text): availability of 99.9 % with a budget over 30 days, one SLO for each service."""
    for number in range(0, len(services), PART):
        names = map(service_name, services[number : number + PART])
        slos = "".join(_RATIO.format(service=name, metric=REQUESTS, window=window) for name in names)
        document = f"availability-{window}-{number // PART}"
        yield f"{document}.yaml", _HEAD.format(name=document) + slos


def quantiles(services: Sequence[int], windows: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(file name, text): p95 and p99 of each service over these windows."""
    for number in range(0, len(services), PART):
        slos = "".join(
            _QUANTILE.format(service=service_name(one), metric=LATENCY, quantile=quantile, window=window)
            for one in services[number : number + PART]
            for quantile in ("p95", "p99")
            for window in windows
        )
        document = f"latency-{number // PART}"
        yield f"{document}.yaml", _HEAD.format(name=document) + slos
