"""How a real VictoriaMetrics fails, and what is said of it. What it answers is in the contract of metric sources."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from slo_daemon.adapters.prometheus import PrometheusSource
from slo_daemon.adapters.prometheus_rules import RuleOptions, rule_text
from slo_daemon.core.slo.query import FailReason
from slo_daemon.demo.openmetrics import scrape_times, steady_counter, steady_gauge
from slo_daemon.ports import SourceError
from tests.adapters.conftest import SourceOf, World
from tests.programs import needs, program
from tests.victoria_metrics import VictoriaMetricsServer, victoria_metrics

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(
        victoria_metrics() is None,
        reason="victoria-metrics is not installed: tools/install-test-tools",
    ),
]


def failure(source: PrometheusSource, promql: str, deadline: float = 5.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.query(promql, time.time(), deadline)
    return caught.value


@pytest.fixture
def small(tmp_path: Path) -> Iterator[VictoriaMetricsServer]:
    """One that this test may kill, and that touches two series at most in a query."""
    with VictoriaMetricsServer(tmp_path, flags=["-search.maxUniqueTimeseries=2"]) as server:
        yield server


def test_a_wrong_path_is_told_as_one(victoria: World, source_of: SourceOf) -> None:
    error = failure(source_of(f"{victoria.url}/select/0"), "vector(1)")
    assert error.reason is FailReason.HTTP
    assert "no query API at this URL (400)" in error.detail
    source = source_of(f"{victoria.url}/prometheus")  # as a cluster has it; one node takes it too
    assert source.query("vector(1)", time.time(), 5.0).rows[0].value == 1.0


def test_a_limit_is_named(small: VictoriaMetricsServer, source_of: SourceOf) -> None:
    now = float(int(time.time()))
    small.load(
        steady_gauge("load", {"pod": str(n)}, scrape_times(now - 60, now, 15.0), 1.0) for n in range(3)
    )
    error = failure(source_of(small.url), "sum(avg_over_time(load[1m]))")
    assert (error.reason, error.permanent) == (FailReason.EXECUTION, True)
    error = failure(source_of(small.url), f'x{{a="{"x" * 16_384}"}}')
    assert (error.reason, error.permanent) == (FailReason.EXECUTION, True)
    assert "-search.maxQueryLen" in error.detail


def test_a_range_up_to_now_ends_with_what_is_true_now(
    small: VictoriaMetricsServer, source_of: SourceOf
) -> None:
    """In steps of less than a minute it repeats for its last half minute what held before, and leaves a single time out."""
    now = float(int(time.time()))
    small.load([steady_counter("events_total", {}, scrape_times(now - 3600, now, 5.0), 10.0)])
    source = source_of(small.url)
    for promql in ("sum(last_over_time(events_total[5s]))", "sum(increase(events_total[5m]))"):
        (true,) = source.query(promql, now, 10.0).rows
        for start, step in ((now, 1.0), (now, 300.0), (now - 60, 60.0), (now - 3000, 300.0)):
            (row,) = source.query_range(promql, start, now, step, 10.0).rows
            assert (row.times[-1], row.values[-1]) == (now, true.value)


def test_frozen_it_is_left_at_the_deadline_and_killed_it_cannot_be_connected_to(
    small: VictoriaMetricsServer, source_of: SourceOf
) -> None:
    source = source_of(small.url)
    small.freeze()
    assert failure(source, "vector(1)", 1.0).reason is FailReason.TIMEOUT
    small.thaw()
    small.kill()
    assert failure(source, "vector(1)").reason is FailReason.CONNECT
    small.start().wait_ready()
    assert source.query("vector(1)", time.time(), 5.0).rows[0].value == 1.0


@needs("vmalert")
def test_vmalert_takes_the_rules(tmp_path: Path) -> None:
    """Its version 1.79 does not know keep_firing_for; later ones do."""
    vmalert = program("vmalert")
    assert vmalert is not None
    rules = yaml.safe_load(rule_text(RuleOptions()))
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule.pop("keep_firing_for", None)
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(rules))
    command = [vmalert, "-dryRun", f"-rule={file}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    file.write_text(file.read_text().replace("expr:", "exprr:", 1))
    assert subprocess.run(command, capture_output=True, timeout=60).returncode != 0
