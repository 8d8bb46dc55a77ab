"""What lark did not expect, said to people: what stands there, what could stand there, which word was meant."""

from collections.abc import Collection

from lark import Token

from slo_daemon.core.pilot.criteria.errors import CriterionError
from slo_daemon.core.spelling import closest

# What may stand somewhere, in the words of its author, in the order in which it is told.
_EXPECTED = {
    "NAME": "a name",
    "OP": "a comparison such as < or >=",
    "LITERAL": "a number with its unit",
    "DURATION": "a time such as 5m or 14d",
    "SLOS": "slos",
    "LPAR": "(",
    "LSQB": "[",
    "RSQB": "]",
    "COMMA": ",",
    "IN": "in",
    "MET": "met",
    "FOR": "for",
    "OVER": "over",
    "VS": "vs",
    "SIGNIFICANT": "significant",
    "AT": "at",
    "POINT": "point",
    "STRICTLY": "strictly",
    "AND": "and",
    "OR": "or",
    "RPAR": ")",
}
_WORDS = ("SLOS", "IN", "MET", "FOR", "OVER", "VS", "SIGNIFICANT", "AT", "POINT", "STRICTLY", "AND", "OR")


def at_token(text: str, token: Token, allowed: Collection[str]) -> CriterionError:
    """What is told of a word that cannot stand where it does, or of an end that comes too early."""
    if token.type == "$END":
        column = len(text.rstrip()) + 1
        return CriterionError(text, column, "the criterion ends too early", _could_be(allowed))
    word = str(token)
    meant = closest(word.lower(), [_EXPECTED[kind] for kind in _WORDS if kind in allowed])
    remedy = f"did you mean {meant!r}?" if meant else _could_be(allowed)
    return CriterionError(
        text, (token.start_pos or 0) + 1, f"{word!r} is not expected here", remedy, len(word)
    )


def at_character(text: str, at: int, allowed: Collection[str]) -> CriterionError:
    """What is told of a character that begins nothing."""
    if text[at] == '"':
        width = len(text) - at
        return CriterionError(text, at + 1, "a quote is opened here and never closed", "close it", width)
    return CriterionError(text, at + 1, f"{text[at]!r} is not expected here", _could_be(allowed))


def _could_be(allowed: Collection[str]) -> str:
    if "NOT" in allowed:
        return "write a comparison such as availability < 99.5%, or: all slos met for 14d"
    told = [word for kind, word in _EXPECTED.items() if kind in allowed]
    if "$END" in allowed:
        told.append("nothing more")
    if told == ["nothing more"]:
        return "remove it"
    return f"write {', '.join(told[:-1])} or {told[-1]}" if len(told) > 1 else f"write {told[0]}"
