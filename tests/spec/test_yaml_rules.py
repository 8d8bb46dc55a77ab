"""What is no YAML, or more than is read, is said with its place."""

import pytest

from tests.spec.problems import problems_of

YAML_RULES = [
    ("", "shop.yaml:1:1: the file is empty; a document begins with apiVersion and kind"),
    (
        "# only a comment\n",
        "shop.yaml:1:1: the file holds no document; a document begins with apiVersion and kind",
    ),
    ("---\n---\n", "shop.yaml:1:1: the file holds no document; a document begins with apiVersion and kind"),
    ("42", "shop.yaml:1:1: a document is a mapping that begins with apiVersion and kind"),
    ("- a\n- b\n", "shop.yaml:1:1: a document is a mapping that begins with apiVersion and kind"),
    (
        "a: [1, 2\n",
        "shop.yaml:2:1: the list or mapping opened in line 1 is not closed here; close it, and put text with { } [ ] , : in quotes, PromQL above all",
    ),
    (
        "a: {b: x{c}}\n",
        "shop.yaml:1:9: the list or mapping opened in line 1 is not closed here; close it, and put text with { } [ ] , : in quotes, PromQL above all",
    ),
    ("a: 'b\n", "shop.yaml:1:4: a quote is opened here and never closed"),
    (
        "a: b: c\n",
        "shop.yaml:1:5: a colon where no key can end; put the text in quotes if the colon belongs to it, else check the indentation",
    ),
    ("a:\n\tb: c\n", "shop.yaml:2:1: a tab stands in the indentation; YAML is indented with spaces only"),
    ("a: @b\n", "shop.yaml:1:4: a value cannot start with '@'; put it in quotes"),
    (
        "a:\n  b: c\n d: e\n",
        "shop.yaml:3:2: this does not continue what stands above; check the indentation and the quotes",
    ),
    ("a: - b\n", "shop.yaml:1:4: a list cannot start here; start it on a line of its own"),
    (
        "a: !!python/object:os.system x\n",
        "shop.yaml:1:4: the tag 'tag:yaml.org,2002:python/object:os.system' is not read here; remove it",
    ),
    ("a: *b\n", "shop.yaml:1:4: the alias *b has no finished anchor &b before it"),
    ("a: &b [*b]\n", "shop.yaml:1:8: the alias *b has no finished anchor &b before it"),
    ("<<: {a: b}\n", "shop.yaml:1:1: merge keys (<<) are not read here; write the keys out"),
    ("? [a]\n: b\n", "shop.yaml:1:3: a list or mapping cannot be a key"),
    ("a: b\x00c\n", "shop.yaml:1:5: character U+0000 is not allowed in YAML; remove it"),
    ("a:\n  b: \udcffc\n", "shop.yaml:2:6: byte 0xff is not UTF-8; save the file as UTF-8"),
    (
        "a: b\n...\nc\n",
        "shop.yaml:3:1: something follows the end of the document; start another document with ---",
    ),
    ("a: ]\n", "shop.yaml:1:4: a value is missing here"),
    ('a: "\\q"\n', "shop.yaml:1:5: not valid YAML: found unknown escape character"),
    ("'': b\n", "shop.yaml:1:1: a key is one line of at most 200 visible characters"),
    ('"a\\tb": c\n', "shop.yaml:1:1: a key is one line of at most 200 visible characters"),
]
# fmt: on


@pytest.mark.parametrize(("text", "problem"), YAML_RULES, ids=lambda text: text[:30])
def test_what_is_not_yaml_is_said_with_its_place(text: str, problem: str) -> None:
    assert problem in problems_of(text)
