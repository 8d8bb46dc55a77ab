"""Thousands of services behind one /metrics: `python -m bench.soak.exporter PORT SERVICES`, until it is stopped."""

import sys
from threading import Event, Lock
from time import monotonic

import numpy as np

from bench.history import FAILED_CODE, REQUESTS
from bench.lines import Bytes, digits, lines
from bench.plan import PODS, service_name
from slo_daemon.demo.loopback_http import LoopbackHttp, Reply, Request

SERIES = 2 * PODS  # of each service: two codes for each pod
_PLACES = 12  # digits of a counter
_HEAD = b"# HELP http_requests_total Requests answered, by HTTP status code.\n# TYPE http_requests_total counter\n"
_RATE = (20.0, 10.0)  # requests a second of each pod: least, and times what at most
_FAILING = 2e-4
_INCIDENTS = 1 / 21_600  # for each service and second
_INCIDENT_SECONDS = 600.0
_INCIDENT_FAILING = 0.03


class Pods:
    """The counters of all pods. Text is made by writing digits over those of the last time."""

    def __init__(self, services: int, seed: int = 5) -> None:
        self._rng = np.random.default_rng(seed)
        least, spread = _RATE
        self._rates = least * spread ** self._rng.random((services, PODS))
        self._ill_until = np.zeros(services)
        self._clock = 0.0
        self.counts = np.zeros((services, PODS, 2), dtype=np.int64)
        self._lines, self._values = _template(services)

    def grow(self, seconds: float) -> None:
        """Let so much time pass."""
        self._clock += seconds
        falls_ill = self._rng.random(len(self._ill_until)) < 1 - np.exp(-_INCIDENTS * seconds)
        self._ill_until[falls_ill] = self._clock + _INCIDENT_SECONDS
        failing = np.where(self._ill_until > self._clock, _INCIDENT_FAILING, _FAILING)
        requests = self._rng.poisson(self._rates * seconds)
        failed = self._rng.binomial(requests, failing[:, None])
        self.counts[..., 0] += requests - failed
        self.counts[..., 1] += failed

    def text(self) -> bytes:
        """The Prometheus text format."""
        values = digits(self.counts.reshape(-1))
        self._values[:, _PLACES - values.shape[1] :] = values
        return _HEAD + self._lines.tobytes()


def _template(services: int) -> tuple[Bytes, Bytes]:
    """(all lines with zeros, the part of them where the values stand). All lines have the same length."""
    empty, nothing = np.full((1, _PLACES), ord("0"), dtype=np.uint8), np.empty((1, 0), dtype=np.uint8)
    made = np.concatenate(
        [
            lines(f'{REQUESTS}{{service="{name}",pod="{name}-{pod}",code="{code}"}}', empty, nothing)
            for name in map(service_name, range(services))
            for pod in range(PODS)
            for code in ("200", FAILED_CODE)
        ]
    )
    made[:, -2] = ord(
        "0"
    )  # where a timestamp would follow; one more digit, so that nothing but the value is left
    return made, made[:, -2 - _PLACES + 1 : -1]


def main(port: int, services: int) -> None:
    """Serve until killed."""
    pods, turn, last = Pods(services), Lock(), [monotonic()]

    def answer(request: Request) -> Reply:
        if request.path != "/metrics":
            return Reply(404)
        with turn:
            now = monotonic()
            pods.grow(now - last[0])
            last[0] = now
            return Reply(200, pods.text(), "text/plain; version=0.0.4; charset=utf-8")

    server = LoopbackHttp(answer, port=port)
    server.start()
    Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
