"""The status page: honest about what is not known, safe whatever is written on it, readable without colours."""

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from slo_daemon.core.pilot.records import NewIncident, Severity
from slo_daemon.core.pilot.verdict import Effect, Verdict
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.core.slo.objective import Level
from slo_daemon.core.slo.slo import SloInstance
from slo_daemon.core.snapshot import SloView, SourceView
from slo_daemon.ports import Act
from slo_daemon.web.page import DATA, EFFECTS, LEVELS, MET, MOST_ROWS, VERDICTS, Mark
from tests.budgets import BURNING, CALM, DAY, spending, with_budget
from tests.web.house import NOW, PILOT, House, events, pilot, ratio_slo, snapshot, viewed

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</style><script>alert(1)</script>",
    "</title></head><body onload=alert(1)>",
    "{{ 7 * 7 }}{% for x in y %}",
    "${7*7}#{7*7}",
    "<svg/onload=alert(1)>",
    "javascript:alert(1)",
    "<!-- --><a href=//evil.example>",
    "&lt;b&gt;&amp;",
    "\u202eevil\u202c",
    "\x1b[31mred",
    "=cmd|' /C calc'!A0",
    "a\r\nSet-Cookie: x=1",
]


class Page(HTMLParser):
    """What a browser would see: elements, attributes, text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.style = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def look(house: House) -> Page:
    with house.open() as visitor:
        answer = visitor.get("/")
    assert answer.status_code == 200
    page = Page(answer.text)
    assert page.open == []
    return page


def test_the_page_shows_verdict_values_objectives_levels_and_data_states(house: House) -> None:
    house.assess(PILOT)

    text = look(house).text

    assert "Semantic Search Pilot" in text
    assert "✗ NOT READY" in text
    assert "Advice: hold the ramp where it is" in text
    assert "99.95 % at least 99.9 % ✓ met ● none ✓ ok" in text
    assert "99.1 % at least 99.9 % ✗ missed ✗ critical since 2027-01-15 07:58 UTC ✓ ok" in text
    assert "– at least 99.9 % ? unknown ● none ✗ error refused" in text
    assert 'availability-by-region{region="eu"}' in text
    assert "platform" in text


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
    house: House, shown: SloView, cell: str
) -> None:
    house.current = snapshot([shown], [])

    assert f" {cell} " in look(house).text


def test_a_level_by_burn_rates_names_them_beside_it(house: House) -> None:
    house.current = snapshot([spending(with_budget(), burn=BURNING)], [])

    assert (
        "✓ met ✗ critical since 2026-11-22 10:00 UTC "
        "burning 20.1 x over 1h and 25 x over 5m; more than 14.4 x is too fast ✓ ok"
    ) in look(house).text


def test_links_lead_to_what_is_there(house: House) -> None:
    house.assess(PILOT)
    house.shelf.write(PILOT, "2027-01-15T08-00-00Z", {"md": "# R", "json": "{}"})
    with house.open() as visitor:
        page = Page(visitor.get("/").text)
        links = {attributes["href"] or "" for tag, attributes in page.elements if tag == "a"}
        answers = {link: visitor.get(link).status_code for link in links}

    assert len(links) > 10
    assert answers == dict.fromkeys(links, 200)


def test_the_page_loads_nothing_and_runs_nothing(house: House) -> None:
    house.assess(PILOT)
    with house.open() as visitor:
        answer = visitor.get("/")
    page = Page(answer.text)

    assert {tag for tag, _ in page.elements}.isdisjoint(
        {"script", "img", "iframe", "link", "form", "object", "embed", "svg", "base"}
    )
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "style")]
        assert not (attributes.get("href") or "/").startswith(("http", "//", "javascript"))
    assert "url(" not in page.style
    assert "@import" not in page.style
    digest = b64encode(sha256(page.style.encode()).digest()).decode()
    assert answer.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_written_stays_text(house: House, text: str) -> None:
    usual = look(house)
    house.current = snapshot(
        [
            viewed(ratio_slo("availability"), events(5, 10_000)),
            viewed(
                ratio_slo("by-path", group_by=("path",)),
                events(1, 9_000, (("path", text),)),
                group=(("path", text),),
            ),
        ],
        [pilot([ratio_slo("availability")], title=text)],
    )
    house.current = replace(house.current, source=SourceView(False, "bad_body", text, None))
    house.store.record_incident(NewIncident(PILOT, text, Severity.CRITICAL, text, NOW), Act("x", NOW))
    house.assess(PILOT)

    page = look(house)

    more = {"details", "summary", "ul", "li", "small", "h3", "strong", "p"}
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in usual.elements} | more
    assert {name for _, attributes in page.elements for name in attributes} <= {
        "lang", "charset", "name", "content", "http-equiv", "class", "aria-hidden", "scope", "href", "data-label", "open",
    }  # fmt: skip
    assert "\u202e" not in page.text
    assert "\x1b" not in page.text
    shown = " ".join(re.sub("[\u202a-\u202e\x1b]", "\ufffd", text).split())
    assert (
        page.text.count(shown) >= 3
    )  # title, source, incident; a group's value is shown as its id writes it


def test_a_page_that_is_not_the_present_says_so_and_takes_the_verdict_back(house: House) -> None:
    house.assess(PILOT)
    house.clock.at = NOW + 301

    text = look(house).text

    assert "The last evaluation is 5m1s old" in text
    assert "◷ was NOT READY" in text


def test_with_long_intervals_a_slot_stays_the_present_for_longer(house: House) -> None:
    assert house.current.slot is not None
    house.current = replace(house.current, slot=replace(house.current.slot, interval=300.0))
    house.clock.at = NOW + 899

    assert "old" not in look(house).text


def test_before_the_first_slot_the_page_claims_nothing(house: House) -> None:
    views = {key: replace(view, evaluation=None) for key, view in house.current.slos.items()}
    house.current = replace(house.current, slot=None, source=None, slos=views)

    text = look(house).text

    assert "Nothing was evaluated yet" in text
    assert "not assessed yet" in text
    assert "✗ critical" in text
    assert "✓ met" not in text


def test_a_source_that_is_down_and_a_stuck_loop_are_on_top(house: House) -> None:
    house.current = replace(house.current, source=SourceView(False, "connect", "refused", None))
    house.stuck = "no slot was finished for 95 s"

    text = look(house).text

    assert "Prometheus cannot be asked (connect: refused). Alert levels are held" in text
    assert "The evaluation loop is stuck: no slot was finished for 95 s" in text


def test_reports_that_cannot_be_read_do_not_take_the_page_along(house: House) -> None:
    house.shelf.broken = True

    assert "Reports cannot be read" in look(house).text


def test_of_too_many_slos_the_highest_levels_are_shown(house: House) -> None:
    fine = viewed(ratio_slo("fine"), events(5, 10_000))
    views = [
        replace(
            fine,
            instance=SloInstance(ratio_slo(f"fine-{number}")),
            state=replace(fine.state, slo_id=f"f{number}"),
        )
        for number in range(MOST_ROWS + 7)
    ]
    broken = viewed(ratio_slo("broken"), events(90, 10_000), slots=3)
    house.current = snapshot([*views, broken], [pilot([ratio_slo("broken")])])

    page = look(house)

    assert "broken 99.1 %" in page.text
    assert "8 more SLOs, none at a higher level" in page.text
    assert len([tag for tag, _ in page.elements if tag == "tr"]) == MOST_ROWS + 1


def test_an_empty_specification_is_said(house: House) -> None:
    house.current = snapshot([], [])

    assert "holds no pilot and no SLO" in look(house).text


@pytest.mark.parametrize(
    ("table", "cases"),
    [(VERDICTS, Verdict), (LEVELS, Level), (DATA, DataState), (MET, (True, False, None)), (EFFECTS, Effect)],
)
def test_every_case_has_a_symbol_and_a_word_of_its_own(table: dict[Any, Mark], cases: Iterable[Any]) -> None:
    assert set(table) == set(cases)
    assert len({word for _, _, word in table.values()}) == len(table)
    assert all(symbol and word for _, symbol, word in table.values())
    for tones in ({"good"}, {"bad", "warn"}, {"open"}):  # symbols do not cross between fine, bad and open
        others = {symbol for tone, symbol, _ in table.values() if tone not in tones}
        assert others.isdisjoint(symbol for tone, symbol, _ in table.values() if tone in tones)
