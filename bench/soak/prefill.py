"""Thirty days of hours in the store, as a daemon that ran so long would have left them there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from slo_daemon.adapters.gauges.self_metrics import NoTelemetry
from slo_daemon.core.slo.chunks import HOUR, SETTLE, floor
from slo_daemon.core.slo.feed import Feed
from slo_daemon.core.slo.query import MARK, Labels, mark_of
from slo_daemon.core.slo.slo import Slo
from slo_daemon.ports import Store
from slo_daemon.workflows.history import History

_PIECE = 24  # hours in one block, as the backfill asks for them
_REQUESTS = 250_000.0  # of a service in an hour
_FAILING = 4e-4


@dataclass(frozen=True, slots=True)
class _Row:
    labels: Labels
    times: Sequence[float]
    values: Sequence[float]


def prefill(
    store: Store, slos: Sequence[Slo], at: float, interval: float, told: Callable[[float], None]
) -> int:
    """Write all closed hours that these SLOs' windows reach at `at` (Unix seconds); how many hours there are.

    The daemon's own code makes the blocks of answers that look like Prometheus' own. `told`: the share that is done.
    """
    history = History(store, NoTelemetry(), interval)
    history.adopt(slos, at)
    last = floor(at - SETTLE, HOUR)
    count = history.reach.hours // HOUR
    rng = np.random.default_rng(11)
    for feed in history.feeds:
        found = _rows(feed)
        for newest in range(0, count, _PIECE):
            hours = min(_PIECE, count - newest)
            times = [last - HOUR * (newest + back) for back in range(hours - 1, -1, -1)]
            rows = [_Row(labels, times, rng.poisson(mean, hours).tolist()) for labels, mean in found]
            history.take_hours(feed, rows, times)
            told((newest + hours) / count)
    return count


def _rows(feed: Feed) -> list[tuple[Labels, float]]:
    """The rows that Prometheus answers a query with that tells failed requests from others, and their mean in an hour."""
    free, split = feed.query.free, feed.query.whole.split
    assert split is not None, "the soak's SLOs ask for failed and all requests at once"  # noqa: S101
    rows: list[tuple[Labels, float]] = []
    for value in sorted(feed.query.owners()):
        own: Labels = ((free, value),) if free else ()
        rows.append((own, _REQUESTS))
        rows.append((tuple(sorted((*own, (MARK, mark_of(split))))), _REQUESTS * _FAILING))
    return rows
