"""The manifests that people copy, as data."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.documents import ROOT

FOLDER = ROOT / "config" / "integrations"
FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())


def documents(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return [json.loads(text)]
    # `on:` is the text "on" for GitHub, and a truth value for YAML 1.1
    return [
        {("on" if key is True else key): value for key, value in one.items()}
        for one in yaml.safe_load_all(text)
    ]


def of_kind(kind: str) -> Iterator[dict[str, Any]]:
    """Every document of a kind, in all files."""
    for path in FILES:
        yield from (one for one in documents(path) if one.get("kind") == kind)


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = [one for one in of_kind(kind) if one["metadata"]["name"] == name]
    return found


def analysis(file: str) -> dict[str, Any]:
    """The analysis of a Canary by the name of its file."""
    (canary,) = documents(FOLDER / "flagger" / file)
    found: dict[str, Any] = canary["spec"]["analysis"]
    return found


def texts(value: Any) -> Iterator[str]:
    """All strings in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)
