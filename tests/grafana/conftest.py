"""A world that has everything: a service with a history and an outage, two documents of SLOs, and people who told something."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import yaml

from slo_daemon.adapters.daemon_api import DaemonApi
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.demo.history import generate_history
from slo_daemon.demo.servers import AlertmanagerServer, PrometheusServer
from slo_daemon.demo.service import SearchService
from slo_daemon.demo.traffic import Traffic
from slo_daemon.demo.voices import ratings_file
from tests.documents import ROOT
from tests.e2e.world import DaemonProcess

PILOT, KINDS = "ecommerce-semantic-search", "search-platform"
SCRAPE = 5.0  # seconds between scrapes, and between slots
DAYS = 2.0
SILENT = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


@dataclass
class Watched:
    """A daemon, and the Prometheus that it asks and that scrapes it."""

    prometheus: PrometheusServer
    daemon: DaemonProcess
    slos: dict[str, list[str]]  # names, by document


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    now, seed = SystemClock().now, 7
    with ExitStack() as stack:
        alertmanager = stack.enter_context(AlertmanagerServer(folder / "alertmanager", SILENT))
        traffic = Traffic(seed, pilot_start=now() - 30 * 86_400)
        service = SearchService(now, traffic, first_incident_after=None)
        stack.callback(service.stop)
        prometheus = PrometheusServer(
            folder / "prometheus", targets={"search": service.address}, scrape_interval=SCRAPE
        )
        history = generate_history(
            prometheus.data_folder,
            traffic=traffic,
            now=now(),
            labels={"job": "search", "instance": service.address},
            days=DAYS,
            fine_interval=SCRAPE,
        )
        service.continue_from(history.totals, history.end)
        service.start()
        stack.enter_context(prometheus)
        token = folder / "token"
        token.write_text("a-token-for-everything")
        daemon = DaemonProcess(
            folder / "daemon",
            prometheus=prometheus.url,
            spec={},
            tokens={"admin": {"file": str(token)}},
            evaluation={"interval": f"{SCRAPE:g}s", "verify": "5s"},
            alertmanager={"urls": [alertmanager.url], "resend": "5s"},
        )
        text = everything(now())
        daemon.write_spec(text)
        stack.callback(daemon.stop)
        daemon.start(ready_within=60.0)
        prometheus.targets["slo-daemon"] = daemon.address
        prometheus.reload()
        api = DaemonApi(daemon.url, token.read_text())
        stack.callback(api.close)
        api.add_incident(PILOT, {"title": "Searches fail", "severity": "critical"})
        api.import_file(PILOT, "feedback", ratings_file(seed, now()), "application/json", "ratings")
        outage = f"{service.url}/incident?kind=outage&seconds=1800"
        assert requests.post(outage, timeout=10).status_code == 202
        documents = list(yaml.safe_load_all(text))
        slos = {one["metadata"]["name"]: [slo["name"] for slo in one["spec"]["slos"]] for one in documents}
        yield Watched(prometheus, daemon, slos)


def everything(now: float) -> str:
    """The example pilot, begun 30 days ago, and the example of every kind of SLO."""
    start = datetime.fromtimestamp(now - 30 * 86_400, UTC).date()
    examples = (Path("ecommerce-search.yaml"), Path("all-kinds.yaml"))
    pilot, kinds = ((ROOT / "config" / "pilots" / file).read_text() for file in examples)
    return re.sub(r"(?m)^(\s*start:\s*)\d{4}-\d{2}-\d{2}", rf"\g<1>{start}", pilot, count=1) + "---\n" + kinds
