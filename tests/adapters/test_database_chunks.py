"""Chunks in the database: damage is told, numbers of asks and columns that nothing uses go, and what it all costs."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo_daemon.adapters.database import DatabaseStore
from slo_daemon.adapters.database.chunk_merge import Piece, beside, merged
from slo_daemon.core.slo.chunks import CELL, HOUR, ChunkBlock, Column
from slo_daemon.ports import StoreError
from tests.adapters.stores import block, column, raw, refused, told

ALL = {CELL: -inf, HOUR: -inf}
GOOD, BAD, OTHER = column(code="200"), column(code="500"), column("other")
Damage = str | tuple[str, bytes]


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    """The columns of ask 1 are 10 to 12."""
    asks = sorted(draw(st.sets(st.integers(1, 3), min_size=1)))
    columns = sorted(draw(st.sets(st.sampled_from([10 * ask + n for ask in asks for n in range(3)]))))
    shape = (draw(st.integers(1, 3)), len(columns))
    some = draw(st.lists(st.integers(0, 12), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    seen = np.array(some, np.uint8).reshape(shape)
    values = np.where(seen > 0, np.float32(draw(st.integers(1, 9))), np.float32(0))
    span = draw(st.sampled_from([CELL, HOUR]))
    first = span * draw(st.integers(1, 5))
    return Piece(span, first, np.array(asks, np.int32), np.array(columns, np.int32), values, seen)


def read(store: DatabaseStore) -> list[ChunkBlock]:
    return list(store.chunks(["events", "other"], ALL))


def count(path: Path, table: str) -> int:
    with raw(path) as connection:
        found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return found


# Damage


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE chunk_blocks SET payload = substr(payload, 1, length(payload) - 1)",
        "UPDATE chunk_blocks SET payload = CAST(payload || x'00' AS BLOB)",
        "UPDATE chunk_blocks SET payload = x''",
        "UPDATE chunk_blocks SET payload = 'text'",
        "UPDATE chunk_blocks SET last = 'text'",
        ("UPDATE chunk_blocks SET payload = ?", zlib.compress(bytes(29))),
        ("UPDATE chunk_blocks SET payload = ?", zlib.compress(bytes(31))),
        ("UPDATE chunk_blocks SET payload = ?", zlib.compress(bytes(1 << 24))),
        "UPDATE chunk_blocks SET last = last + 3600",
        "UPDATE chunk_blocks SET last = last - 3600",
        "UPDATE chunk_blocks SET last = first - 7200",
        "UPDATE chunk_blocks SET first = first + 1",
        "UPDATE chunk_blocks SET asks = x'00'",
        "UPDATE chunk_blocks SET columns = x''",
        ("UPDATE chunk_blocks SET columns = ?", zlib.compress(struct.pack("<2i", 1, 98))),
        ("UPDATE chunk_blocks SET columns = ?", zlib.compress(struct.pack("<3i", 1, 1, 1))),
        ("UPDATE chunk_blocks SET columns = ?", zlib.compress(bytes(7))),
        ("UPDATE chunk_blocks SET asks = ?", zlib.compress(struct.pack("<2i", 1, 98))),
        "DELETE FROM chunk_columns WHERE id = 2",
        "UPDATE chunk_columns SET ask = 99 WHERE id = 2",
        "UPDATE chunk_columns SET labels = 'no JSON' WHERE id = 2",
        "UPDATE chunk_columns SET labels = '[[\"a\"]]' WHERE id = 2",
        "UPDATE chunk_columns SET labels = '7' WHERE id = 2",
    ],
)
def test_a_damaged_block_is_told_and_never_taken_for_numbers(
    store: DatabaseStore, path: Path, damage: Damage
) -> None:
    store.save_chunks([block({GOOD: [1.0, 2.0, 3.0], BAD: [4.0, 5.0, 6.0]})])
    with raw(path) as connection:
        connection.execute(*((damage,) if isinstance(damage, str) else (damage[0], (damage[1],))))
    error = refused(lambda: read(store))
    assert error.reason == "corrupt"
    assert "chunks are damaged" in error.detail


def test_sound_blocks_are_told_before_the_damage_is(store: DatabaseStore, path: Path) -> None:
    """What is left out was not seen, and can be asked for again."""
    saved = [block({GOOD: [1.0], BAD: [float(n)]}, first=n * HOUR) for n in (10, 11, 12)]
    for one in saved:
        store.save_chunks([one])
    with raw(path) as connection:
        connection.execute("UPDATE chunk_blocks SET payload = x'00' WHERE id = 2")
    sound = []

    def reading() -> None:
        sound.extend(store.chunks(["events"], ALL))

    assert "block 2" in refused(reading).detail
    assert told(sound) == told([saved[0], saved[2]])
    store.save_chunks([saved[1]])
    assert told(read(store)) == told(saved)


def test_a_damaged_byte_of_a_block_is_told_unless_it_says_nothing(store: DatabaseStore, path: Path) -> None:
    saved = block({GOOD: [1.0, 2.0, 3.0], BAD: [4.0, 5.0, 6.0]})
    store.save_chunks([saved])
    whole = told([saved])
    unnoticed = 0
    with raw(path) as connection:
        for name in ("asks", "columns", "payload"):
            sound = connection.execute(f"SELECT {name} FROM chunk_blocks").fetchone()[0]
            for place in range(len(sound)):
                damaged = bytearray(sound)
                damaged[place] ^= 0x10
                connection.execute(f"UPDATE chunk_blocks SET {name} = ?", (bytes(damaged),))
                answer = told_or_reason(store)
                assert answer in ("corrupt", whole)
                unnoticed += answer == whole
            connection.execute(f"UPDATE chunk_blocks SET {name} = ?", (sound,))
    assert unnoticed <= 3  # the bits with which the last byte before the checksum is filled up


def told_or_reason(store: DatabaseStore) -> Any:
    try:
        return told(read(store))
    except StoreError as error:
        return error.reason


def test_a_block_whose_numbers_do_not_fit_its_columns_is_a_bug_and_not_stored(store: DatabaseStore) -> None:
    sound = block({GOOD: [1.0], BAD: [2.0]})
    for values, seen in ((sound.values[:, :1], sound.seen), (sound.values, sound.seen[:, :1])):
        with pytest.raises(ValueError, match="2 columns"):
            store.save_chunks([ChunkBlock(HOUR, 0, sound.asks, sound.columns, values, seen)])
    assert read(store) == []


# Numbers of asks and columns


def test_asks_and_columns_are_stored_once(store: DatabaseStore, path: Path) -> None:
    """And their lists are equal bytes, though Prometheus sorts no answer."""
    for n in range(5):
        store.save_chunks([block({GOOD: [1.0], BAD: [2.0]}, first=2 * n * HOUR)])
        store.save_chunks([block({BAD: [1.0], GOOD: [2.0]}, first=2 * n * HOUR + HOUR)])
    assert (count(path, "chunk_asks"), count(path, "chunk_columns")) == (1, 2)
    with raw(path) as connection:
        lists = connection.execute("SELECT DISTINCT asks, columns FROM chunk_blocks").fetchall()
    assert len(lists) == 1


def test_asks_and_columns_that_no_block_has_any_more_go_with_the_last_one(
    store: DatabaseStore, path: Path
) -> None:
    store.save_chunks([block({OTHER: [1.0], GOOD: [2.0]}, asks=("other", "events", "empty"))])
    store.save_chunks([block({BAD: [3.0]}, first=20 * HOUR)])
    assert (count(path, "chunk_asks"), count(path, "chunk_columns")) == (3, 3)
    store.prune_chunks({HOUR: 10 * HOUR})
    assert (count(path, "chunk_asks"), count(path, "chunk_columns")) == (1, 1)
    store.prune_chunks({HOUR: 20 * HOUR})
    assert (count(path, "chunk_asks"), count(path, "chunk_columns")) == (0, 0)


def test_a_write_that_failed_leaves_no_numbers_behind(store: DatabaseStore, path: Path) -> None:
    """Later blocks would name asks and columns that are not stored."""
    broken = block({GOOD: [1.0], BAD: [2.0]})
    broken = ChunkBlock(HOUR, 0, broken.asks, broken.columns, broken.values[:, :1], broken.seen)
    with pytest.raises(ValueError, match="columns"):
        store.save_chunks([broken])
    assert (count(path, "chunk_asks"), count(path, "chunk_columns")) == (0, 0)
    saved = block({GOOD: [1.0], BAD: [2.0]})
    store.save_chunks([saved])
    assert told(read(store)) == told([saved])


# Reading


def test_blocks_of_the_same_asks_are_read_as_few(store: DatabaseStore) -> None:
    """Hour by hour, two shards, and columns that come and go."""
    saved = [
        block(
            {column(shard, n=str(n)): [float(hour)] for n in range(3) if (hour + n) % 3},
            first=hour * HOUR,
            asks=(shard,),
        )
        for hour in range(100)
        for shard in ("events", "other")
    ]
    for one in saved:
        store.save_chunks([one])
    back = read(store)
    assert len(back) == 2
    assert told(back) == told(saved)


def test_small_blocks_of_the_same_times_are_stored_as_one(store: DatabaseStore, path: Path) -> None:
    """SLO by SLO, as slices of time are judged; else thousands of SLOs would take thousands of rows every 5 minutes."""
    saved = [
        block({column(f"slice {n}"): [1.0, float(n)]}, first=hour * HOUR, asks=(f"slice {n}",))
        for hour in (10, 12)
        for n in range(50)
    ]
    store.save_chunks(saved)
    assert count(path, "chunk_blocks") == 2
    assert told(store.chunks([f"slice {n}" for n in range(50)], ALL)) == told(saved)


def test_large_blocks_are_stored_as_they_come(store: DatabaseStore, path: Path) -> None:
    """So that the others are the same as before when one is missing."""
    wide = {column(shard, n=str(n)): [1.0] for shard in ("events", "other") for n in range(3_000)}
    shards = [
        block({one: counts for one, counts in wide.items() if one.ask == shard}, asks=(shard,))
        for shard in ("events", "other")
    ]
    store.save_chunks(shards)
    assert count(path, "chunk_blocks") == 2
    assert told(read(store)) == told(shards)


def blocks_of(several: Iterable[Piece]) -> Iterator[ChunkBlock]:
    for piece in several:
        asks = tuple(f"ask {number}" for number in piece.asks)
        columns = tuple(Column(f"ask {number // 10}", (("n", str(number)),)) for number in piece.columns)
        yield ChunkBlock(piece.span, piece.first, asks, columns, piece.values, piece.seen)


@given(st.lists(pieces(), max_size=8), st.integers(1, 12))
def test_pieces_one_after_the_other_tell_the_same_when_they_are_put_together(
    some: list[Piece], enough: int
) -> None:
    assert told(blocks_of(merged(some, enough))) == told(blocks_of(some))


@given(st.lists(pieces(), max_size=8), st.integers(1, 6))
def test_pieces_beside_each_other_tell_the_same_when_they_are_put_together(
    some: list[Piece], wide: int
) -> None:
    together = list(beside(some, wide))
    assert told(blocks_of(together)) == told(blocks_of(some))
    assert all((np.diff(one.columns) > 0).all() and (np.diff(one.asks) > 0).all() for one in together)
