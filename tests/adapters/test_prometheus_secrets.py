"""Credentials go to Prometheus and nowhere else; TLS is verified or the query fails; the environment changes nothing."""

import base64
import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from slo_daemon.adapters.prometheus import PrometheusSettings
from slo_daemon.core.slo.query import FailReason
from slo_daemon.ports import SourceError
from tests.adapters.conftest import Hostile, SourceOf
from tests.adapters.hostile_http import HostileServer, http

OK = http(b'{"status":"success","data":{"resultType":"vector","result":[]}}')
TOKEN = "tok-3Nv7Qw"
PASSWORD = "p@ss/wörd"
IN_URL = "p%40ss%2Fw%C3%B6rd"


def failure(source: Any, deadline: float = 5.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.query("up", 0.0, deadline)
    return caught.value


def with_credentials(server: HostileServer) -> str:
    return server.url.replace("//", f"//alice:{IN_URL}@")


def test_the_token_is_sent_as_a_bearer_token(hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(OK)

    source_of(server.url, bearer_token=lambda: TOKEN, headers={"X-Scope-OrgID": "search"}).query(
        "up", 0.0, 5.0
    )

    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert server.requests[0].headers["x-scope-orgid"] == "search"


def test_credentials_in_the_url_are_sent_as_basic_authentication(
    hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(OK)

    source_of(with_credentials(server)).query("up", 0.0, 5.0)

    sent = server.requests[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == f"alice:{PASSWORD}"
    assert server.requests[0].headers["host"] == f"127.0.0.1:{server.port}"


def test_no_secret_is_ever_shown(hostile: Hostile, source_of: SourceOf) -> None:
    for options in ({"bearer_token": lambda: TOKEN}, {"headers": {"X-Api-Key": TOKEN}}, {}):
        said = f"you sent {TOKEN} and {PASSWORD} and {IN_URL}"
        refusal = f'{{"status":"error","errorType":"bad_data","error":"{said}"}}'.encode()
        warning = f'{{"status":"success","data":null,"warnings":["{said}"]}}'.encode()
        shouting = [http(refusal, "400 Bad Request"), http(warning), http(said.encode(), "500 Oh No")]
        server = hostile(*shouting)
        url = server.url if options else with_credentials(server)
        source = source_of(url, **options)
        errors = [failure(source) for _ in shouting]

        shown = "\n".join(
            [repr(PrometheusSettings(url, **options)), source.url]
            + [f"{error} {error!r} {error.detail} {error.__cause__}" for error in errors]
        )
        assert [error.reason for error in errors] == [
            FailReason.BAD_QUERY,
            FailReason.PARTIAL,
            FailReason.HTTP,
        ]
        assert shown.count("***") >= len(shouting)
        for secret in (TOKEN,) if options else (PASSWORD, IN_URL, "alice"):
            assert secret not in shown


@pytest.mark.parametrize("token", ["", "s3cret\n", "s3crét"])
def test_a_token_that_no_header_can_carry_is_not_sent_and_not_shown(
    hostile: Hostile, source_of: SourceOf, token: str
) -> None:
    server = hostile(OK)

    error = failure(source_of(server.url, bearer_token=lambda: token))

    assert error.reason is FailReason.AUTH
    assert "s3cr" not in str(error)
    assert server.requests == []


def test_a_rotated_token_is_taken_and_one_that_cannot_be_read_is_told(
    hostile: Hostile, source_of: SourceOf, tmp_path: Path
) -> None:
    server = hostile(OK)
    file = tmp_path / "token"
    source = source_of(server.url, bearer_token=file.read_text)

    for token in ("first", "second"):
        file.write_text(token)
        source.query("up", 0.0, 5.0)
    file.unlink()
    error = failure(source)

    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer first",
        "Bearer second",
    ]
    assert error.reason is FailReason.AUTH
    assert str(file) in error.detail


def test_the_shown_url_has_no_credentials(source_of: SourceOf) -> None:
    for url, shown in (
        (f"http://alice:{IN_URL}@prometheus.example:9090/", "http://prometheus.example:9090"),
        ("https://:secret@[::1]:9090/prom/", "https://[::1]:9090/prom"),
        ("http://token@prometheus.example", "http://prometheus.example"),
        ("http://a:b@c@prometheus.example", "http://prometheus.example"),
    ):
        assert source_of(url).url == shown


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_its_target_learns_nothing(
    status: int, hostile: Hostile, source_of: SourceOf
) -> None:
    other = hostile(OK)
    location = f"{other.url.replace('//', '//bob:hunter2@')}/api/v1/query?key=hunter2"
    server = hostile(http(b"", f"{status} Elsewhere", headers={"Location": location}))

    error = failure(source_of(server.url, bearer_token=lambda: TOKEN))

    assert error.reason is FailReason.REDIRECT
    assert "127.0.0.1" in error.detail
    assert "hunter2" not in error.detail
    assert (len(server.requests), other.connections) == (1, 0)


@pytest.mark.parametrize("location", ["", "/graph", "//[", "javascript:alert(1)", "http://\x1b[31mevil/"])
def test_a_redirect_to_anywhere_is_a_named_failure(
    location: str, hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(http(b"", "302 Found", headers={"Location": location}))

    error = failure(source_of(server.url))

    assert error.reason is FailReason.REDIRECT
    assert error.detail.isprintable()


def test_proxies_and_netrc_of_the_environment_are_not_used(
    hostile: Hostile, source_of: SourceOf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy, server = hostile(OK), hostile(OK)
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login bob password {TOKEN}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    source_of(server.url).query("up", 0.0, 5.0)

    assert proxy.connections == 0
    assert "authorization" not in server.requests[0].headers


def test_cookies_are_not_kept(hostile: Hostile, source_of: SourceOf) -> None:
    server = hostile(OK.replace(b"\r\n", b"\r\nSet-Cookie: id=1; Path=/\r\n", 1))
    source = source_of(server.url)

    for _ in range(2):
        source.query("up", 0.0, 5.0)

    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("", {}, "must look like"),
        ("prometheus:9090", {}, "must look like"),
        ("ftp://prometheus", {}, "must look like"),
        ("http://", {}, "must look like"),
        ("http://:9090", {}, "must look like"),
        ("http://prometheus:ninety", {}, "must look like"),
        ("http://prometheus:99999", {}, "must look like"),
        ("http://[::1", {}, "must look like"),
        ("http://prometheus 1:9090", {}, "must look like"),
        ("http://prometheus\n:9090", {}, "must look like"),
        ("http://a:s3cret@prometheus/?x=1", {}, r"http://prometheus ends with \?"),
        ("http://prometheus/graph#x", {}, "leave that out"),
        ("http://prometheus", {"timeout": 0.0}, "timeout"),
        ("http://prometheus", {"timeout": float("nan")}, "timeout"),
        ("http://prometheus", {"timeout": float("inf")}, "timeout"),
        ("http://prometheus", {"concurrency": 0}, "at least 1"),
        ("http://prometheus", {"max_body": 0}, "at least 1"),
        ("http://prometheus", {"headers": {"X-Key": "s3cret\r\nEvil: 1"}}, "X-Key"),
        (
            "http://prometheus",
            {"bearer_token": lambda: "s3cret", "headers": {"authorization": "x y"}},
            "give one of",
        ),
        ("http://a:s3cret@prometheus", {"bearer_token": lambda: "s3cret"}, "give one of"),
    ],
)
def test_settings_that_could_never_work_are_refused_without_showing_a_secret(
    url: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        PrometheusSettings(url, **options)

    assert "s3cr" not in str(caught.value)


pytest_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


class Authority:
    """A certificate authority of our own, and servers with certificates of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "ca.pem"
        self._openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ours "
            "-addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.pem"
        )

    def server(self, name: str, *, days: int = 2) -> ssl.SSLContext:
        """A server's side of TLS with a certificate for `name`, as in IP:127.0.0.1 or DNS:localhost."""
        stem = f"{name.replace(':', '-')}{days}"
        self._openssl(
            f"req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server -keyout {stem}.key "
            f"-out {stem}.csr"
        )
        (self.folder / f"{stem}.ext").write_text(f"subjectAltName={name}\n")
        self._openssl(
            f"x509 -req -in {stem}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} -extfile {stem}.ext "
            f"-out {stem}.pem"
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{stem}.pem", self.folder / f"{stem}.key")
        return context

    def _openssl(self, arguments: str) -> None:
        subprocess.run(["openssl", *arguments.split()], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest_openssl
def test_a_certificate_of_the_named_authority_is_trusted(
    authority: Authority, hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(OK, tls=authority.server("IP:127.0.0.1"))

    assert source_of(server.url, ca_file=authority.file).query("up", 0.0, 5.0).rows == ()


@pytest_openssl
@pytest.mark.parametrize(
    ("name", "days", "known", "said"),
    [
        ("IP:127.0.0.1", 2, False, "self-signed certificate in certificate chain|unable to get local issuer"),
        ("DNS:elsewhere.example", 2, True, "mismatch"),
        ("IP:127.0.0.1", -1, True, "expired"),
    ],
    ids=["unknown authority", "wrong name", "expired"],
)
def test_a_certificate_that_does_not_hold_fails_and_nothing_is_sent(
    name: str, days: int, known: bool, said: str, authority: Authority, hostile: Hostile, source_of: SourceOf
) -> None:
    server = hostile(OK, tls=authority.server(name, days=days))
    options = {"ca_file": authority.file} if known else {}

    error = failure(source_of(server.url, bearer_token=lambda: TOKEN, **options))

    assert error.reason is FailReason.TLS
    assert server.requests == []
    assert any(part in error.detail for part in said.split("|"))
    assert "ca_file" in error.detail


@pytest_openssl
def test_the_authorities_of_the_environment_are_not_trusted(
    authority: Authority, hostile: Hostile, source_of: SourceOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(authority.file))
    server = hostile(OK, tls=authority.server("IP:127.0.0.1"))

    assert failure(source_of(server.url)).reason is FailReason.TLS


def test_https_to_a_server_without_tls_fails_and_nothing_is_sent(source_of: SourceOf) -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer_in_plain_http() -> None:
            connection, _ = plain.accept()
            with connection:
                received.append(connection.recv(65_536))
                connection.sendall(http(b"Bad Request", "400 Bad Request"))

        thread = threading.Thread(target=answer_in_plain_http)
        thread.start()
        error = failure(
            source_of(f"https://127.0.0.1:{plain.getsockname()[1]}", bearer_token=lambda: TOKEN), deadline=2.0
        )
        thread.join()

    assert error.reason is FailReason.TLS
    assert "does not speak TLS" in error.detail
    assert TOKEN.encode() not in received[0]


@pytest.mark.parametrize("content", [None, "", "not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_ca_file_that_cannot_be_used_fails(
    content: str | None, hostile: Hostile, source_of: SourceOf, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    error = failure(source_of(hostile(OK).url.replace("http:", "https:"), ca_file=file))

    assert error.reason is FailReason.TLS
    assert "ca_file" in error.detail


def test_a_handshake_that_stalls_is_left_at_the_deadline(source_of: SourceOf) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = source_of(f"https://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()

        error = failure(source, deadline=0.5)

    assert error.reason is FailReason.TIMEOUT
    assert time.monotonic() - started < 0.9
