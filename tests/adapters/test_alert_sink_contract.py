"""What every AlertSink does, asked of a real Alertmanager and of the shipped fake."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
import requests

from slo_daemon.adapters.alertmanager import BATCH, AlertmanagerSink
from slo_daemon.adapters.memory_sink import MemorySink
from slo_daemon.core.alert import Alert
from slo_daemon.demo.servers import AlertmanagerServer
from slo_daemon.ports import AlertSink, SinkError

NOBODY = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


class Receiver(Protocol):
    """A sink, and a look at what the other side holds."""

    @property
    def sink(self) -> AlertSink: ...

    def firing(self) -> Mapping[str, float]:
        """When each alert that fires began, by its name."""

    def break_down(self) -> None: ...

    def come_back(self) -> None: ...


class Fake:
    def __init__(self) -> None:
        self.sink = MemorySink()

    def firing(self) -> Mapping[str, float]:
        return {a.labels["alertname"]: a.starts_at for a in self.sink.firing(time.time())}

    def break_down(self) -> None:
        self.sink.outage = "down"

    def come_back(self) -> None:
        self.sink.outage = ""


class Real:
    def __init__(self, server: AlertmanagerServer) -> None:
        self.server = server
        self.sink = AlertmanagerSink(server.url)

    def firing(self) -> Mapping[str, float]:
        alerts: list[dict[str, Any]] = requests.get(f"{self.server.url}/api/v2/alerts", timeout=5).json()
        return {a["labels"]["alertname"]: datetime.fromisoformat(a["startsAt"]).timestamp() for a in alerts}

    def break_down(self) -> None:
        self.server.kill()

    def come_back(self) -> None:
        self.server.start().wait_ready()


@pytest.fixture(params=["memory", pytest.param("alertmanager", marks=pytest.mark.servers)])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Receiver]:
    if request.param == "memory":
        yield Fake()
        return
    with AlertmanagerServer(tmp_path, NOBODY) as server:
        yield Real(server)


def alert(name: str, **labels: str) -> Alert:
    """One that began a minute ago and is valid for four more."""
    now = round(time.time(), 3)
    return Alert({"alertname": name, **labels}, {"summary": "broken"}, now - 60, now + 240)


def over(told: Alert, ago: float = 1.0) -> Alert:
    end = time.time() - ago
    return replace(told, starts_at=end, ends_at=end)


def test_what_was_sent_fires_from_its_own_start(receiver: Receiver) -> None:
    told = alert("A", pilot="shop", region='"eu"\\ \u2603\n')

    assert receiver.sink.send([told]) == ()
    assert receiver.firing() == pytest.approx({"A": told.starts_at}, abs=0.002)


def test_sending_again_changes_nothing(receiver: Receiver) -> None:
    told = alert("A")
    for until in (240, 250, 260):
        receiver.sink.send([replace(told, ends_at=time.time() + until)])

    assert receiver.firing() == pytest.approx({"A": told.starts_at}, abs=0.002)


def test_an_end_in_the_past_resolves_it(receiver: Receiver) -> None:
    first, second = alert("A"), alert("B")
    receiver.sink.send([first, second])
    receiver.sink.send([over(first)])

    assert set(receiver.firing()) == {"B"}


def test_an_end_of_something_unknown_does_no_harm(receiver: Receiver) -> None:
    assert receiver.sink.send([over(alert("A"))]) == ()
    assert receiver.firing() == {}


def test_within_one_sending_the_order_counts(receiver: Receiver) -> None:
    told = alert("A")
    receiver.sink.send([told])
    receiver.sink.send([over(told), replace(told, starts_at=time.time() - 0.5)])

    assert set(receiver.firing()) == {"A"}


def test_an_alert_that_nobody_tells_again_ends_by_itself(receiver: Receiver) -> None:
    receiver.sink.send([replace(alert("A"), ends_at=time.time() + 0.5)])
    assert set(receiver.firing()) == {"A"}
    time.sleep(1.0)

    assert receiver.firing() == {}


@pytest.mark.parametrize("bad", [0, 3, 6])
def test_a_bad_alert_is_named_and_does_not_keep_others_away(receiver: Receiver, bad: int) -> None:
    alerts = [alert(f"A{number}") for number in range(7)]
    alerts[bad] = alert(f"A{bad}", **{"not-a-label": "x"})

    (rejection,) = receiver.sink.send(alerts)

    assert rejection.alert is alerts[bad]
    assert 'invalid name "not-a-label"' in rejection.detail.replace("\\", "")
    assert set(receiver.firing()) == {f"A{number}" for number in range(7) if number != bad}


def test_when_all_are_bad_all_are_named(receiver: Receiver) -> None:
    alerts = [alert("A", **{"not-a-label": "x"}), replace(alert("B"), ends_at=time.time() - 3600)]

    assert [rejection.alert for rejection in receiver.sink.send(alerts)] == alerts


def test_many_alerts_are_all_taken(receiver: Receiver) -> None:
    alerts = [alert(f"A{number}") for number in range(2 * BATCH + 1)]

    assert receiver.sink.send(alerts) == ()
    assert len(receiver.firing()) == len(alerts)


def test_nothing_to_send_is_fine(receiver: Receiver) -> None:
    assert receiver.sink.send([]) == ()


def test_an_outage_is_an_error_and_after_it_sending_works_again(receiver: Receiver) -> None:
    receiver.break_down()
    with pytest.raises(SinkError):
        receiver.sink.send([alert("A")])
    receiver.come_back()

    assert receiver.sink.send([alert("A")]) == ()
    assert set(receiver.firing()) == {"A"}


def test_a_name_is_stable_and_not_empty(receiver: Receiver) -> None:
    assert receiver.sink.name
    assert receiver.sink.name == receiver.sink.name
