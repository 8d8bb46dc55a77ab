"""The adapter against a real Prometheus: its failures, its restarts, and its answers cut at every byte."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from slo_daemon.adapters.prometheus import PrometheusSource, results
from slo_daemon.core.slo.query import FailReason
from slo_daemon.demo.history import write_blocks
from slo_daemon.demo.openmetrics import scrape_times, steady_counter
from slo_daemon.demo.servers import PrometheusServer
from slo_daemon.ports import SourceError
from tests.adapters.conftest import PER_SCRAPE, SCRAPE, Hostile, SourceOf, World
from tests.adapters.hostile_http import http

pytestmark = pytest.mark.servers

HEAVY = "sum(sum_over_time(requests_total[1h:50ms]))"


def failure(
    source: PrometheusSource, promql: str = "up", at: float = 0.0, deadline: float = 5.0
) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.query(promql, at, deadline)
    return caught.value


def test_counts_agree_with_what_was_counted(world: World, source_of: SourceOf) -> None:
    reply = source_of(world.url).query(
        'sum by (zone) (increase(requests_total{service="a"}[30m]))', world.end, 5.0
    )

    scrapes = 1800 / SCRAPE
    assert {row.label("zone"): row.value for row in reply.rows} == {
        "east": pytest.approx(PER_SCRAPE * scrapes, rel=0.01),
        "west": pytest.approx(2 * PER_SCRAPE * scrapes, rel=0.01),
    }
    assert reply.samples is not None
    assert reply.samples >= 2 * scrapes


def test_a_range_is_a_wrong_shape(world: World, source_of: SourceOf) -> None:
    for promql in ('load{service="a"}[5m]', "1 + 1", '"text"'):
        error = failure(source_of(world.url), promql, world.end)
        assert error.reason is FailReason.SHAPE


def test_a_real_answer_cut_at_any_byte_never_gives_rows(
    world: World, hostile: Hostile, source_of: SourceOf
) -> None:
    form = {
        "query": 'sum by (service) (requests_total{service=~"a|日本語"})',
        "time": str(world.end),
        "stats": "all",
    }
    body = requests.post(f"{world.url}/api/v1/query", data=form, timeout=5).content.rstrip()
    assert len(results.vector(body).rows) == 2
    close = {"Connection": "close"}
    for answers in (
        [http(body[:cut], length=len(body), headers=close) for cut in range(len(body))],
        [http(body[:cut]) for cut in range(len(body))],
        [http(body[:cut], framing="close") for cut in range(len(body))],
        [http(body[:cut], framing="chunked") for cut in range(len(body))],
        [http(body[:cut], framing="chunked", headers=close)[:-5] for cut in range(len(body))],
    ):
        server = hostile(*answers, http(body))
        source = source_of(server.url)
        reasons = {failure(source, at=world.end).reason for _ in range(len(body))}

        assert reasons == {FailReason.BAD_BODY}
        assert len(server.requests) == len(body)
        assert len(source.query("up", world.end, 5.0).rows) == 2


@pytest.fixture
def own(tmp_path: Path) -> Iterator[PrometheusServer]:
    """A Prometheus of this test's own, to be frozen and killed."""
    with PrometheusServer(tmp_path) as server:
        yield server


def test_a_frozen_prometheus_is_left_at_the_deadline_and_found_again(
    own: PrometheusServer, source_of: SourceOf
) -> None:
    source = source_of(own.url)
    source.query("vector(1)", time.time(), 5.0)

    own.freeze()
    started = time.monotonic()
    error = failure(source, "vector(1)", time.time(), 1.0)
    seconds = time.monotonic() - started
    own.thaw()

    assert error.reason is FailReason.TIMEOUT
    assert 0.9 < seconds < 5.0
    assert len(source.query("vector(1)", time.time(), 5.0).rows) == 1


def test_a_killed_prometheus_is_a_failure_to_connect_and_its_successor_is_found_at_once(
    own: PrometheusServer, source_of: SourceOf
) -> None:
    source = source_of(own.url)
    source.query("vector(1)", time.time(), 5.0)

    own.kill()
    assert failure(source, "vector(1)", time.time()).reason is FailReason.CONNECT
    assert failure(source, "vector(1)", time.time()).reason is FailReason.CONNECT

    own.start().wait_ready()
    assert len(source.query("vector(1)", time.time(), 5.0).rows) == 1


def test_a_restart_between_two_queries_is_not_noticed(own: PrometheusServer, source_of: SourceOf) -> None:
    source = source_of(own.url)
    source.query("vector(1)", time.time(), 5.0)

    own.restart().wait_ready()

    assert len(source.query("vector(1)", time.time(), 5.0).rows) == 1


@pytest.mark.parametrize(
    ("flag", "promql", "reason", "said"),
    [
        ("--query.max-samples=40", "requests_total", FailReason.EXECUTION, "too many samples"),
        ("--query.timeout=5ms", HEAVY, FailReason.TIMEOUT, "timed out"),
    ],
)
def test_a_limit_of_the_server_has_its_reason(
    flag: str, promql: str, reason: FailReason, said: str, tmp_path: Path, source_of: SourceOf
) -> None:
    end = float(int(time.time()))
    times = scrape_times(end - 3600, end, SCRAPE)
    server = PrometheusServer(tmp_path, flags=[flag])
    write_blocks(
        [steady_counter("requests_total", {"pod": str(n)}, times, 1.0) for n in range(50)], server.data_folder
    )

    with server:
        error = failure(source_of(server.url), promql, end)

    assert (error.reason, error.permanent) == (reason, reason is FailReason.EXECUTION)
    assert said in error.detail


def test_a_heavy_query_ends_by_the_deadline(world: World, source_of: SourceOf) -> None:
    started = time.monotonic()
    error = failure(source_of(world.url), HEAVY, world.end, 0.2)

    assert error.reason is FailReason.TIMEOUT
    assert time.monotonic() - started < 5.0


# bcrypt of p@ss/word
USERS = "basic_auth_users:\n  alice: $2b$04$abcdefghijklmnopqrstuu0XroNCGUfAAHJrMW8SdeeQjXLdlfjF2\n"


def first_rows(source: PrometheusSource) -> int:
    """How many rows the first answer of a starting Prometheus has."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            return len(source.query("vector(1)", time.time(), 5.0).rows)
        except SourceError as error:
            if error.reason is not FailReason.NOT_READY:
                raise
    return pytest.fail("Prometheus did not get ready")


def test_a_prometheus_with_passwords(tmp_path: Path, source_of: SourceOf) -> None:
    web = tmp_path / "web.yml"
    web.write_text(USERS)
    server = PrometheusServer(tmp_path / "prometheus", flags=[f"--web.config.file={web}"])
    try:
        url = server.start().url
        assert first_rows(source_of(url.replace("//", "//alice:p%40ss%2Fword@"))) == 1
        for wrong in (url, url.replace("//", "//alice:wrong@")):
            assert failure(source_of(wrong), "vector(1)").reason is FailReason.AUTH
        assert failure(source_of(url, bearer_token=lambda: "wrong"), "vector(1)").reason is FailReason.AUTH
    finally:
        server.stop()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_prometheus_with_tls(tmp_path: Path, source_of: SourceOf) -> None:
    subprocess.run(
        [*["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=p"],
         *["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "p.key", "-out", "p.pem"]],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    web = tmp_path / "web.yml"
    web.write_text(f"tls_server_config:\n  cert_file: {tmp_path}/p.pem\n  key_file: {tmp_path}/p.key\n")
    server = PrometheusServer(tmp_path / "prometheus", flags=[f"--web.config.file={web}"])
    try:
        server.start()
        url = server.url.replace("http:", "https:")
        trusting = source_of(url, ca_file=tmp_path / "p.pem")
        assert first_rows(trusting) == 1
        assert failure(source_of(url), "vector(1)").reason is FailReason.TLS
        plain = failure(source_of(server.url), "vector(1)")
        assert (plain.reason, "https://" in plain.detail) == (FailReason.TLS, True)
    finally:
        server.stop()
