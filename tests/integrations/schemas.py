"""JSON Schemas of what our manifests use of other programs' kinds; any other key is an error."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
DURATION: Schema = {"type": "string", "pattern": r"^[0-9]+(s|m|h)$"}
LABELS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
HTTP: Schema = {"type": "string", "pattern": "^https?://[^/]+"}


def obj(required: str, **properties: Schema) -> Schema:
    names = required.split()
    assert set(names) <= set(properties)
    return {"type": "object", "additionalProperties": False, "required": names, "properties": properties}


def many(items: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": items}


def kind(api: str, name: str, spec: Schema) -> Schema:
    metadata = obj("name", name=TEXT, namespace=TEXT, annotations=LABELS, labels=LABELS)
    return obj(
        "apiVersion kind metadata spec",
        apiVersion={"const": api},
        kind={"const": name},
        metadata=metadata,
        spec=spec,
    )


ARGS = many(obj("name", name=TEXT, value=TEXT))
CONTAINER = obj("name image", name=TEXT, image=TEXT, command=many(TEXT), args=many(TEXT))


def pods(**more: Schema) -> Schema:
    return obj(
        "spec",
        metadata=obj("labels", labels=LABELS),
        spec=obj("containers", containers=many(CONTAINER), **more),
    )


PROVIDER = {
    "oneOf": [
        obj("web", web=obj(
            "url", url=HTTP, method={"enum": ["GET", "POST", "PUT"]}, timeoutSeconds=COUNT, jsonPath=TEXT,
            headers=many(obj("key value", key=TEXT, value=TEXT)), insecure={"type": "boolean"},
        )),
        obj("prometheus", prometheus=obj("address query", address=HTTP, query=TEXT, timeout=COUNT)),
    ]
}  # fmt: skip

ANALYSIS_TEMPLATE = kind("argoproj.io/v1alpha1", "AnalysisTemplate", obj(
    "metrics",
    args=ARGS,
    metrics=many(obj(
        "name provider", name=TEXT, interval=DURATION, initialDelay=DURATION, count=COUNT, failureLimit=COUNT,
        inconclusiveLimit=COUNT, consecutiveErrorLimit=COUNT, consecutiveSuccessLimit=COUNT, successCondition=TEXT,
        failureCondition=TEXT, provider=PROVIDER,
    )),
))  # fmt: skip

ANALYSIS = obj(
    "templates", templates=many(obj("templateName", templateName=TEXT)), args=ARGS,
    dryRun=many(obj("metricName", metricName=TEXT)),
)  # fmt: skip

ROLLOUT = kind("argoproj.io/v1alpha1", "Rollout", obj(
    "selector template strategy",
    replicas=COUNT,
    selector=obj("matchLabels", matchLabels=LABELS),
    template=pods(),
    strategy=obj("canary", canary=obj(
        "steps",
        analysis=ANALYSIS,
        steps=many({"oneOf": [
            obj("setWeight", setWeight={"type": "integer", "minimum": 0, "maximum": 100}),
            obj("analysis", analysis=ANALYSIS),
            obj("pause", pause=obj("", duration=DURATION)),
        ]}),
    )),
))  # fmt: skip

HOOKS = [
    "confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "post-rollout",
    "event", "rollback",
]  # fmt: skip

CANARY = kind("flagger.app/v1beta1", "Canary", obj(
    "targetRef service analysis",
    targetRef=obj("apiVersion kind name", apiVersion=TEXT, kind=TEXT, name=TEXT),
    service=obj("port", port=COUNT),
    analysis=obj(
        "interval threshold maxWeight stepWeight", interval=DURATION, threshold=COUNT, maxWeight=COUNT, stepWeight=COUNT,
        webhooks=many(obj(
            "name type url", name=TEXT, type={"enum": HOOKS}, url=HTTP, timeout=DURATION, metadata=LABELS, retries=COUNT,
        )),
        metrics=many(obj(
            "name templateRef thresholdRange", name=TEXT, interval=DURATION,
            templateRef=obj("name", name=TEXT, namespace=TEXT),
            thresholdRange=obj("", min={"type": "number"}, max={"type": "number"}),
        )),
    ),
))  # fmt: skip

METRIC_TEMPLATE = kind("flagger.app/v1beta1", "MetricTemplate", obj(
    "provider query", provider=obj("type address", type={"const": "prometheus"}, address=HTTP), query=TEXT,
))  # fmt: skip

JOB = kind("batch/v1", "Job", obj(
    "template", backoffLimit=COUNT, activeDeadlineSeconds=COUNT,
    template=pods(restartPolicy={"enum": ["Never", "OnFailure"]}),
))  # fmt: skip

WORKFLOW = obj(
    "name on jobs",
    name=TEXT,
    on={"type": "object"},
    jobs={"type": "object", "additionalProperties": obj(
        "runs-on steps",
        **{"runs-on": many(TEXT)},
        needs=TEXT,
        environment=TEXT,
        steps=many(obj("run", name=TEXT, run=TEXT, env=LABELS)),
    )},
)  # fmt: skip

BUCKET: Schema = {
    "type": "array", "prefixItems": [TEXT, {**COUNT, "type": "integer"}], "minItems": 2, "maxItems": 2,
}  # fmt: skip
FLAGD = obj(
    "$schema flags",
    **{"$schema": {"const": "https://flagd.dev/schema/v0/flags.json"}},
    flags={"type": "object", "additionalProperties": obj(
        "state variants defaultVariant",
        state={"enum": ["ENABLED", "DISABLED"]},
        variants={"type": "object", "additionalProperties": {"type": "boolean"}},
        defaultVariant=TEXT,
        targeting=obj("fractional", fractional={"type": "array", "prefixItems": [{"type": "object"}], "items": BUCKET}),
        metadata={"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
    )},
)  # fmt: skip

BY_KIND = {
    "AnalysisTemplate": ANALYSIS_TEMPLATE, "Rollout": ROLLOUT, "Canary": CANARY, "MetricTemplate": METRIC_TEMPLATE,
    "Job": JOB,
}  # fmt: skip
