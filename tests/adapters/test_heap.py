"""The allocator is told to be frugal where there is glibc; elsewhere nothing happens."""

import ctypes
import gc
import sys

import pytest

from slo_daemon.adapters import heap


def test_nothing_is_searched_for_cycles_while_loading_and_again_afterwards() -> None:
    assert gc.isenabled()
    with heap.loading():
        assert not gc.isenabled()
        with heap.loading():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_crash_while_loading_leaves_the_search_on() -> None:
    with pytest.raises(ValueError, match="broken"), heap.loading():
        raise ValueError("broken")
    assert gc.isenabled()


def test_a_system_without_glibc_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before, turn = gc.get_threshold(), sys.getswitchinterval()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    try:
        heap.be_frugal()
        heap.settle()
        heap.give_back()
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
        sys.setswitchinterval(turn)
