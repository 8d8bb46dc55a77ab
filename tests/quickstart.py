"""The quick start as a play: its commands run one after the other, in one folder, and what they print.

`python -m tests.quickstart` writes what is printed now into docs/quickstart.md.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import requests

from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.demo.history import generate_history
from slo_daemon.demo.servers import PrometheusServer, find_binary, free_port
from slo_daemon.demo.service import SearchService
from slo_daemon.demo.traffic import Traffic
from tests.documents import DOCS, Block, blocks
from tests.e2e.world import wait_until
from tests.terminals import environment

PAGE = DOCS / "quickstart.md"
PROMETHEUS, DAEMON = "http://localhost:9090", "http://127.0.0.1:9750"
DAYS = 30.0
PATIENCE = 180.0  # seconds, for one step on a loaded machine


def pairs() -> list[tuple[Block, Block | None]]:
    """Each block that is run or started, with the block of its output."""
    found: list[tuple[Block, Block | None]] = []
    for block in (b for b in blocks() if b.page == PAGE):
        if block.info in (("sh", "run"), ("sh", "start")):
            found.append((block, None))
        elif block.info == ("text", "output"):
            found[-1] = (found[-1][0], block)
    return found


def play(folder: Path) -> Iterator[tuple[Block, Block | None, str]]:
    """Run everything against a real Prometheus with history; with the addresses of the page in the output."""
    with ExitStack() as stack:
        prometheus = stack.enter_context(world(folder / "world", stack))
        address = f"127.0.0.1:{free_port()}"
        here = environment(
            SLO_DAEMON_WEB_LISTEN=address,
            SLO_DAEMON_URL=f"http://{address}",
            SLO_DAEMON_EVALUATION_INTERVAL="5s",
        )
        here["PATH"] = f"{here['PATH']}{os.pathsep}{Path(find_binary('promtool')).parent}"
        here.pop("COLUMNS")
        desk = folder / "desk"
        desk.mkdir()
        for block, output in pairs():
            script = block.text.replace(PROMETHEUS, prometheus.url).replace(DAEMON, f"http://{address}")
            if block.info[1] == "start":
                log = stack.enter_context((folder / "daemon.log").open("wb"))
                daemon = subprocess.Popen(script.split(), cwd=desk, env=here, stdout=log, stderr=log)
                stack.callback(daemon.wait, 60)
                stack.callback(daemon.terminate)
                wait_until(lambda: settled(f"http://{address}"), PATIENCE, "a verdict")
                yield block, output, ""
                continue
            done = subprocess.run(
                ["sh", "-ec", script], cwd=desk, env=here, capture_output=True, text=True, timeout=PATIENCE
            )
            told = done.stdout + done.stderr
            assert done.returncode == 0, f"{block}: {told}"
            yield block, output, told.replace(prometheus.url, PROMETHEUS).replace(f"http://{address}", DAEMON)


def settled(daemon: str) -> bool:
    """Whether a slot was judged, and the past that budgets need was fetched."""
    gate = requests.get(f"{daemon}/api/v1/pilots/new-search/gates/promote", timeout=10).json()["gate"]
    slos = requests.get(f"{daemon}/api/v1/slos", timeout=10).json()["slos"]
    complete = {slo["budget"]["state"] for slo in slos if slo["budget"]} == {"complete"}
    return complete and gate["reason"] not in ("not_assessed", "stale")


def world(folder: Path, stack: ExitStack) -> PrometheusServer:
    """A Prometheus with the history of the demo's service, which goes on living."""
    now = SystemClock().now
    traffic = Traffic(7, pilot_start=now() - DAYS * 86_400)
    service = SearchService(now, traffic, first_incident_after=None)
    stack.callback(service.stop)
    prometheus = PrometheusServer(folder, targets={"search": service.address})
    labels = {"job": "search", "instance": service.address}
    history = generate_history(prometheus.data_folder, traffic=traffic, now=now(), labels=labels, days=DAYS)
    service.continue_from(history.totals, history.end)
    service.start()
    return prometheus


def shape(text: str) -> list[str]:
    """The words, with every number and time as one sign, and without how wide columns are."""
    plain = re.sub(r"\d[\d.,:TZ+-]*", "#", text)
    return re.sub(r"[─ ]+", " ", plain).split()


def main() -> None:
    """Write what is printed now into the page."""
    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for block, output, told in play(Path(folder)):
            if output is not None:
                lines = "".join(f"{line.rstrip()}\n" for line in told.splitlines())
                before = f"```sh run\n{block.text}```\n\n```text output\n{output.text}```\n"
                assert text.count(before) == 1, str(block)
                text = text.replace(before, before.replace(f"output\n{output.text}", f"output\n{lines}"))
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
