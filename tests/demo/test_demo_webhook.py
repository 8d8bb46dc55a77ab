import threading
import time

import pytest
import requests

from slo_daemon.demo.webhook import WebhookReceiver


def payload(status: str, *names: str) -> dict[str, object]:
    return {"status": status, "alerts": [{"status": status, "labels": {"alertname": name}} for name in names]}


def test_notifications_are_recorded_with_their_arrival() -> None:
    with WebhookReceiver() as receiver:
        before = time.monotonic()
        assert (
            requests.post(
                f"{receiver.url}/hook", json=payload("firing", "SLOCritical"), timeout=5
            ).status_code
            == 200
        )
        found = receiver.wait_for(lambda all_of_them: [n for n in all_of_them if n.status == "firing"], 5)

    assert before <= found[0].arrived <= time.monotonic()
    assert found[0].path == "/hook"
    assert found[0].names("firing") == ["SLOCritical"]
    assert found[0].names("resolved") == []


def test_waiting_ends_when_the_notification_arrives() -> None:
    with WebhookReceiver() as receiver:
        sender = threading.Timer(
            0.3, requests.post, [receiver.url], {"json": payload("resolved", "SLOCritical"), "timeout": 5}
        )
        sender.start()
        found = receiver.wait_for(lambda seen: next((n for n in seen if n.status == "resolved"), None), 10)
        sender.join()
    assert found is not None
    assert found.names("resolved") == ["SLOCritical"]


def test_waiting_in_vain_names_what_did_arrive() -> None:
    with WebhookReceiver() as receiver:
        requests.post(receiver.url, json=payload("firing", "SLOWarning"), timeout=5)
        with pytest.raises(TimeoutError, match=r"within 0.2 s; arrived: firing \['SLOWarning'\]"):
            receiver.wait_for(lambda seen: len(seen) > 1, 0.2)


def test_a_receiver_that_is_down_records_nothing() -> None:
    with WebhookReceiver() as receiver:
        receiver.status = 503
        assert requests.post(receiver.url, json=payload("firing", "A"), timeout=5).status_code == 503
        receiver.status = 200
        assert requests.post(receiver.url, data="{", timeout=5).status_code == 400
        assert requests.post(receiver.url, json=[1], timeout=5).status_code == 400
        assert requests.get(receiver.url, timeout=5).status_code == 405
    assert receiver.notifications == []
