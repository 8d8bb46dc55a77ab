import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

Ask = Callable[..., float]
Until = Callable[..., Any]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """ask(server_url, promql, at=None): the value of the only series in the answer; 0 series or 2 are failures."""
    with requests.Session() as session:
        session.trust_env = False

        def ask_one(url: str, promql: str, at: float | None = None) -> float:
            parameters = {"query": promql, "time": time.time() if at is None else at}
            answer = session.post(f"{url}/api/v1/query", data=parameters, timeout=10).json()
            assert answer["status"] == "success", answer
            result = answer["data"]["result"]
            assert len(result) == 1, f"{promql} has {len(result)} series"
            return float(result[0]["value"][1])

        yield ask_one


@pytest.fixture
def until() -> Until:
    """until(condition, seconds): wait for a true value of condition() and return it; fails after `seconds`."""

    def wait(condition: Callable[[], Any], seconds: float) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(0.1)
        return pytest.fail(f"not true within {seconds:g} s")

    return wait
