"""Statements for chunks. Each runs in the transaction of its connection.

A block is one row; it names its asks and columns by numbers, which `chunk_asks` and `chunk_columns` give. Its bytes are
those of `chunk_bytes`.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, Table, and_, bindparam, delete, false, func, insert, or_, select

from slo_daemon.adapters.database.chunk_bytes import (
    DAMAGE,
    Numbers,
    pack_chunks,
    pack_numbers,
    unpack_chunks,
    unpack_numbers,
)
from slo_daemon.adapters.database.chunk_merge import Piece, beside, merged
from slo_daemon.adapters.database.tables import chunk_asks, chunk_blocks, chunk_columns
from slo_daemon.core.slo.chunks import ChunkBlock, Column
from slo_daemon.ports import StoreError


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers of all asks and columns. Never changed: a transaction that fails leaves the old one in place."""

    asks: Mapping[str, int]
    columns: Mapping[Column, int]


def read_series(connection: Connection) -> Series:
    """All of them. Raises StoreError."""
    asks = {ask: number for number, ask in connection.execute(select(chunk_asks.c.id, chunk_asks.c.ask))}
    names = {number: ask for ask, number in asks.items()}
    columns = {}
    for number, ask, labels in connection.execute(
        select(chunk_columns.c.id, chunk_columns.c.ask, chunk_columns.c.labels)
    ):
        try:
            pairs = tuple((str(name), str(value)) for name, value in json.loads(labels))
            columns[Column(names[ask], pairs)] = number
        except (KeyError, ValueError, TypeError) as error:
            raise _damaged(f"column {number}", repr(error)) from error
    return Series(asks, columns)


def add_series(connection: Connection, series: Series, blocks: Sequence[ChunkBlock]) -> Series:
    """`series`, and what the blocks bring that is not in it."""
    columns = {column for block in blocks for column in block.columns if column not in series.columns}
    asks = {ask for block in blocks for ask in block.asks} | {column.ask for column in columns}
    asks -= series.asks.keys()
    if asks:
        numbered = {ask: number for number, ask in enumerate(sorted(asks), 1 + _last(connection, chunk_asks))}
        rows = [{"id": number, "ask": ask} for ask, number in numbered.items()]
        connection.execute(insert(chunk_asks), rows)
        series = Series({**series.asks, **numbered}, series.columns)
    if columns:
        in_order = sorted(columns, key=lambda column: (column.ask, column.labels))
        new = {column: number for number, column in enumerate(in_order, 1 + _last(connection, chunk_columns))}
        rows = [
            {"id": number, "ask": series.asks[column.ask], "labels": json.dumps(column.labels)}
            for column, number in new.items()
        ]
        connection.execute(insert(chunk_columns), rows)
        series = Series(series.asks, {**series.columns, **new})
    return series


def add_blocks(connection: Connection, series: Series, blocks: Sequence[ChunkBlock]) -> None:
    """Store blocks. One of the same asks and times leaves no trace of the earlier one. `series` must know them all."""
    b = chunk_blocks.c
    same = and_(*(column == bindparam(f"the_{column.name}") for column in (b.span, b.first, b.last, b.asks)))
    for piece in beside(_numbered(series, block) for block in blocks if block.times):
        row = {
            "span": piece.span,
            "first": piece.times[0],
            "last": piece.times[-1],
            "asks": pack_numbers(piece.asks),
            "columns": pack_numbers(piece.columns),
            "payload": pack_chunks(piece.values, piece.seen),
        }
        named = {f"the_{name}": row[name] for name in ("span", "first", "last", "asks")}
        connection.execute(delete(chunk_blocks).where(same), named)
        connection.execute(insert(chunk_blocks), row)  # one by one: the next may repeat it


def _numbered(series: Series, block: ChunkBlock) -> Piece:
    if not block.values.shape == block.seen.shape == (len(block.times), len(block.columns)):
        raise ValueError(
            f"values {block.values.shape}, seen {block.seen.shape}, {len(block.columns)} columns"
        )
    columns = np.array([series.columns[column] for column in block.columns], dtype=np.int32)
    asks = np.array([series.asks[ask] for ask in dict.fromkeys(block.asks)], dtype=np.int32)
    return Piece(int(block.span), int(block.first), asks, columns, block.values, block.seen)


def read_blocks(
    connection: Connection, asks: Collection[str], since: Mapping[int, float]
) -> Iterator[ChunkBlock]:
    """Chunks of `asks` that end after `since[span]`; later blocks win. Damaged ones are left out, and told at the end."""
    series = read_series(connection)
    wanted = series.asks.keys() & set(asks)
    if not wanted:
        return
    ask_of = {number: ask for ask, number in series.asks.items()}
    column_of = {number: column for column, number in series.columns.items()}
    damaged: list[StoreError] = []
    for piece in merged(_pieces(connection, series, wanted, since, damaged)):
        yield ChunkBlock(
            piece.span,
            piece.first,
            tuple(map(ask_of.__getitem__, piece.asks.tolist())),
            tuple(map(column_of.__getitem__, piece.columns.tolist())),
            piece.values,
            piece.seen,
        )
    if damaged:
        raise damaged[0]


def delete_blocks(connection: Connection, before: Mapping[int, float]) -> int:
    """Blocks that end at or before `before[span]` go, and the asks and columns that no block has any more."""
    b = chunk_blocks.c
    gone = or_(false(), *(and_(b.span == span, b.last <= end) for span, end in before.items()))
    deleted = connection.execute(delete(chunk_blocks).where(gone)).rowcount
    if deleted:
        _delete_unused(connection)
    return deleted


class _Choice:
    """Which of all numbers a reader wants."""

    def __init__(self, known: Collection[int], wanted: Collection[int]) -> None:
        self._known = np.zeros(max(known, default=0) + 1, bool)
        self._known[list(known)] = True
        self._wanted = np.zeros_like(self._known)
        self._wanted[list(wanted)] = True

    def places(self, numbers: Numbers) -> NDArray[np.intp]:
        """Where the wanted ones stand in ascending `numbers`. Raises ValueError for numbers that were never given."""
        if len(numbers) and not (numbers[0] > 0 and numbers[-1] < len(self._known)):
            raise ValueError("a number of an ask or column that was never given")
        if not self._known[numbers].all():
            raise ValueError("a number of an ask or column that is not there")
        return np.flatnonzero(self._wanted[numbers])


def _pieces(
    connection: Connection,
    series: Series,
    wanted: Collection[str],
    since: Mapping[int, float],
    damaged: list[StoreError],
) -> Iterator[Piece]:
    """The wanted part of each block, in the order they were stored; what is wrong with the others goes to `damaged`."""
    asks = _Choice(series.asks.values(), [series.asks[ask] for ask in wanted])
    columns = _Choice(
        series.columns.values(),
        [number for column, number in series.columns.items() if column.ask in wanted],
    )
    b = chunk_blocks.c
    timely = or_(false(), *(and_(b.span == span, b.last > after) for span, after in since.items()))
    for row in connection.execute(select(chunk_blocks).where(timely).order_by(b.id)):
        try:
            piece = _piece(row, asks, columns)
        except DAMAGE as error:
            damaged.append(_damaged(f"block {row.id}", str(error)))
            continue
        if piece is not None:
            after = since[piece.span]
            skip = int((after - piece.first) // piece.span) + 1 if after >= piece.first else 0
            first = piece.first + skip * piece.span
            yield replace(piece, first=first, values=piece.values[skip:], seen=piece.seen[skip:])


def _piece(row: Row[Any], asks: _Choice, columns: _Choice) -> Piece | None:
    """The wanted part of a row of `chunk_blocks`, if it has one. Raises one of DAMAGE."""
    asked = unpack_numbers(row.asks)
    asked = asked[asks.places(asked)]
    if not len(asked):
        return None
    steps, rest = divmod(row.last - row.first, row.span)
    if rest or steps < 0:
        raise ValueError(f"chunks of {row.span} s from {row.first} to {row.last}")
    numbers = unpack_numbers(row.columns)
    kept = columns.places(numbers)
    values, seen = unpack_chunks(row.payload, steps + 1, len(numbers))
    if len(kept) < len(numbers):
        numbers, values, seen = numbers[kept], values[:, kept], seen[:, kept]
    return Piece(row.span, row.first, asked, numbers, values, seen)


def _delete_unused(connection: Connection) -> None:
    columns = connection.execute(select(chunk_columns.c.id, chunk_columns.c.ask)).all()
    asks = connection.execute(select(chunk_asks.c.id)).scalars().all()
    used_columns = _used(connection, "columns", max((number for number, _ in columns), default=0))
    used_asks = _used(connection, "asks", max(asks, default=0))
    used_asks[[ask for number, ask in columns if used_columns[number]]] = True
    unused = [number for number, _ in columns if not used_columns[number]]
    for table, numbers in (
        (chunk_columns, unused),
        (chunk_asks, [ask for ask in asks if not used_asks[ask]]),
    ):
        if numbers:
            gone = delete(table).where(table.c.id == bindparam("unused"))
            connection.execute(gone, [{"unused": number} for number in numbers])


def _used(connection: Connection, name: str, greatest: int) -> NDArray[np.bool_]:
    """Which numbers the blocks have in their list of that name. Most blocks have the same list as others."""
    used = np.zeros(greatest + 1, bool)
    for packed in connection.execute(select(chunk_blocks.c[name]).distinct()).scalars():
        try:
            used[unpack_numbers(packed)] = True
        except (*DAMAGE, IndexError) as error:
            raise _damaged(f"the {name} of a block", str(error)) from error
    return used


def _last(connection: Connection, table: Table) -> int:
    """The greatest number that was given."""
    return connection.execute(select(func.max(table.c.id))).scalar_one() or 0


def _damaged(where: str, what: str) -> StoreError:
    return StoreError("corrupt", f"the stored chunks are damaged, {where} ({what}): restore a backup")
