"""Strict YAML: text -> positioned documents, or problems. No text makes it raise, and no text makes it grow.

Stricter than YAML where YAML surprises: a key stands once, keys are text, tags and merge keys are refused, and an
unquoted scalar remembers that some YAML version would not read it as text (`no`, `1:30`, `2026-10-23`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from slo_daemon.spec.nodes import Entry, Form, Items, Node, Scalar, Table
from slo_daemon.spec.problems import Mark, Problem, problem_at, shorten, split_lines

LONGEST_TEXT = 1_048_576  # bytes of one file
LONGEST_KEY = 200  # characters
DEEPEST = 32  # levels of nesting
LARGEST_DOCUMENT = 4 * LONGEST_TEXT  # characters and nodes of a document once its aliases are followed

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_LONGEST_WORD = 40  # characters; nothing longer is a number, a date or a truth value
_READINGS = {
    "bool": "a truth value", "int": "a number", "float": "a number", "null": "nothing", "timestamp": "a date",
    "merge": "a merge key", "value": "a default key",
}  # fmt: skip
_resolver: Any = yaml.resolver.Resolver()  # YAML 1.1's rules for unquoted scalars

# What libyaml and PyYAML say, and what it mostly means. The first match counts.
_SYNTAX = (
    (r"',' or '[]}]'", "the list or mapping opened in {context} is not closed here",
     "close it, and put text with { } [ ] , : in quotes, PromQL above all"),
    (r"mapping values are not allowed", "a colon where no key can end",
     "put the text in quotes if the colon belongs to it, else check the indentation"),
    (r"sequence entries are not allowed", "a list cannot start here", "start it on a line of its own"),
    (r"expected (key|'-' indicator|<block end>)", "this does not continue what stands above",
     "check the indentation and the quotes"),
    (r"cannot start any token", "a value cannot start with {character}", "put it in quotes"),
    (r"node content", "a value is missing here", ""),
    (r"<document start>", "something follows the end of the document", "start another document with ---"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file."""

    file: str
    root: Node


class _TooMuchError(Exception):
    """The rest of the file is not worth reading. Carries the problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def parse(file: str, text: str) -> tuple[list[Document], list[Problem]]:
    """The documents of a text, and what is wrong with it as YAML.

    Bytes that are not UTF-8 may come as `surrogateescape` gives them; they are a problem with a position.
    """
    problem = _unreadable(file, text)
    if problem is not None:
        return [], [problem]
    text = text.removeprefix("\ufeff")
    composer = _Composer(file)
    documents: list[Document] = []
    try:
        events = yaml.parse(text, Loader=_Loader)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                root = composer.document(events)
                if not _is_nothing(root):
                    documents.append(Document(file, root))
    except _TooMuchError as stop:
        return documents, [*composer.problems, stop.problem]
    except yaml.MarkedYAMLError as error:
        return documents, [*composer.problems, _syntax_problem(file, text, error)]
    except (yaml.YAMLError, UnicodeError) as error:
        detail = " ".join(str(error).split())
        return documents, [*composer.problems, problem_at(Mark(file, 1, 1), (), f"not valid YAML: {detail}")]
    if not documents and not composer.problems:
        said = "the file holds no document" if text.strip() else "the file is empty"
        composer.problems.append(
            problem_at(Mark(file, 1, 1), (), said, "a document begins with apiVersion and kind")
        )
    return documents, composer.problems


def _is_nothing(node: Node) -> bool:
    """A document without content, as a stray `---` leaves it."""
    return isinstance(node, Scalar) and node.form is Form.PLAIN and not node.text


def _unreadable(file: str, text: str) -> Problem | None:
    if len(text.encode("utf-8", "replace")) > LONGEST_TEXT:
        return problem_at(
            Mark(file, 1, 1), (), "the file is larger than 1 MiB", "split it into several files"
        )
    text = text.removeprefix("\ufeff")
    found = _FORBIDDEN.search(text)
    if found is None:
        return None
    before = split_lines(text[: found.start()])
    mark = Mark(file, len(before), len(before[-1]) + 1)
    code = ord(found.group())
    if 0xDC80 <= code <= 0xDCFF:
        return problem_at(mark, (), f"byte 0x{code - 0xDC00:02x} is not UTF-8", "save the file as UTF-8")
    return problem_at(mark, (), f"character U+{code:04X} is not allowed in YAML", "remove it")


def _syntax_problem(file: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    said, found, context = error.problem or "", error.problem_mark, error.context_mark
    if "unexpected end of stream" in said and context:
        opened = Mark(file, context.line + 1, context.column + 1)
        return problem_at(opened, (), "a quote is opened here and never closed")
    lines = split_lines(text)
    row, column = (found.line, found.column) if found else (0, 0)
    if row >= len(lines):  # the parser stands behind the last line break, even where there is none
        row, column = len(lines) - 1, len(lines[-1])
    mark, rest = Mark(file, row + 1, column + 1), lines[row][column:]
    if rest.startswith("\t") and not lines[row][:column].strip():
        return problem_at(mark, (), "a tab stands in the indentation", "YAML is indented with spaces only")
    for pattern, message, remedy in _SYNTAX:
        if re.search(pattern, said):
            opened_in = f"line {context.line + 1}" if context else "an earlier line"
            return problem_at(mark, (), message.format(context=opened_in, character=repr(rest[:1])), remedy)
    return problem_at(mark, (), f"not valid YAML: {said}")


@dataclass(slots=True)
class _Composer:
    """Builds nodes from the parser's events; what is wrong with a node is noted, and reading goes on."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    _anchors: dict[str, Node] = field(default_factory=dict)

    def document(self, events: Iterator[Any]) -> Node:
        self._anchors = {}
        return self._node(next(events), events, 0)

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        mark = self._mark(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, mark)
        if event.tag is not None:
            self._problem(mark, f"the tag {shorten(event.tag)!r} is not read here", "remove it")
        if depth >= DEEPEST:
            raise _TooMuchError(problem_at(mark, (), f"nested deeper than {DEEPEST} levels"))
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = _scalar(event, mark)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._items(events, mark, depth)
        else:
            node = self._table(events, mark, depth)
        if node.size > LARGEST_DOCUMENT:
            raise _TooMuchError(
                problem_at(mark, (), "the aliases (*name) multiply the document beyond 4 MiB")
            )
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any, mark: Mark) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            name = shorten(event.anchor)
            self._problem(mark, f"the alias *{name} has no finished anchor &{name} before it")
            return Scalar("", mark, Form.PLAIN, _READINGS["null"])
        return node

    def _items(self, events: Iterator[Any], mark: Mark, depth: int) -> Items:
        items: list[Node] = []
        size = 1
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, events, depth + 1))
            size += items[-1].size
        return Items(tuple(items), mark, size)

    def _table(self, events: Iterator[Any], mark: Mark, depth: int) -> Table:
        entries: dict[str, Entry] = {}
        size = 1
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._node(event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            size += key.size + value.size
            if self._good_key(key, entries) and isinstance(key, Scalar):
                entries[key.text] = Entry(key, value)
        return Table(entries, mark, size)

    def _good_key(self, key: Node, entries: dict[str, Entry]) -> bool:
        if not isinstance(key, Scalar):
            self._problem(key.mark, "a list or mapping cannot be a key")
        elif not key.text.strip() or not key.text.isprintable() or len(key.text) > LONGEST_KEY:
            self._problem(key.mark, f"a key is one line of at most {LONGEST_KEY} visible characters")
        elif key.reads_as == _READINGS["merge"]:
            self._problem(key.mark, "merge keys (<<) are not read here", "write the keys out")
        elif key.reads_as:
            self._problem(
                key.mark, f"the key {key.text!r} is read as {key.reads_as} by YAML", "put it in quotes"
            )
        elif key.text in entries:
            first = entries[key.text].key.mark
            self._problem(
                key.mark, f"the key {shorten(key.text)!r} stands twice", f"the first is in line {first.line}"
            )
        else:
            return True
        return False

    def _problem(self, mark: Mark, message: str, remedy: str = "") -> None:
        self.problems.append(problem_at(mark, (), message, remedy))

    def _mark(self, event: Any) -> Mark:
        return Mark(self.file, event.start_mark.line + 1, event.start_mark.column + 1)


def _scalar(event: Any, mark: Mark) -> Scalar:
    inset = _inset(event)
    if event.style:
        return Scalar(event.value, mark, Form.QUOTED, inset=inset)
    return Scalar(event.value, mark, Form.PLAIN, _reading(event.value), inset)


def _inset(event: Any) -> int | None:
    """Where the text begins behind the scalar's start: behind its quote, unless something in it is written otherwise."""
    start, end = event.start_mark, event.end_mark
    if start.line != end.line or event.style in ("|", ">"):
        return None
    quotes = 1 if event.style else 0
    return quotes if end.column - start.column == len(event.value) + 2 * quotes else None


def _reading(text: str) -> str:
    """What some YAML version takes an unquoted text for; "" when all agree that it is text."""
    if len(text) > _LONGEST_WORD:
        return ""
    if _NUMBER.fullmatch(text):
        return _READINGS["float"]
    tag: str = _resolver.resolve(yaml.ScalarNode, text, (True, False))
    return _READINGS.get(tag.rpartition(":")[2], "")
