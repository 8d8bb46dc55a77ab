"""The rules that the chart installs are those that `slo-daemon rules` prints."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from slo_daemon.adapters.prometheus_rules import RuleOptions, rule_groups
from slo_daemon.core.alert import Links
from slo_daemon.demo.servers import find_binary
from tests.chart.rendering import needs_helm, objects, one

pytestmark = needs_helm
LINKS = {"prometheusRule.links.grafana": "https://g.example.org/", "prometheusRule.links.daemon": "https://d.example.org/",
         "prometheusRule.links.runbooks": "https://w.example.org/r"}  # fmt: skip


def groups(**values: str) -> list[dict[str, Any]]:
    given = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    found: list[dict[str, Any]] = one(objects("sidecar", *given), "PrometheusRule")["spec"]["groups"]
    return found


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({}, RuleOptions()),
        (LINKS, RuleOptions(links=Links("https://d.example.org", "", "https://w.example.org/r", "https://g.example.org"))),
        ({"config.web.external_url": "https://d.example.org"}, RuleOptions(links=Links("https://d.example.org", "", "docs/runbooks.md"))),
        ({"config.evaluation.interval": "1h30m"}, RuleOptions(evaluation_interval=5400)),
        ({"prometheusRule.evaluationInterval": "100s"}, RuleOptions(evaluation_interval=100)),
        ({"config.evaluation.interval": "15s", "prometheusRule.reportAge": "8d"}, RuleOptions(evaluation_interval=15, report_age=8 * 86400)),
    ],
    ids=["defaults", "links", "external_url", "interval", "interval of the rules", "report age"],
)  # fmt: skip
def test_the_rules_are_what_the_command_prints_with_the_same_options(
    values: dict[str, str], options: RuleOptions
) -> None:
    assert groups(**values) == rule_groups(options)["groups"]


def test_alerts_can_be_left_out_and_get_more_labels() -> None:
    found = one(objects("everything"), "PrometheusRule")["spec"]["groups"]
    wanted = rule_groups(RuleOptions())["groups"]
    names = [rule.get("alert") for group in found for rule in group["rules"]]
    assert names == [
        rule.get("alert")
        for group in wanted
        for rule in group["rules"]
        if rule.get("alert") != "SLOWindowDrift"
    ]
    for group in found:
        for rule in group["rules"]:
            assert ("alert" in rule) == ((rule.get("labels") or {}).get("daemon") == "search")
    assert ".invalid" not in yaml.safe_dump(found)


@pytest.mark.servers
@pytest.mark.parametrize("name", ["everything", "sidecar"])
def test_promtool_accepts_the_rules(tmp_path: Path, name: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(one(objects(name), "PrometheusRule")["spec"]))
    result = subprocess.run(
        [find_binary("promtool"), "check", "rules", file], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "SUCCESS" in result.stdout
