"""A criterion together with where each of its pieces was written, so that what is said about it can point there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from slo_daemon.core.pilot.criteria.criterion import All, Any, Compare, Criterion, Met, Not

PlaceT = TypeVar("PlaceT")


class Piece(StrEnum):
    """What may be at fault in a criterion. WHOLE stands for every piece without a place of its own."""

    WHOLE = "whole"
    NAME = "name"
    ARGUMENT = "argument"
    WINDOW = "window"
    OP = "op"
    LITERAL = "literal"
    HOLD = "hold"
    AGAINST = "against"
    SIGNIFICANCE = "significance"


@dataclass(frozen=True, slots=True)
class Placed(Generic[PlaceT]):
    """A criterion, the places of its pieces, and the same for its parts in their order.

    `names`: for Met, the place of each name.
    """

    criterion: Criterion
    places: Mapping[Piece, PlaceT]
    parts: tuple["Placed[PlaceT]", ...] = ()
    names: tuple[PlaceT, ...] = field(default=())

    def place(self, piece: Piece) -> PlaceT:
        """Where a piece stands, or all of it."""
        return self.places.get(piece, self.places[Piece.WHOLE])


def joined(kind: type[All] | type[Any], parts: tuple[Placed[PlaceT], ...], whole: PlaceT) -> Placed[PlaceT]:
    """Parts that are all wanted, or any of them: parts of the same kind become one list, a single part stays itself."""
    flat: list[Placed[PlaceT]] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part.criterion, kind) else (part,))
    if len(flat) == 1:
        return flat[0]
    return Placed(kind(tuple(part.criterion for part in flat)), {Piece.WHOLE: whole}, tuple(flat))


def moved(placed: Placed[PlaceT], place: PlaceT) -> Placed[PlaceT]:
    """The same criterion with everything at one place."""
    parts = tuple(moved(part, place) for part in placed.parts)
    names = (place,) * len(placed.names)
    return Placed(placed.criterion, {Piece.WHOLE: place}, parts, names)


def comparisons(criterion: Criterion) -> Iterator[Compare]:
    """All comparisons of a criterion, in the order in which they are written."""
    match criterion:
        case Compare():
            yield criterion
        case All(parts) | Any(parts):
            for part in parts:
                yield from comparisons(part)
        case Not(part):
            yield from comparisons(part)
        case Met():
            pass
