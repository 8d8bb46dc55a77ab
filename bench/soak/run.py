"""The soak: exporter, Prometheus, a store with thirty days in it, and the daemon as anybody would start it."""

import shutil
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import requests
import yaml

from bench.asking import Client, cpu_seconds
from bench.facts import machine, versions
from bench.goals import soak_goals
from bench.options import SoakOptions
from bench.progress import Steps
from bench.soak.exporter import SERIES
from bench.soak.prefill import prefill
from bench.soak.watch import SoakError, Watch, slots_of, summary
from bench.specification import ratios
from slo_daemon.adapters.database import DatabaseStore, SqliteFile
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.core.slo.chunks import HOUR, SETTLE, floor
from slo_daemon.demo.child import Child
from slo_daemon.demo.servers import LOOPBACK, PrometheusServer, free_port
from slo_daemon.spec import load

SCRAPE = 30
_BASE_SECONDS = 65.0  # in which Prometheus only scrapes, for comparison
_START_SECONDS = 600.0
_STOP_SECONDS = 25.0
_TAIL = 15


def run_soak(options: SoakOptions, cache: Path, steps: Steps) -> dict[str, Any]:
    """Everything that was watched, as the JSON result. Raises ServerError, SoakError."""
    folder = cache / "soak"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        steps.step("store with thirty days")
        settings, hours = _prepare(options, folder, steps)
        steps.step("exporter and Prometheus")
        exporter = _exporter(stack, options.slos, folder)
        prometheus = stack.enter_context(
            PrometheusServer(folder / "prometheus", targets={"soak": exporter}, scrape_interval=SCRAPE)
        )
        _first_scrape(prometheus, options.slos, steps)
        base = _base(prometheus.pid, steps)
        steps.step("daemon")
        address = _settings(settings, prometheus.url, options.interval, folder)
        began = monotonic()
        log = folder / "slo-daemon.log"
        daemon = Child([sys.executable, "-m", "slo_daemon", "run", "--config", str(settings)], log)
        stack.callback(daemon.stop, _STOP_SECONDS)
        watch = Watch(daemon, f"http://{address}", log, prometheus.pid, steps.told)
        try:
            watch.start(began, _START_SECONDS)
            steps.step("soak")
            first = SystemClock().now()
            watch.watch(options.minutes * 60)
            closed = _hours_closed(first, SystemClock().now())
        except (SoakError, OSError, requests.RequestException) as error:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL:])
            raise SoakError(f"{error}; the last lines of its log:\n{tail}") from error
        seen = summary(watch.seen, slots_of(log))
    return {
        "command": " ".join(["make soak", *options.given]),
        "date": datetime.fromtimestamp(SystemClock().now(), UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "slos": options.slos,
        "series": options.slos * SERIES,
        "interval": options.interval,
        "minutes": options.minutes,
        "hours_in_store": hours,
        "store_bytes": sum(file.stat().st_size for file in folder.glob("slo-daemon.db*")),
        "prometheus_cpu_per_second_before": base,
        "hours_closed": closed,
        "seen": seen,
        "goals": soak_goals(options.slos, seen),
    }


def _prepare(options: SoakOptions, folder: Path, steps: Steps) -> tuple[Path, int]:
    """(where the settings will be, hours in the store): the specification and the store."""
    specs = folder / "specs"
    specs.mkdir()
    texts = list(ratios(range(options.slos)))
    for name, text in texts:
        (specs / name).write_text(text)
    slos = load(texts, scrape_interval=SCRAPE).specification.slos
    file = SqliteFile(folder / "slo-daemon.db")
    try:
        hours = prefill(
            DatabaseStore(file),
            slos,
            SystemClock().now(),
            options.interval,
            lambda share: steps.update(share, "hours of chunks"),
        )
    finally:
        file.close()
    return folder / "settings.yaml", hours


def _settings(file: Path, prometheus: str, interval: int, folder: Path) -> str:
    """Writes the daemon's settings; where it will listen."""
    address = f"{LOOPBACK}:{free_port()}"
    settings = {
        "apiVersion": "slo-daemon/v1",
        "kind": "Settings",
        "specs": ["specs"],
        "prometheus": {"url": prometheus, "scrape_interval": f"{SCRAPE}s"},
        "evaluation": {"interval": f"{interval}s"},
        "store": {"url": f"sqlite:///{folder / 'slo-daemon.db'}"},
        "web": {"listen": address},
        "reports": {"folder": str(folder / "reports")},
        "logs": {"format": "json"},
    }
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    return address


def _hours_closed(first: float, last: float) -> int:
    """How many hours were over and settled in between: each is asked once, a slot later."""
    return floor(last - SETTLE, HOUR) // HOUR - floor(first - SETTLE, HOUR) // HOUR


def _exporter(stack: ExitStack, services: int, folder: Path) -> str:
    """A process of its own, so that it does not share Python's lock with whoever watches. Where it listens."""
    port = free_port()
    command = [sys.executable, "-m", "bench.soak.exporter", str(port), str(services)]
    child = Child(command, folder / "exporter.log")
    stack.callback(child.stop, 5.0)
    return f"{LOOPBACK}:{port}"


def _first_scrape(prometheus: PrometheusServer, services: int, steps: Steps) -> None:
    client = Client(prometheus.address)
    deadline = monotonic() + 3 * SCRAPE
    while monotonic() < deadline:
        found = client.at("count(http_requests_total)", SystemClock().now())
        if sum(found.values()) == services * SERIES:
            client.close()
            return
        steps.told("waiting for the first scrape")
        Event().wait(0.5)
    raise SoakError(f"Prometheus did not scrape {services * SERIES:,} series within {3 * SCRAPE} s")


def _base(pid: int, steps: Steps) -> float:
    """Prometheus' CPU seconds for each second while it only scrapes."""
    before, began = cpu_seconds(pid), monotonic()
    while monotonic() < began + _BASE_SECONDS:
        steps.told("what Prometheus uses without the daemon")
        Event().wait(1.0)
    return (cpu_seconds(pid) - before) / (monotonic() - began)
