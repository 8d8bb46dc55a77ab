"""`evaluate`, `explain` and `report` where there is no Prometheus, and where it answers nonsense."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from slo_daemon.cli import app
from slo_daemon.demo.loopback_http import LoopbackHttp, Reply, Request
from slo_daemon.demo.servers import free_port

PILOT = Path(__file__).parents[2] / "config" / "pilots" / "ecommerce-search.yaml"


def look(command: str, url: str, *more: str) -> Result:
    return CliRunner().invoke(app, [command, *more, "--spec", str(PILOT), "--prometheus", url])


@pytest.fixture
def nobody() -> str:
    return f"http://127.0.0.1:{free_port()}"


def test_an_unreachable_prometheus_ends_with_4_and_every_slo_is_an_error(nobody: str) -> None:
    result = look("evaluate", nobody, "--output", "json")
    assert result.exit_code == 4
    assert "cannot be asked (connect)" in result.stderr
    shape = json.loads(result.stdout)
    assert {(slo["data_state"], slo["met"], slo["value"], slo["reason"]) for slo in shape["slos"]} == {
        ("error", None, None, "connect")
    }


def test_a_report_without_prometheus_is_inconclusive_and_ends_with_4(nobody: str) -> None:
    result = look("report", nobody, "--output", "json")
    assert result.exit_code == 4
    assert json.loads(result.stdout)["verdict"] == "INCONCLUSIVE"
    markdown = look("report", nobody, "--output", "markdown")
    assert markdown.stdout.startswith("# ")
    assert "INCONCLUSIVE" in markdown.stdout


def test_an_unknown_slo_or_pilot_is_told_with_those_that_exist(nobody: str) -> None:
    unknown = look("explain", nobody, "latency")
    assert unknown.exit_code == 2
    assert "ecommerce-semantic-search/query-latency-p95" in unknown.stderr
    assert look("report", nobody, "--pilot", "other").exit_code == 2


def test_explain_shows_queries_and_reason(nobody: str) -> None:
    result = look("explain", nobody, "availability")
    assert result.exit_code == 4
    assert "search_requests_total" in result.stdout
    assert "connect" in result.stdout


@pytest.mark.parametrize(
    "body", [b"<html>login</html>", b"", b"{}", b'{"status":"success","data":{"resultType":"vector"']
)
def test_a_server_that_is_no_prometheus_is_told_as_such(body: bytes) -> None:
    def answer(_request: Request) -> Reply:
        return Reply(200, body)

    server = LoopbackHttp(answer, port=0)
    server.start()
    try:
        result = look("evaluate", server.url, "--output", "json")
    finally:
        server.stop()
    assert result.exit_code == 4
    assert {slo["reason"] for slo in json.loads(result.stdout)["slos"]} == {"bad_body"}


def test_text_output_fits_a_terminal_and_has_no_colour_codes(nobody: str) -> None:
    result = look("evaluate", nobody)
    assert "\x1b[" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
