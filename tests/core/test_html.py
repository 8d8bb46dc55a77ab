"""HTML by construction: no text is markup, whatever it holds."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.core.html import Html, bullets, el, join, said, table, text
from tests.core.test_markdown import PAYLOADS


class Reader(HTMLParser):
    """What a browser would make of markup: elements, attributes, texts."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")


@given(st.text() | st.sampled_from(PAYLOADS))
def test_any_text_stays_text_in_an_element_and_in_an_attribute(anything: str) -> None:
    read = Reader(el("p", anything, said(anything), title=anything).markup)
    assert set(read.tags) <= {"p", "q", "em"}
    assert [name for name, _ in read.attributes] == ["title"]
    assert "\x1b" not in "".join(read.texts)


def test_text_is_one_line_and_keeps_one_space_at_its_ends() -> None:
    assert text("a \n b").markup == "a b"
    assert text(" by ").markup == " by "
    assert text("").markup == text("\u202e").markup.replace("\ufffd", "") == ""


def test_markup_is_taken_as_it_is_and_nothing_is_left_out_silently() -> None:
    assert join(Html("<br>"), None, "<b>", [el("i", "x"), None]).markup == "<br>&lt;b&gt;<i>x</i>"


def test_names_of_attributes_lose_what_python_needs() -> None:
    assert (
        el("a", class_="b", aria_label="c", hidden=True, href=None).markup
        == '<a class="b" aria-label="c" hidden></a>'
    )


def test_an_attribute_may_be_zero_and_is_left_out_only_when_it_is_none_or_false() -> None:
    assert el("p", tabindex=0, hidden=False, title=None).markup == '<p tabindex="0"></p>'


def test_what_somebody_wrote_is_cut_when_it_is_very_long() -> None:
    assert said("a" * 600).markup == f"<q>{'a' * 500} ...</q>"
    assert said(" ").markup == "<em>(empty)</em>"


def test_a_table_has_a_caption_and_headings_with_their_scope() -> None:
    markup = table("SLOs", ["SLO", "Value"], [["a", "1"], ["b", "2"]], numbers=[1]).markup
    assert "<caption>SLOs</caption>" in markup
    assert markup.count('scope="col"') == markup.count('scope="row"') == 2
    assert '<td class="number" data-label="Value">1</td>' in markup


def test_a_row_of_another_length_is_a_mistake_and_no_table() -> None:
    with pytest.raises(ValueError, match="zip"):
        table("SLOs", ["SLO", "Value"], [["a"]])


def test_an_empty_list_is_nothing() -> None:
    assert bullets([]).markup == ""
