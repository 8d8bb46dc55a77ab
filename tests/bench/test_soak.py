"""What the soak stands on: an exporter that counts, a specification that loads, thirty days that the daemon finds."""

import json
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.goals import soak_goals
from bench.soak.exporter import SERIES, Pods
from bench.soak.prefill import prefill
from bench.soak.watch import Page, Watched, slots_of, summary
from bench.specification import PART, quantiles, ratios
from slo_daemon.adapters.gauges.self_metrics import NoTelemetry
from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.slo.chunks import HOUR, SETTLE, floor
from slo_daemon.spec import load
from slo_daemon.workflows.history import History

NOW = 1_790_000_000.0


def untold(share: float) -> None:
    """No progress is shown."""


def test_the_page_shows_every_counter_as_it_is() -> None:
    pods = Pods(7)
    for seconds in (0.0, 30.0, 86_400.0, 1e9):
        pods.grow(seconds)
        (family,) = text_string_to_metric_families(pods.text().decode())
        shown = [sample.value for sample in family.samples]
        assert shown == pods.counts.reshape(-1).tolist()
    assert len(shown) == 7 * SERIES
    assert len({tuple(sorted(sample.labels.items())) for sample in family.samples}) == len(shown)


def test_counters_only_grow_and_some_requests_fail() -> None:
    pods = Pods(200)
    before = pods.counts.copy()
    for _ in range(20):
        pods.grow(30)
        assert np.all(pods.counts >= before)
        before = pods.counts.copy()

    failed, good = pods.counts[..., 1].sum(), pods.counts[..., 0].sum()
    assert 1e-4 < failed / (failed + good) < 1e-2


def test_specifications_load_without_a_warning_and_in_parts() -> None:
    texts = [*ratios(range(PART + 1)), *quantiles(range(2), ("5m", "30d"))]
    loaded = load(texts)

    assert len(texts) == 3
    assert len(loaded.specification.slos) == PART + 1 + 2 * 2 * 2
    assert loaded.warnings == ()


def test_a_prefilled_store_lacks_no_hour() -> None:
    store, slos = MemoryStore(), load(list(ratios(range(3)))).specification.slos
    count = prefill(store, slos, NOW, 30, untold)
    history = History(store, NoTelemetry(), 30)
    history.adopt(slos, NOW)
    last = floor(NOW - SETTLE, HOUR)

    wanted, there = history.progress([last - HOUR * back for back in range(count)])

    assert (wanted, there) == (3 * count, 3 * count)
    assert count >= 30 * 24


def page(seconds: float, missed: float) -> Page:
    return Page(
        seconds,
        1000,
        {"slo_daemon_evaluations_missed_total": missed, "slo_daemon_queries_total": 10 * seconds},
    )


def test_the_first_slot_is_told_apart_from_the_others(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = [{"event": "slot_evaluated", "seconds": seconds, "not_ok": 0} for seconds in (9.0, 1.0, 2.0, 3.0)]
    log.write_text("\n".join(["no json", *map(json.dumps, lines), '{"event": "started"}']))
    seen = Watched(watched=60.0, pages=[page(1.0, 0), page(3.0, 1)], resident=[1, 5, 7], most_resident=9)

    found = summary(seen, slots_of(log))

    assert (found["first_slot"], found["slots"], found["slot_median"], found["slot_max"]) == (
        9.0,
        3,
        2.0,
        3.0,
    )
    assert (found["missed"], found["queries"], found["resident_max"]) == (1, 20, 9)


def test_a_missed_slot_and_a_slow_one_miss_their_goals() -> None:
    verdicts = [goal["verdict"] for goal in soak_goals(1_000, {"missed": 1, "slot_p95": 0.2})]
    assert verdicts == ["missed", "reached"]
    assert [goal["verdict"] for goal in soak_goals(1_000, {"missed": 0, "slot_p95": 0.4})] == [
        "reached",
        "missed",
    ]
    assert soak_goals(1_000, {})[0]["verdict"] == "not measured"


@pytest.mark.parametrize("services", [1, 10_000])
def test_all_lines_of_the_page_have_one_length(services: int) -> None:
    lines = {len(line) for line in Pods(services).text().splitlines()[2:]}
    assert len(lines) == 1
