"""Reading /metrics pages in tests."""

from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from slo_daemon.adapters.gauges import SelfMetrics
from slo_daemon.core.slo.query import FailReason
from tests.factories import (
    NOW,
)


def samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


def values(text: str, name: str, *keys: str) -> dict[object, float]:
    """The values of one metric by the given labels; by the SLO (or nothing) without any."""
    found: dict[object, float] = {}
    for sample in samples(text):
        if sample.name == name:
            key = tuple(sample.labels[k] for k in keys) if keys else sample.labels.get("slo")
            found[key[0] if isinstance(key, tuple) and len(key) == 1 else key] = sample.value
    return found


def one_hot(text: str, name: str, label: str, **labels: str) -> str:
    """The label value whose series is 1; fails when it is not exactly one."""
    (chosen,) = (
        sample.labels[label]
        for sample in samples(text)
        if sample.name == name and labels.items() <= sample.labels.items() and sample.value == 1.0
    )
    return chosen


def busy_self_metrics() -> SelfMetrics:
    """One of everything that can happen."""
    told = SelfMetrics(["am-1"])
    told.query_done(0.02, 400)
    told.query_done(0.03, None)
    told.query_failed(FailReason.TIMEOUT)
    told.source_up(up=False)
    told.clock_skew(-0.25)
    told.slots(scheduled=3, missed=2, failed=1)
    told.evaluation_took(0.4)
    told.heartbeat(NOW)
    told.backfill_missing(1_440)
    told.verified("agreed")
    told.window_drift("shop", "availability", 0.0004)
    told.store_failed("full")
    told.reload(ok=True, at=NOW)
    told.reload(ok=False, at=NOW + 5)
    told.report_written(NOW + 1)
    told.alerts_sent("am-1", 4)
    told.alerts_failed("am-1", 1)
    told.request("/metrics", 200)
    return told
