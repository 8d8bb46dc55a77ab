"""The keys of the two kinds of documents, `Pilot` and `Slos`."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema

from slo_daemon.core.pilot.pilot import CountedUnit, Stage
from slo_daemon.core.pilot.records import VoteCounting
from slo_daemon.spec import leaves
from slo_daemon.spec.leaf_types import (
    METRIC_KEY_SCHEMA,
    Count,
    Criterion,
    Day,
    Duration,
    ExpressionText,
    InnerShare,
    Name,
    RelativeChange,
    SelectorText,
    Share,
    Text,
    Truth,
    choice_schema,
)
from slo_daemon.spec.shape import Shape
from slo_daemon.spec.slo_shape import Labels, SliShape, SloShape, TargetShape
from slo_daemon.spec.splits import SplitLeaf


class ApiVersion(StrEnum):
    """The version of this format."""

    V1 = "slo-daemon/v1"


class FeedbackWord(StrEnum):
    """What is taken from the users' ratings."""

    MEAN = "mean"


StageWord = Annotated[Stage, PlainValidator(leaves.choice(Stage)), WithJsonSchema(choice_schema(Stage))]
UnitWord = Annotated[
    CountedUnit, PlainValidator(leaves.choice(CountedUnit)), WithJsonSchema(choice_schema(CountedUnit))
]
VersionWord = Annotated[
    ApiVersion, PlainValidator(leaves.choice(ApiVersion)), WithJsonSchema(choice_schema(ApiVersion))
]
FeedbackChoice = Annotated[
    FeedbackWord, PlainValidator(leaves.choice(FeedbackWord)), WithJsonSchema(choice_schema(FeedbackWord))
]
VotesWord = Annotated[
    VoteCounting, PlainValidator(leaves.choice(VoteCounting)), WithJsonSchema(choice_schema(VoteCounting))
]


# Which kind a document is has been decided before its shape is checked.
PilotKind = Annotated[str, PlainValidator(leaves.text), WithJsonSchema({"type": "string", "const": "Pilot"})]
SlosKind = Annotated[str, PlainValidator(leaves.text), WithJsonSchema({"type": "string", "const": "Slos"})]


class MetadataShape(Shape):
    """Who the document is."""

    name: Name = Field(description="Unique over all documents; the first part of every SLO's id.")
    title: Text | None = Field(default=None, description="For people. Default: the name.")
    labels: Labels | None = Field(
        default=None, description="Labels on the metrics and alerts of all SLOs of this document."
    )


class CohortShape(Shape):
    """A segment of users."""

    name: Text = Field(description="Name of the segment.")
    criteria: Text = Field(description="Who belongs to it, in the product's own words; shown, not evaluated.")


class RampStepShape(Shape):
    """A planned increase."""

    week: Count = Field(description="Week of the pilot, 1 is the first.")
    percentage: Share = Field(description="Share of users from that week on, e.g. 10%.")


class RampShape(Shape):
    """The planned share of users."""

    initial: Share = Field(description="Share of users at the start, e.g. 5%.")
    max: Share = Field(description="Largest share of users during the pilot.")
    steps: list[RampStepShape] | None = Field(default=None, description="Planned increases, ascending.")
    observed: ExpressionText | None = Field(
        default=None, description="PromQL expression of the share of users that really is served (0 to 1)."
    )


class ExperimentShape(Shape):
    """Converted of exposed users, compared between two variants."""

    exposed: SelectorText = Field(description="Counter of users who saw a variant, each counted once.")
    converted: SelectorText = Field(
        description="Counter of exposed users who did what was hoped for, each counted once."
    )
    by: Text = Field(description="The label that names the variant.")
    control: Text = Field(description="The variant that is compared with.")
    treatment: Text = Field(description="The variant under test.")
    unit: UnitWord | None = Field(
        default=None,
        description="What the counters count: users, each once, or requests, of which a user has several. Default: users.",
    )
    bucket: Text | None = Field(
        default=None,
        description="Label of hash buckets of users, for counters of requests: their differences tell how sure a lift is.",
    )
    independent: Truth | None = Field(
        default=None, description="Whether requests are declared independent of each other; needs `because`."
    )
    because: Text | None = Field(default=None, description="Why requests are independent of each other.")
    split: SplitLeaf | None = Field(
        default=None,
        description="How users are meant to be split. Default: ramp if the pilot has one, else equal.",
    )
    expected_users: Count | None = Field(
        default=None,
        description="Users of both variants at which an answer is expected; must not change later. Default: 50000.",
    )
    base_rate: InnerShare | None = Field(
        default=None, description="Share of control that is thought to convert, e.g. 3%."
    )
    users_per_day: Count | None = Field(
        default=None, description="New users a day that are reckoned with, both variants together."
    )
    expected_lift: RelativeChange | None = Field(
        default=None, description="The relative lift that is reckoned with, e.g. 15%."
    )


class SuccessMetricShape(Shape):
    """A number that the pilot is meant to reach, from exactly one source: sli, experiment or feedback."""

    sli: SliShape | None = Field(default=None, description="Measured like an SLO.")
    experiment: ExperimentShape | None = Field(
        default=None, description="Relative lift of the treatment over the control."
    )
    feedback: FeedbackChoice | None = Field(default=None, description="From the users' ratings: mean.")
    objective: TargetShape = Field(description="The value to reach, with its direction.")
    window: Duration | None = Field(default=None, description="For sli: the measurement window. Default: 7d.")

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["sli"]}, {"required": ["experiment"]}, {"required": ["feedback"]}]
        }
    )


class TriggersShape(Shape):
    """How rollback triggers behave."""

    clear_for: Duration | None = Field(
        default=None,
        description="One that has fired stays fired until it was surely false for so long. Default: 5m.",
    )
    blind_for: Duration | None = Field(
        default=None, description="One that nobody could tell for so long is blind. Default: 15m."
    )


class FeedbackShape(Shape):
    """How users' ratings count."""

    votes: VotesWord = Field(
        default=VoteCounting.NEWEST,
        description="newest (default): of each user the newest rating is a vote; all: every rating is one.",
    )


class ContactShape(Shape):
    """Whom to call."""

    name: Text = Field(description="Person or team.")
    role: Text = Field(description="Part in an escalation, e.g. primary.")
    contact: Text = Field(description="Address, number or channel.")


class FlaggerShape(Shape):
    """A Canary object of Flagger."""

    name: Name = Field(description="metadata.name of the Canary.")
    namespace: Name = Field(description="metadata.namespace of the Canary.")


class RolloutShape(Shape):
    """What carries the rollout out. The daemon answers its questions; it changes nothing by itself."""

    flagger: FlaggerShape = Field(description="The Canary that asks the hooks of this pilot.")


SuccessMetrics = Annotated[
    dict[str, SuccessMetricShape], Field(json_schema_extra={"propertyNames": METRIC_KEY_SCHEMA})
]


class PilotSpecShape(Shape):
    """A pilot: a change that a growing part of the users gets, with what it must reach before all of them do."""

    stage: StageWord = Field(description="Where the pilot runs.")
    start: Day = Field(description="First day, e.g. 2026-10-23.")
    duration: Duration = Field(description="Planned length, e.g. 8w.")
    cohorts: list[CohortShape] | None = Field(default=None, description="Segments of users that take part.")
    ramp: RampShape | None = Field(default=None, description="The planned share of users.")
    rollout: RolloutShape | None = Field(default=None, description="What carries the rollout out.")
    features: dict[str, Truth] | None = Field(default=None, description="Feature flags: true is on.")
    variants: list[Text] | None = Field(default=None, min_length=1, description="Variants of the experiment.")
    slos: list[SloShape] = Field(min_length=1, description="What the service must keep during the pilot.")
    feedback: FeedbackShape | None = Field(default=None, description="How users' ratings count.")
    triggers: TriggersShape | None = Field(default=None, description="How rollback triggers behave.")
    success_metrics: SuccessMetrics | None = Field(
        default=None, description="What the pilot is meant to reach, by name."
    )
    go_live_criteria: list[Criterion] | None = Field(
        default=None, description="Must all hold before the full rollout."
    )
    rollback_triggers: list[Criterion] | None = Field(
        default=None, description="Any of these means: roll back."
    )
    escalation_contacts: list[ContactShape] | None = Field(
        default=None, description="Whom to call, in this order."
    )


class SlosSpecShape(Shape):
    """SLOs without a pilot."""

    slos: list[SloShape] = Field(min_length=1, description="The objectives.")


class PilotShape(Shape):
    """A pilot with its SLOs."""

    api_version: VersionWord = Field(alias="apiVersion", description="Version of this format.")
    kind: PilotKind = Field(description="Kind of document.")
    metadata: MetadataShape = Field(description="Who the document is.")
    spec: PilotSpecShape = Field(description="The pilot.")


class SlosShape(Shape):
    """SLOs without a pilot."""

    api_version: VersionWord = Field(alias="apiVersion", description="Version of this format.")
    kind: SlosKind = Field(description="Kind of document.")
    metadata: MetadataShape = Field(description="Who the document is.")
    spec: SlosSpecShape = Field(description="The objectives.")
