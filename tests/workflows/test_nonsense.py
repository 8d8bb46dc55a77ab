"""Whatever Prometheus answers, a critical level stays critical, no number is invented, and the reason has a name.

The daemon's real client asks a server that first tells the truth (everything fails: critical) and then nonsense.
"""

import json
from collections.abc import Callable, Iterator
from time import time
from urllib.parse import parse_qs

import pytest

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.adapters.prometheus import PrometheusSettings, PrometheusSource
from slo_daemon.adapters.system_clock import SystemClock
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.query import MARK
from slo_daemon.core.slo.window import Slot
from slo_daemon.core.snapshot import SloView, Snapshot, Specification
from slo_daemon.demo.loopback_http import LoopbackHttp, Reply, Request
from slo_daemon.workflows.ask import Asker
from slo_daemon.workflows.board import Board
from slo_daemon.workflows.evaluate import Evaluator
from slo_daemon.workflows.history import History
from tests.telling import Told
from tests.workflows.world import slo

Answer = Callable[[bytes], Reply]
BAD = {MARK: "1"}  # the labels of bad events, and of good ones
GOOD = {MARK: ""}


def vector(*rows: tuple[dict[str, str], str], **more: object) -> bytes:
    result = [{"metric": labels, "value": [1.0, value]} for labels, value in rows]
    return json.dumps(
        {"status": "success", "data": {"resultType": "vector", "result": result}, **more}
    ).encode()


class Prometheus:
    """Answers that everything fails; with `nonsense`, the queries (and with `also_time` the clock) get that instead."""

    def __init__(self) -> None:
        self.nonsense: Answer | None = None
        self.also_time = False
        self._http = LoopbackHttp(self._answer, port=0)

    def _answer(self, request: Request) -> Reply:
        query = parse_qs(request.body.decode())["query"][0]
        is_time = query == "time()"
        if is_time:
            truth = json.dumps(
                {"status": "success", "data": {"resultType": "scalar", "result": [time(), str(time())]}}
            )
        else:
            truth = vector((BAD, "1000000")).decode()
        if self.nonsense is not None and (self.also_time or not is_time):
            return self.nonsense(truth.encode())
        return Reply(200, truth.encode())


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    server = Prometheus()
    server._http.start()
    yield server
    server._http.stop()


class Watched:
    """An evaluator on that server, at critical."""

    def __init__(self, server: Prometheus) -> None:
        self.store, self.told = MemoryStore(), Told()
        settings = PrometheusSettings(url=server._http.url, timeout=2.0)
        self.board = Board(Snapshot(Specification((), (), ""), None, None, {}))
        self.asker = Asker(PrometheusSource(settings), self.told, concurrency=1, timeout=2.0)
        history = History(self.store, self.told, 60.0)
        self.evaluator = Evaluator(self.asker, history, self.store, self.board, SystemClock(), self.told)
        self.evaluator.adopt(Specification((slo("one"),), (), "h"), {})
        self.time = 1_000_000.0

    def slot(self) -> SloView:
        self.time += 60.0
        return self.evaluator.run_slot(Slot(self.time, 60.0)).slos["p/one"]


@pytest.fixture
def watched(prometheus: Prometheus) -> Iterator[Watched]:
    world = Watched(prometheus)
    view = world.slot()
    assert (view.state.level, view.evaluation and view.evaluation.value) == (Level.CRITICAL, 0.0)
    yield world
    world.asker.close()


def body(content: bytes | str, status: int = 200, kind: str = "application/json") -> Answer:
    raw = content.encode() if isinstance(content, str) else content
    return lambda _truth: Reply(status, raw, kind)


def error_json(kind: str) -> str:
    return json.dumps({"status": "error", "errorType": kind, "error": "said by Prometheus"})


NONSENSE: dict[str, tuple[Answer, str]] = {
    "an HTML page": (body("<html>please log in</html>", kind="text/html"), "bad_body"),
    "an empty answer": (body(""), "bad_body"),
    "an empty object": (body("{}"), "bad_body"),
    "400 bad_data": (body(error_json("bad_data"), 400), "bad_query"),
    "422 execution": (body(error_json("execution"), 422), "execution"),
    "503 timeout": (body(error_json("timeout"), 503), "timeout"),
    "503 while starting": (body("Service Unavailable", 503, "text/plain"), "not_ready"),
    "500 in plain text": (body("oops", 500, "text/plain"), "http"),
    "401": (body("who are you", 401, "text/plain"), "auth"),
    "429": (body("slow down", 429, "text/plain"), "throttled"),
    "NaN": (body(vector((BAD, "NaN"))), "value"),
    "+Inf": (body(vector((BAD, "+Inf"))), "value"),
    "a negative count": (body(vector((GOOD, "-5"))), "value"),
    "no number": (body(vector((BAD, "many"))), "bad_body"),
    "warnings": (body(vector((BAD, "1"), warnings=["a store is missing"])), "partial"),
    "a series too many": (body(vector((BAD, "1"), ({"pod": "b"}, "2"))), "shape"),
    "a label that was not asked for": (body(vector(({"pod": "b"}, "2"))), "shape"),
    "a matrix": (body('{"status":"success","data":{"resultType":"matrix","result":[]}}'), "shape"),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_a_critical_level_is_held_and_the_reason_is_named(
    prometheus: Prometheus, watched: Watched, what: str
) -> None:
    prometheus.nonsense, reason = NONSENSE[what]
    view = watched.slot()
    assert view.evaluation is not None
    assert (view.data_state, view.evaluation.reason.value) == (DataState.ERROR, reason)
    assert (view.state.level, view.evaluation.value, view.evaluation.met) == (Level.CRITICAL, None, None)
    assert len(watched.store.transitions()) == 1


@pytest.mark.parametrize(
    "what", [name for name, (_, reason) in NONSENSE.items() if reason not in ("value", "shape")]
)
def test_a_source_that_only_talks_nonsense_is_down_and_levels_are_held(
    prometheus: Prometheus, watched: Watched, what: str
) -> None:
    prometheus.nonsense, reason = NONSENSE[what]
    prometheus.also_time = True
    view = watched.slot()
    source = watched.board.current.source
    assert source is not None
    assert not source.up
    assert reason in (source.reason, "bad_body")
    assert (view.state.level, view.state.missing_slots) == (Level.CRITICAL, 0)


def test_an_answer_cut_at_any_byte_is_never_a_number(prometheus: Prometheus, watched: Watched) -> None:
    whole = vector((BAD, "1000000"))
    for length in range(len(whole)):
        prometheus.nonsense = body(whole[:length])
        view = watched.slot()
        assert view.evaluation is not None
        assert (view.data_state, view.evaluation.reason.value, length) == (
            DataState.ERROR,
            "bad_body",
            length,
        )
        assert (view.state.level, view.evaluation.value) == (Level.CRITICAL, None)
    prometheus.nonsense = body(whole)
    assert watched.slot().data_state is DataState.OK


def test_after_the_nonsense_the_truth_counts_again(prometheus: Prometheus, watched: Watched) -> None:
    prometheus.nonsense = NONSENSE["an HTML page"][0]
    watched.slot()
    prometheus.nonsense = None
    assert watched.slot().data_state is DataState.OK
    assert watched.board.current.slos["p/one"].state.level is Level.CRITICAL
