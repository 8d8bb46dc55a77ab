"""Pages of very much, and of a daemon with a bug: others get their answers, and nothing inner is told."""

import threading
from typing import Any

import pytest
from fastapi import Response

from slo_daemon.adapters.memory_store import MemoryStore
from slo_daemon.core.pilot.records import Incident, NewIncident, Severity
from slo_daemon.ports import Act
from slo_daemon.web.pages.overview import MOST_SECTIONS
from slo_daemon.web.pages.shell import Shell, Visit
from tests.web.browsing import Person
from tests.web.every_page import PILOT_PAGE, every_page
from tests.web.house import NOW, House, events, pilot, ratio_slo, snapshot, viewed


def test_of_very_many_pilots_the_overview_shows_those_that_need_a_look_most_and_how_many_more_there_are(
    house: House, person: Person
) -> None:
    names = [f"set-{number}" for number in range(MOST_SECTIONS + 20)]
    fine = [viewed(ratio_slo("fine", pilot=name), events(1, 10_000)) for name in names]
    broken = viewed(ratio_slo("broken", pilot="last-of-all"), events(90, 10_000), slots=3)
    ready, blocked = ratio_slo("ready", pilot="ready"), ratio_slo("blocked", pilot="blocked")
    seen = [viewed(slo, events(1, 10_000)) for slo in (ready, blocked)]
    pilots = [pilot([ready], name="ready", title="Ready"), pilot([blocked], name="blocked", title="Blocked")]
    house.current = snapshot([*fine, broken, *seen], pilots)
    critical = NewIncident("blocked", "all is down", Severity.CRITICAL, "", NOW - 60)
    house.store.record_incident(critical, Act("ada", NOW))
    house.assess("blocked")

    page = person.open("/")

    headings = [word for word in page.words if word in ("Blocked", "Ready", "last-of-all", *names)]
    assert headings[:2] == ["Blocked", "last-of-all"]
    assert len(headings) == MOST_SECTIONS
    assert "The 50 pilots and sets of SLOs that need a look most, of 73." in page.text
    assert "23 more pilots and sets of SLOs: all SLOs by pilot" in page.text
    assert "73 SLOs by alert level 1 ✗ critical" in page.text


def test_pages_are_made_beside_the_event_loop_which_scrapes_and_gates_wait_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: dict[str, str] = {}
    usual = Shell.page

    def watched(shell: Shell, template: str, visit: Visit, title: str, **more: Any) -> Response:
        threads[visit.here] = threading.current_thread().name
        return usual(shell, template, visit, title, **more)

    monkeypatch.setattr(Shell, "page", watched)
    person = Person(house)
    paths = [path for path in every_page(house) if path != "/sign-in"]  # it is small, whatever there is

    for path in paths:
        person.open(path)

    assert {path for path in paths if threads[path].startswith("web-pages")} == set(paths)


class Crashing(MemoryStore):
    def incidents(self, pilot: str, limit: int = 100) -> tuple[Incident, ...]:
        raise ZeroDivisionError


def test_a_bug_behind_a_page_is_told_on_a_page_without_its_inner_life() -> None:
    page = Person(House(store=Crashing())).open(f"{PILOT_PAGE}/incidents", 500)

    assert "Slo-daemon failed on this request; its log says why." in page.text
    assert "500 internal" in page.text
    assert "ZeroDivision" not in page.text


def test_a_bug_in_the_making_of_pages_is_still_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Shell, "page", broken)

    answer = Person(House()).client.get("/")

    assert (answer.status_code, answer.json()["reason"]) == (500, "internal")
    assert answer.headers["X-Frame-Options"] == "DENY"
