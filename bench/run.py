"""The benchmark from the history to the result, in one run: what is compared was measured on the same machine that minute."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

from bench.accuracy import (
    Estimates,
    compare,
    compare_quantiles,
    direct_estimates,
    direct_quantiles,
    pyrra_estimates,
    slo_generator_estimates,
    sloth_estimates,
    true_quantiles,
)
from bench.asking import Client, cpu_seconds
from bench.daemon import measure_daemon
from bench.driven import TICK
from bench.facts import machine, versions
from bench.goals import bench_goals
from bench.history import make_history
from bench.measure import Asked, Bench, measure_direct, measure_rules, measure_slo_generator
from bench.options import BenchOptions
from bench.plan import HOUR, HistoryPlan
from bench.progress import Steps
from bench.queries import LONG, WINDOWS
from bench.recorded import INTERVAL, make_recorded
from bench.slo_generator import SloGenerator, UnavailableError
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.demo.servers import PrometheusServer

_APART = 4 * HOUR  # between two evaluation times
_IDLE_SECONDS = 5.0


def run_bench(options: BenchOptions, cache: Path, steps: Steps) -> dict[str, Any]:
    """Everything that was measured, as the JSON result. Raises ServerError, QueryError."""
    started = monotonic()
    steps.step("history")
    history = make_history(HistoryPlan(options.services), cache, steps.update)
    truths = history.truths()
    with ExitStack() as stack:
        past = _serve(stack, history.folder)
        steps.step("recorded series")
        recorded = _serve(stack, make_recorded(history, past.client, steps.update))
        bench = Bench(
            services=range(options.services),
            few=range(min(options.few, options.services)),
            times=[history.plan.end - _APART * back for back in reversed(range(options.times))],
            cpu=options.cpu,
            history=past,
            recorded=recorded,
        )
        steps.step("costs")
        cost, windows = measure_direct(bench, steps.told)
        cost += measure_rules(bench, steps.told)
        tool = _slo_generator(cache, past)
        generated, reports = measure_slo_generator(tool, bench, steps.told)
        cost.append(generated)
        steps.step("slo-daemon")
        daemon = measure_daemon(bench, history, options.ticks, options.wide, steps.told)
        cost += daemon.cost

        steps.step("accuracy")
        said: dict[tuple[str, str], Estimates] = {}
        for window in WINDOWS:
            steps.told(f"direct queries over {window}")
            said["direct", window] = direct_estimates(past.client, window, bench.times)
        steps.told("recorded series")
        said["sloth", LONG] = sloth_estimates(recorded.client, bench.times)
        said["pyrra-subquery", LONG] = pyrra_estimates(recorded.client, bench.times)
        if reports:
            said["slo-generator", LONG] = slo_generator_estimates(reports)
        asked = {"slo-generator": len(reports), "slo-daemon": _within(bench.times, options.ticks)}
        said |= {("slo-daemon", window): estimates for window, estimates in daemon.said.items()}
        accuracy = [
            compare(
                approach, window, estimates, truths, options.services * asked.get(approach, options.times)
            )
            for (approach, window), estimates in said.items()
        ]
        steps.told("quantiles")
        quantiles = direct_quantiles(past.client, bench.times[-1])
        idle = _idle(past.pid)
    true = true_quantiles(truths, bench.services, bench.times[-1])
    compared = compare_quantiles("direct", "truth", quantiles, true)
    if daemon.quantiles:
        compared += compare_quantiles("slo-daemon", "truth", daemon.quantiles, true)
        compared += compare_quantiles("slo-daemon", "direct", daemon.quantiles, quantiles)
    result = {
        "command": " ".join(["make bench", *options.given]),
        "date": datetime.fromtimestamp(SystemClock().now(), UTC).date().isoformat(),
        "machine": machine(),
        "versions": {**versions(), **_version(tool)},
        "history": history.about,
        "evaluation_times": len(bench.times),
        "rules_interval": INTERVAL,
        "prometheus_idle_cpu_per_second": idle,
        "cost": cost,
        "windows": windows,
        "accuracy": accuracy,
        "quantiles": compared,
        "backfill": list(daemon.backfill),
        "growth": list(daemon.growth),
    }
    return {**result, "goals": bench_goals(result), "seconds": round(monotonic() - started)}


def _within(times: Sequence[float], ticks: int) -> int:
    """How many evaluation times the daemon comes through."""
    return sum(times[-1] - at < ticks * TICK for at in times)


def _serve(stack: ExitStack, folder: Path) -> Asked:
    """A running Prometheus on a folder of generated data; stopped with the stack."""
    server = stack.enter_context(PrometheusServer(folder))
    client = Client(server.address)
    stack.callback(client.close)
    return Asked(client, server.pid)


def _slo_generator(cache: Path, past: Asked) -> SloGenerator | None:
    python = cache / "slo-generator" / "bin" / "python"
    return SloGenerator(python.absolute(), past.client, past.pid) if python.exists() else None


def _version(tool: SloGenerator | None) -> dict[str, str]:
    try:
        return {"slo-generator": tool.version} if tool else {}
    except UnavailableError:
        return {}


def _idle(pid: int) -> float:
    """What Prometheus uses when nobody asks: it is part of every figure, and must be little."""
    before = cpu_seconds(pid)
    Event().wait(_IDLE_SECONDS)
    return (cpu_seconds(pid) - before) / _IDLE_SECONDS
