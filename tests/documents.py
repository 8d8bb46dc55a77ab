"""The documents as data: code blocks, tables, headings, links, code in the text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]

_FENCE = re.compile(
    r"^(?P<fence>```+)(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL
)
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block. `info`: the words after the fence, the language first."""

    page: Path
    line: int
    info: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        """`docs/spec.md:12`"""
        return f"{name(self.page)}:{self.line}"


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(*languages: str) -> Iterator[Block]:
    """All fenced blocks in one of the languages; all there are without any."""
    for page in PAGES:
        text = text_of(page)
        for found in _FENCE.finditer(text):
            block = Block(
                page, text.count("\n", 0, found.start()) + 1, tuple(found["info"].split()), found["text"]
            )
            if not languages or block.info[:1] in [(language,) for language in languages]:
                yield block


def prose(page: Path) -> str:
    """The text without its fenced blocks."""
    return _FENCE.sub("", text_of(page))


def codes(text: str) -> list[str]:
    """What stands in backticks, on one line."""
    return [" ".join(code.split()) for code in _CODE.findall(text)]


def links(page: Path) -> list[str]:
    return _LINK.findall(_CODE.sub("", prose(page)))


def headings(page: Path) -> list[str]:
    return _HEADING.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings(page))
    return {words.replace(" ", "-") for words in plain}


def section(page: Path, heading: str) -> str:
    """The text under a heading, up to the next one of the same depth."""
    parts = re.split(r"^## +", prose(page), flags=re.MULTILINE)
    (found,) = [part for part in parts if part.partition("\n")[0].strip() == heading]
    return found


def rows(text: str, first_heading: str) -> list[list[str]]:
    """The rows of all tables whose first column's heading begins so."""
    found: list[list[str]] = []
    wanted = False
    for line in text.splitlines():
        if not line.startswith("|"):
            wanted = False
            continue
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[0].startswith(first_heading) and not wanted:
            wanted = True
        elif wanted and not set("".join(cells)) <= set("-: "):
            found.append(cells)
    return found


def first_codes(table: list[list[str]], column: int = 0) -> list[str]:
    """What stands in backticks in one column."""
    return [code for row in table for code in codes(row[column])]
