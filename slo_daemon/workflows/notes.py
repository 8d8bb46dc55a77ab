"""What the judges remember, as text for the store and back."""

import json
from dataclasses import asdict
from typing import Any

from slo_daemon.core.pilot.criteria.hold import Hold
from slo_daemon.core.pilot.criteria.watch import WatchState
from slo_daemon.core.pilot.memory import CriterionMemory, PilotMemory
from slo_daemon.core.pilot.pilot import Role
from slo_daemon.core.pilot.truth import Truth


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
                "watch": asdict(one.watch),
                "holds": {name: asdict(hold) for name, hold in one.holds.items()},
            }
            for (role, text), one in memory.criteria.items()
        ],
    }
    return json.dumps(content, sort_keys=True)


def read_notes(text: str) -> PilotMemory:
    """The memory that was written. Raises ValueError, KeyError or TypeError for any other text."""
    content = json.loads(text)
    return PilotMemory(
        str(content["stage"]),
        None if content["stage_since"] is None else float(content["stage_since"]),
        {
            (Role(one["role"]), str(one["text"])): CriterionMemory(
                WatchState(**_with_truth(one["watch"])),
                {str(name): Hold(**_with_truth(hold)) for name, hold in one["holds"].items()},
            )
            for one in content["criteria"]
        },
        None if content.get("served") is None else float(content["served"]),
    )


def _with_truth(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "truth": Truth(fields["truth"])}
