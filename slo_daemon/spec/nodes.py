"""A YAML document as positioned values: what stands where, before anybody asks what it means."""

from dataclasses import dataclass
from enum import StrEnum

from slo_daemon.spec.problems import Mark


class Form(StrEnum):
    """How a scalar was written. FREE text comes from outside YAML (environment, command line) and needs no quotes."""

    PLAIN = "plain"
    QUOTED = "quoted"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as it was written. `reads_as`: what YAML takes an unquoted text for ("a number"); "" for text.

    `inset`: how many characters behind `mark` the text begins, where it stands there character by character; None where it
    does not (escapes, several lines).
    """

    text: str
    mark: Mark
    form: Form = Form.FREE
    reads_as: str = ""
    inset: int | None = None

    @property
    def size(self) -> int:
        """Characters, and one for the node."""
        return 1 + len(self.text)


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple["Node", ...]
    mark: Mark
    size: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping with its value."""

    key: Scalar
    value: "Node"


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping. Every key stands once."""

    entries: dict[str, Entry]
    mark: Mark
    size: int = 0


Node = Scalar | Items | Table


def to_input(node: Node) -> object:
    """The node as pydantic takes it: dicts and lists, with the scalars as they are."""
    match node:
        case Scalar():
            return node
        case Items(items=items):
            return [to_input(item) for item in items]
        case Table(entries=entries):
            return {key: to_input(entry.value) for key, entry in entries.items()}


def to_data(node: Node) -> object:
    """The node as plain data with every scalar as text: what a document says, whatever its layout and comments."""
    match node:
        case Scalar(text=text):
            return text
        case Items(items=items):
            return [to_data(item) for item in items]
        case Table(entries=entries):
            return {key: to_data(entry.value) for key, entry in entries.items()}
