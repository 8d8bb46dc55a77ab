"""What clients do on the wire: drip, flood, lie about lengths, go away; and what a signal does to those at work."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
import requests

from slo_daemon.web.security import Role
from slo_daemon.web.serve import Patience, bind
from tests.web.house import FEEDBACK, INCIDENTS, PILOT, TOKENS, House, bearer, feedback

QUICK = Patience(headers=0.5, body=1.0, answer=2.0, connections=20)
POST = (
    f"POST {INCIDENTS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    f"Authorization: Bearer {TOKENS[Role.INCIDENTS]}\r\n"
).encode()
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def connected(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=10) as connection:
        yield connection


def closed_after(connection: socket.socket, drip: Callable[[], bytes], most: float = 20.0) -> float:
    """Seconds until the server cuts a connection into which `drip` is sent every 50 ms."""
    start = time.monotonic()
    connection.settimeout(0.05)
    while time.monotonic() - start < most:
        try:
            connection.sendall(drip())
            if connection.recv(65_536) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - start


def test_headers_that_drip_are_cut(house: House) -> None:
    with house.open(QUICK) as visitor, connected(visitor.address) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")

        assert 0.3 < closed_after(connection, lambda: b"X-Y: z\r\n") < 8


def test_a_connection_that_says_nothing_is_cut(house: House) -> None:
    with house.open(QUICK) as visitor, connected(visitor.address) as connection:
        assert 0.3 < closed_after(connection, lambda: b"") < 8


def test_a_second_request_has_the_same_deadline(house: House) -> None:
    with house.open(QUICK) as visitor, connected(visitor.address) as connection:
        connection.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET ")

        assert 0.3 < closed_after(connection, lambda: b"/") < 8


def test_an_idle_connection_is_kept_for_the_next_scrape(house: House) -> None:
    with house.open(QUICK) as visitor:
        connection = HTTPConnection(*visitor.address, timeout=10)
        used = set()
        for _ in range(2):
            connection.request("GET", "/metrics")
            assert connection.getresponse().read() == house.payload
            used.add(connection.sock)
            time.sleep(1.2)  # longer than the headers may take
        connection.close()

    assert len(used) == 1


@pytest.mark.parametrize("token", [True, False], ids=["with a token", "without"])
def test_a_body_that_drips_is_cut(house: House, token: bool) -> None:
    head = POST if token else POST.replace(b"Authorization", b"X-Nothing")
    with house.open(QUICK) as visitor, connected(visitor.address) as connection:
        connection.sendall(head + b"Content-Length: 100000\r\n\r\n")

        assert 0.8 < closed_after(connection, lambda: b"x") < 8

    assert house.store.audit() == ()


def test_a_body_for_a_route_that_reads_none_is_not_read_for_ever(house: House) -> None:
    with house.open(QUICK) as visitor, connected(visitor.address) as connection:
        connection.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")

        assert closed_after(connection, lambda: b"5\r\nxxxxx\r\n") < 8


def test_a_chunked_body_without_end_is_refused_and_not_kept(house: House) -> None:
    piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    sent = 0
    with house.open() as visitor, connected(visitor.address) as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        answer = b""
        connection.settimeout(0.01)
        for _ in range(2_000):
            try:
                connection.sendall(piece)
                sent += len(piece)
            except TimeoutError:
                pass
            except OSError:
                break
            try:
                answer = connection.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                break
            break

    assert sent < 16 << 20
    assert answer.startswith(b"HTTP/1.1 413") or not answer
    assert house.store.audit() == ()


def test_a_declared_length_far_beyond_the_limit_is_refused_at_once(house: House) -> None:
    with house.open() as visitor, connected(visitor.address) as connection:
        connection.sendall(POST + b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")

        assert connection.recv(65_536).startswith(b"HTTP/1.1 413")


def test_a_body_shorter_than_declared_is_not_recorded(house: House) -> None:
    body = b'{"title": "x", "severity": "info"}'
    with house.open(QUICK) as visitor:
        with connected(visitor.address) as connection:
            connection.sendall(POST + b"Content-Length: 1000\r\n\r\n" + body)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(65_536)
        assert visitor.get("/-/healthy").status_code == 200

    assert house.store.audit() == ()


def test_what_follows_a_body_is_another_request_and_no_part_of_it(house: House) -> None:
    body = b'{"title": "x", "severity": "info"}'
    smuggled = body + b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with house.open() as visitor, connected(visitor.address) as connection:
        connection.sendall(POST + f"Content-Length: {len(body)}\r\n\r\n".encode() + smuggled)
        answers = b""
        while piece := connection.recv(65_536):
            answers += piece

    assert answers.count(b"HTTP/1.1 201") == 1
    assert answers.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    "head",
    [
        POST + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nxxx",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Content-Length: x\r\n\r\n",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Y: z\r\n" * 20_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n\x00: b\r\n\r\n",
    ],
    ids=range(9),
)
def test_what_is_no_http_is_refused_and_the_next_one_served(house: House, head: bytes) -> None:
    with house.open(QUICK) as visitor:
        with connected(visitor.address) as connection:
            try:
                connection.sendall(head)
                answer = connection.recv(65_536)
            except OSError:
                answer = b""
        assert answer == b"" or answer.split(b" ")[1].startswith((b"4", b"5"))
        assert visitor.get("/-/healthy").status_code == 200

    assert house.store.audit() == ()


def is_open(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def test_two_tokens_in_one_request_are_as_good_as_none(house: House) -> None:
    body = b'{"title": "x", "severity": "info"}'
    head = POST + b"Authorization: Bearer other\r\n" + f"Content-Length: {len(body)}\r\n\r\n".encode()
    with house.open() as visitor, connected(visitor.address) as connection:
        connection.sendall(head + body)

        assert connection.recv(65_536).startswith(b"HTTP/1.1 401")
    assert house.store.audit() == ()


def test_a_crowd_of_silent_connections_does_not_keep_a_scrape_out(house: House) -> None:
    patience = Patience(headers=30.0, connections=20)
    crowd: list[socket.socket] = []
    try:
        with house.open(patience) as visitor:
            for _ in range(60):
                crowd.append(socket.create_connection(visitor.address, timeout=5))
                crowd[-1].sendall(b"GET /")
            for _ in range(3):
                answer = requests.get(f"{visitor.url}/metrics", timeout=8)
                assert answer.status_code == 200
                assert answer.elapsed.total_seconds() < 5
            assert [is_open(connection) for connection in crowd].count(True) <= patience.connections
            assert is_open(crowd[-1])  # those that waited longest had to go
    finally:
        for connection in crowd:
            connection.close()


def test_an_answer_comes_without_the_forty_milliseconds_of_nagle(house: House) -> None:
    with house.open() as visitor:
        times = sorted(visitor.get("/-/healthy").elapsed.total_seconds() for _ in range(21))

    assert times[0] < 0.03  # the quickest one: the machine may be busy


def test_a_taken_address_is_named(house: House) -> None:
    with (
        house.open() as visitor,
        pytest.raises(OSError, match=rf"in use.*127\.0\.0\.1:{visitor.address[1]}.*web.listen"),
    ):
        bind(*visitor.address)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.1", "999.1.1.1"])
def test_an_address_that_is_not_ours_is_named(host: str) -> None:
    with pytest.raises(OSError, match=host.replace(".", r"\.")):
        bind(host, 0)


class Serving:
    """A process of tests.web.serving."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.log = folder / "log"
        ports = folder / "port"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.web.serving", ports, self.log, *options],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.url = ""
        for _ in range(200):
            if ports.exists() and ports.read_text():
                self.url = f"http://127.0.0.1:{ports.read_text()}"
                break
            time.sleep(0.1)

    def ready(self) -> None:
        assert requests.get(f"{self.url}/-/ready", timeout=10).status_code == 200

    def said(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    started: list[Serving] = []

    def start(*options: str) -> Serving:
        started.append(Serving(tmp_path, *options))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait(10)


def write(url: str, number: int) -> int:
    answer = requests.post(
        f"{url}{FEEDBACK}", json=feedback(user=f"u-{number}"), headers=bearer(Role.FEEDBACK), timeout=20
    )
    return answer.status_code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_those_at_work_finish_and_ends_with_0(
    serving: Callable[..., Serving], number: signal.Signals
) -> None:
    daemon = serving()
    daemon.ready()
    with ThreadPoolExecutor(12) as pool:
        writes = [
            pool.submit(write, daemon.url, n) for n in range(12)
        ]  # 4 threads of a second each: 3 seconds
        time.sleep(0.7)
        start = time.monotonic()
        daemon.process.send_signal(number)
        code = daemon.process.wait(15)
        took = time.monotonic() - start
        answers = [future.result() for future in writes]

    assert code == 0
    assert took < 30
    assert answers == [201] * 12
    assert daemon.said() == ["start", "stop with 12 records", "returned"]


def test_a_client_that_never_ends_does_not_keep_the_daemon_from_stopping(
    serving: Callable[..., Serving],
) -> None:
    daemon = serving()
    daemon.ready()
    port = int(daemon.url.rpartition(":")[2])
    with connected(("127.0.0.1", port)) as slow, connected(("127.0.0.1", port)) as silent:
        slow.sendall(POST + b"Content-Length: 1000\r\n\r\n{")
        silent.sendall(b"GET /")
        time.sleep(0.3)
        start = time.monotonic()
        daemon.process.terminate()
        code = daemon.process.wait(15)

    assert code == 0
    assert time.monotonic() - start < 30
    assert daemon.said() == ["start", "stop with 0 records", "returned"]


def test_a_second_interrupt_stops_waiting_and_still_cleans_up(serving: Callable[..., Serving]) -> None:
    daemon = serving()
    daemon.ready()
    port = int(daemon.url.rpartition(":")[2])
    with connected(("127.0.0.1", port)) as slow:
        slow.sendall(POST + b"Content-Length: 1000\r\n\r\n{")
        time.sleep(0.3)
        start = time.monotonic()
        daemon.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        daemon.process.send_signal(signal.SIGINT)
        code = daemon.process.wait(15)

    assert code == 0
    assert time.monotonic() - start < 20
    assert daemon.said()[-2:] == ["stop with 0 records", "returned"]


def test_what_was_begun_is_cleaned_up_when_the_start_fails(serving: Callable[..., Serving]) -> None:
    daemon = serving("fail")

    assert daemon.process.wait(15) == 1
    assert daemon.said() == ["start", "stop with 0 records"]


def test_records_of_a_client_that_went_away_are_whole_or_not_there(house: House) -> None:
    body = b'{"title": "gone", "severity": "info"}'
    with house.open(QUICK) as visitor:
        for _ in range(20):
            with connected(visitor.address) as connection:
                connection.sendall(POST + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert visitor.get(INCIDENTS).status_code == 200

    stored = house.store.incidents(PILOT)
    assert len(stored) == len(house.store.audit())
    assert {one.title for one in stored} <= {"gone"}
