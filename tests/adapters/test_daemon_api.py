"""The client of a running daemon, against a real one and against whatever else may answer at its address."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from slo_daemon.adapters.daemon_api import (
    ATTEMPTS,
    LONGEST_WAIT,
    DaemonApi,
    DaemonRefusedError,
    DaemonUnreachableError,
)
from slo_daemon.ports import StoreError
from slo_daemon.web.limits import TokenBuckets
from slo_daemon.web.security import Role
from tests.web.house import NOW, PILOT, TOKENS, House, feedback, incident


class Answerer:
    """A server that gives prepared answers, in order, and keeps what it was asked."""

    def __init__(self, *answers: tuple[int, dict[str, str], bytes] | None) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []

    @contextmanager
    def open(self) -> Iterator[str]:
        answerer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answerer.asked.append((self.command, self.path, dict(self.headers), body))
                prepared = answerer._answers.pop(0) if len(answerer._answers) > 1 else answerer._answers[0]
                if prepared is None:  # goes away without a word
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                code, headers, content = prepared
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)
            server.server_close()


@contextmanager
def client(url: str, token: str | None = None) -> Iterator[tuple[DaemonApi, list[float]]]:
    waited: list[float] = []
    api = DaemonApi(url, token, wait=waited.append)
    try:
        yield api, waited
    finally:
        api.close()


OK: tuple[int, dict[str, str], bytes] = (201, {}, b'{"id": 1}')
BUSY: tuple[int, dict[str, str], bytes] = (
    503,
    {"Retry-After": "2"},
    b'{"reason": "busy", "detail": "too much is waiting"}',
)


def test_records_are_written_and_listed() -> None:
    house = House()
    with house.open() as visitor, client(visitor.url, TOKENS[Role.ADMIN]) as (api, waited):
        first = api.add_incident(PILOT, incident(started_at=NOW - 60))
        changed = api.change_incident(PILOT, first["id"], {"resolution": "rolled back"})
        rating = api.add_feedback(PILOT, feedback())

        assert api.incidents(PILOT, 10) == [changed]
        assert api.feedback(PILOT, 10) == [rating]
    assert changed["state"] == "resolved"
    assert waited == []


def test_every_write_has_its_own_key() -> None:
    house = House()
    with house.open() as visitor, client(visitor.url, TOKENS[Role.ADMIN]) as (api, _):
        api.add_incident(PILOT, incident())
        api.add_incident(PILOT, incident())

    keys = [entry.key for entry in house.store.audit()]
    assert len(set(keys)) == 2
    assert None not in keys


@pytest.mark.parametrize("trouble", [BUSY, None, (429, {}, b"{}")], ids=["503", "connection cut", "429"])
def test_a_write_is_repeated_with_the_same_key(trouble: tuple[int, dict[str, str], bytes] | None) -> None:
    answerer = Answerer(trouble, trouble, OK)
    with answerer.open() as url, client(url) as (api, waited):
        assert api.add_incident(PILOT, incident()) == {"id": 1}

    assert len({headers["Idempotency-Key"] for _, _, headers, _ in answerer.asked}) == 1
    assert {body for *_, body in answerer.asked} == {json.dumps(incident()).encode()}
    assert len(answerer.asked) == 3
    assert waited == ([2.0, 2.0] if trouble is BUSY else [0.5, 1.0])


def read_all(connection: socket.socket) -> bytes:
    """What comes until there is silence."""
    connection.settimeout(0.3)
    found = b""
    with suppress(TimeoutError):
        while piece := connection.recv(65_536):
            found += piece
    return found


def test_a_write_whose_answer_was_lost_is_recorded_once() -> None:
    """A proxy passes every request on, and drops the first answer and cuts the second one short."""
    house = House()
    answers: list[bytes] = []
    with house.open() as visitor, socket.create_server(("127.0.0.1", 0)) as proxy:

        def forward() -> None:
            for cut in (0, -10, None):
                near, _ = proxy.accept()
                with near, socket.create_connection(visitor.address) as far:
                    far.sendall(read_all(near))
                    answers.append(read_all(far))
                    near.sendall(answers[-1][:cut])

        thread = threading.Thread(target=forward)
        thread.start()
        url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        with client(url, TOKENS[Role.INCIDENTS]) as (api, waited):
            record = api.add_incident(PILOT, incident())
            thread.join(10)

    assert [answer.split(b" ")[1] for answer in answers] == [b"201", b"200", b"200"]
    assert record["id"] == 1
    assert waited == [0.5, 1.0]
    assert len(house.store.incidents(PILOT)) == 1


def test_a_store_that_stays_down_is_told_in_the_end() -> None:
    house = House()
    house.store.failure = StoreError("full", "no room")
    with (
        house.open() as visitor,
        client(visitor.url, TOKENS[Role.INCIDENTS]) as (api, waited),
        pytest.raises(DaemonUnreachableError, match="the store cannot be used now"),
    ):
        api.add_incident(PILOT, incident())

    assert len(waited) == ATTEMPTS - 1
    assert max(waited) <= LONGEST_WAIT


@pytest.mark.parametrize("after", ["3600", "-1", "soon", "1e9", "", "99999999999999999999", "\u0661"])
def test_however_long_it_is_told_to_wait_it_waits_a_little(after: str) -> None:
    answerer = Answerer((503, {"Retry-After": after.encode().decode("latin-1")}, b"{}"), OK)
    with answerer.open() as url, client(url) as (api, waited):
        api.add_incident(PILOT, incident())

    assert len(waited) == 1
    assert 0 < waited[0] <= LONGEST_WAIT


def test_nobody_there_is_told_with_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        client(f"http://127.0.0.1:{port}") as (api, waited),
        pytest.raises(DaemonUnreachableError, match=rf"127\.0\.0\.1:{port} .*refused.*slo-daemon run"),
    ):
        api.incidents(PILOT, 10)

    assert len(waited) == ATTEMPTS - 1


@pytest.mark.parametrize(
    ("token", "reason", "words"),
    [
        (None, "unauthorized", "SLO_DAEMON_TOKEN"),
        ("wrong", "unauthorized", "--token-file"),
        (TOKENS[Role.FEEDBACK], "wrong_role", "incidents"),
    ],
)
def test_a_refusal_for_the_token_says_what_to_do(token: str | None, reason: str, words: str) -> None:
    with (
        House().open() as visitor,
        client(visitor.url, token) as (api, waited),
        pytest.raises(DaemonRefusedError, match=words) as caught,
    ):
        api.add_incident(PILOT, incident())

    assert caught.value.reason == reason
    assert waited == []


def test_a_role_without_a_token_says_how_to_configure_one() -> None:
    house = House(tokens={})
    with (
        house.open() as visitor,
        client(visitor.url, "x") as (api, _),
        pytest.raises(DaemonRefusedError, match=r"web\.tokens\.incidents\.file"),
    ):
        api.add_incident(PILOT, incident())


def test_wrong_values_are_told_field_by_field() -> None:
    with (
        House().open() as visitor,
        client(visitor.url, TOKENS[Role.INCIDENTS]) as (api, _),
        pytest.raises(DaemonRefusedError) as caught,
    ):
        api.add_incident(PILOT, incident(title="", started_at="yesterday"))

    assert caught.value.status == 422
    lines = str(caught.value).split("\n")
    assert [line.split(":")[0] for line in lines[1:]] == ["  title", "  started_at"]


def test_an_unknown_pilot_is_told_with_those_there_are() -> None:
    with (
        House().open() as visitor,
        client(visitor.url) as (api, _),
        pytest.raises(DaemonRefusedError, match="known: search"),
    ):
        api.incidents("a b?c#d", 10)


def test_a_busy_rate_limit_is_waited_for() -> None:
    house = House(uses=TokenBuckets(rate=1_000, burst=1))
    with house.open() as visitor, client(visitor.url, TOKENS[Role.FEEDBACK]) as (api, _):
        for number in range(20):
            api.add_feedback(PILOT, feedback(user=f"u-{number}"))

    assert len(house.store.feedback(PILOT)) == 20


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {"Content-Type": "text/html"}, b"<html>hello</html>"), "no slo-daemon"),
        ((200, {}, b""), "no slo-daemon"),
        ((200, {}, b"[]"), "no slo-daemon"),
        ((200, {}, b'{"incidents": 1}'), "no slo-daemon"),
        ((200, {}, b'{"incidents": [1]}'), "no slo-daemon"),
        ((200, {}, b'{"incidents": ['), "no slo-daemon"),
        ((404, {}, b"not here"), "no slo-daemon"),
        ((500, {}, b'{"detail": "oh"}'), "its log says why"),
        ((302, {"Location": "http://203.0.113.1/"}, b""), "redirects"),
        ((200, {"Content-Encoding": "gzip"}, b"no gzip"), "cannot speak"),
    ],
)
def test_whatever_else_answers_is_no_daemon(answer: tuple[int, dict[str, str], bytes], words: str) -> None:
    answerer = Answerer(answer)
    with (
        answerer.open() as url,
        client(url, "secret") as (api, _),
        pytest.raises(DaemonUnreachableError, match=words) as caught,
    ):
        api.incidents(PILOT, 10)

    assert len(answerer.asked) == 1
    assert "secret" not in str(caught.value)


def test_the_token_is_sent_and_no_netrc_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    answerer = Answerer(OK)
    with answerer.open() as url:
        with client(url, "secret") as (api, _):
            api.add_incident(PILOT, incident())
        with client(url) as (api, _):
            api.add_incident(PILOT, incident())

    assert [headers.get("Authorization") for _, _, headers, _ in answerer.asked] == ["Bearer secret", None]


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("127.0.0.1:9750", None),
        ("ftp://127.0.0.1", None),
        ("http://", None),
        ("", None),
        ("file:///etc/passwd", None),
        ("http://user:password@127.0.0.1:9750", None),
        ("http://127.0.0.1:9750", ""),
        ("http://127.0.0.1:9750", "two\nlines"),
        ("http://127.0.0.1:9750", "caf\xe9"),
    ],
)
def test_an_address_or_a_token_that_cannot_work_is_refused_before_anything_is_sent(
    url: str, token: str | None
) -> None:
    with pytest.raises(ValueError, match=r"URL|token") as caught:
        DaemonApi(url, token)

    assert "password@" not in str(caught.value)
