"""The simulated services: their traffic, incidents, restarts and rollouts, and the events that really happen.

Time is cut into bins of one scrape interval. A pod is scraped once in each bin, at its phase; pods start and end at the
edges of bins. So events are drawn twice for each bin, before and after the scrape, and both the counters that a scrape
sees and the truth of every span of whole bins are exact. What happens between a pod's last scrape and its end is seen
by no scrape: it is part of the truth.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.plan import DAY, EDGES, PODS, SCRAPE, HistoryPlan, service_name

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_RESTARTS_PER_DAY = 0.33  # of each pod
_ROLLOUTS_PER_DAY = 0.08  # of each service
_INCIDENTS_PER_DAY = 0.35  # of each service
_CUTTING = 0.3  # of the incidents cut the traffic
_CUT_TO = 0.3
_RUN = 4  # scrapes that fail in a row, at most

# What one request adds to `_sum`, in milliseconds: a value inside its bucket.
TYPICAL_MS = np.array([3, 7, 16, 36, 72, 160, 360, 720, 1600, 3600, 7200, 15000], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Incident:
    """In bins [start, end): shares of failing and of slow requests are added, traffic is multiplied."""

    start: int
    end: int
    failing: float
    slow: float
    traffic: float


@dataclass(frozen=True, slots=True)
class Generation:
    """A pod under one name, in bins [start, end), scraped `phase` seconds after each bin's start."""

    pod: str
    start: int
    end: int
    phase: float


@dataclass(frozen=True, slots=True)
class PodSlot:
    """One of a service's pods through time.

    `resets`: bins at whose start its counters begin at 0 (rollouts included). `missed`: bins whose scrape failed.
    """

    generations: tuple[Generation, ...]
    resets: Ints
    missed: Bools


@dataclass(frozen=True, slots=True)
class Service:
    """Everything about a service that was decided before its events are drawn.

    `lazy`: a pod exposes its counter of errors only once it had one. `calm`, `slow`: the share of requests in each bucket.
    """

    name: str
    per_second: float
    swing: float
    weekly: float
    phase: float
    failing: float
    lazy: bool
    calm: Floats
    slow: Floats
    incidents: tuple[Incident, ...]
    slots: tuple[PodSlot, ...]


def make_service(plan: HistoryPlan, number: int) -> Service:
    """The service with this number. The same plan and number give the same service."""
    rng = np.random.default_rng((plan.seed, number))
    name = service_name(number)
    median = 0.02 * 4 ** rng.random()
    spread = rng.uniform(0.7, 1.0)
    incidents = tuple(_incident(rng, plan.bins) for _ in range(rng.poisson(_INCIDENTS_PER_DAY * _days(plan))))
    return Service(
        name=name,
        per_second=5 * 40 ** rng.random(),
        swing=rng.uniform(0.5, 0.95),
        weekly=rng.uniform(0.0, 0.3),
        phase=rng.random(),
        failing=1e-4 * 6 ** rng.random(),
        lazy=number % 2 == 1,
        calm=_latencies(median, spread),
        slow=_latencies(median * rng.uniform(4, 8), spread),
        incidents=incidents,
        slots=_slots(rng, plan, name),
    )


def requests_per_second(service: Service, plan: HistoryPlan, bins: Ints) -> Floats:
    """Of the whole service, incidents included, in the middle of each bin."""
    days = (plan.start + (bins + 0.5) * SCRAPE) / DAY
    swing = 1 + service.swing * np.cos(2 * np.pi * (days - service.phase))
    week = 1 + service.weekly * np.cos(2 * np.pi * (days - 5) / 7)
    rate = service.per_second * swing * week
    for incident in service.incidents:
        rate[(bins >= incident.start) & (bins < incident.end)] *= incident.traffic
    return np.asarray(rate)


def draw_events(
    service: Service, plan: HistoryPlan, first: int, last: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What happens in bins [first, last): (requests by bucket, failed requests).

    Shapes: [slot, bin, 0 before or 1 after the scrape, bucket] and the same without buckets; one bucket where the plan has no
    histograms. The same span gives the same events.
    """
    bins = np.arange(first, last)
    rng = np.random.default_rng((plan.seed, int(service.name[1:]), first))
    rate = requests_per_second(service, plan, bins) / PODS
    failing, slow = np.full(bins.size, service.failing), np.zeros(bins.size)
    for incident in service.incidents:
        inside = (bins >= incident.start) & (bins < incident.end)
        failing[inside] += incident.failing
        slow[inside] += incident.slow
    slow = np.clip(slow, 0, 1)[:, None]
    shares = (1 - slow) * service.calm + slow * service.slow if plan.histograms else np.ones((bins.size, 1))
    before = np.stack([_phases(slot, first, last) for slot in service.slots])
    seconds = np.stack([before, SCRAPE - before], axis=-1)
    requests = rng.poisson((seconds * rate[:, None])[..., None] * shares[:, None, :])
    failed = rng.binomial(requests.sum(axis=-1), np.clip(failing, 0, 1)[:, None])
    return requests, failed


def _phases(slot: PodSlot, first: int, last: int) -> Floats:
    phases = np.empty(last - first)
    for one in slot.generations:
        phases[max(one.start - first, 0) : max(one.end - first, 0)] = one.phase
    return phases


def _days(plan: HistoryPlan) -> float:
    return plan.bins * SCRAPE / DAY


def _incident(rng: np.random.Generator, bins: int) -> Incident:
    start = int(rng.integers(bins))
    length = max(1, round(2 * 60 / SCRAPE * math.exp(rng.uniform(0.4, 3.8))))  # 3 minutes to 1.5 hours
    return Incident(
        start=start,
        end=min(bins, start + length),
        failing=0.01 * 20 ** rng.random(),
        slow=float(rng.choice([0.0, rng.uniform(0.05, 0.9)])),
        traffic=_CUT_TO if rng.random() < _CUTTING else 1.0,
    )


def _latencies(median: float, spread: float) -> Floats:
    """The share of requests in each bucket, for times that are log-normal."""
    under = [0.5 * (1 + math.erf(math.log(edge / median) / (spread * math.sqrt(2)))) for edge in EDGES]
    return np.diff(np.array(under), prepend=0.0, append=1.0)


def _slots(rng: np.random.Generator, plan: HistoryPlan, name: str) -> tuple[PodSlot, ...]:
    rollouts = np.sort(
        rng.choice(
            np.arange(1, plan.bins),
            size=min(plan.bins - 1, rng.poisson(_ROLLOUTS_PER_DAY * _days(plan))),
            replace=False,
        )
    )
    unreliable = rng.uniform(0.005, 0.02)
    slots = []
    for number in range(PODS):
        # A rollout replaces one pod after the other.
        edges = np.unique(np.clip([0, *(rollouts + 2 * number), plan.bins], 0, plan.bins))
        generations = tuple(
            Generation(
                pod=f"{name}-{rng.integers(16**4):04x}-{number}",
                start=int(start),
                end=int(end),
                phase=int(rng.integers(100, 1000 * SCRAPE - 100)) / 1000,
            )
            for start, end in pairwise(edges)
        )
        restarts = rng.integers(1, plan.bins, size=rng.poisson(_RESTARTS_PER_DAY * _days(plan)))
        resets = np.unique([*restarts, *edges[1:-1]]).astype(np.int64)
        missed = _missed(rng, plan.bins, unreliable)
        missed[resets[rng.random(resets.size) < 0.5]] = True  # it was not up again when it was scraped
        slots.append(PodSlot(generations, resets, missed))
    return tuple(slots)


def _missed(rng: np.random.Generator, bins: int, share: float) -> Bools:
    """Failed scrapes in runs of 1 to 4."""
    missed = np.zeros(bins, dtype=np.bool_)
    starts = np.flatnonzero(rng.random(bins) < share / ((1 + _RUN) / 2))
    lengths = rng.integers(1, _RUN + 1, size=starts.size)
    for run in range(_RUN):
        at = starts[lengths > run] + run
        missed[at[at < bins]] = True
    return missed
