"""The shipped alerting rules and the example configuration of Alertmanager, by the judgement of promtool and amtool."""

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from slo_daemon.adapters.gauges import FAMILIES, Kind
from slo_daemon.adapters.prometheus_rules import HELD, RuleOptions, rule_groups, rule_text
from slo_daemon.core.alert import PANELS, Links
from slo_daemon.core.pilot.alert_reports import OWN_LABEL, OWN_VALUE
from slo_daemon.demo.servers import find_binary

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "config" / "prometheus" / "slo-daemon.rules.yaml"
SCENARIOS = ROOT / "config" / "prometheus" / "tests" / "slo-daemon.test.yaml"
ALERTMANAGER = ROOT / "config" / "alertmanager" / "alertmanager.yaml"
RUNBOOKS = ROOT / "docs" / "runbooks.md"

_METRIC = re.compile(r"\b(?:slo|pilot|process)_[a-z_]+\b|\bslo:[a-z_:]+\b")
_NO_METRICS = {"slo_group"}  # labels


def rules(options: RuleOptions | None = None) -> Iterator[dict[str, Any]]:
    for group in rule_groups(options or RuleOptions())["groups"]:
        yield from group["rules"]


def alerts(options: RuleOptions | None = None) -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules(options) if "alert" in rule}


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [find_binary(program), *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


def run_scenarios(folder: Path, text: str, alert: str) -> subprocess.CompletedProcess[str]:
    """The shipped scenarios of one alert against another rule file."""
    scenarios = yaml.safe_load(SCENARIOS.read_text())
    scenarios["tests"] = [
        group
        for group in scenarios["tests"]
        if any(t["alertname"] == alert for t in group["alert_rule_test"])
    ]
    (folder / "tests").mkdir()
    (folder / RULES.name).write_text(text)
    file = folder / "tests" / SCENARIOS.name
    file.write_text(yaml.safe_dump(scenarios))
    return run("promtool", "test", "rules", file)


def test_the_committed_rules_are_what_the_builder_makes() -> None:
    assert RULES.read_text() == rule_text(RuleOptions())


@pytest.mark.servers
def test_promtool_accepts_the_rules_with_and_without_options(tmp_path: Path) -> None:
    links = Links(
        "https://slo.example.org", "https://grafana.example.org/d/slo?orgId=1", "https://wiki.example.org/r"
    )
    other = tmp_path / "other.yaml"
    other.write_text(rule_text(RuleOptions(interval=1, level_range=10, keep_firing_for=0, links=links)))

    for file in (RULES, other):
        result = run("promtool", "check", "rules", file)
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.servers
@pytest.mark.slow
def test_the_scenarios_hold() -> None:
    result = run("promtool", "test", "rules", SCENARIOS)

    assert result.returncode == 0, result.stdout + result.stderr


def without_hold(text: str) -> str:
    return re.sub(r"      or\n      slo:alert_level:held and on \(\) absent.*\n", "", text)


def across_groups(text: str) -> str:
    return text.replace(
        "max without (instance, job, pod, container, endpoint) (max_over_time",
        "max by (pilot, slo) (max_over_time",
    )


def whatever_the_source(text: str) -> str:
    return text.replace("        and on (instance, job) slo_daemon_source_up == 1\n", "")


def by_pod(text: str) -> str:
    return text.replace("(instance, job, pod, container, endpoint)", "(instance, job)")


def without_range(text: str) -> str:
    return text.replace("[3m]", "[15s]")


def whatever_was_seen(text: str) -> str:
    return re.sub(r"        unless ignoring \(window, state\) .*\n", "", text)


def only_when_complete(text: str) -> str:
    return re.sub(r"        or slo_error_budget_remaining_ratio <= 0 and .*\n", "", text)


def without_patience(text: str) -> str:
    return text.replace("    keep_firing_for: 1h\n", "")


def without_what_is_spent(text: str) -> str:
    return text.replace(
        "clamp_min(max by (pilot, slo) (1 - slo_error_budget_remaining_ratio), 1)", "1"
    ).replace("> on (pilot, slo)", ">")


def at_once(text: str) -> str:
    return re.sub(r"        and (slo_daemon_backfill_missing_chunks) >= \1 offset 2h\n", "", text)


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "alert"),
    [
        (without_hold, "SLOWarning"),
        (across_groups, "SLOCritical"),
        (whatever_the_source, "SLODataMissing"),
        (by_pod, "SLOWarning"),
        (without_range, "SLOWarning"),
        (whatever_was_seen, "SLOBudgetExhausted"),
        (only_when_complete, "SLOBudgetExhausted"),
        (without_patience, "SLOBudgetExhausted"),
        (without_what_is_spent, "SLOWindowDrift"),
        (at_once, "SLOBackfillStuck"),
    ],
)  # fmt: skip
def test_the_scenarios_notice_a_spoilt_rule(tmp_path: Path, spoil: Callable[[str], str], alert: str) -> None:
    text = RULES.read_text()
    assert spoil(text) != text

    result = run_scenarios(tmp_path, spoil(text), alert)

    assert result.returncode == 1
    assert f"alertname: {alert}," in result.stdout + result.stderr


def test_the_scenarios_speak_of_every_alert() -> None:
    told = {
        test["alertname"]
        for group in yaml.safe_load(SCENARIOS.read_text())["tests"]
        for test in group["alert_rule_test"]
    }

    assert told == set(alerts())


@pytest.mark.parametrize("file", [RULES, SCENARIOS], ids=lambda file: file.name)
def test_only_metrics_that_exist_are_used(file: Path) -> None:
    known = {HELD} | set(FAMILIES) | _NO_METRICS
    known |= {
        f"{n}_{end}"
        for n, f in FAMILIES.items()
        if f.kind is Kind.HISTOGRAM
        for end in ("sum", "count", "bucket")
    }
    used = {name for name in _METRIC.findall(file.read_text()) if not name.endswith("_")} - {OWN_LABEL}

    assert len(used) > 5
    assert used - known == set()


def test_every_alert_has_what_people_need() -> None:
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("warning", "critical") or name == "SLOWatchdog"
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        assert f"docs/runbooks.md#{name.lower()}" in rule["annotations"]["runbook_url"]


def test_no_label_holds_a_value() -> None:
    for rule in alerts().values():
        assert "query" not in str(rule["labels"])
        assert "$value |" not in str(rule["labels"])
        assert set(rule["labels"]) <= {"severity", "slo_group", OWN_LABEL}
        assert rule["labels"][OWN_LABEL] == OWN_VALUE


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    sections = re.split(r"^## ", RUNBOOKS.read_text(), flags=re.MULTILINE)[1:]
    by_alert = {
        section.split("\n", 1)[0]: section for section in sections if section.startswith(("SLO", "Pilot"))
    }

    assert set(by_alert) == set(alerts())
    for section in by_alert.values():
        for part in ("**Means.**", "**Look at.**", "**Do.**"):
            assert part in section


def test_links_lead_to_the_dashboard_the_report_and_the_runbook() -> None:
    links = Links(
        "https://slo.example.org/", "https://grafana.example.org/d/slo", "https://wiki.example.org/slo"
    )
    annotations = alerts(RuleOptions(links=links))["SLOCritical"]["annotations"]

    assert annotations["dashboard_url"] == (
        "https://grafana.example.org/d/slo?var-pilot={{ $labels.pilot }}&var-slo={{ $labels.slo }}"
    )
    assert (
        "https://slo.example.org/api/v1/pilots/{{ $labels.pilot }}/reports/latest"
        in annotations["report_url"]
    )
    assert "https://wiki.example.org/slo#slocritical" in annotations["runbook_url"]


def test_every_alert_leads_to_its_panel_once_the_grafana_is_known() -> None:
    linked = alerts(RuleOptions(links=Links(grafana="https://grafana.example.org")))
    assert set(linked) == set(PANELS)
    for name, rule in linked.items():
        url = rule["annotations"]["dashboard_url"]
        assert url.startswith(f"https://grafana.example.org/d/{PANELS[name].dashboard}?")
        assert url.endswith(f"viewPanel={PANELS[name].id}")
    slo = linked["SLODataMissing"]["annotations"]["dashboard_url"]
    assert "?var-pilot={{ $labels.pilot }}&var-slo={{ $labels.slo }}&" in slo
    trigger = linked["PilotTriggerBlind"]["annotations"]["dashboard_url"]
    assert "?var-pilot={{ $labels.pilot }}&viewPanel=" in trigger


def test_what_was_not_configured_is_not_linked() -> None:
    for rule in alerts(replace(RuleOptions(), links=Links())).values():
        assert not {"dashboard_url", "report_url"} & set(rule["annotations"])
        assert "#slo" not in rule["annotations"].get("runbook_url", "")


def test_the_rules_add_no_waiting_to_a_level() -> None:
    for name in ("SLOWarning", "SLOCritical"):
        assert "for" not in alerts()[name]
        assert "for" not in alerts(RuleOptions(keep_firing_for=0))[name]
        assert "keep_firing_for" not in alerts(RuleOptions(keep_firing_for=0))[name]


@pytest.mark.servers
def test_amtool_accepts_the_example_configuration() -> None:
    result = run("amtool", "check-config", ALERTMANAGER)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.servers
@pytest.mark.parametrize("name", sorted(alerts()))
def test_every_alert_is_routed_to_whom_it_concerns(name: str) -> None:
    severity = alerts()[name]["labels"]["severity"]
    receiver = {"critical": "pager", "warning": "chat", "none": "dead-mans-switch"}[severity]

    result = run(
        "amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", f"--verify.receivers={receiver}",
        f"alertname={name}", f"severity={severity}", "pilot=shop", "slo=availability",
    )  # fmt: skip

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.strip() == receiver
