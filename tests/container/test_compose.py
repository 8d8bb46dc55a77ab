"""compose.yaml: what it says, whether its files fit together, and the same commands with the same files on loopback.

Images are not pulled and no engine runs here: Debian's Prometheus and Alertmanager stand for theirs, and this checkout for the
image of slo-daemon. Grafana is only looked at.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from slo_daemon.demo.child import Child
from slo_daemon.demo.servers import find_binary, free_port
from tests.container.dockerfile import copies
from tests.container.test_dockerfile import LAST, ROOT
from tests.e2e.world import wait_until

TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SETTINGS = Path("/etc/slo-daemon/slo-daemon.yaml")
WAIT = 120.0  # seconds; a slot waits for two scrapes of 15 s
OURS = ("search", "slo-daemon")


def mounts(service: str) -> list[tuple[str, str, str]]:
    """Source, target and mode of each volume."""
    found = []
    for text in SERVICES[service].get("volumes", []):
        source, target, mode = [*text.split(":"), ""][:3]
        found.append((source, target, mode))
    return found


def compose_program() -> list[str] | None:
    """The plugin of docker, or Debian's docker-compose. `config` needs no engine."""
    plugin = ["docker", "compose"]
    if shutil.which("docker") and subprocess.run([*plugin, "version"], capture_output=True).returncode == 0:
        return plugin
    return ["docker-compose"] if shutil.which("docker-compose") else None


def test_compose_itself_takes_the_file() -> None:
    program = compose_program()
    if program is None:
        pytest.skip("neither docker compose nor docker-compose is installed: apt-get install docker-compose")
    result = subprocess.run(
        [*program, "--file", str(ROOT / "compose.yaml"), "config"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert yaml.safe_load(result.stdout)["services"].keys() == SERVICES.keys()


def test_every_mounted_file_exists_and_cannot_be_written() -> None:
    for service in SERVICES:
        for source, target, mode in mounts(service):
            assert target.startswith("/")
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
                assert mode == "ro", source
            else:
                assert source in COMPOSE["volumes"]
    named = {
        source for service in SERVICES for source, _, _ in mounts(service) if not source.startswith("./")
    }
    assert named == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_locked_down_pinned_and_looked_after(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", service["image"])
    assert "privileged" not in service
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port), "only this machine reaches it"
    assert "healthcheck" in service or (name == "slo-daemon" and LAST.of("HEALTHCHECK"))


def test_the_state_that_must_survive_is_on_the_volume_of_the_image() -> None:
    targets = {target for source, target, _ in mounts("slo-daemon") if source in COMPOSE["volumes"]}
    assert targets == set(LAST.last("VOLUME").exec_form())


def test_pilots_are_mounted_where_the_image_looks_for_them() -> None:
    (settings,) = [target for _, _, target in copies(LAST) if target.endswith(".yaml")]
    assert Path(settings) == SETTINGS
    specs = yaml.safe_load((ROOT / "config/container/slo-daemon.yaml").read_text())["specs"]
    (pilot,) = [target for source, target, _ in mounts("slo-daemon") if source.startswith("./")]
    assert Path(pilot).parent in [SETTINGS.parent / spec for spec in specs]


def test_the_daemon_is_told_how_often_prometheus_scrapes() -> None:
    told = SERVICES["slo-daemon"]["environment"]["SLO_DAEMON_PROMETHEUS_SCRAPE_INTERVAL"]
    configuration = yaml.safe_load((ROOT / "config/compose/prometheus.yaml").read_text())
    assert configuration["global"]["scrape_interval"] == told


@dataclass
class Here:
    """The services on this machine: a folder for each volume, and a loopback port for each port of a container."""

    folder: Path
    ports: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for service, port in (
            ("search", "8000"), ("slo-daemon", "9750"), ("prometheus", "9090"), ("alertmanager", "9093"),
        ):  # fmt: skip
            self.ports[service, port] = free_port()

    def url(self, service: str) -> str:
        (port,) = [here for (name, _), here in self.ports.items() if name == service]
        return f"http://127.0.0.1:{port}"

    def named(self, text: str) -> str:
        """`service:port` as it is reached here."""
        for (service, port), here in self.ports.items():
            text = re.sub(rf"(?<![\w.-]){service}:{port}\b", f"127.0.0.1:{here}", text)
        return text

    def laid_out(self, service: str) -> None:
        """Its volumes as folders, and copies of what is mounted from the checkout, with names and paths as here."""
        for source, target, _ in mounts(service):
            place = self.folder / service / target.strip("/")
            if source.startswith("./"):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(self.placed(service, self.named((ROOT / source).read_text())))
            else:
                place.mkdir(parents=True, exist_ok=True)
        state = self.folder / service / LAST.last("WORKDIR").rest.strip("/")
        state.mkdir(parents=True, exist_ok=True)

    def placed(self, service: str, text: str) -> str:
        """Mounted paths as they are here."""
        targets = "|".join(re.escape(target) for _, target, _ in mounts(service))
        if not targets:
            return text
        here = str(self.folder / service)
        return re.sub(rf"(?<![\w./-])({targets})(?![\w.-])", lambda match: here + match[1], text)

    def command(self, service: str) -> list[str]:
        """What the service runs, with its own words."""
        words = [self.named(self.placed(service, word)) for word in SERVICES[service].get("command", [])]
        match service:
            case "prometheus" | "alertmanager":
                address = self.url(service).removeprefix("http://")
                return [find_binary(service), *words, f"--web.listen-address={address}"]
            case "search":
                address = self.url("search").removeprefix("http://")
                return [sys.executable, "-m", "slo_daemon", *[address if w == ":8000" else w for w in words]]
            case _:
                return [sys.executable, "-m", "slo_daemon", *(words or LAST.last("CMD").exec_form())]

    def environment(self, service: str) -> dict[str, str]:
        """Of the container: the image's, and that of compose.yaml, where unset variables of the caller are empty."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("SLO_DAEMON_")}
        for name, value in SERVICES[service].get("environment", {}).items():
            ours[name] = self.named(re.sub(r"\$\{\w+:-\}", "", str(value)))
        if service in OURS:
            settings = self.folder / service / str(SETTINGS).strip("/")
            settings.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "config/container/slo-daemon.yaml", settings)
            ours["SLO_DAEMON_CONFIG"] = str(settings)
            ours["SLO_DAEMON_WEB_LISTEN"] = self.url("slo-daemon").removeprefix("http://")
        return ours

    @contextmanager
    def running(self, service: str) -> Iterator[Path]:
        """The service's log."""
        self.laid_out(service)
        command, environment = self.command(service), self.environment(service)
        state = self.folder / service / LAST.last("WORKDIR").rest.strip("/")
        log = self.folder / f"{service}.log"
        clean = [
            "/usr/bin/env",
            "-i",
            "-C",
            str(state),
            *(f"{k}={v}" for k, v in environment.items()),
            *command,
        ]
        child = Child(clean, log)
        try:
            yield log
        finally:
            child.stop(20.0)


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def test_alertmanager_and_prometheus_take_their_configurations(here: Here) -> None:
    for service, check, suffix in (
        ("prometheus", [find_binary("promtool"), "check", "config"], "etc/prometheus/prometheus.yaml"),
        ("alertmanager", [find_binary("amtool"), "check-config"], "etc/alertmanager/alertmanager.yaml"),
    ):
        here.laid_out(service)
        file = here.folder / service / suffix
        result = subprocess.run([*check, str(file)], capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "FAILED" not in result.stdout + result.stderr


def test_the_daemons_own_check_takes_its_settings_and_the_pilot(here: Here) -> None:
    here.laid_out("slo-daemon")
    environment = here.environment("slo-daemon")
    result = subprocess.run(
        [sys.executable, "-m", "slo_daemon", "check", "--config", environment["SLO_DAEMON_CONFIG"]],
        env=environment, cwd=here.folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_links_in_the_head_are_the_published_ports() -> None:
    head = TEXT.partition("services:")[0]
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert f"http://localhost:{port.split(':')[1]}" in head


@pytest.mark.servers
@pytest.mark.slow
def test_the_same_commands_with_the_same_files_measure_the_simulated_service(here: Here) -> None:
    """Every SLO gets data, Prometheus scrapes both and evaluates the rules, and Alertmanager gets the watchdog."""

    def asked(service: str, path: str) -> Any:
        try:
            answer = requests.get(here.url(service) + path, timeout=10)
        except requests.ConnectionError:
            return None
        return answer.json() if answer.ok else None

    def measured() -> bool:
        answer = asked("slo-daemon", "/api/v1/slos")
        states = [slo["data_state"] for slo in answer["slos"]] if answer else []
        return len(states) == 4 and set(states) == {"ok"}

    def fired() -> bool:
        alerts = asked("alertmanager", "/api/v2/alerts") or []
        return "SLOWatchdog" in {alert["labels"]["alertname"] for alert in alerts}

    def scraped() -> bool:
        answer = asked("prometheus", "/api/v1/targets?state=active")
        targets = answer["data"]["activeTargets"] if answer else []
        return {t["labels"]["job"]: t["health"] for t in targets} == {"search": "up", "slo-daemon": "up"}

    with ExitStack() as stack:
        logs = [stack.enter_context(here.running(name)) for name in ("search", "alertmanager", "prometheus", "slo-daemon")]  # fmt: skip
        try:
            wait_until(scraped, WAIT, "Prometheus scrapes both")
            wait_until(measured, WAIT, "every SLO has data")
            wait_until(fired, WAIT, "the watchdog reaches Alertmanager")
        except AssertionError as error:
            tails = "\n".join(f"{log}:\n{log.read_text()[-3000:]}" for log in logs)
            raise AssertionError(f"{error}\n{tails}") from None
        rules = asked("prometheus", "/api/v1/rules")
        health = {rule["health"] for group in rules["data"]["groups"] for rule in group["rules"]}
        assert health <= {"ok", "unknown"}  # unknown: not evaluated yet
        line = json.loads((here.folder / "slo-daemon.log").read_text().splitlines()[0])
        assert "event" in line
