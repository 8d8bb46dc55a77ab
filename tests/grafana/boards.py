"""The committed dashboards as data, and Grafana's substitution of variables."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.documents import ROOT

FOLDER = ROOT / "grafana" / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))
Json = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One expression of a dashboard: of a target of a panel, or of an annotation (then `panel` is its name)."""

    board: str
    panel: str
    ref: str
    expression: str
    instant: bool = False

    def __str__(self) -> str:
        """`slo-daemon-slo/Coverage/A`"""
        return f"{self.board}/{self.panel}/{self.ref}"


def board_of(file: str) -> Json:
    found: Json = json.loads((FOLDER / file).read_text(encoding="utf-8"))
    return found


def boards() -> dict[str, Json]:
    """By uid."""
    return {board["uid"]: board for board in (board_of(file.name) for file in FILES)}


def panels(board: Json) -> Iterator[Json]:
    """All but the headings."""
    return (panel for panel in board["panels"] if panel["type"] != "row")


def asked() -> Iterator[Asked]:
    for uid, board in boards().items():
        for panel in panels(board):
            for target in panel["targets"]:
                yield Asked(uid, panel["title"], target["refId"], target["expr"], bool(target.get("instant")))
        for mark in board["annotations"].get("list", []):
            yield Asked(uid, mark["name"], "annotation", mark["expr"])


def substituted(expression: str, values: Mapping[str, str | list[str]]) -> str:
    """As Grafana does it for Prometheus: several values of a variable become alternatives of a regular expression."""
    for name, value in values.items():
        alternatives = [
            re.sub(r"([^\w-])", r"\\\\\1", one) for one in ([value] if isinstance(value, str) else value)
        ]
        text = value if isinstance(value, str) else f"({'|'.join(alternatives)})"
        expression = re.sub(rf"\$\{{{name}\}}|\${name}\b", lambda _, text=text: text, expression)  # type: ignore[misc]
    return expression
