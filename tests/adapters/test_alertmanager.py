"""An Alertmanager that is frozen, slow, behind a proxy, or none at all; and the inhibitions of the example configuration."""

import json
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from slo_daemon.adapters.alertmanager import AlertmanagerSink
from slo_daemon.core.alert import Alert
from slo_daemon.demo.servers import AlertmanagerServer, free_port
from slo_daemon.ports import SinkError
from tests.adapters.conftest import Hostile
from tests.adapters.hostile_http import Answer, http

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "alertmanager" / "alertmanager.yaml"
OK = http(b"")


def alert(name: str = "A", **labels: str) -> Alert:
    now = time.time()
    return Alert({"alertname": name, **labels}, {"summary": "broken"}, now - 60, now + 240)


def trickle(data: bytes) -> Callable[[socket.socket], None]:
    """One byte every 50 ms: each single wait is short."""

    def answer(connection: socket.socket) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    return answer


def silence(connection: socket.socket) -> None:
    """Says nothing until the client goes away."""
    connection.settimeout(10)
    connection.recv(1)


def test_a_request_says_what_it_must(hostile: Hostile) -> None:
    server = hostile(OK)
    told = Alert({"alertname": "A"}, {"summary": "ä"}, 1_795_341_600.25, 1_795_341_840.0)
    AlertmanagerSink(
        f"{server.url}/prefix/", authorization="Bearer secret", daemon_url="http://slo.example.org"
    ).send([told])

    (request,) = server.requests
    assert request.line == "POST /prefix/api/v2/alerts HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer secret"
    assert json.loads(request.body) == [
        {
            "labels": {"alertname": "A"},
            "annotations": {"summary": "ä"},
            "startsAt": "2026-11-22T10:00:00.250Z",
            "endsAt": "2026-11-22T10:04:00.000Z",
            "generatorURL": "http://slo.example.org",
        }
    ]


@pytest.mark.parametrize(
    "answer",
    [silence, trickle(OK), trickle(http(b"x" * 500)), http(b"x", length=5000)],
    ids=["silence", "trickled headers", "trickled body", "missing body"],
)
def test_one_sending_ends_by_its_deadline(hostile: Hostile, answer: Answer) -> None:
    sink = AlertmanagerSink(hostile(answer).url, deadline=0.4)
    started = time.monotonic()

    with pytest.raises(SinkError, match="did not answer in time"):
        sink.send([alert()])
    assert 0.3 < time.monotonic() - started < 5.0


def test_the_deadline_is_for_all_requests_of_a_sending_together(hostile: Hostile) -> None:
    def slow(connection: socket.socket) -> None:
        time.sleep(0.15)
        connection.sendall(http(b'"invalid label set"', "400 Bad Request"))

    def taken_if_empty(connection: socket.socket) -> None:
        connection.sendall(OK)

    sink = AlertmanagerSink(hostile(slow, taken_if_empty, slow).url, deadline=0.5)
    started = time.monotonic()

    with pytest.raises(SinkError, match="did not answer in time"):
        sink.send([alert(str(number)) for number in range(64)])
    assert time.monotonic() - started < 5.0


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (http(b"busy", "503 Service Unavailable"), "answered 503: busy"),
        (http(b"", "429 Too Many Requests"), "answered 429: no explanation"),
        (http(b"who are you", "401 Unauthorized"), "answered 401: who are you"),
        (http(b"404 page not found\n", "404 Not Found"), "answered 404: 404 page not found"),
        (
            http(b"", "302 Found", headers={"Location": "http://127.0.0.1:1/"}),
            r"redirect \(302\); give the final URL",
        ),
        (http(b"", "308 Permanent Redirect", headers={"Location": "/x"}), r"redirect \(308\)"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "cannot be reached"),
        (b"", "cannot be reached"),
    ],
)
def test_a_receiver_in_trouble_is_an_error_with_its_words(hostile: Hostile, answer: bytes, told: str) -> None:
    server = hostile(_and_close(answer))

    with pytest.raises(SinkError, match=told):
        AlertmanagerSink(server.url, deadline=2.0).send([alert()])
    assert len(server.requests) == 1


def _and_close(data: bytes) -> Answer:
    return lambda connection: connection.sendall(data)


def test_whoever_refuses_everything_is_no_alertmanager_and_loses_no_alert(hostile: Hostile) -> None:
    server = hostile(_and_close(http(b"what is this", "400 Bad Request")))

    with pytest.raises(SinkError, match="refuses everything: what is this"):
        AlertmanagerSink(server.url).send([alert(str(n)) for n in range(100)])
    assert len(server.requests) == 2


def test_a_batch_that_is_too_large_for_a_proxy_is_split(hostile: Hostile) -> None:
    too_large = _and_close(http(b"too large", "413 Payload Too Large"))
    fine = _and_close(OK)
    server = hostile(too_large, fine, too_large, fine)  # all 4, the empty one, the first 2, then smaller ones

    assert AlertmanagerSink(server.url).send([alert(str(n)) for n in range(4)]) == ()
    sizes = [len(json.loads(request.body)) for request in server.requests]
    assert sizes == [4, 0, 2, 1, 1, 2]


def test_a_long_answer_is_not_read_to_its_end(hostile: Hostile) -> None:
    with pytest.raises(SinkError) as error:
        AlertmanagerSink(hostile(_and_close(http(b"x" * 5_000_000, "500 Oops"))).url).send([alert()])

    assert len(str(error.value)) < 400


def test_nobody_listening_is_told_as_such() -> None:
    with pytest.raises(SinkError, match=re.compile("cannot be reached.*refused", re.IGNORECASE)):
        AlertmanagerSink(f"http://127.0.0.1:{free_port()}").send([alert()])


def test_the_proxy_of_the_environment_is_not_used(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = hostile(OK), hostile(OK)
    monkeypatch.setenv("http_proxy", proxy.url)

    AlertmanagerSink(server.url).send([alert()])

    assert (len(proxy.requests), len(server.requests)) == (0, 1)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "alertmanager:9093",
        "ftp://x",
        "http://",
        "http://user:secret@am:9093",
        "http://am?x=1",
        "http://am#x",
    ],
)
def test_a_url_that_cannot_be_one_is_refused_and_no_secret_is_shown(url: str) -> None:
    with pytest.raises(ValueError, match="Alertmanager URL") as error:
        AlertmanagerSink(url)
    assert "secret" not in str(error.value)


def test_two_behind_one_proxy_have_two_names() -> None:
    assert AlertmanagerSink("http://proxy/a/").name != AlertmanagerSink("http://proxy/b/").name
    assert AlertmanagerSink("http://am:9093/").name == "am:9093"
    assert AlertmanagerSink("http://am:9093/", name="main").name == "main"


@pytest.mark.servers
def test_a_frozen_alertmanager_costs_no_more_than_the_deadline(tmp_path: Path) -> None:
    with AlertmanagerServer(tmp_path, "route: {receiver: x}\nreceivers: [{name: x}]\n") as server:
        sink = AlertmanagerSink(server.url, deadline=0.5)
        server.freeze()
        started = time.monotonic()
        try:
            with pytest.raises(SinkError, match="did not answer in time"):
                sink.send([alert(str(n), padding="x" * 20_000) for n in range(2_000)])
            assert time.monotonic() - started < 2.0
        finally:
            server.thaw()
        assert sink.send([alert()]) == ()


@pytest.mark.servers
def test_the_example_configuration_mutes_what_says_nothing_new(tmp_path: Path) -> None:
    configuration = re.sub(r'"https://[^"]*"', f'"http://127.0.0.1:{free_port()}/"', EXAMPLE.read_text())
    slo = {"pilot": "shop", "slo": "latency"}
    alerts = [
        alert("SLOCritical", severity="critical", slo_group="region=eu", region="eu", **slo),
        alert("SLOWarning", severity="warning", slo_group="region=eu", region="eu", **slo),
        alert("SLOWarning", severity="warning", slo_group="region=us", region="us", **slo),
        alert("SLODataMissing", severity="warning", **slo),
    ]
    with AlertmanagerServer(tmp_path, configuration) as server:
        sink = AlertmanagerSink(server.url)
        sink.send(alerts)
        assert muted(server, 1) == [("SLOWarning", "eu")]

        sink.send([alert("SLOBackendDown", severity="critical")])
        assert muted(server, 4) == [
            ("SLOCritical", "eu"), ("SLODataMissing", ""), ("SLOWarning", "eu"), ("SLOWarning", "us")
        ]  # fmt: skip


def muted(server: AlertmanagerServer, count: int) -> list[tuple[str, str]]:
    """The inhibited alerts, once there are `count`; Alertmanager inhibits when it is about to notify."""
    end = time.monotonic() + 10
    found: list[tuple[str, str]] = []
    while len(found) < count and time.monotonic() < end:
        answer: list[dict[str, Any]] = requests.get(f"{server.url}/api/v2/alerts", timeout=5).json()
        found = sorted(
            (a["labels"]["alertname"], a["labels"].get("region", ""))
            for a in answer
            if a["status"]["inhibitedBy"]
        )
        time.sleep(0.1)
    return found
