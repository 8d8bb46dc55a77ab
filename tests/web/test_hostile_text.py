"""Whatever is written on a page stays text."""

import re
from dataclasses import replace

import pytest

from slo_daemon.core.pilot.records import NewFeedback, NewIncident, Severity
from slo_daemon.core.snapshot import SourceView
from slo_daemon.ports import Act
from slo_daemon.web.security import Role
from tests.web.browsing import Page, Person
from tests.web.every_page import PILOT_PAGE, every_page
from tests.web.house import (  # fmt: skip
    NOW,
    OVERRIDES,
    PILOT,
    House,
    bearer,
    events,
    override,
    pilot,
    ratio_slo,
    snapshot,
    viewed,
)

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</style><script>alert(1)</script>",
    "</title></head><body onload=alert(1)>",
    "</textarea><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% for x in y %}",
    "${7*7}#{7*7}",
    "javascript:alert(1)",
    "<!-- --><a href=//evil.example>",
    "&lt;b&gt;&amp;",
    "/../../sign-in?x#y",
    "\u202eevil\u202c",
    "\x1b[31mred",
    "=cmd|' /C calc'!A0",
    "a\r\nSet-Cookie: x=1",
]


def shape(page: Page) -> set[tuple[str, str]]:
    """Which elements with which attributes there are."""
    return {(tag, name) for tag, found in page.elements for name in ("", *found)}


def written_with(words: str) -> dict[str, Page]:
    """Every page of a house in which everything that somebody writes is `words`."""
    house, group = House(), (("path", words),)
    by_path = replace(ratio_slo("by-path", group_by=("path",)), description=words)
    house.current = snapshot(
        [
            viewed(ratio_slo("availability"), events(5, 10_000)),
            viewed(by_path, events(90, 9_000, group), group=group, slots=3),
        ],
        [pilot([ratio_slo("availability")], title=words)],
    )
    house.current = replace(house.current, source=SourceView(False, "bad_body", words, None))
    incident = NewIncident(PILOT, words, Severity.CRITICAL, words, NOW)
    house.store.record_incident(incident, Act("x", NOW))
    house.store.record_incident(replace(incident, resolution=words, resolved_at=NOW), Act("x", NOW))
    house.store.record_feedback(NewFeedback(PILOT, words, 4, words, NOW, {}), Act("x", NOW))
    house.assess(PILOT)
    person = Person(house)
    hold = override(by="ada", reason=words)
    person.client.post(OVERRIDES, json=hold, headers=bearer(Role.ADMIN)).raise_for_status()
    person.sign_in(Role.ADMIN, "Ada")
    found = {path: person.open(path) for path in every_page(house)}
    person.open(f"{PILOT_PAGE}/incidents")
    found["again"] = person.send(f"{PILOT_PAGE}/incidents", 422, title="", description=words)
    return found


@pytest.fixture(scope="module")
def usual() -> dict[str, Page]:
    return written_with("plain words")


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_written_stays_text(usual: dict[str, Page], text: str) -> None:
    hostile = written_with(text)
    shown = " ".join(re.sub("[\u202a-\u202e\x1b]", "\ufffd", text).split())

    assert [shape(page) for page in usual.values()] == [shape(page) for page in hostile.values()]
    for path, page in hostile.items():
        assert "\u202e" not in page.text
        assert "\x1b" not in page.text
        assert shown in page.text, path  # at least what is told of the source
        for link in page.links:
            assert link.startswith(("/", "#"))
            assert not link.startswith("//")


@pytest.mark.parametrize("name", ["text", "pilot", "level", "sort", "page"])
def test_what_was_searched_for_stays_text(person: Person, name: str) -> None:
    usual = shape(Page(person.client.get("/slos", params={name: "nothing-like-it"}).text))

    for text in HOSTILE:
        assert shape(Page(person.client.get("/slos", params={name: text}).text)) == usual
