"""The pages: honest about what is not known, safe whatever is written on them, readable without colours."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from slo_daemon.core.pilot.records import NewFeedback, NewIncident, Severity
from slo_daemon.core.pilot.verdict import Effect, Verdict
from slo_daemon.core.plots.style import DARK, LIGHT
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.snapshot import SourceView
from slo_daemon.ports import Act
from slo_daemon.web.pages.marks import DATA, EFFECTS, FIRING, LEVELS, MET, VERDICTS, Mark
from slo_daemon.web.pages.overview import MOST_WORST
from slo_daemon.web.security import Role
from tests.web.browsing import Page, Person
from tests.web.every_page import PILOT_PAGE, REPORT, every_page
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


def test_the_overview_has_each_pilot_with_its_verdict_the_advice_and_why(
    house: House, person: Person
) -> None:
    house.assess(PILOT)

    page = person.open("/")

    assert "Semantic Search Pilot" in page.text
    assert "✗ NOT READY" in page.text
    assert "Advice: hold the ramp where it is , because SLOs not met: checkout" in page.text
    assert page.main["data-headline"] == "search: NOT READY"
    assert "6 SLOs by alert level 1 ✗ critical 0 warning 5 ● none 1 ✗ data error" in page.text
    assert "platform SLOs without a pilot" in page.text


def test_the_overview_shows_the_slos_of_a_small_pilot_the_worst_first(person: Person) -> None:
    text = person.open("/").text

    assert text.index("checkout 99.1 %") < text.index("indexing – at least 99.9 % ? unknown")
    assert text.index("indexing – ") < text.index("availability 99.95 %")


def test_of_many_slos_the_overview_shows_those_that_need_a_look(house: House, person: Person) -> None:
    fine = [viewed(ratio_slo(f"fine-{number}"), events(1, 10_000)) for number in range(MOST_WORST)]
    broken = viewed(ratio_slo("broken"), events(90, 10_000), slots=3)
    house.current = snapshot([*fine, broken], [])
    assert "fine-0" not in person.open("/").text
    assert "broken 99.1 %" in person.page.text

    house.current = snapshot([*fine, viewed(ratio_slo("fine-too"), events(1, 10_000))], [])
    assert "✓ all met , no alert, and all of them could be seen." in person.open("/").text


def test_of_many_that_need_a_look_the_overview_says_how_many_more_there_are(
    house: House, person: Person
) -> None:
    views = [
        viewed(ratio_slo(f"broken-{number}"), events(90, 10_000), slots=3) for number in range(MOST_WORST + 3)
    ]
    house.current = snapshot(views, [pilot([view.instance.slo for view in views])])

    assert "3 more need a look: all 9 SLOs" in person.open("/").text


def test_the_page_of_a_pilot_has_every_criterion_with_what_it_stands_on(house: House, person: Person) -> None:
    house.assess(PILOT)

    text = person.open(PILOT_PAGE).text

    assert "May everybody get it? ✗ NOT READY" in text
    assert "day 27 of 56" in text
    assert "every SLO is met now ✗ blocks false · SLOs not met: checkout" in text
    assert "There are no rollback triggers." in text
    assert "Planned today 10 %" in text
    assert "2 2026-12-27 10 % ✓ reached" in text
    assert "Planned: 5 % from Dec 20, 10 % from Dec 27." in text
    assert "availability 99.95 % at least 99.9 % ✓ met ● none ✓ ok" in text


def test_the_page_of_a_pilot_has_what_people_told_and_decided(house: House, person: Person) -> None:
    house.store.record_incident(NewIncident(PILOT, "Index is late", Severity.WARNING, "", NOW), Act("x", NOW))
    house.store.record_feedback(NewFeedback(PILOT, "u-1", 5, "better", NOW, {}), Act("x", NOW))
    person.client.post(OVERRIDES, json=override(), headers=bearer(Role.ADMIN))

    text = person.open(PILOT_PAGE).text

    assert "1 incident, 1 of them open; 1 started in the last 7 days." in text
    assert "○ open warning, 2027-01-15 08:00 UTC: Index is late" in text
    assert "Satisfaction: mean 5.00/5 from 1 vote." in text
    assert "Held by ada until 2027-01-15 09:00 UTC: a sale is on" in text
    assert "⚠ in force hold of the rollout by ada, until 2027-01-15 09:00 UTC" in text


def test_links_lead_to_what_is_there(house: House, person: Person) -> None:
    house.assess(PILOT)
    house.shelf.write(PILOT, REPORT, {"md": "# R", "json": "{}", "html": "<p>"})
    pages = [person.open(path) for path in every_page(house)]
    links = {link.partition("#")[0] for page in pages for link in page.links if not link.startswith("#")}

    answers = {link: person.client.get(link).status_code for link in links if link}

    assert len(answers) > 30
    assert answers == dict.fromkeys(answers, 200)


def test_places_on_a_page_that_links_lead_to_are_there(house: House, person: Person) -> None:
    house.store.record_incident(NewIncident(PILOT, "Late", Severity.INFO, "", NOW), Act("x", NOW))
    house.assess(PILOT)
    for path in every_page(house):
        for link in person.open(path).links:
            place, _, name = link.partition("#")
            if name:
                page = person.open(place) if place else person.page
                assert name in [found.get("id") for _, found in page.elements]


def test_every_page_has_one_heading_landmarks_captions_and_ids_of_its_own(
    house: House, person: Person
) -> None:
    house.assess(PILOT)
    for path in every_page(house):
        page = person.open(path)
        tags = [tag for tag, _ in page.elements]
        assert tags.count("h1") == tags.count("main") == 1
        assert {"header", "nav", "footer"} <= set(tags)
        assert tags.count("caption") == tags.count("table")
        assert all(found.get("scope") for tag, found in page.elements if tag == "th")
        ids = [found["id"] for _, found in page.elements if "id" in found]
        assert len(ids) == len(set(ids))
        labelled = {found.get("for") for tag, found in page.elements if tag == "label"}
        for tag, found in page.elements:
            if tag in ("select", "textarea") or (
                tag == "input" and found.get("type") not in ("hidden", "radio")
            ):
                assert found["id"] in labelled


def test_pages_load_only_what_is_ours_and_their_policy_lets_nothing_else_in(
    house: House, person: Person
) -> None:
    house.assess(PILOT)
    for path in every_page(house):
        page = person.open(path)
        tags = {tag for tag, _ in page.elements}
        assert tags.isdisjoint({"iframe", "object", "embed", "base", "style", "img"})
        for tag, found in page.elements:
            assert not [name for name in found if name.startswith("on") or name == "style"]
            address = found.get("src") or (found.get("href") if tag == "link" else None)
            if address:
                assert address.startswith("/assets/")
                assert person.client.get(address).status_code == 200
        assert person.answer.headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert person.answer.headers["Cache-Control"] == "no-store"
        assert person.answer.headers["X-Frame-Options"] == "DENY"


def test_style_and_script_load_nothing_from_elsewhere(house: House, person: Person) -> None:
    style, script = person.client.get("/assets/pages.css"), person.client.get("/assets/pages.js")

    assert style.headers["Content-Type"] == "text/css; charset=utf-8"
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "url(" not in style.text
    assert "@import" not in style.text
    for sink in ("innerHTML", "eval", "document.write", "http:", "https:", "import("):
        assert sink not in script.text
    assert len(script.text.splitlines()) < 100


def contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG 2.1 defines it: 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(("scheme", "palette"), [(0, LIGHT), (1, DARK)], ids=["light", "dark"])
def test_every_text_can_be_read_on_what_is_behind_it(
    person: Person, scheme: int, palette: Mapping[str, str]
) -> None:
    style = person.client.get("/assets/pages.css").text
    grounds = re.findall(r"--ground: (#[0-9a-f]{6})", style)
    assert len(grounds) == 2
    pairs = [(ink, ground) for ink in ("ink", "faint", "line") for ground in ("paper", grounds[scheme])]
    pairs += [
        (tone, ground) for tone in ("good", "warn", "bad", "open") for ground in ("paper", f"{tone}-back")
    ]
    pairs += [("ink", "open-back"), ("faint", "open-back"), ("paper", "line")]  # a marked record; a button

    weak = {
        pair: round(found, 2)
        for pair in pairs
        if (found := contrast(palette[pair[0]], palette.get(pair[1], pair[1]))) < 4.5
    }

    assert weak == {}


@pytest.mark.parametrize("name", ["base.html", "..%2Fpages.css", "pages.css.map", "nothing"])
def test_only_the_three_assets_can_be_fetched(person: Person, name: str) -> None:
    assert person.client.get(f"/assets/{name}").status_code == 404


def test_a_group_whose_value_looks_like_a_path_has_its_page(house: House, person: Person) -> None:
    group = (("path", "/a/../b//?c#d%20"),)
    house.current = snapshot([viewed(ratio_slo("x", group_by=("path",)), events(1, 9_000, group), group=group)], [])  # fmt: skip

    (link,) = [one for one in person.open("/slos").links if one.startswith("/slos/")]

    assert "path /a/../b//?c#d%20" in person.open(link).text


def test_a_page_that_is_not_the_present_says_so_and_takes_the_verdict_back(
    house: House, person: Person
) -> None:
    house.assess(PILOT)
    house.clock.at = NOW + 301

    for path in ("/", PILOT_PAGE):
        text = person.open(path).text
        assert "The last evaluation is 5m1s old" in text
        assert "◷ was NOT READY" in text
        assert "Advice: hold the ramp" in text


def test_with_long_intervals_a_slot_stays_the_present_for_longer(house: House, person: Person) -> None:
    assert house.current.slot is not None
    house.current = replace(house.current, slot=replace(house.current.slot, interval=300.0))
    house.clock.at = NOW + 899

    assert " old. " not in person.open("/").text


def test_before_the_first_slot_no_page_claims_anything(house: House, person: Person) -> None:
    views = {key: replace(view, evaluation=None) for key, view in house.current.slos.items()}
    house.current = replace(house.current, slot=None, source=None, slos=views)

    texts = [person.open(path).text for path in every_page(house)]

    assert all("Nothing was evaluated yet" in text for text in texts)
    assert all("✓ met" not in text for text in texts)
    assert "not assessed yet" in texts[0]
    assert "✗ critical" in texts[0]


def test_without_a_single_slo_seen_pages_say_so(house: House, person: Person) -> None:
    house.current = replace(house.current, slot=None, source=None, slos={})

    assert "No SLO was seen yet." in person.open("/").text
    assert "No SLO was seen yet." in person.open(PILOT_PAGE).text
    assert "holds no SLO, or none was seen yet" in person.open("/slos").text


def test_a_source_that_is_down_and_a_stuck_loop_are_on_top_of_every_page(
    house: House, person: Person
) -> None:
    house.current = replace(house.current, source=SourceView(False, "connect", "refused", None))
    house.stuck = "no slot was finished for 95 s"

    for path in every_page(house):
        text = person.open(path).text
        assert "Prometheus cannot be asked (connect: refused). Alert levels are held" in text
        assert "The evaluation loop is stuck: no slot was finished for 95 s" in text


def test_reports_are_linked_in_each_format_newest_first(house: House, person: Person) -> None:
    for day in (14, 15):
        house.shelf.write(PILOT, f"2027-01-{day}T08-00-00Z", {"md": "# R", "json": "{}"})

    links = [link for link in person.open(PILOT_PAGE).links if "/reports/" in link]

    assert links[0].startswith(f"/api/v1/pilots/{PILOT}/reports/2027-01-15T08-00-00Z?format=")
    assert {link.partition("=")[2] for link in links} >= {"md", "json"}


def test_reports_that_cannot_be_read_do_not_take_the_page_along(house: House, person: Person) -> None:
    house.shelf.broken = True

    assert "Reports cannot be read" in person.open(PILOT_PAGE).text


def test_an_empty_specification_is_said(house: House, person: Person) -> None:
    house.current = snapshot([], [])

    assert "holds no pilot and no SLO" in person.open("/").text
    assert "holds no SLO" in person.open("/slos").text


def test_what_is_not_there_is_said_on_a_page(person: Person) -> None:
    assert "There is no pilot 'nobody'; known: search." in person.open("/pilots/nobody", 404).text
    assert "404 unknown_pilot" in person.page.text
    assert "There is no such SLO" in person.open("/slos/search/nothing", 404).text


def test_a_browser_gets_a_page_for_an_address_where_nothing_is_and_a_program_a_document(
    person: Person,
) -> None:
    browser = person.client.get("/nothing", headers={"Accept": "text/html,*/*"})
    program = person.client.get("/nothing", headers={"Accept": "*/*"})
    api = person.client.get("/api/v1/nothing", headers={"Accept": "text/html,*/*"})

    assert browser.status_code == program.status_code == api.status_code == 404
    assert "There is no such page" in Page(browser.text).text
    assert program.json()["reason"] == api.json()["reason"] == "unknown_path"


def test_a_page_says_how_often_it_is_worth_looking_again(house: House, person: Person) -> None:
    def every() -> str | None:
        return next(found for tag, found in person.open("/").elements if tag == "body")["data-every"]

    assert every() == "60.0"
    assert house.current.slot is not None
    house.current = replace(house.current, slot=replace(house.current.slot, interval=2.0))
    assert every() == "5.0"


@pytest.mark.parametrize(
    ("table", "cases"),
    [
        (VERDICTS, Verdict),
        (LEVELS, Level),
        (DATA, DataState),
        (MET, (True, False, None)),
        (EFFECTS, Effect),
        (FIRING, (True, False, None)),
    ],
)
def test_every_case_has_a_symbol_and_a_word_of_its_own(table: dict[Any, Mark], cases: Iterable[Any]) -> None:
    assert set(table) == set(cases)
    assert len({word for _, _, word in table.values()}) == len(table)
    assert all(symbol and word for _, symbol, word in table.values())
    for tones in ({"good"}, {"bad", "warn"}, {"open"}):  # symbols do not cross between fine, bad and open
        others = {symbol for tone, symbol, _ in table.values() if tone not in tones}
        assert others.isdisjoint(symbol for tone, symbol, _ in table.values() if tone in tones)
