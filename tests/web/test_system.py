"""/metrics, /-/healthy, /-/ready, /-/reload, and what is around every answer."""

import asyncio
import threading

import pytest

from slo_daemon.ports import StoreError
from slo_daemon.web.limits import Workers
from slo_daemon.web.problems import ProblemError
from slo_daemon.web.security import HEADERS, Role
from tests.web.house import FEEDBACK, INCIDENTS, PILOT, House, Visitor, bearer, feedback, incident


def test_metrics_are_passed_on_as_they_are(house: House, visitor: Visitor) -> None:
    house.payload = 'slo_alert_level{slo="caf\xe9"} 2\n'.encode()

    answer = visitor.get("/metrics")

    assert answer.content == house.payload
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_a_failing_collector_is_an_error_and_never_a_part_of_the_metrics(
    house: House, visitor: Visitor
) -> None:
    house.metrics_error = RuntimeError("my inner life")

    answer = visitor.get("/metrics")

    assert (answer.status_code, answer.json()["reason"]) == (500, "internal")
    assert "inner life" not in answer.text
    assert "slo_alert_level" not in answer.text

    house.metrics_error = None
    assert visitor.get("/metrics").status_code == 200


def test_healthy_is_about_the_loop_only(house: House, visitor: Visitor) -> None:
    house.store.failure = StoreError("io", "gone")
    house.unready = ["the specification is not valid"]
    assert visitor.get("/-/healthy").json() == {"healthy": True}

    house.stuck = "no slot was finished for 95 s"
    answer = visitor.get("/-/healthy")
    assert (answer.status_code, answer.json()["reason"]) == (503, "stuck")
    assert "95 s" in answer.json()["detail"]


def test_ready_says_what_is_missing(house: House, visitor: Visitor) -> None:
    house.unready = ["the store is not open", "nothing was exported yet"]
    answer = visitor.get("/-/ready")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert answer.json()["reasons"] == house.unready

    house.unready = []
    assert visitor.get("/-/ready").json() == {"ready": True, "reasons": []}


def test_a_reload_answers_with_the_hash_that_is_in_force(house: House, visitor: Visitor) -> None:
    answer = visitor.post("/-/reload", headers=bearer(Role.ADMIN))

    assert answer.json() == {"reloaded": True, "hash": house.current.specification.hash}
    assert house.reloads == 1


def test_a_refused_reload_lists_every_problem(house: House, visitor: Visitor) -> None:
    house.reload_problems = ["a.yaml:3:5: unknown key 'slo'", "b.yaml:1:1: empty"]

    answer = visitor.post("/-/reload", headers=bearer(Role.ADMIN))

    assert (answer.status_code, answer.json()["reason"]) == (400, "bad_specification")
    assert answer.json()["problems"] == house.reload_problems
    assert "last good" in answer.json()["detail"]


def test_a_reload_from_loopback_needs_the_token_too(house: House, visitor: Visitor) -> None:
    answer = visitor.post("/-/reload", headers={"X-Forwarded-For": "127.0.0.1"})

    assert answer.status_code == 401
    assert house.reloads == 0


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/metrics",
        "/-/healthy",
        "/api/v1/slos",
        "/api/v1/nope",
        "/%00",
        INCIDENTS,
        FEEDBACK,
        "/openapi.json",
    ],
)
def test_every_answer_has_the_security_headers(house: House, visitor: Visitor, path: str) -> None:
    house.metrics_error = RuntimeError("x")

    headers = visitor.get(path).headers

    own = (
        {"referrer-policy": "same-origin"} if path == "/" else {}
    )  # else forms would not say where they come from
    for name in HEADERS.keys() - {"content-security-policy"}:
        assert headers[name] == own.get(name, HEADERS[name])
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Server" not in headers


def test_unknown_paths_and_methods_are_problems(visitor: Visitor) -> None:
    unknown, wrong = visitor.get("/api/v2/slos"), visitor.delete(INCIDENTS)

    assert (unknown.status_code, unknown.json()["reason"]) == (404, "unknown_path")
    assert (wrong.status_code, wrong.json()["reason"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"]


def test_requests_are_counted_by_route_and_never_by_path(house: House, visitor: Visitor) -> None:
    visitor.get("/metrics")
    visitor.get("/api/v1/slos/search/availability")
    visitor.get("/api/v1/slos/search/nope")
    visitor.get("/somewhere/else")
    visitor.get("/api/v1/pilots/unknown/readiness")
    visitor.post(FEEDBACK, json=feedback(), headers=bearer(Role.FEEDBACK))
    visitor.delete(INCIDENTS)
    house.metrics_error = RuntimeError("x")
    visitor.get("/metrics")

    assert house.told.named("request") == [
        ("/metrics", 200),
        ("/api/v1/slos/{slo_id:path}", 200),
        ("/api/v1/slos/{slo_id:path}", 404),
        ("unmatched", 404),
        ("/api/v1/pilots/{pilot}/readiness", 404),
        ("/api/v1/pilots/{pilot}/feedback", 201),
        ("/api/v1/pilots/{pilot}/incidents", 405),
        ("/metrics", 500),
    ]


class SlowStore:
    """Everything of another store, but recording waits until it is let go."""

    def __init__(self, store: object) -> None:
        self._store = store
        self.began = threading.Semaphore(0)
        self.go = threading.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def record_feedback(self, *args: object) -> object:
        self.began.release()
        assert self.go.wait(20)
        return self._store.record_feedback(*args)  # type: ignore[attr-defined]


def test_a_store_that_hangs_keeps_neither_scrapes_nor_probes_waiting(house: House) -> None:
    slow = house.store = SlowStore(house.store)
    answers: list[int] = []

    def send(url: str, address: tuple[str, int]) -> None:
        with Visitor(url, address) as own:
            answers.append(own.post(FEEDBACK, json=feedback(), headers=bearer(Role.FEEDBACK)).status_code)

    with house.open() as visitor:
        writers = [threading.Thread(target=send, args=(visitor.url, visitor.address)) for _ in range(30)]
        for writer in writers:
            writer.start()
        for _ in range(4):  # every thread of the store's room is taken
            assert slow.began.acquire(timeout=10)
        try:
            for path in ("/metrics", "/-/healthy"):
                answer = visitor.get(path, timeout=2)
                assert answer.status_code == 200
                assert answer.elapsed.total_seconds() < 1
        finally:
            slow.go.set()
        for writer in writers:
            writer.join(20)

    assert answers == [201] * 30
    assert len(slow.feedback(PILOT)) == 30  # type: ignore[operator]


def test_beyond_its_queue_the_store_is_busy_and_says_so(house: House) -> None:
    slow = house.store = SlowStore(house.store)
    answers: list[int] = []
    retry: list[str] = []

    def send(url: str, address: tuple[str, int]) -> None:
        with Visitor(url, address) as own:
            answer = own.post(FEEDBACK, json=feedback(), headers=bearer(Role.FEEDBACK))
            answers.append(answer.status_code)
            retry.append(answer.headers.get("Retry-After", ""))

    with house.open() as visitor:
        writers = [threading.Thread(target=send, args=(visitor.url, visitor.address)) for _ in range(160)]
        for writer in writers:
            writer.start()
        for _ in range(4):
            assert slow.began.acquire(timeout=10)
        for _ in range(200):
            if answers.count(503) >= 28:
                break
            threading.Event().wait(0.05)
        refused = list(answers)
        slow.go.set()
        for writer in writers:
            writer.join(20)

    assert refused == [503] * 28  # 4 at work and 128 waiting
    assert answers.count(201) == 132 == len(slow.feedback(PILOT, 1_000))  # type: ignore[operator]
    assert retry.count("1") == 28


def test_the_end_leaves_no_thread_behind(house: House) -> None:
    def ours() -> set[str]:
        return {thread.name for thread in threading.enumerate() if thread.name.startswith("web-")}

    before = ours()
    with house.open() as visitor:
        visitor.get("/metrics")
        visitor.get("/")
        visitor.post("/-/reload", headers=bearer(Role.ADMIN))
        assert len(ours() - before) >= 3

    assert ours() == before


def test_closing_waits_for_what_has_begun_even_when_nobody_waits_for_it_any_more() -> None:
    began, go, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        assert go.wait(10)
        done.set()

    async def scene() -> None:
        workers = Workers("test", threads=1, queue=1)
        running = asyncio.create_task(workers.run(work))
        waiting = asyncio.create_task(workers.run(work))
        await asyncio.to_thread(began.wait, 10)
        running.cancel()
        closing = asyncio.create_task(asyncio.to_thread(workers.close))
        await asyncio.sleep(0.1)
        assert not closing.done()
        go.set()
        await closing
        assert done.is_set()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(ProblemError) as caught:
            await workers.run(work)
        assert (caught.value.status, caught.value.reason) == (503, "busy")

    asyncio.run(scene())


def test_incidents_are_not_lost_when_many_write_at_once(house: House, visitor: Visitor) -> None:
    def send(number: int) -> None:
        with Visitor(visitor.url, visitor.address) as own:
            own.post(
                INCIDENTS, json=incident(title=f"t{number}"), headers=bearer(Role.INCIDENTS, f"k{number}")
            )

    writers = [threading.Thread(target=send, args=(number,)) for number in range(40)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(20)

    assert {one.title for one in house.store.incidents(PILOT)} == {f"t{n}" for n in range(40)}
