"""`demo --service`: only the simulated service, for a Prometheus of one's own."""

import os
import signal
import subprocess
import sys
from threading import Timer

import pytest
import requests
from typer.testing import CliRunner

from slo_daemon.cli import app
from slo_daemon.demo.loopback_http import LoopbackHttp, Reply


def test_it_serves_its_metrics_until_sigterm() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "slo_daemon", "demo", "--service", "127.0.0.1:0"],
        env=os.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = Timer(60.0, process.kill)
    watchdog.start()
    try:
        assert process.stderr is not None
        url = process.stderr.readline().removeprefix("demo: ").strip()
        assert "search_requests_total{" in requests.get(url, timeout=30).text
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


@pytest.mark.parametrize("address", ["8000", "127.0.0.1", "127.0.0.1:http", ":99999"])
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    result = CliRunner().invoke(app, ["demo", "--service", address], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "127.0.0.1:8000" in result.output


def test_a_taken_address_is_told() -> None:
    other = LoopbackHttp(lambda _: Reply(200))
    try:
        result = CliRunner().invoke(app, ["demo", "--service", other.address])
    finally:
        other.stop()
    assert result.exit_code == 2
    assert result.output.startswith(f"error: {other.address}: Address already in use")
