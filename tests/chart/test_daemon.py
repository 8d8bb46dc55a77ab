"""The rendered container does what it should: checked and run as a process, with its volumes as the kubelet mounts them."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
import yaml

from slo_daemon.demo.servers import PrometheusServer, free_port
from tests.chart.pod import Pod, write_volume
from tests.chart.rendering import SETS, needs_helm, objects, one
from tests.e2e.world import wait_until

pytestmark = needs_helm
SLOS = """\
apiVersion: slo-daemon/v1
kind: Slos
metadata: {{name: {name}}}
spec:
  slos:
    - name: availability
      sli: {{ratio: {{bad: 'r{{code="500"}}', total: r}}, as: good}}
      objective: {{at_least: 99.9%}}
      window: 5m
"""
SETTINGS = """\
apiVersion: slo-daemon/v1
kind: Settings
# An own file may name paths of another place: what depends on the pod comes from the chart.
specs: [elsewhere]
prometheus: {url: "http://127.0.0.1:9", timeout: 500ms}
evaluation: {interval: 1s}
store: {url: "sqlite:////elsewhere/slo-daemon.db"}
"""
CERTIFICATES = Path(requests.certs.where()).read_text()
GIVEN = {
    "search-pilots": {"search.yaml": SLOS.format(name="search")},
    "shop-pilots": {"shop.yaml": SLOS.format(name="shop")},
    "secret-pilots": {"secret.yaml": SLOS.format(name="secret")},
    "slo-daemon-settings": {"slo-daemon.yaml": SETTINGS},
    "slo-daemon-tokens": {"admin-token": "token-of-the-administrator", "incidents-token": "token-for-incidents", "other": "x"},
    "prometheus-token": {"token": "token-for-prometheus"},
    "prometheus-ca": {"ca.crt": CERTIFICATES, "bundle.pem": CERTIFICATES},
}  # fmt: skip
FAST = ("--set", "config.evaluation.interval=1s,config.evaluation.verify=0s,config.prometheus.timeout=500ms")
WAIT = 60.0


@pytest.fixture
def pod(tmp_path: Path) -> Callable[..., Pod]:
    def make(name: str, *arguments: str) -> Pod:
        found = Pod(objects(name, *arguments), tmp_path, GIVEN)
        found.mount()
        return found

    return make


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start(stack: ExitStack, pod: Pod, **more: str) -> str:
    """Where the rendered command listens, once its readiness probe passes."""
    child, url = pod.start(**more)
    stack.callback(child.stop, 25.0)
    probe = pod.container["readinessProbe"]["httpGet"]["path"]

    def ready() -> bool:
        assert child.exit_code is None, child.log_of_this_run()
        return requests.get(url + probe, timeout=5).ok

    wait_until(ready, WAIT, "the readiness probe passes")
    return url


def names(url: str) -> set[str]:
    return {slo["pilot"] for slo in requests.get(f"{url}/api/v1/slos", timeout=10).json()["slos"]}


@pytest.mark.parametrize("name", [name for name in SETS if name != "sidecar"])
def test_the_mounted_settings_and_pilots_are_good(pod: Callable[..., Pod], name: str) -> None:
    made = pod(name)
    result = subprocess.run(
        made.command("check", "--output", "json"), capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found = json.loads(result.stdout)
    wanted = {"minimal": 1, "everything": 2, "existing": 3, "ephemeral": 1}
    assert (found["slos"], [one for one in found["problems"] if one["severity"] == "error"]) == (
        wanted[name],
        [],
    )


def test_what_is_written_lies_in_the_state_volume(pod: Callable[..., Pod]) -> None:
    """And everything that is read lies in a mount that cannot be written."""
    made = pod("everything")
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in made.container["volumeMounts"]}
    paths = [v["value"].removeprefix("sqlite:///") for v in made.container["env"] if "/" in v["value"]]
    assert len(paths) == 8
    for path in paths:
        (read_only,) = {
            read_only
            for mount, read_only in mounts.items()
            if f"{path}/".startswith(f"{mount}/") or mount.startswith(f"{path}/")
        }
        assert read_only == (not path.startswith("/var/lib/slo-daemon"))


def test_the_port_is_the_one_that_the_daemon_listens_on() -> None:
    container = one(objects("minimal"), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    (listen,) = [v["value"] for v in container["env"] if v["name"] == "SLO_DAEMON_WEB_LISTEN"]
    (port,) = container["ports"]
    assert listen == f":{port['containerPort']}"
    service = one(objects("minimal"), "Service")["spec"]["ports"]
    assert [p["targetPort"] for p in service] == [port["name"]]
    assert {
        container[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    } == {port["name"]}


@pytest.mark.servers
@pytest.mark.slow
def test_the_rendered_command_starts_answers_its_probes_and_stops(
    pod: Callable[..., Pod], running: ExitStack
) -> None:
    made = pod(
        "everything",
        *FAST,
        "--set",
        f"config.prometheus.url=http://127.0.0.1:{free_port()},config.alertmanager.urls={{http://127.0.0.1:9}}",
    )
    url = start(running, made)
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert requests.get(url + made.container[probe]["httpGet"]["path"], timeout=10).status_code == 200, (
            probe
        )
    refused = requests.post(f"{url}/-/reload", timeout=10)
    taken = requests.post(
        f"{url}/-/reload", headers={"Authorization": "Bearer token-of-the-administrator"}, timeout=10
    )
    assert (refused.status_code, taken.status_code) == (401, 200)
    (monitor,) = one(made.objects, "ServiceMonitor")["spec"]["endpoints"]
    wait_until(
        lambda: (
            "slo_daemon_heartbeat_timestamp_seconds" in requests.get(url + monitor["path"], timeout=10).text
        ),
        WAIT,
        "a slot",
    )
    assert made.inside("/var/lib/slo-daemon/slo-daemon.db").exists()
    wait_until(made.inside("/var/lib/slo-daemon/reports/new-search").exists, WAIT, "the first report")


@pytest.mark.servers
@pytest.mark.slow
def test_pilots_change_while_the_daemon_runs_and_bad_ones_are_refused(
    pod: Callable[..., Pod], running: ExitStack
) -> None:
    """The kubelet renames one link of the mounted folder; no request, no restart."""
    made = pod("existing")
    url = start(running, made)
    assert names(url) == {"search", "shop", "secret"}
    volume = made.inside("/etc/slo-daemon/pilots/configmap-shop-pilots")
    write_volume(volume, {"shop.yaml": SLOS.format(name="new-shop"), "more.yaml": SLOS.format(name="more")})
    wait_until(
        lambda: names(url) == {"search", "new-shop", "more", "secret"}, WAIT, "the new pilots are in force"
    )
    write_volume(volume, {"shop.yaml": "kind: Slos\n"})
    wait_until(
        lambda: (
            "slo_daemon_config_last_reload_successful 0" in requests.get(f"{url}/metrics", timeout=10).text
        ),
        WAIT,
        "refused",
    )
    assert names(url) == {"search", "new-shop", "more", "secret"}
    assert "configmap-shop-pilots/shop.yaml" in made.log.read_text()


@pytest.mark.servers
@pytest.mark.slow
def test_the_helm_test_passes_beside_a_real_prometheus(
    pod: Callable[..., Pod], running: ExitStack, tmp_path: Path
) -> None:
    prometheus = running.enter_context(PrometheusServer(tmp_path / "prometheus"))
    made = pod("minimal", *FAST, "--set", f"config.prometheus.url={prometheus.url}")
    url = start(running, made)
    wait_until(
        lambda: "slo_daemon_source_up 1" in requests.get(f"{url}/metrics", timeout=10).text,
        WAIT,
        "Prometheus is asked",
    )
    (container,) = one(made.objects, "Pod")["spec"]["containers"]
    *command, asked = container["command"]
    assert (command[0], asked) == ("python", "http://slo-slo-daemon:9750/-/ready")
    result = subprocess.run(
        [sys.executable, *command[1:], f"{url}/-/ready"], capture_output=True, text=True, timeout=150
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.servers
@pytest.mark.slow
def test_the_files_that_the_sidecar_writes_are_read_and_their_names_say_where_they_come_from(
    pod: Callable[..., Pod], running: ExitStack
) -> None:
    """The sidecar's image is not run here: the file has the name that it gives with UNIQUE_FILENAMES."""
    made = pod("sidecar", *FAST, "--set", f"config.prometheus.url=http://127.0.0.1:{free_port()}")
    folder = made.inside("/etc/slo-daemon/pilots/sidecar")
    (folder / "namespace_shop.configmap_slos.shop.yaml").write_text(SLOS.format(name="shop"))
    url = start(running, made)
    assert names(url) == {"shop"}
    (folder / "namespace_search.configmap_slos.shop.yaml").write_text(SLOS.format(name="search"))
    wait_until(lambda: names(url) == {"shop", "search"}, WAIT, "the second file is in force")


def test_a_document_in_the_values_keeps_its_meaning(pod: Callable[..., Pod]) -> None:
    """Helm reads YAML as it sees fit: large numbers and dates are the ones that others have lost this way."""
    text = one(pod("everything").objects, "ConfigMap", "-pilots")["data"]["new-search.yaml"]
    spec = yaml.load(text, yaml.BaseLoader)["spec"]  # noqa: S506 - texts only
    assert spec["start"] == "2026-11-01"
    assert spec["slos"][1]["objective"]["at_least"] == "12345678"
