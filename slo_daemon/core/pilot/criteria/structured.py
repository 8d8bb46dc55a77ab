"""The structured form of a criterion: mappings, lists and texts as they stand in YAML, and back.

| key | holds |
| --- | --- |
| `compare` | `operand`, `op` and `value`; as wanted `of` (what stands in parentheses), `window`, `for`, `vs`, `significant`, `point` |
| `met` | `slos` (names; left out: all of them), `every` (false: any of them), `for`, `strictly` |
| `all`, `any` | a list of criteria |
| `not` | a criterion |

Wherever a criterion is wanted there may be a text in the language. One mapping has one of these keys.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, assert_never

from slo_daemon.core.pilot.criteria.criterion import All, Any, Compare, Criterion, Met, Not, Operand
from slo_daemon.core.pilot.criteria.errors import CriterionError, Span
from slo_daemon.core.pilot.criteria.parse import (
    DEEPEST,
    LONGEST,
    duration_of,
    literal_of,
    op_of,
    read,
    significance_of,
)
from slo_daemon.core.pilot.criteria.placed import Piece, Placed, joined
from slo_daemon.core.pilot.criteria.show import show, show_percent
from slo_daemon.core.quantity import QuantityError, show_duration
from slo_daemon.core.spelling import did_you_mean

Path = tuple[str | int, ...]
ValueT = TypeVar("ValueT")
KINDS = ("compare", "met", "all", "any", "not")
COMPARE_KEYS = ("operand", "of", "window", "op", "value", "for", "vs", "significant", "point")
MET_KEYS = ("slos", "every", "for", "strictly")
REQUIRED = ("operand", "op", "value")
LONGEST_NAME = 200  # characters


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: the keys that lead to it, and which characters of the text there, if it is a part of one."""

    path: Path
    span: Span | None = None


class StructureError(Exception):
    """This is no criterion."""

    def __init__(self, place: Place, message: str, remedy: str = "") -> None:
        self.place = place
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message}; {remedy}" if remedy else message)


def from_structured(data: object) -> Criterion:
    """The criterion that plain data says: a text in the language or a mapping. Raises StructureError."""
    return read_structured(data).criterion


def read_structured(data: object) -> Placed[Place]:
    """As `from_structured`, with the places of all pieces."""
    placed = _read(data, (), 0)
    if _depth(placed.criterion) > DEEPEST:
        raise StructureError(Place(()), f"this is nested more than {DEEPEST} levels deep", "split it")
    if len(show(placed.criterion)) > LONGEST:
        said = f"written out, the criterion has more than {LONGEST} characters"
        raise StructureError(Place(()), said, "split it into several criteria")
    return placed


def to_structured(criterion: Criterion) -> dict[str, object]:
    """The criterion as a mapping, with only the keys that say something."""
    match criterion:
        case Compare():
            return {"compare": _compare_data(criterion)}
        case Met():
            return {"met": _met_data(criterion)}
        case All(parts):
            return {"all": [to_structured(part) for part in parts]}
        case Any(parts):
            return {"any": [to_structured(part) for part in parts]}
        case Not(part):
            return {"not": to_structured(part)}
        case _:
            assert_never(criterion)


def _compare_data(compare: Compare) -> dict[str, object]:
    operand, significance = compare.operand, compare.significance
    given: dict[str, object] = {
        "operand": operand.name,
        "of": operand.argument,
        "window": show_duration(operand.window) if operand.window is not None else "",
        "op": compare.op.value,
        "value": str(compare.literal),
        "for": show_duration(compare.hold) if compare.hold else "",
        "vs": compare.against,
        "significant": show_percent(significance) if significance is not None else "",
        "point": compare.point,
    }
    return {key: value for key, value in given.items() if value}


def _met_data(met: Met) -> dict[str, object]:
    data: dict[str, object] = {"slos": list(met.names)} if met.names else {}
    data["every"] = met.every
    if met.duration:
        data["for"] = show_duration(met.duration)
    return {**data, "strictly": True} if met.strictly else data


def _depth(criterion: Criterion) -> int:
    match criterion:
        case All(parts) | Any(parts):
            return 1 + max(map(_depth, parts))
        case Not(part):
            return 1 + _depth(part)
        case Compare() | Met():
            return 0
        case _:
            assert_never(criterion)


def _read(data: object, path: Path, depth: int) -> Placed[Place]:
    if isinstance(data, str):
        return _read_text(data, path)
    if depth > DEEPEST:
        raise StructureError(Place(path), f"this is nested more than {DEEPEST} levels deep", "split it")
    if not isinstance(data, Mapping):
        raise StructureError(Place(path), "a criterion is a text or a mapping", _kinds())
    if len(data) != 1:
        said = f"{' and '.join(map(str, data))[:80]} stand side by side" if data else "the mapping is empty"
        raise StructureError(Place(path), said, _kinds())
    ((kind, value),) = data.items()
    inside = (*path, str(kind))
    match kind:
        case "compare":
            return _read_compare(_mapping(value, inside, COMPARE_KEYS), inside)
        case "met":
            return _read_met(_mapping(value, inside, MET_KEYS), inside)
        case "all" | "any":
            items = _items(value, inside)
            parts = tuple(_read(item, (*inside, i), depth + 1) for i, item in enumerate(items))
            return joined(All if kind == "all" else Any, parts, Place(inside))
        case "not":
            part = _read(value, inside, depth + 1)
            return Placed(Not(part.criterion), {Piece.WHOLE: Place(inside)}, (part,))
        case _:
            raise StructureError(
                Place(inside), f"unknown key {str(kind)[:80]!r}", did_you_mean(str(kind), KINDS, "keys here")
            )


def _kinds() -> str:
    return f"a mapping has one of the keys {', '.join(KINDS)}"


def _read_text(text: str, path: Path) -> Placed[Place]:
    try:
        return _at(read(text), path)
    except CriterionError as error:
        start = error.column - 1
        place = Place(path, Span(start, start + error.width))
        raise StructureError(place, error.message, error.remedy) from None


def _at(placed: Placed[Span], path: Path) -> Placed[Place]:
    return Placed(
        placed.criterion,
        {piece: Place(path, span) for piece, span in placed.places.items()},
        tuple(_at(part, path) for part in placed.parts),
        tuple(Place(path, span) for span in placed.names),
    )


def _mapping(value: object, path: Path, keys: Sequence[str]) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise StructureError(Place(path), "a mapping is wanted here", f"its keys are {', '.join(keys)}")
    for key in value:
        if key not in keys:
            said = f"unknown key {str(key)[:80]!r}"
            raise StructureError(Place((*path, str(key))), said, did_you_mean(str(key), keys, "keys here"))
    return value


def _items(value: object, path: Path) -> list[object]:
    if not isinstance(value, list | tuple) or not value:
        raise StructureError(Place(path), "a list is wanted here, with at least one item")
    return list(value)


def _read_compare(data: Mapping[str, object], path: Path) -> Placed[Place]:
    for key in REQUIRED:
        if key not in data:
            raise StructureError(
                Place(path), f"the key {key} is missing", "compare needs operand, op and value"
            )
    pieces = {
        "operand": Piece.NAME, "of": Piece.ARGUMENT, "window": Piece.WINDOW, "op": Piece.OP, "value": Piece.LITERAL,
        "for": Piece.HOLD, "vs": Piece.AGAINST, "significant": Piece.SIGNIFICANCE,
    }  # fmt: skip
    window = _leaf(data, "window", path, duration_of) if "window" in data else None
    significance = _leaf(data, "significant", path, significance_of) if "significant" in data else None
    compare = Compare(
        Operand(_name(data["operand"], (*path, "operand")), _name_at(data, "of", path), window),
        _leaf(data, "op", path, op_of),
        _leaf(data, "value", path, literal_of),
        _leaf(data, "for", path, duration_of) if "for" in data else 0,
        _name_at(data, "vs", path),
        significance,
        _truth(data, "point", path, default=False),
    )
    places = {pieces[key]: Place((*path, key)) for key in data if key in pieces}
    return Placed(compare, {**places, Piece.WHOLE: Place(path)})


def _read_met(data: Mapping[str, object], path: Path) -> Placed[Place]:
    inside = (*path, "slos")
    given = _items(data["slos"], inside) if "slos" in data else []
    names = tuple(_name(name, (*inside, i)) for i, name in enumerate(given))
    met = Met(
        names,
        _truth(data, "every", path, default=True),
        _leaf(data, "for", path, duration_of) if "for" in data else 0,
        _truth(data, "strictly", path, default=False),
    )
    places = {Piece.WHOLE: Place(path)}
    if "for" in data:
        places[Piece.HOLD] = Place((*path, "for"))
    return Placed(met, places, names=tuple(Place((*inside, i)) for i in range(len(names))))


def _leaf(data: Mapping[str, object], key: str, path: Path, reader: Callable[[str], ValueT]) -> ValueT:
    place = Place((*path, key))
    try:
        return reader(_text(data[key], place))
    except QuantityError as error:
        message, _, remedy = str(error).partition("; ")
        raise StructureError(place, message, remedy) from None


def _text(value: object, place: Place) -> str:
    if not isinstance(value, str):
        raise StructureError(place, "a text is wanted here", "put it in quotes")
    return value


def _name_at(data: Mapping[str, object], key: str, path: Path) -> str:
    return _name(data[key], (*path, key)) if key in data else ""


def _name(value: object, path: Path) -> str:
    place = Place(path)
    name = _text(value, place)
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        said = f"a name is one line of at most {LONGEST_NAME} visible characters"
        raise StructureError(place, said)
    return name


def _truth(data: Mapping[str, object], key: str, path: Path, *, default: bool) -> bool:
    value = data.get(key, default)
    if value not in (True, False, "true", "false") or (
        isinstance(value, int) and not isinstance(value, bool)
    ):
        raise StructureError(Place((*path, key)), "a truth value is wanted here", "write true or false")
    return value in (True, "true")
