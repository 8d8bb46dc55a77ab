"""The manifests keep up with the program, and name no field that their program does not have."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import promql_parser
import pytest
from typer.testing import CliRunner

from slo_daemon.adapters.gauges.table import FAMILIES
from slo_daemon.cli import app
from slo_daemon.core.pilot.gates import Gate
from slo_daemon.web.flagger_api import RULES
from slo_daemon.web.security import PUBLIC
from tests.documents import DOCS, codes, rows, text_of
from tests.integrations.argo import filled
from tests.integrations.manifests import FILES, FOLDER, documents, of_kind, texts
from tests.integrations.schemas import BY_KIND, FLAGD, HOOKS, WORKFLOW
from tests.web.test_access import ROUTES

EXAMPLE_ARGS = {"pilot": "ecommerce-semantic-search", "gate": "promote"}


def name_of(path: Path) -> str:
    return str(path.relative_to(FOLDER))


def schema_of(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    return {"flagd": FLAGD, "github-actions": WORKFLOW}.get(path.parent.name) or BY_KIND[document["kind"]]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_manifest_has_only_fields_that_its_program_knows(path: Path) -> None:
    for document in documents(path):
        schema = schema_of(path, document)
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)


def test_a_slip_in_a_field_is_found() -> None:
    (template,) = documents(FOLDER / "argo-rollouts" / "analysis-template-prometheus.yaml")
    template["spec"]["metrics"][0]["consecutiveErrorsLimit"] = 4
    with pytest.raises(jsonschema.ValidationError, match="consecutiveErrorsLimit"):
        jsonschema.validate(template, BY_KIND["AnalysisTemplate"])


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_address_of_ours_is_a_route(path: Path) -> None:
    ours = [t for d in documents(path) for t in texts(d) if t.startswith("http://slo-daemon.")]
    for text in ours:
        _, _, host, *parts = filled(text, EXAMPLE_ARGS).split("/", 3)
        assert host == "slo-daemon.monitoring:9750"
        if not parts:
            continue  # --url
        hits = [
            route for route in ROUTES if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", route[1]), f"/{parts[0]}")
        ]
        method = "POST" if parts[0].startswith("hooks") else "GET"
        assert [route for route in hits if route[0] == method and route in PUBLIC], text
        last = parts[0].rpartition("/")[2]
        assert last in ([*Gate] if "/gates/" in parts[0] else [*RULES]), text


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_query_is_promql_of_metrics_that_exist(path: Path) -> None:
    for document in documents(path):
        queries = [t for t in texts(document) if "pilot_" in t and "{" in t]
        for query in queries:
            promql_parser.parse(filled(query, EXAMPLE_ARGS))
            named = set(re.findall(r"\bpilot_\w+", query))
            assert named
            assert named <= set(FAMILIES)
            gates = re.findall(r'gate="([^"{]+)"', filled(query, EXAMPLE_ARGS))
            assert gates
            assert set(gates) <= set(Gate)


def test_every_type_of_webhook_that_flagger_has_is_served() -> None:
    assert set(HOOKS) == set(RULES)


def test_a_webhook_of_a_canary_is_sent_to_the_hook_of_its_type() -> None:
    for canary in of_kind("Canary"):
        for hook in canary["spec"]["analysis"]["webhooks"]:
            assert hook["url"].endswith(f"/{hook['type']}")


def test_a_gate_of_argo_has_no_count_because_inconclusive_measurements_count() -> None:
    for template in of_kind("AnalysisTemplate"):
        for metric in template["spec"]["metrics"]:
            assert "count" not in metric
            assert metric["failureLimit"] == 0
            assert "failureCondition" in metric
            assert "successCondition" in metric


def test_every_template_that_a_rollout_uses_is_there_with_its_arguments() -> None:
    templates = {t["metadata"]["name"]: t for t in of_kind("AnalysisTemplate")}
    for rollout in of_kind("Rollout"):
        canary = rollout["spec"]["strategy"]["canary"]
        used = [canary["analysis"], *(step["analysis"] for step in canary["steps"] if "analysis" in step)]
        for one in used:
            given = {arg["name"] for arg in one["args"]}
            for template in (templates[t["templateName"]] for t in one["templates"]):
                wanted = {arg["name"]: "value" in arg for arg in template["spec"]["args"]}
                assert {name for name, has_default in wanted.items() if not has_default} <= given
                names = [metric["name"] for metric in template["spec"]["metrics"]]
                for dry in one.get("dryRun", []):
                    assert any(re.fullmatch(dry["metricName"], name) for name in names)


def command_lines() -> list[list[str]]:
    """The gate as the Job and the workflow call it."""
    (job,) = of_kind("Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["slo-daemon"]
    (workflow,) = documents(FOLDER / "github-actions" / "deploy.yaml")
    lines = [step["run"].split() for one in workflow["jobs"].values() for step in one["steps"]]
    return [container["args"], *(line[1:] for line in lines if line[0] == "slo-daemon")]


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_a_command_in_a_manifest_is_understood(words: list[str]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"])

    assert result.exit_code == 0
    assert "--wait" in result.output
    wrong = CliRunner().invoke(app, [*words, "--wiat", "30m"])
    assert wrong.exit_code == 2


def test_the_job_may_run_longer_than_its_gate_waits() -> None:
    (job,) = of_kind("Job")
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["activeDeadlineSeconds"] > 30 * 60
    assert job["metadata"]["annotations"]["argocd.argoproj.io/hook"] == "PreSync"


def test_a_growing_share_moves_nobody_from_control_to_treatment() -> None:
    """Users are put on a line; whose share ends where is decided by the order of the list."""
    (document,) = documents(FOLDER / "flagd" / "search.flagd.json")
    (flag,) = document["flags"].values()
    small = flag["targeting"]["fractional"][1:]
    assert [variant for variant, _ in small] == ["treatment", "off", "control"]
    assert set(flag["variants"]) == {variant for variant, _ in small}
    large = [["treatment", 10], ["off", 80], ["control", 10]]

    def variant(share: float, buckets: list[Any]) -> str:
        reached = 0
        for name, weight in buckets:
            reached += weight
            if share * sum(w for _, w in buckets) < reached:
                return str(name)
        raise AssertionError

    moves = {(variant(n / 1000, small), variant(n / 1000, large)) for n in range(1000)}
    assert moves == {
        ("treatment", "treatment"), ("off", "treatment"), ("off", "off"), ("off", "control"), ("control", "control"),
    }  # fmt: skip


def test_the_page_of_flagger_has_the_table_of_statuses() -> None:
    told = {}
    for row in rows(text_of(DOCS / "integrations" / "flagger.md"), "hook"):
        cells = [cell.strip("*`") for cell in row[1:]]
        told |= dict.fromkeys(codes(row[0]), cells)
    known = {}
    for hook, r in RULES.items():
        statuses = (r.passed, r.inconclusive, r.failed, r.inconclusive, r.unknown, r.unreadable, r.broken)
        known[hook.value] = [r.gate.value if r.gate else "", *map(str, statuses)]

    assert told == known


def test_every_manifest_is_named_on_a_page() -> None:
    pages = "".join(text_of(page) for page in (DOCS / "integrations").glob("*.md"))
    assert [name_of(path) for path in FILES if f"config/integrations/{name_of(path)}" not in pages] == []
