"""The list of SLOs, by whatever somebody wants to see of it, and the page of one SLO."""

import re
from dataclasses import replace

import pytest

from slo_daemon.core.alert import Links
from slo_daemon.core.slo.course import Course, DaySeen, HourSeen, Spent
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.slo import SloInstance
from slo_daemon.core.slo.state import Transition, TransitionReason
from slo_daemon.core.snapshot import SloView
from slo_daemon.ports import StoreError
from slo_daemon.web.pages.marks import DATA
from slo_daemon.web.pages.slos import PAGE_SIZE, Group, Sort
from tests.budgets import BURNING, CALM, DAY, spending, with_budget
from tests.web.browsing import Page, Person
from tests.web.house import NOW, PILOT, House, events, pilot, ratio_slo, snapshot, viewed

EU = f"/slos/{PILOT}/availability-by-region%7Bregion%3D%22eu%22%7D"


def listed(page: Page) -> list[str]:
    """The SLOs of a page, in their order."""
    return [link.removeprefix("/slos/") for link in page.links if link.startswith("/slos/")]


def many(count: int) -> list[SloView]:
    fine = viewed(ratio_slo("fine"), events(5, 10_000))
    return [
        replace(
            fine,
            instance=SloInstance(ratio_slo(f"slo-{number:05}", pilot=f"set-{number % 7}")),
            state=replace(fine.state, slo_id=f"f{number}", level=Level(number % 50 == 0)),
        )
        for number in range(count)
    ]


def test_the_list_shows_value_objective_level_data_and_pilot_the_worst_first(person: Person) -> None:
    page = person.open("/slos")

    assert (
        "checkout search 99.1 % at least 99.9 % ✗ missed ✗ critical since 2027-01-15 07:58 UTC ✓ ok"
        in page.text
    )
    assert "indexing search – at least 99.9 % ? unknown ● none ✗ error refused" in page.text
    assert "plain platform 100 % at least 99.9 % ✓ met ● none ✓ ok" in page.text
    assert listed(page)[:2] == ["search/checkout", "search/indexing"]
    assert "1 to 6 of 6 SLOs, worst first." in page.text


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ("text=CHECK", ["search/checkout"]),
        (
            "text=availability+region",
            [EU.removeprefix("/slos/"), EU.removeprefix("/slos/").replace("eu", "us")],
        ),
        ("text=region%3D%22eu%22", [EU.removeprefix("/slos/")]),
        ("pilot=platform", ["platform/plain"]),
        ("level=critical", ["search/checkout"]),
        ("level=warning", []),
        ("data=error", ["search/indexing"]),
        ("met=missed", ["search/checkout"]),
        ("met=unknown", ["search/indexing"]),
        ("met=missed&pilot=platform", []),
        ("met=met&pilot=search&text=eu", [EU.removeprefix("/slos/")]),
    ],
)
def test_the_list_holds_what_was_wished_for(person: Person, wish: str, found: list[str]) -> None:
    page = person.open(f"/slos?{wish}")

    assert listed(page) == found
    assert ("No SLO matches" in page.text) is (not found)


def test_the_form_keeps_what_was_wished_for(person: Person) -> None:
    page = person.open("/slos?text=a+b&pilot=search&level=none&data=ok&met=met&sort=budget&group=data")

    assert page.forms["/slos"] == {
        "text": "a b", "pilot": "search", "level": "none", "data": "ok", "met": "met", "sort": "budget", "group": "data",
    }  # fmt: skip


@pytest.mark.parametrize("sort", Sort)
def test_every_order_shows_all_of_them(person: Person, sort: Sort) -> None:
    assert len(listed(person.open(f"/slos?sort={sort}"))) == 6


def test_the_list_is_sorted_by_name_and_by_the_least_budget(house: House, person: Person) -> None:
    assert listed(person.open("/slos?sort=name"))[0] == "platform/plain"
    little = spending(replace(with_budget(), name="little"), 0.9)
    much = spending(replace(with_budget(), name="much"), 0.1)
    house.current = snapshot([much, viewed(ratio_slo("none-at-all"), events(5, 10_000)), little], [])

    names = [one.rpartition("/")[2] for one in listed(person.open("/slos?sort=budget"))]

    assert names == ["little", "much", "none-at-all"]


@pytest.mark.parametrize("group", [one for one in Group if one is not Group.NONE])
def test_groups_have_headings_with_how_many_there_are(person: Person, group: Group) -> None:
    page = person.open(f"/slos?group={group}")

    headings = [found for tag, found in page.elements if tag == "th" and found.get("scope") == "rowgroup"]
    assert len(headings) == {"pilot": 2, "level": 2, "data": 2, "met": 3}[group]
    assert len(listed(page)) == 6
    counts = [
        int(number) for number in re.findall(r" (\d+) SLOs? (?=\S)", page.text.partition("Budget left")[2])
    ]
    assert sum(counts[: len(headings)]) == 6


def test_ten_thousand_slos_are_shown_a_hundred_at_a_time(house: House, person: Person) -> None:
    house.current = snapshot(many(10_000), [])

    first = person.open("/slos?group=pilot&sort=name")
    second = person.open(next(link for link in first.links if "page=2" in link))
    last = person.open("/slos?group=pilot&sort=name&page=100")
    beyond = person.open("/slos?group=pilot&sort=name&page=9999")

    assert len(listed(first)) == len(listed(second)) == len(listed(last)) == PAGE_SIZE
    assert "1 to 100 of 10,000 SLOs" in first.text
    assert "101 to 200 of 10,000 SLOs" in second.text
    assert "page 100 of 100" in last.text
    assert listed(beyond) == listed(last)
    assert not set(listed(first)) & set(listed(second))
    assert "set-0 1,429 SLOs" in first.text
    assert len(listed(person.open("/slos?level=warning"))) == PAGE_SIZE
    assert "of 200 that match, of 10,000 SLOs" in person.page.text


def test_the_overview_of_ten_thousand_slos_counts_them(house: House, person: Person) -> None:
    house.current = snapshot(many(10_000), [])

    text = person.open("/").text

    assert "10,000 SLOs by alert level 0 critical 200 ⚠ warning 9,800 ● none" in text


@pytest.mark.parametrize("wish", ["level=purple", "pilot=nobody", "sort=x", "group=x", "data=x", "met=x", "page=x", "page=-1", "page=0"])  # fmt: skip
def test_a_wish_that_is_not_understood_is_told_and_left_out(person: Person, wish: str) -> None:
    page = person.open(f"/slos?{wish}")

    name, _, value = wish.partition("=")
    assert f"⚠ {name} '{value}' is no" in page.text
    assert len(listed(page)) == 6


@pytest.mark.parametrize(
    ("shown", "cell"),
    [
        (spending(with_budget(), 0.377), "✓ 62.3 % of 30d"),
        (
            spending(with_budget(), 0.4, burn=CALM | {DAY: 2.0}),
            "✓ 60 % of 30d at this pace spent on 2026-12-01 10:00 UTC",
        ),
        (spending(with_budget(), 1.34), "✗ -34 % of 30d already spent"),
        (spending(with_budget(), 0.377, coverage=0.43), "? 62.3 % partial: 43 % of 30d seen"),
        (
            spending(with_budget(), 0.377, coverage=0.2, backfilling=True),
            "? not known yet backfilling: 20 % of 30d seen",
        ),
        (
            spending(with_budget(), 9.0, coverage=0.2, backfilling=True),
            "✗ spent backfilling: 20 % of 30d seen",
        ),
        (spending(with_budget(), coverage=0.0), "? nothing counted partial: 0 % of 30d seen"),
        (replace(spending(with_budget()), evaluation=None), "not evaluated yet –"),
    ],
)
def test_a_budget_is_ticked_off_only_when_it_is_proven_not_to_be_spent(
    house: House, person: Person, shown: SloView, cell: str
) -> None:
    house.current = snapshot([shown], [])

    assert f" {cell} " in person.open("/slos").text


def test_a_level_by_burn_rates_names_them_beside_it(house: House, person: Person) -> None:
    house.current = snapshot([spending(with_budget(), burn=BURNING)], [])

    assert (
        "✓ met ✗ critical since 2026-11-22 10:00 UTC "
        "burning 20.1 x over 1h and 25 x over 5m; more than 14.4 x is too fast ✓ ok"
    ) in person.open("/slos").text


def test_the_page_of_an_slo_says_what_is_wanted_what_is_true_and_why(house: House, person: Person) -> None:
    page = person.open(f"/slos/{PILOT}/checkout")

    assert "checkout ✗ missed ✗ critical" in page.text
    assert "99.1 % wanted at least 99.9 % over 1h" in page.text
    assert "Alert level ✗ critical since 2027-01-15 07:58 UTC: threshold" in page.text
    assert "Warning past 99.8 % Critical past 99.5 %" in page.text
    assert "1h 100 % 99.1 % 9,910 10,000" in page.text
    assert page.main["data-headline"] == "alert level critical, missed"


def test_it_explains_how_that_came_about(person: Person) -> None:
    text = person.open(f"/slos/{PILOT}/checkout").text

    assert "Asked and answered, at 2027-01-15 08:00:00 UTC" in text
    assert "Arithmetic" in text
    assert "this look shows level critical" in text


@pytest.mark.parametrize("state", DataState)
def test_every_data_state_has_its_word_on_the_page(house: House, person: Person, state: DataState) -> None:
    view = viewed(ratio_slo("odd"), events(5, 10_000))
    house.current = snapshot(
        [replace(view, state=replace(view.state, data_state=state), evaluation=None)], []
    )

    text = person.open(f"/slos/{PILOT}/odd").text

    assert f"Data {DATA[state][1]} {DATA[state][2]}" in text
    assert "? unknown" in text  # whether it is met
    assert "It was not evaluated yet." in text


def test_without_an_answer_the_level_is_held_and_no_value_shown(person: Person) -> None:
    text = person.open(f"/slos/{PILOT}/indexing").text

    assert "– wanted at least 99.9 % over 1h Refused." in text
    assert "nothing was seen for 1m; the level is held" in text


def test_a_budget_has_its_plot_its_burn_rates_and_its_json(house: House, person: Person) -> None:
    view = spending(with_budget(), 0.4, burn=BURNING)
    slo_id, at = view.instance.id, view.evaluation.slot.time if view.evaluation else 0.0
    house.current = snapshot([view], [])
    house.courses[slo_id] = Course(
        hours=tuple(HourSeen(at - 3_600 * hour, 0.999, 1.0) for hour in range(24, -1, -1)),
        days=(
            DaySeen(at - 36_000 - 86_400, True, 0.999, 5_000, 1.0),
            DaySeen(at - 36_000, False, 0.9, 4_000, 1.0),
        ),
        spent=tuple(Spent(at - 3_600 * hour, 0.6 + 0.01 * hour, True) for hour in range(9, -1, -1)),
    )

    page = person.open(f"/slos/{slo_id}")

    assert "availability, left of 30d: 60 %" in page.text
    assert "69 % at first, 60 % at the least, 60 % at last." in page.text
    assert "critical above 14.4: 20.1 and 25, fires." in page.text
    assert "1 met, 1 missed" in page.text
    assert "✗ critical 1h 20.1 5m 25 14.4 ✗ fires" in page.text
    assert f"/api/v1/budgets/{slo_id}" in page.links
    assert [tag for tag, _ in page.elements].count("svg") == 4
    assert not [found for _, found in page.elements if "style" in found]


def test_without_a_past_there_is_no_chart_of_it(person: Person) -> None:
    page = person.open(f"/slos/{PILOT}/checkout")

    assert "svg" not in [tag for tag, _ in page.elements]


def test_the_history_of_levels_is_told_newest_first_with_reasons(house: House, person: Person) -> None:
    slo_id = f"{PILOT}/checkout"
    house.store.commit_slot(
        [],
        [
            Transition(slo_id, 1, NOW - 600, Level.NONE, Level.WARNING, TransitionReason.THRESHOLD, "99.7 %", 0.997),
            Transition(slo_id, 2, NOW - 60, Level.WARNING, Level.CRITICAL, TransitionReason.THRESHOLD, "99.1 %", 0.991),
        ],
        [],
    )  # fmt: skip

    text = person.open(f"/slos/{slo_id}").text

    assert (
        "2027-01-15 07:59 ⚠ warning ✗ critical threshold 99.1 % 2027-01-15 07:50 ● none ⚠ warning threshold 99.7 %"
        in text
    )


def test_a_store_that_is_down_takes_only_the_history_away(house: House, person: Person) -> None:
    house.store.failure = StoreError("io", "gone")

    text = person.open(f"/slos/{PILOT}/checkout").text

    assert "The history cannot be read now (io)." in text
    assert "✗ critical" in text


def test_links_lead_to_runbook_dashboard_and_json(house: House, person: Person) -> None:
    house.links = Links(dashboard="https://g.example/d/x", runbooks="https://r.example/all")
    person = Person(house)

    assert {
        "https://r.example/all#slocritical",
        f"https://g.example/d/x?var-pilot={PILOT}&var-slo=checkout",
        f"/api/v1/slos/{PILOT}/checkout",
    } <= set(person.open(f"/slos/{PILOT}/checkout").links)

    slo = replace(ratio_slo("own"), runbook="https://r.example/own")
    house.current = snapshot([viewed(slo, events(5, 10_000))], [pilot([slo])])
    assert "https://r.example/own" in person.open(f"/slos/{PILOT}/own").links


def test_a_group_has_its_page_and_the_grouped_slo_lists_them(person: Person) -> None:
    groups = person.open(f"/slos/{PILOT}/availability-by-region")

    assert "one result for each group of region" in groups.text
    assert EU in groups.links
    assert "region eu" in person.open(EU).text
    assert f"/api/v1{EU}" in person.page.links
    assert person.client.get(f"/api/v1{EU}").json()["id"] == f'{PILOT}/availability-by-region{{region="eu"}}'
