"""HTML by construction: text becomes markup only through these functions, so no text can smuggle markup in.

Whatever is put into an element is text and is escaped, unless it is `Html` already, which only functions make.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from slo_daemon.core.slo.phrases import visible

_VOID = frozenset({"meta", "br", "hr"})
LONGEST_QUOTE = 500  # characters of what strangers wrote


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that is well-formed and safe."""

    markup: str


Node = Html | str | None
Attribute = str | int | bool | None  # True: there without a value; False and None: not there


def el(tag: str, *nodes: Node | Iterable[Node], **attributes: Attribute) -> Html:
    """An element. `class_` and `for_` lose their underscore, others become hyphens: `aria_label`."""
    head = "".join(
        [
            tag,
            *(
                _attribute(name, value)
                for name, value in attributes.items()
                if value is not None and value is not False
            ),
        ]
    )
    if tag in _VOID:
        return Html(f"<{head}>")
    return Html(f"<{head}>{join(*nodes).markup}</{tag}>")


def join(*nodes: Node | Iterable[Node], between: str = "") -> Html:
    """All of them, one after the other. `between`: text, such as a line break, for who reads the source."""
    return Html(escape(between).join(_markup(node) for node in _flat(nodes)))


def text(said: str) -> Html:
    """Escaped, in one line, and nothing invisible in it. A space at either end stays one."""
    shown = visible(said)
    before, after = said[:1].isspace(), said[-1:].isspace() and bool(shown)
    return Html(escape(f"{' ' if before else ''}{shown}{' ' if after else ''}"))


def said(words: str) -> Html:
    """What somebody wrote, as a quotation in one line; cut when it is very long."""
    shown = visible(words)
    if len(shown) > LONGEST_QUOTE:
        shown = shown[:LONGEST_QUOTE].rstrip() + " ..."
    return el("q", shown) if shown else el("em", "(empty)")


def bullets(items: Sequence[Node], **attributes: Attribute) -> Html:
    """A list; nothing where there is no item."""
    return el("ul", [el("li", item) for item in items], **attributes) if items else Html("")


def table(
    caption: str, headings: Sequence[str], rows: Sequence[Sequence[Node]], numbers: Iterable[int] = ()
) -> Html:
    """A table with a caption. The first cell of a row is its heading; `numbers`: columns whose cells are numbers.

    Every cell carries the name of its column, which narrow screens show beside it.
    """
    right = set(numbers)
    heads = [
        el("th", name, scope="col", class_="number" if i in right else None)
        for i, name in enumerate(headings)
    ]
    return el(
        "table",
        el("caption", caption),
        el("thead", el("tr", heads)),
        el("tbody", [_row(headings, row, right) for row in rows]),
    )


def _row(headings: Sequence[str], row: Sequence[Node], right: Iterable[int]) -> Html:
    numbers = set(right)
    cells = [
        el("td", cell, class_="number" if i in numbers else None, data_label=name)
        for i, (name, cell) in enumerate(zip(headings, row, strict=True))
        if i
    ]
    return el(
        "tr",
        el("th", row[0], scope="row", class_="number" if 0 in numbers else None, data_label=headings[0]),
        cells,
    )


def _attribute(name: str, value: Attribute) -> str:
    shown = name.rstrip("_").replace("_", "-")
    return f" {shown}" if value is True else f' {shown}="{escape(visible(str(value)))}"'


def _flat(nodes: Iterable[Node | Iterable[Node]]) -> Iterable[Node]:
    for node in nodes:
        if node is None or isinstance(node, Html | str):
            yield node
        else:
            yield from node


def _markup(node: Node) -> str:
    if node is None:
        return ""
    return node.markup if isinstance(node, Html) else text(node).markup
