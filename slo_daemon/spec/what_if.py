"""What if an objective were another one: the operator's texts with one target written anew, to be read like any text.

So everything that follows from a target (budget, burn rates, problems and warnings) follows as it does for a file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from slo_daemon.core.quantity import Quantity, QuantityError, parse_quantity

Texts = tuple[tuple[str, str], ...]
_TARGETS = ("at_least", "at_most")


class WhatIfError(ValueError):
    """The change cannot be understood, or there is nothing to change. The message has the remedy."""


@dataclass(frozen=True, slots=True)
class Change:
    """Another target for one SLO, named by its name or by `pilot/name`."""

    slo: str
    target: Quantity

    def __str__(self) -> str:
        return f"{self.slo}={self.target}"


def parse_changes(text: str) -> tuple[Change, ...]:
    """`availability=99.5%,99.9%` as one change for each value. Raises WhatIfError."""
    slo, equals, values = text.partition("=")
    if not equals or not slo.strip() or not values.strip():
        raise WhatIfError(f"{text!r} names no change; write SLO=VALUE, for example availability=99.5%,99.9%")
    try:
        return tuple(Change(slo.strip(), parse_quantity(value.strip())) for value in values.split(","))
    except QuantityError as error:
        raise WhatIfError(f"{text!r}: {error}") from None


def changed(texts: Sequence[tuple[str, str]], change: Change) -> Texts:
    """The texts (file name, text) with the target of every SLO of that name written anew, on the same line.

    The texts must be such that they can be loaded. Raises WhatIfError when they have no such SLO.
    """
    known: list[str] = []
    found: list[tuple[str, str]] = []
    hits = 0
    for file, text in texts:
        places = []
        for pilot, name, target in _targets(text):
            known.append(f"{pilot}/{name}")
            if change.slo in (name, known[-1]):
                places.append(target)
        hits += len(places)
        new = text
        for node in sorted(places, key=lambda node: node.start_mark.index, reverse=True):
            new = f"{new[: node.start_mark.index]}{change.target}{new[node.end_mark.index :]}"
        found.append((file, new))
    if not hits:
        raise WhatIfError(f"there is no SLO {change.slo!r}; known: {', '.join(known) or 'none'}")
    return tuple(found)


def _targets(text: str) -> Iterator[tuple[str, str, yaml.ScalarNode]]:
    """(pilot, SLO, the node of its target) of every SLO in a text."""
    for document in yaml.compose_all(text, yaml.SafeLoader):
        slos = _at(_at(document, "spec"), "slos")
        pilot = _text(_at(_at(document, "metadata"), "name"))
        for slo in slos.value if isinstance(slos, yaml.SequenceNode) else ():
            objective = _at(slo, "objective")
            for key in _TARGETS:
                target = _at(objective, key)
                if isinstance(target, yaml.ScalarNode):
                    yield pilot, _text(_at(slo, "name")), target


def _at(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if _text(name) == key), None)


def _text(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""
