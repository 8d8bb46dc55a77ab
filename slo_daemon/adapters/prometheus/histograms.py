"""A native histogram of an answer, as rows: one for each bucket, with the label `bucket` that says from where to where.

So whoever asks for buckets gets rows with labels, classic or native; classic ones are cumulative by `le`, these are not.
Multiply counts here, not in the query: Prometheus 2.42 hands a histogram that is multiplied by a number back as it was,
without a warning.
"""

from bisect import bisect
from functools import lru_cache
from math import fsum, inf, isclose, isfinite, isnan

import msgspec

from slo_daemon.adapters.prometheus.wire import fail, value_of
from slo_daemon.core.slo.query import FailReason, Labels

BUCKET = "bucket"  # the label
_CLOSE = 1e-6  # relative; servers add buckets up in another order than we do


class _Bucket(msgspec.Struct, array_like=True, gc=False):
    rule: int  # which edges belong to the bucket; they are never in two
    left: str
    right: str
    count: str


class Histogram(msgspec.Struct, gc=False):
    """What Prometheus tells of a native histogram: numbers as texts, buckets with their own counts."""

    count: str
    buckets: list[_Bucket] | None = None  # None: nothing was counted


def bucket_rows(labels: Labels, histogram: Histogram) -> dict[Labels, float]:
    """The count of each bucket, by the labels of its row. A histogram that counts nothing has one row, bucket="".

    Raises SourceError for one that cannot be told apart by bucket, or whose buckets are not all of its count.
    """
    place = bisect(labels, (BUCKET,))
    if place < len(labels) and labels[place][0] == BUCKET:
        fail(
            FailReason.SHAPE,
            f"a native histogram has a label {BUCKET} of its own: aggregate without it, as its buckets become that label",
        )
    before, after = labels[:place], labels[place:]
    buckets = histogram.buckets or []
    rows: dict[Labels, float] = {}
    for bucket in buckets:
        span = (BUCKET, f"{_edge(bucket.left)}:{_edge(bucket.right)}")
        rows[(*before, span, *after)] = value_of(bucket.count)
    if len(rows) < len(buckets):
        fail(FailReason.SHAPE, "a native histogram has the same bucket twice")
    count, held = value_of(histogram.count), fsum(rows.values())
    if not (isfinite(count) and isclose(count, held, rel_tol=_CLOSE, abs_tol=_CLOSE)):
        fail(
            FailReason.VALUE,
            f"a native histogram counts {count:g} events, but its buckets hold {held:g}: does the program observe NaN?",
        )
    return rows or {(*before, (BUCKET, ""), *after): 0.0}


@lru_cache(maxsize=16_384)  # a schema has some hundred edges, and rows have the same ones
def _edge(text: str) -> str:
    """The edge of a bucket; equal numbers have the same text."""
    number = value_of(text)
    if isnan(number):
        fail(FailReason.BAD_BODY, "the edge of a bucket is NaN")
    if abs(number) == inf:
        return "+Inf" if number > 0 else "-Inf"
    return repr(number + 0.0).removesuffix(".0")  # + 0.0 turns -0 into 0
