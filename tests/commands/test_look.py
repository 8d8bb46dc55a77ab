"""`evaluate`, `explain` and `report` where there is no Prometheus, and where it answers nonsense."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from typer.testing import CliRunner, Result

from slo_daemon.cli import app
from slo_daemon.demo.loopback_http import LoopbackHttp, Reply, Request
from slo_daemon.demo.servers import free_port
from slo_daemon.once import evaluate_once
from slo_daemon.settings import read_settings

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
    page = look("report", nobody, "--output", "html")
    assert (page.exit_code, page.stdout[:15], page.stdout[-8:]) == (4, "<!doctype html>", "</html>\n")
    assert "INCONCLUSIVE" in page.stdout


def test_a_page_is_of_one_pilot_and_an_unknown_format_names_the_known_ones(
    nobody: str, tmp_path: Path
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(
        PILOT.read_text(encoding="utf-8").replace("name: ecommerce-semantic-search", "name: other")
    )
    both = look("report", nobody, "--output", "html", "--spec", str(other))
    assert both.exit_code == 2
    assert "choose one with --pilot: " in both.stderr
    chosen = look("report", nobody, "--output", "html", "--spec", str(other), "--pilot", "other")
    assert chosen.stdout.startswith("<!doctype html>")
    unknown = look("report", nobody, "--output", "pdf")
    assert unknown.exit_code == 2
    assert "'html'" in unknown.stderr


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


def test_piped_text_breaks_no_name_and_has_no_colour_codes(nobody: str) -> None:
    result = look("evaluate", nobody)
    assert "\x1b[" not in result.stdout
    for name in ("query-latency-p95", "query-latency-p99", "availability", "error-rate"):
        assert any(line.startswith(name) for line in result.stdout.splitlines())


SLOS = """\
apiVersion: slo-daemon/v1
kind: Slos
metadata: {name: shop}
spec:
  slos:
    - name: availability
      sli: {ratio: {bad: 'r{code="500"}', total: r}, as: good}
      objective: {at_least: 99.9%, warning: 99.9%, critical: 99.5%}
      window: 5m
    - name: by-region
      sli: {ratio: {bad: 'r{code="500"}', total: r}, as: good}
      objective: {at_least: 99.9%, warning: 99.9%, critical: 99.5%}
      window: 5m
      group_by: [region]
    - name: by-hand
      sli: {raw: {query: 'sum by (region) (rate(r[$window]))', unit: /s}}
      objective: {at_least: 1/s, warning: 1/s, critical: 0.5/s}
      window: 5m
"""


class Prometheus:
    """Answers a million to everything; by `region` once for each of these; with `silent`, it only tells the time.

    `times` and `ends` hold the times of the questions, and where those about a range end.
    """

    def __init__(self, *regions: str, silent: bool = False) -> None:
        self.regions, self.silent = regions, silent
        self.times: set[str] = set()
        self.ends: set[str] = set()
        self.http = LoopbackHttp(self._answer, port=0)

    def _answer(self, request: Request) -> Reply:
        form = parse_qs(request.body.decode())
        query = form["query"][0]
        if query == "time()":
            now = time.time()
            return self._reply("scalar", [now, str(now)])
        if self.silent:
            return Reply(503, b"Service Unavailable", "text/plain")
        labels = [{"region": region} for region in self.regions] if "by (region" in query else [{}]
        if "timestamp(" in query:
            labels = []
        if "time" in form:
            self.times.add(form["time"][0])
            return self._reply("vector", [{"metric": one, "value": [1.0, "1000000"]} for one in labels])
        self.ends.add(form["end"][0])
        start, end, step = (float(form[name][0]) for name in ("start", "end", "step"))
        times = [start + step * number for number in range(int((end - start) / step) + 1)]
        values = [[at, "1000000"] for at in times]
        return self._reply("matrix", [{"metric": one, "values": values} for one in labels])

    def _reply(self, kind: str, result: object) -> Reply:
        data = {"resultType": kind, "result": result}
        return Reply(200, json.dumps({"status": "success", "data": data}).encode())


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Callable[..., Result]]:
    """ask(prometheus, command, *options): over three SLOs."""
    spec = tmp_path / "slos.yaml"
    spec.write_text(SLOS)
    servers = []

    def call(prometheus: Prometheus, *arguments: str) -> Result:
        prometheus.http.start()
        servers.append(prometheus.http)
        given = [*arguments, "--spec", str(spec), "--prometheus", prometheus.http.url]
        return CliRunner().invoke(app, given)

    yield call
    for server in servers:
        server.stop()


def test_every_group_is_evaluated_and_several_rows_of_a_raw_query_are_an_error(
    ask: Callable[..., Result],
) -> None:
    result = ask(Prometheus("eu", "us"), "evaluate", "--once", "--output", "json")
    assert result.exit_code == 3
    found = {slo["id"]: (slo["data_state"], slo["met"]) for slo in json.loads(result.stdout)["slos"]}
    assert found == {
        "shop/availability": ("ok", True),
        'shop/by-region{region="eu"}': ("ok", True),
        'shop/by-region{region="us"}': ("ok", True),
        "shop/by-hand": ("error", None),
    }


def test_a_grouped_slo_without_any_group_is_not_met(ask: Callable[..., Result]) -> None:
    result = ask(Prometheus(), "evaluate", "--once", "--output", "json")
    assert result.exit_code == 3
    found = {slo["id"]: (slo["data_state"], slo["met"]) for slo in json.loads(result.stdout)["slos"]}
    assert found["shop/by-region"] == ("no_data", None)
    explained = ask(Prometheus(), "explain", "by-region")
    assert explained.exit_code == 0
    assert "has no sample within a day" in explained.stdout


def test_a_prometheus_that_answers_nothing_but_the_time_cannot_be_asked(ask: Callable[..., Result]) -> None:
    result = ask(Prometheus(silent=True), "evaluate")
    assert result.exit_code == 4
    assert "cannot be asked (not_ready)" in result.stderr


@pytest.mark.parametrize("at", ["1000000000.5", "2001-09-09T01:46:40.5Z", "2001-09-09T03:46:40.5+02:00"])
def test_every_question_of_a_look_into_the_past_carries_its_time(ask: Callable[..., Result], at: str) -> None:
    prometheus = Prometheus("eu")
    result = ask(prometheus, "evaluate", "--at", at, "--output", "json")
    assert json.loads(result.stdout)["slot"] == 1000000000.5
    assert prometheus.times == {"1000000000.500"}
    assert max(prometheus.ends, key=float) == "1000000000.500"  # slots of this phase; chunks end before it


@pytest.mark.parametrize("at", ["nan", "inf", "-inf", "-1", "1e300", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_time_is_refused(nobody: str, at: str) -> None:
    result = look("evaluate", nobody, f"--at={at}")
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert "--at" in result.stderr


@pytest.mark.parametrize("ahead", [60.0, 86_400.0, 1e9])
def test_the_future_is_refused_because_old_numbers_would_look_like_new_ones(
    nobody: str, ahead: float
) -> None:
    for command in ("evaluate", "report", "explain"):
        more = ["availability"] if command == "explain" else []
        result = look(command, nobody, *more, "--at", str(time.time() + ahead))
        assert result.exit_code == 2
        assert "future" in result.stderr


def test_a_look_has_a_minute_however_short_the_interval_is(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(
        "apiVersion: slo-daemon/v1\nkind: Settings\n"
        f"specs: [{PILOT}]\nevaluation: {{interval: 5s}}\nprometheus: {{url: 'http://127.0.0.1:1'}}\n"
    )
    slot = evaluate_once(read_settings(file, {}).settings, None).snapshot.slot
    assert slot is not None
    assert (slot.interval, slot.time % 5) == (60.0, 0.0)
