"""Memory: glibc's allocator, told to be frugal, and Python's search for cycles, told to be rare.

A slot of ten thousand SLOs makes and drops tens of megabytes; left alone, glibc keeps a share of them for every thread.
Where there is no glibc (musl, macOS) nothing happens. Our values have no cycles, so the search finds nothing, but walks
through millions of them.
"""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # names of mallopt(3)
_LARGE = 256 * 1024  # bytes from which on a piece is mapped for itself
_ARENAS = 2
_TURN = 0.001  # seconds until another thread has its turn: a scrape should not wait for a slot
_SEARCH_AFTER = (50_000, 20, 50)  # new objects, and rounds, until cycles are looked for


def be_frugal() -> None:
    """Before threads are started."""
    gc.set_threshold(*_SEARCH_AFTER)
    sys.setswitchinterval(_TURN)
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        libc.mallopt(_M_ARENA_MAX, _ARENAS)


def settle() -> None:
    """After much was loaded: what is there now is not searched for cycles again, what is free goes back."""
    gc.collect()
    gc.freeze()
    give_back()


def give_back() -> None:
    """What is free goes back to the system."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def loading() -> Iterator[None]:
    """While much is made that stays, nothing is searched for cycles: it would take a third of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
