"""Which of the known words was probably meant."""

from collections.abc import Sequence
from difflib import get_close_matches

_LONGEST_WORD = 100  # characters that are compared


def closest(given: str, known: Sequence[str], alike: float = 0.6) -> str | None:
    """The one of the known words that was probably meant. `alike`: how like it must be, from 0 to 1."""
    close = get_close_matches(given[:_LONGEST_WORD], known, n=1, cutoff=alike)
    return close[0] if close else None


def did_you_mean(given: str, known: Sequence[str], what: str, most: int | None = None) -> str:
    """The likeliest of the known words, or all of them; with `most`, so many and the number of the others."""
    meant = closest(given, known)
    if meant:
        return f"did you mean {meant!r}?"
    left = len(known) - most if most is not None else 0
    more = f" and {left} more" if left > 0 else ""
    return f"the {what} are {', '.join(known[:most])}{more}"
