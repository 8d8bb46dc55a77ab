"""A history in a Prometheus data folder, with its truth beside it. Made once and kept."""

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from bench.lines import Bytes, Ints, decimals, digits, lines
from bench.plan import BLOCK_HOURS, EDGES, HOUR, SCRAPE, HistoryPlan, service_name
from bench.promtool import BlockMaker
from bench.truth import Truth, load_truth, save_truth
from bench.world import TYPICAL_MS, Service, draw_events, make_service

REQUESTS, LATENCY = "http_requests_total", "http_request_duration_seconds"
FAILED_CODE = "500"
_LE = (*map(repr, EDGES), "+Inf")

Progress = Callable[[float, str], None]
"""Called with the share done, 0 to 1, and what is going on."""


@dataclass(frozen=True, slots=True)
class History:
    """`folder` is a Prometheus server's folder (its data in `data`); `about`: counts and sizes for the record."""

    plan: HistoryPlan
    folder: Path
    about: dict[str, Any]

    def truths(self) -> dict[str, Truth]:
        """The truth of every service by its name."""
        numbers = range(self.plan.services)
        return {service_name(n): load_truth(self.folder / "truth", self.plan, n) for n in numbers}


def make_history(plan: HistoryPlan, cache: Path, progress: Progress) -> History:
    """The history of this plan: the one in `cache`, or a new one. Raises ServerError when promtool is missing or fails."""
    folder = cache / f"history-{plan.key}"
    about = folder / "about.json"
    if not about.exists():
        begun = cache / f"unfinished-{plan.key}"
        for old in (folder, begun):
            shutil.rmtree(old, ignore_errors=True)
        made = _make(plan, begun, progress)
        (begun / about.name).write_text(json.dumps(made, indent=2) + "\n")
        begun.rename(folder)
    return History(plan, folder, json.loads(about.read_text()))


def _make(plan: HistoryPlan, folder: Path, progress: Progress) -> dict[str, Any]:
    started = monotonic()
    (folder / "truth").mkdir(parents=True)
    services = [make_service(plan, number) for number in range(plan.services)]
    writers = [_Writer(plan, service) for service in services]
    spans = list(_spans(plan))
    # Drawing is numpy's work outside of Python's lock, so one service is drawn while another is written.
    with BlockMaker(folder / "data") as blocks, ThreadPoolExecutor(1) as drawing:
        for number, (first, last) in enumerate(spans):
            text = folder / f"{number}.om"
            with text.open("wb") as file:
                for done, lump in enumerate(_ahead(drawing, writers, first, last)):
                    for part in lump:
                        file.write(part)
                    share = (number + (done + 1) / len(writers)) / len(spans)
                    progress(share, f"writing {plan.services} services, block {number + 1} of {len(spans)}")
                file.write(b"# EOF\n")
            blocks.add(text)
        progress(1.0, "waiting for the last blocks")
    for number, writer in enumerate(writers):
        save_truth(folder / "truth", number, *writer.truth())
    return {
        "services": plan.services,
        "hours": plan.hours,
        "series_per_service": plan.series_per_service,
        "samples": sum(writer.samples for writer in writers),
        "restarts_and_rollouts": sum(slot.resets.size for one in services for slot in one.slots),
        "incidents": sum(len(one.incidents) for one in services),
        "scrapes_failed_share": float(
            np.mean([slot.missed.mean() for one in services for slot in one.slots])
        ),
        "blocks": sum(1 for block in (folder / "data").iterdir() if block.is_dir()),
        "bytes_on_disk": sum(file.stat().st_size for file in (folder / "data").rglob("*") if file.is_file()),
        "seconds_to_make": round(monotonic() - started, 1),
    }


def _ahead(
    pool: ThreadPoolExecutor, writers: list["_Writer"], first: int, last: int
) -> Iterator[list[bytes]]:
    """What each writer writes of bins [first, last), the next one drawn while the last one is used."""
    waiting = pool.submit(writers[0].draw, first, last)
    for number, writer in enumerate(writers):
        events = waiting.result()
        if number + 1 < len(writers):
            waiting = pool.submit(writers[number + 1].draw, first, last)
        yield writer.write(first, *events)


def _spans(plan: HistoryPlan) -> Iterator[tuple[int, int]]:
    """[first, last) bin of every block."""
    block = BLOCK_HOURS * HOUR
    edge = plan.start
    while edge < plan.end:
        following = min(plan.end, (edge // block + 1) * block)
        yield (edge - plan.start) // SCRAPE, (following - plan.start) // SCRAPE
        edge = following


class _Writer:
    """Writes one service, span after span; keeps its counters from one to the next."""

    def __init__(self, plan: HistoryPlan, service: Service) -> None:
        self._plan = plan
        self._service = service
        columns = (len(EDGES) + 1 if plan.histograms else 1) + 1
        self._counted = np.zeros((len(service.slots), columns), dtype=np.int64)  # since the last reset
        self._truth: list[tuple[Ints, Ints, Ints]] = []
        self.samples = 0

    def draw(self, first: int, last: int) -> tuple[Ints, Ints]:
        return draw_events(self._service, self._plan, first, last)

    def truth(self) -> tuple[Ints, Ints, Ints]:
        """Requests, failed ones and requests by bucket, by bin, of everything that was written."""
        total, failed, buckets = (np.concatenate(part) for part in zip(*self._truth, strict=True))
        return total, failed, buckets

    def write(self, first: int, requests: Ints, failed: Ints) -> list[bytes]:
        """The text of the span that begins with bin `first`. Shapes as draw_events gives them."""
        buckets = requests.sum(axis=(0, 2))
        self._truth.append((buckets.sum(axis=1), failed.sum(axis=(0, 2)), buckets))
        counted = [
            self._scraped(
                number, first, np.concatenate([requests[number], failed[number][..., None]], axis=-1)
            )
            for number in range(len(self._service.slots))
        ]
        parts: list[bytes] = [b"# TYPE http_requests counter\n", *self._requests(first, counted)]
        if self._plan.histograms:
            parts += [f"# TYPE {LATENCY} histogram\n".encode(), *self._latencies(first, counted)]
        return parts

    def _scraped(self, number: int, first: int, events: Ints) -> Ints:
        """The counters at each bin's scrape: [bin, column]; columns are the buckets, and the failed requests last.

        `events` [bin, before or after the scrape, column].
        """
        bins = len(events)
        # what was counted since the last reset before the span, at the edge of each bin
        edges = np.concatenate(
            [[self._counted[number]], self._counted[number] + np.cumsum(events.sum(axis=1), axis=0)]
        )
        resets = self._service.slots[number].resets
        inside = resets[(resets >= first) & (resets < first + bins)] - first
        begun = np.concatenate([[np.zeros_like(edges[0])], edges[inside]])  # what a reset takes away
        latest = np.searchsorted(inside, np.arange(bins), side="right")
        self._counted[number] = edges[-1] - begun[-1]
        scraped: Ints = edges[:-1] + events[:, 0] - begun[latest]
        return scraped

    def _pieces(self, first: int, counted: list[Ints]) -> Iterator[tuple[str, Bytes, Ints]]:
        """What was scraped under each name of a pod: (pod, times, counters)."""
        for slot, values in zip(self._service.slots, counted, strict=True):
            for one in slot.generations:
                start, end = max(one.start, first), min(one.end, first + len(values))
                if start >= end:
                    continue
                seen = np.flatnonzero(~slot.missed[start:end]) + start
                times = (self._plan.start + seen * SCRAPE) * 1000 + round(one.phase * 1000)
                if seen.size:
                    yield one.pod, decimals(times), values[seen - first]

    def _requests(self, first: int, counted: list[Ints]) -> Iterator[bytes]:
        for pod, times, values in self._pieces(first, counted):
            bad = values[:, -1]
            good = values[:, :-1].sum(axis=1) - bad
            there = bad > 0 if self._service.lazy else np.ones(len(bad), dtype=np.bool_)
            yield self._series(REQUESTS, pod, 'code="200"', digits(good), times)
            if there.any():
                yield self._series(REQUESTS, pod, f'code="{FAILED_CODE}"', digits(bad[there]), times[there])

    def _latencies(self, first: int, counted: list[Ints]) -> Iterator[bytes]:
        for pod, times, values in self._pieces(first, counted):
            under = np.cumsum(values[:, :-1], axis=1)
            for at, le in enumerate(_LE):
                yield self._series(f"{LATENCY}_bucket", pod, f'le="{le}"', digits(under[:, at]), times)
            yield self._series(f"{LATENCY}_count", pod, "", digits(under[:, -1]), times)
            yield self._series(f"{LATENCY}_sum", pod, "", decimals(values[:, :-1] @ TYPICAL_MS), times)

    def _series(self, name: str, pod: str, label: str, values: Bytes, times: Bytes) -> bytes:
        self.samples += len(values)
        labels = f'service="{self._service.name}",pod="{pod}"' + (f",{label}" if label else "")
        return lines(f"{name}{{{labels}}}", values, times).tobytes()
