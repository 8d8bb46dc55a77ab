"""A person at a browser, as far as a test without one can tell: pages are parsed, forms sent with all that is in them."""

import asyncio
import re
from html.parser import HTMLParser
from typing import Any, ClassVar

import httpx
from fastapi import FastAPI

from tests.web.house import TOKENS, House

OWN = "http://daemon.example"

VOID = ("meta", "link", "img", "br", "input")


class Page(HTMLParser):
    """What a browser would see: elements, attributes, text, forms with their values."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.forms: dict[str, dict[str, str]] = {}  # by action: what would be sent
        self._form: dict[str, str] = {}
        self._area = self._select = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        name, value = found.get("name") or "", found.get("value") or ""
        if tag == "form":
            self._form = self.forms.setdefault(found["action"] or "", {})
        elif tag == "input" and (found.get("type") != "radio" or "checked" in found):
            self._form[name] = value
        elif tag == "textarea":
            self._area, self._form[name] = name, ""
        elif tag == "select":
            self._select, self._form[name] = name, ""
        elif tag == "option" and "selected" in found:
            self._form[self._select] = value
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag
        self._area = "" if tag == "textarea" else self._area

    def handle_data(self, data: str) -> None:
        if self._area:
            self._form[self._area] += data.removeprefix("\n")  # as browsers do
        elif "title" not in self.open or "svg" in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All words in one line."""
        return re.sub(r"\s+", " ", " ".join(self.words))

    @property
    def links(self) -> list[str]:
        """Where links lead, once each."""
        return list(dict.fromkeys(found.get("href") or "" for tag, found in self.elements if tag == "a"))

    @property
    def main(self) -> dict[str, str | None]:
        """The attributes of the main part."""
        return next(found for tag, found in self.elements if tag == "main")


class Client:
    """Asks an application without a socket, one request after the other, and keeps cookies."""

    opened: ClassVar[list["Client"]] = []

    def __init__(self, app: FastAPI, url: str) -> None:
        self.opened.append(self)
        self._app = app
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.url = url
        self.cookies = httpx.Cookies()

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self._ask("GET", path, more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self._ask("POST", path, more)

    @classmethod
    def close_all(cls) -> None:
        """End the threads of every application that was asked."""

        async def end(app: FastAPI) -> None:
            async with app.router.lifespan_context(app):
                pass

        while cls.opened:
            asyncio.run(end(cls.opened.pop()._app))

    def _ask(self, method: str, path: str, more: dict[str, Any]) -> httpx.Response:
        async def ask() -> httpx.Response:
            client = httpx.AsyncClient(
                transport=self._transport, base_url=self.url, follow_redirects=True, cookies=self.cookies
            )
            async with client:
                answer = await client.request(method, path, **more)
                self.cookies = client.cookies
                return answer

        return asyncio.run(ask())


class Person:
    """Somebody with cookies, whose browser says where forms come from. No socket is opened."""

    def __init__(self, house: House, url: str = OWN) -> None:
        self.client = Client(house.app(), url)
        self.answer: httpx.Response
        self.page: Page

    def open(self, path: str, status: int = 200) -> Page:
        """Look at a page."""
        return self._see(self.client.get(path), status)

    def send(self, action: str, status: int = 200, **typed: str) -> Page:
        """Send a form of the page one looks at, with some of its fields filled in; the page that follows."""
        return self.post(action, self.page.forms[action] | typed, status)

    def post(self, action: str, fields: dict[str, str], status: int = 200, **headers: Any) -> Page:
        """Send fields as a form of ours would."""
        own = {"Origin": self.client.url, "Sec-Fetch-Site": "same-origin"} | headers
        return self._see(self.client.post(action, data=fields, headers=own), status)

    def sign_in(self, role: Any, name: str = "Ada") -> Page:
        """With the token of a role."""
        self.open("/sign-in")
        return self.send("/sign-in", name=name, token=TOKENS[role])

    def _see(self, answer: httpx.Response, status: int) -> Page:
        assert answer.status_code == status, answer.text[:2_000]
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        self.answer, self.page = answer, Page(answer.text)
        return self.page
