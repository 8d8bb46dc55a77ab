"""How a Prometheus is asked: method, body, time and parameters."""

import re

import pytest

from slo_daemon.adapters.prometheus import PrometheusSettings, PrometheusSource
from slo_daemon.demo.loopback_http import LoopbackHttp, Reply, Request
from tests.adapters.answers import ONE_ROW, answer, row
from tests.adapters.conftest import Hostile, SourceOf
from tests.adapters.hostile_http import http


def test_the_query_is_posted_in_the_body_with_its_time_and_a_timeout(
    hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(http(ONE_ROW))
    promql = 'sum(x{a="é&b=c+d"})' + " " * 100_000

    source_of(server.url + "/prometheus/").query(promql, 1700000000.5, 5.0)

    (request,) = server.requests
    assert request.line == "POST /prometheus/api/v1/query HTTP/1.1"
    assert request.form.keys() == {"query", "time", "timeout", "stats", "nocache"}
    assert request.form["query"] == promql
    assert request.form["time"] == "1700000000.500"
    assert 4.0 < float(request.form["timeout"]) <= 5.0
    assert re.fullmatch(r"[0-9]+\.[0-9]{3}", request.form["timeout"])
    assert request.headers["accept-encoding"] == "identity"


def test_the_servers_time_is_asked_without_a_time_of_ours(hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(http(answer([1700000000.25, "1700000000.25"], "scalar")))

    assert source_of(server.url, stats=False).server_time(5.0) == 1700000000.25
    assert server.requests[0].form.keys() == {"query", "timeout", "nocache"}


def test_parameters_are_added_to_every_query_and_replace_none_of_ours(
    hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(http(ONE_ROW), http(answer([], "matrix")))
    source = source_of(server.url, parameters={"max_source_resolution": "0s", "nocache": "0"})

    source.query("up", 0.0, 5.0)
    source.query_range("up", 0.0, 60.0, 60.0, 5.0)

    for request in server.requests:
        assert request.form["max_source_resolution"] == "0s"
        assert request.form["nocache"] == "0"
        assert request.form["query"] == "up"
    for name in ("query", "time", "start", "end", "step", "timeout", "stats"):
        with pytest.raises(ValueError, match=f"{name} are set by slo-daemon itself"):
            PrometheusSettings(server.url, parameters={name: "x"})


def test_statistics_may_be_left_out(hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(http(ONE_ROW))

    source_of(server.url, stats=False).query("up", 0.0, 5.0)

    assert "stats" not in server.requests[0].form


def test_a_server_that_takes_no_post_is_asked_by_get_from_then_on() -> None:
    methods: list[str] = []

    def get_only(request: Request) -> Reply:
        methods.append(request.method)
        if request.method == "POST":
            return Reply(501, b"unsupported method")
        return Reply(200, answer([row()]), "application/json")

    server = LoopbackHttp(get_only)
    server.start()
    source = PrometheusSource(PrometheusSettings(url=server.url))
    try:
        replies = [source.query('up{job="a"}', 12.5, 5.0) for _ in range(2)]
    finally:
        source.close()
        server.stop()

    assert [len(reply.rows) for reply in replies] == [1, 1]
    assert methods == ["POST", "GET", "GET"]
