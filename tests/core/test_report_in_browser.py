"""The page of a report in a real browser: quiet, alone, readable in light and dark, and no wider than a phone."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.core.plots.test_style import contrast

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="chromium is not installed; tools/install-test-tools does that"
    ),
    pytest.mark.xdist_group("browser"),
]

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
GOLDEN = Path(__file__).parent / "golden"
PAGES = ["healthy", "bad_day", "rich"]
WIDTHS = {"phone": 390, "desk": 1280}
PATIENCE = 60_000  # milliseconds

# Every text with its colour, and the ground that it stands on.
COLOURS = """() => {
  const found = [];
  const solid = colour => !/rgba\\(.*, 0\\)|transparent/.test(colour);
  for (const node of document.querySelectorAll('body *:not(svg):not(svg *)')) {
    const own = [...node.childNodes].some(one => one.nodeType === 3 && one.textContent.trim());
    if (!own) continue;
    let ground = node;
    while (ground && !solid(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
    found.push([node.textContent.trim().slice(0, 40), getComputedStyle(node).color,
                getComputedStyle(ground || document.body).backgroundColor]);
  }
  return found;
}"""
# Texts of a chart that lie over each other. Letters have a little air around them, which may touch.
COLLISIONS = """() => {
  const found = [];
  for (const chart of document.querySelectorAll('svg')) {
    const boxes = [...chart.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
    boxes.forEach(([one, a], place) => boxes.slice(place + 1).forEach(([other, b]) => {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 1 && high > 3.5) found.push(`${one} | ${other}`);
    }));
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as machine:
        browser = machine.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE)
        yield browser
        browser.close()


class Tab:
    """A report opened from a file: what it asked for, and what the console complained about."""

    def __init__(self, browser: Any, name: str, width: int, scheme: str) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page.set_default_timeout(PATIENCE)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.url = (GOLDEN / f"{name}.html").as_uri()
        self.page.goto(self.url)


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    tabs: list[Tab] = []

    def tab(name: str, width: str = "desk", scheme: str = "light") -> Tab:
        tabs.append(Tab(browser, name, WIDTHS[width], scheme))
        return tabs[-1]

    yield tab
    for one in tabs:
        one.page.close()


def hexadecimal(colour: str) -> str:
    """`rgb(1, 2, 3)` as `#010203`."""
    parts = [int(float(part)) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return "#" + "".join(f"{part:02x}" for part in parts)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_it_loads_nothing_complains_about_nothing_and_fits(
    opened: Any, name: str, width: str, scheme: str
) -> None:
    tab = opened(name, width, scheme)
    assert tab.requests == [tab.url]
    assert tab.complaints == []
    over = tab.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert over == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_text_can_be_read_on_its_ground(opened: Any, name: str, scheme: str) -> None:
    told = opened(name, "desk", scheme).page.evaluate(COLOURS)
    assert len(told) > 100
    faint = [
        (text, colour, ground)
        for text, colour, ground in told
        if contrast(hexadecimal(colour), hexadecimal(ground)) < 4.5
    ]
    assert faint == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_no_text_of_a_chart_lies_over_another(opened: Any, name: str, width: str) -> None:
    assert opened(name, width).page.evaluate(COLLISIONS) == []


@pytest.mark.parametrize("name", PAGES)
def test_every_chart_has_a_name_for_who_cannot_see_it(opened: Any, name: str) -> None:
    page = opened(name).page
    charts = page.get_by_role("img")
    assert charts.count() == page.locator("svg").count() > 0
    names = charts.evaluate_all(
        "charts => charts.map(c => c.getAttribute('aria-labelledby').split(' ')"
        ".map(id => document.getElementById(id).textContent.trim()))"
    )
    assert all(title and about for title, about in names)


def test_the_first_tab_stop_leads_past_the_links_to_the_verdict(opened: Any) -> None:
    page = opened("rich").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    page.keyboard.press("Enter")
    page.wait_for_url("**#verdict")


def test_it_is_printed_in_light_colours_without_the_links(opened: Any) -> None:
    page = opened("rich", "desk", "dark").page
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.get_by_role("navigation").is_visible()
    ink = hexadecimal(page.evaluate("getComputedStyle(document.body).color"))
    assert contrast(ink, "#ffffff") >= 7
    assert len(page.pdf(format="A4", print_background=True)) > 10_000
