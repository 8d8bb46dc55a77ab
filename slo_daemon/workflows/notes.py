"""What the judges remember, as text for the store and back."""

import json
from dataclasses import asdict
from typing import Any

from slo_daemon.core.pilot.criteria.hold import Hold
from slo_daemon.core.pilot.criteria.watch import WatchState
from slo_daemon.core.pilot.memory import CriterionMemory, PilotMemory
from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.truth import Truth

_MAY_BE_NONE = ("fired", "false_at")
_END_OF_TIME = 1e11  # Unix seconds; no time that is shown lies beyond


def write_notes(memory: PilotMemory) -> str:
    """Always the same text for the same memory."""
    content = {
        "stage": memory.stage,
        "stage_since": memory.stage_since,
        "served": memory.served,
        "criteria": [
            {
                "role": role.value,
                "text": text,
                "of": one.of,
                "watch": asdict(one.watch),
                "holds": {name: asdict(hold) for name, hold in one.holds.items()},
            }
            for (role, text), one in memory.criteria.items()
        ],
    }
    return json.dumps(content, sort_keys=True)


def read_notes(text: str) -> PilotMemory:
    """The memory that was written. Raises ValueError, KeyError or TypeError for any other text."""
    try:
        return _memory(json.loads(text))
    except (AttributeError, RecursionError) as error:
        raise ValueError(f"no notes of this program: {error}") from error


def _memory(content: Any) -> PilotMemory:
    return PilotMemory(
        str(content["stage"]),
        None if content["stage_since"] is None else _time(content["stage_since"]),
        {
            (Role(one["role"]), str(one["text"])): CriterionMemory(
                WatchState(**_fields(one["watch"])),
                {str(name): Hold(**_fields(hold)) for name, hold in one["holds"].items()},
                str(one.get("of", "")),
            )
            for one in content["criteria"]
        },
        None if content.get("served") is None else float(content["served"]),
    )


def _fields(fields: dict[str, Any]) -> dict[str, Any]:
    """With a truth instead of its word; all the rest must be numbers, as a text or NaN would break every later slot."""
    for name, value in fields.items():
        number = isinstance(value, int | float) and 0.0 <= value < _END_OF_TIME  # which NaN is not
        if not (name == "truth" or number or (value is None and name in _MAY_BE_NONE)):
            raise ValueError(f"{name} is {str(value)[:40]!r}")
    return {**fields, "truth": Truth(fields["truth"])}


def _time(value: Any) -> float:
    if not 0.0 <= float(value) < _END_OF_TIME:
        raise ValueError(f"{value!r} is no time")
    return float(value)
