"""The keys of the daemon's own settings (`kind: Settings`). Most of these shapes are the values themselves."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema

from slo_daemon.spec import leaves
from slo_daemon.spec.leaf_types import (
    Count,
    Duration,
    DurationOrZero,
    ShortDuration,
    Text,
    Truth,
    Url,
    choice_schema,
)
from slo_daemon.spec.pilot_shape import VersionWord
from slo_daemon.spec.shape import Shape

MOST_AT_ONCE = 4  # queries that Prometheus answers for us at the same time
OWN_PARAMETERS = frozenset({"query", "time", "start", "end", "step", "timeout", "stats"})  # of a query

_LISTEN = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]*):([0-9]{1,5})", re.ASCII)
_SQLITE = re.compile(r"sqlite:///.+")


class LogFormat(StrEnum):
    """`auto`: console on a terminal, else JSON."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """From which severity on a line is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the web server listens. Port 0: any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listen(value: object) -> Listen:
    """`host:port`; an empty host is every address of the machine."""
    match = _LISTEN.fullmatch(leaves.text(value))
    if match is None or int(match[2]) > 65_535:
        leaves.wrong(
            "this is not an address to listen on", "write host:port, for example 127.0.0.1:9750 or :9750"
        )
    return Listen(match[1].strip("[]") or "0.0.0.0", int(match[2]))  # noqa: S104 - only when the operator asks for it


def store_url(value: object) -> str:
    """The address of the store."""
    written = leaves.text(value)
    if not _SQLITE.fullmatch(written):
        leaves.wrong(
            "this store is not supported", "write sqlite:/// and a path, for example sqlite:///slo-daemon.db"
        )
    return written


ListenText = Annotated[
    Listen, PlainValidator(listen), WithJsonSchema({"type": "string", "pattern": "^[^\\s]*:[0-9]{1,5}$"})
]
StoreUrl = Annotated[
    str, PlainValidator(store_url), WithJsonSchema({"type": "string", "pattern": "^sqlite:///.+"})
]
Concurrency = Annotated[Count, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_AT_ONCE})]
LogFormatWord = Annotated[
    LogFormat, PlainValidator(leaves.choice(LogFormat)), WithJsonSchema(choice_schema(LogFormat))
]
LogLevelWord = Annotated[
    LogLevel, PlainValidator(leaves.choice(LogLevel)), WithJsonSchema(choice_schema(LogLevel))
]
SettingsKind = Annotated[
    str, PlainValidator(leaves.text), WithJsonSchema({"type": "string", "const": "Settings"})
]


class PrometheusShape(Shape):
    """The metric source."""

    url: Url = Field(
        default="http://localhost:9090",
        repr=False,
        description="Address of Prometheus or a compatible query API.",
    )
    timeout: ShortDuration | None = Field(
        default=None,
        description="Longest time for one query; shorter than the evaluation interval. Default: 10s, or half the interval if that is shorter.",
    )
    concurrency: Concurrency = Field(default=2, description="Queries at the same time, 1 to 4. Default: 2.")
    scrape_interval: Duration = Field(
        default=30, description="How often Prometheus scrapes the services. Default: 30s."
    )
    headers: dict[str, Text] = Field(
        default_factory=dict, description="Sent with every query, e.g. X-Scope-OrgID."
    )
    parameters: dict[str, Text] = Field(
        default_factory=dict,
        description="Added to every query, e.g. max_source_resolution for Thanos or extra_label for VictoriaMetrics.",
    )
    bearer_token_file: Text | None = Field(
        default=None, description="File with the bearer token; read anew when it is used."
    )
    ca_file: Text | None = Field(
        default=None, description="PEM file of the authorities to trust instead of the system's."
    )
    stats: Truth = Field(default=True, description="Ask how many samples each query touched. Default: true.")


class EvaluationShape(Shape):
    """The schedule."""

    interval: Duration = Field(
        default=60, description="Seconds between evaluations, aligned to the clock. Default: 60s."
    )
    verify: DurationOrZero = Field(
        default=60,
        description="How often one SLO after the other is also asked directly over its budget's window, to see whether the summed windows agree; 0s: never. Default: 60s.",
    )


class StoreShape(Shape):
    """What must survive a restart."""

    url: StoreUrl = Field(
        default="sqlite:///slo-daemon.db",
        description="sqlite:/// and a path, relative to the working directory. Default: sqlite:///slo-daemon.db.",
    )


class SecretShape(Shape):
    """Where a secret comes from: a file, or a variable of the environment."""

    file: Text | None = Field(default=None, description="File that holds the token and nothing else.")
    env: Text | None = Field(
        default=None, description="Name of the environment variable that holds the token."
    )

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["file"]}, {"required": ["env"]}]})


class TokensShape(Shape):
    """Bearer tokens for writing, one for each role. A role without a token may not write."""

    webhook: SecretShape | None = Field(default=None, description="May tell alerts, as Alertmanager does.")
    incidents: SecretShape | None = Field(default=None, description="May record incidents.")
    feedback: SecretShape | None = Field(default=None, description="May record users' ratings.")
    admin: SecretShape | None = Field(default=None, description="May do everything, reload too.")


class WebShape(Shape):
    """Pages, API and /metrics."""

    listen: ListenText = Field(
        default=Listen("127.0.0.1", 9750),
        description="host:port; :9750 is every address. Default: 127.0.0.1:9750.",
    )
    external_url: Url | None = Field(
        default=None, description="Where people reach this daemon; for links in alerts."
    )
    tokens: TokensShape = Field(default_factory=TokensShape, description="Who may write.")


class LinksShape(Shape):
    """Where alerts that are posted directly lead people to. The rules have options of their own."""

    grafana: Url | None = Field(
        default=None,
        description="Grafana that has the dashboards of grafana/; each alert leads to its panel.",
    )
    dashboard: Url | None = Field(
        default=None,
        description="A dashboard of your own for alerts about an SLO; pilot and slo are added as variables.",
    )
    runbooks: Url | None = Field(default=None, description="Page with a heading for each alert.")


class AlertmanagerShape(Shape):
    """Direct posting of alerts, for those who cannot add rules to Prometheus."""

    urls: list[Url] = Field(
        default_factory=list, description="Every Alertmanager, not a load balancer. Default: none."
    )
    resend: Duration = Field(
        default=60, description="How often firing alerts are sent again, at most 1m. Default: 60s."
    )
    links: LinksShape = Field(default_factory=LinksShape, description="Links in the alerts.")


class ReportsShape(Shape):
    """Readiness reports."""

    folder: Text = Field(
        default="reports", description="Where they are written, relative to the working directory."
    )
    every: Duration = Field(default=3600, description="How often. Default: 1h.")
    keep: Count = Field(default=200, description="How many of each pilot are kept. Default: 200.")


class LogsShape(Shape):
    """Log lines on standard error."""

    format: LogFormatWord = Field(default=LogFormat.AUTO, description="auto (default), json or console.")
    level: LogLevelWord = Field(default=LogLevel.INFO, description="debug, info (default), warning or error.")


class SettingsShape(Shape):
    """The daemon's own settings."""

    api_version: VersionWord = Field(alias="apiVersion", description="Version of this format.")
    kind: SettingsKind = Field(description="Kind of document.")
    specs: list[Text] = Field(
        default_factory=list, description="Files and folders with pilots and SLOs, relative to this file."
    )
    prometheus: PrometheusShape = Field(default_factory=PrometheusShape, description="The metric source.")
    evaluation: EvaluationShape = Field(default_factory=EvaluationShape, description="The schedule.")
    store: StoreShape = Field(default_factory=StoreShape, description="What must survive a restart.")
    web: WebShape = Field(default_factory=WebShape, description="Pages, API and /metrics.")
    alertmanager: AlertmanagerShape = Field(
        default_factory=AlertmanagerShape, description="Direct posting of alerts."
    )
    reports: ReportsShape = Field(default_factory=ReportsShape, description="Readiness reports.")
    logs: LogsShape = Field(default_factory=LogsShape, description="Log lines.")
