"""A person at a real browser in front of the real daemon: reads, finds, signs in, records, and sees what it changes."""

import shutil
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.e2e.conftest import World
from tests.e2e.world import pilot, wait_until

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="chromium is not installed; tools/install-test-tools does that"
    ),
]

TOKEN = "token-of-the-administrator"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP slo.example 127.0.0.1",
]  # fmt: skip
PATIENCE = 60_000  # milliseconds
LEFT = "net::ERR_ABORTED"  # what a page was renewing itself with when somebody left it
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
EVERYTHING = '{variant="treatment"}'
# Of the pilot it is sure to be met, of the platform it is sure to be missed.
SPEC = yaml.safe_dump_all(
    [
        pilot(objective={"at_most": "90%", "warning": "95%", "critical": "99%"}),
        {
            "apiVersion": "slo-daemon/v1",
            "kind": "Slos",
            "metadata": {"name": "platform"},
            "spec": {
                "slos": [
                    {
                        "name": name,
                        "sli": {
                            "ratio": {
                                "bad": f"search_requests_total{EVERYTHING}",
                                "total": f"search_requests_total{EVERYTHING}",
                            },
                            "as": "bad",
                        },
                        "objective": {"at_most": "0.5%", "warning": "1%", "critical": "2%"},
                        "window": "10s",
                        "freshness": "15s",
                    }
                    for name in ("everything-is-bad", "everything-is-bad-here-too")
                ]
            },
        },
    ]
)
PAGES = ["/", "/slos", "/slos?group=pilot", "/slos/search/error-rate", "/slos/platform/everything-is-bad", "/pilots/search",
         "/pilots/search/incidents", "/pilots/search/feedback", "/sign-in"]  # fmt: skip

# What sticks out of the page, if the page can be moved sideways.
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll("body *")].filter(one => one.getBoundingClientRect().right > width).map(one => one.outerHTML.slice(0, 80));
}"""


@pytest.fixture
def world(start_world: Callable[..., World], tmp_path: Path) -> World:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    world = start_world(SPEC, tokens={"admin": {"file": str(token)}})
    wait_until(
        lambda: all(slo["met"] is not None for slo in world.daemon.slos()) and len(world.daemon.slos()) == 3,
        60,
        "every SLO has a value",
    )
    return world


@pytest.fixture
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as machine:
        browser = machine.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE)
        yield browser
        browser.close()


class Tab:
    """A page in the browser, and all that its console has complained about."""

    def __init__(self, browser: Any, world: World, host: str = "127.0.0.1", **options: Any) -> None:
        url = f"http://{host}:{world.daemon.port}"
        context = browser.new_context(base_url=url, viewport=DESK, **options)
        context.set_default_timeout(PATIENCE)
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self._note("error", str(error)))
        self.page.on("requestfailed", lambda request: self._failed(request.url, request.failure))

    def _failed(self, url: str, failure: str) -> None:
        if failure != LEFT:
            self._note("error", f"{url}: {failure}")

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def sees(self, text: str) -> None:
        """The main part holds a text, in time."""
        playwright.expect(self.page.locator("main")).to_contain_text(text, timeout=PATIENCE)

    def opens(self, path: str, text: str) -> None:
        """A page that holds a text, in time; it is loaded again and again."""
        end = time.monotonic() + PATIENCE / 1_000
        while True:
            self.page.goto(path)
            if text in " ".join(self.page.locator("main").inner_text().split()):
                return
            assert time.monotonic() < end, f"not within {PATIENCE} ms on {path}: {text}\n{self.page.locator('main').inner_text()}"  # fmt: skip


# By a name of the network and without TLS browsers do not send Sec-Fetch-Site: there the Origin must do.
@pytest.mark.parametrize(
    ("script", "host"),
    [(True, "127.0.0.1"), (False, "slo.example")],
    ids=["with a script, here", "without a script, by the network"],
)
def test_a_person_finds_an_slo_records_an_incident_sees_it_block_and_resolves_it(
    world: World, browser: Any, script: bool, host: str
) -> None:
    tab = Tab(browser, world, host, java_script_enabled=script)
    page = tab.page

    tab.opens("/", "✓ READY")
    watching = Tab(browser, world, java_script_enabled=script)
    watching.opens("/", "✓ READY")
    page.get_by_role("link", name="SLOs", exact=True).click()
    page.get_by_label("Name or description").fill("bad here")
    page.get_by_label("Alert level").select_option("critical")
    page.get_by_role("button", name="Show", exact=True).click()
    playwright.expect(page.locator("tbody tr")).to_have_count(1, timeout=PATIENCE)
    page.get_by_role("link", name="everything-is-bad-here-too").click()
    tab.sees("100 % wanted at most 0.5 % over 10s")
    page.get_by_text("Arithmetic").click()
    tab.sees("search_requests_total")

    page.get_by_role("link", name="Overview").click()
    page.get_by_role("link", name="incidents").click()
    page.get_by_role("link", name="Sign in to record incidents").click()
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Token").fill(TOKEN)
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.get_by_label("critical").check()
    page.get_by_label("Description").fill("since the switch")
    assert tab.complaints == []
    page.get_by_role("button", name="Record").click()
    tab.sees("✗ must not be empty")
    assert page.get_by_label("Description").input_value() == "since the switch"
    assert page.get_by_label("critical").is_checked()
    assert all("422" in complaint for complaint in tab.complaints)
    tab.complaints.clear()
    page.get_by_label("Title").fill("Search is down <b>")
    page.get_by_role("button", name="Record").click()
    tab.sees("Incident 1 is recorded.")
    tab.sees("Search is down <b>")

    if script:  # a page that somebody left open
        watching.sees("✗ NOT READY")
        playwright.expect(watching.page.locator("#news")).to_have_text(
            "Changed: search: NOT READY"
        )  # told aloud
    tab.opens("/", "✗ NOT READY")
    tab.sees("1 unresolved critical incident")
    assert world.daemon.get("/api/v1/pilots/search/gates/promote").json()["gate"]["reason"] == "not_ready"
    tab.opens("/pilots/search", "✗ blocks false · 1 unresolved critical incident")
    page.get_by_role("navigation", name="The pilot").get_by_role("link", name="Incidents").click()
    page.get_by_text("Resolve", exact=True).first.click()
    page.get_by_label("How it was resolved").fill("rolled back")
    page.get_by_role("button", name="Resolve").click()
    tab.sees("Incident 1 is resolved.")
    tab.opens("/", "✓ READY")
    if script:
        watching.sees("✓ READY")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").wait_for()
    assert tab.complaints == watching.complaints == []


def test_no_page_is_wider_than_the_screen_nor_does_the_console_complain(world: World, browser: Any) -> None:
    api, headers = f"{world.daemon.url}/api/v1/pilots/search", {"Authorization": f"Bearer {TOKEN}"}
    long = {"title": "W" * 200, "severity": "critical", "description": "W" * 500}
    requests.post(f"{api}/incidents", json=long, headers=headers, timeout=20).raise_for_status()
    rating = {"user": "u" * 128, "rating": 2, "text": "W" * 500}
    requests.post(f"{api}/feedback", json=rating, headers=headers, timeout=20).raise_for_status()
    for scheme, size in product(("light", "dark"), (PHONE, DESK)):
        tab = Tab(browser, world, color_scheme=scheme)
        tab.page.set_viewport_size(size)
        tab.page.goto("/sign-in")
        tab.page.get_by_label("Your name").fill("Ada")
        tab.page.get_by_label("Token").fill(TOKEN)
        tab.page.locator("main").get_by_role("button", name="Sign in").click()
        tab.page.get_by_role("button", name="Sign out").wait_for()
        for path in PAGES:
            tab.page.goto(path)
            tab.page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
            assert tab.page.evaluate(TOO_WIDE) == [], f"{path} at {size['width']} pixels, {scheme}"
            assert tab.complaints == [], path
        tab.page.goto("/nothing")
        assert tab.page.evaluate(TOO_WIDE) == []


def test_a_page_renews_itself_without_losing_what_somebody_does_with_it(world: World, browser: Any) -> None:
    tab = Tab(browser, world)
    page = tab.page
    page.goto("/slos/platform/everything-is-bad")
    fresh = page.locator("#fresh")
    page.get_by_text("Arithmetic").click()
    link = page.get_by_role("link", name="This SLO as JSON")
    link.focus()
    for _ in range(2):
        before = fresh.inner_text()
        playwright.expect(fresh).not_to_have_text(before, timeout=PATIENCE)
    assert page.locator("details[open]").count() == 1
    assert link.evaluate("link => link === document.activeElement")

    page.goto("/slos")
    page.get_by_label("Name or description").fill("half a wo")
    page.locator("h1").click()  # nothing has the focus
    before, slot = fresh.inner_text(), world.daemon.get("/api/v1/slos").json()["slot"]
    wait_until(
        lambda: world.daemon.get("/api/v1/slos").json()["slot"] > slot + 15, 60, "time to renew it has passed"
    )
    assert page.get_by_label("Name or description").input_value() == "half a wo"
    assert fresh.inner_text() == before
    assert tab.complaints == []


@pytest.mark.parametrize("typed", ["", "half a wo"], ids=["looking", "typing"])
def test_a_page_says_when_the_daemon_does_not_answer_and_when_it_does_again(
    world: World, browser: Any, typed: str
) -> None:
    page = Tab(browser, world).page
    page.goto("/slos")
    if typed:
        page.get_by_label("Name or description").fill(typed)
    alarm = page.locator("#alarm")
    playwright.expect(alarm).to_be_hidden()

    world.daemon.kill()
    playwright.expect(alarm).to_be_visible(timeout=PATIENCE)
    assert "slo-daemon does not answer since" in alarm.inner_text()
    assert page.get_by_label("Name or description").input_value() == typed
    world.daemon.start()
    playwright.expect(alarm).to_be_hidden(timeout=PATIENCE)


def test_an_open_page_tells_who_is_signed_in_after_that_changed_in_another_tab(
    world: World, browser: Any
) -> None:
    page = Tab(browser, world).page
    page.goto("/")
    other = page.context.new_page()
    other.goto("/sign-in")
    other.get_by_label("Your name").fill("Ada")
    other.get_by_label("Token").fill(TOKEN)
    other.locator("main").get_by_role("button", name="Sign in").click()
    other.get_by_role("button", name="Sign out").wait_for()

    page.bring_to_front()
    who = page.locator(".who")
    playwright.expect(who).to_contain_text("Ada (admin)", timeout=PATIENCE)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").wait_for()
    other.bring_to_front()
    playwright.expect(other.locator(".who")).to_contain_text("Sign in", timeout=PATIENCE)
