"""glibc's allocator, told to be frugal: large pieces go back to the system at once, and threads share what is free.

A slot of ten thousand SLOs makes and drops tens of megabytes; left alone, glibc keeps a share of them for every thread.
Where there is no glibc (musl, macOS) nothing happens.
"""

import ctypes
from contextlib import suppress

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # names of mallopt(3)
_LARGE = 256 * 1024  # bytes from which on a piece is mapped for itself
_ARENAS = 2


def be_frugal() -> None:
    """Before threads are started."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        libc.mallopt(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """What is free goes back to the system."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
