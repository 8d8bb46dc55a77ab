"""Putting blocks of chunks together: beside each other before they are stored, one after the other when they are read.

Chunks are stored as they come: by the hour, and every 5 minutes, some of them SLO by SLO. A reader has to find its own
place for each column of a block, so many small blocks take it far longer than a few large ones. Nothing is put together
across a block that says something else about the same chunks: the later one must stay the later one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from slo_daemon.adapters.database.chunk_bytes import Counts, Numbers, Twelfths

ENOUGH = 1 << 20  # chunks that wait to be put together while reading; they take 5 bytes each
WIDE = 4_096  # columns of blocks that are put beside each other: as large as one is anyway


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Chunks of one span over consecutive times. `asks` and `columns` by their numbers; stored ones ascend."""

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


def beside(pieces: Iterable[Piece], wide: int = WIDE) -> Iterator[Piece]:
    """Neighbours of the same times and of different asks as one, up to so many columns."""
    row: list[Piece] = []
    asks: set[int] = set()
    width = 0
    for piece in pieces:
        own, columns = set(piece.asks.tolist()), len(piece.columns)
        fits = row and (row[0].span, row[0].times) == (piece.span, piece.times) and width + columns <= wide
        if not (fits and asks.isdisjoint(own)):
            yield from _side_by_side(row)
            row, asks, width = [], set(), 0
        row.append(piece)
        asks |= own
        width += columns
    yield from _side_by_side(row)


def _side_by_side(pieces: list[Piece]) -> Iterator[Piece]:
    if pieces:
        columns = np.concatenate([piece.columns for piece in pieces])
        order = np.argsort(columns, kind="stable")
        yield Piece(
            pieces[0].span,
            pieces[0].first,
            np.sort(np.concatenate([piece.asks for piece in pieces])),
            columns[order],
            np.concatenate([piece.values for piece in pieces], axis=1)[:, order],
            np.concatenate([piece.seen for piece in pieces], axis=1)[:, order],
        )


@dataclass(slots=True)
class _Group:
    """Pieces of the same span and asks, of which none has a time of another one."""

    pieces: list[Piece] = field(default_factory=list)
    times: set[int] = field(default_factory=set)


class _Waiting:
    """Groups of which no two have an ask of the same span in common, so they may come out in any order."""

    def __init__(self) -> None:
        self.size = 0
        self._groups: dict[tuple[int, bytes], _Group] = {}
        self._owners: dict[tuple[int, int], tuple[int, bytes]] = {}  # groups by span and ask

    def add(self, piece: Piece) -> Iterator[Piece]:
        """Take a piece, after those that it may win over."""
        key = (piece.span, piece.asks.tobytes())
        group = self._groups.get(key)
        if group is not None and not group.times.isdisjoint(piece.times):
            yield from self._out(key)
        if key not in self._groups:
            asks = [(piece.span, ask) for ask in piece.asks.tolist()]
            for owner in dict.fromkeys(self._owners[ask] for ask in asks if ask in self._owners):
                yield from self._out(owner)
            self._groups[key] = _Group()
            self._owners.update(dict.fromkeys(asks, key))
        self._groups[key].pieces.append(piece)
        self._groups[key].times.update(piece.times)
        self.size += piece.values.size

    def rest(self) -> Iterator[Piece]:
        """All that wait."""
        for key in list(self._groups):
            yield from self._out(key)

    def _out(self, key: tuple[int, bytes]) -> Iterator[Piece]:
        pieces = self._groups.pop(key).pieces
        for ask in pieces[0].asks.tolist():
            del self._owners[key[0], ask]
        self.size -= sum(piece.values.size for piece in pieces)
        yield from _runs(sorted(pieces, key=lambda piece: piece.first))


def merged(pieces: Iterable[Piece], enough: int = ENOUGH) -> Iterator[Piece]:
    """The same chunks in fewer and longer pieces. What comes later goes on winning over what comes earlier."""
    waiting = _Waiting()
    for piece in pieces:
        if waiting.size + piece.values.size > enough:
            yield from waiting.rest()
        yield from waiting.add(piece)
    yield from waiting.rest()


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
