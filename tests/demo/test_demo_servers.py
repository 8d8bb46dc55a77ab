import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from slo_daemon.demo import servers
from slo_daemon.demo.child import Child
from slo_daemon.demo.servers import (
    AlertmanagerServer,
    ProgramMissingError,
    PrometheusServer,
    ServerError,
    find_binary,
)
from slo_daemon.demo.service import SearchService
from slo_daemon.demo.traffic import Traffic
from slo_daemon.demo.webhook import WebhookReceiver

pytestmark = pytest.mark.servers

Ask = Callable[..., float]
Until = Callable[..., Any]

QUIET = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


def process_exists(pid: int) -> bool:
    """A zombie whose parent has yet to reap it counts as gone."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def port_is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def port_of(server: servers.Server) -> int:
    return int(server.address.rpartition(":")[2])


@pytest.mark.parametrize("program", ["prometheus", "promtool", "alertmanager", "amtool"])
def test_programs_are_found_under_their_usual_names(program: str) -> None:
    assert os.access(find_binary(program), os.X_OK)


def test_a_missing_program_is_reported_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ProgramMissingError, match="apt-get install prometheus prometheus-alertmanager"
    ) as caught:
        find_binary("alertmanager")
    assert "PATH has no prometheus-alertmanager or alertmanager" in str(caught.value)


def test_nothing_runs_and_no_port_is_open_after_stop(tmp_path: Path) -> None:
    with (
        PrometheusServer(tmp_path / "p") as prometheus,
        AlertmanagerServer(tmp_path / "a", QUIET) as alertmanager,
    ):
        both = [(server.pid, port_of(server)) for server in (prometheus, alertmanager)]
        assert all(process_exists(pid) and port_is_open(port) for pid, port in both)
    assert not any(process_exists(pid) or port_is_open(port) for pid, port in both)
    prometheus.stop()
    assert not prometheus.running


def test_a_killed_prometheus_comes_back_on_its_port_with_its_data(
    tmp_path: Path, ask: Ask, until: Until
) -> None:
    service = SearchService(time.time, Traffic(7, time.time()))
    prometheus = PrometheusServer(tmp_path, targets={"search": service.address}, scrape_interval=0.2)
    with service, prometheus:
        url = prometheus.url
        until(lambda: ask(url, "sum(count_over_time(up[1m])) or vector(0)") >= 3, 10)
        before = time.time()
        prometheus.kill()
        assert not prometheus.running
        with pytest.raises(ServerError, match="prometheus is not running"):
            prometheus.freeze()

        prometheus.start().wait_ready()
        assert prometheus.url == url
        prometheus.restart().wait_ready()
        assert prometheus.url == url
        assert ask(url, "count_over_time(up[1m])", before) >= 3


def test_a_frozen_server_is_silent_answers_when_thawed_and_stops_promptly_when_frozen_again(
    tmp_path: Path,
) -> None:
    with PrometheusServer(tmp_path) as prometheus:
        prometheus.freeze()
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{prometheus.url}/-/ready", timeout=0.5)
        prometheus.thaw()
        assert requests.get(f"{prometheus.url}/-/ready", timeout=5).ok
        prometheus.freeze()
        begun = time.monotonic()
        prometheus.stop()
        assert time.monotonic() - begun < 10
        assert not prometheus.running


def test_a_server_which_dies_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="died with exit code") as caught:
        PrometheusServer(tmp_path, flags=["--no-such-flag"]).start()
    assert "no-such-flag" in str(caught.value)
    assert str(tmp_path / "prometheus.log") in str(caught.value)


def test_a_configuration_that_is_refused_is_reported_and_the_old_one_stays(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: []\n")
    with PrometheusServer(tmp_path / "p", rule_files=[rules]) as prometheus:
        prometheus.reload()
        rules.write_text("groups: [{name: x, rules: [{record: a, expr: 'sum('}]}]\n")
        with pytest.raises(ServerError, match="prometheus refused its new configuration: "):
            prometheus.reload()
        assert prometheus.running
        prometheus.rule_files.append(tmp_path / "absent.yml")
        with pytest.raises(ServerError, match=r"rule files do not exist: .*absent\.yml"):
            prometheus.reload()


def test_a_port_that_was_taken_meanwhile_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        thief.listen()
        taken, free = thief.getsockname()[1], servers.free_port()
        offered = iter([taken, free])
        monkeypatch.setattr(servers, "free_port", lambda: next(offered))
        with AlertmanagerServer(tmp_path, QUIET) as alertmanager:
            assert port_of(alertmanager) == free


def test_a_process_that_just_ended_owns_no_port_though_another_answers_there() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ended = subprocess.Popen(["true"])
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # over, and not reaped
        try:
            assert not servers._owns_listener(ended.pid, other.getsockname()[1])
        finally:
            ended.wait()


def test_a_child_survives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    prometheus = PrometheusServer(tmp_path)
    starter = threading.Thread(target=prometheus.start)
    starter.start()
    starter.join()
    try:
        prometheus.wait_ready()
        time.sleep(0.5)
        assert prometheus.running
    finally:
        prometheus.stop()


def test_children_die_with_a_parent_that_is_killed(tmp_path: Path, until: Until) -> None:
    program = f"""
import threading, time
from pathlib import Path
from slo_daemon.demo.servers import AlertmanagerServer, PrometheusServer
made = [PrometheusServer(Path({str(tmp_path / "p")!r})), AlertmanagerServer(Path({str(tmp_path / "a")!r}), {QUIET!r})]
starter = threading.Thread(target=lambda: [server.start().wait_ready() for server in made])
starter.start()
starter.join()
print(*(server.pid for server in made), flush=True)
threading.Event().wait(60)
"""
    pids: list[int] = []
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            pids += [int(word) for word in parent.stdout.readline().split()]
            assert len(pids) == 2
            assert all(process_exists(pid) for pid in pids)
        finally:
            parent.send_signal(signal.SIGKILL)
    try:
        until(lambda: not any(process_exists(pid) for pid in pids), 5)
    finally:
        for pid in pids:
            if process_exists(pid):
                os.kill(pid, signal.SIGKILL)


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path, until: Until) -> None:
    child = Child(
        ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"], tmp_path / "child.log"
    )
    until(lambda: "ready" in child.log_of_this_run(), 5)
    begun = time.monotonic()
    child.stop(0.5)
    assert 0.4 <= time.monotonic() - begun < 5
    assert child.exit_code == -signal.SIGKILL
    assert not process_exists(child.pid)


def test_an_alert_travels_from_a_rule_through_alertmanager_to_the_webhook(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: test, rules: [{alert: AlwaysOn, expr: vector(1)}]}]\n")
    with WebhookReceiver() as receiver:
        configuration = (
            "route: {receiver: hook, group_wait: 0s, group_interval: 1s}\n"
            f"receivers: [{{name: hook, webhook_configs: [{{url: '{receiver.url}/hook'}}]}}]\n"
        )
        with (
            AlertmanagerServer(tmp_path / "a", configuration) as alertmanager,
            PrometheusServer(
                tmp_path / "p",
                evaluation_interval=0.5,
                rule_files=[rules],
                alertmanagers=[alertmanager.address],
                flags=["--rules.alert.resend-delay=1s"],  # the first sending precedes the discovery
            ),
        ):
            found = receiver.wait_for(lambda seen: [n for n in seen if "AlwaysOn" in n.names("firing")], 20)
            alertmanager.configuration = "route: {receiver: nowhere}\n"
            with pytest.raises(ServerError, match="alertmanager refused its new configuration"):
                alertmanager.reload()
    assert found[0].path == "/hook"
