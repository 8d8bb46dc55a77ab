"""The simulated search service as arithmetic: how much every series grows in a step of time.

One pure, seeded model feeds both the generated history and the live service, so that the counters of the one go on in
the other. Everything is vectorised over steps: a history is one call, a live tick is a call with a single step.

Control is a plain keyword search, treatment the semantic search under test. Treatment is a little slower, converts
better, and is the only one that incidents touch.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from slo_daemon.demo.incidents import Incident
from slo_daemon.demo.openmetrics import FloatArray, MetricKind, number_text

CONTROL, TREATMENT = "control", "treatment"
VARIANTS = (CONTROL, TREATMENT)
CODES = ("200", "404", "500", "503")

# Upper bucket edges in milliseconds. Every threshold of the pilot is one of them: an SLO threshold that is no bucket
# edge cannot be judged exactly.
EDGES_MS = (5, 10, 20, 30, 40, 45, 50, 60, 75, 90, 100, 150, 200, 500, 1000)
LE = tuple(number_text(edge) for edge in (*(ms / 1000 for ms in EDGES_MS), math.inf))
# What one request adds to the _sum, in seconds: a value inside its bucket.
_TYPICAL_SECONDS = np.array([3.5, 8, 15, 25, 35, 42, 47, 55, 67, 82, 95, 120, 172, 290, 700, 1200]) / 1000

# Share of requests at or under each edge; the rest lies beyond one second. Treatment has p95 42 ms and p99 84 ms, both
# clearly short of their warnings, so that a level is a piece of news.
_HEALTHY = {
    CONTROL: (
        0.03,
        0.15,
        0.56,
        0.86,
        0.955,
        0.966,
        0.973,
        0.981,
        0.987,
        0.9915,
        0.9945,
        0.9983,
        0.9993,
        0.99995,
        1,
    ),
    TREATMENT: (
        0.02,
        0.1,
        0.45,
        0.78,
        0.944,
        0.959,
        0.9665,
        0.9755,
        0.986,
        0.9927,
        0.9945,
        0.998,
        0.9991,
        0.9999,
        1,
    ),
}
_SLOW = (0.0, 0.0, 0.01, 0.03, 0.05, 0.06, 0.08, 0.11, 0.17, 0.25, 0.30, 0.50, 0.65, 0.97, 0.998)

_ERROR_SHARE = {CONTROL: 0.0006, TREATMENT: 0.0005}
_UNAVAILABLE = 0.6  # of the errors are 503, the others 500
_NOT_FOUND = 0.003
_ZERO_RESULTS = {CONTROL: 0.145, TREATMENT: 0.12}  # of all requests
_SUCCESSFUL = {CONTROL: 0.78, TREATMENT: 0.82}  # of all requests
# Of the exposed users. The lift of 17 % lies so far above the 15 % that are wanted that 30 days nearly always prove it.
_CONVERSION = {CONTROL: 0.03, TREATMENT: 0.03 * 1.17}
_REQUESTS_PER_NEW_USER = 40
_CACHE_HIT = 0.68
_QUALITY = 0.93

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family: `name` without the `_total` of its counters."""

    name: str
    kind: MetricKind
    help: str


@dataclass(frozen=True, slots=True)
class Column:
    """One series: the sample's name as it is scraped, and its labels without job and instance."""

    family: Family
    name: str
    labels: tuple[tuple[str, str], ...]


def _catalogue() -> Iterable[Column]:
    def counters(name: str, text: str, labels: Iterable[tuple[tuple[str, str], ...]]) -> Iterable[Column]:
        family = Family(name, MetricKind.COUNTER, text)
        return (Column(family, f"{name}_total", pairs) for pairs in labels)

    by_variant = [(("variant", variant),) for variant in VARIANTS]
    by_code = [(*pairs, ("code", code)) for pairs in by_variant for code in CODES]
    yield from counters("search_requests", "Search requests answered, by HTTP status code.", by_code)
    duration = Family(
        "search_request_duration_seconds",
        MetricKind.HISTOGRAM,
        "Time from search request to answer, in seconds.",
    )
    for pairs in by_variant:
        yield from (Column(duration, f"{duration.name}_bucket", (*pairs, ("le", le))) for le in LE)
        yield Column(duration, f"{duration.name}_count", pairs)
        yield Column(duration, f"{duration.name}_sum", pairs)
    yield from counters("search_successful", "Searches that led to an engagement with a result.", by_variant)
    yield from counters("search_zero_results", "Searches answered with an empty list of results.", by_variant)
    yield from counters("search_exposed_users", "Users who saw the variant, each counted once.", by_variant)
    yield from counters(
        "search_converted_users", "Exposed users who bought something, each counted once.", by_variant
    )
    hit_or_miss = [(("result", result),) for result in ("hit", "miss")]
    yield from counters("search_cache_requests", "Lookups in the result cache, by outcome.", hit_or_miss)
    quality = Family("search_embedding_quality", MetricKind.GAUGE, "Quality of the query embeddings, 0 to 1.")
    yield Column(quality, quality.name, ())


COLUMNS: tuple[Column, ...] = tuple(_catalogue())
_IS_GAUGE = np.array([column.family.kind is MetricKind.GAUGE for column in COLUMNS])


def columns(name: str, **labels: str) -> list[int]:
    """The indexes of the series with this name and these label values. Raises KeyError when there is none."""
    wanted = set(labels.items())
    found = [i for i, column in enumerate(COLUMNS) if column.name == name and wanted <= set(column.labels)]
    if not found:
        raise KeyError(f"no series {name} with {labels}")
    return found


def accumulate(totals: FloatArray, growth: FloatArray) -> FloatArray:
    """The values after each step: counters add up from `totals`, gauges are what the step says.

    Shapes: totals (columns,), growth (steps, columns) -> (steps, columns).
    """
    return np.where(_IS_GAUGE, growth, totals + np.cumsum(growth, axis=0))


@dataclass(frozen=True, slots=True)
class Traffic:
    """`ramp` holds (days since `pilot_start`, treatment's share of the traffic), ascending; 5 % before the start.

    540 requests a second on average give treatment at its 5 % step 20/s in the quietest hour: 6,000 in five minutes,
    twice what a claim of 99.9 % needs.
    """

    seed: int
    pilot_start: float
    requests_per_second: float = 540.0
    ramp: tuple[tuple[float, float], ...] = ((0, 0.05), (7, 0.10), (21, 0.15), (35, 0.20))

    def grow(self, edges: FloatArray, incidents: Sequence[Incident] = ()) -> FloatArray:
        """The growth of every counter in each step [edges[i], edges[i+1]), and every gauge at its end.

        Edges are unix seconds, ascending; the result has shape (len(edges) - 1, len(COLUMNS)). The same arguments give
        the same numbers.
        """
        begin, end = edges[:-1], edges[1:]
        middle = (begin + end) / 2
        rng = np.random.default_rng((self.seed, round(float(edges[0]) * 1000)))
        failing, slow = np.zeros(len(begin)), np.zeros(len(begin))
        for incident in incidents:
            overlap = incident.overlap(begin, end)
            failing += overlap * incident.error_share
            slow += overlap * incident.slow_share
        growth = np.zeros((len(begin), len(COLUMNS)))
        swing = _swing(middle)
        treated = self.treatment_share(middle)
        everyone = np.zeros(len(begin))
        untouched = np.zeros(len(begin))
        for variant, share in ((CONTROL, 1 - treated), (TREATMENT, treated)):
            requests = rng.poisson(self.requests_per_second * swing * share * (end - begin))
            hurt = (failing, slow) if variant == TREATMENT else (untouched, untouched)
            _grow_variant(growth, rng, variant, requests, swing, *hurt)
            everyone += requests
        hits = rng.binomial(everyone.astype(np.int64), _CACHE_HIT)
        growth[:, columns("search_cache_requests_total", result="hit")[0]] = hits
        growth[:, columns("search_cache_requests_total", result="miss")[0]] = everyone - hits
        quality = (
            _QUALITY
            + 0.01 * np.sin(2 * np.pi * middle / (5 * _DAY))
            - 0.1 * slow
            + rng.normal(0, 0.002, len(begin))
        )
        growth[:, columns("search_embedding_quality")[0]] = np.clip(quality, 0, 1).round(4)
        return growth

    def treatment_share(self, when: FloatArray) -> FloatArray:
        days, shares = np.array(self.ramp).T
        step = np.searchsorted(days, (when - self.pilot_start) / _DAY, side="right") - 1
        return np.asarray(shares[np.clip(step, 0, None)])


def _swing(when: FloatArray) -> FloatArray:
    """Traffic relative to its mean, 0.72 to 1.28: busiest at 20:00 UTC, a little more at the weekend."""
    daily = 0.25 * np.cos(2 * np.pi * (when / _DAY - 20 / 24))
    weekly = 0.03 * np.cos(2 * np.pi * (when / _DAY - 2.5) / 7)  # 1970-01-03, day 2, was a Saturday
    return np.asarray(1 + daily + weekly)


def _grow_variant(
    growth: FloatArray,
    rng: np.random.Generator,
    variant: str,
    requests: np.ndarray[tuple[int], np.dtype[np.int64]],
    swing: FloatArray,
    failing: FloatArray,
    slow: FloatArray,
) -> None:
    """Fill the variant's columns. Every request has one code and one duration, so the sums agree exactly."""

    def put(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]], name: str, **labels: str) -> None:
        growth[:, columns(name, variant=variant, **labels)] = values.reshape(len(requests), -1)

    errors = np.clip(_ERROR_SHARE[variant] + failing, 0, 1 - _NOT_FOUND)
    shares = [
        1 - errors - _NOT_FOUND,
        np.full_like(errors, _NOT_FOUND),
        errors * (1 - _UNAVAILABLE),
        errors * _UNAVAILABLE,
    ]
    codes = rng.multinomial(requests, np.column_stack(shares))
    put(codes, "search_requests_total")
    answered = codes[:, 0]

    # At quiet times treatment is a little faster: its durations mix with control's.
    quiet = 0.3 * np.clip((1.28 - swing) / 0.56, 0, 1)[:, None]
    healthy = (1 - quiet) * np.array(_HEALTHY[variant]) + quiet * np.array(_HEALTHY[CONTROL])
    ill = np.clip(slow, 0, 1)[:, None]
    under = (1 - ill) * healthy + ill * np.array(_SLOW)
    per_bucket = rng.multinomial(requests, np.diff(under, axis=1, prepend=0, append=1))
    put(np.cumsum(per_bucket, axis=1), "search_request_duration_seconds_bucket")
    put(requests, "search_request_duration_seconds_count")
    put((per_bucket @ _TYPICAL_SECONDS).round(6), "search_request_duration_seconds_sum")

    found_share = 1 - _ERROR_SHARE[variant] - _NOT_FOUND
    nothing = rng.binomial(answered, _ZERO_RESULTS[variant] / found_share)
    successful = _SUCCESSFUL[variant] / (found_share - _ZERO_RESULTS[variant])
    put(nothing, "search_zero_results_total")
    put(rng.binomial(answered - nothing, successful), "search_successful_total")
    exposed = rng.binomial(requests, 1 / _REQUESTS_PER_NEW_USER)
    put(exposed, "search_exposed_users_total")
    put(
        rng.binomial(exposed, _CONVERSION[variant] * (1 - np.clip(failing, 0, 1))),
        "search_converted_users_total",
    )
