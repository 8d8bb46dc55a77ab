"""The HTML report: the same facts as the Markdown, nothing that runs or is loaded, and a structure to find one's way in."""

import re
from base64 import b64encode
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise, product
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo_daemon.core import report_rows as rows
from slo_daemon.core.pilot.criteria.criterion import Met
from slo_daemon.core.pilot.pilot import Cohort, Contact, CriterionText, Role
from slo_daemon.core.pilot.records import RecordsUnavailable, Severity
from slo_daemon.core.report import Report, Transitions, Unreadable, compose
from slo_daemon.core.report_charts import lift_chart, rating_charts, value_chart
from slo_daemon.core.report_html import report_html
from slo_daemon.core.report_markdown import report_markdown
from slo_daemon.core.report_style import REPORT_STYLE, policy_of
from slo_daemon.core.slo.phrases import say_minute
from slo_daemon.core.snapshot import SourceView
from tests.core.plots.test_style import contrast
from tests.core.scenarios import bad_day_report, healthy_report, rich_report
from tests.core.test_markdown import PAYLOADS
from tests.core.test_report import SECTIONS
from tests.factories import (
    NOW,
    healthy_readings,
    incident,
    plain_pilot,
    ratings_of,
    records_of,
    seed_pilot,
    snapshot_of,
    view,
)

REPORTS = {"healthy": healthy_report, "bad_day": bad_day_report, "rich": rich_report}
VOID = {"meta", "br", "hr"}
INLINE = {"span", "strong", "code", "q", "em", "a"}
LOADING = {
    "script",
    "link",
    "img",
    "iframe",
    "object",
    "embed",
    "video",
    "audio",
    "source",
    "use",
    "image",
    "form",
    "base",
}


class Page(HTMLParser):
    """A page as a browser reads it. Fails where elements are not closed in order."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}  # by tag
        self._open: list[str] = []
        self.feed(markup)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.texts.setdefault(tag, []).append("")
        if tag not in INLINE and "body" in self.texts:
            self.texts["body"][-1] += " "
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag not in INLINE and "body" in self._open:
            self.texts["body"][-1] += " "

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.elements if name in attributes]

    def all_text(self) -> str:
        return " ".join("".join(self.texts["body"]).split())


@pytest.fixture(params=REPORTS)
def page(request: pytest.FixtureRequest) -> Page:
    return Page(report_html(REPORTS[request.param]()))


def test_nothing_runs_and_nothing_is_loaded(page: Page) -> None:
    assert not {tag for tag, _ in page.elements} & LOADING
    assert not {name for _, attributes in page.elements for name in attributes if name.startswith("on")}
    assert not page.attributes("style"), "the policy would forbid it"
    assert {href[0] for href in page.attributes("href")} == {"#"}
    assert not page.attributes("src")
    assert "url(" not in REPORT_STYLE
    assert "@import" not in REPORT_STYLE


@pytest.mark.parametrize("name", REPORTS)
def test_the_policy_allows_just_the_one_style_sheet(name: str) -> None:
    markup = report_html(REPORTS[name]())
    (style,) = re.findall(r"<style>(.*?)</style>", markup, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    (policy,) = [
        a["content"] for _, a in Page(markup).elements if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == policy_of(style)
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_ids_are_there_once_and_whatever_is_referred_to_is_there(page: Page) -> None:
    ids = page.attributes("id")
    assert {name for name, count in Counter(ids).items() if count > 1} == set()
    referred = [name for value in page.attributes("aria-labelledby") for name in value.split()]
    referred += [href.removeprefix("#") for href in page.attributes("href")]
    assert set(referred) <= set(ids)


def test_there_are_landmarks_a_language_and_a_way_past_the_links(page: Page) -> None:
    tags = [tag for tag, _ in page.elements]
    assert [tags.count(tag) for tag in ("header", "nav", "main", "footer", "h1")] == [1] * 5
    assert page.elements[0] == ("html", {"lang": "en"})
    assert next(attributes for tag, attributes in page.elements if tag == "a")["href"] == "#verdict"


def test_headings_leave_no_level_out(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_table_has_a_caption_and_every_heading_a_scope(page: Page) -> None:
    tags = Counter(tag for tag, _ in page.elements)
    assert tags["caption"] == tags["table"]
    assert all("scope" in attributes for tag, attributes in page.elements if tag == "th")
    assert all(attributes.get("data-label") for tag, attributes in page.elements if tag == "td")


def test_every_chart_has_a_name_and_a_description(page: Page) -> None:
    charts = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert charts
    for attributes in charts:
        assert attributes["role"] == "img"
        title, about = attributes["aria-labelledby"].split()
        assert {title, about} <= set(page.attributes("id"))


def test_the_sections_are_those_of_the_markdown_in_the_same_order(page: Page) -> None:
    verdict, *others = page.texts["h2"]
    assert others == SECTIONS[1:]
    assert verdict in {"✗ NOT READY", "? INCONCLUSIVE", "✓ READY"}


def words(text: str) -> set[str]:
    """Names, numbers and words, without markup and punctuation at their ends."""
    plain = re.sub(r"\\(?=[^\w\s])", "", text)
    return {word.strip("*`.,:;()|\"'“”").lower() for word in plain.split()} - {
        "",
        "-",
        "#",
        "##",
        "###",
        "---",
    }


@pytest.mark.parametrize("name", REPORTS)
def test_whatever_the_markdown_says_the_page_says_too(name: str) -> None:
    report = REPORTS[name]()
    told = words(Page(report_html(report)).all_text())
    tables, rest = (
        report_markdown(report).split("### Burn rates")[0],
        report_markdown(report).split("\n## Ramp")[1],
    )
    missing = {word for word in words(tables + rest) - told if not set(word) <= set("-:")}
    assert missing == set()


@pytest.mark.parametrize("name", ["healthy", "bad_day"])
def test_what_the_markdown_says_of_burn_rates_stands_in_the_descriptions_of_charts(name: str) -> None:
    report = REPORTS[name]()
    about = words(" ".join(Page(report_html(report)).texts["desc"]))
    for _, lookbacks, level, rates, threshold, _ in rows.burn_rows(report):
        assert words(f"{lookbacks} {level} {rates} {threshold}") <= about


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_anywhere_in_a_report_stays_text(payload: str) -> None:
    pilot = replace(
        seed_pilot(),
        title=payload,
        cohorts=(Cohort(payload, payload),),
        features={payload: True},
        variants=(payload,),
        labels=((payload, payload),),
        go_live_criteria=(CriterionText(payload, Role.GO_LIVE, Met()),),
        contacts=(Contact(payload, payload, payload),),
    )
    told = records_of(
        [incident(1, Severity.CRITICAL, title=payload, description=payload, resolution=payload)],
        ratings_of(1, 2, texts=(payload, payload)),
    )
    views = [view(pilot.slos[0], healthy_readings(pilot.slos[0]), group=(("region", payload),))]
    snapshot = snapshot_of(pilot, views, told, source=SourceView(False, "http", payload, None))
    report = compose(pilot, snapshot, NOW, transitions=Unreadable(payload), previous=Unreadable(payload))
    courses = replace(rich_report().courses, incidents=told.incidents.recent)
    markup = report_html(replace(report, courses=courses))
    read = Page(markup)
    assert not {tag for tag, _ in read.elements} & LOADING
    assert {href[0] for href in read.attributes("href")} == {"#"}
    assert not {name for _, attributes in read.elements for name in attributes if name.startswith("on")}
    assert "\x1b" not in markup
    assert "\u202e" not in markup


def test_an_unavailable_store_is_said_in_every_section_that_needs_it() -> None:
    pilot = seed_pilot()
    unavailable = RecordsUnavailable("store_unavailable", "the store cannot be read: disk gone")
    snapshot = snapshot_of(pilot, [view(slo, healthy_readings(slo)) for slo in pilot.slos], unavailable)
    report = compose(pilot, snapshot, NOW, transitions=Unreadable("the store cannot be read: disk gone"))
    assert Page(report_html(report)).all_text().count("Not known: the store cannot be read: disk gone") == 4


def test_a_pilot_of_which_nothing_is_known_has_a_page_that_says_so() -> None:
    pilot = replace(plain_pilot(), slos=())
    snapshot = snapshot_of(pilot, [], records_of(), None, source=None)
    told = Page(report_html(compose(pilot, snapshot, NOW, transitions=Transitions(())))).all_text()
    for said in (
        "The pilot has no SLO.",
        "None is planned.",
        "There is no experiment.",
        "Nobody has rated yet.",
    ):
        assert said in told


def test_without_a_past_the_page_says_that_there_is_none() -> None:
    told = Page(report_html(bad_day_report())).all_text()
    assert told.count("no history yet") >= 4
    assert "No day was seen yet." in told
    assert "served: no history yet" in told


def test_the_ramp_shows_what_the_experiment_counted_day_by_day() -> None:
    rings = [a for tag, a in Page(report_html(healthy_report())).elements if a.get("class") == "plot-ring"]
    assert len(rings) == 31 + 1, "one for each day, and one that says what they are"


def test_a_past_is_drawn_with_its_gaps_and_incidents() -> None:
    report = rich_report()
    read = Page(report_html(report))
    titles = read.texts["title"]
    assert any(title.startswith("critical incident from") for title in titles)
    assert "2026-11-19: no data" in titles
    about = read.texts["desc"]
    assert any("Where the line breaks nothing is known." in text for text in about)
    assert any("Where it is dotted only a part of the window was seen." in text for text in about)


@given(st.floats(min_value=0, max_value=4e9))
@settings(max_examples=20, deadline=None)
def test_a_report_of_any_time_is_a_page(at: float) -> None:
    report: Report = replace(rich_report(), at=at)
    Page(report_html(report))


def palette(mode: str) -> dict[str, str]:
    """The colours of the page itself, by name."""
    light, dark = re.findall(r":root \{ (?:color-scheme[^;]*; )?(--paper[^}]*)\}", REPORT_STYLE)[:2]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light if mode == "light" else dark))


@pytest.mark.parametrize(("mode", "ground"), list(product(["light", "dark"], ["paper", "card"])))
def test_texts_can_be_read_on_the_page_and_on_its_cards(mode: str, ground: str) -> None:
    colours = palette(mode)
    for name in ("ink", "quiet", "link", "good", "warn", "bad", "open"):
        assert contrast(colours[name], colours[ground]) >= 4.5, name


@pytest.mark.parametrize(("mode", "tone"), list(product(["light", "dark"], ["good", "bad", "open"])))
def test_the_verdict_can_be_read_on_its_banner(mode: str, tone: str) -> None:
    colours = palette(mode)
    for name in (tone, "ink", "warn", "bad"):
        assert contrast(colours[name], colours[f"{tone}-back"]) >= 4.5, name


def test_a_mean_rating_does_not_seem_to_reach_what_is_wanted() -> None:
    """3.9996 against 4 is no 4.00, on the chart as well."""
    report = rich_report()
    latest = report.courses.opinions[-1]
    near = replace(latest, satisfaction=replace(latest.satisfaction, mean=3.9996))
    report = replace(report, courses=replace(report.courses, opinions=(near,)))
    assert any("The latest: 3.9996," in chart.markup for chart in rating_charts(report))


def test_no_estimate_of_a_lift_is_of_a_time_to_come() -> None:
    report = rich_report()
    (_, trial), *_ = report.assessment.trials
    last, one = trial.outcome.by_day[-1]
    today = replace(
        trial.outcome, by_day=(*trial.outcome.by_day, (last.fromordinal(last.toordinal() + 400), one))
    )
    (chart,) = lift_chart(0, replace(trial, outcome=today), report.at)
    assert f"to {say_minute(report.at)} UTC. The latest" in chart.markup


def test_a_quantile_beyond_the_last_bucket_is_not_called_infinite() -> None:
    report = rich_report()
    shown = report.views[0]
    course = report.courses.slos[shown.instance.id]
    beyond = replace(course, hours=(*course.hours[:-1], replace(course.hours[-1], value=inf)))
    chart = value_chart("k", shown, beyond)
    assert chart is not None
    assert "latest beyond the last bucket edge; target" in chart.markup
