"""How users are meant to be split between the variants of an experiment: a word, or the share of each."""

from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from slo_daemon.core.pilot.pilot import Split, SplitKind
from slo_daemon.spec import leaves

_WORDS = [kind.value for kind in SplitKind if kind is not SplitKind.FIXED]
_SIDES = ("control", "treatment")
_WHOLE = 1.0 + 1e-9  # shares such as 33.3 % and 66.7 % add up to 1 nearly
_SHARE_SCHEMA = {"type": "string", "examples": ["50%"]}
_SPLIT_SCHEMA: dict[str, Any] = {
    "oneOf": [
        {"type": "string", "enum": _WORDS},
        {
            "type": "object",
            "properties": dict.fromkeys(_SIDES, _SHARE_SCHEMA),
            "required": list(_SIDES),
            "additionalProperties": False,
        },
    ]
}


def split(value: object) -> Split:
    """`ramp`, `equal`, `unchecked`, or `{control: 90%, treatment: 10%}`; together 100 % at most."""
    if not isinstance(value, dict):
        if isinstance(value, list):
            leaves.wrong("a word or the two shares are wanted here", _remedy())
        kind = leaves.choice(SplitKind)(value)
        if kind is SplitKind.FIXED:
            leaves.wrong("'fixed' is not known here", _remedy())
        return Split(kind)
    if set(value) != set(_SIDES):
        leaves.wrong("the split names control and treatment, each with its share", _remedy())
    shares = {side: _share(side, value[side]) for side in _SIDES}
    if sum(shares.values()) > _WHOLE:
        leaves.wrong("the shares of control and treatment are more than 100% together", "write smaller ones")
    return Split(SplitKind.FIXED, shares["treatment"] / sum(shares.values()))


def _share(side: str, value: object) -> float:
    try:
        return leaves.inner_share(value)
    except PydanticCustomError as error:
        said = error.context or {}
        leaves.wrong(f"{side}: {said.get('message', error)}", said.get("remedy", ""))


def _remedy() -> str:
    return f"write {', '.join(_WORDS)} or {{control: 50%, treatment: 50%}}"


SplitLeaf = Annotated[Split, PlainValidator(split), WithJsonSchema(_SPLIT_SCHEMA)]
