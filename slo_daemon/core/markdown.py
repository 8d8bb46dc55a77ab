"""Markdown by construction: text becomes markup only through these functions, so no text can smuggle markup in.

CommonMark 0.31 and GitHub's tables. Our own words and an operator's are escaped where a character would be markup and
stay readable otherwise; the words of strangers are shown as code, in which nothing is ever markup, link or mention.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence

from slo_daemon.core.slo.phrases import visible

_ALWAYS = frozenset("\\`*[]~|$")
_OPENS_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_OPENS_ENTITY = re.compile(r"&(?=#?[0-9A-Za-z]+;)")
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # between letters or digits it is no emphasis
_CLOSES_HEADING = re.compile(r"(?<= )#+$")
_OPENS_BLOCK = re.compile(r"[#>+=-]|\d+(?=[.)](?: |$))")
_BACKTICKS = re.compile(r"`+")
LONGEST_QUOTE = 500  # characters


def escape(text: str) -> str:
    """`text` in one line that reads as itself, wherever in a line or table cell it stands."""
    shown = "".join(f"\\{c}" if c in _ALWAYS else c for c in visible(text))
    shown = _OPENS_TAG.sub(r"\\<", shown)
    shown = _OPENS_ENTITY.sub(r"\\&", shown)
    shown = _EDGE_UNDERSCORE.sub(r"\\_", shown)
    shown = _CLOSES_HEADING.sub(lambda closing: f"\\{closing.group()}", shown)
    opening = _OPENS_BLOCK.match(shown)
    if opening is None:
        return shown
    digits = opening.group() if opening.group().isdigit() else ""
    return f"{digits}\\{shown[len(digits) :]}"


def quoted(text: str) -> str:
    """What somebody wrote, as code in one line; cut when it is very long. Not for table cells."""
    shown = visible(text)
    if len(shown) > LONGEST_QUOTE:
        shown = shown[:LONGEST_QUOTE].rstrip() + " ..."
    if not shown:
        return "(empty)"
    fence = "`" * (max((len(run) for run in _BACKTICKS.findall(shown)), default=0) + 1)
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def bold(text: str) -> str:
    """Escaped and strong."""
    return f"**{escape(text)}**"


def bullets(items: Sequence[str]) -> str:
    """A list; the items are markup already."""
    return "\n".join(f"- {item}" for item in items)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """A table whose columns line up as plain text too. Cells are plain text; `right`: columns aligned to the right."""
    lines = [[escape(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(3, *(display_width(line[i]) for line in lines)) for i in range(len(headings))]
    rule = ["-" * (width - 1) + (":" if i in right else "-") for i, width in enumerate(widths)]
    return "\n".join(
        "| " + " | ".join(_padded(c, widths[i], right=i in right) for i, c in enumerate(line)) + " |"
        for line in (lines[0], rule, *lines[1:])
    )


def display_width(text: str) -> int:
    """Columns of a terminal that `text` takes."""
    return sum(
        0
        if unicodedata.category(c) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )


def _padded(cell: str, width: int, *, right: bool) -> str:
    gap = " " * (width - display_width(cell))
    return gap + cell if right else cell + gap
