import threading

import numpy as np
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from slo_daemon.demo.incidents import IncidentKind
from slo_daemon.demo.service import SearchService
from slo_daemon.demo.traffic import COLUMNS, Traffic

NOW = 1_790_000_000.0


class SteppedClock:
    """A clock that stands still until it is told the time."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


def service_on(clock: SteppedClock, *, first_incident_after: float | None = None) -> SearchService:
    return SearchService(clock, Traffic(7, NOW - 30 * 86400), first_incident_after=first_incident_after)


def error_share(
    service: SearchService, clock: SteppedClock, seconds: float, variant: str = "treatment"
) -> float:
    """Of the requests in the next `seconds`."""

    def failed() -> float:
        return sum(
            service.value("search_requests_total", variant=variant, code=code) for code in ("500", "503")
        )

    requests_before, failed_before = service.value("search_requests_total", variant=variant), failed()
    clock.now += seconds
    return (failed() - failed_before) / (
        service.value("search_requests_total", variant=variant) - requests_before
    )


def test_metrics_are_valid_and_zero_initialised(clock: SteppedClock) -> None:
    with service_on(clock) as service:
        answer = requests.get(f"{service.url}/metrics", timeout=5)

    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert set(samples) == {(column.name, tuple(sorted(column.labels))) for column in COLUMNS}
    assert samples["search_requests_total", (("code", "503"), ("variant", "treatment"))] == 0
    assert all(family.documentation for family in families.values())


def test_counters_go_on_from_a_history(clock: SteppedClock) -> None:
    totals = np.arange(float(len(COLUMNS))) + 1_000_000
    with service_on(clock) as service:
        assert service.value("search_requests_total") == 0
    service = service_on(clock)
    service.continue_from(totals, NOW - 20)
    with service:
        before = totals[:8].sum()
        grown = service.value("search_requests_total") - before
        assert 20 * 540 * 0.7 < grown < 20 * 540 * 1.3, (
            "the 20 s since the end of the history are made up for"
        )


def test_a_clock_that_goes_back_never_makes_a_counter_fall(clock: SteppedClock) -> None:
    with service_on(clock) as service:
        clock.now += 10
        before = service.value("search_requests_total")
        clock.now -= 5
        assert service.value("search_requests_total") == before
        clock.now += 10
        assert service.value("search_requests_total") > before


def test_time_passes_without_anyone_looking() -> None:
    ticked = threading.Event()
    times = iter(np.arange(NOW, NOW + 1e6, 0.5).tolist())
    calls = 0

    def clock() -> float:
        nonlocal calls
        calls += 1
        if calls >= 5:
            ticked.set()
        return float(next(times))

    with SearchService(clock, Traffic(7, NOW)):
        assert ticked.wait(10)


def test_no_scheduled_incident_before_four_minutes_and_one_within_the_first_fifteen(
    clock: SteppedClock,
) -> None:
    with service_on(clock, first_incident_after=240) as service:
        assert error_share(service, clock, 239) < 0.001
        shares = [error_share(service, clock, 60) for _ in range(11)]
    assert max(shares) > 0.01


def test_an_incident_asked_for_hurts_treatment_at_once_and_ends(clock: SteppedClock) -> None:
    with service_on(clock) as service:
        answer = requests.post(f"{service.url}/incident?kind=errors&seconds=60", timeout=5)
        assert answer.status_code == 202
        assert error_share(service, clock, 30) > 0.01
        assert error_share(service, clock, 20, variant="control") < 0.002
        clock.now += 10
        assert error_share(service, clock, 120) < 0.001


def test_asked_for_incidents_can_be_ended(clock: SteppedClock) -> None:
    with service_on(clock) as service:
        service.start_incident(IncidentKind.OVERLOAD, 3600)
        assert error_share(service, clock, 30) > 0.01
        service.end_incidents()
        assert error_share(service, clock, 120) < 0.001


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("", "kind must be one of errors, latency, overload, outage"),
        ("kind=fire&seconds=3", "kind must be one of errors, latency, overload"),
        ("kind=errors", "seconds must be a number from 0 to 3600"),
        ("kind=errors&seconds=nan", "seconds must be a number from 0 to 3600"),
        ("kind=errors&seconds=0", "seconds must be a number from 0 to 3600"),
        ("kind=errors&seconds=3601", "seconds must be a number from 0 to 3600"),
    ],
)
def test_a_wrong_incident_is_refused_with_the_remedy(clock: SteppedClock, query: str, problem: str) -> None:
    with service_on(clock) as service:
        answer = requests.post(f"{service.url}/incident?{query}", timeout=5)
        assert answer.status_code == 400
        assert problem in answer.text
        assert error_share(service, clock, 60) < 0.002


def test_other_paths_say_what_there_is(clock: SteppedClock) -> None:
    with service_on(clock) as service:
        answer = requests.get(f"{service.url}/", timeout=5)
    assert answer.status_code == 404
    assert "GET /metrics" in answer.text


def test_a_stopped_service_answers_nobody_not_even_on_an_open_connection(clock: SteppedClock) -> None:
    service = service_on(clock).start()
    with requests.Session() as session:
        assert session.get(f"{service.url}/metrics", timeout=5).ok
        service.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(f"{service.url}/metrics", timeout=5)
    assert not [thread for thread in threading.enumerate() if thread.name == "search-service"]
