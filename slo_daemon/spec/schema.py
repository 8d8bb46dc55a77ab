"""The JSON Schema of all kinds of documents, for editors; made from the shapes, so that it cannot say anything else."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from slo_daemon.core.pilot.criteria.criterion import Op
from slo_daemon.core.pilot.criteria.structured import REQUIRED
from slo_daemon.spec.leaf_types import CRITERION, DURATION_SCHEMA, QUANTITY_SCHEMA
from slo_daemon.spec.pilot_shape import PilotShape, SlosShape
from slo_daemon.spec.settings_shape import SettingsShape


def _only(key: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": [key], "properties": {key: value}}


_KINDS: dict[str, type[BaseModel]] = {"Pilot": PilotShape, "Slos": SlosShape, "Settings": SettingsShape}

_TEXT = {"type": "string", "minLength": 1, "maxLength": 500}
_NAMED = {"type": "string", "minLength": 1, "maxLength": 200}
_AGAIN = {"$ref": f"#/$defs/{CRITERION}"}
_CRITERION = {
    "description": "A text in the criterion language, or a mapping that says the same.",
    "anyOf": [
        _TEXT,
        _only("compare", {
            "type": "object",
            "additionalProperties": False,
            "required": list(REQUIRED),
            "properties": {
                "operand": {**_NAMED, "description": "The number, e.g. availability."},
                "of": {**_NAMED, "description": "What it is about: an SLO, a cohort, a variant."},
                "window": {**DURATION_SCHEMA, "description": "The time it is taken over."},
                "op": {"type": "string", "enum": [op.value for op in Op], "description": "The comparison."},
                "value": {**QUANTITY_SCHEMA, "description": "The number it is compared with."},
                "for": {**DURATION_SCHEMA, "description": "It must be so over every evaluation of this time."},
                "vs": {**_NAMED, "description": "For lifts: the control variant."},
                "significant": {"type": "string", "description": "For lifts: the level of the test, e.g. 5%."},
                "point": {"type": "boolean", "description": "The value itself decides, not its interval."},
            },
        }),
        _only("met", {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "slos": {"type": "array", "minItems": 1, "items": _NAMED, "description": "Names. Default: all SLOs."},
                "every": {"type": "boolean", "description": "All of them (true, the default), or any of them."},
                "for": {**DURATION_SCHEMA, "description": "They must be met for this time. Default: now."},
                "strictly": {"type": "boolean", "description": "In every slice of that time, not in nearly all."},
            },
        }),
        _only("all", {"type": "array", "minItems": 1, "items": _AGAIN, "description": "All of them hold."}),
        _only("any", {"type": "array", "minItems": 1, "items": _AGAIN, "description": "One of them holds."}),
        _only("not", {**_AGAIN, "description": "It does not hold."}),
    ],
}  # fmt: skip


class _Generator(GenerateJsonSchema):
    """A key that may be left out is not a key that may be null; defaults are said in words, as authors write them."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def json_schema() -> dict[str, Any]:
    """The schema of one document. The value of `kind` decides which keys it may have."""
    _, schema = models_json_schema(
        [(model, "validation") for model in _KINDS.values()], schema_generator=_Generator
    )
    # pydantic also defines what stands behind a leaf's own schema, where nothing points.
    definitions = {
        name: _without_title(part) for name, part in schema["$defs"].items() if name.endswith("Shape")
    }
    definitions[CRITERION] = _CRITERION
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "slo-daemon/v1",
        "description": "A document of slo-daemon: a Pilot, a set of Slos, or the daemon's Settings.",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {
            "apiVersion": {
                "type": "string",
                "const": "slo-daemon/v1",
                "description": "Version of this format.",
            },
            "kind": {"type": "string", "enum": list(_KINDS), "description": "Kind of document."},
        },
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": {"$ref": f"#/$defs/{model.__name__}"},
            }
            for kind, model in _KINDS.items()
        ],
        "$defs": definitions,
    }


def json_schema_text() -> str:
    """The committed form: stable order, readable differences."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _without_title(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "title"}
