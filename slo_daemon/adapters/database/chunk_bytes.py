"""How chunks are kept in bytes: little-endian, and packed by zlib, whose checksum tells damage.

Numbers of asks and columns: int32, ascending, as differences. A payload: the counts (float32), row by row, and after
them what was seen of each (uint8).
"""

import zlib

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int32]
Counts = NDArray[np.float32]
Twelfths = NDArray[np.uint8]

DAMAGE = (ValueError, TypeError, zlib.error)  # what unpacking raises
_QUICKLY = 1  # zlib's level: it halves a block; higher ones take longer and save nothing
_COUNT, _SEEN, _NUMBER = np.dtype("<f4"), np.dtype("u1"), np.dtype("<i4")


def pack_numbers(numbers: Numbers) -> bytes:
    """Ascending numbers."""
    return zlib.compress(np.diff(numbers, prepend=_NUMBER.type(0)).astype(_NUMBER).tobytes(), _QUICKLY)


def unpack_numbers(packed: bytes) -> Numbers:
    """Raises one of DAMAGE."""
    numbers = np.cumsum(np.frombuffer(zlib.decompress(packed), _NUMBER), dtype=_NUMBER)
    if (numbers[:-1] > numbers[1:]).any():
        raise ValueError("numbers that do not ascend")
    return numbers


def pack_chunks(values: Counts, seen: Twelfths) -> bytes:
    """Two arrays of the same shape."""
    raw = values.astype(_COUNT).tobytes() + seen.astype(_SEEN).tobytes()
    return zlib.compress(raw, _QUICKLY)


def unpack_chunks(packed: bytes, times: int, columns: int) -> tuple[Counts, Twelfths]:
    """Arrays [times, columns], not to be written. Raises one of DAMAGE."""
    size = times * columns
    inflating = zlib.decompressobj()
    whole = size * (_COUNT.itemsize + _SEEN.itemsize)
    raw = inflating.decompress(packed, whole + 1)  # never much more, whatever a damaged block claims
    if len(raw) != whole or not inflating.eof or inflating.unused_data:
        raise ValueError(f"the payload is not that of {times} times and {columns} columns")
    values = np.frombuffer(raw, _COUNT, size).reshape(times, columns)
    return values, np.frombuffer(raw, _SEEN, size, offset=values.nbytes).reshape(times, columns)
