"""Kleene's three-valued logic: what is not known stays unknown unless the rest decides."""

from collections.abc import Iterable
from enum import StrEnum


class Truth(StrEnum):
    """Kleene's three values."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


def all_of(truths: Iterable[Truth]) -> Truth:
    """And: one false makes it false, whatever is unknown; of nothing it is true."""
    found = set(truths)
    if Truth.FALSE in found:
        return Truth.FALSE
    return Truth.UNKNOWN if Truth.UNKNOWN in found else Truth.TRUE


def any_of(truths: Iterable[Truth]) -> Truth:
    """Or: one true makes it true, whatever is unknown; of nothing it is false."""
    found = set(truths)
    if Truth.TRUE in found:
        return Truth.TRUE
    return Truth.UNKNOWN if Truth.UNKNOWN in found else Truth.FALSE


def opposite(truth: Truth) -> Truth:
    """Not: the opposite of unknown is unknown."""
    return {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE}.get(truth, truth)
