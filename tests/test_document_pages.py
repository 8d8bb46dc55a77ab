"""Documents as pages: links and files that are there, whole tables, a way to each, and numbered decisions."""

import re
from pathlib import Path

import pytest

from tests.documents import (
    DOCS,
    PAGES,
    ROOT,
    anchors,
    codes,
    headings,
    links,
    name,
    prose,
    text_of,
)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, fragment = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        assert not fragment or fragment in anchors(file), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    tops = {
        p.name
        for p in (*ROOT.iterdir(), *(ROOT / "slo_daemon").iterdir())
        if p.is_dir() and p.name[0] not in "._"
    }
    modules = {file.name for file in (*ROOT.glob("slo_daemon/**/*.py"), *ROOT.glob("tests/**/*.py"))}
    for code in codes(prose(page)):
        if re.fullmatch(r"[\w.-]+/[\w./-]*", code) and code.partition("/")[0] in tops:
            assert (ROOT / code).exists() or (ROOT / "slo_daemon" / code).exists(), code
        if re.fullmatch(r"\w+\.py", code):
            assert code in modules, code


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_row_of_a_table_has_as_many_cells_as_its_heading(page: Path) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", prose(page), re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        targets = {
            (page.parent / link.partition("#")[0]).resolve() for link in links(page) if ":" not in link
        }
        waiting += [target for target in targets if target in PAGES and target not in seen]
    assert set(PAGES) - seen == set()


def test_decisions_are_numbered_listed_and_give_their_reasons() -> None:
    records = sorted((DOCS / "decisions").glob("0*.md"))

    assert links(DOCS / "decisions" / "README.md") == [record.name for record in records]
    for number, record in enumerate(records, 1):
        assert int(record.name[:4]) == number
        assert headings(record)[0].startswith(f"{number}. "), record.name
        assert "\n**Why.** " in text_of(record), record.name
