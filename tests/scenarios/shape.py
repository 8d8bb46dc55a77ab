"""The keys of a scenario file. The JSON Schema for editors is made from these shapes."""

import json
import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from slo_daemon.core.pilot.gates import GateVerdict
from slo_daemon.core.pilot.ramp import Advice
from slo_daemon.core.pilot.records import Severity
from slo_daemon.core.pilot.truth import Truth
from slo_daemon.core.pilot.verdict import Verdict
from slo_daemon.core.quantity import QuantityError, parse_duration
from slo_daemon.core.slo.measurement import DataState
from slo_daemon.spec import leaves
from slo_daemon.spec.leaf_types import Day, Duration, LongText, Share, Text, choice_schema
from slo_daemon.spec.shape import Shape

_TIME = re.compile(r"([+-])(.+)")
_RATINGS = re.compile(r"(\d+) of ([1-5])")
TIME_SCHEMA = {"type": "string", "pattern": "^[+-]([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$",
               "examples": ["+2h", "+13d22h", "-1d"]}  # fmt: skip


class LevelWord(StrEnum):
    """An alert level."""

    NONE = "none"
    WARNING = "warning"
    CRITICAL = "critical"


class Happening(StrEnum):
    """What may happen to the daemon, or to Prometheus."""

    PROMETHEUS_DOWN = "prometheus down"
    DAEMON_DOWN = "daemon down"
    DAEMON_RESTARTS = "daemon restarts"


def seconds_of(written: str) -> float | None:
    """`+2h`: seconds from the start of the story; None for what is no such time."""
    match = _TIME.fullmatch(written)
    if match is None:
        return None
    if re.fullmatch(r"0[smhdw]", match[2]):
        return 0.0
    try:
        seconds = parse_duration(match[2])
    except QuantityError:
        return None
    return float(seconds if match[1] == "+" else -seconds)


def time(value: object) -> float:
    """A time of the story."""
    written = leaves.text(value)
    seconds = seconds_of(written)
    if seconds is None:
        leaves.wrong(
            f"{written!r} is no time of the story",
            "write how long after its start, for example +2h or +13d22h30m",
        )
    return seconds


def ratings(value: object) -> tuple[int, ...]:
    """`20 of 5, 3 of 1`: the ratings, one for each user."""
    written, found = leaves.text(value), []
    for part in written.split(","):
        match = _RATINGS.fullmatch(part.strip())
        if match is None:
            leaves.wrong(
                f"{part.strip()!r} is not understood",
                "write how many users gave which rating: 20 of 5, 3 of 1",
            )
        found += [int(match[2])] * int(match[1])
    return tuple(found)


def anything(value: object) -> object:
    """Read elsewhere."""
    return value


def _word(kind: type[StrEnum]) -> Any:
    return Annotated[kind, PlainValidator(leaves.choice(kind)), WithJsonSchema(choice_schema(kind))]


Time = Annotated[float, PlainValidator(time), WithJsonSchema(TIME_SCHEMA)]
Ratings = Annotated[tuple[int, ...], PlainValidator(ratings), WithJsonSchema(
    {"type": "string", "examples": ["20 of 5, 3 of 1"]})]  # fmt: skip
Flag = Annotated[bool, PlainValidator(leaves.truth), WithJsonSchema({"type": "boolean"})]
Piece = Annotated[str, PlainValidator(leaves.text), WithJsonSchema({"type": "string"})]
Free = Annotated[object, PlainValidator(anything), WithJsonSchema({"type": "object"})]
TruthWord: Any = Annotated[Truth, PlainValidator(leaves.choice(Truth)), WithJsonSchema(
    {"enum": [True, False, "true", "false", "unknown"]})]  # fmt: skip


class RecordShape(Shape):
    """What people tell the daemon. One of incident, ratings, hold and waive."""

    at: Time = Field(description="When it is told; an incident starts then too.")
    incident: _word(Severity) | None = Field(default=None, description="An incident of this severity.")  # type: ignore[valid-type]
    title: Text | None = Field(default=None, description="Of the incident.")
    resolved: Time | None = Field(default=None, description="When the incident is resolved. Default: never.")
    ratings: Ratings | None = Field(
        default=None, description="How many users gave which rating: 20 of 5, 3 of 1."
    )
    cohort: Text | None = Field(default=None, description="The cohort of those users.")
    variant: Text | None = Field(default=None, description="The variant that those users saw.")
    hold: Text | None = Field(default=None, description="Why somebody wants the rollout held.")
    waive: Text | None = Field(default=None, description="The text of a finding that somebody waives.")
    by: Text = Field(default="Ada", description="Who holds or waives. Default: Ada.")
    because: Text = Field(default="agreed with the team", description="Why it is waived.")
    until: Time | None = Field(default=None, description="When the hold or the waiver ends.")


class EventShape(Shape):
    """Something happens to the daemon or to Prometheus."""

    at: Time = Field(description="When it begins.")
    what: _word(Happening) = Field(description="What happens.")  # type: ignore[valid-type]
    lasts: Duration | None = Field(
        default=None, description="For how long it is down: slots in [at, at + lasts)."
    )


class FindingShape(Shape):
    """What is expected of one finding. `true` alone is short for `{state: true}`."""

    state: TruthWord | None = Field(default=None, description="true, false or unknown.")
    reason: Piece | None = Field(default=None, description="The name of the reason.")
    detail: Piece | None = Field(default=None, description="A part of the sentence.")
    earliest: Time | None = Field(
        default=None, description="When it can pass at the earliest, to the minute."
    )
    blind: Flag | None = Field(default=None, description="A trigger that could not see for too long.")
    fired: Flag | None = Field(default=None, description="Whether it is a trigger that has fired.")
    waived: Flag | None = Field(default=None, description="Whether a person has waived it.")


class RampExpected(Shape):
    """What is expected of the ramp."""

    advice: _word(Advice) | None = Field(default=None, description="advance, hold or rollback.")  # type: ignore[valid-type]
    scheduled: Share | None = Field(default=None, description="The share that is planned today.")
    observed: Share | None = Field(default=None, description="The share that is served, to half a percent.")
    advised: Share | None = Field(default=None, description="The share that is proposed.")
    reason: Piece | None = Field(default=None, description="A part of one of the reasons.")


class GatesExpected(Shape):
    """What is expected of the gates."""

    promote: _word(GateVerdict) | None = Field(default=None, description="May everybody get it?")  # type: ignore[valid-type]
    advance: _word(GateVerdict) | None = Field(default=None, description="May the next step be taken?")  # type: ignore[valid-type]
    rollback: _word(GateVerdict) | None = Field(default=None, description="Must it be rolled back?")  # type: ignore[valid-type]


class SlotShape(Shape):
    """What is expected at one time. What is left out is not looked at."""

    at: Time = Field(description="The time of the slot, a multiple of the interval.")
    because: LongText | None = Field(default=None, description="Why it must be so; told when it is not.")
    levels: dict[str, _word(LevelWord)] = Field(default_factory=dict, description="Alert levels by SLO.")  # type: ignore[misc]
    met: dict[str, TruthWord] = Field(
        default_factory=dict, description="Whether SLOs are met: true, false or unknown."
    )
    data: dict[str, _word(DataState)] = Field(default_factory=dict, description="Data states by SLO.")  # type: ignore[misc]
    findings: dict[str, FindingShape] = Field(default_factory=dict, description="Findings by their text.")
    verdict: _word(Verdict) | None = Field(default=None, description="READY, NOT_READY or INCONCLUSIVE.")  # type: ignore[valid-type]
    advice: _word(Advice) | None = Field(default=None, description="advance, hold or rollback.")  # type: ignore[valid-type]
    why: Piece | None = Field(default=None, description="A part of the reason of the advice.")
    warning: Piece | None = Field(default=None, description="A part of one of the warnings.")
    ramp: RampExpected | None = Field(default=None, description="The advice for the ramp.")
    gates: GatesExpected | None = Field(default=None, description="The answers of the gates.")


class ScenarioShape(Shape):
    """One story."""

    model_config = ConfigDict(title="A scenario of slo-daemon")

    title: Text = Field(description="What the story shows, as a sentence.")
    about: LongText = Field(description="Why it matters.")
    xfail: LongText | None = Field(
        default=None, description="Why it is known to fail. Only for faults that are not mended yet."
    )
    start: Day = Field(
        description="The first day of the story, and of the pilot where that names none. Times are UTC."
    )
    begin: Time = Field(
        default=0.0, description="The first slot. Before it the daemon was not there. Default: +0h."
    )
    interval: Duration = Field(default=60, description="Between two slots. Default: 1m.")
    scrape: Duration = Field(default=60, description="Between two samples. Default: 1m.")
    pilot: Free = Field(
        description="The pilot's spec (docs/spec.md), or `file` (a path from here) with `changes`."
    )
    series: dict[str, Piece] = Field(description="Series by name and labels: phases, or promtool's notation.")
    records: list[RecordShape] = Field(default_factory=list, description="What people tell.")
    events: list[EventShape] = Field(
        default_factory=list, description="What happens to the daemon and to Prometheus."
    )
    slots: list[SlotShape] = Field(min_length=1, description="What is expected, and when.")

    @property
    def day(self) -> date:
        """The first day."""
        return self.start


class _Generator(GenerateJsonSchema):
    """A key that may be left out is not a key that may be null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema_text() -> str:
    """The JSON Schema as it is committed."""
    schema = ScenarioShape.model_json_schema(schema_generator=_Generator)
    definitions = {name: part for name, part in schema["$defs"].items() if part.get("type") == "object"}
    for part in definitions.values():
        part.pop("title", None)
    findings = definitions["SlotShape"]["properties"]["findings"]
    short = {"enum": [True, False, "true", "false", "unknown"]}
    findings["additionalProperties"] = {"anyOf": [short, findings["additionalProperties"]]}
    whole = {"$schema": "http://json-schema.org/draft-07/schema#", **schema, "$defs": definitions}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
