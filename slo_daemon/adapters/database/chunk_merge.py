"""Putting stored blocks together while they are read.

Chunks are stored as they come: by the hour, and every 5 minutes. A reader has to find its own place for each column of
a block, so many short blocks take it far longer than a few long ones. Blocks of the same asks are put together until
they have some size, or until one comes that says something else about the same chunks: the later one must come later.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from slo_daemon.adapters.database.chunk_bytes import Counts, Numbers, Twelfths

ENOUGH = 1 << 20  # chunks that wait to be put together; they take 5 bytes each


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Chunks of one span over consecutive times. `asks` and `columns` by their numbers, ascending."""

    span: int
    first: int
    asks: Numbers
    columns: Numbers
    values: Counts
    seen: Twelfths

    @property
    def times(self) -> range:
        """When the chunks end."""
        return range(self.first, self.first + self.span * len(self.values), self.span)


@dataclass(slots=True)
class _Group:
    """Pieces of the same span and asks, of which none has a time of another one."""

    pieces: list[Piece] = field(default_factory=list)
    times: set[int] = field(default_factory=set)


def merged(pieces: Iterable[Piece], enough: int = ENOUGH) -> Iterator[Piece]:
    """The same chunks in fewer and longer pieces. What comes later goes on winning over what comes earlier."""
    groups: dict[tuple[int, bytes], _Group] = {}
    asks: dict[int, set[int]] = {}  # of all groups, by span
    waiting = 0
    for piece in pieces:
        key = (piece.span, piece.asks.tobytes())
        if key in groups:
            clash = not groups[key].times.isdisjoint(piece.times)
        else:
            clash = not asks.get(piece.span, set()).isdisjoint(piece.asks.tolist())
        if clash or waiting + piece.values.size > enough:
            yield from _all_runs(groups)
            groups, asks, waiting = {}, {}, 0
        if key not in groups:
            groups[key] = _Group()
            asks.setdefault(piece.span, set()).update(piece.asks.tolist())
        groups[key].pieces.append(piece)
        groups[key].times.update(piece.times)
        waiting += piece.values.size
    yield from _all_runs(groups)


def _all_runs(groups: Mapping[tuple[int, bytes], _Group]) -> Iterator[Piece]:
    for group in groups.values():
        yield from _runs(sorted(group.pieces, key=lambda piece: piece.first))


def _runs(pieces: list[Piece]) -> Iterator[Piece]:
    """Pieces in order of time, each put together with those that follow it without a gap."""
    gaps = [
        place
        for place, (one, following) in enumerate(pairwise(pieces), 1)
        if one.first + one.span * len(one.values) != following.first
    ]
    for start, end in pairwise([0, *gaps, len(pieces)]):
        yield _together(pieces[start:end])


def _together(pieces: list[Piece]) -> Piece:
    """Consecutive pieces as one; a column that a piece lacks had no row in it."""
    if len(pieces) == 1:
        return pieces[0]
    there = np.zeros(1 + max(piece.columns.max(initial=0) for piece in pieces), bool)
    for piece in pieces:
        there[piece.columns] = True
    columns = np.flatnonzero(there).astype(np.int32)
    shape = (sum(len(piece.values) for piece in pieces), len(columns))
    values, seen = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    row = 0
    for piece in pieces:
        rows = slice(row, row + len(piece.values))
        if len(piece.columns) == len(columns):
            values[rows], seen[rows] = piece.values, piece.seen
        else:
            places = np.searchsorted(columns, piece.columns)
            values[rows, places], seen[rows, places] = piece.values, piece.seen
        row = rows.stop
    return Piece(pieces[0].span, pieces[0].first, pieces[0].asks, columns, values, seen)
