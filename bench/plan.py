"""What history is made: how many services, over how long, from which seed. Equal plans give equal histories."""

import hashlib
import json
from dataclasses import asdict, dataclass

HOUR = 3_600
DAY = 24 * HOUR
SCRAPE = 30  # seconds: each pod is scraped once in each bin, and truth is kept by bins
BLOCK_HOURS = 54  # a block length that Prometheus itself compacts to (2 h times 3^3), so that it leaves our blocks alone
PODS = 3  # of each service, at any time
EDGES = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)  # seconds; the +Inf bucket is one more

# The history ends at a fixed time (2026-10-01 00:00 UTC), so that everybody measures the same numbers.
END = 1_790_812_800

_MODEL = 1  # raise it with every change of the model: histories of older models are not used any more


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """`hours` of history of `services`; `histograms`: also latencies, 14 more series for each pod."""

    services: int
    hours: int = 31 * 24
    histograms: bool = True
    seed: int = 3
    end: int = END

    def __post_init__(self) -> None:
        if self.services < 1 or self.hours < 1:
            raise ValueError(
                f"a history needs at least one service and one hour, not {self.services} and {self.hours}"
            )

    @property
    def start(self) -> int:
        """Unix seconds."""
        return self.end - self.hours * HOUR

    @property
    def bins(self) -> int:
        return self.hours * HOUR // SCRAPE

    @property
    def series_per_service(self) -> int:
        """Live series: two codes for each pod, and its histogram."""
        return PODS * (2 + (len(EDGES) + 3 if self.histograms else 0))

    @property
    def key(self) -> str:
        """Names the history's folder."""
        text = json.dumps([_MODEL, asdict(self), SCRAPE, PODS, EDGES])
        return f"{self.services}x{self.hours}h-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def service_name(number: int) -> str:
    """The value of the label `service`."""
    return f"s{number:05}"
