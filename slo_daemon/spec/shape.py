"""What all shapes share: strictness, and pydantic's findings said as problems with positions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from slo_daemon.core.spelling import closest, did_you_mean
from slo_daemon.spec.leaves import WRONG
from slo_daemon.spec.nodes import Items, Node, Scalar, Table, to_input
from slo_daemon.spec.problems import FieldPath, Mark, Problem, Severity, problem_at, shorten

MOST_FINDINGS = 1_000  # of one document; the rest is counted

ValueT = TypeVar("ValueT")


class Shape(BaseModel):
    """A mapping with known keys only. Values are what the leaves make of the scalars."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Place:
    """A node with its path: where values are read and problems are said.

    `node` is None when the document has nothing at the path; `mark` is then the position of what should hold it.
    """

    node: Node | None
    path: FieldPath
    mark: Mark
    problems: list[Problem]

    def at(self, *parts: str | int) -> "Place":
        """The place below this one."""
        node, mark = self.node, self.mark
        for part in parts:
            node = _child(node, part)
            mark = node.mark if node is not None else mark
        return Place(node, (*self.path, *parts), mark, self.problems)

    def __contains__(self, key: str) -> bool:
        return isinstance(self.node, Table) and key in self.node.entries

    def keys_with_marks(self) -> Iterator[tuple[str, Mark]]:
        """The keys of a mapping, with their positions."""
        if isinstance(self.node, Table):
            for key, entry in self.node.entries.items():
                yield key, entry.key.mark

    def items(self) -> Iterator["Place"]:
        """The places of a list's items."""
        if isinstance(self.node, Items):
            for index in range(len(self.node.items)):
                yield self.at(index)

    def read(self, reader: Callable[[Any], ValueT]) -> ValueT | None:
        """The value, or None when nothing stands here or it is wrong; `check` has said so already."""
        if self.node is None:
            return None
        try:
            return reader(to_input(self.node))
        except (ValidationError, PydanticCustomError):
            return None

    def report(
        self, message: str, remedy: str = "", severity: Severity = Severity.ERROR, *, mark: Mark | None = None
    ) -> None:
        """Note a problem here."""
        self.problems.append(problem_at(mark or self.mark, self.path, message, remedy, severity))

    def warn(self, message: str, remedy: str = "") -> None:
        """Note a doubt here."""
        self.report(message, remedy, Severity.WARNING)


def check(place: Place, model: type[Shape]) -> None:
    """Report everything by which the node does not have the model's shape."""
    if place.node is None:
        return
    try:
        model.model_validate(to_input(place.node))
    except ValidationError as error:
        findings = error.errors(include_url=False, include_input=False)
        shown = findings[:MOST_FINDINGS]
        misspelt = {
            meant
            for finding in shown
            if finding["type"] == "extra_forbidden" and (meant := _unknown_key(place, model, finding["loc"]))
        }
        for finding in shown:
            if finding["type"] != "extra_forbidden" and finding["loc"] not in misspelt:
                _say(place.at(*finding["loc"]), finding["type"], finding.get("ctx", {}))
        if len(findings) > len(shown):
            place.report(f"{len(findings) - len(shown):,} more problems in this document are not shown")


def _unknown_key(root: Place, model: type[Shape], path: FieldPath) -> FieldPath | None:
    """Report an unknown key. Gives the path of the key that was probably meant: that one is not missing as well."""
    holder, key = root.at(*path[:-1]), str(path[-1])
    mark = next((mark for name, mark in holder.keys_with_marks() if name == key), None)
    known = _keys_at(model, path[:-1])
    root.at(*path).report(f"unknown key {shorten(key)!r}", did_you_mean(key, known, "keys here"), mark=mark)
    meant = closest(key, known)
    return (*path[:-1], meant) if meant else None


def _say(place: Place, kind: str, context: dict[str, Any]) -> None:
    if kind == WRONG:
        place.report(context["message"], context["remedy"])
    elif kind == "missing":
        place.report("this key is missing")
    elif isinstance(place.node, Scalar) and place.node.reads_as == "nothing":
        place.report("nothing stands here", "give a value or remove the key")
    elif kind == "too_short":
        place.report("the list is empty")
    else:
        wanted = "a list" if kind == "list_type" else "a mapping (key: value)"
        place.report(f"{wanted} is wanted here, not {_what(place.node)}")


def _what(node: Node | None) -> str:
    match node:
        case Items():
            return "a list"
        case Table():
            return "a mapping"
        case _:
            return "a single value"


def _child(node: Node | None, part: str | int) -> Node | None:
    if isinstance(node, Table) and isinstance(part, str):
        entry = node.entries.get(part)
        return entry.value if entry else None
    if isinstance(node, Items) and isinstance(part, int) and part < len(node.items):
        return node.items[part]
    return None


def _keys_at(model: type[Shape], path: FieldPath) -> list[str]:
    """The keys that the shape at `path` knows."""
    shape = model
    for part in path:
        fields = {field.alias or name: field for name, field in shape.model_fields.items()}
        if isinstance(part, str) and part in fields:
            inner = shapes_in(fields[part].annotation)
            shape = inner[0] if inner else shape
    return [field.alias or name for name, field in shape.model_fields.items()]


def shapes_in(annotation: Any) -> list[type[Shape]]:
    """The shape inside `X | None`, `list[X]` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        return [annotation]
    return [shape for argument in get_args(annotation) for shape in shapes_in(argument)]
