"""What the chart renders, as committed; what it refuses, and how it says so."""

import json
import shutil
from pathlib import Path

import pytest

from tests.chart.made import CHART
from tests.chart.rendering import (
    GOLDEN,
    SETS,
    golden_text,
    helm,
    needs_helm,
    objects,
    objects_in,
    one,
    rendered,
    template,
    values_of,
)

pytestmark = needs_helm
MINIMAL = ("--values", str(values_of("minimal")))


@pytest.mark.parametrize("name", SETS)
def test_the_objects_are_those_that_are_committed(name: str) -> None:
    assert golden_text(name) == (GOLDEN / f"{name}.yaml").read_text(), "run: python -m tests.chart"


def test_no_golden_file_is_left_over() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(SETS)


@pytest.mark.parametrize("name", SETS)
def test_helm_finds_nothing_wrong(name: str) -> None:
    result = helm(
        "lint", "--strict", "--quiet", CHART, "--values", values_of(name), "--kube-version", "1.31.0"
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--set", "replicas=2"), "additional properties 'replicas' not allowed"),
        (("--set", "persistence.enabled=yes"), "at '/persistence/enabled': got string, want boolean"),
        (("--set", "image.digest=sha256:abc"), "at '/image/digest': 'sha256:abc' does not match pattern"),
        (
            ("--set", "config.prometheus.urll=x"),
            "at '/config/prometheus': additional properties 'urll' not allowed",
        ),
        (
            ("--set", "config.store.url=sqlite:///x"),
            "at '/config': additional properties 'store' not allowed",
        ),
        (("--set", "config.web.listen=:80"), "at '/config/web': additional properties 'listen' not allowed"),
        (("--set", "config.evaluation.interval=often"), "at '/config/evaluation/interval'"),
        (("--set", "pilots.x.kind=Pilot"), "at '/pilots/x': missing property 'apiVersion'"),
        (("--set", "tokens.create.root=x"), "at '/tokens/create': additional properties 'root' not allowed"),
        (
            ("--set", "prometheusRule.disabled={SLOWarming}"),
            "at '/prometheusRule/disabled/0': value must be one of",
        ),
        (
            ("--set-json", 'podLabels={"app.kubernetes.io/name": "x"}'),
            "invalid propertyName 'app.kubernetes.io/name'",
        ),
        (("--set", "prometheusRule.additionalRuleLabels.severity=page"), "invalid propertyName 'severity'"),
        (("--set", "existingConfig.configMap=a,existingConfig.secret=b"), "existingConfig: give either"),
        (("--set", "tokens.existingSecret=a"), "tokens.keys: say which key"),
        (("--set", "tokens.keys.admin=a"), "tokens.existingSecret, which is not given"),
        (("--set", "tokens.create.admin=a,tokens.existingSecret=b"), "tokens: give either existingSecret"),
        (
            ("--set", "prometheusAccess.ca.existingConfigMap=a,prometheusAccess.ca.existingSecret=b"),
            "prometheusAccess.ca: give either",
        ),
        (("--kube-version", "1.24.0"), "which is incompatible with Kubernetes v1.24.0"),
    ],
)
def test_wrong_values_are_refused_with_their_place(given: tuple[str, ...], said: str) -> None:
    result = template(*MINIMAL, *given)
    assert result.returncode != 0
    assert said in result.stderr


def test_without_pilots_it_says_what_to_give() -> None:
    """The daemon would refuse to start; so nothing is installed that cannot run."""
    result = template()
    assert result.returncode != 0
    assert "does not start without pilots or SLOs: give pilots (for example --set-file" in result.stderr


def test_all_that_is_wrong_is_told_at_once() -> None:
    said = template("--set", "existingConfig.configMap=a,existingConfig.secret=b,tokens.keys.admin=x").stderr
    assert "nothing to evaluate" in said
    assert "existingConfig" in said
    assert "tokens.keys" in said


def test_a_file_of_pilots_arrives_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "search.yaml"
    text = "# a comment\napiVersion: slo-daemon/v1\nkind: Pilot   # {{ not a template }}\n---\nkind: Slos\n"
    file.write_text(text)
    result = template("--set-file", f"pilots.search={file}")
    assert result.returncode == 0, result.stderr
    assert (
        one(objects_in(result.stdout), "ConfigMap", "-pilots")["data"]["search.yaml"].strip() == text.strip()
    )


def test_changed_settings_restart_the_pod_and_changed_pilots_do_not() -> None:
    def pod(*arguments: str) -> object:
        return one(objects("minimal", *arguments), "Deployment")["spec"]["template"]

    assert pod("--set", "config.evaluation.interval=30s") != pod()
    assert pod("--set", "pilots.shop=# other") == pod()
    changed = "--set", "tokens.create.admin=one"
    assert pod(*changed) != pod("--set", "tokens.create.admin=two")


def test_names_fit_and_two_releases_do_not_meet() -> None:
    for found in objects("everything", "--set", f"fullnameOverride={'x' * 80}"):
        longest = 253 if found["kind"] == "ConfigMap" else 63
        assert len(found["metadata"]["name"]) <= longest
    first, second = rendered("minimal"), rendered("minimal", (), "other")
    assert {(o["kind"], o["metadata"]["name"]) for o in objects_in(first)}.isdisjoint(
        (o["kind"], o["metadata"]["name"]) for o in objects_in(second)
    )


def test_a_label_that_is_given_twice_stands_once() -> None:
    given = "commonLabels.team=all,podLabels.team=pod,serviceMonitor.labels.team=monitor"
    found = objects("everything", "--set", given)
    assert one(found, "Deployment")["metadata"]["labels"]["team"] == "all"
    assert one(found, "Deployment")["spec"]["template"]["metadata"]["labels"]["team"] == "pod"
    assert one(found, "ServiceMonitor")["metadata"]["labels"]["team"] == "monitor"


@pytest.mark.parametrize("name", SETS)
def test_what_selects_the_pod_selects_no_other(name: str) -> None:
    found = objects(name)
    labels = one(found, "Deployment")["spec"]["template"]["metadata"]["labels"]
    test = one(found, "Pod")["metadata"]["labels"]
    selectors = [one(found, "Service")["spec"]["selector"]]
    selectors += [o["spec"]["podSelector"]["matchLabels"] for o in found if o["kind"] == "NetworkPolicy"]
    selectors += [
        o["spec"]["selector"]["matchLabels"]
        for o in found
        if o["kind"] in ("Deployment", "PodDisruptionBudget")
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not selector.items() <= test.items()
    monitors = [o["spec"]["selector"]["matchLabels"] for o in found if o["kind"] == "ServiceMonitor"]
    assert all(
        selector.items() <= one(found, "Service")["metadata"]["labels"].items() for selector in monitors
    )


def test_dashboards_arrive_as_they_are_but_for_the_address_that_people_reach_the_daemon_at() -> None:
    wanted = {
        file.name: file.read_text().replace("http://localhost:9750", "https://slo.example.org")
        for file in (CHART / "files" / "dashboards").glob("*.json")
    }
    assert all("https://slo.example.org" in text for text in wanted.values())
    found = [o for o in objects("everything") if o["metadata"]["name"].endswith("-dashboard")]
    assert {key: json.loads(text) for o in found for key, text in o["data"].items()} == {
        name: json.loads(text) for name, text in wanted.items()
    }
    assert all(o["metadata"]["labels"]["grafana_dashboard"] == "1" for o in found)


def notes(folder: Path, *arguments: str) -> str:
    """NOTES.txt as it is shown after an install; only an install in a real cluster prints it."""
    shutil.copytree(CHART, folder / "chart")
    text = (CHART / "templates" / "NOTES.txt").read_text()
    (folder / "chart" / "files" / "notes.txt").write_text(text)
    (folder / "chart" / "templates" / "notes.yaml").write_text(
        'kind: Notes\ntext: {{ tpl (.Files.Get "files/notes.txt") . | toJson }}\n'
    )
    result = helm("template", "slo", folder / "chart", "-n", "monitoring", "--kube-version", "1.31.0",
                  "--show-only", "templates/notes.yaml", *arguments)  # fmt: skip
    assert result.returncode == 0, result.stderr
    return str(objects_in(result.stdout)[0]["text"])


def test_the_notes_warn_of_what_is_dangerous(tmp_path: Path) -> None:
    quiet = notes(tmp_path / "quiet", *MINIMAL)
    assert "port-forward service/slo-slo-daemon 9750:9750" in quiet
    assert "http://prometheus-operated:9090" in quiet
    assert "WARNING" not in quiet
    loud = notes(
        tmp_path / "loud", *MINIMAL,
        "--set", "persistence.enabled=false,ingress.enabled=true,service.type=LoadBalancer,sidecar.enabled=true",
        "--set", "tokens.create.admin=x,prometheusRule.enabled=true",
    )  # fmt: skip
    assert "STATE IS LOST WITH EVERY RESTART" in loud
    for said in (
        "ingress.enabled",
        "LoadBalancer",
        "slo_daemon_pilot=1 in monitoring",
        "tokens.create",
        "SLODaemonDown fires",
    ):
        assert said in loud
    assert loud.count("WARNING") == 6
