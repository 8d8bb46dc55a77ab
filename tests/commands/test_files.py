"""`check`, `schema` and `rules`, and what every command does with wrong usage."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from slo_daemon import __version__
from slo_daemon.cli import app
from slo_daemon.demo.servers import find_binary

EXAMPLES = Path(__file__).parents[2] / "config" / "pilots"
BROKEN = """\
apiVersion: slo-daemon/v1
kind: Slos
metadata: {name: shop}
spec:
  slos:
    - name: availability
      sli: {ratio: {bad: 'r{code="500"', total: r}, as: good}
      objective: {at_least: 99.9%, critcal: 99.5%}
      window: 5
"""


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_shipped_examples_are_good() -> None:
    result = call("check", EXAMPLES)
    assert result.exit_code == 0
    assert "ok: 1 pilot, 11 SLOs in 2 files" in result.stdout


def test_every_problem_is_told_at_once_with_line_field_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(BROKEN)
    result = call("check", file)
    assert result.exit_code == 2
    for expected in ("shop.yaml:7:", "shop.yaml:8:", "shop.yaml:9:", "did you mean", "critical", "window"):
        assert expected in result.stdout
    assert "Traceback" not in result.output


def test_problems_as_json(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(BROKEN)
    found = json.loads(call("check", file, "--output", "json").stdout)
    assert found["ok"] is False
    assert {problem["line"] for problem in found["problems"]} >= {7, 8, 9}


@pytest.mark.parametrize("name", ["missing.yaml", "empty.yaml", "folder"])
def test_a_missing_or_empty_specification_is_an_error_and_not_no_slos(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "folder").mkdir()
    result = call("check", tmp_path / name)
    assert result.exit_code == 2
    assert name in result.stdout


def test_the_schema_is_json_and_the_rules_are_yaml() -> None:
    assert "$schema" in json.loads(call("schema").stdout)
    groups = yaml.safe_load(call("rules", "--dashboard", "http://grafana/d/x").stdout)["groups"]
    rules = {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}
    assert "http://grafana/d/x" in rules["SLOCritical"]["annotations"]["dashboard_url"]


def test_the_rules_come_as_an_object_of_the_prometheus_operator() -> None:
    wanted = (
        "--name",
        "slo",
        "--namespace",
        "monitoring",
        "--label",
        "release=kps",
        "--label",
        "example.org/team=",
    )
    text = call("rules", "--format", "prometheusrule", *wanted, "--runbooks", "https://wiki/r").stdout
    found = yaml.safe_load(text)
    assert (found["apiVersion"], found["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert found["metadata"] == {
        "name": "slo",
        "namespace": "monitoring",
        "labels": {"release": "kps", "example.org/team": ""},
    }
    assert found["spec"] == yaml.safe_load(call("rules", "--runbooks", "https://wiki/r").stdout)
    assert text.startswith("# Alerting rules for slo-daemon, for the Prometheus Operator.")
    asked = ("rules", "--format", "prometheusrule", *wanted, "--runbooks", "https://wiki/r")
    assert json.loads(call(*asked, "--output", "json").stdout) == found


def test_an_object_needs_no_more_than_the_format() -> None:
    assert yaml.safe_load(call("rules", "--format", "prometheusrule").stdout)["metadata"] == {
        "name": "slo-daemon"
    }


@pytest.mark.servers
def test_promtool_accepts_the_rules_of_the_object(tmp_path: Path) -> None:
    object_ = yaml.safe_load(call("rules", "--format", "prometheusrule").stdout)
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(object_["spec"]))
    result = subprocess.run(
        [find_binary("promtool"), "check", "rules", file], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "SUCCESS" in result.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--name", "x"), "add --format prometheusrule"),
        (("--format", "prometheusrule", "--name", "SLO Daemon"), "'SLO Daemon' cannot name an object"),
        (("--format", "prometheusrule", "--namespace", "a.b"), "'a.b' cannot name a namespace"),
        (("--format", "prometheusrule", "--label", "release"), "'release' is not KEY=VALUE"),
        (("--format", "prometheusrule", "--label", "a=1", "--label", "a=2"), "the label a is given twice"),
        (("--format", "prometheusrule", "--label", "-=1"), "'-' cannot name a label"),
        (("--format", "prometheusrule", "--label", "/a=1"), "'/a' cannot name a label"),
        (("--format", "prometheusrule", "--label", "a=two words"), "cannot be the value of label a"),
        (("--format", "prometheusrule", "--label", "a=" + 64 * "x"), "cannot be the value of label a"),
        (("--format", "helm"), "'helm' is not one of"),
    ],
)
def test_what_kubernetes_would_refuse_is_told_before(options: tuple[str, ...], said: str) -> None:
    result = call("rules", *options)
    assert result.exit_code == 2
    assert said in " ".join(re.sub("[│╭╮╰╯─]", " ", result.stderr).split())


def test_the_version_is_told() -> None:
    assert call("--version").stdout.strip() == f"slo-daemon {__version__}"


def test_wrong_usage_ends_with_2_and_no_traceback(tmp_path: Path) -> None:
    for arguments in (
        ["nonsense"],
        ["evaluate", "--at", "yesterday", "--spec", str(EXAMPLES)],
        ["check", "--colour"],
    ):
        result = call(*arguments)
        assert result.exit_code == 2, result.output
        assert "Traceback" not in result.output


def test_run_refuses_a_broken_specification_with_2(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(BROKEN)
    result = call("run", "--spec", file)
    assert result.exit_code == 2
    assert "shop.yaml:8:" in result.stderr
