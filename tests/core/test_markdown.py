"""No text can smuggle markup into a report: a real Markdown parser reads back exactly the text that went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from slo_daemon.core.markdown import LONGEST_QUOTE, bullets, display_width, escape, quoted, table
from slo_daemon.core.slo.phrases import visible

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PLAIN = {"text", "text_special"}
BLOCKS = {"fence", "code_block", "html_block", "hr", "blockquote_open", "ordered_list_open"}

PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></tr></table><h1>owned</h1>",
    "<!-- hidden -->",
    "<?php echo 1 ?>",
    "[click](javascript:alert(1))",
    "![pixel](https://evil.example/p.png)",
    "[ref]: https://evil.example",
    "<https://evil.example>",
    "https://evil.example www.evil.example",
    "**READY** ~~NOT READY~~ `code` _x_ *y*",
    "``` \n rm -rf \n```",
    "` `` ``` unbalanced",
    "| a | b |\n| --- | --- |",
    "cell | next cell",
    "\\| \\\\| \\",
    "# Heading",
    "ends with a hash #",
    "- item",
    "1. item",
    "+ item",
    "> quote",
    "===",
    "---",
    "***",
    "- [x] done",
    "[^1] and [^1]: note",
    "&lt;b&gt; &#60; &copy; AT&T",
    "$x^2$ and $$y$$",
    "@everyone #1 GH-1",
    "first\n\n## Second paragraph",
    "carriage\rreturn\u2028line\u2029paragraph",
    "\x1b[2J\x1b[31mred\x07\x9b",
    "abc\u202etxt.exe",
    "half \ud83d pair",
    "\x00",
    "trailing backslash \\",
    "a_b_c _d_ __init__",
    "5.0 and 2. and 3)",
    "\t    four spaces make code",
)  # fmt: skip

MARKUP = st.text(
    alphabet=st.sampled_from(list("ab1 `*_[]()<>!&#+-=.~|\\:/@$\n\t\x1b;\"'{}é漢0")), max_size=30
)
TEXTS = MARKUP | st.text(max_size=30) | st.sampled_from(PAYLOADS)


def inlines(tokens: list[Token]) -> list[list[Token]]:
    return [token.children or [] for token in tokens if token.type == "inline"]


def text_of(children: list[Token]) -> str:
    return "".join(child.content for child in children)


PLACES = ("", "- ", "# ", "words ", "- **bold**: ")


def check_escaped(before: str, text: str) -> None:
    if not visible(text):
        return
    tokens = PARSER.parse(before + escape(text))
    (children,) = inlines(tokens)
    assert {child.type for child in children} <= PLAIN | {"strong_open", "strong_close"}
    assert text_of(children).endswith(visible(text))
    assert not BLOCKS & {token.type for token in tokens}
    assert sum(token.type == "bullet_list_open" for token in tokens) == before.startswith("-")


def check_quoted(text: str) -> None:
    (children,) = inlines(PARSER.parse(f"- {quoted(text)}"))
    if visible(text):
        assert [child.type for child in children] == ["code_inline"]
        assert children[0].content == visible(text)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_only_text(payload: str) -> None:
    for before in PLACES:
        check_escaped(before, payload)
    check_quoted(payload)


@given(st.sampled_from(PLACES), TEXTS)
def test_escaped_text_reads_as_itself_wherever_it_stands(before: str, text: str) -> None:
    check_escaped(before, text)


@given(TEXTS)
def test_quoted_text_is_code_and_nothing_else(text: str) -> None:
    check_quoted(text)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_a_table_has_its_cells_and_no_others(rows: list[tuple[str, str]]) -> None:
    cells = inlines(PARSER.parse(table(("First", "Second"), rows, right=(1,))))
    expected = ["First", "Second", *(visible(cell) for row in rows for cell in row)]
    assert [text_of(children) for children in cells] == expected
    assert {child.type for children in cells for child in children} <= PLAIN


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_the_lines_of_a_table_are_equally_wide(rows: list[tuple[str, str]]) -> None:
    assert len({display_width(line) for line in table(("First", "Second"), rows).splitlines()}) == 1


def test_a_table_is_readable_as_plain_text() -> None:
    drawn = table(("SLO", "Value"), [("p95", "42.3 ms"), ("検索", "1 s")], right=(1,))
    assert drawn == (
        "| SLO  |   Value |\n"
        "| ---- | ------: |\n"
        "| p95  | 42.3 ms |\n"
        "| 検索 |     1 s |"
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "p99 latency > 200ms",
        "Conversion lift > 10% (significant)",
        "search_success_rate: at least 80 %",
        "device == 'mobile'",
        "Availability < 99.5%",
        "search-oncall@example.org",
        "R&D, 99.95 %",
    ],
)
def test_ordinary_text_stays_as_it_was_written(text: str) -> None:
    assert escape(text) == text


def test_a_very_long_quote_is_cut() -> None:
    assert quoted("x" * 10_000) == f"`{'x' * LONGEST_QUOTE} ...`"
    assert quoted(" \n ") == "(empty)"


def test_bullets_are_one_line_each() -> None:
    assert bullets(["a", "b"]) == "- a\n- b"
